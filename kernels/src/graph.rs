//! A network as a graph of typed nodes.
//!
//! Invariant: nodes only refer to earlier nodes, every shape has been checked, and every parameter is named and shaped
//! as the checkpoint holds it. Layout is (N, C, H, W) for maps and (N, C) for features. N is `batch * per_item`: a
//! network that looks at K patches of each image has `per_item` = K.

use std::cell::RefCell;
use std::collections::BTreeMap;

use crate::builder::Builder;
use crate::op::{Op, Parameter};

/// The place of a node in its graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub(crate) usize);

impl NodeId {
    /// The index in [`Graph::nodes`].
    pub fn index(self) -> usize {
        self.0
    }
}

/// A value of shape (N, C, H, W).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Map(pub(crate) NodeId);

/// A value of shape (N, C).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Features(pub(crate) NodeId);

/// Either kind of value, for what works on both.
pub trait Value: Copy {
    /// The node that computes it.
    fn node(self) -> NodeId;
    /// The same kind of value, computed by another node.
    fn at(node: NodeId) -> Self;
}

impl Value for Map {
    fn node(self) -> NodeId {
        self.0
    }
    fn at(node: NodeId) -> Self {
        Self(node)
    }
}

impl Value for Features {
    fn node(self) -> NodeId {
        self.0
    }
    fn at(node: NodeId) -> Self {
        Self(node)
    }
}

/// The shape of a value, without the batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// (batch * `per_item`, `channels`, `rows`, `columns`).
    Map {
        /// Maps an item of the batch.
        per_item: usize,
        /// C.
        channels: usize,
        /// H.
        rows: usize,
        /// W.
        columns: usize,
    },
    /// (batch * `per_item`, `channels`).
    Features {
        /// Vectors an item of the batch.
        per_item: usize,
        /// C.
        channels: usize,
    },
}

impl Shape {
    /// C.
    pub fn channels(self) -> usize {
        match self {
            Self::Map { channels, .. } | Self::Features { channels, .. } => channels,
        }
    }

    /// The same but for C.
    pub(crate) fn with_channels(self, channels: usize) -> Self {
        match self {
            Self::Map { per_item, rows, columns, .. } => Self::Map { per_item, channels, rows, columns },
            Self::Features { per_item, .. } => Self::Features { per_item, channels },
        }
    }
}

/// One step of a network.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// What is computed.
    pub op: Op,
    /// From which nodes.
    pub inputs: Vec<NodeId>,
    /// The shape of the result.
    pub shape: Shape,
}

/// A description that makes no network.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{at}: {problem}")]
pub struct GraphError {
    /// The prefix of the builder.
    pub at: String,
    /// What does not fit.
    pub problem: String,
}

/// A network.
#[derive(Debug, Clone, PartialEq)]
pub struct Graph {
    pub(crate) nodes: Vec<Node>,
    pub(crate) outputs: BTreeMap<String, NodeId>,
    pub(crate) marks: BTreeMap<String, NodeId>,
    pub(crate) inputs: Vec<NodeId>,
}

impl Graph {
    /// Describes a network.
    pub fn build(describe: impl FnOnce(&Builder<'_>) -> Result<(), GraphError>) -> Result<Self, GraphError> {
        let empty = Self { nodes: vec![], outputs: BTreeMap::new(), marks: BTreeMap::new(), inputs: vec![] };
        let graph = RefCell::new(empty);
        describe(&Builder::new(&graph))?;
        Ok(graph.into_inner())
    }

    /// The steps, each after those that it uses.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The results by name.
    pub fn outputs(&self) -> &BTreeMap<String, NodeId> {
        &self.outputs
    }

    /// Intermediate values worth looking at, by the name of the layer that gives them.
    pub fn marks(&self) -> &BTreeMap<String, NodeId> {
        &self.marks
    }

    /// The shapes of the inputs, in order.
    pub fn inputs(&self) -> impl ExactSizeIterator<Item = Shape> {
        self.inputs.iter().map(|id| self.nodes[id.0].shape)
    }

    /// The number of items in these inputs, if they are a batch for this network: input `i` has the declared shape, with
    /// batch * `per_item` first.
    pub(crate) fn batch<'a>(&self, inputs: impl ExactSizeIterator<Item = &'a [usize]>) -> candle_core::Result<usize> {
        if inputs.len() != self.inputs.len() {
            candle_core::bail!("{} inputs given, the network has {}", inputs.len(), self.inputs.len());
        }
        let mut batch = None;
        for (dims, shape) in inputs.zip(self.inputs()) {
            let (per_item, rest) = match shape {
                Shape::Map { per_item, channels, rows, columns } => (per_item, vec![channels, rows, columns]),
                Shape::Features { per_item, channels } => (per_item, vec![channels]),
            };
            let (n, of_each) = dims.split_first().map_or((0, &[][..]), |(n, rest)| (*n, rest));
            let fits = of_each == rest && n > 0 && n.is_multiple_of(per_item);
            if !fits || batch.is_some_and(|b| b != n / per_item) {
                candle_core::bail!("an input of shape {dims:?} is not a batch of {shape:?}");
            }
            batch = Some(n / per_item);
        }
        Ok(batch.unwrap_or(1))
    }

    /// Every parameter, each name once, in the order of use.
    pub fn parameters(&self) -> Vec<&Parameter> {
        let mut seen = std::collections::BTreeSet::new();
        self.nodes.iter().flat_map(|n| n.op.parameters()).filter(|p| seen.insert(p.name.as_str())).collect()
    }

    /// The checkpoint's keys of its parameters.
    pub fn parameter_names(&self) -> impl Iterator<Item = String> {
        self.parameters().into_iter().map(|p| p.name.clone())
    }

    /// Multiply-adds for one item of the batch, counting convolutions and linear layers.
    pub fn multiply_adds(&self) -> u64 {
        let cost = |node: &Node| match &node.op {
            Op::Conv { weight, .. }
            | Op::DepthwiseConv { weight, .. }
            | Op::Linear { weight, .. }
            | Op::Table { weight } => {
                let positions = match node.shape {
                    Shape::Map { per_item, rows, columns, .. } => per_item * rows * columns,
                    Shape::Features { per_item, .. } => per_item,
                };
                weight.shape.iter().product::<usize>() as u64 * positions as u64
            }
            Op::Input(_)
            | Op::BatchNorm { .. }
            | Op::LayerNorm { .. }
            | Op::ScaleChannels { .. }
            | Op::Relu
            | Op::Sigmoid
            | Op::Tanh
            | Op::Gelu
            | Op::Silu
            | Op::MaxPool { .. }
            | Op::MeanPool { .. }
            | Op::RepeatChannels(_)
            | Op::MeanOverMap
            | Op::MaxOverMap
            | Op::Add
            | Op::Mul
            | Op::MulChannels
            | Op::Concat
            | Op::Reshape
            | Op::SliceChannels { .. }
            | Op::SoftmaxOverChannels { .. }
            | Op::SoftmaxOverItem { .. }
            | Op::WeightedSumOverItem { .. }
            | Op::MeanOverItem { .. }
            | Op::MaxOverItem { .. }
            | Op::JoinItem { .. }
            | Op::Attention { .. } => 0,
        };
        self.nodes.iter().map(cost).sum()
    }
}
