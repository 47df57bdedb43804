//! The two networks of GMIC, and a member of the ensemble that runs them.
//!
//! The global network is a pre-activation ResNet-22 over the whole window; a 1x1 convolution makes its last map a
//! saliency map for each class. The local network is a ResNet-18 over six patches; gated attention weighs them. The
//! score is one linear layer over the largest value of each global channel and the attention-weighted patch vector.

use candle_core::Tensor;
use uvid_kernels::{Backend, Executor, Graph, GraphError, Images, Outputs, Shape, Weights};

use super::{Recipe, patches};
use crate::architecture::{self, PreparedImage, Unscored};
use crate::predictor::LoadError;
use crate::resnet18;
use crate::resnet22::resnet22;

/// Channels, as the checkpoint has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Widths {
    global: usize,
    local: usize,
    attention: usize,
}

impl Widths {
    /// As the checkpoint has them; as published where it lacks the tensor that tells, so that everything that it lacks
    /// is found together.
    fn of(weights: &Weights) -> Self {
        let out = |name: &str, published| weights.dim(name, 0).unwrap_or(published);
        Self {
            global: out("ds_net.first_conv.weight", 16),
            local: out("dn_resnet.conv1.weight", 64),
            attention: out("mil_attn_V.weight", 128),
        }
    }
}

/// The global and the local network with the checkpoint's widths, or as published where it lacks the tensor that tells.
///
/// # Errors
///
/// The recipe's windows or patches are too small.
pub fn graphs(weights: &Weights, recipe: &Recipe) -> Result<[Graph; 2], GraphError> {
    let widths = Widths::of(weights);
    Ok([global(widths, recipe.window)?, local(widths, recipe.patches, recipe.patch_size)?])
}

/// The global network: outputs `saliency` (2 maps) and `global` (the largest value of each channel).
fn global(widths: Widths, [rows, columns]: [usize; 2]) -> Result<Graph, GraphError> {
    Graph::build(|b| {
        let x = b.input_maps(1, 1, rows, columns);
        let x = resnet22(&b.pp("ds_net"), x, widths.global, 3)?;
        let last = b.pp("left_postprocess_net").pp("gn_conv_last");
        let saliency = last.mark(last.conv(x, 2, 1, 1, 0, false)?);
        b.output("saliency", b.sigmoid(saliency));
        b.output("global", b.max_over_map(x));
        Ok(())
    })
}

/// The local network and the fusion: inputs are K patches and the global vector; outputs `attention`, `local` (the
/// patches' own prediction) and `fusion` (the prediction).
fn local(widths: Widths, k: usize, size: usize) -> Result<Graph, GraphError> {
    Graph::build(|b| {
        let patches = b.input_maps(k, 1, size, size);
        let g = b.input_features(1, widths.global << 4);
        let h = b.mean_over_map(resnet18::trunk(&b.pp("dn_resnet"), b.repeat_channels(patches, 3), widths.local)?);
        b.output("patches", h);
        let gate = b.sigmoid(b.pp("mil_attn_U").linear(h, widths.attention, false));
        let value = b.tanh(b.pp("mil_attn_V").linear(h, widths.attention, false));
        let logit = b.pp("mil_attn_w").linear(b.mul(gate, value)?, 1, false);
        let alpha = b.softmax_over_item(logit);
        b.output("attention", alpha);
        let z = b.weighted_sum_over_item(alpha, h)?;
        b.output("z", z);
        b.output("local", b.sigmoid(b.pp("classifier_linear").linear(z, 2, false)));
        b.output("fusion", b.sigmoid(b.pp("fusion_dnn").linear(b.concat(g, z)?, 2, true)));
        Ok(())
    })
}

/// One checkpoint of the ensemble, loaded.
pub struct Member {
    global: Executor,
    local: Executor,
    window: [usize; 2],
    patches: usize,
    patch_size: usize,
    top: usize,
    saliency_size: (usize, usize),
}

/// What one member says of one image. Class 0 is benign, 1 malignant.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// The prediction.
    pub y_fusion: [f32; 2],
    /// Mean of the highest saliency; for inspection.
    pub y_global: [f32; 2],
    /// The patches' own prediction; for inspection.
    pub y_local: [f32; 2],
    /// Saliency maps, row-major.
    pub saliency: [Vec<f32>; 2],
    /// Their rows and columns.
    pub saliency_size: (usize, usize),
    /// Where the patches begin, (row, column) in the window, best first.
    pub patches: Vec<(usize, usize)>,
    /// The weight of each patch.
    pub attention: Vec<f32>,
}

