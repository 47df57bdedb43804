//! The pictures.
#![allow(clippy::expect_used, reason = "a test that cannot go on fails")]

use std::time::Instant;

use proptest::prelude::*;
use sha2::{Digest, Sha256};
use uvid_exam::{Intent, Laterality, Side, View};

use super::*;

pub(super) fn lesion(
    kind: LesionKind,
    laterality: Laterality,
    at: (f64, f64, f64),
    diameter_mm: f64,
    contrast: f64,
) -> Lesion {
    let position = Position { depth: at.0, lateral: at.1, superior: at.2 };
    Lesion { kind, laterality, position, diameter_mm, contrast }
}

pub(super) fn with_lesions(spec: Spec) -> Spec {
    let lesions = vec![
        lesion(LesionKind::SpiculatedMass, Laterality::Left, (0.55, 0.35, 0.3), 16.0, 0.9),
        lesion(LesionKind::Mass, Laterality::Right, (0.5, -0.4, -0.2), 14.0, 0.7),
        lesion(LesionKind::Calcifications, Laterality::Right, (0.6, 0.3, 0.4), 12.0, 1.0),
    ];
    Spec { lesions, ..spec }
}

/// For display: 8 bits, larger is brighter.
fn grey(spec: &Spec, slot: Slot) -> image::GrayImage {
    let drawn = super::image(spec, slot).expect("a phantom");
    let max = spec.style.max();
    let mono1 = spec.style.photometric == Photometric::Monochrome1;
    let bytes = drawn.pixels.iter().map(|&p| {
        let p = if mono1 { max - p } else { p };
        (u32::from(p) * 255 / u32::from(max)) as u8
    });
    image::GrayImage::from_raw(spec.columns as u32, spec.rows as u32, bytes.collect()).expect("as large as its pixels")
}

fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect()
}

#[test]
fn the_bytes_are_those_of_every_other_machine() {
    // Whoever changes the drawing on purpose pins the new digests; on another machine they may not differ.
    let spec = with_lesions(Spec::small(1));
    let check = |spec: &Spec, expected: &str| {
        let all: Vec<u8> = exam(spec).expect("a phantom").into_iter().flat_map(|f| f.bytes).collect();
        assert_eq!(digest(&all), expected, "{spec:?}");
    };
    check(&spec, "6da86bff9c4b0597227d0d6b92989e3fbe2186f1e5b98c948435e7b6244459e9");
    check(
        &Spec { style: Style::beta(), transfer_syntax: TransferSyntax::Deflated, ..spec.clone() },
        "15a1b05243f68c07fbbd85cffca9a2534f2d1a8c9834ea7d240a632219ec2c33",
    );
    check(
        &Spec { style: Style::gama(), transfer_syntax: TransferSyntax::JpegLossless, ..spec },
        "454f005ed85703d27db534a89593ac8bc5690f238d69d8262875c22dd398f384",
    );
}

#[test]
fn another_seed_is_another_woman() {
    let files = |seed| exam(&Spec::small(seed)).expect("a phantom");
    assert_eq!(files(3), files(3));
    for (a, b) in files(3).iter().zip(files(4)) {
        assert_ne!(a.bytes, b.bytes);
        assert_ne!(a.truth.breast, b.truth.breast);
    }
}

#[test]
fn a_repeat_is_the_same_breast_under_other_noise() {
    let spec = Spec::small(3);
    let first = super::image(&spec, Slot::LeftCc).expect("a phantom");
    let again = super::image(&Spec { repeat: 1, ..spec }, Slot::LeftCc).expect("a phantom");
    assert_eq!(first.truth, again.truth);
    assert_ne!(first.pixels, again.pixels);
}

#[test]
fn density_is_what_was_asked_for() {
    for slot in Slot::ALL {
        let mut before = -1.0;
        for tenth in 0..=10u32 {
            let density = f64::from(tenth) / 10.0;
            let realised =
                super::image(&Spec { density, ..Spec::small(5) }, slot).expect("a phantom").truth.dense_fraction;
            assert!(realised > before, "{slot}: {realised} after {before}");
            assert!((realised - density).abs() < 0.01, "{slot}: {realised} for {density}");
            before = realised;
        }
    }
}

#[test]
fn lesions_lie_in_the_breast_and_are_seen() {
    let without = Spec { markers: false, ..Spec::small(6) };
    let with = with_lesions(without.clone());
    for slot in Slot::ALL {
        let (plain, image) = (super::image(&without, slot).expect("ok"), super::image(&with, slot).expect("ok"));
        let expected: Vec<Lesion> =
            with.lesions.iter().copied().filter(|l| l.laterality == slot.laterality()).collect();
        assert_eq!(image.truth.lesions.iter().map(|l| l.lesion).collect::<Vec<_>>(), expected);
        for truth in &image.truth.lesions {
            assert!(truth.mask.area() > 0 && truth.mask.pixels().all(|(r, c)| image.truth.breast.contains(r, c)));
            assert!(truth.mask.contains(truth.center.0 as usize, truth.center.1 as usize), "{slot} {truth:?}");
            let sum = |pixels: &[u16]| -> u64 {
                truth.mask.pixels().map(|(r, c)| u64::from(pixels[r * with.columns + c])).sum()
            };
            assert!(sum(&image.pixels) > sum(&plain.pixels), "{slot} {:?}", truth.lesion.kind);
            // The outline goes round the mask.
            let rows = truth.outline.iter().map(|p| p.0);
            let (top, bottom) = (rows.clone().fold(f64::MAX, f64::min), rows.fold(f64::MIN, f64::max));
            assert!(truth.mask.pixels().all(|(r, _)| r as f64 + 1.5 >= top && r as f64 <= bottom + 0.5));
        }
    }
}

