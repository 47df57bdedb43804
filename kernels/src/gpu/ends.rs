//! What kernels are told of values, and what every step ends with; the structs of `ends.cuh`.

use crate::compile::{Activation, Epilogue};

use super::constants::Constants;

/// A value: channel k of pixel n, counted through all images, lies at `start + (n * pixel + k) * width`. Or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub(super) struct Operand {
    /// The address on the device; 0 for none.
    pub(super) start: u64,
    /// Values from a pixel to the next.
    pub(super) pixel: i32,
    /// Whether values are f32, whatever the network's precision.
    pub(super) wide: i32,
}

impl Operand {
    /// No value.
    pub(super) const NONE: Self = Self { start: 0, pixel: 0, wide: 0 };

    /// f32 planes, or plain memory.
    pub(super) fn plain(start: u64) -> Self {
        Self { start, pixel: 0, wide: 1 }
    }
}

/// What a step reads and writes in one run.
#[derive(Debug, Clone)]
pub(super) struct Bound {
    /// Output images.
    pub(super) images: usize,
    /// What it reads; a residual is the last.
    pub(super) x: Vec<Operand>,
    /// What it writes.
    pub(super) y: Vec<Operand>,
    /// Where the network's constants lie.
    pub(super) constants: u64,
}

/// How values end, for the kernels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub(super) struct Ends {
    bias: u64,
    scale: u64,
    shift: u64,
    residual: Operand,
    first: Operand,
    second: Operand,
    activation: i32,
    second_activation: i32,
}

const _: () = assert!(size_of::<Operand>() == 16 && size_of::<Ends>() == 80, "as in ends.cuh");

/// An epilogue whose vectors are among the network's constants.
#[derive(Debug, Clone)]
pub(super) struct Ending {
    bias: u64,
    scale: u64,
    shift: u64,
    residual: bool,
    activation: Activation,
    first: bool,
    second: Option<Activation>,
}

impl Ending {
    /// Puts an epilogue's vectors among the constants.
    pub(super) fn new(epilogue: &Epilogue, constants: &mut Constants) -> Self {
        let second = epilogue.second.as_ref();
        Self {
            bias: constants.f32s(&epilogue.bias),
            scale: constants.f32s(second.map_or(&[], |s| &s.scale)),
            shift: constants.f32s(second.map_or(&[], |s| &s.shift)),
            residual: epilogue.residual,
            activation: epilogue.activation,
            first: epilogue.first,
            second: second.map(|s| s.activation),
        }
    }

    /// The epilogue in a run; `x[at]` is the residual, if there is one.
    pub(super) fn bind(&self, bound: &Bound, at: usize) -> Ends {
        let mut y = bound.y.iter().copied();
        let mut next = |stored: bool| if stored { y.next().unwrap_or(Operand::NONE) } else { Operand::NONE };
        Ends {
            bias: bound.constants + self.bias,
            scale: bound.constants + self.scale,
            shift: bound.constants + self.shift,
            residual: bound.x.get(at).copied().filter(|_| self.residual).unwrap_or(Operand::NONE),
            first: next(self.first),
            second: next(self.second.is_some()),
            activation: code(self.activation),
            second_activation: code(self.second.unwrap_or(Activation::None)),
        }
    }
}

/// `enum Activation` of `ends.cuh`.
fn code(activation: Activation) -> i32 {
    match activation {
        Activation::None => 0,
        Activation::Relu => 1,
        Activation::Gelu => 2,
        Activation::Silu => 3,
        Activation::Sigmoid => 4,
    }
}

/// A number for a kernel. What is larger than any that fits is refused by its launch: no card has such memory.
pub(super) fn int(n: usize) -> i32 {
    i32::try_from(n).unwrap_or(i32::MAX)
}
