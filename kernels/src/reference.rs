//! The reference executor: candle's operations, one node after the other, on the CPU, in f32 or in f64.
//!
//! It is meant to be read beside a paper. What is fast is elsewhere and held to this: to its results in f64, with a
//! tolerance that its own f32 results set.

use candle_core::{D, DType, Device, Tensor};
use rayon::prelude::*;

use crate::Outputs;
use crate::graph::{Graph, NodeId, Shape};
use crate::op::{Op, Padding, Parameter};
use crate::weights::{Weights, WeightsError};

/// A network with its weights.
#[derive(Debug, Clone)]
pub struct Reference {
    graph: Graph,
    weights: Weights,
    /// For each node, the last node that uses it.
    last_use: Vec<usize>,
    /// In which it computes.
    dtype: DType,
}

impl Reference {
    /// Demands that the weights serve the network.
    pub fn new(graph: Graph, weights: Weights) -> Result<Self, WeightsError> {
        Self::with_dtype(graph, weights, DType::F32)
    }

    /// The same in f64, results too: what rounding does to the others can be told by it.
    pub fn in_f64(graph: Graph, weights: &Weights) -> Result<Self, WeightsError> {
        Self::with_dtype(graph, weights.to_f64()?, DType::F64)
    }

    fn with_dtype(graph: Graph, weights: Weights, dtype: DType) -> Result<Self, WeightsError> {
        weights.check(&graph)?;
        let mut last_use = vec![0; graph.nodes().len()];
        for (i, node) in graph.nodes().iter().enumerate() {
            for input in &node.inputs {
                last_use[input.index()] = i;
            }
        }
        Ok(Self { graph, weights, last_use, dtype })
    }

    /// The network.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// Runs a batch; a result, or what becomes a share of 1, that is no finite number is an error. Input `i` has the
    /// shape that the graph declares, with batch * `per_item` first.
    pub fn run(&self, inputs: &[Tensor]) -> candle_core::Result<Outputs> {
        self.run_with_marks(inputs, &[])
    }

    /// Runs a batch and also returns intermediate values by the names they are marked with.
    pub fn run_with_marks(&self, inputs: &[Tensor], marks: &[&str]) -> candle_core::Result<Outputs> {
        self.graph.batch(inputs.iter().map(Tensor::dims))?;
        let mut wanted: Vec<(String, NodeId)> = self.graph.outputs().iter().map(|(n, id)| (n.clone(), *id)).collect();
        for mark in marks {
            match self.graph.marks().get(*mark) {
                Some(id) => wanted.push(((*mark).to_owned(), *id)),
                None => candle_core::bail!("no value is marked {mark}"),
            }
        }
        let mut results = Outputs::new();
        let mut values: Vec<Option<Tensor>> = vec![None; self.graph.nodes().len()];
        for (i, node) in self.graph.nodes().iter().enumerate() {
            let arguments: Vec<Tensor> = node.inputs.iter().filter_map(|id| values[id.index()].clone()).collect();
            if matches!(node.op, Op::Sigmoid | Op::Tanh | Op::SoftmaxOverChannels { .. } | Op::SoftmaxOverItem { .. }) {
                // They would make a share of 0 or 1 of an infinity.
                arguments.iter().try_for_each(finite)?;
            }
            let value = self.step(&node.op, node.shape, &arguments, inputs)?;
            for (name, _) in wanted.iter().filter(|(_, id)| id.index() == i) {
                finite(&value)?;
                results.insert(name.clone(), value.clone());
            }
            values[i] = Some(value);
            drop(arguments);
            for input in node.inputs.iter().filter(|id| self.last_use[id.index()] == i) {
                values[input.index()] = None;
            }
        }
        Ok(results)
    }

