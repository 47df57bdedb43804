//! A graph with its weights as stages: one for each node, before anything is fused.
//!
//! Norms become affine functions of a channel, linear layers and tables convolutions of 1 x 1; parameters are read once
//! and kept in f64 until the kernels are chosen, so that what is folded into them is rounded once.

use crate::graph::{Graph, Shape};
use crate::op::{Op, Padding, Parameter};
use crate::weights::Weights;

use super::step::{Activation, Size, Tail, Window};

/// `x * scale + shift`, channel by channel.
#[derive(Debug, Clone)]
pub(super) struct Affine {
    pub(super) scale: Vec<f64>,
    pub(super) shift: Vec<f64>,
}

/// Weights of a convolution.
#[derive(Debug, Clone)]
pub(super) struct Kernels {
    /// `[out, in, rows, columns]`; of a depthwise one `[channels, 1, rows, columns]`.
    pub(super) weight: Vec<f64>,
    /// `[out]`.
    pub(super) bias: Vec<f64>,
    /// Rows and columns.
    pub(super) kernel: usize,
    /// Step.
    pub(super) stride: usize,
    /// Zeros around the input.
    pub(super) padding: Padding,
}

/// What a stage computes before its epilogue.
#[derive(Debug, Clone)]
pub(super) enum Compute {
    /// The network's input of this index.
    Input(usize),
    /// A convolution.
    Conv(Kernels),
    /// A convolution of the network's input, and a max pool behind it if there is one.
    Stem(Kernels, Option<Window>),
    /// A convolution of each channel by itself.
    Depthwise(Kernels),
    /// A pool by maximum.
    MaxPool(Window),
    /// A pool by mean.
    MeanPool(Window),
    /// Its input.
    Identity,
    /// Its first input, each channel times a factor.
    Factors,
    /// An affine function of its input.
    Affine(Affine),
    /// A norm over channels.
    LayerNorm(Affine, f64),
    /// Its input, so many times over.
    Repeat(usize),
    /// The second input's channels after the first's.
    Concat,
    /// The same values under another shape.
    Alias(Alias),
    /// The rest: reductions and what is done with vectors.
    Tail(Tail),
}

/// The same values under another shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Alias {
    /// A vector as a map of one pixel, or back.
    Reshape,
    /// Channels from one on.
    Slice(usize),
    /// An item's vectors as one.
    Join(usize),
}

/// A node on its way to being a step. Values are named by the node that computed them in the graph.
#[derive(Debug, Clone)]
pub(super) struct Stage {
    pub(super) name: String,
    pub(super) compute: Compute,
    /// What it reads, without the residual.
    pub(super) x: Vec<usize>,
    /// Added before the activation.
    pub(super) residual: Option<usize>,
    pub(super) activation: Activation,
    /// The value that it gives.
    pub(super) first: usize,
    /// The value that it gives besides: an affine function of the first, activated.
    pub(super) second: Option<(usize, Affine, Activation)>,
}

/// H, W, C, and how many an item.
pub(crate) fn size(shape: Shape) -> (Size, usize) {
    match shape {
        Shape::Map { per_item, channels, rows, columns } => (Size { rows, columns, channels }, per_item),
        Shape::Features { per_item, channels } => (Size { rows: 1, columns: 1, channels }, per_item),
    }
}

