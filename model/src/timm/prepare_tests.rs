//! Preparation: what comes where, with which value, and what is refused.

use proptest::prelude::*;
use uvid_exam::{Pixels, WindowFunction};

use super::*;
use crate::architecture::PreparedInput;
use crate::combine::{Combination, Combine};
use crate::timm::breast::Keep;
use crate::timm::{Average, Class, Family, Network, Pool, Recipe, ScoreFunction};

/// The recipe of the RSNA 2022 winner but for the breast box, which a detector found there.
pub(in crate::timm) fn recipe() -> Recipe {
    Recipe {
        members: vec!["fold.safetensors".into()],
        network: Network {
            family: Family::Convnext,
            depths: vec![3, 3, 27, 3],
            widths: vec![96, 192, 384, 768],
            pool: Pool::Mean,
        },
        preparation: preparation(),
        scores: ScoreFunction::Sigmoid,
        average: Average::Scores,
        classes: vec![Class { index: 0, name: "malignant".into() }],
        combine: Combine { breast: Combination::Mean, exam: Combination::Max },
    }
}

fn preparation() -> Preparation {
    Preparation {
        window: Brightness::File { tables: false, fallback: Fallback::MinMax },
        breast: Breast {
            work_size: 256,
            threshold: 0.05,
            share: [0.02, 0.9],
            border_share_max: 0.8,
            keep: Keep::Box { margin: 0 },
        },
        chest_wall: ChestWall::AsStored,
        canvas: [2048, 1024],
        filter: Filter::Bilinear,
        rounding: Rounding::Down,
        place: Place::Centre,
        white: 255.0,
        truncate: true,
        mean: [0.485, 0.456, 0.406].map(|m| m * 255.0).to_vec(),
        std: [0.229, 0.224, 0.225].map(|s| s * 255.0).to_vec(),
    }
}

impl Brightness {
    /// The image after step 1.
    fn shown(self, image: &Mammogram) -> Result<Vec<f32>, Refused> {
        let curve = self.curve_of(image)?;
        Ok(image.pixels.values().iter().map(|v| curve[usize::from(*v)] as f32).collect())
    }
}

#[test]
fn truncation_cuts_off_what_follows_the_point() {
    for v in [0.0f32, -0.0, 0.99, -0.99, 1.5, -1.5, 254.999, 8_388_607.5, 8_388_608.0, 3e9, -3e9, f32::INFINITY] {
        assert_eq!(truncated(v).to_bits(), v.trunc().to_bits(), "{v}");
    }
}

fn mammogram(rows: usize, columns: usize, pixel: impl Fn(usize, usize) -> u16) -> Mammogram {
    let values = (0..rows).flat_map(|r| (0..columns).map(move |c| (r, c))).map(|(r, c)| pixel(r, c)).collect();
    let uid = |text: &str| text.to_owned();
    Mammogram::of_pixels(
        (uid("1.1").parse().expect("uid"), uid("1.2").parse().expect("uid")),
        (uid("1.3").parse().expect("uid"), uid("1.4").parse().expect("uid")),
        Pixels::new(rows, columns, 0..=4095, false, values).expect("pixels"),
    )
}

/// A rectangle of rising brightness on air.
fn rectangle(b: Bounds) -> impl Fn(usize, usize) -> u16 {
    move |r, c| {
        let inside = (b.top..b.bottom).contains(&r) && (b.left..b.right).contains(&c);
        if inside { 1000 + (r * 31 + c * 17 + r * c) as u16 % 3000 } else { 0 }
    }
}

fn noise(r: usize, c: usize) -> u16 {
    ((r * 7919 + c * 104_729 + r * c * 31) % 4096) as u16
}

#[test]
fn the_winners_recipe_reads_and_is_sound() {
    let text = r#"
members = ["fold.safetensors"]
network = { family = "convnext", depths = [3, 3, 27, 3], widths = [96, 192, 384, 768] }
scores = "sigmoid"
average = "scores"
classes = [{ index = 0, name = "malignant" }]
combine = { breast = "mean", exam = "max" }

[preparation]
window = { file = { tables = false, fallback = "min-max" } }
chest_wall = "as-stored"
canvas = [2048, 1024]
filter = "bilinear"
rounding = "down"
place = "centre"
white = 255
truncate = true
mean = [123.675, 116.28, 103.53]
std = [58.395, 57.12, 57.375]

[preparation.breast]
work_size = 256
threshold = 0.05
share = [0.02, 0.9]
border_share_max = 0.8
keep = { box = { margin = 0 } }
"#;
    let read: Recipe = toml::from_str(text).expect("a recipe");
    read.check().expect("sound");
    let mut expected = recipe();
    for (read, expected) in read.preparation.mean.iter().zip(&expected.preparation.mean) {
        assert!((read - expected).abs() <= 1e-9);
    }
    expected.preparation.mean.clone_from(&read.preparation.mean);
    expected.preparation.std.clone_from(&read.preparation.std);
    assert_eq!(read, expected);
    let plain = text
        .replace("{ box = { margin = 0 } }", "\"whole\"")
        .replace("{ file = { tables = false, fallback = \"min-max\" } }", "\"none\"");
    let plain: Recipe = toml::from_str(&plain).expect("a recipe");
    assert_eq!((plain.preparation.window, plain.preparation.breast.keep), (Brightness::None, Keep::Whole));
    assert!(toml::from_str::<Recipe>(&text.replace("truncate", "truncated")).is_err());
    assert!(toml::from_str::<Recipe>(&text.replace("margin", "border")).is_err());
}

