//! GMIC, the globally-aware multiple instance classifier (Shen et al., arXiv 2002.07613).
//!
//! One image gives the probability of a benign and of a malignant finding, with a saliency map of each. The
//! [window](crate::nyu_window) of 2944 x 1920 pixels is what the network sees; [`network`] describes the global and the
//! local network, [`patches`] chooses the six patches that the local one looks at.

pub mod network;
pub mod patches;

use serde::{Deserialize, Serialize};
use uvid_exam::{Affine, BreastScores, Heatmap, ImageScores, Mammogram, Output, Reason, Slot};
use uvid_kernels::{Backend, Executor, Weights};

use crate::architecture::{Architecture, Prepared, PreparedImage, PreparedInput, Readings, Unscored, defers, raw};
use crate::combine::{Combination, Combine};
use crate::nyu_window::{AboveAir, CropRecipe, best_centre, deferred, locate, place};
use crate::outline::{self, RegionRecipe};
use crate::package::Package;
use crate::predictor::LoadError;
use network::{Member, Reading};

/// The recipe. Pixels are used at their native resolution.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// The members of the ensemble; their outputs are averaged.
    pub members: Vec<MemberRecipe>,
    /// Rows and columns that the network sees.
    pub window: [usize; 2],
    /// How the breast is found.
    pub crop: CropRecipe,
    /// Patches that the local network looks at.
    pub patches: usize,
    /// Rows and columns of a patch.
    pub patch_size: usize,
    /// How a breast's views, and an exam's breasts, become one value.
    pub combine: Combine,
    /// What of the saliency maps is reported as regions; none where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub regions: Option<RegionRecipe>,
}

impl Recipe {
    /// Refuses numbers with which the steps have no meaning.
    fn check(&self) -> Result<(), LoadError> {
        let [rows, columns] = self.window;
        let share = |s: f64| (0.0..=1.0).contains(&s);
        self.crop.check()?;
        let sound = [
            ("members", !self.members.is_empty() && self.members.iter().all(|m| share(m.top_share))),
            ("window", [rows, columns].iter().all(|n| (256..=16384).contains(n))),
            ("patches", (1..=64).contains(&self.patches)),
            ("patch_size", (32..=rows.min(columns)).contains(&self.patch_size)),
            ("regions.threshold", self.regions.is_none_or(|r| r.threshold.is_finite())),
        ];
        LoadError::unless_all(&sound)
    }
}

/// One checkpoint of the ensemble.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemberRecipe {
    /// The file with its weights.
    pub weights: String,
    /// The share of saliency cells that `y_global` averages; reported, not part of the score.
    pub top_share: f64,
}

/// The architecture, loaded.
pub(crate) struct Gmic {
    recipe: Recipe,
    members: Vec<Member>,
    defers: bool,
}

impl Gmic {
    pub(crate) fn load(package: &Package, recipe: &Recipe, backend: Backend) -> Result<Self, LoadError> {
        recipe.check()?;
        let load = |m: &MemberRecipe| {
            let weights = Weights::from_safetensors(package.file(&m.weights)?)?;
            Member::new(&weights, recipe, m.top_share, backend)
        };
        let members = recipe.members.iter().map(load).collect::<Result<_, LoadError>>()?;
        Ok(Self { recipe: recipe.clone(), members, defers: defers(backend) })
    }
}

impl Architecture for Gmic {
    fn networks(&self) -> Vec<(String, &Executor)> {
        let named =
            |(i, m): (usize, _)| Member::networks(m).into_iter().map(move |(n, e)| (format!("member {i} {n}"), e));
        self.members.iter().enumerate().flat_map(named).collect()
    }

    fn prepare(&self, slot: Slot, image: &Mammogram) -> Result<PreparedImage, Reason> {
        let breast = locate(image, slot, &self.recipe.crop)?;
        let window = self.recipe.window;
        let centre = best_centre(&breast, &breast.crop, slot.view(), window);
        let corner = place(breast.size(), centre, slot.view(), window);
        let input = if self.defers {
            let deferred = breast.source().and_then(|source| deferred(&source, breast.air, corner, window));
            deferred.map_err(|e| Reason::ModelFailed(e.to_string()))?.into()
        } else {
            PreparedInput::Values(breast.cut().standardised(corner, window))
        };
        let in_crop = Affine::scale_then_move(1.0, 1.0, corner.0 as f64, corner.1 as f64);
        Ok(PreparedImage {
            sop_instance: image.sop_instance.clone(),
            file_size: image.file_size,
            rows: window[0],
            columns: window[1],
            to_file: in_crop.then(&breast.to_image).then(&image.to_file),
            input,
        })
    }

    fn predict(&self, exam: &Prepared) -> Result<Readings, Unscored> {
        let mut readings = Readings { images: vec![], breasts: vec![], exam: vec![] };
        let mut views: Vec<(Slot, [f64; 2])> = Vec::new();
        let Some(first) = self.members.first() else {
            return Err(Reason::ModelFailed("it has no member".into()).into());
        };
        let windows = first.images(&exam.images.values().collect::<Vec<_>>())?;
        let read = self.members.iter().map(|member| member.read(&windows)).collect::<candle_core::Result<Vec<_>>>()?;
        for (i, (slot, image)) in exam.images.iter().enumerate() {
            let members: Vec<&Reading> = read.iter().map(|of_member| &of_member[i]).collect();
            let y: Vec<[f64; 2]> = members.iter().map(|r| r.y_fusion.map(f64::from)).collect();
            let y = Combination::Mean.of(&y);
            views.push((*slot, y));
            let heatmaps = heatmaps(&members, image);
            let regions = |recipe| heatmaps.iter().flat_map(move |map| outline::regions(map, image.file_size, recipe));
            readings.images.push(ImageScores {
                slot: *slot,
                sop_instance: image.sop_instance.clone(),
                file_size: image.file_size,
                outputs: outputs(y)?,
                regions: self.recipe.regions.map(|recipe| regions(recipe).collect()).unwrap_or_default(),
                heatmaps,
            });
        }
        let breasts = self.recipe.combine.breasts(&views);
        for (laterality, y) in &breasts {
            readings.breasts.push(BreastScores { laterality: *laterality, outputs: outputs(*y)? });
        }
        readings.exam = outputs(self.recipe.combine.exam(&breasts))?;
        Ok(readings)
    }
}

fn outputs([benign, malignant]: [f64; 2]) -> Result<Vec<Output>, Reason> {
    Ok(vec![raw("malignant", malignant)?, raw("benign", benign)?])
}

/// The members' saliency, averaged.
fn heatmaps(members: &[&Reading], image: &PreparedImage) -> Vec<Heatmap> {
    let Some(first) = members.first() else { return vec![] };
    let (rows, columns) = first.saliency_size;
    let cell_to_input =
        Affine::scale_then_move(image.rows as f64 / rows as f64, image.columns as f64 / columns as f64, 0.0, 0.0);
    let map = |class: usize, name: &str| {
        let mean = |i: usize| members.iter().map(|m| m.saliency[class][i]).sum::<f32>() / members.len() as f32;
        Heatmap {
            name: name.to_owned(),
            rows,
            columns,
            values: (0..rows * columns).map(mean).collect(),
            to_file: cell_to_input.then(&image.to_file),
        }
    };
    vec![map(1, "malignant-saliency"), map(0, "benign-saliency")]
}