#[test]
fn both_breasts_are_of_one_woman() {
    for seed in 0..12 {
        let area = |slot| super::image(&Spec::small(seed), slot).expect("a phantom").truth.breast.area() as f64;
        let ratio = area(Slot::LeftCc) / area(Slot::RightCc);
        assert!((0.85..1.18).contains(&ratio), "seed {seed}: {ratio}");
        let ratio = area(Slot::LeftMlo) / area(Slot::RightMlo);
        assert!((0.8..1.25).contains(&ratio), "seed {seed}: {ratio}");
    }
}

#[test]
fn the_chest_wall_is_where_the_truth_says() {
    for slot in Slot::ALL {
        let spec = Spec::small(2);
        let truth = super::image(&spec, slot).expect("a phantom").truth;
        let half = |c: usize| if c < spec.columns / 2 { Side::Left } else { Side::Right };
        let at_wall = truth.breast.pixels().filter(|&(_, c)| half(c) == truth.chest_wall).count();
        assert!(at_wall * 2 > truth.breast.area(), "{slot}");
        let expected = if slot.laterality() == Laterality::Left { Side::Left } else { Side::Right };
        assert_eq!(truth.chest_wall, expected);
        assert_eq!(truth.pectoral.area() > 0, slot.view() == View::MedioLateralOblique, "{slot}");
        let (row, column) = (truth.nipple.0 as usize, truth.nipple.1 as usize);
        let near = |d: i64| truth.breast.contains(row, (column as i64 + d) as usize);
        assert!((-4..=4).any(near), "{slot}: the nipple is at the breast's edge");
    }
}

#[test]
fn monochrome1_is_the_inversion() {
    for intent in [Intent::ForPresentation, Intent::ForProcessing] {
        let dark = Style { photometric: Photometric::Monochrome1, ..Style::gama() };
        let spec = |style| Spec { style, intent, paddle_edge: true, ..Spec::small(11) };
        let bright = super::image(&spec(Style::gama()), Slot::RightMlo).expect("a phantom").pixels;
        let dark = super::image(&spec(dark), Slot::RightMlo).expect("a phantom").pixels;
        assert!(bright.iter().zip(&dark).all(|(b, d)| b + d == 4095));
    }
}

#[test]
fn implants_are_bright() {
    let mean = |implants| {
        let image = super::image(&Spec { implants, ..Spec::small(12) }, Slot::LeftCc).expect("a phantom");
        image.pixels.iter().map(|p| u64::from(*p)).sum::<u64>()
    };
    assert!(mean(Implants::Present) > mean(Implants::Absent));
    assert_eq!(mean(Implants::Displaced), mean(Implants::Absent));
}

#[test]
fn what_cannot_be_drawn_is_refused() {
    let check = |spec: Spec| {
        assert!(exam(&spec).is_err(), "{spec:?}");
    };
    let small = Spec::small(1);
    check(Spec { rows: 31, ..small.clone() });
    check(Spec { rows: 65536, ..small.clone() });
    check(Spec { rows: 65535, columns: 65535, ..small.clone() });
    check(Spec { density: f64::NAN, ..small.clone() });
    check(Spec { density: 1.1, ..small.clone() });
    check(Spec { spacing_mm: 0.0, ..small.clone() });
    check(Spec { style: Style { bits_stored: 17, ..Style::alfa() }, ..small.clone() });
    check(Spec { study_time: "25:00".into(), ..small.clone() });
    check(Spec { study_time: "250000".into(), ..small.clone() });
    check(Spec {
        lesions: vec![lesion(LesionKind::Mass, Laterality::Left, (2.0, 0.0, 0.0), 9.0, 1.0)],
        ..small.clone()
    });
    let patient = PhantomPatient { character_set: "ISO_IR 100".into(), ..PhantomPatient::default() };
    check(Spec { patient, ..small });
}

