//! Stages joined, so that a value is finished while it is in registers.
//!
//! | before | after |
//! |---|---|
//! | a repeated input, then a convolution | a convolution whose kernels are summed over the repeats |
//! | convolution, affine | a convolution |
//! | anything with an epilogue, then affine and activation, the first value needed elsewhere or a sum | a second output |
//! | convolution, sum | a convolution with a residual |
//! | anything with an epilogue, activation | the same with an activation |
//! | convolution of the network's input, max pool | a stem |
//!
//! Invariant: a value that somebody reads, or that is wanted, is computed; stages stand in an order in which each comes
//! after those that it reads.

use super::lower::{Affine, Compute, Kernels, Stage};
use super::step::Activation;

/// The most channels of a network's input that a stem reads as planes.
const STEM_CHANNELS_MAX: usize = 4;

/// Fuses what can be; `wanted` are the values that must be there in the end, `channels` those of every value.
pub(super) fn fuse(stages: &mut [Option<Stage>], wanted: &[usize], channels: impl Fn(usize) -> usize) {
    let mut uses = vec![0usize; stages.len()];
    let reads = stages.iter().flatten().flat_map(|s| s.x.iter().chain(&s.residual));
    reads.chain(wanted).for_each(|value| uses[*value] += 1);
    // Where each value is computed, and whether it is the second there.
    let mut of: Vec<(usize, bool)> = (0..stages.len()).map(|at| (at, false)).collect();
    for at in 0..stages.len() {
        let Some(stage) = stages[at].take() else { continue };
        let stage = match joined(stage, at, stages, &uses, &of, &channels) {
            Joined::At(stage) => stage,
            Joined::Second(by) => {
                of[at] = (by, true);
                continue;
            }
            Joined::No(stage) => stage,
        };
        stages[at] = Some(*stage);
    }
}

enum Joined {
    /// One stage, here, instead of two.
    At(Box<Stage>),
    /// The value is now the second of that stage.
    Second(usize),
    /// It stays as it is.
    No(Box<Stage>),
}

