//! One run of a network on a device: inputs up, steps one after the other, results down; recorded once for each number of
//! items and slot, replayed as one.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::compile::{self, Read};
use crate::device::{DeviceFault, Event, Recorded};

use super::Cuda;
use super::ends::{Bound, Operand};
use super::launch::Launch;
use super::slot::{Needs, Slot};

/// Bytes at whose multiples the parts of an arena begin.
const ALIGNMENT: usize = 256;
/// Recorded runs of one network that are kept: of the newest slots.
const RECORDINGS_MAX: usize = 16;

/// Where an input of a run is: f32s.
#[derive(Debug, Clone, Copy)]
pub(super) enum Source<'a> {
    /// Here.
    Host(&'a [f32]),
    /// At this address of the device, so many.
    Device(u64, usize),
}

impl Source<'_> {
    /// Of `count` items from one on, of so many in all.
    pub(super) fn items(self, batch: usize, from: usize, count: usize) -> Self {
        match self {
            Self::Host(values) => {
                let each = values.len() / batch;
                Self::Host(&values[each * from..each * (from + count)])
            }
            Self::Device(address, length) => {
                let each = length / batch;
                Self::Device(address + (each * from * size_of::<f32>()) as u64, each * count)
            }
        }
    }
}

/// Why a run has no result.
#[derive(Debug)]
pub(super) enum Failed {
    /// The device failed.
    Device(DeviceFault),
    /// A value was no finite number.
    NotFinite,
}

impl From<DeviceFault> for Failed {
    fn from(fault: DeviceFault) -> Self {
        Self::Device(fault)
    }
}

impl From<Failed> for candle_core::Error {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Device(fault) => fault.into(),
            Failed::NotFinite => Self::Msg("a value inside the network is no finite number".into()),
        }
    }
}

/// What was recorded, by the slot's generation and the number of items.
#[derive(Default)]
pub(super) struct Recordings(Mutex<BTreeMap<(u64, usize), Recorded>>);

/// Where the parts of an arena lie in a run.
pub(super) struct Layout {
    /// Of each input.
    inputs: Vec<usize>,
    /// The status, and behind it the results.
    pub(super) status: usize,
    /// Of each result, from the status on.
    outputs: Vec<usize>,
    pub(super) needs: Needs,
}

impl Cuda {
    pub(super) fn layout(&self, items: usize) -> Layout {
        let mut end = (self.places.length * items).next_multiple_of(ALIGNMENT);
        let first = end;
        let mut take = |bytes: usize| {
            let at = end;
            end = (end + bytes).next_multiple_of(ALIGNMENT);
            at
        };
        let bytes = |(size, per_item): (compile::Size, usize)| per_item * items * size.pixels() * size.channels * 4;
        let inputs: Vec<usize> = self.graph.inputs().map(|shape| take(bytes(compile::size(shape)))).collect();
        let status = take(size_of::<u32>());
        let outputs = self.plan.wanted.iter().map(|(_, value)| take(bytes(self.plan.sizes[*value])) - status).collect();
        let needs = Needs { arena: end, up: status - first, down: end - status };
        Layout { inputs, status, outputs, needs }
    }

