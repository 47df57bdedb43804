//! How long each recipe takes from a decoded image to what its network sees, step by step.
//!
//!     cargo bench -p uvid-model --bench prepare                  all
//!     cargo bench -p uvid-model --bench prepare -- gmic 4096     what has all of these words in its name
//!     cargo bench -p uvid-model --bench prepare -- --rounds 5    fewer rounds (default 15)
//!
//! Milliseconds, the median and the least of the rounds: of a step what the processor spent on its one thread, so that a
//! busy machine shows less; of an `exam`, four images on all threads, what passed. Results are made anew, their memory
//! included.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a benchmark that cannot go on stops")]

use std::hint::black_box;
use std::time::Instant;

use rayon::prelude::*;
use uvid_exam::{Mammogram, Pixels, Slot};
use uvid_model::mirai::aggregator::{AggregatorRecipe, Pool};
use uvid_model::mirai::decode::{Route, decode};
use uvid_model::mirai::resize::resize;
use uvid_model::mirai::risk_factors::RiskFactorSource;
use uvid_model::nyu_window::{AboveAir, Breast as Found, CropRecipe, best_centre, deferred, find, locate, place};
use uvid_model::timm::{Breast, Brightness, ChestWall, Fallback, Filter, Keep, Place, Preparation, Rounding};
use uvid_model::{Package, density, mirai};

const SLOT: Slot = Slot::RightMlo;
const CROP: CropRecipe = CropRecipe { iterations: 100, buffer: 50, search_divisor: 3, air_share_min: 0.01 };

fn main() {
    let mut words: Vec<String> = std::env::args().skip(1).collect();
    // `cargo test --benches` runs this too, without `--bench`: nothing to test.
    let Some(at) = words.iter().position(|w| w == "--bench") else { return };
    words.remove(at);
    let mut rounds = 15;
    if let Some(at) = words.iter().position(|w| w == "--rounds") {
        rounds = words.get(at + 1).and_then(|n| n.parse().ok()).expect("--rounds takes a number");
        words.drain(at..at + 2);
    }
    println!("| recipe | image | step | median | least |\n|---|---|---|--:|--:|");
    for (size, image) in images() {
        for recipe in [gmic, nyu_bcc, mirai, timm, density] {
            recipe(&Bench { size: &size, image: &image, rounds, words: &words });
        }
    }
}

/// One image, measured.
struct Bench<'a> {
    size: &'a str,
    image: &'a Mammogram,
    rounds: usize,
    words: &'a [String],
}

impl Bench<'_> {
    fn step<T>(&self, recipe: &str, step: &str, work: impl Fn() -> T) {
        let start = Instant::now();
        let on_cpu = || on_cpu().unwrap_or_else(|| start.elapsed().as_secs_f64() * 1e3);
        self.measure(recipe, step, on_cpu, work);
    }

    fn measure<T>(&self, recipe: &str, step: &str, clock: impl Fn() -> f64, work: impl Fn() -> T) {
        let name = format!("{recipe} | {} | {step}", self.size);
        if !self.words.iter().all(|w| name.contains(w.as_str())) {
            return;
        }
        let once = |_| {
            let start = clock();
            black_box(work());
            clock() - start
        };
        // The first is not counted.
        let mut times: Vec<f64> = (0..=self.rounds).map(once).skip(1).collect();
        times.sort_by(f64::total_cmp);
        println!("| {name} | {:.1} | {:.1} |", times[times.len() / 2], times[0]);
    }

    /// The whole recipe, for one image and for four.
    fn whole<T: Send>(&self, recipe: &str, work: impl Fn(&Mammogram) -> T + Sync) {
        self.step(recipe, "**whole**", || work(self.image));
        let four = [self.image; 4];
        let start = Instant::now();
        let passed = || start.elapsed().as_secs_f64() * 1e3;
        self.measure(recipe, "exam", passed, || four.par_iter().map(|image| work(image)).collect::<Vec<_>>());
    }
}

/// Milliseconds that the processor has spent on this thread; `None` where the system does not say.
fn on_cpu() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    Some(text.split(' ').next()?.parse::<f64>().ok()? / 1e6)
}

fn gmic(bench: &Bench<'_>) {
    let window = [2944, 1920];
    let breast = find(bench.image, SLOT, &CROP).expect("a breast");
    let centred = |breast: &Found| {
        let centre = best_centre(&breast.upright, &breast.crop, SLOT.view(), window);
        place((breast.upright.rows, breast.upright.columns), centre, SLOT.view(), window)
    };
    let corner = centred(&breast);
    let cut = |breast: &Found, corner| breast.upright.standardised(corner, window);
    bench.step("gmic", "crop", || find(bench.image, SLOT, &CROP));
    bench.step("gmic", "best centre", || centred(&breast));
    bench.step("gmic", "window, standardised", || cut(&breast, corner));
    bench.whole("gmic, left to a GPU", |image| {
        let breast = locate(image, SLOT, &CROP).expect("a breast");
        let centre = best_centre(&breast, &breast.crop, SLOT.view(), window);
        let corner = place(breast.size(), centre, SLOT.view(), window);
        deferred(&breast.source().expect("in the image"), breast.air, corner, window).expect("sound")
    });
    bench.whole("gmic", |image| {
        let breast = find(image, SLOT, &CROP).expect("a breast");
        cut(&breast, centred(&breast))
    });
}

