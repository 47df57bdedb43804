//! From a graph and its weights to a plan: which steps are computed one after the other, and where every value lies.
//!
//! [`lower`] makes a stage of every node, [`fuse`] joins them, [`place`] plans the memory; here each stage that is left
//! becomes a step. Which kernel computes a step is the executor's to choose.
//!
//! Invariant: the plan depends on the graph, the weights and whether marks are kept alone. What is computed of an item
//! does not depend on the other items of a batch.

mod fuse;
mod lower;
mod place;
mod step;

use crate::graph::Graph;
use crate::weights::Weights;

use lower::{Affine, Alias, Compute, Kernels, Stage};
use place::Nested;

pub(crate) use lower::size;
pub(crate) use place::Places;
pub(crate) use step::{
    Activation, BLOCK, ConvShape, Copying, Epilogue, Of, Read, Second, Size, Step, Tail, Take, Window, Work,
};

/// A network, compiled.
pub(crate) struct Plan {
    pub(crate) steps: Vec<Step>,
    /// Of every value.
    pub(crate) sizes: Vec<(Size, usize)>,
    /// What is handed out.
    pub(crate) wanted: Vec<(String, usize)>,
    nested: Nested,
    lives: Vec<Option<(usize, usize)>>,
}

impl Plan {
    /// Where every value lies in one arena, a value of the buffer of `root` being `width(root)` units long.
    pub(crate) fn places(&self, width: impl Fn(usize) -> usize) -> Places {
        self.nested.place(&self.lives, &|value| self.sizes[value], &width)
    }

    /// The value whose buffer a value lies in.
    pub(crate) fn root(&self, value: usize) -> usize {
        self.nested.root(value).0
    }
}

/// Compiles a network whose weights [have been checked](Weights::check); with `marks`, marked values are handed out as well.
pub(crate) fn compile(graph: &Graph, weights: &Weights, marks: bool) -> candle_core::Result<Plan> {
    let sizes: Vec<(Size, usize)> = graph.nodes().iter().map(|node| size(node.shape)).collect();
    let named = graph.outputs().iter().chain(graph.marks().iter().filter(|_| marks));
    let wanted: Vec<(String, usize)> = named.map(|(name, id)| (name.clone(), id.index())).collect();
    let wanted_values: Vec<usize> = wanted.iter().map(|(_, value)| *value).collect();
    let mut stages = lower::lower(graph, weights)?;
    fuse::fuse(&mut stages, &wanted_values, |value| sizes[value].0.channels);
    let nested = Nested::new(&stages, &|value| sizes[value]);

    let mut scheduler = Scheduler { sizes: &sizes, nested: &nested, needed: vec![false; sizes.len()], steps: vec![] };
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
    let lives = lives(&steps, &wanted_values, sizes.len());
    Ok(Plan { steps, sizes, wanted, nested, lives })
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
        let output = self.size(stage.first);
        let input = stage.x.first().map_or(output, |value| self.size(*value));
        let mut epilogue = self.epilogue(&stage);
        let stores_first = epilogue.first;
        let hides_infinity = if let Compute::Tail(tail) = &stage.compute {
            tail.hides_infinity()
        } else {
            stage.activation == Activation::Sigmoid
        };
        let mut x: Vec<Read> = stage.x.iter().chain(&stage.residual).map(|value| Read::Value(*value)).collect();
        let work = match stage.compute {
            Compute::Input(index) => {
                if !self.needed[stage.first] {
                    return Ok(());
                }
                x = vec![Read::Input(index)];
                Work::Import
            }
            Compute::Stem(kernels, pool) => {
                let Some(crate::Op::Input(index)) = graph.nodes().get(stage.x[0]).map(|node| &node.op) else {
                    candle_core::bail!("{}: a stem reads an input of the network", stage.name)
                };
                x[0] = Read::Input(*index);
                Work::Stem(conv_shape(input, output, &kernels, pool), f32s(&kernels.weight), pool)
            }
            Compute::Conv(kernels) => Work::Conv(conv_shape(input, output, &kernels, None), f32s(&kernels.weight)),
            Compute::Depthwise(kernels) => {
                Work::Depthwise(conv_shape(input, output, &kernels, None), f32s(&kernels.weight))
            }
            Compute::MaxPool(window) => Work::Pool(window, Take::Max),
            Compute::MeanPool(window) => Work::Pool(window, Take::Mean),
            Compute::Identity => Work::Pointwise(Of::Itself),
            Compute::Factors => Work::Pointwise(Of::Factors),
            Compute::Affine(affine) => {
                epilogue = second_only(output, &affine, stage.activation);
                Work::Pointwise(Of::Itself)
            }
            Compute::LayerNorm(affine, eps) => {
                epilogue = second_only(output, &affine, stage.activation);
                Work::Pointwise(Of::Normed(eps as f32))
            }
            Compute::Repeat(times) => Work::Copy(Copying { from: 0, to: 0, count: input.channels, times, joined: 1 }),
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
                Work::Copy(Copying { from, to: 0, count, times: 1, joined })
            }
            Compute::Tail(tail) => Work::Reduce(tail),
        };
        let second = stage.second.as_ref().map(|(value, ..)| *value);
        let y = Some(stage.first).filter(|_| stores_first).into_iter().chain(second).collect();
        let per_item = self.sizes[stage.first].1;
        self.steps.push(Step { name: stage.name, work, epilogue, input, output, x, y, per_item, hides_infinity });
        Ok(())
    }

    /// Copies those parts of a concatenation that were not computed in their place.
    fn copy_parts(&mut self, parts: &[usize], whole: usize) {
        let (size, per_item) = self.sizes[whole];
        let mut to = 0;
        for part in parts {
            let count = self.size(*part).channels;
            if !self.nested.is_inside(*part, whole) {
                self.steps.push(Step {
                    name: String::new(),
                    work: Work::Copy(Copying { from: 0, to, count, times: 1, joined: 1 }),
                    epilogue: plain(size),
                    input: self.size(*part),
                    output: size,
                    x: vec![Read::Value(*part)],
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

/// An epilogue that changes nothing.
fn plain(output: Size) -> Epilogue {
    let bias = padded(output, &[]);
    Epilogue { bias, residual: false, activation: Activation::None, first: true, second: None }
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
