//! A preparation, carried out by kernels.
//!
//! Invariant: what a kernel reads was uploaded or written before it in the same stream, and lies within the scratch
//! that [`Layout`] counts.

use super::params::{CanvasParams, Placed, PlaneParams, SettleParams, TriangleParams, WindowParams};
use super::stage::{Layout, stage};
use super::{CHANNELS_MAX, Filter, Preparation, Steps};
use crate::device::{Device, DeviceFault, FaultKind, Function, Grid, Pinned, Stream};

/// The most blocks that share a sum; each leaves what it has found.
pub(super) const BLOCKS_MAX: usize = 528;

/// Threads of every block.
pub(super) const THREADS: usize = 256;

/// The kernels of an open device.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kernels {
    moments: Function,
    standard: Function,
    window: Function,
    cubic: Function,
    mean: Function,
    spread: Function,
    deviation: Function,
    scale: Function,
    triangle: Function,
    sides: Function,
    align: Function,
    canvas: Function,
    pub(super) gather: Function,
}

impl Kernels {
    /// Finds them.
    pub(crate) fn of(device: &Device) -> Result<Self, DeviceFault> {
        let named = |name: &str| device.function(&format!("prepare_{name}"), 0);
        Ok(Self {
            moments: named("moments")?,
            standard: named("standard")?,
            window: named("window")?,
            cubic: named("cubic")?,
            mean: named("mean")?,
            spread: named("spread")?,
            deviation: named("deviation")?,
            scale: named("scale")?,
            triangle: named("triangle")?,
            sides: named("sides")?,
            align: named("align")?,
            canvas: named("canvas")?,
            gather: named("gather")?,
        })
    }
}

/// So many threads, one for each piece of work.
pub(super) fn grid(pieces: usize) -> Grid {
    Grid { blocks: [pieces.div_ceil(THREADS).max(1), 1, 1], threads: THREADS, shared: 0 }
}

/// Blocks that share a sum; of one picture's size always as many, so that the sum is the same.
fn sharing(blocks: usize) -> Grid {
    Grid { blocks: [blocks.clamp(1, BLOCKS_MAX), 1, 1], threads: THREADS, shared: 0 }
}

/// One block.
const ONE: Grid = Grid { blocks: [1, 1, 1], threads: THREADS, shared: 0 };

impl Preparation {
    /// Bytes of pinned memory that [`enqueue`](Self::enqueue) writes and uploads.
    pub(crate) fn staging_bytes(&self) -> usize {
        Layout::of(self).staged
    }

    /// Bytes of device memory that it needs beside the output.
    pub(crate) fn scratch_bytes(&self) -> usize {
        Layout::of(self).end
    }

    /// Writes what it needs into `staging` from byte `at` on, uploads it to `scratch` and puts the kernels into the
    /// stream that write the planes of [`shape`](Self::shape), f32, to `to`. Allocates nothing and does not wait.
    ///
    /// # Errors
    ///
    /// The device fails, or `staging` is too short.
    ///
    /// # Safety
    ///
    /// `scratch` is the address, a multiple of 256, of so many bytes on the device as [`scratch_bytes`](Self::scratch_bytes) says,
    /// and `to`, a multiple of 16, that of the output; the kernels are that device's. Nothing before in the stream
    /// still reads the staging memory, and until the stream has got there nobody writes it or frees anything.
    pub(crate) unsafe fn enqueue(
        &self,
        kernels: &Kernels,
        stream: &Stream,
        (staging, at): (&mut Pinned, usize),
        to: u64,
        scratch: u64,
    ) -> Result<(), DeviceFault> {
        let layout = Layout::of(self);
        let short = DeviceFault {
            ordinal: stream.device().ordinal(),
            kind: FaultKind::Failed,
            said: "too little staging memory".into(),
        };
        let room = staging.bytes_mut().get_mut(at..at.saturating_add(layout.staged)).ok_or(short)?;
        stage(self, &layout, room);
        // SAFETY: the caller's; the layout counts what kernels read and write.
        unsafe {
            stream.upload(staging, at, scratch, layout.staged)?;
            self.launch(kernels, stream, &layout, to, scratch)
        }
    }

