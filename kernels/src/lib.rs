//! Networks described once, and the executors that run them.
//!
//! A [`Graph`] is a network as a small typed graph over named weights: [`Builder::pp`] walks the checkpoint's names as
//! candle's `VarBuilder` does, a [`Map`] cannot be taken for a [`Features`], and every shape is checked while the graph
//! is described, before any weight is loaded. [`Weights`] are the tensors of a checkpoint by name. An executor is made
//! from both; [`Reference`] is the readable one: candle's operations, f32, on the CPU. Every other executor is held to
//! it by tests.

mod builder;
mod graph;
mod op;
mod cpu;
mod reference;
mod weights;

pub use builder::Builder;
pub use graph::{Features, Graph, GraphError, Map, Node, NodeId, Shape, Value};
pub use op::{Op, Padding, Parameter};
pub use reference::Reference;
pub use weights::{Misfit, Missing, Weights, WeightsError, WrongShape};

/// The values that a network gives, by output name.
pub type Outputs = std::collections::BTreeMap<String, candle_core::Tensor>;
