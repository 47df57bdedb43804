//! Values from one place to another, and the look at whether they are finite: see `copy.cu`.

use crate::compile::{Copying, Size};
use crate::device::{DeviceFault, Function, Params};

use super::ends::{Bound, Operand, int};
use super::launch::{Kernel, Launch, Target, one_each};

/// The struct of `copy.cu`.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
struct CopyParams {
    x: Operand,
    y: Operand,
    not_finite: u64,
    pixels: i64,
    per_image: i32,
    channels: i32,
    from: i32,
    to: i32,
    count: i32,
    times: i32,
    among: i32,
    padded: i32,
}

const _: () = assert!(size_of::<CopyParams>() == 32 + 16 + 32, "as in copy.cu");
// SAFETY: repr(C), the struct of copy.cu.
unsafe impl Params for CopyParams {}

impl CopyParams {
    fn new(x: Operand, y: Operand, size: Size, images: usize) -> Self {
        Self {
            x,
            y,
            not_finite: 0,
            pixels: (images * size.pixels()) as i64,
            per_image: int(size.pixels()),
            channels: int(size.channels),
            from: 0,
            to: 0,
            count: 0,
            times: 1,
            among: 1,
            padded: int(size.padded()),
        }
    }
}

/// Planes to channels last.
pub(super) struct Import {
    function: Function,
    size: Size,
}

impl Import {
    /// Of maps of this size.
    pub(super) fn new(target: &Target<'_>, size: Size) -> Result<Self, DeviceFault> {
        Ok(Self { function: target.function("import", 0)?, size })
    }
}

impl Kernel for Import {
    fn launch(&self, bound: &Bound) -> Launch {
        let params = CopyParams::new(bound.x[0], bound.y[0], self.size, bound.images);
        Launch::new(self.function, one_each(bound.images * self.size.pixels() * self.size.padded()), params)
    }

    fn flops(&self) -> u64 {
        0
    }

    fn name(&self) -> String {
        "channels last".into()
    }
}

/// Channels from one place to another.
pub(super) struct Copy {
    function: Function,
    size: Size,
    copying: Copying,
}

impl Copy {
    /// To maps of this size.
    pub(super) fn new(target: &Target<'_>, size: Size, copying: Copying) -> Result<Self, DeviceFault> {
        Ok(Self { function: target.function("copy", 0)?, size, copying })
    }
}

impl Kernel for Copy {
    fn launch(&self, bound: &Bound) -> Launch {
        let Copying { from, to, count, times, joined } = self.copying;
        let params = CopyParams {
            from: int(from),
            to: int(to),
            count: int(count),
            times: int(times),
            among: int(joined),
            ..CopyParams::new(bound.x[0], bound.y[0], self.size, bound.images)
        };
        let written = count * times * joined;
        let rest = if to + written == self.size.channels { self.size.padded() - self.size.channels } else { 0 };
        Launch::new(self.function, one_each(bound.images * self.size.pixels() * (written + rest)), params)
    }

    fn flops(&self) -> u64 {
        0
    }

    fn name(&self) -> String {
        "copy".into()
    }
}

/// What looks at values on their way out, or where they would be hidden.
pub(super) struct Gate {
    outward: Function,
    look: Function,
}

impl Gate {
    /// For a precision.
    pub(super) fn new(target: &Target<'_>) -> Result<Self, DeviceFault> {
        Ok(Self { outward: target.function("outward", 0)?, look: target.function("look", 0)? })
    }

    /// A value to planes, with a look at it.
    pub(super) fn outward(&self, x: Operand, to: u64, status: u64, size: Size, images: usize) -> Launch {
        let params = CopyParams { not_finite: status, ..CopyParams::new(x, Operand::plain(to), size, images) };
        Launch::new(self.outward, one_each(images * size.pixels() * size.channels), params)
    }

    /// A look at a value.
    pub(super) fn look(&self, x: Operand, status: u64, size: Size, images: usize) -> Launch {
        let params = CopyParams { not_finite: status, ..CopyParams::new(x, Operand::NONE, size, images) };
        Launch::new(self.look, one_each(images * size.pixels() * size.channels), params)
    }
}
