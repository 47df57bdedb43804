//! From a graph and its weights to a plan: which kernels run one after the other, and where every value lies.
//!
//! [`lower`] makes a stage of every node, [`fuse`] joins them, [`place`] plans the memory; here each stage that is left
//! gets its kernel.
//!
//! Invariant: the plan depends on the graph, the weights and the options alone. What is computed of an item does not
//! depend on the other items of a batch, nor on the number of threads.

mod fuse;
mod lower;
mod place;

use crate::graph::Graph;
use crate::weights::Weights;

use super::conv::stem::{Pool as Window, Stem};
use super::conv::{self, ConvShape};
use super::copy::{Copy, Import};
use super::depthwise::Depthwise;
use super::kernel::{Activation, Available, Epilogue, Kernel, Second, Size};
use super::pointwise::{Of, Pointwise};
use super::pool::{Pool, Take};
use super::tail::Reduce;
use lower::{Affine, Alias, Compute, Kernels, Stage};
use place::Nested;

pub(super) use lower::size;
pub(super) use place::Places;

/// One step of a plan.
pub(super) struct Step {
    /// Where in the checkpoint its weights are, if it has any.
    pub(super) name: String,
    pub(super) kernel: Box<dyn Kernel>,
    /// What it reads; a residual is the last.
    pub(super) x: Vec<Read>,
    /// The values that it writes, and the channel of each at which it begins.
    pub(super) y: Vec<usize>,
    /// Output images for each item.
    pub(super) per_item: usize,
    /// Whether what it reads must be finite: it would make a share of 1 of an infinity.
    pub(super) hides_infinity: bool,
}

/// What a step reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Read {
    /// An input of the network, as it came: planes.
    Input(usize),
    /// A value of the arena.
    Value(usize),
}

/// A network, compiled.
pub(super) struct Plan {
    pub(super) steps: Vec<Step>,
    pub(super) places: Places,
    /// Of every value.
    pub(super) sizes: Vec<(Size, usize)>,
    /// What is handed out.
    pub(super) wanted: Vec<(String, usize)>,
}

/// What the plan is made for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Target {
    pub(super) set: Available,
    /// Whether convolutions may round what they multiply to bf16.
    pub(super) bf16: bool,
    /// Whether marked values are handed out as well.
    pub(super) marks: bool,
}

/// Compiles a network whose weights [have been checked](Weights::check).
pub(super) fn compile(graph: &Graph, weights: &Weights, target: Target) -> candle_core::Result<Plan> {
    let sizes: Vec<(Size, usize)> = graph.nodes().iter().map(|node| size(node.shape)).collect();
    let named = graph.outputs().iter().chain(graph.marks().iter().filter(|_| target.marks));
    let wanted: Vec<(String, usize)> = named.map(|(name, id)| (name.clone(), id.index())).collect();
    let wanted_values: Vec<usize> = wanted.iter().map(|(_, value)| *value).collect();
    let mut stages = lower::lower(graph, weights)?;
    fuse::fuse(&mut stages, &wanted_values, |value| sizes[value].0.channels);
    let nested = Nested::new(&stages, &|value| sizes[value]);

    let mut scheduler =
        Scheduler { target, sizes: &sizes, nested: &nested, needed: vec![false; sizes.len()], steps: vec![] };
    for value in &wanted_values {
        scheduler.needed[*value] = true;
    }
    for stage in stages.iter().flatten() {
        let planes = matches!(stage.compute, Compute::Stem(..));
        let read = if planes { &[][..] } else { &stage.x[..] };
        read.iter().chain(&stage.residual).for_each(|value| scheduler.needed[*value] = true);
    }
    for stage in stages.into_iter().flatten() {
        scheduler.schedule(stage, graph)?;
    }
    let steps = scheduler.steps;
    let places = nested.place(&lives(&steps, &wanted_values, sizes.len()), &|value| sizes[value]);
    Ok(Plan { steps, places, sizes, wanted })
}

