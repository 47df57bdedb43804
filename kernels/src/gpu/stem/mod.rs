//! The first convolution of a network, and a pool behind it: see `stem.cu`.

use crate::compile::{BLOCK, ConvShape, Epilogue, Size, Window};
use crate::device::{DeviceFault, Function, Grid, Params};
use crate::op::Padding;

use super::ends::{Bound, Ending, Ends, int};
use super::launch::{Kernel, Launch, Target};

/// Rows and columns of a block's tile: of what was pooled, and of what was not.
const TILE: [usize; 2] = [8, 16];
/// Channels that are made at a time.
const CHANNELS: usize = BLOCK;
/// Bytes of shared memory that a block can have at most.
const SHARED_MAX: usize = 163 << 10;

/// The struct of `stem.cu`.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
struct StemParams {
    x: u64,
    weights: u64,
    ends: Ends,
    inputs: i32,
    rows: i32,
    columns: i32,
    kernel: i32,
    stride: i32,
    top: i32,
    left: i32,
    conv_rows: i32,
    conv_columns: i32,
    window: i32,
    step: i32,
    pool_top: i32,
    pool_left: i32,
    out_rows: i32,
    out_columns: i32,
    outputs: i32,
    tile: i32,
    sums_across: i32,
    planes_across: i32,
    unused: i32,
}

const _: () = assert!(size_of::<StemParams>() == 16 + 80 + 20 * 4, "as in stem.cu");
// SAFETY: repr(C), the struct of stem.cu.
unsafe impl Params for StemParams {}

/// The step.
pub(super) struct Stem {
    function: Function,
    shape: ConvShape,
    window: Window,
    pooled: bool,
    output: Size,
    weights: u64,
    ending: Ending,
    tile: usize,
    sums_across: usize,
    planes_across: usize,
    shared: usize,
}

impl Stem {
    /// `weight` is `[out, in, rows, columns]`; `output` is the size of the result, pooled or not.
    pub(super) fn new(
        target: &mut Target<'_>,
        shape: ConvShape,
        weight: &[f32],
        window: Option<Window>,
        output: Size,
        epilogue: &Epilogue,
    ) -> Result<Self, DeviceFault> {
        let pooled = window.is_some();
        let window = window.unwrap_or(Window { kernel: 1, stride: 1, padding: Padding::default() });
        let (inputs, taps) = (shape.input.channels, shape.kernel * shape.kernel);
        let needs = |tile: usize| {
            let sums = (tile - 1) * window.stride + window.kernel;
            let planes = (sums - 1) * shape.stride + shape.kernel;
            let floats = inputs * taps * CHANNELS + sums * sums * CHANNELS + inputs * planes * planes;
            (tile, sums, planes, floats * size_of::<f32>())
        };
        let largest = TILE[usize::from(!pooled)];
        let tiles = [largest, largest / 2, largest / 4, 2, 1].into_iter().map(needs);
        let Some((tile, sums_across, planes_across, shared)) = tiles.into_iter().find(|t| t.3 <= SHARED_MAX) else {
            let said = "a first convolution does not fit into shared memory".to_owned();
            return Err(DeviceFault { ordinal: target.device.ordinal(), kind: crate::FaultKind::Failed, said });
        };
        let function = target.function("stem", shared)?;
        let mut packed = vec![0.0; output.padded() * inputs * taps];
        for (at, value) in weight.iter().enumerate() {
            let (out, in_tap) = (at / (inputs * taps), at % (inputs * taps));
            packed[(out / CHANNELS * inputs * taps + in_tap) * CHANNELS + out % CHANNELS] = *value;
        }
        let weights = target.constants.f32s(&packed);
        let ending = Ending::new(epilogue, &mut target.constants);
        Ok(Self { function, shape, window, pooled, output, weights, ending, tile, sums_across, planes_across, shared })
    }
}

impl Kernel for Stem {
    fn launch(&self, bound: &Bound) -> Launch {
        let Self { shape, window, output, tile, .. } = self;
        let params = StemParams {
            x: bound.x[0].start,
            weights: bound.constants + self.weights,
            ends: self.ending.bind(bound, 1),
            inputs: int(shape.input.channels),
            rows: int(shape.input.rows),
            columns: int(shape.input.columns),
            kernel: int(shape.kernel),
            stride: int(shape.stride),
            top: int(shape.padding.top),
            left: int(shape.padding.left),
            conv_rows: int(shape.output.rows),
            conv_columns: int(shape.output.columns),
            window: int(window.kernel),
            step: int(window.stride),
            pool_top: int(window.padding.top),
            pool_left: int(window.padding.left),
            out_rows: int(output.rows),
            out_columns: int(output.columns),
            outputs: int(output.padded()),
            tile: int(*tile),
            sums_across: int(self.sums_across),
            planes_across: int(self.planes_across),
            unused: 0,
        };
        let blocks = [output.columns.div_ceil(*tile), output.rows.div_ceil(*tile), bound.images];
        Launch::new(self.function, Grid { blocks, threads: 256, shared: self.shared }, params)
    }

    fn flops(&self) -> u64 {
        self.shape.flops()
    }

    fn weight_bytes(&self) -> usize {
        self.output.padded() * self.shape.input.channels * self.shape.kernel * self.shape.kernel * size_of::<f32>()
    }

    fn name(&self) -> String {
        let pool = if self.pooled {
            format!(", pool {0}x{0}/{1}", self.window.kernel, self.window.stride)
        } else {
            String::new()
        };
        format!("stem {0}x{0}/{1}{pool}", self.shape.kernel, self.shape.stride)
    }
}
