//! The fast executor for plain processors: a network compiled once, run many times.
//!
//! [`compile`] turns a graph and its weights into steps: norms folded into convolutions, activations, sums and second
//! outputs fused into the steps that make them, every buffer planned in one arena, weights packed for the vectors of
//! the processor. Maps lie channels last, in blocks of 16 channels. Each kernel is one loop, written once and compiled for
//! every [`InstructionSet`].
//!
//! Invariants:
//! - f32 results are the same bits from run to run, for any number of threads and any batch: no sum's order depends on
//!   them. They differ between instruction sets by roundings.
//! - What is no finite number where it would come out as a number is an error, as in the [reference](crate::Reference).
//! - Unsafe code is in this folder alone. Kernels read and write where the plan says; the plan is checked by the tests,
//!   which run every architecture beside the reference, and the kernels by tests of their own.
#![allow(unsafe_code)]

mod amx;
mod arena;
mod compile;
mod conv;
mod copy;
mod depthwise;
mod functions;
mod isa;
mod kernel;
mod lanes;
mod packed;
mod peak;
mod pointwise;
mod pool;
mod run;
mod tail;
mod team;

use std::time::Duration;

use candle_core::{Device, Tensor};

use crate::Outputs;
use crate::device::DeviceFault;
use crate::graph::{Graph, Shape};
use crate::weights::{Weights, WeightsError};

use compile::{Plan, Read, Step};
use kernel::{Available, Size};
use run::{Items, values};

pub use isa::{InstructionSet, UnknownSet};

/// Bytes of values that a run holds at most, if it has more than one item: more items than fit run group after group.
const ARENA_BYTES_MAX: usize = 128 << 20;

/// What products are computed of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Precision {
    /// f32: 24 bits. Bit for bit the same from run to run.
    #[default]
    F32,
    /// bf16: 8 bits, summed in f32; on GPUs, and where the processor has AMX.
    Bf16,
    /// f16: 11 bits, at most 65504, summed in f32; on GPUs.
    F16,
}

impl std::fmt::Display for Precision {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
            Self::F16 => "f16",
        })
    }
}

/// How a network is compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// With which instructions.
    pub set: InstructionSet,
    /// With which precision.
    pub precision: Precision,
    /// Whether marked values are kept, which forgoes fusions: for those who look inside.
    pub marks: bool,
}

impl Default for Options {
    /// The fastest instructions, f32.
    fn default() -> Self {
        Self { set: InstructionSet::best(), precision: Precision::F32, marks: false }
    }
}

impl InstructionSet {
    /// The floating-point operations a second, in f32, that one thread of this processor could do at most with these
    /// instructions, a multiply-add being two; measured now, in some milliseconds. `None` if it lacks them.
    pub fn peak_flops(self) -> Option<f64> {
        Some(peak::flops(Available::new(self)?))
    }
}