/// The first and the last step that touch each value; what is wanted lives to the end.
fn lives(steps: &[Step], wanted: &[usize], values: usize) -> Vec<Option<(usize, usize)>> {
    let mut lives: Vec<Option<(usize, usize)>> = vec![None; values];
    let mut touch = |value: usize, step: usize| {
        let (from, to) = lives[value].unwrap_or((step, step));
        lives[value] = Some((from.min(step), to.max(step)));
    };
    for (at, step) in steps.iter().enumerate() {
        let read = step.x.iter().filter_map(|read| if let Read::Value(value) = read { Some(*value) } else { None });
        read.chain(step.y.iter().copied()).for_each(|value| touch(value, at));
    }
    wanted.iter().for_each(|value| touch(*value, steps.len()));
    lives
}

struct Scheduler<'a> {
    target: Target,
    sizes: &'a [(Size, usize)],
    nested: &'a Nested,
    /// Values that a step reads or that are wanted.
    needed: Vec<bool>,
    steps: Vec<Step>,
}

impl Scheduler<'_> {
    fn size(&self, value: usize) -> Size {
        self.sizes[value].0
    }

    fn schedule(&mut self, stage: Stage, graph: &Graph) -> candle_core::Result<()> {
        let set = self.target.set;
        let output = self.size(stage.first);
        let input = stage.x.first().map_or(output, |value| self.size(*value));
        let epilogue = self.epilogue(&stage);
        let stores_first = epilogue.first;
        let hides_infinity = if let Compute::Tail(tail) = &stage.compute {
            tail.hides_infinity()
        } else {
            stage.activation == Activation::Sigmoid
        };
        let mut x: Vec<Read> = stage.x.iter().chain(&stage.residual).map(|value| Read::Value(*value)).collect();
        let kernel: Box<dyn Kernel> = match stage.compute {
            Compute::Input(index) => {
                if !self.needed[stage.first] {
                    return Ok(());
                }
                x = vec![Read::Input(index)];
                Box::new(Import(output))
            }
            Compute::Stem(kernels, pool) => {
                let Some(crate::Op::Input(index)) = graph.nodes().get(stage.x[0]).map(|node| &node.op) else {
                    candle_core::bail!("{}: a stem reads an input of the network", stage.name)
                };
                x[0] = Read::Input(*index);
                let (shape, weight) = (conv_shape(input, output, &kernels, pool), f32s(&kernels.weight));
                Box::new(Stem::new(set, shape, &weight, epilogue, pool))
            }
            Compute::Conv(kernels) => {
                let (shape, weight) = (conv_shape(input, output, &kernels, None), f32s(&kernels.weight));
                conv::choose(set, self.target.bf16, shape, &weight, epilogue)
            }
            Compute::Depthwise(kernels) => {
                let (shape, weight) = (conv_shape(input, output, &kernels, None), f32s(&kernels.weight));
                Box::new(Depthwise::new(set, shape, &weight, epilogue))
            }
            Compute::MaxPool(window) => Box::new(Pool::new(set, (input, output), window, Take::Max, epilogue)),
            Compute::MeanPool(window) => Box::new(Pool::new(set, (input, output), window, Take::Mean, epilogue)),
            Compute::Identity => Box::new(Pointwise::new(set, output, Of::Itself, epilogue)),
            Compute::Factors => Box::new(Pointwise::new(set, output, Of::Factors, epilogue)),
            Compute::Affine(affine) => {
                let epilogue = second_only(output, &affine, stage.activation);
                Box::new(Pointwise::new(set, output, Of::Itself, epilogue))
            }
            Compute::LayerNorm(affine, eps) => {
                let epilogue = second_only(output, &affine, stage.activation);
                Box::new(Pointwise::new(set, output, Of::Normed(eps as f32), epilogue))
            }
            Compute::Repeat(times) => {
                Box::new(Copy { size: output, from: 0, to: 0, count: input.channels, times, joined: 1 })
            }
            Compute::Concat => {
                self.copy_parts(&stage.x, stage.first);
                return Ok(());
            }
            Compute::Alias(alias) => {
                if self.nested.is_inside(stage.first, stage.x[0]) {
                    return Ok(());
                }
                let (from, joined) = match alias {
                    Alias::Reshape => (0, 1),
                    Alias::Slice(from) => (from, 1),
                    Alias::Join(vectors) => (0, vectors),
                };
                let count = if joined > 1 { input.channels } else { output.channels };
                Box::new(Copy { size: output, from, to: 0, count, times: 1, joined })
            }
            Compute::Tail(tail) => Box::new(Reduce::new(set, tail, input, output)),
        };
        let second = stage.second.as_ref().map(|(value, ..)| *value);
        let y = Some(stage.first).filter(|_| stores_first).into_iter().chain(second).collect();
        let per_item = self.sizes[stage.first].1;
        self.steps.push(Step { name: stage.name, kernel, x, y, per_item, hides_infinity });
        Ok(())
    }

    /// Copies those parts of a concatenation that were not computed in their place.
    fn copy_parts(&mut self, parts: &[usize], whole: usize) {
        let (size, per_item) = self.sizes[whole];
        let mut to = 0;
        for part in parts {
            let count = self.size(*part).channels;
            if !self.nested.is_inside(*part, whole) {
                let kernel = Box::new(Copy { size, from: 0, to, count, times: 1, joined: 1 });
                let x = vec![Read::Value(*part)];
                self.steps.push(Step {
                    name: String::new(),
                    kernel,
                    x,
                    y: vec![whole],
                    per_item,
                    hides_infinity: false,
                });
            }
            to += count;
        }
    }

    fn epilogue(&self, stage: &Stage) -> Epilogue {
        let output = self.size(stage.first);
        let bias = match &stage.compute {
            Compute::Conv(k) | Compute::Stem(k, _) | Compute::Depthwise(k) => &k.bias[..],
            Compute::Input(_)
            | Compute::MaxPool(_)
            | Compute::MeanPool(_)
            | Compute::Identity
            | Compute::Factors
            | Compute::Affine(_)
            | Compute::LayerNorm(..)
            | Compute::Repeat(_)
            | Compute::Concat
            | Compute::Alias(_)
            | Compute::Tail(_) => &[],
        };
        let bias = padded(output, bias);
        let second = stage.second.as_ref().map(|(_, affine, activation)| second(output, affine, *activation));
        let first = second.is_none() || self.needed[stage.first];
        Epilogue { bias, residual: stage.residual.is_some(), activation: stage.activation, first, second }
    }
}