/// The stages of a graph, by node.
pub(super) fn lower(graph: &Graph, weights: &Weights) -> candle_core::Result<Vec<Option<Stage>>> {
    let nodes = graph.nodes();
    let stage = |(at, node): (usize, &crate::graph::Node)| {
        let x: Vec<usize> = node.inputs.iter().map(|id| id.index()).collect();
        let (mut residual, mut activation) = (None, Activation::None);
        let read = |p: &Parameter| values(weights, p);
        let channels = node.shape.channels();
        let bias = |b: &Option<Parameter>| b.as_ref().map_or_else(|| Ok(vec![0.0; channels]), read);
        let pointwise =
            |weight, bias| Compute::Conv(Kernels { weight, bias, kernel: 1, stride: 1, padding: Padding::default() });
        let kernels = |weight: &Parameter, b, stride: usize, padding: Padding| {
            let kernel = weight.shape.last().copied().unwrap_or(1);
            candle_core::Result::Ok(Kernels { weight: read(weight)?, bias: bias(b)?, kernel, stride, padding })
        };
        let identity = |a: Activation, activation: &mut Activation| {
            *activation = a;
            Compute::Identity
        };
        let compute = match &node.op {
            Op::Input(index) => Compute::Input(*index),
            Op::Conv { weight, bias, stride, padding } => Compute::Conv(kernels(weight, bias, *stride, *padding)?),
            Op::DepthwiseConv { weight, bias, stride, padding } => {
                Compute::Depthwise(kernels(weight, bias, *stride, *padding)?)
            }
            Op::Linear { weight, bias: b } => pointwise(read(weight)?, bias(b)?),
            Op::Table { weight } => {
                let (w, inputs) = (read(weight)?, weight.shape.first().copied().unwrap_or(0));
                let transposed = (0..channels).flat_map(|o| (0..inputs).map(move |i| i * channels + o));
                pointwise(transposed.map(|at| w[at]).collect(), vec![0.0; channels])
            }
            Op::BatchNorm { weight, bias, mean, var, eps } => {
                let (w, b, mean, var) = (read(weight)?, read(bias)?, read(mean)?, read(var)?);
                let scale: Vec<f64> = w.iter().zip(&var).map(|(w, v)| w / (v + eps).sqrt()).collect();
                let shift = b.iter().zip(mean.iter().zip(&scale)).map(|(b, (m, s))| b - m * s).collect();
                Compute::Affine(Affine { scale, shift })
            }
            Op::ScaleChannels { weight } => {
                Compute::Affine(Affine { scale: read(weight)?, shift: vec![0.0; channels] })
            }
            Op::LayerNorm { weight, bias, eps } => {
                Compute::LayerNorm(Affine { scale: read(weight)?, shift: read(bias)? }, *eps)
            }
            Op::Relu => identity(Activation::Relu, &mut activation),
            Op::Gelu => identity(Activation::Gelu, &mut activation),
            Op::Silu => identity(Activation::Silu, &mut activation),
            Op::Sigmoid => identity(Activation::Sigmoid, &mut activation),
            Op::MaxPool { kernel, stride, padding } => {
                Compute::MaxPool(Window { kernel: *kernel, stride: *stride, padding: *padding })
            }
            Op::MeanPool { kernel, stride } => {
                Compute::MeanPool(Window { kernel: *kernel, stride: *stride, padding: Padding::default() })
            }
            Op::Add => {
                residual = x.get(1).copied();
                Compute::Identity
            }
            Op::RepeatChannels(times) => Compute::Repeat(*times),
            Op::Concat => Compute::Concat,
            Op::Reshape => Compute::Alias(Alias::Reshape),
            Op::SliceChannels { from } => Compute::Alias(Alias::Slice(*from)),
            Op::JoinItem { vectors } => Compute::Alias(Alias::Join(*vectors)),
            Op::Tanh => Compute::Tail(Tail::Tanh),
            Op::Mul => Compute::Tail(Tail::Mul),
            Op::MulChannels => Compute::Factors,
            Op::MeanOverMap => Compute::Tail(Tail::MeanOverMap),
            Op::MaxOverMap => Compute::Tail(Tail::MaxOverMap),
            Op::SoftmaxOverChannels { group } => Compute::Tail(Tail::SoftmaxOverChannels(*group)),
            Op::SoftmaxOverItem { vectors } => Compute::Tail(Tail::SoftmaxOverItem(*vectors)),
            Op::WeightedSumOverItem { vectors } => Compute::Tail(Tail::WeightedSumOverItem(*vectors)),
            Op::MeanOverItem { vectors } => Compute::Tail(Tail::MeanOverItem(*vectors)),
            Op::MaxOverItem { vectors } => Compute::Tail(Tail::MaxOverItem(*vectors)),
            Op::Attention { vectors, heads } => Compute::Tail(Tail::Attention { vectors: *vectors, heads: *heads }),
        };
        let x = if residual.is_some() { x[..1].to_vec() } else { x };
        let name = name(&node.op);
        Ok(Some(Stage { name, compute, x, residual, activation, first: at, second: None }))
    };
    nodes.iter().enumerate().map(stage).collect()
}

/// Where in the checkpoint a node is.
fn name(op: &Op) -> String {
    let of = |p: &&Parameter| p.name.rsplit_once('.').map_or(p.name.clone(), |(layer, _)| layer.to_owned());
    op.parameters().first().map(of).unwrap_or_default()
}

/// A parameter's values.
fn values(weights: &Weights, p: &Parameter) -> candle_core::Result<Vec<f64>> {
    let tensor = weights.get(&p.name).ok_or_else(|| candle_core::Error::msg(format!("{} is not loaded", p.name)))?;
    let values = tensor.flatten_all()?.to_vec1::<f32>()?;
    Ok(values.into_iter().map(f64::from).collect())
}
