//! Patches out of a plane that is on the device.

use super::device::{Kernels, grid};
use crate::device::{DeviceFault, FaultKind, Params, Stream};

/// The most patches of one launch: their places travel with it.
pub(crate) const PATCHES_MAX: usize = 64;

/// Square patches of one plane of f32.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Gather<'a> {
    /// Rows and columns of the plane.
    pub(crate) plane: [usize; 2],
    /// First row and column of each patch.
    pub(crate) places: &'a [(usize, usize)],
    /// Rows, and columns, of a patch.
    pub(crate) size: usize,
}

/// Of `prepare_gather`.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
struct GatherParams {
    from: u64,
    to: u64,
    columns: i32,
    size: i32,
    count: i32,
    unused: i32,
    places: [[i32; 2]; PATCHES_MAX],
}

const _: () = assert!(size_of::<GatherParams>() == 544);

// SAFETY: `repr(C)`, without padding, as in the kernel's source.
unsafe impl Params for GatherParams {}

impl Gather<'_> {
    /// Puts kernels into the stream that copy the patches, one after the other, (places, size, size).
    ///
    /// # Errors
    ///
    /// The device fails, or a patch is not in the plane.
    ///
    /// # Safety
    ///
    /// `from` is the plane's address on the device, `to` that of the patches, both multiples of 16 and there until the
    /// stream has got there; the kernels are that device's.
    pub(crate) unsafe fn enqueue(
        &self,
        kernels: &Kernels,
        stream: &Stream,
        from: u64,
        to: u64,
    ) -> Result<(), DeviceFault> {
        let inside = |(row, column): &(usize, usize)| {
            row.saturating_add(self.size) <= self.plane[0] && column.saturating_add(self.size) <= self.plane[1]
        };
        if !self.places.iter().all(inside) {
            let (ordinal, said) = (stream.device().ordinal(), "a patch is not in its plane".into());
            return Err(DeviceFault { ordinal, kind: FaultKind::Failed, said });
        }
        let patch = self.size * self.size;
        for (i, places) in self.places.chunks(PATCHES_MAX).enumerate() {
            let mut params = GatherParams {
                from,
                to: to + (4 * patch * PATCHES_MAX * i) as u64,
                columns: self.plane[1] as i32,
                size: self.size as i32,
                count: places.len() as i32,
                unused: 0,
                places: [[0; 2]; PATCHES_MAX],
            };
            for (at, (row, column)) in params.places.iter_mut().zip(places) {
                *at = [*row as i32, *column as i32];
            }
            // SAFETY: the caller's, and every patch is in the plane.
            unsafe { stream.launch(kernels.gather, grid(places.len() * self.size * self.size.div_ceil(4)), &params)? };
        }
        Ok(())
    }
}
