//! Convolutions, each by the way that is fastest for its shape.
//!
//! | way | for |
//! |---|---|
//! | [`stem`] | few input channels, read as they came: planes |
//! | [`winograd`] | 3 x 3, stride 1, where the map is large enough |
//! | [`direct`] | all others; linear layers are 1 x 1 |
//! | [`amx`] | all, in bf16, where the processor has tiles and the package allows it |
//!
//! The way depends on the shape alone, never on the number of images: that is why a score does not depend on its
//! neighbours in a batch.

pub(super) mod amx;
#[cfg(test)]
pub(super) mod check;
pub(super) mod direct;
mod panels;
pub(super) mod stem;
pub(super) mod winograd;

use super::kernel::{Available, Epilogue, Kernel};

pub(super) use crate::compile::ConvShape;

/// Input channels from which a convolution in bf16 fills its tiles.
const AMX_CHANNELS_MIN: usize = 16;
/// Operations from which it is worth them: what is smaller stays f32.
const AMX_FLOPS_MIN: u64 = 1 << 21;

/// The fastest kernel for a convolution of values in the arena.
pub(super) fn choose(
    set: Available,
    bf16: bool,
    shape: ConvShape,
    weight: &[f32],
    epilogue: Epilogue,
) -> Box<dyn Kernel> {
    let worth_tiles = shape.input.channels >= AMX_CHANNELS_MIN && shape.flops() >= AMX_FLOPS_MIN;
    if bf16
        && worth_tiles
        && let Some(amx) = amx::Amx::new(shape, weight, epilogue.clone())
    {
        return Box::new(amx);
    }
    if winograd::Winograd::serves(&shape) {
        Box::new(winograd::Winograd::new(set, shape, weight, epilogue))
    } else {
        Box::new(direct::Direct::new(set, shape, weight, epilogue))
    }
}
