//! EfficientNet and EfficientNetV2 (Tan and Le, arXiv 1905.11946 and 2104.00298) under timm's names.
//!
//! | layer | rows and columns | |
//! |---|---|---|
//! | conv_stem, bn1 | / 2 | 3 x 3 |
//! | blocks.0 to 6 | / 2, 4, 8, 16, 16, 32, 32 | the first block of a stage has its stride |
//! | conv_head, bn2 | / 32 | 1 x 1 |
//! | classifier | 1 | mean, linear |
//!
//! All variants have these strides; kind, kernel, expansion and squeeze of a block are read from the names and shapes
//! of its tensors ([`Block`]). Every norm is a batch norm, followed by SiLU except at the end of a block. What the
//! weights do not tell is their origin ([`Origin`]). The score is a linear layer of a mean, so the same layer applied
//! at every place (output `activation`) is its exact class activation map.

use uvid_kernels::{Builder, Features, Graph, GraphError, Map, Padding, Shape, Weights, WeightsError};

use super::{Network, Pool};

/// Of the first block of each stage.
const STRIDES: [usize; 7] = [1, 2, 2, 2, 1, 2, 1];

/// Where the weights come from; it decides what is padded and what is added to variances.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// Trained in TensorFlow, timm's `tf_…`: "SAME" padding, eps 1e-3.
    TensorFlow,
    /// Trained in timm: half the kernel on all sides, eps 1e-5.
    Torch,
}

impl Origin {
    fn padding(self, b: &Builder<'_>, x: Map, kernel: usize, stride: usize) -> Padding {
        match (self, b.shape(x)) {
            (Self::TensorFlow, Shape::Map { rows, columns, .. }) => Padding::same(rows, columns, kernel, stride),
            (Self::TensorFlow, Shape::Features { .. }) => Padding::default(),
            (Self::Torch, _) => Padding::from((kernel + stride).saturating_sub(2) / 2),
        }
    }

    fn conv(self, b: &Builder<'_>, x: Map, out: usize, kernel: usize, stride: usize) -> Result<Map, GraphError> {
        b.conv(x, out, kernel, stride, self.padding(b, x, kernel, stride), false)
    }

    fn norm(self, b: &Builder<'_>, x: Map) -> Map {
        b.batch_norm_with(x, if self == Self::TensorFlow { 1e-3 } else { 1e-5 })
    }

    fn activated_norm(self, b: &Builder<'_>, x: Map) -> Map {
        b.silu(self.norm(b, x))
    }
}

/// The layers of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// One convolution (`conv`).
    Plain,
    /// A convolution that widens (`conv_exp`), one of 1 x 1 that narrows (`conv_pwl`).
    Fused,
    /// A depthwise convolution (`conv_dw`), one of 1 x 1 (`conv_pw`).
    Separable,
    /// One of 1 x 1 that widens (`conv_pw`), a depthwise one (`conv_dw`), one of 1 x 1 that narrows (`conv_pwl`).
    Inverted,
}

/// A block as its tensors show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Block {
    kind: Kind,
    kernel: usize,
    /// Channels between widening and narrowing.
    middle: usize,
    /// Channels between the two layers of squeeze and excitation, where there are any.
    squeeze: Option<usize>,
}

/// What the tensors' names and shapes say of a network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Plan {
    stem: usize,
    stages: Vec<Vec<Block>>,
    head: usize,
}

/// The dimensions of a kernel: out, in, rows, columns.
fn kernel(weights: &Weights, name: &str) -> Option<[usize; 4]> {
    weights.get(name).and_then(|t| t.dims().try_into().ok())
}

fn needed(weights: &Weights, name: &str) -> Result<[usize; 4], WeightsError> {
    kernel(weights, name).ok_or_else(|| WeightsError::Missing(vec![name.to_owned()]))
}