fn joined(
    mut stage: Stage,
    at: usize,
    stages: &mut [Option<Stage>],
    uses: &[usize],
    of: &[(usize, bool)],
    channels: &impl Fn(usize) -> usize,
) -> Joined {
    if let (Compute::Identity, Some(residual)) = (&stage.compute, stage.residual) {
        // A sum: the later of the two takes the other one along, if nobody else wants it before the sum.
        let mut sides = [(stage.x[0], residual), (residual, stage.x[0])];
        sides.sort_by_key(|(main, _)| std::cmp::Reverse(of[*main].0));
        for (main, other) in sides {
            let (by, second) = of[main];
            let joins = |s: &Stage| {
                let conv = matches!(s.compute, Compute::Conv(_) | Compute::Stem(_, None) | Compute::Depthwise(_));
                conv && s.activation == Activation::None && s.residual.is_none() && s.second.is_none()
            };
            if main != other
                && !second
                && uses[main] == 1
                && let Some(mut producer) = stages[by].take_if(|s| joins(s))
            {
                producer.residual = Some(other);
                producer.first = at;
                return Joined::At(Box::new(producer));
            }
        }
        return Joined::No(Box::new(stage));
    }
    let Some(read) = stage.x.first().copied() else { return Joined::No(Box::new(stage)) };
    let (by, second) = of[read];
    let alone = uses[read] == 1;
    let Some(producer) = stages[by].as_mut() else { return Joined::No(Box::new(stage)) };
    match &mut stage.compute {
        Compute::Affine(affine) => {
            let bare = producer.activation == Activation::None && producer.residual.is_none();
            let (Compute::Conv(kernels) | Compute::Stem(kernels, None) | Compute::Depthwise(kernels)) =
                &mut producer.compute
            else {
                return second_of(stage, at, producer, by, second);
            };
            if alone && bare && !second && producer.second.is_none() {
                fold(kernels, affine);
                producer.first = at;
                return stages[by].take().map_or(Joined::No(Box::new(stage)), |p| Joined::At(Box::new(p)));
            }
            second_of(stage, at, producer, by, second)
        }
        Compute::Identity if alone && stage.activation != Activation::Sigmoid => {
            if second {
                if let Some((value, _, activation @ Activation::None)) = &mut producer.second {
                    (*value, *activation) = (at, stage.activation);
                    return Joined::Second(by);
                }
                return Joined::No(Box::new(stage));
            }
            let bare = producer.activation == Activation::None && producer.second.is_none();
            if bare && has_epilogue(&producer.compute) {
                producer.activation = stage.activation;
                producer.first = at;
                return stages[by].take().map_or(Joined::No(Box::new(stage)), |p| Joined::At(Box::new(p)));
            }
            Joined::No(Box::new(stage))
        }
        Compute::Conv(kernels) => {
            if let (Compute::Repeat(times), false) = (&producer.compute, second) {
                kernels.weight = summed(kernels, channels(producer.x[0]), *times);
                stage.x[0] = producer.x[0];
                if alone {
                    stages[by] = None;
                }
            }
            let input = of[stage.x[0]].0;
            let from_input = stages[input].as_ref().is_some_and(|s| matches!(s.compute, Compute::Input(_)));
            if from_input && channels(stage.x[0]) <= STEM_CHANNELS_MAX {
                stage.compute = Compute::Stem(kernels.clone(), None);
            }
            Joined::No(Box::new(stage))
        }
        Compute::MaxPool(window) => {
            // The sums are pooled before anything is done to them: bias and ReLU commute with a maximum, a residual does not.
            let bare = matches!(producer.activation, Activation::None | Activation::Relu)
                && producer.residual.is_none()
                && producer.second.is_none();
            if let (Compute::Stem(_, pool @ None), true, true) = (&mut producer.compute, alone && !second, bare) {
                *pool = Some(*window);
                producer.first = at;
                return stages[by].take().map_or(Joined::No(Box::new(stage)), |p| Joined::At(Box::new(p)));
            }
            Joined::No(Box::new(stage))
        }
        Compute::Input(_)
        | Compute::Stem(..)
        | Compute::Depthwise(_)
        | Compute::MeanPool(_)
        | Compute::Identity
        | Compute::Factors
        | Compute::LayerNorm(..)
        | Compute::Repeat(_)
        | Compute::Concat
        | Compute::Alias(_)
        | Compute::Tail(_) => Joined::No(Box::new(stage)),
    }
}

/// Whether an activation can be applied on the way out.
fn has_epilogue(compute: &Compute) -> bool {
    matches!(
        compute,
        Compute::Conv(_)
            | Compute::Stem(..)
            | Compute::Depthwise(_)
            | Compute::MaxPool(_)
            | Compute::MeanPool(_)
            | Compute::Identity
            | Compute::Factors
            | Compute::Affine(_)
    )
}

/// An affine function as the second value of what computes its input.
fn second_of(stage: Stage, at: usize, producer: &mut Stage, by: usize, second: bool) -> Joined {
    let free = !second && producer.second.is_none() && !matches!(producer.compute, Compute::Affine(_));
    if free
        && has_epilogue(&producer.compute)
        && let Compute::Affine(affine) = stage.compute
    {
        producer.second = Some((at, affine, Activation::None));
        return Joined::Second(by);
    }
    Joined::No(Box::new(stage))
}

/// A convolution and what follows it: `(w x + b) s + t = (w s) x + (b s + t)`.
fn fold(kernels: &mut Kernels, affine: &Affine) {
    let each = kernels.weight.len() / affine.scale.len().max(1);
    for (w, scale) in kernels.weight.chunks_exact_mut(each.max(1)).zip(&affine.scale) {
        w.iter_mut().for_each(|w| *w *= scale);
    }
    for (bias, (scale, shift)) in kernels.bias.iter_mut().zip(affine.scale.iter().zip(&affine.shift)) {
        *bias = *bias * scale + shift;
    }
}

/// The kernels for an input of `channels` that came `times` over.
fn summed(kernels: &Kernels, channels: usize, times: usize) -> Vec<f64> {
    let taps = kernels.kernel * kernels.kernel;
    let sum = |out: &[f64], at: usize| (0..times).map(|t| out[t * channels * taps + at]).sum::<f64>();
    let outs = kernels.weight.chunks_exact((channels * taps * times).max(1));
    outs.flat_map(|out| (0..channels * taps).map(move |at| sum(out, at))).collect()
}
