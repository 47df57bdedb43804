//! From a mammogram to the network's input.
//!
//! 1. [`decode`]: the authors' 16-bit image.
//! 2. The gate: an image of one value, or one with too little air, is no breast on a dark background. It is ours; the
//!    authors' code scores anything.
//! 3. [`resize`] to 2048 x 1664, whatever the aspect ratio.
//! 4. [`align`]: the chest wall comes to the right.
//! 5. [`normalise`]: the training images' mean and deviation.

use uvid_exam::{Affine, Mammogram, extremes};
use uvid_kernels::prepare::{Preparation, Source, Steps, Unsound};

use super::Recipe;
use super::decode::{Route, curve, decode, monochrome1};
use super::resize::{axis, resize};

/// The image shows no breast on a dark background.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum NoBreast {
    /// Nothing is brighter than anything else.
    #[error("all pixels have one value")]
    NoContrast,
    /// MONOCHROME1 by a decoder that does not invert it.
    #[error("it is MONOCHROME1, which the recipe's decoder leaves inverted")]
    Inverted,
    /// Too few pixels are dark.
    #[error("only {:.1} % of the pixels are air; is the image inverted?", .0 * 100.0)]
    NoAir(f64),
}

/// The network's input and the way it was made.
#[derive(Debug, Clone, PartialEq)]
pub struct Input {
    /// Row-major, of the recipe's size.
    pub values: Vec<f32>,
    /// From input coordinates to pixel coordinates of the image.
    pub to_image: Affine,
}

/// Applies the recipe to one image.
pub fn prepare(image: &Mammogram, recipe: &Recipe) -> Result<Input, NoBreast> {
    let [rows, columns] = recipe.size;
    let decoded = decode(image, recipe.decoder);
    gate(&decoded, recipe.air_share_min)?;
    // The authors' code leaves these inverted there.
    if recipe.decoder == Route::Pydicom && monochrome1(image) {
        return Err(NoBreast::Inverted);
    }
    let mut resized = resize(&decoded, image.pixels.columns(), (rows, columns));
    let mirrored = align(&mut resized, columns);
    let row_scale = image.pixels.rows() as f64 / rows as f64;
    let column_scale = image.pixels.columns() as f64 / columns as f64;
    let enlarge = Affine::scale_then_move(row_scale, column_scale, 0.0, 0.0);
    let to_image = if mirrored { Affine::mirror(columns).then(&enlarge) } else { enlarge };
    Ok(Input { values: normalise(&resized, recipe.mean, recipe.deviation), to_image })
}

/// The same but for steps 3 to 5, which are left to the device.
pub fn deferred(image: &Mammogram, recipe: &Recipe) -> Result<Result<Preparation, Unsound>, NoBreast> {
    let curve = curve(image, recipe.decoder);
    gate_through(&curve, image.pixels.values(), recipe.air_share_min)?;
    if recipe.decoder == Route::Pydicom && monochrome1(image) {
        return Err(NoBreast::Inverted);
    }
    let (rows, columns) = (image.pixels.rows(), image.pixels.columns());
    let steps = || {
        let (rows, columns) = (axis(rows, recipe.size[0])?, axis(columns, recipe.size[1])?);
        let (mean, deviation) = (recipe.mean as f32, recipe.deviation as f32);
        Ok(Steps::Triangle { curve: curve.into(), rows, columns, mean, deviation })
    };
    let source = Source::new(image.pixels.shared(), columns, 0..rows, 0..columns, false);
    Ok(source.and_then(|source| Preparation::new(source, steps()?)))
}

/// Air is the darkest hundredth of the range.
fn gate(pixels: &[u16], air_share_min: f64) -> Result<(), NoBreast> {
    let (least, most) = extremes(pixels, None).unwrap_or_default();
    if most <= least {
        return Err(NoBreast::NoContrast);
    }
    enough_air(pixels, least + (most - least) / 100, air_share_min)
}

/// [`gate`] of stored pixels seen through a curve. Where that never falls, they need not be looked up one by one.
fn gate_through(curve: &[u16], pixels: &[u16], air_share_min: f64) -> Result<(), NoBreast> {
    let (first, last) = extremes(pixels, None).unwrap_or_default();
    let seen = &curve[usize::from(first)..=usize::from(last)];
    if !seen.is_sorted() {
        let pixels: Vec<u16> = pixels.iter().map(|p| curve[usize::from(*p)]).collect();
        return gate(&pixels, air_share_min);
    }
    let (least, most) = (seen[0], seen[seen.len() - 1]);
    if most <= least {
        return Err(NoBreast::NoContrast);
    }
    let dark = seen.partition_point(|y| *y <= least + (most - least) / 100);
    // At least the first is dark, and not the last.
    enough_air(pixels, first + (dark - 1) as u16, air_share_min)
}

/// Whether enough of the pixels are up to `dark`.
fn enough_air(pixels: &[u16], dark: u16, air_share_min: f64) -> Result<(), NoBreast> {
    // Less than 65536 at a time: as many beside each other as vectors hold.
    let count = |piece: &[u16]| usize::from(piece.iter().map(|p| u16::from(*p <= dark)).sum::<u16>());
    let share = pixels.chunks(1 << 15).map(count).sum::<usize>() as f64 / pixels.len() as f64;
    if share < air_share_min { Err(NoBreast::NoAir(share)) } else { Ok(()) }
}

