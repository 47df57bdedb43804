//! What the steps of a compiled network are, whatever computes them.
//!
//! Invariant: maps lie channels last, in blocks of [`BLOCK`] channels; a vector is a map of one pixel.

use crate::op::Padding;

/// Channels that lie together: a pixel has whole blocks of them, and what is beyond its channels is 0.
pub(crate) const BLOCK: usize = 16;

/// The size of a map, or of a vector as a map of one pixel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size {
    /// H.
    pub(crate) rows: usize,
    /// W.
    pub(crate) columns: usize,
    /// C.
    pub(crate) channels: usize,
}

impl Size {
    /// H * W.
    pub(crate) fn pixels(self) -> usize {
        self.rows * self.columns
    }

    /// C, rounded up to whole blocks.
    pub(crate) fn padded(self) -> usize {
        self.channels.next_multiple_of(BLOCK)
    }
}

/// Applied to every value on its way out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Activation {
    /// Nothing.
    None,
    /// `max(x, 0)`.
    Relu,
    /// `x Φ(x)`.
    Gelu,
    /// `x / (1 + exp(-x))`.
    Silu,
    /// `1 / (1 + exp(-x))`.
    Sigmoid,
}

/// What happens to a result before it is stored: `v = activation(v + bias + residual)` is the first value; the second
/// is `activation2(v * scale + shift)`. Vectors are padded to whole blocks.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Epilogue {
    /// Added to each channel.
    pub(crate) bias: Vec<f32>,
    /// Whether another value is added before the activation.
    pub(crate) residual: bool,
    /// Of the first value.
    pub(crate) activation: Activation,
    /// Whether the first value is stored.
    pub(crate) first: bool,
    /// The second value, where one is stored.
    pub(crate) second: Option<Second>,
}

/// A second value made of the first: a norm that comes before the next convolution.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Second {
    /// Of each channel.
    pub(crate) scale: Vec<f32>,
    /// Of each channel.
    pub(crate) shift: Vec<f32>,
    /// After them.
    pub(crate) activation: Activation,
}

/// A window that slides over a map; floor mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Window {
    /// Rows and columns.
    pub(crate) kernel: usize,
    /// Step.
    pub(crate) stride: usize,
    /// Around the input, less than the window.
    pub(crate) padding: Padding,
}

/// Which of the values under a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Take {
    /// The largest; what is outside the map counts as minus infinity.
    Max,
    /// The mean; the window does not leave the map.
    Mean,
}

/// What a convolution computes, but for weights and epilogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ConvShape {
    /// Of each input image.
    pub(crate) input: Size,
    /// Of each output image.
    pub(crate) output: Size,
    /// Rows and columns of the kernel.
    pub(crate) kernel: usize,
    /// Step.
    pub(crate) stride: usize,
    /// Zeros around the input.
    pub(crate) padding: Padding,
}

impl ConvShape {
    /// Two for every multiply-add of the definition, padding included.
    pub(crate) fn flops(&self) -> u64 {
        2 * (self.output.pixels() * self.output.channels * self.input.channels * self.kernel * self.kernel) as u64
    }
}

/// What is computed of a pixel alone, before the epilogue.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Of {
    /// `x[0]`.
    Itself,
    /// `x[0]` times the vector `x[1]` of its image.
    Factors,
    /// `(x[0] - mean) / sqrt(variance + eps)`, over its channels; the epilogue's second value has scale and shift.
    Normed(f32),
}

/// Channels of `x[0]`, from one on, to channels of `y[0]`, from another on; so many times over, one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Copying {
    /// The first channel that is read.
    pub(crate) from: usize,
    /// The first channel that is written.
    pub(crate) to: usize,
    /// How many.
    pub(crate) count: usize,
    /// How many times they are written.
    pub(crate) times: usize,
    /// Pixels that are read for one that is written: the vectors of an item, joined.
    pub(crate) joined: usize,
}

/// What is done with a whole map, and with a few vectors; see [`Op`](crate::Op).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub(crate) enum Tail {
    Tanh,
    Mul,
    MeanOverMap,
    MaxOverMap,
    SoftmaxOverChannels(usize),
    SoftmaxOverItem(usize),
    WeightedSumOverItem(usize),
    MeanOverItem(usize),
    MaxOverItem(usize),
    Attention { vectors: usize, heads: usize },
}

impl Tail {
    /// Whether it would make a finite number of what is none.
    pub(crate) fn hides_infinity(self) -> bool {
        matches!(self, Self::Tanh | Self::SoftmaxOverChannels(_) | Self::SoftmaxOverItem(_) | Self::Attention { .. })
    }

    /// For people.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Tanh => "tanh",
            Self::Mul => "product",
            Self::MeanOverMap => "mean of map",
            Self::MaxOverMap => "max of map",
            Self::SoftmaxOverChannels(_) | Self::SoftmaxOverItem(_) => "softmax",
            Self::WeightedSumOverItem(_) => "weighted sum",
            Self::MeanOverItem(_) => "mean of item",
            Self::MaxOverItem(_) => "max of item",
            Self::Attention { .. } => "attention",
        }
    }
}

/// The work of a step. Weights are `[out, in, rows, columns]`; of a depthwise one `[channels, 1, rows, columns]`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Work {
    /// Planes (N, C, H, W), dense, to channels last.
    Import,
    /// A convolution of an input of the network, in planes as it came, and a max pool behind it if there is one.
    Stem(ConvShape, Vec<f32>, Option<Window>),
    /// A convolution.
    Conv(ConvShape, Vec<f32>),
    /// A convolution of each channel by itself.
    Depthwise(ConvShape, Vec<f32>),
    /// A pool.
    Pool(Window, Take),
    /// Each pixel alone.
    Pointwise(Of),
    /// From one place to another.
    Copy(Copying),
    /// Reductions, and what is done with vectors.
    Reduce(Tail),
}

/// What a step reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Read {
    /// An input of the network, as it came: planes.
    Input(usize),
    /// A value of the arena.
    Value(usize),
}

/// One step of a plan.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Step {
    /// Where in the checkpoint its weights are, if it has any.
    pub(crate) name: String,
    pub(crate) work: Work,
    pub(crate) epilogue: Epilogue,
    /// Of the first value that it reads.
    pub(crate) input: Size,
    /// Of what it gives.
    pub(crate) output: Size,
    /// What it reads; a residual is the last.
    pub(crate) x: Vec<Read>,
    /// The values that it writes: the first, the second, as its epilogue stores them.
    pub(crate) y: Vec<usize>,
    /// Output images for each item.
    pub(crate) per_item: usize,
    /// Whether what it reads must be finite: it would make a share of 1 of an infinity.
    pub(crate) hides_infinity: bool,
}

impl Step {
    /// Takes the weights, for who packs them.
    pub(crate) fn take_weights(&mut self) -> Vec<f32> {
        match &mut self.work {
            Work::Stem(_, weight, _) | Work::Conv(_, weight) | Work::Depthwise(_, weight) => std::mem::take(weight),
            Work::Import | Work::Pool(..) | Work::Pointwise(_) | Work::Copy(_) | Work::Reduce(_) => Vec::new(),
        }
    }
}