/// An epilogue that stores nothing but an affine function of its value, activated.
fn second_only(output: Size, affine: &Affine, activation: Activation) -> Epilogue {
    let second = Some(second(output, affine, activation));
    Epilogue { bias: padded(output, &[]), residual: false, activation: Activation::None, first: false, second }
}

fn second(output: Size, affine: &Affine, activation: Activation) -> Second {
    Second { scale: padded(output, &affine.scale), shift: padded(output, &affine.shift), activation }
}

/// Rounded, and with zeros up to whole blocks.
fn padded(size: Size, values: &[f64]) -> Vec<f32> {
    let mut values = f32s(values);
    values.resize(size.padded(), 0.0);
    values
}

fn f32s(values: &[f64]) -> Vec<f32> {
    values.iter().map(|v| *v as f32).collect()
}

/// The shape of a convolution whose result, or a pool of it, has the size `output`.
fn conv_shape(input: Size, output: Size, kernels: &Kernels, pool: Option<Window>) -> ConvShape {
    let Kernels { kernel, stride, padding, .. } = *kernels;
    let places = |size: usize, pad: usize| (size + pad - kernel) / stride + 1;
    let rows = places(input.rows, padding.top + padding.bottom);
    let columns = places(input.columns, padding.left + padding.right);
    let output = if pool.is_some() { Size { rows, columns, ..output } } else { output };
    ConvShape { input, output, kernel, stride, padding }
}