    /// Runs some items, and appends what is wanted of them.
    pub(super) fn run_group(
        &self,
        inputs: &[Source<'_>],
        items: usize,
        outputs: &mut [Vec<f32>],
        times: Option<&mut Vec<Duration>>,
    ) -> Result<(), Failed> {
        let layout = self.layout(items);
        let mut lease = self.slots.lease(layout.needs)?;
        let Some(slot) = lease.slot() else { return Err(Failed::NotFinite) };
        self.bring(slot, &layout, inputs)?;
        match times {
            Some(times) => self.run_step_by_step(slot, &layout, items, times)?,
            None => self.replay(slot, &layout, items)?,
        }
        let down = slot.down.bytes();
        if down[..size_of::<u32>()] != [0; size_of::<u32>()] {
            return Err(Failed::NotFinite);
        }
        for (((_, value), at), to) in self.plan.wanted.iter().zip(&layout.outputs).zip(outputs) {
            let (size, per_item) = self.plan.sizes[*value];
            let count = items * per_item * size.pixels() * size.channels;
            let (values, _) = down[*at..][..count * size_of::<f32>()].as_chunks();
            to.extend(values.iter().map(|four| f32::from_le_bytes(*four)));
        }
        Ok(())
    }

    /// Brings the inputs to their places in the arena.
    pub(super) fn bring(&self, slot: &mut Slot, layout: &Layout, inputs: &[Source<'_>]) -> Result<(), DeviceFault> {
        let first = layout.status - layout.needs.up;
        for (input, at) in inputs.iter().zip(&layout.inputs) {
            let to = slot.arena.address() + *at as u64;
            // SAFETY: the layout has the places; the lease holds them until the stream was waited for, and so does the
            // caller with the images.
            unsafe {
                match input {
                    Source::Host(values) => {
                        let staged = &mut slot.up.bytes_mut()[at - first..][..size_of_val(*values)];
                        staged.copy_from_slice(std::slice::from_raw_parts(values.as_ptr().cast(), staged.len()));
                        let bytes = staged.len();
                        slot.stream.upload(&slot.up, at - first, to, bytes)?;
                    }
                    Source::Device(from, length) => slot.stream.copy(*from, to, length * size_of::<f32>())?,
                }
            }
        }
        Ok(())
    }

    /// Replays what was recorded for this slot and number of items, or records it first.
    fn replay(&self, slot: &mut Slot, layout: &Layout, items: usize) -> Result<(), DeviceFault> {
        let key = (slot.generation, items);
        let lock = || self.recordings.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = lock().remove(&key);
        let recorded = match known {
            Some(recorded) => recorded,
            None => self.record(slot, layout, items)?,
        };
        // SAFETY: the recording is of this slot's memory as it is, which the lease holds until the stream was waited for.
        let replayed = unsafe { slot.stream.replay(&recorded) };
        // Before another may drop the recording.
        let replayed = replayed.and_then(|()| slot.stream.wait());
        let mut recordings = lock();
        if recordings.len() >= RECORDINGS_MAX {
            // The oldest slot's: it may be gone.
            recordings.pop_first();
        }
        recordings.insert(key, recorded);
        replayed
    }

    fn record(&self, slot: &mut Slot, layout: &Layout, items: usize) -> Result<Recorded, DeviceFault> {
        let launches = self.launches(slot, layout, items);
        let (stream, arena, down) = (&slot.stream, &slot.arena, &mut slot.down);
        stream.record(|| {
            // SAFETY: all addresses are of this slot's arena, which is as long as the layout needs; parameters are those
            // of their kernels; the plan lets no step write what is still needed.
            unsafe {
                stream.fill(arena.address() + layout.status as u64, 0, size_of::<u32>())?;
                for launch in launches.iter().flatten() {
                    stream.launch_bytes(launch.function, launch.grid, launch.params.as_ptr().cast())?;
                }
                stream.download(arena.address() + layout.status as u64, down, 0, layout.needs.down)
            }
        })
    }

    fn run_step_by_step(
        &self,
        slot: &mut Slot,
        layout: &Layout,
        items: usize,
        times: &mut [Duration],
    ) -> Result<(), DeviceFault> {
        let launches = self.launches(slot, layout, items);
        let (stream, arena, down) = (&slot.stream, &slot.arena, &mut slot.down);
        let mut events: Vec<Event> = Vec::with_capacity(launches.len() + 1);
        // SAFETY: as when it is recorded.
        unsafe {
            stream.fill(arena.address() + layout.status as u64, 0, size_of::<u32>())?;
            events.push(stream.event()?);
            for step in &launches {
                for launch in step {
                    stream.launch_bytes(launch.function, launch.grid, launch.params.as_ptr().cast())?;
                }
                events.push(stream.event()?);
            }
            stream.download(arena.address() + layout.status as u64, down, 0, layout.needs.down)?;
        }
        stream.wait()?;
        for (time, pair) in times.iter_mut().zip(events.windows(2)) {
            let ms = pair[1].since(&pair[0]).unwrap_or(0.0);
            *time += Duration::from_secs_f32(ms.max(0.0) / 1e3);
        }
        Ok(())
    }

    /// What is launched, step by step; the last is what hands out the results.
    pub(super) fn launches(&self, slot: &Slot, layout: &Layout, items: usize) -> Vec<Vec<Launch>> {
        let arena = slot.arena.address();
        let status = arena + layout.status as u64;
        let value = |value: usize| match self.places.of[value] {
            Some(place) => {
                let wide = self.wide[value];
                let width = if wide { size_of::<f32>() } else { self.options.precision.bytes() };
                let start = arena + (place.offset * items + place.channel * width) as u64;
                Operand { start, pixel: super::ends::int(place.pixel), wide: i32::from(wide) }
            }
            None => Operand::NONE,
        };
        let mut launches: Vec<Vec<Launch>> = Vec::with_capacity(self.kernels.len() + 1);
        for (step, kernel) in self.plan.steps.iter().zip(&self.kernels) {
            let read = |read: &Read| match read {
                Read::Input(index) => Operand::plain(arena + layout.inputs[*index] as u64),
                Read::Value(of) => value(*of),
            };
            let bound = Bound {
                images: items * step.per_item,
                x: step.x.iter().map(read).collect(),
                y: step.y.iter().map(|of| value(*of)).collect(),
                constants: self.constants.address(),
            };
            let mut of_step = Vec::new();
            if step.hides_infinity {
                for of in step.x.iter().filter_map(|read| if let Read::Value(of) = read { Some(*of) } else { None }) {
                    let (size, per_item) = self.plan.sizes[of];
                    of_step.push(self.gate.look(value(of), status, size, items * per_item));
                }
            }
            of_step.push(kernel.launch(&bound));
            launches.push(of_step);
        }
        let out = self.plan.wanted.iter().zip(&layout.outputs).map(|((_, of), at)| {
            let (size, per_item) = self.plan.sizes[*of];
            self.gate.outward(value(*of), status + *at as u64, status, size, items * per_item)
        });
        launches.push(out.collect());
        launches
    }
}
