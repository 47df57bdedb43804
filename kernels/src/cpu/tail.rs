//! What is done with a whole map, and with a few vectors: reductions, softmax, attention. Plain loops: an exam has few
//! vectors, and the whole tail costs microseconds.
//!
//! Invariant: an item is one piece or less, so that its sums are always made in the same order.

use super::isa::{Loop, on};
use super::kernel::{Available, Kernel, Operands, Size, Source, Target};
use super::lanes::{BLOCK, Lanes};
use crate::compile::Tail;

/// The step.
pub(super) struct Reduce {
    set: Available,
    tail: Tail,
    /// Of the first input.
    input: Size,
    output: Size,
}

impl Reduce {
    /// From values of one size to those of another.
    pub(super) fn new(set: Available, tail: Tail, input: Size, output: Size) -> Self {
        Self { set, tail, input, output }
    }
}

impl Kernel for Reduce {
    fn pieces(&self, images: usize) -> usize {
        match self.tail {
            Tail::MeanOverMap | Tail::MaxOverMap => images,
            Tail::SoftmaxOverItem(vectors) | Tail::Attention { vectors, .. } => (images / vectors).div_ceil(8),
            Tail::Mul if self.output.pixels() > 1 => images,
            Tail::Tanh
            | Tail::Mul
            | Tail::SoftmaxOverChannels(_)
            | Tail::WeightedSumOverItem(_)
            | Tail::MeanOverItem(_)
            | Tail::MaxOverItem(_) => 1,
        }
    }

    unsafe fn run(&self, piece: usize, operands: Operands<'_>, _: *mut f32) {
        // SAFETY: the caller's; the set is available.
        unsafe { on(self.set.set(), Work { kernel: self, piece, operands }) }
    }

    fn flops(&self) -> u64 {
        let vectors = if let Tail::Attention { vectors, .. } = self.tail { 4 * vectors } else { 1 };
        (self.input.pixels() * self.input.channels * vectors) as u64
    }

    fn name(&self) -> String {
        self.tail.name().into()
    }
}

struct Work<'a> {
    kernel: &'a Reduce,
    piece: usize,
    operands: Operands<'a>,
}

impl Loop for Work<'_> {
    #[inline(always)]
    unsafe fn run<V: Lanes>(self) {
        let Self { kernel: k, piece, operands } = self;
        let (x, y, images) = (operands.x, operands.y[0], operands.images);
        // SAFETY: the caller's: the operands have the vectors that the tail speaks of.
        unsafe {
            match k.tail {
                Tail::MeanOverMap => over_map::<V>(x[0], y, piece, |a, b| a.add(b), 0.0),
                Tail::MaxOverMap => over_map::<V>(x[0], y, piece, |a, b| a.max(b), f32::NEG_INFINITY),
                Tail::Mul => {
                    let pixels = k.output.pixels();
                    let range = if pixels > 1 { piece * pixels..(piece + 1) * pixels } else { 0..images };
                    for at in range {
                        for c in (0..k.output.padded()).step_by(V::LANES) {
                            let v = V::load(x[0].pixel(at).add(c)).mul(V::load(x[1].pixel(at).add(c)));
                            v.store(y.pixel(at).add(c));
                        }
                    }
                }
                Tail::Tanh => {
                    for at in 0..images * k.output.pixels() {
                        let (from, to) = (read(x[0], at), write(y, at));
                        to.iter_mut().zip(from).for_each(|(to, from)| *to = from.tanh());
                    }
                }
                Tail::SoftmaxOverChannels(group) => {
                    for at in 0..images {
                        let to = write(y, at);
                        to.copy_from_slice(read(x[0], at));
                        to.chunks_exact_mut(group).for_each(softmax);
                    }
                }
                Tail::SoftmaxOverItem(vectors) => {
                    for item in items(piece, images / vectors) {
                        let mut column = vec![0.0; vectors];
                        for c in 0..k.output.channels {
                            let at = |v: usize| item * vectors + v;
                            column.iter_mut().enumerate().for_each(|(v, to)| *to = read(x[0], at(v))[c]);
                            softmax(&mut column);
                            column.iter().enumerate().for_each(|(v, from)| write(y, at(v))[c] = *from);
                        }
                    }
                }
                Tail::WeightedSumOverItem(vectors) => {
                    for item in 0..images {
                        let to = write(y, item);
                        to.fill(0.0);
                        for at in item * vectors..(item + 1) * vectors {
                            let weight = read(x[0], at)[0];
                            to.iter_mut().zip(read(x[1], at)).for_each(|(to, from)| *to += weight * from);
                        }
                    }
                }
                Tail::MeanOverItem(vectors) => {
                    for item in 0..images {
                        let to = write(y, item);
                        to.fill(0.0);
                        for at in item * vectors..(item + 1) * vectors {
                            to.iter_mut().zip(read(x[0], at)).for_each(|(to, from)| *to += from);
                        }
                        to.iter_mut().for_each(|to| *to /= vectors as f32);
                    }
                }
                Tail::MaxOverItem(vectors) => {
                    for item in 0..images {
                        let to = write(y, item);
                        to.fill(f32::NEG_INFINITY);
                        for at in item * vectors..(item + 1) * vectors {
                            to.iter_mut().zip(read(x[0], at)).for_each(|(to, from)| *to = larger(*to, *from));
                        }
                    }
                }
                Tail::Attention { vectors, heads } => {
                    for item in items(piece, images / vectors) {
                        attention(x, y, item, vectors, heads);
                    }
                }
            }
        }
    }
}

