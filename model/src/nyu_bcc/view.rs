//! One view of an exam: its breast, its heat maps, and the windows that the classifier sees of them.

use candle_core::{Device, Tensor};
use uvid_exam::{Affine, Heatmap, ImageScores, Output, Reason, Slot};
use uvid_kernels::prepare::{Air, Preparation, Source, Unsound};
use uvid_kernels::{Executor, Images};

use super::augment::{Augmentation, Draw, frame};
use super::heatmap::{HeatMaps, PatchClassifier};
use crate::architecture::{PreparedImage, PreparedInput, Unscored, another_network};
use crate::nyu_window::{Upright, deferred, place, standardise};
use crate::random::PythonRandom;
use crate::resample::area_average;

/// Pixels of the crop under one cell of a heat map that is reported, about.
const CELL: usize = 32;

/// An image with its heat maps.
pub(super) struct View<'a> {
    pub(super) slot: Slot,
    image: &'a PreparedImage,
    breast: Breast<'a>,
    centre: (i64, i64),
    maps: Option<HeatMaps>,
}

/// A view's pixels.
enum Breast<'a> {
    Cut(&'a Upright),
    Stored(&'a Source, Air),
}

impl<'a> View<'a> {
    /// Without heat maps.
    pub(super) fn of(slot: Slot, image: &'a PreparedImage) -> Result<Self, Reason> {
        let (breast, centre) = match &image.input {
            PreparedInput::Crop { upright, centre } => (Breast::Cut(upright), *centre),
            PreparedInput::Stored { breast, air, centre } => (Breast::Stored(breast, *air), *centre),
            PreparedInput::Values(_) | PreparedInput::Deferred(_) => return Err(another_network()),
        };
        Ok(Self { slot, image, breast, centre, maps: None })
    }

    /// With heat maps, the steps between their patches drawn from `random`.
    pub(super) fn with_maps(self, patches: &PatchClassifier, random: &mut PythonRandom) -> Result<Self, Unscored> {
        match self.breast {
            Breast::Cut(upright) => Ok(Self { maps: Some(patches.maps(upright, random)?), ..self }),
            Breast::Stored(..) => Err(another_network().into()),
        }
    }

    /// The input of a column, where it runs: the image's window, standardised, and those of the heat maps.
    pub(super) fn input(
        &self,
        network: &Executor,
        window: [usize; 2],
        noise: Option<(&Augmentation, Draw)>,
    ) -> candle_core::Result<Images> {
        let upright = match self.breast {
            Breast::Cut(upright) => upright,
            Breast::Stored(breast, air) => {
                let prepared = self.preparation(breast, air, window, noise).map_err(candle_core::Error::msg)?;
                return network.prepare(&[&prepared]);
            }
        };
        let size = (upright.rows, upright.columns);
        let maps = self.maps.iter().flat_map(|maps| [&maps.benign, &maps.malignant]);
        let mut channels;
        match noise {
            None => {
                let corner = place(size, self.centre, self.slot.view(), window);
                channels = upright.standardised(corner, window);
                maps.for_each(|map| channels.extend(map.window(corner, window)));
            }
            Some((noise, draw)) => {
                let framed = frame(size, self.centre, self.slot.view(), window, noise, &draw);
                channels = standardise(&framed.cut(upright, window));
                maps.for_each(|map| channels.extend(framed.cut(map, window)));
            }
        }
        let n = if self.maps.is_some() { 3 } else { 1 };
        Ok(Tensor::from_vec(channels, (1, n, window[0], window[1]), &Device::Cpu)?.into())
    }

    /// The same of a view without heat maps, left to the device.
    fn preparation(
        &self,
        breast: &Source,
        air: Air,
        window: [usize; 2],
        noise: Option<(&Augmentation, Draw)>,
    ) -> Result<Preparation, Unsound> {
        let size = (breast.rows(), breast.columns());
        match noise {
            None => deferred(breast, air, place(size, self.centre, self.slot.view(), window), window),
            Some((noise, draw)) => {
                frame(size, self.centre, self.slot.view(), window, noise, &draw).deferred(breast, air, window)
            }
        }
    }

    /// The view's scores, with its heat maps reduced.
    pub(super) fn scores(&self, outputs: Vec<Output>) -> ImageScores {
        let coarse = |name: &str, map: &Upright<f32>| {
            let cells = (map.rows.div_ceil(CELL), map.columns.div_ceil(CELL));
            let whole = ((0.0, map.rows as f64), (0.0, map.columns as f64));
            let means = area_average(&map.pixels, map.columns, whole.0, whole.1, cells);
            let (row, column) = (map.rows as f64 / cells.0 as f64, map.columns as f64 / cells.1 as f64);
            Heatmap {
                name: name.to_owned(),
                rows: cells.0,
                columns: cells.1,
                values: means.values.iter().map(|v| *v as f32).collect(),
                to_file: Affine::scale_then_move(row, column, 0.0, 0.0).then(&self.image.to_file),
            }
        };
        let maps = self.maps.iter();
        ImageScores {
            slot: self.slot,
            sop_instance: self.image.sop_instance.clone(),
            file_size: self.image.file_size,
            outputs,
            heatmaps: maps
                .flat_map(|maps| [coarse("malignant-patches", &maps.malignant), coarse("benign-patches", &maps.benign)])
                .collect(),
            regions: vec![],
        }
    }
}
