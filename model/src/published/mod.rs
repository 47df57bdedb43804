//! The networks of the literature, at the widths that were published and the sizes at which they are used, without their
//! weights: for measuring.
//!
//! Invariant: the graphs are those that packages run, described by the same functions.

pub mod folder;
mod loaded;

use uvid_kernels::{Graph, GraphError, Shape, Weights};

use crate::mirai::aggregator::{AggregatorRecipe, Pool};
use crate::mirai::risk_factors::RiskFactor;
use crate::nyu_bcc::{Model, Windows};
use crate::nyu_window::CropRecipe;
use crate::timm::{self, convnext, efficientnet};
use crate::{Combination, Combine, density, gmic, mirai, nyu_bcc, resnet18};

pub use loaded::{Loaded, RunPart};

/// What runs for a unit: parts, each a graph, of which later ones read what earlier ones give.
pub struct Network {
    /// As it is called in print.
    pub name: &'static str,
    /// As it is called on a command line.
    pub key: &'static str,
    /// What a batch is counted in: an image or an exam.
    pub unit: &'static str,
    /// How many units a large batch has, for a processor.
    pub many: usize,
    /// Images a unit.
    pub images: usize,
    /// In the order in which they run.
    pub parts: Vec<Part>,
}

/// A graph and where its inputs come from.
pub struct Part {
    /// Its own, within the network.
    pub name: &'static str,
    /// What it computes.
    pub graph: Graph,
    /// Items of the graph's batch in a unit.
    pub items: usize,
    /// Its inputs that are outputs of earlier parts.
    pub reads: Vec<Read>,
}

/// The input of this index is this output of this part.
pub struct Read {
    /// Among the part's inputs.
    pub input: usize,
    /// An earlier one.
    pub part: &'static str,
    /// Its name there.
    pub output: &'static str,
}

impl Part {
    fn new(name: &'static str, graph: Graph, items: usize) -> Self {
        Self { name, graph, items, reads: vec![] }
    }

    fn reading(mut self, input: usize, part: &'static str, output: &'static str) -> Self {
        self.reads.push(Read { input, part, output });
        self
    }
}

impl Network {
    /// The outputs that no part reads, as (part, output).
    pub fn outputs(&self) -> impl Iterator<Item = (&Part, &str)> {
        let read = |part: &Part, output: &str| {
            self.parts.iter().flat_map(|p| &p.reads).any(|r| r.part == part.name && r.output == output)
        };
        self.parts.iter().flat_map(move |part| {
            part.graph.outputs().keys().filter(move |output| !read(part, output)).map(move |o| (part, o.as_str()))
        })
    }

    /// The shapes of the inputs from outside for a batch of so many units, with the batch.
    pub fn inputs(&self, units: usize) -> Vec<Vec<usize>> {
        let given = |part: &Part| {
            let shapes: Vec<_> = part.graph.inputs().map(|shape| dims(shape, part.items * units)).collect();
            let from_outside = |i: &usize| part.reads.iter().all(|r| r.input != *i);
            (0..shapes.len()).filter(from_outside).map(|i| shapes[i].clone()).collect::<Vec<_>>()
        };
        self.parts.iter().flat_map(given).collect()
    }

    /// Multiply-adds of a unit.
    pub fn multiply_adds(&self) -> u64 {
        self.parts.iter().map(|p| p.graph.multiply_adds() * p.items as u64).sum()
    }

    /// Bytes of its parameters in f32.
    pub fn weight_bytes(&self) -> usize {
        let bytes =
            |graph: &Graph| graph.parameters().iter().map(|p| 4 * p.shape.iter().product::<usize>()).sum::<usize>();
        self.parts.iter().map(|p| bytes(&p.graph)).sum()
    }
}

/// A shape with the batch: N C H W, or N C.
pub fn dims(shape: Shape, items: usize) -> Vec<usize> {
    match shape {
        Shape::Map { per_item, channels, rows, columns } => vec![items * per_item, channels, rows, columns],
        Shape::Features { per_item, channels } => vec![items * per_item, channels],
    }
}

/// All of them.
///
/// # Errors
///
/// None: the sizes fit.
pub fn all() -> Result<Vec<Network>, GraphError> {
    Ok(vec![gmic()?, nyu_bcc()?, mirai()?, density_v0()?, resnet_18()?, convnext_small()?, efficientnetv2_s()?])
}

const COMBINE: Combine = Combine { breast: Combination::Mean, exam: Combination::Max };

