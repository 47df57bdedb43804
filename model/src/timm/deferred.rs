//! The last steps of a preparation, left to the device that runs the network.
//!
//! Invariant: what the device makes is, bit for bit, what [`Preparation::apply`] and [`Preparation::channels`] make.

use uvid_exam::{Affine, Mammogram};
use uvid_kernels::prepare::{self, Frame, Source, Steps, Unsound};

use super::prepare::{Filter, Lying, Preparation, Refused};
use crate::architecture::PreparedInput;
use crate::resample::{area_axis, bilinear_axis};

impl Preparation {
    /// What is handed to the network, and where it lies in the image; steps 3 to 6 are left to the device where it
    /// `defers`, and where nothing is in the way: a curve that is no number.
    pub(super) fn input(&self, image: &Mammogram, defers: bool) -> Result<(PreparedInput, Affine), Refused> {
        let (curve, lying) = self.locate(image)?;
        let deferred = if defers { self.deferred(image, &curve, &lying).ok() } else { None };
        let here = || self.on_canvas(image.pixels.values(), &curve, image.pixels.columns(), &lying).values;
        let input = deferred.map_or_else(|| PreparedInput::Values(here()), PreparedInput::from);
        Ok((input, lying.to_image))
    }

    /// Steps 3 to 6, for a device.
    fn deferred(&self, image: &Mammogram, curve: &[f64], lying: &Lying) -> Result<prepare::Preparation, Unsound> {
        let (b, columns) = (lying.bounds, image.pixels.columns());
        let pixels = image.pixels.shared();
        let source = Source::new(pixels, columns, b.top..b.bottom, b.left..b.right, lying.mirrored)?;
        let axis = match self.filter {
            Filter::Area => area_axis,
            Filter::Bilinear => bilinear_axis,
        };
        let steps = Steps::Canvas {
            // Each is an f32.
            curve: curve.iter().map(|y| *y as f32).collect(),
            filter: match self.filter {
                Filter::Area => prepare::Filter::RowsFirst,
                Filter::Bilinear => prepare::Filter::ColumnsFirst,
            },
            rows: axis(source.rows(), lying.size.0)?,
            columns: axis(source.columns(), lying.size.1)?,
            frame: Frame { size: self.canvas, at: lying.place.into() },
            white: self.white,
            truncate: self.truncate,
            channels: self.mean.iter().zip(&self.std).map(|(mean, std)| (*mean as f32, *std as f32)).collect(),
        };
        prepare::Preparation::new(source, steps)
    }
}
