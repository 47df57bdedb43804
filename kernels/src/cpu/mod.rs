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
mod pointwise;
mod pool;
mod tail;
mod team;

use std::time::{Duration, Instant};

use candle_core::{Device, Layout, Storage, Tensor};

use crate::Outputs;
use crate::graph::{Graph, Shape};
use crate::weights::{Weights, WeightsError};

use arena::Lease;
use compile::{Plan, Read, Step};
use kernel::{Available, Maps, Operands, Size};

pub use isa::{InstructionSet, UnknownSet};

/// Bytes of values that a run holds at most, if it has more than one item: more items than fit run group after group.
const ARENA_BYTES_MAX: usize = 128 << 20;
/// Values between the scratch memories of two threads: no line of the cache is shared.
const SCRATCH_ALIGNMENT: usize = 64;

/// What products are computed of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Precision {
    /// f32: 24 bits. Bit for bit the same from run to run.
    #[default]
    F32,
    /// bf16: 8 bits, summed in f32, where the processor has AMX; elsewhere an error.
    Bf16,
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

/// Why a network cannot be compiled.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    /// The weights do not serve it.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// The processor lacks what was asked for.
    #[error("this processor has no {0}")]
    Unavailable(&'static str),
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
        if bf16 && !amx::is_available() {
            return Err(CompileError::Unavailable("AMX for bf16"));
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
        Ok(self.run_timed(inputs)?.0)
    }

    /// The same, and what each step took.
    pub fn run_timed(&self, inputs: &[Tensor]) -> candle_core::Result<(Outputs, Vec<StepReport>)> {
        let batch = self.graph.batch(inputs)?;
        let inputs: Vec<Tensor> = inputs.iter().map(Tensor::contiguous).collect::<candle_core::Result<_>>()?;
        let stored: Vec<_> = inputs.iter().map(Tensor::storage_and_layout).collect();
        let inputs: Vec<&[f32]> = stored.iter().map(|(s, l)| values(s, l)).collect::<candle_core::Result<_>>()?;
        let mut outputs: Vec<Vec<f32>> = vec![Vec::new(); self.plan.wanted.len()];
        let mut times = vec![Duration::ZERO; self.plan.steps.len()];
        let group = (ARENA_BYTES_MAX / self.arena_bytes().max(1)).max(1);
        for from in (0..batch).step_by(group) {
            let items = group.min(batch - from);
            // In the pool, so that a run has as many threads as there are, not one more.
            rayon::scope(|_| self.run_group(&inputs, batch, from, items, &mut outputs, &mut times))?;
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
        let outputs = named.map(tensor).collect::<candle_core::Result<_>>()?;
        let reports = self.plan.steps.iter().zip(times).map(|(step, time)| self.report(step, time)).collect();
        Ok((outputs, reports))
    }

    /// Runs some items of a batch, and appends what is wanted of them.
    fn run_group(
        &self,
        inputs: &[&[f32]],
        batch: usize,
        from: usize,
        items: usize,
        outputs: &mut [Vec<f32>],
        times: &mut [Duration],
    ) -> candle_core::Result<()> {
        let plan = &self.plan;
        let pieces: Vec<usize> = plan.steps.iter().map(|s| s.kernel.pieces(items * s.per_item)).collect();
        let workers = team::threads().min(pieces.iter().copied().max().unwrap_or(1)).max(1);
        let scratch = plan.steps.iter().map(|s| s.kernel.scratch()).max().unwrap_or(0);
        let scratch = scratch.next_multiple_of(SCRATCH_ALIGNMENT) + SCRATCH_ALIGNMENT;
        let values = (plan.places.length * items).next_multiple_of(SCRATCH_ALIGNMENT);
        let lease = Lease::new(values + workers * scratch).map_err(candle_core::Error::wrap)?;
        let memory = Memory { start: lease.start(), items };
        let operands: Vec<Bound> = plan.steps.iter().map(|s| memory.bind(plan, s, inputs, batch, from)).collect();

        let check = |at: usize| match plan.steps.get(at) {
            Some(step) if step.hides_infinity => finite(&operands[at]),
            Some(_) | None => Ok(()),
        };
        check(0)?;
        let mut begun = Instant::now();
        let after = |step: usize| {
            times[step] += begun.elapsed();
            check(step + 1)?;
            begun = Instant::now();
            candle_core::Result::Ok(())
        };
        let work = |step: usize, piece: usize, worker: usize| {
            let Bound { x, y, images } = &operands[step];
            // SAFETY: the operands are bound to values of the plan's sizes, inputs were checked against the graph; the
            // plan lets no step write what is still needed; each worker has a scratch memory of its own.
            unsafe {
                let scratch = memory.at(values + worker * scratch);
                plan.steps[step].kernel.run(piece, Operands { images: *images, x, y }, scratch);
            }
        };
        team::run(&pieces, workers, work, after)?;
        for ((_, value), to) in plan.wanted.iter().zip(outputs) {
            memory.export(plan, *value, to)?;
        }
        Ok(())
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

/// What a step reads and writes in a run.
struct Bound {
    x: Vec<kernel::Source>,
    y: Vec<kernel::Target>,
    images: usize,
}

// SAFETY: pieces of one step write pixels of their own, and nothing that the step reads.
unsafe impl Sync for Bound {}

/// The arena of a run.
struct Memory {
    start: *mut f32,
    items: usize,
}

// SAFETY: the arena is the run's, and its parts are each written by one piece at a time.
unsafe impl Sync for Memory {}

impl Memory {
    /// The value there.
    ///
    /// # Safety
    ///
    /// The arena is so long.
    unsafe fn at(&self, value: usize) -> *mut f32 {
        // SAFETY: the caller's.
        unsafe { self.start.add(value) }
    }

    fn bind(&self, plan: &Plan, step: &Step, inputs: &[&[f32]], batch: usize, from: usize) -> Bound {
        let source = |read: &Read| match read {
            Read::Input(index) => {
                let values = inputs[*index];
                let size = step.y.first().map_or(Size { rows: 0, columns: 0, channels: 0 }, |v| plan.sizes[*v].0);
                Maps { start: values[values.len() / batch * from..].as_ptr(), size, pixel: 0 }
            }
            Read::Value(value) => {
                let Maps { start, size, pixel } = self.value(plan, *value);
                Maps { start: start.cast_const(), size, pixel }
            }
        };
        let x = step.x.iter().map(source).collect();
        let y = step.y.iter().map(|value| self.value(plan, *value)).collect();
        Bound { x, y, images: self.items * step.per_item }
    }

    fn value(&self, plan: &Plan, value: usize) -> kernel::Target {
        let (size, _) = plan.sizes[value];
        match plan.places.of[value] {
            // SAFETY: the place is inside the arena.
            Some(place) => Maps {
                start: unsafe { self.start.add(place.offset * self.items + place.channel) },
                size,
                pixel: place.pixel,
            },
            None => Maps { start: std::ptr::null_mut(), size, pixel: 0 },
        }
    }

    /// Appends a value as planes, if it is finite.
    fn export(&self, plan: &Plan, value: usize, to: &mut Vec<f32>) -> candle_core::Result<()> {
        let maps = self.value(plan, value);
        let (size, per_item) = plan.sizes[value];
        let first = to.len();
        for image in 0..self.items * per_item {
            for channel in 0..size.channels {
                let pixels = image * size.pixels()..(image + 1) * size.pixels();
                // SAFETY: the value has the pixels and the channel.
                to.extend(pixels.map(|pixel| unsafe { *maps.pixel(pixel).add(channel) }));
            }
        }
        if to[first..].iter().all(|v| v.is_finite()) {
            return Ok(());
        }
        candle_core::bail!("a value inside the network is no finite number")
    }
}

/// The values of a contiguous tensor.
fn values<'a>(storage: &'a Storage, layout: &Layout) -> candle_core::Result<&'a [f32]> {
    let (Storage::Cpu(values), Some((from, to))) = (storage, layout.contiguous_offsets()) else {
        candle_core::bail!("an input is not in this processor's memory")
    };
    Ok(&values.as_slice::<f32>()?[from..to])
}

/// Demands that all that a step reads is finite.
fn finite(bound: &Bound) -> candle_core::Result<()> {
    for x in &bound.x {
        let per_output = x.size.pixels();
        for pixel in 0..bound.images * per_output {
            // SAFETY: the value has the pixel and so many channels.
            let channels = unsafe { std::slice::from_raw_parts(x.pixel(pixel), x.size.channels) };
            if !channels.iter().all(|v| v.is_finite()) {
                candle_core::bail!("a value inside the network is no finite number");
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