/// One member of the ensemble; the patches are given, since where they lie depends on the image.
fn gmic() -> Result<Network, GraphError> {
    let crop = CropRecipe { iterations: 100, buffer: 50, search_divisor: 3, air_share_min: 0.01 };
    let recipe = gmic::Recipe {
        members: vec![],
        window: [2944, 1920],
        crop,
        patches: 6,
        patch_size: 256,
        regions: None,
        combine: COMBINE,
    };
    let [global, local] = gmic::network::graphs(&Weights::default(), &recipe)?;
    let parts = vec![Part::new("global", global, 1), Part::new("local", local, 1).reading(1, "global", "global")];
    Ok(Network { name: "GMIC", key: "gmic", unit: "image", many: 8, images: 1, parts })
}

/// The view-wise model on the images alone: each column sees the left and the right view, then each head both.
fn nyu_bcc() -> Result<Network, GraphError> {
    let windows = Windows { cc: [2677, 1942], mlo: [2974, 1748] };
    let graphs = nyu_bcc::network::graphs(&Weights::default(), Model::ViewWise, &windows, 1)?;
    let mut parts = Vec::new();
    for (view, graph) in graphs.columns {
        parts.push(Part::new(if view == "cc" { "column-cc" } else { "column-mlo" }, graph, 2));
    }
    for (view, graph) in graphs.heads {
        let (head, column) = if view == "cc" { ("head-cc", "column-cc") } else { ("head-mlo", "column-mlo") };
        parts.push(Part::new(head, graph, 1).reading(0, column, "vector"));
    }
    Ok(Network { name: "NYU-BCC", key: "nyu-bcc", unit: "exam", many: 2, images: 4, parts })
}

/// Four views through the encoder, then the aggregator.
fn mirai() -> Result<Network, GraphError> {
    // The classes of the published model's risk factors, in its order.
    let mut classes = vec![4, 1, 1, 1, 1, 6, 5, 5, 6, 1, 13, 1, 4, 7, 7, 1, 6, 1, 4];
    classes.extend([1; 12]);
    classes.extend([3, 5, 5]);
    let factor = |(i, classes): (usize, usize)| RiskFactor { key: format!("factor_{i}"), classes };
    let recipe = AggregatorRecipe {
        heads: 8,
        layers: 1,
        hidden: 512,
        pool: Pool::Attention,
        years: 5,
        risk_factors: classes.into_iter().enumerate().map(factor).collect(),
    };
    let none = Weights::default();
    let encoder = Part::new("encoder", mirai::encoder::graph(&none, [2048, 1664])?, 4);
    let aggregator = Part::new("aggregator", mirai::aggregator::graph(&none, &recipe)?, 1);
    let parts = vec![encoder, aggregator.reading(0, "encoder", "hidden")];
    Ok(Network { name: "Mirai", key: "mirai", unit: "exam", many: 2, images: 4, parts })
}

/// The network of the bundled package.
fn density_v0() -> Result<Network, GraphError> {
    let parts = vec![Part::new("density", density::network::graph([256, 160])?, 4)];
    Ok(Network { name: "density-v0", key: "density", unit: "exam", many: 8, images: 4, parts })
}

fn resnet_18() -> Result<Network, GraphError> {
    let graph = Graph::build(|b| {
        let x = resnet18::trunk(b, b.input_maps(1, 3, 224, 224), 64)?;
        b.output("logits", b.pp("fc").linear(b.mean_over_map(x), 1000, true));
        Ok(())
    })?;
    Ok(Network {
        name: "ResNet-18",
        key: "resnet18",
        unit: "image",
        many: 8,
        images: 1,
        parts: vec![Part::new("resnet18", graph, 1)],
    })
}

/// As in the first place of RSNA 2022: a grey image as three channels, one class.
const TIMM_INPUT: [usize; 2] = [2048, 1024];

fn convnext_small() -> Result<Network, GraphError> {
    let network = timm::Network {
        family: timm::Family::Convnext,
        depths: vec![3, 3, 27, 3],
        widths: vec![96, 192, 384, 768],
        pool: timm::Pool::Max,
    };
    let parts = vec![Part::new("convnext", convnext::describe(&network, 1, 3, TIMM_INPUT)?, 1)];
    Ok(Network { name: "ConvNeXt-Small", key: "convnext-small", unit: "image", many: 2, images: 1, parts })
}

fn efficientnetv2_s() -> Result<Network, GraphError> {
    let parts = vec![Part::new("efficientnet", efficientnet::v2_s(TIMM_INPUT)?, 1)];
    Ok(Network { name: "EfficientNetV2-S", key: "efficientnetv2-s", unit: "image", many: 2, images: 1, parts })
}
