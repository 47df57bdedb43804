//! A network as a graph of typed nodes.
//!
//! Invariant: nodes only refer to earlier nodes, every shape has been checked, and every parameter is named and shaped
//! as the checkpoint holds it. Layout is (N, C, H, W) for maps and (N, C) for features. N is `batch * per_item`: a
//! network that looks at K patches of each image has `per_item` = K.

use std::cell::RefCell;
use std::collections::BTreeMap;

/// The place of a node in its graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(usize);

impl NodeId {
    /// The index in [`Graph::nodes`].
    pub fn index(self) -> usize {
        self.0
    }
}

/// A value of shape (N, C, H, W).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Map(NodeId);

/// A value of shape (N, C).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Features(NodeId);

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
    fn with_channels(self, channels: usize) -> Self {
        match self {
            Self::Map { per_item, rows, columns, .. } => Self::Map { per_item, channels, rows, columns },
            Self::Features { per_item, .. } => Self::Features { per_item, channels },
        }
    }
}

/// A tensor of the checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// Its key.
    pub name: String,
    /// Its shape, as stored: `[out, in, rows, columns]` for a convolution, `[out, in]` for a linear layer.
    pub shape: Vec<usize>,
}

/// Rows and columns added around a map before a window slides over it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Padding {
    /// Above.
    pub top: usize,
    /// Below.
    pub bottom: usize,
    /// Before the first column.
    pub left: usize,
    /// After the last column.
    pub right: usize,
}

impl From<usize> for Padding {
    /// The same on all sides.
    fn from(n: usize) -> Self {
        Self { top: n, bottom: n, left: n, right: n }
    }
}

impl Padding {
    /// How many on all sides, if on all alike.
    pub fn uniform(self) -> Option<usize> {
        (self == Self::from(self.top)).then_some(self.top)
    }

    /// TensorFlow's "SAME": as many places as `size / stride`, rounded up; what cannot be halved goes below and after.
    pub fn same(rows: usize, columns: usize, kernel: usize, stride: usize) -> Self {
        let total = |size: usize| match size % stride.max(1) {
            0 => kernel.saturating_sub(stride),
            rest => kernel.saturating_sub(rest),
        };
        let (rows, columns) = (total(rows), total(columns));
        Self { top: rows / 2, bottom: rows - rows / 2, left: columns / 2, right: columns - columns / 2 }
    }
}