impl Plan {
    pub(super) fn of(weights: &Weights, network: &Network) -> Result<Self, WeightsError> {
        let stage = |(stage, depth): (usize, &usize)| {
            (0..*depth).map(|i| Block::of(weights, &format!("blocks.{stage}.{i}"))).collect::<Result<_, _>>()
        };
        Ok(Self {
            stem: needed(weights, "conv_stem.weight")?[0],
            stages: network.depths.iter().enumerate().map(stage).collect::<Result<_, _>>()?,
            head: needed(weights, "conv_head.weight")?[0],
        })
    }

    /// The network for an input of these channels, rows and columns; its outputs are `logits` and, where these are a mean
    /// over places, `activation`.
    pub(super) fn describe(
        &self,
        origin: Origin,
        network: &Network,
        classes: usize,
        channels: usize,
        [rows, columns]: [usize; 2],
    ) -> Result<Graph, GraphError> {
        Graph::build(|b| {
            let x = b.input_maps(1, channels, rows, columns);
            let x = origin.conv(&b.pp("conv_stem"), x, self.stem, 3, 2)?;
            let bn1 = b.pp("bn1");
            let mut x = bn1.mark(origin.activated_norm(&bn1, x));
            for (s, ((blocks, width), stride)) in self.stages.iter().zip(&network.widths).zip(STRIDES).enumerate() {
                let stage = b.pp("blocks").pp(s);
                for (i, block) in blocks.iter().enumerate() {
                    x = block.describe(&stage.pp(i), origin, x, *width, if i == 0 { stride } else { 1 })?;
                }
                stage.mark(x);
            }
            let x = origin.conv(&b.pp("conv_head"), x, self.head, 1, 1)?;
            let bn2 = b.pp("bn2");
            let x = bn2.mark(origin.activated_norm(&bn2, x));
            let classifier = b.pp("classifier");
            if network.pool == Pool::Mean {
                b.output("activation", classifier.linear(x, classes, true));
            }
            b.output("logits", classifier.linear(network.pool.of(b, x), classes, true));
            Ok(())
        })
    }
}

impl Block {
    fn of(weights: &Weights, at: &str) -> Result<Self, WeightsError> {
        let name = |layer: &str| format!("{at}.{layer}.weight");
        let has = |layer: &str| weights.get(&name(layer)).is_some();
        // The layer that has the kernel gives the channels in between as well.
        let (kind, layer) = if has("conv") {
            (Kind::Plain, "conv")
        } else if has("conv_exp") {
            (Kind::Fused, "conv_exp")
        } else if has("conv_pwl") {
            (Kind::Inverted, "conv_dw")
        } else {
            (Kind::Separable, "conv_dw")
        };
        let [middle, _, kernel_size, _] = needed(weights, &name(layer))?;
        let squeeze = kernel(weights, &name("se.conv_reduce")).map(|[out, ..]| out);
        Ok(Self { kind, kernel: kernel_size, middle, squeeze })
    }

    /// With a shortcut where the shape stays.
    fn describe(&self, b: &Builder<'_>, origin: Origin, x: Map, out: usize, stride: usize) -> Result<Map, GraphError> {
        let (k, o) = (self.kernel, origin);
        let depthwise = |x: Map| {
            let dw = b.pp("conv_dw");
            dw.depthwise_conv(x, k, stride, o.padding(&dw, x, k, stride), false)
        };
        let y = match self.kind {
            Kind::Plain => o.activated_norm(&b.pp("bn1"), o.conv(&b.pp("conv"), x, out, k, stride)?),
            Kind::Fused => {
                let y = o.activated_norm(&b.pp("bn1"), o.conv(&b.pp("conv_exp"), x, self.middle, k, stride)?);
                let y = self.squeezed(b, y)?;
                o.norm(&b.pp("bn2"), o.conv(&b.pp("conv_pwl"), y, out, 1, 1)?)
            }
            Kind::Separable => {
                let y = self.squeezed(b, o.activated_norm(&b.pp("bn1"), depthwise(x)?))?;
                o.norm(&b.pp("bn2"), o.conv(&b.pp("conv_pw"), y, out, 1, 1)?)
            }
            Kind::Inverted => {
                let y = o.activated_norm(&b.pp("bn1"), o.conv(&b.pp("conv_pw"), x, self.middle, 1, 1)?);
                let y = self.squeezed(b, o.activated_norm(&b.pp("bn2"), depthwise(y)?))?;
                o.norm(&b.pp("bn3"), o.conv(&b.pp("conv_pwl"), y, out, 1, 1)?)
            }
        };
        if stride == 1 && b.shape(x).channels() == out { b.add(y, x) } else { Ok(y) }
    }

