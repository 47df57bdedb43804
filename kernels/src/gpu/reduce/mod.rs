//! Reductions, and what is done with vectors: see `reduce.cu`.

use crate::compile::{Size, Tail};
use crate::device::{DeviceFault, Function, Grid, Params};

use super::ends::{Bound, Operand, int};
use super::launch::{Kernel, Launch, Target, one_each};

/// The struct of `reduce.cu`.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
struct ReduceParams {
    x: [Operand; 3],
    y: Operand,
    pixels: i64,
    per_image: i32,
    channels: i32,
    padded: i32,
    vectors: i32,
    heads: i32,
    mean: i32,
}

const _: () = assert!(size_of::<ReduceParams>() == 64 + 8 + 24, "as in reduce.cu");
// SAFETY: repr(C), the struct of reduce.cu.
unsafe impl Params for ReduceParams {}

/// The step.
pub(super) struct Reduce {
    function: Function,
    tail: Tail,
    input: Size,
    output: Size,
}

impl Reduce {
    /// From values of one size to those of another.
    pub(super) fn new(target: &Target<'_>, tail: Tail, input: Size, output: Size) -> Result<Self, DeviceFault> {
        let name = match tail {
            Tail::Tanh => "tanh",
            Tail::Mul => "product",
            Tail::MeanOverMap | Tail::MaxOverMap => "over_map",
            Tail::SoftmaxOverChannels(_) => "softmax_channels",
            Tail::SoftmaxOverItem(_) => "softmax_item",
            Tail::WeightedSumOverItem(_) => "weighted_sum",
            Tail::MeanOverItem(_) | Tail::MaxOverItem(_) => "over_item",
            Tail::Attention { .. } => "attention",
        };
        Ok(Self { function: target.function(name, shared(tail))?, tail, input, output })
    }
}

/// Bytes of shared memory: the likeness of every key.
fn shared(tail: Tail) -> usize {
    if let Tail::Attention { vectors, .. } = tail { vectors * size_of::<f32>() } else { 0 }
}

impl Kernel for Reduce {
    fn launch(&self, bound: &Bound) -> Launch {
        let (size, images) = (self.output, bound.images);
        let pixels = images * size.pixels();
        let (vectors, heads) = match self.tail {
            Tail::Attention { vectors, heads } => (vectors, heads),
            Tail::SoftmaxOverChannels(n)
            | Tail::SoftmaxOverItem(n)
            | Tail::WeightedSumOverItem(n)
            | Tail::MeanOverItem(n)
            | Tail::MaxOverItem(n) => (n, 1),
            Tail::Tanh | Tail::Mul | Tail::MeanOverMap | Tail::MaxOverMap => (1, 1),
        };
        let x = |at: usize| bound.x.get(at).copied().unwrap_or(Operand::NONE);
        let params = ReduceParams {
            x: [x(0), x(1), x(2)],
            y: bound.y[0],
            pixels: pixels as i64,
            per_image: int(self.input.pixels()),
            channels: int(size.channels),
            padded: int(size.padded()),
            vectors: int(vectors),
            heads: int(heads),
            mean: i32::from(matches!(self.tail, Tail::MeanOverMap | Tail::MeanOverItem(_))),
        };
        let grid = match self.tail {
            Tail::MeanOverMap | Tail::MaxOverMap => {
                Grid { blocks: [size.padded().div_ceil(32), images, 1], threads: 256, shared: 0 }
            }
            Tail::Attention { .. } => {
                Grid { blocks: [images / vectors, heads, 1], threads: 128, shared: shared(self.tail) }
            }
            Tail::SoftmaxOverChannels(group) => one_each(pixels * (size.channels / group)),
            Tail::SoftmaxOverItem(_) => one_each(pixels / vectors * size.padded()),
            Tail::Tanh | Tail::Mul | Tail::WeightedSumOverItem(_) | Tail::MeanOverItem(_) | Tail::MaxOverItem(_) => {
                one_each(pixels * size.padded())
            }
        };
        Launch::new(self.function, grid, params)
    }

    fn flops(&self) -> u64 {
        let vectors = if let Tail::Attention { vectors, .. } = self.tail { 4 * vectors } else { 1 };
        (self.input.pixels() * self.input.channels * vectors) as u64
    }

    fn name(&self) -> String {
        self.tail.name().into()
    }
}
