//! The executor for GPUs: a network compiled once, recorded once for each number of images, replayed many times.
//!
//! A [plan](crate::compile) has norms folded into convolutions, activations, sums and second outputs fused into the steps
//! that make them, every buffer in one arena; [`launch`] gives each step its kernel. Maps lie channels last, in blocks of
//! 16 channels, in the network's precision; vectors, and what is handed out, are f32 always. Sums are f32.
//!
//! | folder | what it computes |
//! |---|---|
//! | `conv` | convolutions, as matrix products on tensor cores; in f32 on plain cores |
//! | `stem` | the first convolution, of planes as they came, with the pool behind it |
//! | `linear` | linear layers of vectors |
//! | `ceiling` | nothing for a network: what a card could do at most |
//! | `depthwise`, `pool`, `pointwise`, `copy`, `reduce` | what they are called |
//!
//! Invariants:
//! - What is computed of an item is the same bits in every batch, in every slot and on every card of one capability: no
//!   sum's order depends on the number of images, and nothing is chosen by it.
//! - What is no finite number where it would come out as a number is an error, as in the [reference](crate::Reference).
//! - A run allocates nothing and waits once, at its end.
#![allow(unsafe_code)]

pub(crate) mod ceiling;
mod constants;
mod conv;
mod copy;
mod depthwise;
mod ends;
mod images;
mod launch;
mod linear;
mod pointwise;
mod pool;
#[allow(dead_code, unused_imports, reason = "the executor does not take preparations yet")]
pub mod prepare;
mod reduce;
mod run;
mod slot;
mod stages;
mod stem;

use std::sync::Arc;
use std::time::Duration;

use candle_core::Tensor;

use crate::compile::{self, Places, Plan, Read};
use crate::cpu::{CompileError, Precision, values};
use crate::device::{Buffer, Device, DeviceFault};
use crate::executor::CudaOptions;
use crate::graph::Graph;
use crate::images::{Images, Where};
use crate::report::StepReport;
use crate::weights::Weights;
use crate::{FaultKind, Outputs};

use constants::Constants;
use copy::Gate;
pub(crate) use images::DeviceImages;
use launch::{Kernel, Target};
use prepare::Preparation;
use run::{Recordings, Source};
use slot::Slots;

/// Bytes of values that a run holds at most, if it has more than one item: more items than fit run group after group.
const ARENA_BYTES_MAX: usize = 4 << 30;

/// A network on a GPU.
pub(crate) struct Cuda {
    graph: Graph,
    plan: Plan,
    places: Places,
    /// By the value whose buffer it is: whether values are f32 whatever the precision.
    wide: Vec<bool>,
    kernels: Vec<Box<dyn Kernel>>,
    gate: Gate,
    constants: Buffer,
    recordings: Recordings,
    slots: Arc<Slots>,
    options: CudaOptions,
}

impl Cuda {
    /// Compiles a network and brings its weights to the device.
    ///
    /// # Errors
    ///
    /// The weights do not serve the network, or the device fails.
    pub(crate) fn new(graph: Graph, weights: &Weights, options: CudaOptions) -> Result<Self, CompileError> {
        weights.check(&graph)?;
        let device = Device::open(options.ordinal)?;
        let mut plan = compile::compile(&graph, weights, options.marks)?;
        let wide = wide(&plan, options.precision);
        let mut target = Target { device: &device, precision: options.precision, constants: Constants::default() };
        let mut kernels = Vec::with_capacity(plan.steps.len());
        for step in &mut plan.steps {
            let reads_wide = match step.x.first() {
                Some(Read::Value(value)) => wide[*value],
                Some(Read::Input(_)) | None => true,
            };
            kernels.push(launch::kernel(&mut target, step, reads_wide)?);
            drop(step.take_weights());
        }
        let gate = Gate::new(&target)?;
        let constants = device.allocate(target.constants.bytes().len())?;
        device.stream()?.upload_now(target.constants.bytes(), &constants)?;
        let narrow = options.precision.bytes();
        let places = plan.places(|root| if wide[root] { 4 } else { narrow });
        let slots = Slots::of(&device);
        let recordings = Recordings::default();
        Ok(Self { graph, plan, places, wide, kernels, gate, constants, recordings, slots, options })
    }

    /// The network.
    pub(crate) fn graph(&self) -> &Graph {
        &self.graph
    }

    /// Bytes of values that a run of one item holds.
    pub(crate) fn arena_bytes(&self) -> usize {
        self.places.length
    }