/// Why a network cannot be compiled.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    /// The weights do not serve it.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// The processor lacks what was asked for.
    #[error("this processor has no {0}")]
    Unavailable(&'static str),
    /// A device failed.
    #[error(transparent)]
    Device(#[from] DeviceFault),
    /// A tensor cannot be read.
    #[error(transparent)]
    Tensor(#[from] candle_core::Error),
}

/// A compiled network.
pub struct Cpu {
    graph: Graph,
    plan: Plan,
    options: Options,
}

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

impl Cpu {
    /// Compiles a network.
    ///
    /// # Errors
    ///
    /// The weights do not serve the network, or the processor lacks what was asked for.
    pub fn new(graph: Graph, weights: &Weights, options: Options) -> Result<Self, CompileError> {
        weights.check(&graph)?;
        let set = Available::new(options.set).ok_or(CompileError::Unavailable(options.set.instructions()))?;
        let bf16 = options.precision == Precision::Bf16;
        if options.precision == Precision::F16 {
            return Err(CompileError::Unavailable("f16: it is for GPUs"));
        }
        if bf16 && (options.set != InstructionSet::Avx512 || !amx::is_available()) {
            return Err(CompileError::Unavailable("AMX for bf16, or may not use it: it goes with AVX-512"));
        }
        let plan = compile::compile(&graph, weights, compile::Target { set, bf16, marks: options.marks })?;
        Ok(Self { graph, plan, options })
    }

    /// The network.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// How it was compiled.
    pub fn options(&self) -> Options {
        self.options
    }

    /// Bytes of values that a run of one item holds.
    pub fn arena_bytes(&self) -> usize {
        self.plan.places.length * size_of::<f32>()
    }

    /// Runs a batch; a result, or what becomes a share of 1, that is no finite number is an error. Input `i` has the
    /// shape that the graph declares, with batch * `per_item` first. With [`Options::marks`], marked values are there
    /// as well.
    pub fn run(&self, inputs: &[Tensor]) -> candle_core::Result<Outputs> {
        Ok(self.execute(inputs)?.0)
    }

    /// The same, and what each step took.
    pub fn run_timed(&self, inputs: &[Tensor]) -> candle_core::Result<(Outputs, Vec<StepReport>)> {
        let (outputs, times) = self.execute(inputs)?;
        Ok((outputs, self.plan.steps.iter().zip(times).map(|(step, time)| self.report(step, time)).collect()))
    }

    fn execute(&self, inputs: &[Tensor]) -> candle_core::Result<(Outputs, Vec<Duration>)> {
        let batch = self.graph.batch(inputs)?;
        let inputs: Vec<Tensor> = inputs.iter().map(Tensor::contiguous).collect::<candle_core::Result<_>>()?;
        let stored: Vec<_> = inputs.iter().map(Tensor::storage_and_layout).collect();
        let inputs: Vec<&[f32]> = stored.iter().map(|(s, l)| values(s, l)).collect::<candle_core::Result<_>>()?;
        let mut outputs: Vec<Vec<f32>> = vec![Vec::new(); self.plan.wanted.len()];
        let mut times = vec![Duration::ZERO; self.plan.steps.len()];
        let group = (ARENA_BYTES_MAX / self.arena_bytes().max(1)).max(1);
        for from in (0..batch).step_by(group) {
            let count = group.min(batch - from);
            // In the pool, so that a run has as many threads as there are, not one more.
            rayon::scope(|_| self.plan.run(&inputs, Items { batch, from, count }, &mut outputs, &mut times))?;
        }
        let named = self.plan.wanted.iter().zip(outputs);
        let tensor = |((name, value), values): (&(String, usize), Vec<f32>)| {
            let (size, per_item) = self.plan.sizes[*value];
            let n = batch * per_item;
            let tensor = match self.graph.nodes()[*value].shape {
                Shape::Map { .. } => {
                    Tensor::from_vec(values, (n, size.channels, size.rows, size.columns), &Device::Cpu)
                }
                Shape::Features { .. } => Tensor::from_vec(values, (n, size.channels), &Device::Cpu),
            };
            Ok((name.clone(), tensor?))
        };
        Ok((named.map(tensor).collect::<candle_core::Result<_>>()?, times))
    }

    fn report(&self, step: &Step, time: Duration) -> StepReport {
        let size = |value: usize| self.plan.sizes[value];
        let shape = |size: Size| [size.rows, size.columns, size.channels];
        let inputs: Vec<(Size, usize)> = step
            .x
            .iter()
            .filter_map(|read| match read {
                Read::Input(index) => self.graph.inputs().nth(*index).map(compile::size),
                Read::Value(value) => Some(size(*value)),
            })
            .collect();
        let outputs: Vec<(Size, usize)> = step.y.iter().map(|value| size(*value)).collect();
        let values: usize = inputs.iter().chain(&outputs).map(|(s, n)| n * s.pixels() * s.channels).sum();
        let output = outputs.first().map_or([0; 3], |(s, _)| shape(*s));
        StepReport {
            layer: step.name.clone(),
            kernel: step.kernel.name(),
            input: inputs.first().map_or([0; 3], |(s, _)| shape(*s)),
            output,
            per_item: step.per_item,
            flops: step.kernel.flops() * step.per_item as u64,
            bytes: (values * size_of::<f32>()) as u64,
            weight_bytes: step.kernel.weight_bytes(),
            time,
        }
    }
}

#[cfg(test)]
mod tests;