impl Member {
    /// Loads a checkpoint; `top_share` of the saliency's cells make up `y_global`.
    pub fn new(weights: &Weights, recipe: &Recipe, top_share: f64, backend: Backend) -> Result<Self, LoadError> {
        let [global, local] = graphs(weights, recipe)?;
        // Both at once: whoever has the wrong file is told all that is missing.
        weights.fit([&global, &local])?;
        let saliency_size = match global.nodes()[global.outputs()["saliency"].index()].shape {
            Shape::Map { rows, columns, .. } => (rows, columns),
            Shape::Features { .. } => (1, 1),
        };
        let cells = saliency_size.0 * saliency_size.1;
        Ok(Self {
            global: Executor::new(global, weights, backend)?,
            local: Executor::new(local, weights, backend)?,
            window: recipe.window,
            patches: recipe.patches,
            patch_size: recipe.patch_size,
            top: ((cells as f64 * top_share).round_ties_even() as usize).clamp(1, cells),
            saliency_size,
        })
    }

    /// Its networks, by name.
    pub(crate) fn networks(&self) -> Vec<(String, &Executor)> {
        vec![("global".to_owned(), &self.global), ("local".to_owned(), &self.local)]
    }

    /// The keys of the checkpoint that it uses.
    pub fn parameters(&self) -> Vec<String> {
        let graphs = [self.global.graph(), self.local.graph()];
        graphs.into_iter().flat_map(Graph::parameter_names).collect()
    }

    /// Runs one image: `x` is (1, 1, rows, columns) of the window, standardised.
    pub fn run(&self, x: &Tensor) -> candle_core::Result<Reading> {
        Ok(self.run_with_marks(x, &[], &[])?.0)
    }

    /// Runs one image and also returns marked values of the global and the local network.
    pub fn run_with_marks(
        &self,
        x: &Tensor,
        global_marks: &[&str],
        local_marks: &[&str],
    ) -> candle_core::Result<(Reading, Outputs)> {
        let (readings, marked) = self.look(&x.clone().into(), global_marks, local_marks)?;
        let [reading] = readings.try_into().map_err(|_| candle_core::Error::msg("these are several images"))?;
        Ok((reading, marked))
    }

    /// Images where this member's networks run.
    pub(crate) fn images(&self, prepared: &[&PreparedImage]) -> Result<Images, Unscored> {
        architecture::images(&self.global, prepared)
    }

    /// Runs several images at once: (N, 1, rows, columns).
    pub(crate) fn read(&self, images: &Images) -> candle_core::Result<Vec<Reading>> {
        Ok(self.look(images, &[], &[])?.0)
    }

    fn look(
        &self,
        images: &Images,
        global_marks: &[&str],
        local_marks: &[&str],
    ) -> candle_core::Result<(Vec<Reading>, Outputs)> {
        let mut marked = self.global.look(&[images], global_marks)?;
        let rows = |marked: &Outputs, name: &str| marked[name].flatten_from(1)?.to_vec2::<f32>();
        let cells = self.saliency_size.0 * self.saliency_size.1;
        let saliency: Vec<[Vec<f32>; 2]> = rows(&marked, "saliency")?
            .into_iter()
            .map(|maps| [maps[..cells].to_vec(), maps[cells..].to_vec()])
            .collect();
        let locate = |saliency: &[Vec<f32>; 2]| {
            patches::locate(saliency, self.saliency_size, self.window, self.patch_size, self.patches)
        };
        let places: Vec<Vec<(usize, usize)>> = saliency.iter().map(locate).collect();
        let patches = images.patches(&places, self.patch_size)?;
        let global: Images = marked["global"].clone().into();
        marked.extend(self.local.look(&[&patches, &global], local_marks)?);
        let (fusion, local) = (rows(&marked, "fusion")?, rows(&marked, "local")?);
        let attention = marked["attention"].flatten_all()?.to_vec1::<f32>()?;
        let pair = |values: &[f32]| <[f32; 2]>::try_from(values).map_err(candle_core::Error::wrap);
        let mut readings = Vec::with_capacity(places.len());
        for (i, (saliency, patches)) in saliency.into_iter().zip(places).enumerate() {
            readings.push(Reading {
                y_fusion: pair(&fusion[i])?,
                y_local: pair(&local[i])?,
                y_global: [top_mean(&saliency[0], self.top), top_mean(&saliency[1], self.top)],
                attention: attention[i * self.patches..(i + 1) * self.patches].to_vec(),
                saliency,
                saliency_size: self.saliency_size,
                patches,
            });
        }
        Ok((readings, marked))
    }
}

/// Mean of the `n` largest values.
fn top_mean(values: &[f32], n: usize) -> f32 {
    let mut sorted = values.to_vec();
    sorted.sort_by(|a, b| b.total_cmp(a));
    (sorted.iter().take(n).map(|v| f64::from(*v)).sum::<f64>() / n as f64) as f32
}

/// Small networks, of odd sizes, for the test that runs every architecture on every backend.
#[cfg(test)]
pub(crate) fn examples() -> Vec<Graph> {
    let graphs = |widths| [global(widths, [150, 97]), local(widths, 3, 45)].map(|g| g.expect("fits"));
    let narrow = Widths { global: 5, local: 7, attention: 9 };
    [graphs(narrow), graphs(Widths { global: 16, local: 32, attention: 16 })].concat()
}
