//! Where the time of a run goes on a device: inputs up, the network, results down, each between two events.
//!
//! Invariant: the network is replayed as it is in a run; only the copies around it stand apart here.

use std::time::Duration;

use candle_core::Tensor;

use crate::cpu::values;
use crate::device::{DeviceFault, Event};
use crate::report::Stages;

use super::Cuda;
use super::run::{Failed, Source};

impl Cuda {
    /// What a batch takes, so many times; more items than fit run group after group.
    pub(crate) fn stages(&self, inputs: &[Tensor], rounds: usize) -> candle_core::Result<Vec<Stages>> {
        let batch = self.graph.batch(inputs.iter().map(Tensor::dims))?;
        let inputs: Vec<Tensor> = inputs.iter().map(Tensor::contiguous).collect::<candle_core::Result<_>>()?;
        let stored: Vec<_> = inputs.iter().map(Tensor::storage_and_layout).collect();
        let sources = stored.iter().map(|(s, l)| values(s, l).map(Source::Host));
        let sources: Vec<Source<'_>> = sources.collect::<candle_core::Result<_>>()?;
        let mut all = vec![Stages::default(); rounds];
        let group = self.group(batch);
        for from in (0..batch).step_by(group) {
            let count = group.min(batch - from);
            let part: Vec<Source<'_>> = sources.iter().map(|source| source.items(batch, from, count)).collect();
            self.stages_of_group(&part, count, &mut all).map_err(Failed::Device)?;
        }
        Ok(all)
    }

    fn stages_of_group(&self, inputs: &[Source<'_>], items: usize, all: &mut [Stages]) -> Result<(), DeviceFault> {
        let layout = self.layout(items);
        let mut lease = self.slots.lease(layout.needs)?;
        let Some(slot) = lease.slot() else { return Ok(()) };
        self.bring(slot, &layout, inputs)?;
        let launches = self.launches(slot, &layout, items);
        let (stream, up, down) = (&slot.stream, &slot.up, &mut slot.down);
        let first = slot.arena.address() + (layout.status - layout.needs.up) as u64;
        let status = slot.arena.address() + layout.status as u64;
        // SAFETY: as in a run: all addresses are of this slot's arena, which is as long as the layout needs, and the
        // lease holds them until the stream was waited for.
        unsafe {
            let network = stream.record(|| {
                stream.fill(status, 0, size_of::<u32>())?;
                for launch in launches.iter().flatten() {
                    stream.launch_bytes(launch.function, launch.grid, launch.params.as_ptr().cast())?;
                }
                Ok(())
            })?;
            for stages in all {
                let begun = stream.event()?;
                stream.upload(up, 0, first, layout.needs.up)?;
                let there = stream.event()?;
                stream.replay(&network)?;
                let computed = stream.event()?;
                stream.download(status, down, 0, layout.needs.down)?;
                let back = stream.event()?;
                stream.wait()?;
                stages.up += between(&begun, &there);
                stages.network += between(&there, &computed);
                stages.down += between(&computed, &back);
            }
        }
        Ok(())
    }
}

/// From one point of a stream to a later one.
pub(super) fn between(earlier: &Event, later: &Event) -> Duration {
    Duration::from_secs_f32(later.since(earlier).unwrap_or(0.0).max(0.0) / 1e3)
}