    /// Squeeze and excitation: each channel times a factor that the means of all channels decide.
    fn squeezed(&self, b: &Builder<'_>, x: Map) -> Result<Map, GraphError> {
        let Some(squeeze) = self.squeeze else { return Ok(x) };
        let se = b.pp("se");
        let means = b.as_pixel(b.mean_over_map(x));
        let y = b.silu(se.pp("conv_reduce").conv(means, squeeze, 1, 1, 0, true)?);
        let y = se.pp("conv_expand").conv(y, b.shape(x).channels(), 1, 1, 0, true)?;
        let factors: Features = b.as_features(b.sigmoid(y))?;
        b.mul_channels(x, factors)
    }
}

/// EfficientNetV2-S (arXiv 2104.00298, table 4) as timm builds it, for one class of a grey image in three channels.
pub(crate) fn v2_s(input: [usize; 2]) -> Result<Graph, GraphError> {
    let depths = [2, 4, 4, 6, 9, 15];
    let widths = [24, 48, 64, 128, 160, 256];
    // The first block of a stage widens what the stage before it gives.
    let stage = |s: usize| {
        let block = |i: usize| {
            let from = if i > 0 { widths[s] } else { widths[s.saturating_sub(1)] };
            let (kind, middle) = match s {
                0 => (Kind::Plain, widths[0]),
                1 | 2 => (Kind::Fused, 4 * from),
                3 => (Kind::Inverted, 4 * from),
                _ => (Kind::Inverted, 6 * from),
            };
            Block { kind, kernel: 3, middle, squeeze: (kind == Kind::Inverted).then_some(from / 4) }
        };
        (0..depths[s]).map(block).collect()
    };
    let plan = Plan { stem: 24, stages: (0..depths.len()).map(stage).collect(), head: 1280 };
    let network = Network {
        family: super::Family::Efficientnet,
        depths: depths.to_vec(),
        widths: widths.to_vec(),
        pool: Pool::Mean,
    };
    plan.describe(Origin::Torch, &network, 1, 3, input)
}

/// Small networks, of odd sizes, for the test that runs every architecture on every backend.
#[cfg(test)]
pub(crate) fn examples() -> Vec<Graph> {
    let block = |kind, kernel, middle, squeeze| Block { kind, kernel, middle, squeeze };
    let stages = vec![
        vec![block(Kind::Separable, 3, 16, Some(4)), block(Kind::Plain, 3, 9, None)],
        vec![block(Kind::Fused, 3, 24, None), block(Kind::Fused, 3, 24, Some(3))],
        vec![block(Kind::Inverted, 5, 40, Some(5))],
        vec![block(Kind::Inverted, 3, 33, Some(2)), block(Kind::Inverted, 3, 48, None)],
        vec![block(Kind::Inverted, 5, 32, None)],
        vec![block(Kind::Inverted, 3, 32, None)],
    ];
    let plan = Plan { stem: 16, stages, head: 50 };
    let network = |pool| Network {
        family: super::Family::Efficientnet,
        depths: vec![2, 2, 1, 2, 1, 1],
        widths: vec![9, 16, 20, 24, 32, 37],
        pool,
    };
    let graph = |origin, pool| plan.describe(origin, &network(pool), 4, 3, [75, 70]).expect("fits");
    vec![graph(Origin::Torch, Pool::Mean), graph(Origin::TensorFlow, Pool::Max)]
}