/// Mirrors the image if its left three quarters are brighter than its right three quarters; says whether it did.
pub fn align(pixels: &mut [u16], columns: usize) -> bool {
    let part = columns * 3 / 4;
    let sum = |from: usize, to: usize| -> u64 {
        // Less than 65536 values of 16 bits have a sum of 32.
        let sum = |piece: &[u16]| u64::from(piece.iter().map(|v| u32::from(*v)).sum::<u32>());
        pixels.chunks_exact(columns).flat_map(|row| row[from..to].chunks(1 << 15)).map(sum).sum()
    };
    let mirrored = sum(0, part) > sum(columns - part, columns);
    if mirrored {
        pixels.chunks_exact_mut(columns).for_each(<[u16]>::reverse);
    }
    mirrored
}

/// `(x - mean) / deviation`, each step in f32.
pub fn normalise(pixels: &[u16], mean: f64, deviation: f64) -> Vec<f32> {
    let (mean, deviation) = (mean as f32, deviation as f32);
    pixels.iter().map(|v| (f32::from(*v) - mean) / deviation).collect()
}

#[cfg(test)]
mod tests {
    use super::super::aggregator::{AggregatorRecipe, Pool};
    use super::super::risk_factors::RiskFactorSource;
    use super::*;
    use proptest::prelude::*;
    use uvid_exam::{Pixels, Window};

    fn recipe(decoder: Route, size: [usize; 2], air_share_min: f64) -> Recipe {
        let (heads, layers, hidden, years) = (1, 1, 2, 5);
        Recipe {
            encoder_weights: String::new(),
            aggregator_weights: String::new(),
            decoder,
            size,
            mean: 7047.99,
            deviation: 12005.5,
            air_share_min,
            risk_factors: RiskFactorSource::Predicted,
            aggregator: AggregatorRecipe { heads, layers, hidden, pool: Pool::Attention, years, risk_factors: vec![] },
            calibration: vec![],
        }
    }

    fn image(columns: usize, inverted: bool, values: &[u16]) -> Mammogram {
        let rows = values.len() / columns;
        let pixels = Pixels::new(rows, columns, 0..=4095, inverted, values[..rows * columns].to_vec());
        let uid = |text: &str| text.to_owned();
        let study = (uid("1.2").parse().expect("uid"), uid("1.3").parse().expect("uid"));
        let object = (uid("1.4").parse().expect("uid"), uid("1.5").parse().expect("uid"));
        Mammogram::of_pixels(study, object, pixels.expect("pixels"))
    }

    proptest! {
        #[test]
        fn what_is_left_to_the_device_is_what_is_computed_here(
            columns in 2usize..60, values in prop::collection::vec(0u16..4096, 60..2000), bright in 0usize..60,
            to_rows in 1usize..50, to_columns in 1usize..50, inverted in any::<bool>(), share in 0.0..0.4,
            entries in prop::collection::vec(0u16..4096, 1..4000), ge in any::<bool>(),
        ) {
            // Air but for some columns, so that some images pass the gate, in either direction.
            let shown = |at: usize| at % columns < bright % columns;
            let values: Vec<u16> =
                values.iter().enumerate().map(|(at, v)| if shown(at) { *v } else { v % 40 }).collect();
            let mut image = image(columns, inverted, &values);
            if ge {
                // A table that rises and falls.
                image.manufacturer = Some("GE".into());
                image.windows = vec![Window::Table { first: 0, bits: 12, entries, explanation: None }];
            }
            for route in [Route::Dcmtk, Route::Pydicom] {
                let recipe = recipe(route, [to_rows, to_columns], share);
                match (prepare(&image, &recipe), deferred(&image, &recipe)) {
                    (Ok(here), Ok(deferred)) => {
                        let bits = |values: &[f32]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
                        prop_assert_eq!(bits(&deferred.expect("sound").on_host()), bits(&here.values));
                    }
                    (here, deferred) => prop_assert_eq!(here.err(), deferred.err()),
                }
            }
        }
    }

    #[test]
    fn the_fuller_three_quarters_come_to_the_right() {
        let check = |mut pixels: Vec<u16>, expected: &[u16]| {
            let before = pixels.clone();
            assert_eq!(align(&mut pixels, 4), pixels != before);
            assert_eq!(pixels, expected);
        };
        check(vec![9, 0, 0, 1], &[1, 0, 0, 9]);
        check(vec![1, 0, 0, 9], &[1, 0, 0, 9]);
        // The quarters in between count for both sides; a tie stays.
        check(vec![3, 9, 0, 3], &[3, 9, 0, 3]);
    }

    #[test]
    fn what_shows_no_breast_on_a_dark_background_is_refused() {
        let check = |pixels: Vec<u16>, expected: Result<(), NoBreast>| assert_eq!(gate(&pixels, 0.02), expected);
        check(vec![0; 100], Err(NoBreast::NoContrast));
        check(vec![500; 100], Err(NoBreast::NoContrast));
        check((0..10_000).map(|i| 6 * i as u16).collect(), Err(NoBreast::NoAir(0.01)));
        let inverted = (0..100).map(|i| if i < 60 { 65535 } else { 700 * (i - 60) }).collect();
        check(inverted, Err(NoBreast::NoAir(0.01)));
        check((0..100).map(|i| if i < 60 { 0 } else { 600 * i }).collect(), Ok(()));
    }
}
