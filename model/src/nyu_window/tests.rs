//! What is left to the device is what is computed here.

use proptest::prelude::*;
use uvid_exam::Pixels;

use super::*;

const RECIPE: CropRecipe = CropRecipe { iterations: 2, buffer: 3, search_divisor: 3, air_share_min: 0.0 };

/// A blob of made-up tissue at either edge of an image with air of `air`, and padding in some columns.
fn image(rows: usize, columns: usize, right: bool, air: u16, padded: usize, noise: &[u16]) -> Mammogram {
    let mut values = vec![air; rows * columns];
    for (at, v) in values.iter_mut().enumerate() {
        let (row, column) = (at / columns, at % columns);
        let from_wall = if right { columns - 1 - column } else { column };
        let (y, x) = (row as f64 / rows as f64 - 0.5, from_wall as f64 / columns as f64);
        if x * x * 1.7 + y * y * 4.2 < 0.7 {
            *v = air + noise[at % noise.len()] % 3000;
        } else if from_wall >= columns - padded {
            *v = 4095;
        }
    }
    let pixels = Pixels::new(rows, columns, 0..=4095, false, values).expect("pixels");
    let uid = |text: &str| text.to_owned();
    let study = (uid("1.2").parse().expect("uid"), uid("1.3").parse().expect("uid"));
    let object = (uid("1.4").parse().expect("uid"), uid("1.5").parse().expect("uid"));
    let mut image = Mammogram::of_pixels(study, object, pixels);
    image.padding = (padded > 0).then_some(4095..=4095);
    image
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|v| v.to_bits()).collect()
}

proptest! {
    #[test]
    fn a_located_breast_is_the_one_that_is_cut_out(
        rows in 20usize..90, columns in 20usize..150, right in any::<bool>(), air in 0u16..500, padded in 0usize..4,
        noise in prop::collection::vec(1u16.., 97), height in 8usize..100, width in 8usize..160,
        aside in (-60i64..60, -60i64..60),
    ) {
        let image = image(rows, columns, right, air, padded, &noise);
        for slot in Slot::ALL {
            let (found, located) = (find(&image, slot, &RECIPE), locate(&image, slot, &RECIPE));
            let (Ok(found), Ok(located)) = (found, located) else { continue };
            prop_assert_eq!(located.size(), (found.upright.rows, found.upright.columns));
            let window = [height, width];
            let centre = best_centre(&found.upright, &found.crop, slot.view(), window);
            prop_assert_eq!(best_centre(&located, &located.crop, slot.view(), window), centre);
            let placed = place(located.size(), centre, slot.view(), window);
            // Where a window is put, and where none would be: beside and around the breast.
            for corner in [placed, (placed.0 + aside.0, placed.1 + aside.1)] {
                let source = located.source().expect("in the image");
                let deferred = deferred(&source, located.air, corner, window).expect("sound");
                prop_assert_eq!(deferred.shape(), [1, height, width]);
                prop_assert_eq!(bits(&deferred.on_host()), bits(&found.upright.standardised(corner, window)));
            }
        }
    }
}

#[test]
fn the_blob_is_found() {
    let noise: Vec<u16> = (1..98).collect();
    for right in [false, true] {
        let located = image(60, 70, right, 7, 3, &noise);
        let located = locate(&located, Slot::LeftCc, &RECIPE).expect("a breast");
        assert_eq!(located.points_to, if right { Side::Left } else { Side::Right });
    }
}