/// The items of a piece.
fn items(piece: usize, items: usize) -> std::ops::Range<usize> {
    piece * 8..((piece + 1) * 8).min(items)
}

/// The larger; what is no number stays none.
fn larger(a: f32, b: f32) -> f32 {
    if a > b || a.is_nan() { a } else { b }
}

/// The channels of a pixel.
///
/// # Safety
///
/// There are so many pixels, and nobody writes them.
unsafe fn read<'a>(x: Source, pixel: usize) -> &'a [f32] {
    // SAFETY: the caller's.
    unsafe { std::slice::from_raw_parts(x.pixel(pixel), x.size.channels) }
}

/// The channels of a pixel.
///
/// # Safety
///
/// There are so many pixels, and nobody else reads or writes them.
unsafe fn write<'a>(y: Target, pixel: usize) -> &'a mut [f32] {
    // SAFETY: the caller's.
    unsafe { std::slice::from_raw_parts_mut(y.pixel(pixel), y.size.channels) }
}

/// Rows of the map first, then the rows' results: fewer roundings than one long sum.
///
/// # Safety
///
/// The set of `V` is there; both have the image.
#[inline(always)]
unsafe fn over_map<V: Lanes>(x: Source, y: Target, image: usize, join: impl Fn(V, V) -> V, nothing: f32) {
    let mean = nothing == 0.0;
    // SAFETY: the caller's.
    unsafe {
        for channel in (0..x.size.padded()).step_by(V::LANES) {
            let (mut whole, mut poison) = (V::splat(nothing), V::splat(0.0));
            for row in 0..x.size.rows {
                let first = (image * x.size.rows + row) * x.size.columns;
                let mut line = V::splat(nothing);
                for column in 0..x.size.columns {
                    let v = V::load(x.pixel(first + column).add(channel));
                    line = join(line, v);
                    // 0, or no number where `v` is none: a maximum would forget it.
                    poison = v.mul_add(V::splat(0.0), poison);
                }
                whole = join(whole, line);
            }
            if mean {
                whole = whole.div(V::splat(x.size.pixels() as f32));
            }
            whole.add(poison).store(y.pixel(image).add(channel));
        }
    }
}

/// `exp(x)` over the sum of all, with the largest taken off first.
fn softmax(x: &mut [f32]) {
    let largest = x.iter().copied().fold(f32::NEG_INFINITY, larger);
    x.iter_mut().for_each(|v| *v = (*v - largest).exp());
    let sum: f32 = x.iter().sum();
    x.iter_mut().for_each(|v| *v /= sum);
}

/// The attention of one item: queries, keys, values.
///
/// # Safety
///
/// All four have the item's vectors.
unsafe fn attention(x: &[Source], y: Target, item: usize, vectors: usize, heads: usize) {
    let part = y.size.channels / heads;
    let scale = 1.0 / (part as f64).sqrt() as f32;
    let mut likeness = vec![0.0f32; vectors];
    for head in (0..heads).map(|h| h * part..(h + 1) * part) {
        for query in item * vectors..(item + 1) * vectors {
            // SAFETY: the caller's.
            let (q, to) = unsafe { (&read(x[0], query)[head.clone()], &mut write(y, query)[head.clone()]) };
            for (key, l) in likeness.iter_mut().enumerate() {
                // SAFETY: the caller's.
                let k = unsafe { &read(x[1], item * vectors + key)[head.clone()] };
                *l = dot(q, k) * scale;
            }
            softmax(&mut likeness);
            to.fill(0.0);
            for (key, l) in likeness.iter().enumerate() {
                // SAFETY: the caller's.
                let v = unsafe { &read(x[2], item * vectors + key)[head.clone()] };
                to.iter_mut().zip(v).for_each(|(to, v)| *to += l * v);
            }
        }
    }
}

/// In as many partial sums as a block has lanes.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0f32; BLOCK];
    let (whole_a, rest_a) = a.as_chunks::<BLOCK>();
    let (whole_b, rest_b) = b.as_chunks::<BLOCK>();
    for (a, b) in whole_a.iter().zip(whole_b) {
        sums.iter_mut().zip(a.iter().zip(b)).for_each(|(s, (a, b))| *s += a * b);
    }
    let rest: f32 = rest_a.iter().zip(rest_b).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f32>() + rest
}