/// Any look, lesions anywhere.
fn specs() -> impl Strategy<Value = Spec> {
    let sizes = (48usize..260, 64usize..200).prop_map(|(rows, columns)| (rows, columns));
    let long = (Just(33usize), 300usize..900).prop_map(|(a, b)| (a, b));
    let tall = (300usize..900, Just(34usize)).prop_map(|(a, b)| (a, b));
    let sizes = prop_oneof![4 => sizes, 1 => long, 1 => tall];
    let places = (0.0..=1.0f64, -1.0..=1.0f64, -1.0..=1.0f64);
    let kinds = prop_oneof![Just(LesionKind::Mass), Just(LesionKind::SpiculatedMass), Just(LesionKind::Calcifications)];
    let lesions = proptest::collection::vec((kinds, any::<bool>(), places, 0.1..100.0f64, 0.0..2.0f64), 0..4);
    let flags = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
    (any::<u64>(), sizes, 0.05..3.0f64, 0usize..5, 0.0..=1.0f64, lesions, flags).prop_map(
        |(seed, (rows, columns), spacing_mm, style, density, lesions, (paddle_edge, markers, raw, implants))| Spec {
            seed,
            rows,
            columns,
            spacing_mm,
            style: Style::all()[style].clone(),
            density,
            lesions: lesions
                .into_iter()
                .map(|(k, left, at, d, c)| lesion(k, if left { Laterality::Left } else { Laterality::Right }, at, d, c))
                .collect(),
            implants: if implants { Implants::Present } else { Implants::Absent },
            paddle_edge,
            markers,
            intent: if raw { Intent::ForProcessing } else { Intent::ForPresentation },
            ..Spec::default()
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn air_is_zero_and_the_breast_is_not(spec in specs()) {
        let bright = Spec { style: Style { photometric: Photometric::Monochrome2, ..spec.style.clone() }, ..spec };
        for slot in Slot::ALL {
            let PhantomImage { pixels, truth } = super::image(&bright, slot).expect("a phantom");
            prop_assert!(truth.breast.area() > 0);
            for (i, &pixel) in pixels.iter().enumerate() {
                let (row, column) = (i / bright.columns, i % bright.columns);
                prop_assert!(pixel <= bright.style.max());
                if !truth.foreign.contains(row, column) {
                    prop_assert_eq!(pixel > 0, truth.breast.contains(row, column), "{} {} {}", slot, row, column);
                }
            }
            for lesion in &truth.lesions {
                prop_assert!(lesion.mask.area() > 0);
                prop_assert!(lesion.mask.pixels().all(|(r, c)| truth.breast.contains(r, c)));
            }
        }
    }
}

/// Four densities, then what else there is: for processing, implants, a spiculated mass and calcifications.
#[test]
#[ignore = "draws /tmp/phantom_montage.png, for a person to look at"]
fn montage() {
    let base = with_lesions(Spec::default());
    let hanging = [Slot::RightCc, Slot::LeftCc, Slot::RightMlo, Slot::LeftMlo];
    let mut tiles = Vec::new();
    for (seed, density) in [(1, 0.12), (2, 0.35), (3, 0.6), (5, 0.85)] {
        tiles.extend(hanging.map(|slot| grey(&Spec { seed, density, ..base.clone() }, slot)));
    }
    let seed = 2;
    tiles.push(grey(&Spec { seed, intent: Intent::ForProcessing, ..base.clone() }, Slot::RightMlo));
    tiles.push(grey(&Spec { seed, implants: Implants::Present, paddle_edge: true, ..base.clone() }, Slot::LeftMlo));
    for (slot, k) in [(Slot::LeftCc, 0), (Slot::RightCc, 1)] {
        let spec = Spec { seed, density: 0.12, ..base.clone() };
        let truth = super::image(&spec, slot).expect("a phantom").truth;
        let (row, column) = truth.lesions[k].center;
        let whole = grey(&spec, slot);
        tiles.push(image::imageops::crop_imm(&whole, column as u32 - 250, row as u32 - 300, 500, 600).to_image());
    }
    let (height, width) = (600, 500);
    let mut all = image::GrayImage::new(width * 4, height * tiles.len() as u32 / 4);
    for (k, tile) in (0u32..).zip(&tiles) {
        let small = image::imageops::resize(tile, width, height, image::imageops::FilterType::Triangle);
        image::imageops::replace(&mut all, &small, i64::from(k % 4 * width), i64::from(k / 4 * height));
    }
    all.save("/tmp/phantom_montage.png").expect("saved");
}

#[test]
#[ignore = "measures; run with --nocapture"]
fn timings() {
    for (rows, columns, spacing_mm) in [(2294, 1914, 0.1), (2560, 2048, 0.085), (3328, 2560, 0.07), (4096, 3328, 0.065)]
    {
        let spec = with_lesions(Spec { rows, columns, spacing_mm, ..Spec::default() });
        let start = Instant::now();
        let drawn = super::image(&spec, Slot::LeftMlo).expect("a phantom");
        let drawing = start.elapsed();
        print!("{rows} x {columns}: drawn in {drawing:.2?}; written in");
        for transfer_syntax in TransferSyntax::ALL {
            let wrap = wrap_of(&Spec { transfer_syntax, ..spec.clone() }, Slot::LeftMlo).expect("valid");
            let start = Instant::now();
            let bytes = encode(&drawn.pixels, &wrap).expect("written");
            print!(" {transfer_syntax:?} {:.2?} ({} kB)", start.elapsed(), bytes.len() / 1000);
        }
        println!();
    }
}
