//! What the nodes of a network compute, and from which tensors of the checkpoint.

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
