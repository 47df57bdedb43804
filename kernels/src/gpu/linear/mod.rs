//! Linear layers of vectors: see `linear.cu`.

use crate::compile::{ConvShape, Epilogue};
use crate::device::{DeviceFault, Function, Grid, Params};

use super::ends::{Bound, Ending, Ends, Operand, int};
use super::launch::{Kernel, Launch, Target};

/// Outputs of a block: four for each of four warps.
const OUTPUTS: usize = 16;

/// The struct of `linear.cu`.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
struct LinearParams {
    x: Operand,
    weights: u64,
    ends: Ends,
    inputs: i32,
    outputs: i32,
}

const _: () = assert!(size_of::<LinearParams>() == 24 + 80 + 8, "as in linear.cu");
// SAFETY: repr(C), the struct of linear.cu.
unsafe impl Params for LinearParams {}

/// Whether a convolution is a linear layer of vectors. These are wide.
pub(super) fn serves(shape: &ConvShape) -> bool {
    shape.input.pixels() == 1 && shape.kernel == 1 && shape.padding.uniform() == Some(0)
}

/// The step.
pub(super) struct Linear {
    function: Function,
    shape: ConvShape,
    weights: u64,
    ending: Ending,
}

impl Linear {
    /// `weight` is `[out, in]`.
    pub(super) fn new(
        target: &mut Target<'_>,
        shape: ConvShape,
        weight: &[f32],
        epilogue: &Epilogue,
    ) -> Result<Self, DeviceFault> {
        let function = target.function("linear", 0)?;
        let (inputs, padded) = (shape.input.channels, shape.input.padded());
        let mut packed = vec![0.0; padded * shape.output.padded()];
        for (to, from) in packed.chunks_exact_mut(padded).zip(weight.chunks_exact(inputs)) {
            to[..inputs].copy_from_slice(from);
        }
        let weights = target.constants.f32s(&packed);
        Ok(Self { function, shape, weights, ending: Ending::new(epilogue, &mut target.constants) })
    }
}

impl Kernel for Linear {
    fn launch(&self, bound: &Bound) -> Launch {
        let (inputs, outputs) = (self.shape.input.padded(), self.shape.output.padded());
        let params = LinearParams {
            x: bound.x[0],
            weights: bound.constants + self.weights,
            ends: self.ending.bind(bound, 1),
            inputs: int(inputs),
            outputs: int(outputs),
        };
        let blocks = [outputs.div_ceil(OUTPUTS), bound.images, 1];
        Launch::new(self.function, Grid { blocks, threads: 128, shared: 0 }, params)
    }

    fn flops(&self) -> u64 {
        self.shape.flops()
    }

    fn weight_bytes(&self) -> usize {
        self.shape.input.padded() * self.shape.output.padded() * size_of::<f32>()
    }

    fn name(&self) -> String {
        "linear".into()
    }
}
