//! The fast executor for plain processors: a network compiled once, run many times.
//!
//! A [plan](crate::compile) has norms folded into convolutions, activations, sums and second outputs fused into the
//! steps that make them, every buffer in one arena; [`choose`] gives each step its kernel, weights packed for the vectors
//! of the processor. Maps lie channels last, in blocks of 16 channels. Each kernel is one loop, written once and compiled for
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
mod choose;
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

use candle_core::Tensor;

use crate::Outputs;
use crate::compile;
use crate::device::DeviceFault;
use crate::graph::Graph;
use crate::report::StepReport;
use crate::weights::{Weights, WeightsError};

use choose::Target;
use kernel::Available;
pub(crate) use run::values;
use run::{Compiled, Items};

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

impl Precision {
    /// Bytes of a value.
    pub(crate) fn bytes(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::Bf16 | Self::F16 => 2,
        }
    }
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
    compiled: Compiled,
    options: Options,
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
        let mut plan = compile::compile(&graph, weights, options.marks)?;
        let kernels = plan.steps.iter().map(|step| choose::kernel(Target { set, bf16 }, step)).collect();
        plan.steps.iter_mut().for_each(|step| drop(step.take_weights()));
        Ok(Self { graph, compiled: Compiled { places: plan.places(|_| 1), plan, kernels }, options })
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
        self.compiled.places.length * size_of::<f32>()
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
        let Compiled { plan, kernels, .. } = &self.compiled;
        let steps = plan.steps.iter().zip(kernels.iter().map(|kernel| &**kernel)).zip(times);
        let report = |((step, kernel), time): ((_, &dyn kernel::Kernel), _)| {
            let mut report = plan.report(&self.graph, step, size_of::<f32>());
            report.flops = kernel.flops() * step.per_item as u64;
            StepReport { kernel: kernel.name(), weight_bytes: kernel.weight_bytes(), time, ..report }
        };
        Ok((outputs, steps.map(report).collect()))
    }

    fn execute(&self, inputs: &[Tensor]) -> candle_core::Result<(Outputs, Vec<Duration>)> {
        let batch = self.graph.batch(inputs.iter().map(Tensor::dims))?;
        let inputs: Vec<Tensor> = inputs.iter().map(Tensor::contiguous).collect::<candle_core::Result<_>>()?;
        let stored: Vec<_> = inputs.iter().map(Tensor::storage_and_layout).collect();
        let inputs: Vec<&[f32]> = stored.iter().map(|(s, l)| values(s, l)).collect::<candle_core::Result<_>>()?;
        let mut outputs: Vec<Vec<f32>> = vec![Vec::new(); self.compiled.plan.wanted.len()];
        let mut times = vec![Duration::ZERO; self.compiled.plan.steps.len()];
        let group = (ARENA_BYTES_MAX / self.arena_bytes().max(1)).max(1);
        for from in (0..batch).step_by(group) {
            let count = group.min(batch - from);
            // In the pool, so that a run has as many threads as there are, not one more.
            rayon::scope(|_| self.compiled.run(&inputs, Items { batch, from, count }, &mut outputs, &mut times))?;
        }
        Ok((self.compiled.plan.named(&self.graph, outputs, batch)?, times))
    }
}

/// What a step gives of dense values (images, rows, columns, channels), by the plain loops.
#[cfg(test)]
pub(crate) fn run_step(
    step: &compile::Step,
    images: usize,
    x: &[(Vec<f32>, compile::Size)],
    y: &[compile::Size],
) -> Vec<Vec<f32>> {
    let portable = InstructionSet::Portable;
    let kernel = choose::kernel(Target { set: Available::new(portable).expect("always"), bf16: false }, step);
    if matches!(step.work, compile::Work::Stem(..) | compile::Work::Import) {
        // Planes lie as they come.
        let planes = kernel::Maps { start: x[0].0.as_ptr(), size: step.input, pixel: 0 };
        return conv::check::run_on(&*kernel, images, &[planes], y);
    }
    let x: Vec<(&[f32], compile::Size)> = x.iter().map(|(values, size)| (&values[..], *size)).collect();
    conv::check::run(&*kernel, images, &x, y)
}

#[cfg(test)]
mod tests;