/// What a node computes.
#[derive(Debug, Clone, PartialEq)]
pub enum Op {
    /// The network's input of this index.
    Input(usize),
    /// Cross-correlation with zero padding and square kernel.
    Conv {
        /// Kernel.
        weight: Parameter,
        /// Added to each channel.
        bias: Option<Parameter>,
        /// Step.
        stride: usize,
        /// Zeros around the input.
        padding: Padding,
    },
    /// The same, each channel by a kernel of its own: `weight` is `[channels, 1, rows, columns]`.
    DepthwiseConv {
        /// Kernels.
        weight: Parameter,
        /// Added to each channel.
        bias: Option<Parameter>,
        /// Step.
        stride: usize,
        /// Zeros around the input.
        padding: Padding,
    },
    /// `(x - mean) / sqrt(var + eps) * weight + bias`, with the statistics of the checkpoint.
    BatchNorm {
        /// Scale.
        weight: Parameter,
        /// Shift.
        bias: Parameter,
        /// Stored mean.
        mean: Parameter,
        /// Stored variance.
        var: Parameter,
        /// Added to the variance.
        eps: f64,
    },
    /// `(x - mean) / sqrt(var + eps) * weight + bias`, with mean and variance (population) over the channels of the
    /// vector, or of each pixel.
    LayerNorm {
        /// Scale.
        weight: Parameter,
        /// Shift.
        bias: Parameter,
        /// Added to the variance.
        eps: f64,
    },
    /// `x * weight`, channel by channel.
    ScaleChannels {
        /// `[channels]`.
        weight: Parameter,
    },
    /// `x · weight`: the rows of a table, weighed by `x`. With a one-hot `x`, a look-up.
    Table {
        /// `[in, out]`.
        weight: Parameter,
    },
    /// `x · weightᵀ + bias`, of a vector or of each pixel.
    Linear {
        /// `[out, in]`.
        weight: Parameter,
        /// `[out]`.
        bias: Option<Parameter>,
    },
    /// `max(x, 0)`.
    Relu,
    /// `1 / (1 + exp(-x))`.
    Sigmoid,
    /// Hyperbolic tangent.
    Tanh,
    /// `x Φ(x)`, Φ the normal distribution function by `erf`.
    Gelu,
    /// `x / (1 + exp(-x))`.
    Silu,
    /// Largest value under a square window; outside the map counts as minus infinity; floor mode.
    MaxPool {
        /// Window.
        kernel: usize,
        /// Step.
        stride: usize,
        /// Around the input.
        padding: Padding,
    },
    /// Mean under a square window, without padding; floor mode.
    MeanPool {
        /// Window.
        kernel: usize,
        /// Step.
        stride: usize,
    },
    /// The channels, this many times over.
    RepeatChannels(usize),
    /// Mean over H and W.
    MeanOverMap,
    /// Maximum over H and W.
    MaxOverMap,
    /// Sum of two values of one shape.
    Add,
    /// Product of two values of one shape.
    Mul,
    /// A map (first input) times a factor for each of its channels (second).
    MulChannels,
    /// The second value's channels after the first's.
    Concat,
    /// A vector as a map of one pixel, or a map of one pixel as a vector.
    Reshape,
    /// The channels from `from` on, as many as the shape says.
    SliceChannels {
        /// The first.
        from: usize,
    },
    /// Softmax over each `group` of consecutive channels.
    SoftmaxOverChannels {
        /// Channels that sum to 1.
        group: usize,
    },
    /// Softmax over the `vectors` of each item, channel by channel.
    SoftmaxOverItem {
        /// Vectors an item.
        vectors: usize,
    },
    /// Sum over the `vectors` of each item, each multiplied by its scalar weight (first input; second is summed).
    WeightedSumOverItem {
        /// Vectors an item.
        vectors: usize,
    },
    /// Mean over the `vectors` of each item.
    MeanOverItem {
        /// Vectors an item.
        vectors: usize,
    },
    /// Largest of the `vectors` of each item, channel by channel.
    MaxOverItem {
        /// Vectors an item.
        vectors: usize,
    },
    /// The `vectors` of each item one after the other, as one vector.
    JoinItem {
        /// Vectors an item.
        vectors: usize,
    },
    /// Attention among the `vectors` of each item; inputs are queries, keys and values. Channels are split into
    /// `heads` consecutive parts, each `softmax(q · kᵀ / sqrt(part)) · v`.
    Attention {
        /// Vectors an item.
        vectors: usize,
        /// Parts.
        heads: usize,
    },
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
    nodes: Vec<Node>,
    outputs: BTreeMap<String, NodeId>,
    marks: BTreeMap<String, NodeId>,
    inputs: Vec<NodeId>,
}