fn nyu_bcc(bench: &Bench<'_>) {
    let window = [2974, 1748];
    bench.whole("nyu_bcc", |image| {
        let breast = find(image, SLOT, &CROP).expect("a breast");
        let centre = best_centre(&breast.upright, &breast.crop, SLOT.view(), window);
        (breast, centre)
    });
}

fn mirai(bench: &Bench<'_>) {
    let recipe = mirai::Recipe {
        encoder_weights: String::new(),
        aggregator_weights: String::new(),
        decoder: Route::Dcmtk,
        size: [2048, 1664],
        mean: 7047.99,
        deviation: 12005.5,
        air_share_min: 0.01,
        risk_factors: RiskFactorSource::Predicted,
        aggregator: AggregatorRecipe {
            heads: 8,
            layers: 1,
            hidden: 256,
            pool: Pool::Attention,
            years: 5,
            risk_factors: vec![],
        },
        calibration: vec![],
    };
    let columns = bench.image.pixels.columns();
    let decoded = decode(bench.image, Route::Dcmtk);
    bench.step("mirai", "decode", || decode(bench.image, Route::Dcmtk));
    bench.step("mirai", "resize", || resize(&decoded, columns, (2048, 1664)));
    bench.whole("mirai, left to a GPU", |image| mirai::prepare::deferred(image, &recipe).expect("a breast"));
    bench.whole("mirai", |image| mirai::prepare::prepare(image, &recipe).expect("a breast"));
}

fn timm(bench: &Bench<'_>) {
    for filter in [Filter::Area, Filter::Bilinear] {
        let preparation = Preparation {
            window: Brightness::File { tables: false, fallback: Fallback::MinMax },
            breast: Breast {
                work_size: 256,
                threshold: 0.05,
                share: [0.02, 0.9],
                border_share_max: 0.8,
                keep: Keep::Box { margin: 0 },
            },
            chest_wall: ChestWall::Left,
            canvas: [2048, 1024],
            filter,
            rounding: Rounding::Down,
            place: Place::Centre,
            white: 255.0,
            truncate: true,
            mean: [0.485, 0.456, 0.406].map(|m| m * 255.0).to_vec(),
            std: [0.229, 0.224, 0.225].map(|s| s * 255.0).to_vec(),
        };
        bench.whole(&format!("timm {filter:?}"), |image| {
            let input = preparation.apply(image).expect("a breast");
            preparation.channels(&input.values)
        });
    }
}

fn density(bench: &Bench<'_>) {
    let package = Package::bundled().expect("bundled");
    let uvid_model::Recipe::Density(recipe) = &package.manifest().recipe else { panic!("of density") };
    bench.whole("density", |image| density::prepare(image, recipe).expect("a breast"));
}

/// The larger detectors' frames, and one with padding.
fn images() -> Vec<(String, Mammogram)> {
    let padded = |mut image: Mammogram| {
        image.padding = Some(4095..=4095);
        image
    };
    vec![
        ("4096 x 3328".to_owned(), drawn(4096, 3328, 0)),
        ("4096 x 3328, padded".to_owned(), padded(drawn(4096, 3328, 40))),
        ("3328 x 2560".to_owned(), drawn(3328, 2560, 0)),
    ]
}

/// Half an ellipse of textured tissue at the right border, of 12 bits, and a marker; air of up to `air`.
fn drawn(rows: usize, columns: usize, air: u32) -> Mammogram {
    let (height, width) = (rows as f64 * 0.42, columns as f64 * 0.5);
    let mut state = 1u32;
    let mut noise = |below: u32| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) % below.max(1)
    };
    let mut values = Vec::with_capacity(rows * columns);
    for r in 0..rows {
        for c in 0..columns {
            let (y, x) = ((r as f64 - rows as f64 * 0.5) / height, (columns - 1 - c) as f64 / width);
            let marker = (rows / 20..rows / 12).contains(&r) && (columns / 20..columns / 10).contains(&c);
            let pixel = match x * x + y * y {
                _ if marker => 4000,
                d if d < 1.0 => (600.0 + 2400.0 * (1.0 - d).sqrt()) as u32 + noise(300),
                // Beyond the field.
                _ if air > 0 && c < columns / 50 => 4095,
                _ => noise(air),
            };
            values.push(pixel as u16);
        }
    }
    let pixels = Pixels::new(rows, columns, 0..=4095, false, values).expect("pixels");
    let uid = |text: &str| text.to_owned();
    Mammogram::of_pixels(
        (uid("1.1").parse().expect("uid"), uid("1.2").parse().expect("uid")),
        (uid("1.3").parse().expect("uid"), uid("1.4").parse().expect("uid")),
        pixels,
    )
}