#[test]
fn numbers_without_meaning_are_refused() {
    let check = |change: fn(&mut Recipe), key: &str| {
        let mut recipe = recipe();
        change(&mut recipe);
        let error = recipe.check().expect_err(key).to_string();
        assert!(error.contains(key), "{error}");
    };
    check(|r| r.members.clear(), "members");
    check(|r| r.network.widths[0] = 0, "network");
    check(|r| r.network.depths.push(3), "network");
    check(|r| r.classes.push(r.classes[0].clone()), "classes");
    check(|r| r.preparation.breast.work_size = 1, "breast.work_size");
    check(|r| r.preparation.breast.threshold = f64::NAN, "breast.threshold");
    check(|r| r.preparation.breast.share = [0.9, 0.1], "breast.share");
    check(|r| r.preparation.breast.border_share_max = -0.1, "breast.border_share_max");
    check(|r| r.preparation.canvas = [2048, 0], "canvas");
    check(|r| r.preparation.white = 0.0, "white");
    check(|r| r.preparation.mean.truncate(2), "mean");
    check(|r| r.preparation.std[2] = 0.0, "std");
}

#[test]
fn windows_are_as_a_display_shows_them() {
    let image = mammogram(10, 10, |r, c| if c < 5 { 100 } else { 300 + 10 * r as u16 });
    let function =
        |center| Window::Function { center, width: 200.0, function: WindowFunction::LinearExact, explanation: None };
    let table = Window::Table { first: 0, bits: 8, entries: (0..=255).collect(), explanation: None };
    let check = |brightness: Brightness, windows: Vec<Window>, expected: Result<[f32; 2], Refused>| {
        let image = Mammogram { windows, ..image.clone() };
        let found = brightness.shown(&image).map(|p| [p[0], p[99]]);
        assert_eq!(found, expected, "{brightness:?}");
    };
    let file = |tables, fallback| Brightness::File { tables, fallback };
    check(Brightness::None, vec![], Ok([100.0 / 4095.0, 390.0 / 4095.0]));
    check(Brightness::MinMax, vec![], Ok([0.0, 1.0]));
    check(file(true, Fallback::Refuse), vec![table.clone(), function(300.0)], Ok([100.0 / 255.0, 1.0]));
    check(file(false, Fallback::Refuse), vec![table.clone(), function(300.0), function(0.0)], Ok([0.0, 0.95]));
    check(file(false, Fallback::Refuse), vec![table], Err(Refused::NoWindow));
    check(file(true, Fallback::None), vec![], Ok([100.0 / 4095.0, 390.0 / 4095.0]));
    check(file(true, Fallback::MinMax), vec![], Ok([0.0, 1.0]));
    check(file(true, Fallback::MinMax), vec![function(-500.0)], Err(Refused::NoContrast));

    let padded = Mammogram { padding: Some(100..=100), ..image };
    let picture = Brightness::MinMax.shown(&padded).expect("contrast");
    assert_eq!([picture[0], picture[5], picture[99]], [0.0, 0.0, 1.0]);
}