    /// # Safety
    ///
    /// As for [`enqueue`](Self::enqueue), and all that goes up is there.
    unsafe fn launch(
        &self,
        kernels: &Kernels,
        stream: &Stream,
        layout: &Layout,
        to: u64,
        scratch: u64,
    ) -> Result<(), DeviceFault> {
        let source = layout.rectangle(&self.source, scratch);
        let [partial, settled, plane, curve] =
            [layout.partial, layout.settled, layout.plane, layout.curve].map(|at| scratch + at as u64);
        let [_, height, width] = self.shape();
        let count = height * width;
        let settle = |of: Grid| SettleParams { partial, settled, count: count as u64, blocks: of.blocks[0] as u64 };
        let none = Placed { firsts: 0, starts: 0, weights: 0, samples: 0, outputs: 0 };
        let four = grid(height * width.div_ceil(4));
        // SAFETY: the caller's, and that of the layout.
        unsafe {
            match &self.steps {
                Steps::Window { air, frame } => {
                    let (air, frame) = ((*air).into(), (*frame).into());
                    let (rows, columns) = (none, none);
                    let params = WindowParams { source, rows, columns, to, partial, settled, frame, air, unused: 0 };
                    let sums = sharing((self.source.rows * layout.rectangle.pitch / 8).div_ceil(THREADS));
                    stream.launch(kernels.moments, sums, &params)?;
                    stream.launch(kernels.standard, ONE, &settle(sums))?;
                    stream.launch(kernels.window, four, &params)
                }
                Steps::Cubic { air, frame, rows, columns } => {
                    let (air, frame) = ((*air).into(), (*frame).into());
                    let rows = Layout::placed(&layout.rows, rows, scratch);
                    let columns = Layout::placed(&layout.columns, columns, scratch);
                    let params = WindowParams { source, rows, columns, to, partial, settled, frame, air, unused: 0 };
                    let over = PlaneParams { plane: to, count: count as u64, partial, settled };
                    let (lines, all) = (sharing(height), sharing(count.div_ceil(THREADS)));
                    stream.launch(kernels.cubic, lines, &params)?;
                    stream.launch(kernels.mean, ONE, &settle(lines))?;
                    stream.launch(kernels.spread, all, &over)?;
                    stream.launch(kernels.deviation, ONE, &settle(all))?;
                    stream.launch(kernels.scale, grid(count.div_ceil(4)), &over)
                }
                Steps::Triangle { rows, columns, mean, deviation, .. } => {
                    let rows = Layout::placed(&layout.rows, rows, scratch);
                    let columns = Layout::placed(&layout.columns, columns, scratch);
                    let (mean, deviation) = (*mean, *deviation);
                    let params =
                        TriangleParams { source, rows, columns, curve, plane, partial, settled, to, mean, deviation };
                    let lines = sharing(height);
                    stream.launch(kernels.triangle, lines, &params)?;
                    stream.launch(kernels.sides, ONE, &settle(lines))?;
                    stream.launch(kernels.align, four, &params)
                }
                Steps::Canvas { filter, rows, columns, frame, white, truncate, channels, .. } => {
                    let (mut mean, mut deviation) = ([0.0; CHANNELS_MAX], [1.0; CHANNELS_MAX]);
                    for (i, (m, d)) in channels.iter().enumerate().take(CHANNELS_MAX) {
                        (mean[i], deviation[i]) = (*m, *d);
                    }
                    let params = CanvasParams {
                        source,
                        rows: Layout::placed(&layout.rows, rows, scratch),
                        columns: Layout::placed(&layout.columns, columns, scratch),
                        curve,
                        to,
                        white: *white,
                        frame: (*frame).into(),
                        rows_first: i32::from(*filter == Filter::RowsFirst),
                        truncate: i32::from(*truncate),
                        channels: channels.len() as i32,
                        mean,
                        deviation,
                        unused: 0,
                    };
                    stream.launch(kernels.canvas, grid(count), &params)
                }
            }
        }
    }
}
