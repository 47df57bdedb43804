//! Convolutions as matrix products: see `conv.cu`.
//!
//! Invariant: tiles, channels of a block and chunks are chosen by the shape alone, never by the number of images; and no
//! sum's order depends on them but on the chunks.

use crate::compile::{ConvShape, Epilogue};
use crate::cpu::Precision;
use crate::device::{DeviceFault, Function, Grid, Params};

use super::ends::{Bound, Ending, Ends, int};
use super::launch::{Kernel, Launch, Target};

/// Output pixels of a block.
const TILE: usize = 128;
/// Threads of a block.
const THREADS: usize = 128;
/// Bytes of shared memory of a block, so that three of them are on a processor at once.
const SHARED_WANTED: usize = 75 << 10;
/// Bytes that a block can have at most: an A100's, which has least.
const SHARED_MAX: usize = 163 << 10;
/// Bytes between rows of shared memory, so that neighbours lie in other banks.
const ROW_PADDING: usize = 16;

/// The struct of `conv.cu`.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
struct ConvParams {
    x: u64,
    weights: u64,
    ends: Ends,
    rows: i32,
    columns: i32,
    pixel: i32,
    out_rows: i32,
    out_columns: i32,
    chunks: i32,
    kernel: i32,
    stride: i32,
    top: i32,
    left: i32,
    halo_rows: i32,
    halo_columns: i32,
    step: i32,
    tile_shift: i32,
    tiles_down: i32,
    tiles_across: i32,
}

const _: () = assert!(size_of::<ConvParams>() == 16 + 80 + 64, "as in conv.cu");
// SAFETY: repr(C), the struct of conv.cu.
unsafe impl Params for ConvParams {}

/// How a block works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Blocking {
    /// Output channels of a block.
    channels: usize,
    /// Input channels of a chunk.
    chunk: usize,
    /// Bytes of shared memory.
    shared: usize,
}

/// How pixels are divided into tiles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Tiling {
    /// log2 of a tile's columns.
    shift: usize,
    /// Input pixels that a tile needs.
    halo: [usize; 2],
    /// How far apart they are.
    step: usize,
}

/// The step.
pub(super) struct Conv {
    function: Function,
    shape: ConvShape,
    blocking: Blocking,
    tiling: Tiling,
    /// Pixels need no neighbours: the images are one row.
    flat: bool,
    weights: u64,
    weight_bytes: usize,
    ending: Ending,
    name: String,
}

impl Conv {
    /// `weight` is `[out, in, rows, columns]`; `wide` says whether what it reads is f32 whatever the precision.
    pub(super) fn new(
        target: &mut Target<'_>,
        shape: ConvShape,
        weight: &[f32],
        epilogue: &Epilogue,
        wide: bool,
    ) -> Result<Self, DeviceFault> {
        let flat = shape.kernel == 1 && shape.stride == 1 && shape.padding.uniform() == Some(0);
        let precision = if wide { Precision::F32 } else { target.precision };
        let narrow = target.precision != Precision::F32;
        let sole = (wide && narrow).then_some((16, 8));
        let mut tilings = if flat { vec![Tiling { shift: 7, halo: [1, TILE], step: 1 }] } else { Tiling::all(&shape) };
        tilings.sort_by_key(|tiling| tiling.cost(&shape));
        let fitting = |tiling: Tiling| Some((tiling, Blocking::of(&shape, tiling, precision, sole)?));
        let Some((tiling, blocking)) = tilings.into_iter().find_map(fitting) else {
            let said = format!("a convolution of {0} x {0} does not fit into shared memory", shape.kernel);
            return Err(DeviceFault { ordinal: target.device.ordinal(), kind: crate::FaultKind::Failed, said });
        };
        let Blocking { channels, chunk, shared } = blocking;
        let name = match precision {
            Precision::F32 if narrow => format!("conv_wide_{}", target.precision),
            Precision::F32 if chunk == 8 => format!("conv_f32_n{channels}_k8"),
            Precision::F32 => format!("conv_f32_n{channels}"),
            Precision::Bf16 | Precision::F16 => format!("conv_{precision}_n{channels}_k{chunk}"),
        };
        let function = target.device.function(&name, shared)?;
        let packed = pack(&shape, weight, blocking, precision);
        let weight_bytes = packed.len() * precision.bytes();
        let weights = target.constants.values(&packed, precision);
        let ending = Ending::new(epilogue, &mut target.constants);
        Ok(Self { function, shape, blocking, tiling, flat, weights, weight_bytes, ending, name })
    }
}

impl Tiling {
    /// Tiles of 4 to 128 columns.
    fn all(shape: &ConvShape) -> Vec<Self> {
        let step = if shape.kernel == 1 { shape.stride } else { 1 };
        let halo = |places: usize| (places - 1) * (shape.stride / step) + shape.kernel;
        (2..=7).map(|shift| Self { shift, halo: [halo(TILE >> shift), halo(1 << shift)], step }).collect()
    }

    /// What is read and what is computed, outside the map too.
    fn cost(&self, shape: &ConvShape) -> usize {
        let tiles = shape.output.rows.div_ceil(TILE >> self.shift) * shape.output.columns.div_ceil(1 << self.shift);
        tiles * (TILE + self.halo[0] * self.halo[1])
    }
}