#[test]
fn what_shows_no_breast_is_refused() {
    let disc = |r: usize, c: usize| (r as i64 - 200).pow(2) + (c as i64).pow(2) < 150 * 150;
    let check = |what: &str, size: (usize, usize), pixel: &dyn Fn(usize, usize) -> u16| {
        let image = mammogram(size.0, size.1, pixel);
        for window in [Brightness::None, Brightness::MinMax] {
            for keep in [Keep::Whole, Keep::Box { margin: 10 }] {
                let recipe = Preparation {
                    window,
                    breast: Breast { keep, ..preparation().breast },
                    canvas: [64, 32],
                    ..preparation()
                };
                let reason = recipe.apply(&image).expect_err(what).reason(Slot::LeftCc);
                assert_eq!(reason.code(), "no-breast-found", "{what}");
            }
        }
    };
    for value in [0, 100, 4095] {
        check("a constant image", (400, 300), &|_, _| value);
        check("one pixel", (1, 1), &|_, _| value);
    }
    check("noise", (400, 300), &noise);
    check("noise, large", (1500, 1100), &noise);
    check("one bright pixel", (400, 300), &|r, c| if (r, c) == (200, 100) { 4095 } else { 0 });
    check("a marker alone", (400, 300), &|r, c| u16::from((20..40).contains(&r) && (20..40).contains(&c)) * 4095);
    check("an inverted image", (400, 300), &|r, c| if disc(r, c) { 1000 + noise(r, c) % 500 } else { 4095 });
    check("a stripe", (3, 20_000), &|_, c| if c < 19_999 { 4000 } else { 0 });
}

#[test]
fn a_box_from_a_small_picture_is_off_by_less_than_its_cells() {
    let b = Bounds { top: 333, bottom: 777, left: 0, right: 301 };
    let image = mammogram(1000, 700, rectangle(b));
    for work_size in [1000, 256, 100, 50] {
        let breast = Breast { work_size, ..preparation().breast };
        let recipe = Preparation { window: Brightness::None, breast, canvas: [64, 64], ..preparation() };
        let found = recipe.apply(&image).expect("a breast").bounds;
        let cell = 1000usize.div_ceil(work_size);
        let near = |a: usize, b: usize| a.abs_diff(b) < cell;
        let edges = [(found.top, b.top), (found.bottom, b.bottom), (found.left, b.left), (found.right, b.right)];
        assert!(edges.iter().all(|(a, b)| near(*a, *b)), "{work_size}: {found:?}");
    }
}

#[test]
fn values_are_whole_where_the_recipe_says_so() {
    let image = mammogram(100, 50, rectangle(Bounds { top: 10, bottom: 90, left: 0, right: 30 }));
    let recipe = Preparation { canvas: [64, 64], ..preparation() };
    let whole = recipe.apply(&image).expect("a breast");
    let exact = Preparation { truncate: false, ..recipe.clone() }.apply(&image).expect("a breast");
    assert!(whole.values.iter().zip(&exact.values).all(|(w, e)| *w == e.floor()));
    assert!(exact.values.iter().any(|v| *v != v.floor()));
    let channels = recipe.channels(&whole.values);
    assert_eq!(channels.len(), 3 * 64 * 64);
    let (v, i) = (whole.values[32 * 64 + 32], 2 * 64 * 64 + 32 * 64 + 32);
    assert!((f64::from(channels[i]) - (f64::from(v) - 0.406 * 255.0) / (0.225 * 255.0)).abs() <= 1e-6);
}

/// A rectangle in an image, far enough from filling it or its border.
fn placed() -> impl Strategy<Value = (usize, usize, Bounds)> {
    (60usize..160, 60usize..160).prop_flat_map(|(rows, columns)| {
        let side = |n: usize| (0..n / 4, n * 2 / 5..n * 3 / 5);
        let ((tops, heights), (lefts, widths)) = (side(rows), side(columns));
        (tops, heights, lefts, widths).prop_map(move |(top, height, left, width)| {
            (rows, columns, Bounds { top, bottom: top + height, left, right: left + width })
        })
    })
}

