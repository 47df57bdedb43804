//! Images on a device: prepared there, cut there, given to the device's networks.
//!
//! Invariant: an image's memory is written before it exists, and is another's only after it is dropped, when all runs
//! that read it have been waited for: runs wait before they return.

use std::sync::{Arc, PoisonError};

use crate::device::{Buffer, DeviceFault};

use super::prepare::{Gather, Preparation};
use super::slot::{Needs, Slots};

/// Buffers that wait for the next images, of one device.
const SPARE_MAX: usize = 8;
/// Bytes at whose multiples the parts of a buffer begin.
const ALIGNMENT: usize = 256;

/// Images on a device: f32, (N, channels, rows, columns), dense.
pub(crate) struct DeviceImages {
    slots: Arc<Slots>,
    buffer: Option<Buffer>,
    dims: [usize; 4],
}

impl std::fmt::Debug for DeviceImages {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "DeviceImages({:?})", self.dims)
    }
}

impl DeviceImages {
    /// Carries out preparations of one shape. `None` if the shape is one that cannot be written there: planes begin at
    /// multiples of 16 bytes.
    pub(super) fn prepare(
        slots: &Arc<Slots>,
        preparations: &[&Preparation],
        [channels, rows, columns]: [usize; 3],
    ) -> Result<Option<Self>, DeviceFault> {
        let each = channels * rows * columns * size_of::<f32>();
        if !each.is_multiple_of(16) {
            return Ok(None);
        }
        let mut staged = 0;
        let mut places = Vec::with_capacity(preparations.len());
        for preparation in preparations {
            places.push(staged);
            staged = (staged + preparation.staging_bytes()).next_multiple_of(ALIGNMENT);
        }
        // One after the other, in one stream: they can share what they need beside the output.
        let scratch = preparations.iter().map(|p| p.scratch_bytes()).max().unwrap_or(0);
        let images = Self::new(slots, [preparations.len(), channels, rows, columns])?;
        let kernels = slots.preparing()?;
        let mut lease = slots.lease(Needs { arena: scratch, up: staged, down: 0 })?;
        if let (Some(slot), Some(to)) = (lease.slot(), images.address()) {
            let arena = slot.arena.address();
            for (n, (preparation, at)) in preparations.iter().zip(places).enumerate() {
                let to = to + (n * each) as u64;
                // SAFETY: the scratch and the output are as long as the preparations say, and are waited for.
                unsafe { preparation.enqueue(kernels, &slot.stream, (&mut slot.up, at), to, arena)? };
            }
            slot.stream.wait()?;
        }
        drop(lease);
        Ok(Some(images))
    }

    /// Patches of every image, as [`Images::patches`](crate::Images::patches) cuts them; they are inside.
    pub(crate) fn patches(&self, places: &[Vec<(usize, usize)>], size: usize) -> Result<Self, DeviceFault> {
        let [_, _, rows, columns] = self.dims;
        let count = places.first().map_or(0, Vec::len);
        let patches = Self::new(&self.slots, [places.len() * count, 1, size, size])?;
        let kernels = self.slots.preparing()?;
        let mut lease = self.slots.lease(Needs { arena: 0, up: 0, down: 0 })?;
        if let (Some(slot), Some(from), Some(to)) = (lease.slot(), self.address(), patches.address()) {
            for (image, places) in places.iter().enumerate() {
                let gather = Gather { plane: [rows, columns], places, size };
                let at = |values: usize| (image * values * size_of::<f32>()) as u64;
                // SAFETY: both sides have the image, and are waited for.
                unsafe {
                    gather.enqueue(kernels, &slot.stream, from + at(rows * columns), to + at(count * size * size))?;
                }
            }
            slot.stream.wait()?;
        }
        drop(lease);
        Ok(patches)
    }

    fn new(slots: &Arc<Slots>, dims: [usize; 4]) -> Result<Self, DeviceFault> {
        let bytes = dims.iter().product::<usize>() * size_of::<f32>();
        let mut spare = slots.spare.lock().unwrap_or_else(PoisonError::into_inner);
        let fitting = spare.iter().enumerate().filter(|(_, b)| b.bytes() >= bytes).min_by_key(|(_, b)| b.bytes());
        let fitting = fitting.map(|(at, _)| at);
        let known = fitting.map(|at| spare.swap_remove(at));
        if known.is_none() && spare.len() >= SPARE_MAX {
            // None fits: the smallest makes room.
            let smallest = spare.iter().enumerate().min_by_key(|(_, b)| b.bytes()).map(|(at, _)| at);
            drop(smallest.map(|at| spare.swap_remove(at)));
        }
        drop(spare);
        let buffer = known.map_or_else(|| slots.device().allocate(bytes), Ok)?;
        Ok(Self { slots: Arc::clone(slots), buffer: Some(buffer), dims })
    }

    /// N, channels, rows, columns.
    pub(crate) fn dims(&self) -> &[usize] {
        &self.dims
    }

    /// Where they lie, for a network of this device.
    pub(super) fn address_for(&self, slots: &Arc<Slots>) -> Option<u64> {
        self.address().filter(|_| Arc::ptr_eq(slots, &self.slots))
    }

    fn address(&self) -> Option<u64> {
        self.buffer.as_ref().map(Buffer::address)
    }
}

impl Drop for DeviceImages {
    fn drop(&mut self) {
        let mut spare = self.slots.spare.lock().unwrap_or_else(PoisonError::into_inner);
        if spare.len() < SPARE_MAX {
            spare.extend(self.buffer.take());
        }
    }
}
