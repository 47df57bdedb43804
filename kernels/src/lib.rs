//! Networks described once, and the executors that run them.
//!
//! A [`Graph`] is a network as a small typed graph over named weights: [`Builder::pp`] walks the checkpoint's names as
//! candle's `VarBuilder` does, a [`Map`] cannot be taken for a [`Features`], and every shape is checked while the graph
//! is described, before any weight is loaded. [`Weights`] are the tensors of a checkpoint by name. An executor is made
//! from both: [`Reference`] is the readable one, candle's operations one by one; [`Cpu`] is the fast one for plain
//! processors, and there is one for GPUs: a compiler for both, and kernels of each. Every other executor is held to the
//! reference by tests. An [`Executor`] is any of them, on a [`Backend`]. [`Jpeg2000`] decodes images where GPUs are.

mod builder;
mod ceilings;
mod compile;
mod cpu;
mod decode;
mod device;
#[cfg(test)]
mod examples;
mod executor;
mod gpu;
mod graph;
mod images;
mod op;
mod reference;
mod report;
pub mod trial;
mod weights;

pub use builder::Builder;
pub use ceilings::Ceilings;
pub use cpu::{CompileError, Cpu, InstructionSet, Options, Precision, UnknownSet};
pub use decode::{DecodeFault, Jpeg2000, NoDecoder, Plane};
pub use device::{DeviceFault, FaultKind, Gpu, NoGpu, gpus, reopen};
pub use executor::{Backend, CudaOptions, Executor};
pub use gpu::ceiling::ceilings;
pub use gpu::prepare;
pub use graph::{Features, Graph, GraphError, Map, Node, NodeId, Shape, Value};
pub use images::Images;
pub use op::{Op, Padding, Parameter};
pub use reference::Reference;
pub use report::{Stages, StepReport};
pub use weights::{Misfit, Missing, Weights, WeightsError, WrongShape};

/// The values that a network gives, by output name.
pub type Outputs = std::collections::BTreeMap<String, candle_core::Tensor>;
