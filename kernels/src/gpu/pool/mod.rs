//! The largest value, or the mean, under a window: see `pool.cu`.

use crate::compile::{Epilogue, Size, Take, Window};
use crate::device::{DeviceFault, Function, Params};

use super::ends::{Bound, Ending, Ends, Operand, int};
use super::launch::{Kernel, Launch, Target, one_each};

/// The struct of `pool.cu`.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
struct PoolParams {
    x: Operand,
    ends: Ends,
    images: i32,
    rows: i32,
    columns: i32,
    channels: i32,
    window: i32,
    stride: i32,
    top: i32,
    left: i32,
    out_rows: i32,
    out_columns: i32,
    mean: i32,
    unused: i32,
}

const _: () = assert!(size_of::<PoolParams>() == 16 + 80 + 48, "as in pool.cu");
// SAFETY: repr(C), the struct of pool.cu.
unsafe impl Params for PoolParams {}

/// The step.
pub(super) struct Pool {
    function: Function,
    input: Size,
    output: Size,
    window: Window,
    take: Take,
    ending: Ending,
}

impl Pool {
    /// From maps of a size to those of another.
    pub(super) fn new(
        target: &mut Target<'_>,
        (input, output): (Size, Size),
        window: Window,
        take: Take,
        epilogue: &Epilogue,
    ) -> Result<Self, DeviceFault> {
        let function = target.function("pool", 0)?;
        Ok(Self { function, input, output, window, take, ending: Ending::new(epilogue, &mut target.constants) })
    }
}

impl Kernel for Pool {
    fn launch(&self, bound: &Bound) -> Launch {
        let Self { input, output, window, .. } = self;
        let params = PoolParams {
            x: bound.x[0],
            ends: self.ending.bind(bound, 1),
            images: int(bound.images),
            rows: int(input.rows),
            columns: int(input.columns),
            channels: int(input.padded()),
            window: int(window.kernel),
            stride: int(window.stride),
            top: int(window.padding.top),
            left: int(window.padding.left),
            out_rows: int(output.rows),
            out_columns: int(output.columns),
            mean: i32::from(self.take == Take::Mean),
            unused: 0,
        };
        Launch::new(self.function, one_each(bound.images * output.pixels() * output.padded() / 4), params)
    }

    fn flops(&self) -> u64 {
        (self.output.pixels() * self.output.channels * self.window.kernel * self.window.kernel) as u64
    }

    fn name(&self) -> String {
        let take = if self.take == Take::Max { "max" } else { "mean" };
        format!("{take} pool {0}x{0}/{1}", self.window.kernel, self.window.stride)
    }
}
