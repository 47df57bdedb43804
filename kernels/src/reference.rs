//! The reference executor: candle's operations, one node after the other, f32, on the CPU.
//!
//! It is meant to be read beside a paper. What is fast is elsewhere and held to this.

use candle_core::{D, Device, Tensor};

use crate::Outputs;
use crate::graph::{Graph, NodeId, Op, Parameter, Shape};
use crate::weights::{Weights, WeightsError};

/// A network with its weights.
#[derive(Debug, Clone)]
pub struct Reference {
    graph: Graph,
    weights: Weights,
    /// For each node, the last node that uses it.
    last_use: Vec<usize>,
}

impl Reference {
    /// Demands that the weights serve the network.
    pub fn new(graph: Graph, weights: Weights) -> Result<Self, WeightsError> {
        weights.check(&graph)?;
        let mut last_use = vec![0; graph.nodes().len()];
        for (i, node) in graph.nodes().iter().enumerate() {
            for input in &node.inputs {
                last_use[input.index()] = i;
            }
        }
        Ok(Self { graph, weights, last_use })
    }

    /// The network.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// Runs a batch: input `i` has the shape that the graph declares, with batch * `per_item` first.
    pub fn run(&self, inputs: &[Tensor]) -> candle_core::Result<Outputs> {
        self.run_with_marks(inputs, &[])
    }

    /// Runs a batch and also returns intermediate values by the names they are marked with.
    pub fn run_with_marks(&self, inputs: &[Tensor], marks: &[&str]) -> candle_core::Result<Outputs> {
        self.check_inputs(inputs)?;
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
            let value = self.step(&node.op, &arguments, inputs)?;
            for (name, _) in wanted.iter().filter(|(_, id)| id.index() == i) {
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

    fn check_inputs(&self, inputs: &[Tensor]) -> candle_core::Result<()> {
        if inputs.len() != self.graph.inputs().len() {
            candle_core::bail!("{} inputs given, the network has {}", inputs.len(), self.graph.inputs().len());
        }
        let mut batch = None;
        for (tensor, shape) in inputs.iter().zip(self.graph.inputs()) {
            let (per_item, rest) = match shape {
                Shape::Map { per_item, channels, rows, columns } => (per_item, vec![channels, rows, columns]),
                Shape::Features { per_item, channels } => (per_item, vec![channels]),
            };
            let n = tensor.dim(0)?;
            let fits = tensor.dims()[1..] == rest[..] && n > 0 && n.is_multiple_of(per_item);
            if !fits || batch.is_some_and(|b| b != n / per_item) {
                candle_core::bail!("an input of shape {:?} is not a batch of {shape:?}", tensor.dims());
            }
            batch = Some(n / per_item);
        }
        Ok(())
    }

    fn step(&self, op: &Op, x: &[Tensor], inputs: &[Tensor]) -> candle_core::Result<Tensor> {
        match op {
            Op::Input(index) => Ok(inputs[*index].clone()),
            Op::Conv { weight, bias, stride, padding } => {
                let y = x[0].conv2d(self.parameter(weight)?, *padding, *stride, 1, 1)?;
                match bias {
                    Some(bias) => y.broadcast_add(&self.parameter(bias)?.reshape((1, (), 1, 1))?),
                    None => Ok(y),
                }
            }
            Op::BatchNorm { weight, bias, mean, var, eps } => {
                let scale = (self.parameter(weight)? / (self.parameter(var)? + *eps)?.sqrt()?)?;
                let shift = (self.parameter(bias)? - (self.parameter(mean)? * &scale)?)?;
                let channelwise = |t: Tensor| t.reshape((1, (), 1, 1));
                x[0].broadcast_mul(&channelwise(scale)?)?.broadcast_add(&channelwise(shift)?)
            }
            Op::Linear { weight, bias } => {
                let y = x[0].matmul(&self.parameter(weight)?.t()?)?;
                match bias {
                    Some(bias) => y.broadcast_add(self.parameter(bias)?),
                    None => Ok(y),
                }
            }
            Op::Relu => x[0].relu(),
            Op::Sigmoid => candle_nn::ops::sigmoid(&x[0]),
            Op::Tanh => x[0].tanh(),
            Op::MaxPool { kernel, stride, padding } => {
                pad(&x[0], *padding, f32::NEG_INFINITY)?.max_pool2d_with_stride(*kernel, *stride)
            }
            Op::RepeatChannels(times) => x[0].repeat((1, *times, 1, 1)),
            Op::MeanOverMap => x[0].mean(D::Minus1)?.mean(D::Minus1),
            Op::MaxOverMap => x[0].flatten_from(2)?.max(D::Minus1),
            Op::Add => &x[0] + &x[1],
            Op::Mul => &x[0] * &x[1],
            Op::Concat => Tensor::cat(x, 1),
            Op::SoftmaxOverItem { vectors } => {
                let dims = x[0].dims().to_vec();
                candle_nn::ops::softmax(&x[0].reshape(((), *vectors, dims[1]))?, 1)?.reshape(dims)
            }
            Op::WeightedSumOverItem { vectors } => {
                let weighted = x[1].broadcast_mul(&x[0])?;
                let channels = weighted.dim(1)?;
                weighted.reshape(((), *vectors, channels))?.sum(1)
            }
        }
    }

    fn parameter(&self, p: &Parameter) -> candle_core::Result<&Tensor> {
        self.weights.get(&p.name).ok_or_else(|| candle_core::Error::msg(format!("{} is not loaded", p.name)))
    }
}

/// The map with `padding` rows and columns of `value` around it.
fn pad(x: &Tensor, padding: usize, value: f32) -> candle_core::Result<Tensor> {
    if padding == 0 {
        return Ok(x.clone());
    }
    let (n, c, h, w) = x.dims4()?;
    let beside = Tensor::full(value, (n, c, h, padding), &Device::Cpu)?;
    let wide = Tensor::cat(&[&beside, x, &beside], 3)?;
    let above = Tensor::full(value, (n, c, padding, w + 2 * padding), &Device::Cpu)?;
    Tensor::cat(&[&above, &wide, &above], 2)
}

#[cfg(test)]
#[path = "reference_tests.rs"]
mod tests;
