//! A published network in memory, with executors for its parts.

use std::collections::BTreeMap;

use candle_core::Tensor;
use uvid_kernels::{Backend, CompileError, Executor, Outputs, Weights};

use super::{Network, Part};

/// A network with weights, on a backend.
pub struct Loaded {
    /// What it computes.
    pub network: Network,
    /// One for each part.
    pub executors: Vec<Executor>,
}

/// How a caller runs a part.
pub type RunPart<'a> = dyn FnMut(&Part, &Executor, &[Tensor]) -> candle_core::Result<Outputs> + 'a;

impl Loaded {
    /// Prepares all parts.
    ///
    /// # Errors
    ///
    /// The weights do not serve the network, or the backend cannot be had.
    pub fn new(network: Network, weights: &Weights, backend: Backend) -> Result<Self, CompileError> {
        let load = |part: &Part| Executor::new(part.graph.clone(), weights, backend);
        Ok(Self { executors: network.parts.iter().map(load).collect::<Result<_, _>>()?, network })
    }

    /// Runs every part after those that it reads; gives the outputs that none reads, as `part.output`.
    ///
    /// # Errors
    ///
    /// As [`Executor::run`].
    pub fn run(&self, inputs: &[Tensor]) -> candle_core::Result<Outputs> {
        self.run_by(inputs, &mut |_, executor, inputs| executor.run(inputs))
    }

    /// The same, each part being run by the caller.
    ///
    /// # Errors
    ///
    /// The caller's.
    pub fn run_by(&self, inputs: &[Tensor], run: &mut RunPart<'_>) -> candle_core::Result<Outputs> {
        let mut given = inputs.iter();
        let mut found: BTreeMap<&str, Outputs> = BTreeMap::new();
        for (part, executor) in self.network.parts.iter().zip(&self.executors) {
            let read = |i: usize| {
                let read = part.reads.iter().find(|r| r.input == i)?;
                found.get(read.part)?.get(read.output)
            };
            let inputs = (0..part.graph.inputs().len()).filter_map(|i| read(i).or_else(|| given.next()).cloned());
            let inputs: Vec<Tensor> = inputs.collect();
            let outputs = run(part, executor, &inputs)?;
            found.insert(part.name, outputs);
        }
        let named = |(part, output): (&Part, &str)| {
            let value = found.get(part.name).and_then(|outputs| outputs.get(output));
            Some((format!("{}.{output}", part.name), value?.clone()))
        };
        Ok(self.network.outputs().filter_map(named).collect())
    }
}