fn choices() -> impl Strategy<Value = Preparation> {
    let filter = prop_oneof![Just(Filter::Area), Just(Filter::Bilinear)];
    let rounding = prop_oneof![Just(Rounding::Nearest), Just(Rounding::Down)];
    let place = prop_oneof![Just(Place::TopLeft), Just(Place::Centre)];
    let wall = prop_oneof![Just(ChestWall::AsStored), Just(ChestWall::Left), Just(ChestWall::Right)];
    (filter, rounding, place, wall, 32usize..120, 32usize..120, 0usize..20).prop_map(
        |(filter, rounding, place, chest_wall, rows, columns, margin)| Preparation {
            window: Brightness::None,
            breast: Breast { keep: Keep::Box { margin }, ..preparation().breast },
            canvas: [rows, columns],
            truncate: false,
            filter,
            rounding,
            place,
            chest_wall,
            ..preparation()
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_rectangle_ends_inside_the_canvas((rows, columns, b) in placed(), recipe in choices()) {
        let input = recipe.apply(&mammogram(rows, columns, rectangle(b))).expect("a breast");
        let Keep::Box { margin } = recipe.breast.keep else { unreachable!("choices") };
        let expected = Bounds {
            top: b.top.saturating_sub(margin),
            bottom: (b.bottom + margin).min(rows),
            left: b.left.saturating_sub(margin),
            right: (b.right + margin).min(columns),
        };
        prop_assert_eq!(input.bounds, expected);
        let ((top, left), (height, width)) = (input.place, input.size);
        prop_assert!(top + height <= recipe.canvas[0] && left + width <= recipe.canvas[1]);

        // One side fills the canvas; the other keeps the aspect to half a pixel, or to one where sizes go down.
        let (h, w) = ((expected.bottom - expected.top) as f64, (expected.right - expected.left) as f64);
        let scale = (recipe.canvas[0] as f64 / h).min(recipe.canvas[1] as f64 / w);
        let off = (height as f64 - h * scale).abs().max((width as f64 - w * scale).abs());
        let allowed = if recipe.rounding == Rounding::Nearest { 0.5 } else { 1.0 };
        prop_assert!(off <= allowed + 1e-9, "{off}");

        // All around there is nothing.
        let inside = |i: usize| {
            let (r, c) = (i / recipe.canvas[1], i % recipe.canvas[1]);
            (top..top + height).contains(&r) && (left..left + width).contains(&c)
        };
        prop_assert!(input.values.iter().enumerate().all(|(i, v)| inside(i) || *v == 0.0));

        // The corners lead back to those of the box.
        let (right, left) = ((left + width) as f64, left as f64);
        let first = input.to_image.apply(top as f64, left);
        let last = input.to_image.apply((top + height) as f64, right);
        let (mut x0, mut x1) = (expected.left as f64, expected.right as f64);
        if input.mirrored {
            std::mem::swap(&mut x0, &mut x1);
        }
        for (found, expected) in [
            (first, (expected.top as f64, x0)),
            (last, (expected.bottom as f64, x1)),
        ] {
            prop_assert!((found.0 - expected.0).abs() <= 1e-9 && (found.1 - expected.1).abs() <= 1e-9);
        }
    }

    #[test]
    fn a_mirrored_image_gives_the_same_or_the_mirrored_input((rows, columns, b) in placed(), recipe in choices()) {
        prop_assume!(b.left + b.right != columns);
        let pixel = rectangle(b);
        let one = recipe.apply(&mammogram(rows, columns, &pixel)).expect("a breast");
        let other = recipe.apply(&mammogram(rows, columns, |r, c| pixel(r, columns - 1 - c))).expect("a breast");
        prop_assert_eq!(one.size, other.size);
        if recipe.chest_wall != ChestWall::AsStored {
            prop_assert!(one.mirrored != other.mirrored);
            prop_assert_eq!(&one.values, &other.values);
            return Ok(());
        }
        // Bilinear weights and areas are the same from either side up to rounding.
        let (width, columns_of) = (one.size.1, recipe.canvas[1]);
        for r in 0..one.size.0 {
            let row = |input: &Input| {
                let start = (input.place.0 + r) * columns_of + input.place.1;
                input.values[start..start + width].to_vec()
            };
            let reversed: Vec<f32> = row(&other).into_iter().rev().collect();
            for (a, b) in row(&one).iter().zip(&reversed) {
                prop_assert!((a - b).abs() <= 1e-3, "{a} {b}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_left_to_the_device_is_what_is_computed_here(
        (rows, columns, b) in placed(), recipe in choices(), cells in [1usize..40, 1usize..40], window in any::<bool>(),
        truncate in any::<bool>(),
    ) {
        let file = Brightness::File { tables: false, fallback: Fallback::None };
        let recipe = Preparation { truncate, window: if window { file } else { Brightness::None }, ..recipe };
        let mut image = mammogram(rows, columns, rectangle(b));
        if window {
            let function = WindowFunction::Sigmoid;
            image.windows = vec![Window::Function { center: 900.0, width: 700.0, function, explanation: None }];
        }
        let Ok(input) = recipe.apply(&image) else { return Ok(()) };
        let (PreparedInput::Deferred(left), to_image) = recipe.input(&image, true).expect("a breast") else {
            panic!("left to the device");
        };
        let bits = |values: &[f32]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        prop_assert_eq!(bits(left.values()), bits(&recipe.channels(&input.values)));
        prop_assert_eq!(to_image, input.to_image);
        let size = (recipe.canvas[0], recipe.canvas[1]);
        let shown = crate::timm::shown(&input.values, size, cells[0], cells[1]);
        prop_assert_eq!(left.preparation().shown(cells), Some(shown));
        prop_assert_eq!(recipe.input(&image, false).expect("a breast").0, PreparedInput::Values(input.values));
    }
}
