//! What looks at one pixel alone: see `pointwise.cu`.

use crate::compile::{Epilogue, Of, Size};
use crate::device::{DeviceFault, Function, Grid, Params};

use super::ends::{Bound, Ending, Ends, Operand, int};
use super::launch::{Kernel, Launch, Target, one_each};

/// The struct of `pointwise.cu`.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
struct PointwiseParams {
    x: Operand,
    factors: Operand,
    ends: Ends,
    pixels: i64,
    per_image: i32,
    channels: i32,
    padded: i32,
    eps: f32,
}

const _: () = assert!(size_of::<PointwiseParams>() == 32 + 80 + 24, "as in pointwise.cu");
// SAFETY: repr(C), the struct of pointwise.cu.
unsafe impl Params for PointwiseParams {}

/// The step.
pub(super) struct Pointwise {
    function: Function,
    size: Size,
    of: Of,
    ending: Ending,
}

impl Pointwise {
    /// Of maps of this size.
    pub(super) fn new(target: &mut Target<'_>, size: Size, of: Of, epilogue: &Epilogue) -> Result<Self, DeviceFault> {
        let function = target.function(if matches!(of, Of::Normed(_)) { "normed" } else { "pointwise" }, 0)?;
        Ok(Self { function, size, of, ending: Ending::new(epilogue, &mut target.constants) })
    }
}

impl Kernel for Pointwise {
    fn launch(&self, bound: &Bound) -> Launch {
        let factors = matches!(self.of, Of::Factors);
        let pixels = bound.images * self.size.pixels();
        let params = PointwiseParams {
            x: bound.x[0],
            factors: if factors { bound.x[1] } else { Operand::NONE },
            ends: self.ending.bind(bound, 1 + usize::from(factors)),
            pixels: pixels as i64,
            per_image: int(self.size.pixels()),
            channels: int(self.size.channels),
            padded: int(self.size.padded()),
            eps: if let Of::Normed(eps) = self.of { eps } else { 0.0 },
        };
        let grid = match self.of {
            // A warp to a pixel.
            Of::Normed(_) => Grid { blocks: [pixels.div_ceil(8), 1, 1], threads: 256, shared: 0 },
            Of::Itself | Of::Factors => one_each(pixels * self.size.padded() / 4),
        };
        Launch::new(self.function, grid, params)
    }

    fn flops(&self) -> u64 {
        (self.size.pixels() * self.size.channels) as u64
    }

    fn name(&self) -> String {
        match self.of {
            Of::Itself => "pointwise",
            Of::Factors => "factors",
            Of::Normed(_) => "layer norm",
        }
        .into()
    }
}
