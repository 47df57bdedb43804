//! Describing a network: each call checks shapes and adds a node.

use std::cell::RefCell;

use crate::graph::{Features, Graph, GraphError, Map, Node, NodeId, Shape, Value};
use crate::op::{Op, Padding, Parameter};

/// Describes a network, knowing where in the checkpoint's names it stands.
#[derive(Debug, Clone)]
pub struct Builder<'g> {
    graph: &'g RefCell<Graph>,
    prefix: String,
}

impl<'g> Builder<'g> {
    pub(crate) fn new(graph: &'g RefCell<Graph>) -> Self {
        Self { graph, prefix: String::new() }
    }
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
        let sides = [out, self.shape(x).channels()];
        let (weight, bias, shape) = self.convolution(x, sides, kernel, stride, padding, with_bias)?;
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
        let sides = [self.shape(x).channels(), 1];
        let (weight, bias, shape) = self.convolution(x, sides, kernel, stride, padding, with_bias)?;
        Ok(Map(self.push(Op::DepthwiseConv { weight, bias, stride, padding }, vec![x.0], shape)))
    }

    /// Parameters and result of a convolution to `out` channels, each from `each` channels of `x`.
    fn convolution(
        &self,
        x: Map,
        [out, each]: [usize; 2],
        kernel: usize,
        stride: usize,
        padding: Padding,
        with_bias: bool,
    ) -> Result<(Parameter, Option<Parameter>, Shape), GraphError> {
        let (per_item, ..) = self.map_shape(x);
        let (rows, columns) = self.slide(x, kernel, stride, padding)?;
        let weight = self.parameter("weight", &[out, each, kernel, kernel]);
        let bias = with_bias.then(|| self.parameter("bias", &[out]));
        Ok((weight, bias, Shape::Map { per_item, channels: out, rows, columns }))
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
        let Padding { top, bottom, left, right } = padding;
        if [top, bottom, left, right].iter().any(|n| *n >= kernel) {
            return Err(self.error(format!("a window of {kernel} would lie in a padding of {padding:?} alone")));
        }
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