    /// Runs a batch, as [`Executor::run`](crate::Executor::run) does.
    pub(crate) fn run(&self, inputs: &[&Images]) -> candle_core::Result<Outputs> {
        self.execute(inputs, None)
    }

    /// Prepares images for networks of this device, there, if there is a way.
    pub(crate) fn prepare(
        &self,
        preparations: &[&Preparation],
        shape: [usize; 3],
    ) -> Result<Option<DeviceImages>, DeviceFault> {
        DeviceImages::prepare(&self.slots, preparations, shape)
    }

    /// The same, and what each step took.
    pub(crate) fn run_timed(&self, inputs: &[&Images]) -> candle_core::Result<(Outputs, Vec<StepReport>)> {
        let mut times = vec![Duration::ZERO; self.plan.steps.len()];
        let outputs = self.execute(inputs, Some(&mut times))?;
        let width = self.options.precision.bytes();
        let steps = self.plan.steps.iter().zip(self.kernels.iter().map(|kernel| &**kernel)).zip(times);
        let report = |((step, kernel), time): ((_, &dyn Kernel), _)| {
            let report = self.plan.report(&self.graph, step, width);
            let flops = kernel.flops() * step.per_item as u64;
            StepReport { kernel: kernel.name(), weight_bytes: kernel.weight_bytes(), flops, time, ..report }
        };
        Ok((outputs, steps.map(report).collect()))
    }

    /// Items of a batch that run together.
    fn group(&self, batch: usize) -> usize {
        (ARENA_BYTES_MAX / self.arena_bytes().max(1)).clamp(1, batch.max(1))
    }

    fn execute(&self, inputs: &[&Images], mut times: Option<&mut Vec<Duration>>) -> candle_core::Result<Outputs> {
        let batch = self.graph.batch(inputs.iter().map(|input| input.dims()))?;
        let host = |input: &&Images| if let Where::Host(tensor) = &input.0 { Some(tensor.contiguous()) } else { None };
        let tensors: Vec<Option<Tensor>> =
            inputs.iter().map(|input| host(input).transpose()).collect::<candle_core::Result<_>>()?;
        let stored: Vec<_> = tensors.iter().map(|t| t.as_ref().map(Tensor::storage_and_layout)).collect();
        let mut sources = Vec::with_capacity(inputs.len());
        for (input, stored) in inputs.iter().zip(&stored) {
            sources.push(match (&input.0, stored) {
                (_, Some((storage, layout))) => Source::Host(values(storage, layout)?),
                (Where::Device(images), None) => match images.address_for(&self.slots) {
                    Some(address) => Source::Device(address, images.dims().iter().product()),
                    None => candle_core::bail!("the images are on another device"),
                },
                (Where::Host(_), None) => candle_core::bail!("an input is nowhere"),
            });
        }
        let mut outputs: Vec<Vec<f32>> = vec![Vec::new(); self.plan.wanted.len()];
        let mut group = self.group(batch);
        let mut from = 0;
        while from < batch {
            let count = group.min(batch - from);
            let part: Vec<Source<'_>> = sources.iter().map(|source| source.items(batch, from, count)).collect();
            match self.run_group(&part, count, &mut outputs, times.as_deref_mut()) {
                Ok(()) => from += count,
                // What is computed of an item does not depend on its group.
                Err(run::Failed::Device(fault)) if fault.kind == FaultKind::OutOfMemory && count > 1 => {
                    group = count.div_ceil(2);
                }
                Err(failed) => return Err(failed.into()),
            }
        }
        self.plan.named(&self.graph, outputs, batch)
    }
}

/// Which buffers hold f32 whatever the precision: vectors, and what is handed out and read by no step.
fn wide(plan: &Plan, precision: Precision) -> Vec<bool> {
    let values = plan.sizes.len();
    if precision == Precision::F32 {
        return vec![true; values];
    }
    let mut read = vec![false; values];
    let reads = plan.steps.iter().flat_map(|step| &step.x);
    reads.for_each(|x| {
        if let Read::Value(value) = x {
            read[plan.root(*value)] = true;
        }
    });
    let mut wanted = vec![false; values];
    plan.wanted.iter().for_each(|(_, value)| wanted[plan.root(*value)] = true);
    let wide = |value: usize| {
        let root = plan.root(value);
        plan.sizes[root].0.pixels() == 1 || (wanted[root] && !read[root])
    };
    (0..values).map(wide).collect()
}

#[cfg(test)]
mod steps_tests;
#[cfg(test)]
mod tests;
