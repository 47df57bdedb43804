//! Where every value lies: one arena, every buffer planned once.
//!
//! A buffer is alive from the step that first writes it to the last that reads it; two that are alive at once do not
//! overlap. A value may lie inside another's buffer: the parts of a concatenation, a slice, a vector seen as a pixel.
//!
//! Invariant: offsets and lengths are those of one item; for n items they are n times as much, and still do not overlap.

use super::lower::{Alias, Compute, Stage};
use super::step::{BLOCK, Size};

/// Where a value lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// Where the buffer begins, for one item, in units.
    pub(crate) offset: usize,
    /// The first channel of a pixel.
    pub(crate) channel: usize,
    /// Values from pixel to pixel.
    pub(crate) pixel: usize,
}

/// The values' places, and the arena's length for one item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Places {
    /// By value; of those that are stored.
    pub(crate) of: Vec<Option<Place>>,
    /// In units.
    pub(crate) length: usize,
}

/// A value inside another's buffer.
#[derive(Debug, Clone, Copy)]
struct Inside {
    value: usize,
    channel: usize,
    /// Whether its pixels are all vectors of an item together.
    joined: bool,
}

/// Which values lie inside others, so that nothing has to be copied.
pub(super) struct Nested(Vec<Option<Inside>>);

impl Nested {
    /// Decides for every concatenation and alias; `size` gives size and number an item of a value.
    pub(super) fn new(stages: &[Option<Stage>], size: &impl Fn(usize) -> (Size, usize)) -> Self {
        let mut nested = Self(vec![None; stages.len()]);
        // From the last to the first: the parts of a concatenation that is itself a part go where that goes.
        for stage in stages.iter().rev().flatten() {
            match &stage.compute {
                Compute::Concat => {
                    let mut channel = 0;
                    for part in &stage.x {
                        let (of, _) = size(*part);
                        let fits = channel % BLOCK == 0 && (of.channels % BLOCK == 0 || channel > 0);
                        if fits && nested.0[*part].is_none() && stage.x[0] != stage.x[1] {
                            nested.0[*part] = Some(Inside { value: stage.first, channel, joined: false });
                        }
                        channel += of.channels;
                    }
                }
                Compute::Alias(alias) if nested.0[stage.first].is_none() => {
                    let (of, _) = size(stage.x[0]);
                    let inside = match alias {
                        Alias::Reshape => Some(0),
                        Alias::Slice(from) => (from % BLOCK == 0).then_some(*from),
                        Alias::Join(vectors) => (*vectors == 1 || of.channels % BLOCK == 0).then_some(0),
                    };
                    nested.0[stage.first] = inside.map(|channel| {
                        let joined = matches!(alias, Alias::Join(_));
                        Inside { value: stage.x[0], channel, joined }
                    });
                }
                Compute::Input(_)
                | Compute::Conv(_)
                | Compute::Stem(..)
                | Compute::Depthwise(_)
                | Compute::MaxPool(_)
                | Compute::MeanPool(_)
                | Compute::Identity
                | Compute::Factors
                | Compute::Affine(_)
                | Compute::LayerNorm(..)
                | Compute::Repeat(_)
                | Compute::Alias(_)
                | Compute::Tail(_) => {}
            }
        }
        // A joined or sliced vector must find its item's vectors one after the other: not inside a wider pixel.
        for stage in stages.iter().flatten() {
            if matches!(stage.compute, Compute::Alias(Alias::Join(_))) && nested.0[stage.x[0]].is_some() {
                nested.0[stage.first] = None;
            }
        }
        nested
    }

    /// Whether the value lies in that other's buffer.
    pub(super) fn is_inside(&self, value: usize, other: usize) -> bool {
        self.0[value].is_some_and(|inside| inside.value == other)
    }

    /// The value whose buffer it is in the end, and the first channel in it.
    pub(super) fn root(&self, mut value: usize) -> (usize, usize) {
        let mut channel = 0;
        while let Some(inside) = self.0[value] {
            channel += inside.channel;
            value = inside.value;
        }
        (value, channel)
    }

    /// Plans the arena. `lives[value]` are the first and the last step that touch it, for those that are stored.
    pub(super) fn place(
        &self,
        lives: &[Option<(usize, usize)>],
        size: &impl Fn(usize) -> (Size, usize),
        width: &impl Fn(usize) -> usize,
    ) -> Places {
        let mut buffers: Vec<Option<(usize, usize)>> = vec![None; lives.len()];
        for (value, life) in lives.iter().enumerate() {
            let Some((from, to)) = life else { continue };
            let (root, _) = self.root(value);
            let (a, b) = buffers[root].unwrap_or((*from, *to));
            buffers[root] = Some((a.min(*from), b.max(*to)));
        }
        let length = |value: usize| {
            let (size, per_item) = size(value);
            per_item * size.pixels() * size.padded() * width(value)
        };
        // The largest first, each at the lowest place that is free while it lives.
        let mut order: Vec<usize> = (0..buffers.len()).filter(|v| buffers[*v].is_some()).collect();
        order.sort_by_key(|value| (std::cmp::Reverse(length(*value)), *value));
        let mut placed: Vec<(usize, usize, (usize, usize))> = Vec::new();
        let mut offsets = vec![0; lives.len()];
        for value in order {
            let (Some(life), wanted) = (buffers[value], length(value)) else { continue };
            let mut busy: Vec<(usize, usize)> = placed
                .iter()
                .filter(|(_, _, other)| life.0 <= other.1 && other.0 <= life.1)
                .map(|(offset, length, _)| (*offset, offset + length))
                .collect();
            busy.sort_unstable();
            let mut at = 0;
            for (from, to) in busy {
                if at + wanted <= from {
                    break;
                }
                at = at.max(to);
            }
            offsets[value] = at;
            placed.push((at, wanted, life));
        }
        let pixel = |mut value: usize| {
            while let Some(inside) = self.0[value].filter(|inside| !inside.joined) {
                value = inside.value;
            }
            size(value).0.padded()
        };
        let place = |value: usize| {
            lives[value]?;
            let (root, channel) = self.root(value);
            Some(Place { offset: offsets[root], channel, pixel: pixel(value) })
        };
        let total = placed.iter().map(|(offset, length, _)| offset + length).max().unwrap_or(0);
        Places { of: (0..lives.len()).map(place).collect(), length: total }
    }
}