    fn step(&self, op: &Op, shape: Shape, x: &[Tensor], inputs: &[Tensor]) -> candle_core::Result<Tensor> {
        match op {
            Op::Input(index) => inputs[*index].to_dtype(self.dtype),
            Op::Conv { weight, bias, stride, padding } => {
                let weight = self.parameter(weight)?;
                let y = match padding.uniform() {
                    Some(n) => x[0].conv2d(weight, n, *stride, 1, 1)?,
                    None => pad(&x[0], *padding, 0.0)?.conv2d(weight, 0, *stride, 1, 1)?,
                };
                self.biased(y, bias.as_ref())
            }
            Op::DepthwiseConv { weight, bias, stride, padding } => {
                let y = depthwise(&pad(&x[0], *padding, 0.0)?, self.parameter(weight)?, *stride)?;
                self.biased(y, bias.as_ref())
            }
            Op::BatchNorm { weight, bias, mean, var, eps } => {
                let scale = (self.parameter(weight)? / (self.parameter(var)? + *eps)?.sqrt()?)?;
                let shift = (self.parameter(bias)? - (self.parameter(mean)? * &scale)?)?;
                x[0].broadcast_mul(&beside(&scale, &x[0])?)?.broadcast_add(&beside(&shift, &x[0])?)
            }
            Op::LayerNorm { weight, bias, eps } => {
                let centred = x[0].broadcast_sub(&x[0].mean_keepdim(1)?)?;
                let deviation = (centred.sqr()?.mean_keepdim(1)? + *eps)?.sqrt()?;
                let y = centred.broadcast_div(&deviation)?;
                self.biased(y.broadcast_mul(&beside(self.parameter(weight)?, &x[0])?)?, Some(bias))
            }
            Op::ScaleChannels { weight } => x[0].broadcast_mul(&beside(self.parameter(weight)?, &x[0])?),
            Op::Table { weight } => x[0].matmul(self.parameter(weight)?),
            Op::Linear { weight, bias } => {
                let weight = self.parameter(weight)?;
                let y = match x[0].rank() {
                    4 => x[0].conv2d(&weight.unsqueeze(2)?.unsqueeze(3)?, 0, 1, 1, 1)?,
                    _ => x[0].matmul(&weight.t()?)?,
                };
                self.biased(y, bias.as_ref())
            }
            Op::Relu => x[0].relu(),
            Op::Sigmoid => candle_nn::ops::sigmoid(&x[0]),
            Op::Tanh => x[0].tanh(),
            Op::Gelu => x[0].gelu_erf(),
            Op::Silu => x[0].silu(),
            Op::MaxPool { kernel, stride, padding } => {
                pad(&x[0], *padding, f32::NEG_INFINITY)?.max_pool2d_with_stride(*kernel, *stride)
            }
            Op::MeanPool { kernel, stride } => x[0].avg_pool2d_with_stride(*kernel, *stride),
            Op::RepeatChannels(times) => Tensor::cat(&vec![&x[0]; *times], 1),
            Op::MeanOverMap => x[0].mean(D::Minus1)?.mean(D::Minus1),
            Op::MaxOverMap => x[0].flatten_from(2)?.max(D::Minus1),
            Op::Add => &x[0] + &x[1],
            Op::Mul => &x[0] * &x[1],
            Op::MulChannels => x[0].broadcast_mul(&x[1].unsqueeze(2)?.unsqueeze(3)?),
            Op::Concat => Tensor::cat(x, 1),
            Op::Reshape | Op::JoinItem { .. } => x[0].reshape(dims(&x[0], shape)),
            Op::SliceChannels { from } => x[0].narrow(1, *from, shape.channels())?.contiguous(),
            Op::SoftmaxOverChannels { group } => {
                let grouped = x[0].reshape(((), x[0].dim(1)? / group, *group))?;
                candle_nn::ops::softmax(&grouped, 2)?.reshape(x[0].shape())
            }
            Op::SoftmaxOverItem { vectors } => {
                let dims = x[0].dims().to_vec();
                candle_nn::ops::softmax(&x[0].reshape(((), *vectors, dims[1]))?, 1)?.reshape(dims)
            }
            Op::WeightedSumOverItem { vectors } => by_item(&x[1].broadcast_mul(&x[0])?, *vectors)?.sum(1),
            Op::MeanOverItem { vectors } => by_item(&x[0], *vectors)?.mean(1),
            Op::MaxOverItem { vectors } => by_item(&x[0], *vectors)?.max(1),
            Op::Attention { vectors, heads } => {
                let part = shape.channels() / heads;
                let split = |x: &Tensor| x.reshape(((), *vectors, *heads, part))?.transpose(1, 2)?.contiguous();
                let (q, k, v) = (split(&x[0])?, split(&x[1])?, split(&x[2])?);
                let likeness = (q.matmul(&k.t()?)? / (part as f64).sqrt())?;
                let y = candle_nn::ops::softmax(&likeness, D::Minus1)?.matmul(&v)?;
                y.transpose(1, 2)?.reshape(x[0].shape())
            }
        }
    }