impl Blocking {
    /// Output channels of a block and inputs of a chunk, for which there are kernels; the best first.
    fn kernels(precision: Precision) -> &'static [(usize, usize)] {
        match precision {
            Precision::F32 => &[(64, 16), (32, 16), (16, 16), (16, 8)],
            Precision::Bf16 | Precision::F16 => {
                &[(128, 32), (128, 16), (64, 32), (64, 16), (32, 32), (32, 16), (16, 32), (16, 16)]
            }
        }
    }

    /// The best that leaves room for other blocks; if there is none, what fits. `sole` is the one kernel there is.
    fn of(shape: &ConvShape, tiling: Tiling, precision: Precision, sole: Option<(usize, usize)>) -> Option<Self> {
        let (inputs, outputs, taps) = (shape.input.padded(), shape.output.padded(), shape.kernel * shape.kernel);
        let pixels = tiling.halo[0] * tiling.halo[1];
        let blocking = |&(channels, chunk): &(usize, usize)| {
            let row = chunk * precision.bytes() + ROW_PADDING;
            let shared = (pixels * 4).next_multiple_of(128) + 2 * (pixels + taps * channels) * row;
            Self { channels, chunk, shared }
        };
        let divides = |&&(n, k): &&(usize, usize)| outputs.is_multiple_of(n) && inputs.is_multiple_of(k);
        let kernels = if sole.is_some() { sole.as_slice() } else { Self::kernels(precision) };
        let all: Vec<Self> = kernels.iter().filter(divides).map(blocking).collect();
        let good = all.iter().find(|b| b.shared <= SHARED_WANTED);
        good.or_else(|| all.iter().min_by_key(|b| b.shared).filter(|b| b.shared <= SHARED_MAX)).copied()
    }
}

/// Weights in the order in which blocks copy them: for each block of channels, chunk and tap, rows of shared memory.
///
/// For tensor cores a row is an output channel with the chunk's inputs; the channels are permuted so that a lane, which
/// gets columns 2t and 2t + 1 of each of up to four neighbouring fragments, has channels side by side. In f32 the rows
/// are one run of `[channel in][channel out]`.
fn pack(shape: &ConvShape, weight: &[f32], blocking: Blocking, precision: Precision) -> Vec<f32> {
    let (inputs, outputs, taps) = (shape.input.channels, shape.output.channels, shape.kernel * shape.kernel);
    let Blocking { channels, chunk, .. } = blocking;
    let value = |out: usize, tap: usize, input: usize| {
        if out < outputs && input < inputs { weight[(out * inputs + input) * taps + tap] } else { 0.0 }
    };
    let mut packed = Vec::with_capacity(shape.output.padded() * shape.input.padded() * taps);
    for block in (0..shape.output.padded()).step_by(channels) {
        for first in (0..shape.input.padded()).step_by(chunk) {
            for tap in 0..taps {
                for at in 0..channels * chunk {
                    let (out, input) = match precision {
                        Precision::F32 => (at % channels, at / channels),
                        Precision::Bf16 | Precision::F16 => (channel_of_row(at / chunk, channels), at % chunk),
                    };
                    packed.push(value(block + out, tap, first + input));
                }
            }
        }
    }
    packed
}

/// The channel of a block whose weights are in this row.
fn channel_of_row(row: usize, channels: usize) -> usize {
    // Fragments of eight columns; up to four of them, all of one warp, share a lane's run of channels.
    let group = (channels / 8).min(4);
    let (fragment, column) = (row / 8, row % 8);
    let first = fragment / group * group * 8;
    first + column / 2 * 2 * group + fragment % group * 2 + column % 2
}

impl Kernel for Conv {
    fn launch(&self, bound: &Bound) -> Launch {
        let Self { shape, blocking, tiling, .. } = self;
        let (input, output) = (shape.input, shape.output);
        let flat =
            |rows: usize, columns: usize| if self.flat { [1, bound.images * rows * columns] } else { [rows, columns] };
        let [rows, columns] = flat(input.rows, input.columns);
        let [out_rows, out_columns] = flat(output.rows, output.columns);
        let images = if self.flat { 1 } else { bound.images };
        let down = out_rows.div_ceil(TILE >> tiling.shift);
        let across = out_columns.div_ceil(1 << tiling.shift);
        let params = ConvParams {
            x: bound.x[0].start,
            weights: bound.constants + self.weights,
            ends: self.ending.bind(bound, 1),
            rows: int(rows),
            columns: int(columns),
            pixel: bound.x[0].pixel,
            out_rows: int(out_rows),
            out_columns: int(out_columns),
            chunks: int(input.padded() / blocking.chunk),
            kernel: int(shape.kernel),
            stride: int(shape.stride),
            top: int(shape.padding.top),
            left: int(shape.padding.left),
            halo_rows: int(tiling.halo[0]),
            halo_columns: int(tiling.halo[1]),
            step: int(tiling.step),
            tile_shift: int(tiling.shift),
            tiles_down: int(down),
            tiles_across: int(across),
        };
        let blocks = [down * across * images, output.padded() / blocking.channels, 1];
        Launch::new(self.function, Grid { blocks, threads: THREADS, shared: blocking.shared }, params)
    }

    fn flops(&self) -> u64 {
        self.shape.flops()
    }

    fn weight_bytes(&self) -> usize {
        self.weight_bytes
    }

    fn name(&self) -> String {
        format!("{} {2}x{2}/{1}", self.name, self.shape.stride, self.shape.kernel)
    }
}