impl Graph {
    /// Describes a network.
    pub fn build(describe: impl FnOnce(&Builder<'_>) -> Result<(), GraphError>) -> Result<Self, GraphError> {
        let empty = Self { nodes: vec![], outputs: BTreeMap::new(), marks: BTreeMap::new(), inputs: vec![] };
        let graph = RefCell::new(empty);
        describe(&Builder { graph: &graph, prefix: String::new() })?;
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

    /// Every parameter, each name once, in the order of use.
    pub fn parameters(&self) -> Vec<&Parameter> {
        let mut seen = std::collections::BTreeSet::new();
        self.nodes.iter().flat_map(|n| n.op.parameters()).filter(|p| seen.insert(p.name.as_str())).collect()
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

impl Op {
    /// The tensors that the operation needs.
    pub fn parameters(&self) -> Vec<&Parameter> {
        match self {
            Self::Conv { weight, bias, .. }
            | Self::DepthwiseConv { weight, bias, .. }
            | Self::Linear { weight, bias } => std::iter::once(weight).chain(bias).collect(),
            Self::BatchNorm { weight, bias, mean, var, .. } => vec![weight, bias, mean, var],
            Self::LayerNorm { weight, bias, .. } => vec![weight, bias],
            Self::ScaleChannels { weight } | Self::Table { weight } => vec![weight],
            Self::Input(_)
            | Self::Relu
            | Self::Sigmoid
            | Self::Tanh
            | Self::Gelu
            | Self::Silu
            | Self::MaxPool { .. }
            | Self::MeanPool { .. }
            | Self::RepeatChannels(_)
            | Self::MeanOverMap
            | Self::MaxOverMap
            | Self::Add
            | Self::Mul
            | Self::MulChannels
            | Self::Concat
            | Self::Reshape
            | Self::SliceChannels { .. }
            | Self::SoftmaxOverChannels { .. }
            | Self::SoftmaxOverItem { .. }
            | Self::WeightedSumOverItem { .. }
            | Self::MeanOverItem { .. }
            | Self::MaxOverItem { .. }
            | Self::JoinItem { .. }
            | Self::Attention { .. } => vec![],
        }
    }
}

/// Describes a network, knowing where in the checkpoint's names it stands.
#[derive(Debug, Clone)]
pub struct Builder<'g> {
    graph: &'g RefCell<Graph>,
    prefix: String,
}

impl Builder<'_> {
    /// The builder one name deeper: `b.pp("layer1").pp("0")` names `layer1.0.…`.
    pub fn pp(&self, name: impl std::fmt::Display) -> Self {
        let prefix = if self.prefix.is_empty() { name.to_string() } else { format!("{}.{name}", self.prefix) };
        Self { graph: self.graph, prefix }
    }

    /// An input of `per_item` maps for each item of the batch.
    pub fn input_maps(&self, per_item: usize, channels: usize, rows: usize, columns: usize) -> Map {
        Map(self.input(Shape::Map { per_item, channels, rows, columns }))
    }

    /// An input of `per_item` vectors for each item of the batch.
    pub fn input_features(&self, per_item: usize, channels: usize) -> Features {
        Features(self.input(Shape::Features { per_item, channels }))
    }

    fn input(&self, shape: Shape) -> NodeId {
        let index = self.graph.borrow().inputs.len();
        let id = self.push(Op::Input(index), vec![], shape);
        self.graph.borrow_mut().inputs.push(id);
        id
    }

    /// A convolution to `out` channels with the parameter `weight` (and `bias`, if `with_bias`).
    pub fn conv(
        &self,
        x: Map,
        out: usize,
        kernel: usize,
        stride: usize,
        padding: impl Into<Padding>,
        with_bias: bool,
    ) -> Result<Map, GraphError> {
        let padding = padding.into();
        let (per_item, channels, ..) = self.map_shape(x);
        let (rows, columns) = self.slide(x, kernel, stride, padding)?;
        let weight = self.parameter("weight", &[out, channels, kernel, kernel]);
        let bias = with_bias.then(|| self.parameter("bias", &[out]));
        let shape = Shape::Map { per_item, channels: out, rows, columns };
        Ok(Map(self.push(Op::Conv { weight, bias, stride, padding }, vec![x.0], shape)))
    }

    /// A convolution of each channel by itself, with the parameter `weight` (and `bias`, if `with_bias`).
    pub fn depthwise_conv(
        &self,
        x: Map,
        kernel: usize,
        stride: usize,
        padding: impl Into<Padding>,
        with_bias: bool,
    ) -> Result<Map, GraphError> {
        let padding = padding.into();
        let (per_item, channels, ..) = self.map_shape(x);
        let (rows, columns) = self.slide(x, kernel, stride, padding)?;
        let weight = self.parameter("weight", &[channels, 1, kernel, kernel]);
        let bias = with_bias.then(|| self.parameter("bias", &[channels]));
        let shape = Shape::Map { per_item, channels, rows, columns };
        Ok(Map(self.push(Op::DepthwiseConv { weight, bias, stride, padding }, vec![x.0], shape)))
    }

    /// Batch norm with `weight`, `bias`, `running_mean` and `running_var`, eps 1e-5.
    pub fn batch_norm(&self, x: Map) -> Map {
        self.batch_norm_with(x, 1e-5)
    }

    /// The same with another eps.
    pub fn batch_norm_with(&self, x: Map, eps: f64) -> Map {
        let p = |name| self.channel_parameter(name, x);
        let op =
            Op::BatchNorm { weight: p("weight"), bias: p("bias"), mean: p("running_mean"), var: p("running_var"), eps };
        self.unary(op, x)
    }

    /// Layer norm over channels, with `weight` and `bias`.
    pub fn layer_norm<V: Value>(&self, x: V, eps: f64) -> V {
        let p = |name| self.channel_parameter(name, x);
        self.unary(Op::LayerNorm { weight: p("weight"), bias: p("bias"), eps }, x)
    }

    /// Each channel times its own factor, the parameter `name`.
    pub fn scale_channels<V: Value>(&self, x: V, name: &str) -> V {
        self.unary(Op::ScaleChannels { weight: self.channel_parameter(name, x) }, x)
    }

    /// A linear layer to `out` channels with `weight` (and `bias`, if `with_bias`); of a map, at each pixel.
    pub fn linear<V: Value>(&self, x: V, out: usize, with_bias: bool) -> V {
        let shape = self.shape(x);
        let weight = self.parameter("weight", &[out, shape.channels()]);
        let bias = with_bias.then(|| self.parameter("bias", &[out]));
        V::at(self.push(Op::Linear { weight, bias }, vec![x.node()], shape.with_channels(out)))
    }

    /// The rows of the table `name`, weighed by `x` and summed: `out` channels.
    pub fn table(&self, x: Features, name: &str, out: usize) -> Features {
        let shape = self.shape(x);
        let weight = self.parameter(name, &[shape.channels(), out]);
        Features(self.push(Op::Table { weight }, vec![x.0], shape.with_channels(out)))
    }

    /// `max(x, 0)`.
    pub fn relu<V: Value>(&self, x: V) -> V {
        self.unary(Op::Relu, x)
    }

    /// The logistic function.
    pub fn sigmoid<V: Value>(&self, x: V) -> V {
        self.unary(Op::Sigmoid, x)
    }

    /// Hyperbolic tangent.
    pub fn tanh<V: Value>(&self, x: V) -> V {
        self.unary(Op::Tanh, x)
    }

    /// `x Φ(x)`.
    pub fn gelu<V: Value>(&self, x: V) -> V {
        self.unary(Op::Gelu, x)
    }

    /// `x / (1 + exp(-x))`.
    pub fn silu<V: Value>(&self, x: V) -> V {
        self.unary(Op::Silu, x)
    }

    /// Maximum under a sliding window.
    pub fn max_pool(
        &self,
        x: Map,
        kernel: usize,
        stride: usize,
        padding: impl Into<Padding>,
    ) -> Result<Map, GraphError> {
        let padding = padding.into();
        let (per_item, channels, ..) = self.map_shape(x);
        let (rows, columns) = self.slide(x, kernel, stride, padding)?;
        let shape = Shape::Map { per_item, channels, rows, columns };
        Ok(Map(self.push(Op::MaxPool { kernel, stride, padding }, vec![x.0], shape)))
    }

    /// Mean under a sliding window.
    pub fn mean_pool(&self, x: Map, kernel: usize, stride: usize) -> Result<Map, GraphError> {
        let (per_item, channels, ..) = self.map_shape(x);
        let (rows, columns) = self.slide(x, kernel, stride, Padding::default())?;
        let shape = Shape::Map { per_item, channels, rows, columns };
        Ok(Map(self.push(Op::MeanPool { kernel, stride }, vec![x.0], shape)))
    }

    /// The channels `times` over: a grey image for a network that expects colour.
    pub fn repeat_channels<V: Value>(&self, x: V, times: usize) -> V {
        let shape = self.shape(x);
        V::at(self.push(Op::RepeatChannels(times), vec![x.node()], shape.with_channels(shape.channels() * times)))
    }

    /// Mean over H and W.
    pub fn mean_over_map(&self, x: Map) -> Features {
        self.over_map(Op::MeanOverMap, x)
    }

    /// Maximum over H and W.
    pub fn max_over_map(&self, x: Map) -> Features {
        self.over_map(Op::MaxOverMap, x)
    }

    fn over_map(&self, op: Op, x: Map) -> Features {
        let (per_item, channels, ..) = self.map_shape(x);
        Features(self.push(op, vec![x.0], Shape::Features { per_item, channels }))
    }

    /// Sum of two values of one shape.
    pub fn add<V: Value>(&self, a: V, b: V) -> Result<V, GraphError> {
        self.same_shape(Op::Add, a, b)
    }

    /// Product of two values of one shape.
    pub fn mul<V: Value>(&self, a: V, b: V) -> Result<V, GraphError> {
        self.same_shape(Op::Mul, a, b)
    }

    /// A map times a factor for each of its channels.
    pub fn mul_channels(&self, x: Map, factors: Features) -> Result<Map, GraphError> {
        let ((per_item, channels, ..), factor) = (self.map_shape(x), self.features_shape(factors));
        if (per_item, channels) != factor {
            return Err(self.error(format!("{factor:?} factors for {per_item} maps of {channels} channels")));
        }
        Ok(Map(self.push(Op::MulChannels, vec![x.0, factors.0], self.shape(x))))
    }

    /// The channels of `b` after those of `a`.
    pub fn concat<V: Value>(&self, a: V, b: V) -> Result<V, GraphError> {
        let (sa, sb) = (self.shape(a), self.shape(b));
        if sa.with_channels(0) != sb.with_channels(0) {
            return Err(self.error(format!("cannot put the channels of {sb:?} after those of {sa:?}")));
        }
        let shape = sa.with_channels(sa.channels() + sb.channels());
        Ok(V::at(self.push(Op::Concat, vec![a.node(), b.node()], shape)))
    }

    /// A vector as a map of one pixel.
    pub fn as_pixel(&self, x: Features) -> Map {
        let (per_item, channels) = self.features_shape(x);
        Map(self.push(Op::Reshape, vec![x.0], Shape::Map { per_item, channels, rows: 1, columns: 1 }))
    }

    /// A map of one pixel as a vector.
    pub fn as_features(&self, x: Map) -> Result<Features, GraphError> {
        match self.map_shape(x) {
            (per_item, channels, 1, 1) => {
                Ok(Features(self.push(Op::Reshape, vec![x.0], Shape::Features { per_item, channels })))
            }
            (_, _, rows, columns) => Err(self.error(format!("a map of {rows} x {columns} pixels is no vector"))),
        }
    }

    /// `count` channels from `from` on.
    pub fn slice_channels(&self, x: Features, from: usize, count: usize) -> Result<Features, GraphError> {
        let (per_item, channels) = self.features_shape(x);
        if from.checked_add(count).is_none_or(|end| end > channels) {
            return Err(self.error(format!("{channels} channels have no {count} from {from} on")));
        }
        let shape = Shape::Features { per_item, channels: count };
        Ok(Features(self.push(Op::SliceChannels { from }, vec![x.0], shape)))
    }

    /// Softmax over each `group` of consecutive channels.
    pub fn softmax_over_channels(&self, x: Features, group: usize) -> Result<Features, GraphError> {
        let (_, channels) = self.features_shape(x);
        if group == 0 || !channels.is_multiple_of(group) {
            return Err(self.error(format!("{channels} channels make no groups of {group}")));
        }
        Ok(self.unary(Op::SoftmaxOverChannels { group }, x))
    }

    /// Softmax over the vectors of each item.
    pub fn softmax_over_item(&self, x: Features) -> Features {
        let (vectors, _) = self.features_shape(x);
        self.unary(Op::SoftmaxOverItem { vectors }, x)
    }

    /// For each item, the sum of its vectors `x`, each times its scalar `weights`.
    pub fn weighted_sum_over_item(&self, weights: Features, x: Features) -> Result<Features, GraphError> {
        let ((nw, cw), (nx, channels)) = (self.features_shape(weights), self.features_shape(x));
        if nw != nx || cw != 1 {
            return Err(self.error(format!("{nw} weights of {cw} channels do not weigh {nx} vectors")));
        }
        let shape = Shape::Features { per_item: 1, channels };
        Ok(Features(self.push(Op::WeightedSumOverItem { vectors: nx }, vec![weights.0, x.0], shape)))
    }

    /// For each item, the mean of its vectors.
    pub fn mean_over_item(&self, x: Features) -> Features {
        self.over_item(x, |vectors| Op::MeanOverItem { vectors })
    }

    /// For each item, the largest of its vectors, channel by channel.
    pub fn max_over_item(&self, x: Features) -> Features {
        self.over_item(x, |vectors| Op::MaxOverItem { vectors })
    }

    fn over_item(&self, x: Features, op: impl Fn(usize) -> Op) -> Features {
        let (vectors, channels) = self.features_shape(x);
        Features(self.push(op(vectors), vec![x.0], Shape::Features { per_item: 1, channels }))
    }

    /// For each item, its vectors one after the other as one.
    pub fn join_item(&self, x: Features) -> Features {
        let (vectors, channels) = self.features_shape(x);
        let shape = Shape::Features { per_item: 1, channels: vectors * channels };
        Features(self.push(Op::JoinItem { vectors }, vec![x.0], shape))
    }

    /// Attention among the vectors of each item: `queries`, `keys` and `values` are of one shape.
    pub fn attention(
        &self,
        queries: Features,
        keys: Features,
        values: Features,
        heads: usize,
    ) -> Result<Features, GraphError> {
        let shape = self.shape(queries);
        let (vectors, channels) = self.features_shape(queries);
        if self.shape(keys) != shape || self.shape(values) != shape || heads == 0 || !channels.is_multiple_of(heads) {
            return Err(self.error(format!("no attention of {heads} heads over vectors of {channels} channels")));
        }
        Ok(Features(self.push(Op::Attention { vectors, heads }, vec![queries.0, keys.0, values.0], shape)))
    }

    /// Names a result of the network.
    pub fn output(&self, name: &str, x: impl Value) {
        self.graph.borrow_mut().outputs.insert(name.to_owned(), x.node());
    }

    /// Remembers a value under this builder's own name, for whoever wants to look inside.
    pub fn mark<V: Value>(&self, x: V) -> V {
        self.graph.borrow_mut().marks.insert(self.prefix.clone(), x.node());
        x
    }

    /// The shape of a value.
    pub fn shape(&self, x: impl Value) -> Shape {
        self.graph.borrow().nodes[x.node().0].shape
    }

    /// (per item, channels, rows, columns).
    fn map_shape(&self, x: Map) -> (usize, usize, usize, usize) {
        match self.shape(x) {
            Shape::Map { per_item, channels, rows, columns } => (per_item, channels, rows, columns),
            Shape::Features { .. } => unreachable!("a Map is only ever made of a map-shaped node"),
        }
    }

    /// (per item, channels).
    fn features_shape(&self, x: Features) -> (usize, usize) {
        match self.shape(x) {
            Shape::Features { per_item, channels } => (per_item, channels),
            Shape::Map { .. } => unreachable!("a Features is only ever made of a feature-shaped node"),
        }
    }

    /// How many rows and columns of places a window has.
    fn slide(&self, x: Map, kernel: usize, stride: usize, padding: Padding) -> Result<(usize, usize), GraphError> {
        let (_, _, rows, columns) = self.map_shape(x);
        let places = |size: usize, before: usize, after: usize| match (size + before + after).checked_sub(kernel) {
            Some(room) if stride > 0 && kernel > 0 => Ok(room / stride + 1),
            Some(_) | None => Err(self.error(format!(
                "a window of {kernel} with stride {stride} and padding {before} and {after} does not fit {size} pixels"
            ))),
        };
        Ok((places(rows, padding.top, padding.bottom)?, places(columns, padding.left, padding.right)?))
    }

    fn unary<V: Value>(&self, op: Op, x: V) -> V {
        V::at(self.push(op, vec![x.node()], self.shape(x)))
    }

    fn same_shape<V: Value>(&self, op: Op, a: V, b: V) -> Result<V, GraphError> {
        let (sa, sb) = (self.shape(a), self.shape(b));
        if sa != sb {
            return Err(self.error(format!("{sa:?} and {sb:?} are not of one shape")));
        }
        Ok(V::at(self.push(op, vec![a.node(), b.node()], sa)))
    }

    fn channel_parameter(&self, name: &str, x: impl Value) -> Parameter {
        self.parameter(name, &[self.shape(x).channels()])
    }

    fn parameter(&self, name: &str, shape: &[usize]) -> Parameter {
        Parameter { name: self.pp(name).prefix, shape: shape.to_vec() }
    }

    fn push(&self, op: Op, inputs: Vec<NodeId>, shape: Shape) -> NodeId {
        let mut graph = self.graph.borrow_mut();
        graph.nodes.push(Node { op, inputs, shape });
        NodeId(graph.nodes.len() - 1)
    }

    fn error(&self, problem: String) -> GraphError {
        GraphError { at: self.prefix.clone(), problem }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_are_checked_while_the_network_is_described() {
        let graph = Graph::build(|b| {
            let x = b.input_maps(1, 1, 9, 7);
            let x = b.pp("stem").conv(x, 4, 3, 2, 1, false)?;
            assert_eq!(b.shape(x), Shape::Map { per_item: 1, channels: 4, rows: 5, columns: 4 });
            let x = b.max_pool(x, 3, 2, 0)?;
            assert_eq!(b.shape(x), Shape::Map { per_item: 1, channels: 4, rows: 2, columns: 1 });
            b.output("y", b.pp("head").linear(b.mean_over_map(x), 2, true));
            Ok(())
        })
        .expect("fits");
        let names: Vec<_> = graph.parameters().iter().map(|p| (p.name.clone(), p.shape.clone())).collect();
        assert_eq!(
            names,
            [
                ("stem.weight".to_owned(), vec![4, 1, 3, 3]),
                ("head.weight".to_owned(), vec![2, 4]),
                ("head.bias".to_owned(), vec![2]),
            ]
        );
        assert_eq!(graph.multiply_adds(), 4 * 9 * 20 + 8);
    }

    #[test]
    fn what_does_not_fit_is_refused_with_its_place() {
        let check = |describe: fn(&Builder<'_>) -> Result<(), GraphError>, expected: &str| {
            let error = Graph::build(describe).expect_err("does not fit").to_string();
            assert!(error.contains(expected), "{error}");
        };
        check(|b| b.pp("a").pp("b").conv(b.input_maps(1, 1, 2, 2), 1, 5, 1, 1, false).map(drop), "a.b: a window of 5");
        check(|b| b.max_pool(b.input_maps(1, 1, 2, 2), 2, 0, 0).map(drop), "stride 0");
        check(|b| b.add(b.input_features(1, 3), b.input_features(1, 4)).map(drop), "not of one shape");
        check(|b| b.weighted_sum_over_item(b.input_features(1, 2), b.input_features(1, 4)).map(drop), "do not weigh");
    }
}