    /// With the bias added to every channel.
    fn biased(&self, y: Tensor, bias: Option<&Parameter>) -> candle_core::Result<Tensor> {
        match bias {
            Some(bias) => y.broadcast_add(&beside(self.parameter(bias)?, &y)?),
            None => Ok(y),
        }
    }

    fn parameter(&self, p: &Parameter) -> candle_core::Result<&Tensor> {
        self.weights.get(&p.name).ok_or_else(|| candle_core::Error::msg(format!("{} is not loaded", p.name)))
    }
}

/// Demands that every element is a number.
fn finite(x: &Tensor) -> candle_core::Result<()> {
    if x.to_dtype(DType::F64)?.flatten_all()?.to_vec1::<f64>()?.iter().all(|v| v.is_finite()) {
        return Ok(());
    }
    candle_core::bail!("a value inside the network is no finite number")
}

/// A value for each channel, in the form that is broadcast over `x`.
fn beside(channels: &Tensor, x: &Tensor) -> candle_core::Result<Tensor> {
    match x.rank() {
        4 => channels.reshape((1, (), 1, 1)),
        _ => channels.reshape((1, ())),
    }
}

/// (items, vectors, channels).
fn by_item(x: &Tensor, vectors: usize) -> candle_core::Result<Tensor> {
    x.reshape(((), vectors, x.dim(1)?))
}

/// The dimensions of a value of this shape that has as many elements as `x`.
fn dims(x: &Tensor, shape: Shape) -> Vec<usize> {
    let rest = match shape {
        Shape::Map { channels, rows, columns, .. } => vec![channels, rows, columns],
        Shape::Features { channels, .. } => vec![channels],
    };
    let n = x.elem_count() / rest.iter().product::<usize>().max(1);
    std::iter::once(n).chain(rest).collect()
}

/// The map with rows and columns of `value` around it.
fn pad(x: &Tensor, p: Padding, value: f32) -> candle_core::Result<Tensor> {
    let (n, c, h, w) = x.dims4()?;
    let x = between(x, p.left, p.right, 3, |count| {
        Tensor::full(value, (n, c, h, count), &Device::Cpu)?.to_dtype(x.dtype())
    })?;
    let w = w + p.left + p.right;
    between(&x, p.top, p.bottom, 2, |count| Tensor::full(value, (n, c, count, w), &Device::Cpu)?.to_dtype(x.dtype()))
}

fn between(
    x: &Tensor,
    before: usize,
    after: usize,
    dim: usize,
    filled: impl Fn(usize) -> candle_core::Result<Tensor>,
) -> candle_core::Result<Tensor> {
    let mut parts = vec![x.clone()];
    if before > 0 {
        parts.insert(0, filled(before)?);
    }
    if after > 0 {
        parts.push(filled(after)?);
    }
    if parts.len() == 1 { Ok(x.clone()) } else { Tensor::cat(&parts, dim) }
}

/// Each channel correlated with a kernel of its own, without padding. candle's grouped convolution would run a
/// convolution for every channel.
fn depthwise(x: &Tensor, weight: &Tensor, stride: usize) -> candle_core::Result<Tensor> {
    let dtype = x.dtype();
    let (n, c, h, w) = x.dims4()?;
    let (_, _, kernel, _) = weight.dims4()?;
    let (rows, columns) = ((h - kernel) / stride + 1, (w - kernel) / stride + 1);
    let doubles = |t: &Tensor| t.to_dtype(DType::F64)?.flatten_all()?.to_vec1::<f64>();
    let (x, weight) = (doubles(x)?, doubles(weight)?);
    let mut y = vec![0f64; n * c * rows * columns];
    y.par_chunks_exact_mut(rows * columns).enumerate().for_each(|(plane, y)| {
        let x = &x[plane * h * w..][..h * w];
        let taps = &weight[plane % c * kernel * kernel..][..kernel * kernel];
        for (r, line) in y.chunks_exact_mut(columns).enumerate() {
            for (tap, factor) in taps.iter().enumerate() {
                let from = &x[(r * stride + tap / kernel) * w + tap % kernel..];
                line.iter_mut().zip(from.iter().step_by(stride)).for_each(|(y, x)| *y += factor * x);
            }
        }
    });
    Tensor::from_vec(y, (n, c, rows, columns), &Device::Cpu)?.to_dtype(dtype)
}

#[cfg(test)]
#[path = "reference_tests.rs"]
mod tests;
