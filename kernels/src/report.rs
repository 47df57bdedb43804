//! What a compiled network does, for people.

use std::time::Duration;

use candle_core::{Device, Tensor};

use crate::Outputs;
use crate::compile::{Plan, Read, Size, Step, size};
use crate::graph::{Graph, Shape};

/// One step of a compiled network, for people.
#[derive(Debug, Clone, PartialEq)]
pub struct StepReport {
    /// The layer whose weights it has; empty if it has none.
    pub layer: String,
    /// How it is computed.
    pub kernel: String,
    /// Rows, columns and channels of the first input.
    pub input: [usize; 3],
    /// Rows, columns and channels of the output.
    pub output: [usize; 3],
    /// Outputs for each item.
    pub per_item: usize,
    /// Floating-point operations for one item, as the layer is defined; a multiply-add is two.
    pub flops: u64,
    /// Bytes of values that one item has it read and write.
    pub bytes: u64,
    /// Bytes of packed weights.
    pub weight_bytes: usize,
    /// Of the last timed run.
    pub time: Duration,
}

/// Where the time of a run on a device goes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stages {
    /// Inputs to the device, from memory that it reads by itself.
    pub up: Duration,
    /// The steps.
    pub network: Duration,
    /// Results from the device.
    pub down: Duration,
}

impl Plan {
    /// What the plan knows of a step; values are of so many bytes.
    pub(crate) fn report(&self, graph: &Graph, step: &Step, bytes: usize) -> StepReport {
        let shape = |size: Size| [size.rows, size.columns, size.channels];
        let read = |read: &Read| match read {
            Read::Input(index) => graph.inputs().nth(*index).map(size),
            Read::Value(value) => Some(self.sizes[*value]),
        };
        let inputs: Vec<(Size, usize)> = step.x.iter().filter_map(read).collect();
        let outputs: Vec<(Size, usize)> = step.y.iter().map(|value| self.sizes[*value]).collect();
        let values: usize = inputs.iter().chain(&outputs).map(|(s, n)| n * s.pixels() * s.channels).sum();
        StepReport {
            layer: step.name.clone(),
            kernel: String::new(),
            input: inputs.first().map_or([0; 3], |(s, _)| shape(*s)),
            output: outputs.first().map_or([0; 3], |(s, _)| shape(*s)),
            per_item: step.per_item,
            flops: 0,
            bytes: (values * bytes) as u64,
            weight_bytes: 0,
            time: Duration::ZERO,
        }
    }

    /// The values that are handed out, as tensors of a batch.
    pub(crate) fn named(&self, graph: &Graph, values: Vec<Vec<f32>>, batch: usize) -> candle_core::Result<Outputs> {
        let tensor = |((name, value), values): (&(String, usize), Vec<f32>)| {
            let (size, per_item) = self.sizes[*value];
            let n = batch * per_item;
            let tensor = match graph.nodes()[*value].shape {
                Shape::Map { .. } => {
                    Tensor::from_vec(values, (n, size.channels, size.rows, size.columns), &Device::Cpu)
                }
                Shape::Features { .. } => Tensor::from_vec(values, (n, size.channels), &Device::Cpu),
            };
            Ok((name.clone(), tensor?))
        };
        self.wanted.iter().zip(values).map(tensor).collect()
    }
}
