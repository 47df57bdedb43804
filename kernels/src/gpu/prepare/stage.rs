//! What of a preparation goes up, and where everything lies on the device.
//!
//! Invariant: staging and scratch begin alike: what is written at a place in staging is read at the same place in
//! scratch. All places are multiples of 256 bytes.

use super::device::BLOCKS_MAX;
use super::params::{Placed, Rectangle};
use super::{Air, Axis, Frame, Preparation, Source, Steps};

/// Where things lie, in bytes from the beginning.
#[derive(Debug, Default)]
pub(super) struct Layout {
    pub(super) pixels: usize,
    pub(super) rectangle: Lines,
    pub(super) curve: usize,
    pub(super) rows: Places,
    pub(super) columns: Places,
    /// All that goes up lies before.
    pub(super) staged: usize,
    /// What each block of a sum has found: two numbers of 64 bits.
    pub(super) partial: usize,
    /// What becomes of the sums.
    pub(super) settled: usize,
    /// 16-bit integers of the output's size.
    pub(super) plane: usize,
    pub(super) end: usize,
}

/// How the rectangle's rows lie: so many pixels apart, each with so many pixels of air before it.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lines {
    pub(super) pitch: usize,
    pub(super) lead: usize,
}

/// Where an axis lies.
#[derive(Debug, Default)]
pub(super) struct Places {
    firsts: usize,
    starts: usize,
    weights: usize,
}

impl Layout {
    pub(super) fn of(preparation: &Preparation) -> Self {
        let (source, steps) = (&preparation.source, &preparation.steps);
        let mut layout = Self { rectangle: lines(source, steps), ..Self::default() };
        layout.pixels = layout.take(2 * source.rows * layout.rectangle.pitch);
        layout.curve = match steps {
            Steps::Window { .. } | Steps::Cubic { .. } => layout.end,
            Steps::Triangle { curve, .. } => layout.take(size_of_val(&**curve)),
            Steps::Canvas { curve, .. } => layout.take(size_of_val(&**curve)),
        };
        if let Some((rows, columns)) = axes(steps) {
            layout.rows = layout.take_axis(rows);
            layout.columns = layout.take_axis(columns);
        }
        layout.staged = layout.end;
        layout.partial = layout.take(BLOCKS_MAX * 16);
        layout.settled = layout.take(16);
        if let Steps::Triangle { rows, columns, .. } = steps {
            layout.plane = layout.take(2 * rows.outputs() * columns.outputs());
        }
        layout
    }

    /// So many more bytes.
    fn take(&mut self, bytes: usize) -> usize {
        let start = self.end;
        self.end = (start + bytes).next_multiple_of(256);
        start
    }

    fn take_axis(&mut self, axis: &Axis) -> Places {
        Places {
            firsts: self.take(size_of_val(&*axis.firsts)),
            starts: self.take(size_of_val(&*axis.starts)),
            weights: self.take(size_of_val(&*axis.weights)),
        }
    }

    /// The source as kernels see it, with scratch at this address.
    pub(super) fn rectangle(&self, source: &Source, scratch: u64) -> Rectangle {
        Rectangle {
            pixels: scratch + self.pixels as u64,
            pitch: self.rectangle.pitch as i32,
            lead: self.rectangle.lead as i32,
            rows: source.rows as i32,
            columns: source.columns as i32,
            mirrored: i32::from(source.mirrored),
            unused: 0,
        }
    }

    pub(super) fn placed(places: &Places, axis: &Axis, scratch: u64) -> Placed {
        Placed {
            firsts: scratch + places.firsts as u64,
            starts: scratch + places.starts as u64,
            weights: scratch + places.weights as u64,
            samples: axis.samples() as i32,
            outputs: axis.outputs() as i32,
        }
    }
}

fn axes(steps: &Steps) -> Option<(&Axis, &Axis)> {
    match steps {
        Steps::Window { .. } => None,
        Steps::Cubic { rows, columns, .. }
        | Steps::Triangle { rows, columns, .. }
        | Steps::Canvas { rows, columns, .. } => Some((rows, columns)),
    }
}

/// A window's rows lie so that four neighbours of the window, from a multiple of four on, are four neighbours here, from
/// a multiple of four on: they are read at once, and what they show beside the source is air.
fn lines(source: &Source, steps: &Steps) -> Lines {
    let lead = match steps {
        Steps::Window { frame: Frame { at, .. }, .. } if source.mirrored => (8 - (source.columns + at[1]) % 4) % 4,
        Steps::Window { frame: Frame { at, .. }, .. } => at[1] % 4,
        Steps::Cubic { .. } | Steps::Triangle { .. } | Steps::Canvas { .. } => 0,
    };
    Lines { pitch: (lead + source.columns).next_multiple_of(8), lead }
}

/// Numbers that are bytes and nothing else.
trait Plain: Copy {}
impl Plain for u16 {}
impl Plain for i32 {}
impl Plain for u32 {}
impl Plain for f32 {}
impl Plain for f64 {}

fn bytes_of<T: Plain>(values: &[T]) -> &[u8] {
    // SAFETY: numbers without padding, and bytes need no alignment.
    unsafe { std::slice::from_raw_parts(values.as_ptr().cast(), size_of_val(values)) }
}

/// Writes what goes up, on the thread that calls: one that runs a network waits for no other; `staging` has as many bytes.
pub(super) fn stage(preparation: &Preparation, layout: &Layout, staging: &mut [u8]) {
    let (source, steps) = (&preparation.source, &preparation.steps);
    let air = match steps {
        Steps::Window { air: Air { value, .. }, .. } | Steps::Cubic { air: Air { value, .. }, .. } => *value,
        Steps::Triangle { .. } | Steps::Canvas { .. } => 0,
    };
    let Lines { pitch, lead } = layout.rectangle;
    let (before, after) = (2 * lead, 2 * (lead + source.columns));
    let rows = staging[layout.pixels..][..2 * source.rows * pitch].chunks_exact_mut((2 * pitch).max(1));
    rows.enumerate().for_each(|(row, to)| {
        to[before..after].copy_from_slice(bytes_of(source.line(row)));
        for beside in [0..before, after..2 * pitch] {
            to[beside].chunks_exact_mut(2).for_each(|pixel| pixel.copy_from_slice(&air.to_ne_bytes()));
        }
    });
    let mut put = |at: usize, bytes: &[u8]| staging[at..at + bytes.len()].copy_from_slice(bytes);
    match steps {
        Steps::Window { .. } | Steps::Cubic { .. } => (),
        Steps::Triangle { curve, .. } => put(layout.curve, bytes_of(curve)),
        Steps::Canvas { curve, .. } => put(layout.curve, bytes_of(curve)),
    }
    if let Some((rows, columns)) = axes(steps) {
        for (places, axis) in [(&layout.rows, rows), (&layout.columns, columns)] {
            put(places.firsts, bytes_of(&axis.firsts));
            put(places.starts, bytes_of(&axis.starts));
            put(places.weights, bytes_of(&axis.weights));
        }
    }
}
