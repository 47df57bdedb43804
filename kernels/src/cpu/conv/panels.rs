//! Output channels in panels, a panel being what a tile of pixels has in registers at once.
//!
//! Invariant: the panels are all blocks of output channels, in order; the weights of a panel lie
//! `[tap][input channel][channel of the panel]`, zeros where the panel goes beyond the last real channel.

use super::super::isa::InstructionSet;
use super::super::lanes::BLOCK;
use super::super::packed::Packed;
use super::ConvShape;

/// Some blocks of output channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Panel {
    /// The first channel.
    pub(super) channel: usize,
    /// How many.
    pub(super) blocks: usize,
    /// Where its weights begin, in values.
    pub(super) weights: usize,
}

/// The order of the weights of a panel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// All input channels of a tap, then the next tap: for maps with channels last.
    TapChannel,
    /// All taps of an input channel, then the next channel: for planes.
    ChannelTap,
}

/// Blocks of a panel at most: as many as leave registers for enough pixels.
fn widest(set: InstructionSet) -> usize {
    match set {
        InstructionSet::Portable | InstructionSet::Avx2 => 1,
        InstructionSet::Avx512 => 4,
    }
}

/// Pixels of a tile whose sums, weights and one factor fill the registers.
pub(super) fn pixels(set: InstructionSet, blocks: usize) -> usize {
    match (set, blocks) {
        (InstructionSet::Portable, _) => 2,
        (InstructionSet::Avx2, _) => 6,
        (InstructionSet::Avx512, 1) => 28,
        (InstructionSet::Avx512, 2) => 14,
        (InstructionSet::Avx512, 3) => 9,
        (InstructionSet::Avx512, _) => 6,
    }
}

/// Packs weights, `[out, in, rows, columns]`.
pub(super) fn pack(set: InstructionSet, shape: &ConvShape, weight: &[f32], order: Order) -> (Vec<Panel>, Packed) {
    let (inputs, outputs, taps) = (shape.input.channels, shape.output.channels, shape.kernel * shape.kernel);
    let blocks = outputs.div_ceil(BLOCK);
    let count = blocks.div_ceil(widest(set));
    let cuts: Vec<usize> = (0..=count).map(|i| i * blocks / count).collect();
    let panel = |cut: &[usize]| Panel {
        channel: cut[0] * BLOCK,
        blocks: cut[1] - cut[0],
        weights: cut[0] * BLOCK * taps * inputs,
    };
    let panels: Vec<Panel> = cuts.windows(2).map(panel).collect();
    let mut packed = Packed::zeros(blocks * taps * inputs);
    let mut to = packed.blocks_mut();
    for panel in &panels {
        for step in 0..taps * inputs {
            let (tap, input) = match order {
                Order::TapChannel => (step / inputs, step % inputs),
                Order::ChannelTap => (step % taps, step / taps),
            };
            for (block, to) in to.by_ref().take(panel.blocks).enumerate() {
                let first = panel.channel + block * BLOCK;
                for (out, to) in (first..outputs).zip(to) {
                    *to = weight[(out * inputs + input) * taps + tap];
                }
            }
        }
    }
    drop(to);
    (panels, packed)
}
