//! Memory for a run: one piece, aligned, that keeps its pages from run to run.
//!
//! A fresh page costs a fault when it is first touched, more than it costs to write it; large pages cost fewer. What a
//! run no longer needs waits here for the next one.

use std::alloc::Layout;
use std::ptr::NonNull;
use std::sync::Mutex;

/// Alignment, in bytes: a large page.
const ALIGNMENT: usize = 2 << 20;
/// How many arenas wait for a next run, in one process. More runs at once than that allocate their own.
const IDLE_MAX: usize = 2;

/// Arenas that no run uses.
static IDLE: Mutex<Vec<Arena>> = Mutex::new(Vec::new());

/// Memory that one run uses. Returns to the idle ones when dropped by [`Lease`].
struct Arena {
    start: NonNull<u8>,
    layout: Layout,
}

// SAFETY: it owns its memory.
unsafe impl Send for Arena {}

impl Arena {
    /// Zeroed memory for so many f32s.
    fn new(length: usize) -> Option<Self> {
        let bytes = length.checked_mul(size_of::<f32>())?.max(1).checked_next_multiple_of(ALIGNMENT)?;
        let layout = Layout::from_size_align(bytes, ALIGNMENT).ok()?;
        // SAFETY: the size is not 0.
        let start = NonNull::new(unsafe { std::alloc::alloc(layout) })?;
        #[cfg(target_os = "linux")]
        {
            let advice = rustix::mm::Advice::LinuxHugepage;
            // SAFETY: the range was just allocated. A kernel without large pages says so, and nothing is lost.
            let _ = unsafe { rustix::mm::madvise(start.as_ptr().cast(), bytes, advice) };
        }
        // SAFETY: so many bytes were allocated. Every value is a number from now on.
        unsafe { start.as_ptr().write_bytes(0, bytes) };
        Some(Self { start, layout })
    }

    /// How many f32s fit.
    fn length(&self) -> usize {
        self.layout.size() / size_of::<f32>()
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        // SAFETY: it was allocated with this layout.
        unsafe { std::alloc::dealloc(self.start.as_ptr(), self.layout) }
    }
}

/// An arena in use.
pub(super) struct Lease(Option<Arena>);

/// There is no memory for a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there is no memory for {0} values")]
pub(super) struct NoMemory(usize);

impl Lease {
    /// Memory for so many f32s, all of them numbers, from earlier runs.
    pub(super) fn new(length: usize) -> Result<Self, NoMemory> {
        let mut idle = IDLE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let fitting = idle.iter().enumerate().filter(|(_, a)| a.length() >= length).min_by_key(|(_, a)| a.length());
        let taken = fitting.map(|(at, _)| at);
        if let Some(at) = taken {
            return Ok(Self(Some(idle.swap_remove(at))));
        }
        // None fits: the largest makes room.
        let largest = idle.iter().enumerate().max_by_key(|(_, a)| a.length()).map(|(at, _)| at);
        drop(largest.map(|at| idle.swap_remove(at)));
        drop(idle);
        Arena::new(length).map(|arena| Self(Some(arena))).ok_or(NoMemory(length))
    }

    /// The first value; aligned to a large page.
    pub(super) fn start(&self) -> *mut f32 {
        self.0.as_ref().map_or(std::ptr::null_mut(), |arena| arena.start.as_ptr().cast())
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let mut idle = IDLE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if idle.len() < IDLE_MAX {
            idle.extend(self.0.take());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_aligned_and_as_long_as_asked() {
        for length in [0, 1, 1000, 3 << 20] {
            let lease = Lease::new(length).expect("memory");
            assert_eq!(lease.start().align_offset(ALIGNMENT), 0);
            // SAFETY: so many values were asked for.
            let values = unsafe { std::slice::from_raw_parts_mut(lease.start(), length) };
            assert!(values.iter().all(|v| v.is_finite()));
            values.fill(1.0);
        }
        assert!(Lease::new(usize::MAX / 8).is_err());
    }
}
