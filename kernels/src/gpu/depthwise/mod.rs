//! Convolutions of each channel by itself: see `depthwise.cu`.

use crate::compile::{ConvShape, Epilogue};
use crate::device::{DeviceFault, Function, Params};

use super::ends::{Bound, Ending, Ends, Operand, int};
use super::launch::{Kernel, Launch, Target, one_each};

/// The struct of `depthwise.cu`.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
struct DepthwiseParams {
    x: Operand,
    weights: u64,
    ends: Ends,
    images: i32,
    rows: i32,
    columns: i32,
    channels: i32,
    kernel: i32,
    stride: i32,
    top: i32,
    left: i32,
    out_rows: i32,
    out_columns: i32,
}

const _: () = assert!(size_of::<DepthwiseParams>() == 24 + 80 + 40, "as in depthwise.cu");
// SAFETY: repr(C), the struct of depthwise.cu.
unsafe impl Params for DepthwiseParams {}

/// The step.
pub(super) struct Depthwise {
    function: Function,
    shape: ConvShape,
    weights: u64,
    ending: Ending,
}

impl Depthwise {
    /// `weight` is `[channels, 1, rows, columns]`.
    pub(super) fn new(
        target: &mut Target<'_>,
        shape: ConvShape,
        weight: &[f32],
        epilogue: &Epilogue,
    ) -> Result<Self, DeviceFault> {
        let function = target.function("depthwise", 0)?;
        let (taps, padded) = (shape.kernel * shape.kernel, shape.input.padded());
        let mut packed = vec![0.0; taps * padded];
        for (at, value) in weight.iter().enumerate() {
            packed[at % taps * padded + at / taps] = *value;
        }
        let weights = target.constants.f32s(&packed);
        Ok(Self { function, shape, weights, ending: Ending::new(epilogue, &mut target.constants) })
    }
}

impl Kernel for Depthwise {
    fn launch(&self, bound: &Bound) -> Launch {
        let ConvShape { input, output, kernel, stride, padding } = self.shape;
        let params = DepthwiseParams {
            x: bound.x[0],
            weights: bound.constants + self.weights,
            ends: self.ending.bind(bound, 1),
            images: int(bound.images),
            rows: int(input.rows),
            columns: int(input.columns),
            channels: int(input.padded()),
            kernel: int(kernel),
            stride: int(stride),
            top: int(padding.top),
            left: int(padding.left),
            out_rows: int(output.rows),
            out_columns: int(output.columns),
        };
        Launch::new(self.function, one_each(bound.images * output.pixels() * output.padded() / 4), params)
    }

    fn flops(&self) -> u64 {
        self.shape.flops() / self.shape.input.channels.max(1) as u64
    }

    fn weight_bytes(&self) -> usize {
        self.shape.kernel * self.shape.kernel * self.shape.input.padded() * size_of::<f32>()
    }

    fn name(&self) -> String {
        format!("depthwise {0}x{0}/{1}", self.shape.kernel, self.shape.stride)
    }
}
