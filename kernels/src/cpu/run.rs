//! One run of some items: the arena, what each step reads and writes in it, and the way out.
//!
//! Invariant: operands are bound to places of the plan in an arena that is this run's alone.

use std::time::{Duration, Instant};

use candle_core::{Layout, Storage};

use super::arena::Lease;
use super::kernel::{Kernel, Maps, Operands, Size, Source, Target};
use super::team;
use crate::compile::{Places, Plan, Read, Step};

/// Values between the scratch memories of two threads: no line of the cache is shared.
const SCRATCH_ALIGNMENT: usize = 64;

/// Some items of a batch.
#[derive(Debug, Clone, Copy)]
pub(super) struct Items {
    /// Items of the whole batch.
    pub(super) batch: usize,
    /// The first of these.
    pub(super) from: usize,
    /// How many.
    pub(super) count: usize,
}

/// A plan, and the kernel of each of its steps.
pub(super) struct Compiled {
    pub(super) plan: Plan,
    /// In f32s.
    pub(super) places: Places,
    pub(super) kernels: Vec<Box<dyn Kernel>>,
}

impl Compiled {
    /// Runs some items of a batch, and appends what is wanted of them.
    pub(super) fn run(
        &self,
        inputs: &[&[f32]],
        items: Items,
        outputs: &mut [Vec<f32>],
        times: &mut [Duration],
    ) -> candle_core::Result<()> {
        let Self { plan, places, kernels } = self;
        let of_step = plan.steps.iter().zip(kernels);
        let pieces: Vec<usize> = of_step.map(|(s, kernel)| kernel.pieces(items.count * s.per_item)).collect();
        let workers = team::threads().min(pieces.iter().copied().max().unwrap_or(1)).max(1);
        let scratch = kernels.iter().map(|kernel| kernel.scratch()).max().unwrap_or(0);
        let scratch = scratch.next_multiple_of(SCRATCH_ALIGNMENT) + SCRATCH_ALIGNMENT;
        let values = (places.length * items.count).next_multiple_of(SCRATCH_ALIGNMENT);
        let lease = Lease::new(values + workers * scratch).map_err(candle_core::Error::wrap)?;
        let memory = Memory { start: lease.start(), items: items.count };
        let operands: Vec<Bound> = plan.steps.iter().map(|s| memory.bind(self, s, inputs, items)).collect();

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
                kernels[step].run(piece, Operands { images: *images, x, y }, scratch);
            }
        };
        team::run(&pieces, workers, work, after)?;
        for ((_, value), to) in plan.wanted.iter().zip(outputs) {
            memory.export(self, *value, to)?;
        }
        Ok(())
    }
}

/// What a step reads and writes in a run.
struct Bound {
    x: Vec<Source>,
    y: Vec<Target>,
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

    fn bind(&self, compiled: &Compiled, step: &Step, inputs: &[&[f32]], items: Items) -> Bound {
        let source = |read: &Read| match read {
            Read::Input(index) => {
                let values = inputs[*index];
                let size =
                    step.y.first().map_or(Size { rows: 0, columns: 0, channels: 0 }, |v| compiled.plan.sizes[*v].0);
                Maps { start: values[values.len() / items.batch * items.from..].as_ptr(), size, pixel: 0 }
            }
            Read::Value(value) => {
                let Maps { start, size, pixel } = self.value(compiled, *value);
                Maps { start: start.cast_const(), size, pixel }
            }
        };
        let x = step.x.iter().map(source).collect();
        let y = step.y.iter().map(|value| self.value(compiled, *value)).collect();
        Bound { x, y, images: self.items * step.per_item }
    }

    fn value(&self, compiled: &Compiled, value: usize) -> Target {
        let (size, _) = compiled.plan.sizes[value];
        match compiled.places.of[value] {
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
    fn export(&self, compiled: &Compiled, value: usize, to: &mut Vec<f32>) -> candle_core::Result<()> {
        let maps = self.value(compiled, value);
        let (size, per_item) = compiled.plan.sizes[value];
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
pub(crate) fn values<'a>(storage: &'a Storage, layout: &Layout) -> candle_core::Result<&'a [f32]> {
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
