//! A network that can be run, by whichever executor.

use candle_core::Tensor;

use crate::cpu::{CompileError, Cpu, InstructionSet, Options, Precision};
use crate::device::gpus;
use crate::gpu::Cuda;
use crate::gpu::prepare::Preparation;
use crate::images::{Images, Where, one_shape};
use crate::report::Stages;
use crate::{Graph, Outputs, Reference, StepReport, Weights, trial};

/// Which executor runs networks, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// candle's operations one by one, f32.
    Reference,
    /// The compiled one.
    Cpu(Options),
    /// The one for GPUs.
    Cuda(CudaOptions),
}

/// How a network is compiled for a GPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CudaOptions {
    /// Which, as the driver counts.
    pub ordinal: usize,
    /// Of what values and products are.
    pub precision: Precision,
    /// Whether marked values are kept, which forgoes fusions: for those who look inside.
    pub marks: bool,
}

impl Default for Backend {
    /// Compiled for this processor, f32.
    fn default() -> Self {
        Self::Cpu(Options::default())
    }
}

impl std::fmt::Display for Backend {
    /// Part of every result: what computed it, with which precision and instructions.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Reference => f.write_str("candle-cpu-f32"),
            Self::Cpu(Options { precision: Precision::Bf16, .. }) => f.write_str("uvid-cpu-bf16-amx"),
            Self::Cpu(Options { set, precision, .. }) => write!(f, "uvid-cpu-{precision}-{set}"),
            // Cards of one capability compute the same bits.
            Self::Cuda(CudaOptions { ordinal, precision, .. }) => {
                let (major, minor) = gpus().ok().and_then(|g| Some(g.get(*ordinal)?.capability)).unwrap_or_default();
                write!(f, "uvid-cuda-{precision}-sm{major}{minor}")
            }
        }
    }
}

impl Backend {
    /// Those that this machine can run, the reference first; f32. Of its GPUs the first.
    pub fn all() -> impl Iterator<Item = Self> {
        let sets = InstructionSet::ALL.into_iter().filter(|set| set.is_available());
        let cpu = sets.map(|set| Self::Cpu(Options { set, ..Options::default() }));
        let gpu = gpus().ok().into_iter().flatten().take(1);
        let gpu =
            gpu.map(|gpu| Self::Cuda(CudaOptions { ordinal: gpu.ordinal, precision: Precision::F32, marks: false }));
        std::iter::once(Self::Reference).chain(cpu).chain(gpu)
    }

    /// What values and products are of.
    pub fn precision(self) -> Precision {
        match self {
            Self::Reference => Precision::F32,
            Self::Cpu(options) => options.precision,
            Self::Cuda(options) => options.precision,
        }
    }

    /// The same, with values kept for those who look inside ([`Options::marks`]).
    #[must_use]
    pub fn with_marks(self) -> Self {
        match self {
            Self::Reference => self,
            Self::Cpu(options) => Self::Cpu(Options { marks: true, ..options }),
            Self::Cuda(options) => Self::Cuda(CudaOptions { marks: true, ..options }),
        }
    }
}

/// A network with its weights.
pub struct Executor(By);

enum By {
    Reference(Box<Reference>),
    Cpu(Box<Cpu>),
    Cuda(Box<Cuda>),
}

impl Executor {
    /// Prepares a network for a backend.
    ///
    /// # Errors
    ///
    /// The weights do not serve the network, or the processor lacks what the backend needs.
    pub fn new(graph: Graph, weights: &Weights, backend: Backend) -> Result<Self, CompileError> {
        Ok(Self(match backend {
            Backend::Reference => By::Reference(Box::new(Reference::new(graph, weights.clone())?)),
            Backend::Cpu(options) => By::Cpu(Box::new(Cpu::new(graph, weights, options)?)),
            Backend::Cuda(options) => By::Cuda(Box::new(Cuda::new(graph, weights, options)?)),
        }))
    }

    /// What it computes.
    pub fn graph(&self) -> &Graph {
        match &self.0 {
            By::Reference(reference) => reference.graph(),
            By::Cpu(cpu) => cpu.graph(),
            By::Cuda(cuda) => cuda.graph(),
        }
    }

    /// Runs a batch; a result, or what becomes a share of 1, that is no finite number is an error. Input `i` has the
    /// shape that the graph declares, with batch * `per_item` first.
    pub fn run(&self, inputs: &[Tensor]) -> candle_core::Result<Outputs> {
        self.run_with_marks(inputs, &[])
    }

    /// Runs a batch and also returns intermediate values by the names they are marked with. A compiled network has them
    /// if it was compiled [with marks](Backend::with_marks).
    pub fn run_with_marks(&self, inputs: &[Tensor], marks: &[&str]) -> candle_core::Result<Outputs> {
        let images: Vec<Images> = inputs.iter().map(|tensor| tensor.clone().into()).collect();
        self.look(&images.iter().collect::<Vec<_>>(), marks)
    }

    /// The same of inputs that may be where the network runs.
    pub fn look(&self, inputs: &[&Images], marks: &[&str]) -> candle_core::Result<Outputs> {
        let tensor = |input: &&Images| match &input.0 {
            Where::Host(tensor) => Ok(tensor.clone()),
            Where::Device(_) => candle_core::bail!("the images are on a device, the network is not"),
        };
        let tensors = || inputs.iter().map(tensor).collect::<candle_core::Result<Vec<_>>>();
        let outputs = match &self.0 {
            By::Reference(reference) => return reference.run_with_marks(&tensors()?, marks),
            By::Cpu(cpu) => cpu.run(&tensors()?)?,
            By::Cuda(cuda) => cuda.run(inputs)?,
        };
        match marks.iter().find(|mark| !outputs.contains_key(**mark)) {
            Some(mark) => candle_core::bail!("no value is marked {mark}, or marks were not kept"),
            None => Ok(outputs),
        }
    }

    /// Carries out preparations of one shape where this network runs: (N, channels, rows, columns).
    pub fn prepare(&self, preparations: &[&Preparation]) -> candle_core::Result<Images> {
        if let By::Cuda(cuda) = &self.0
            && let Some(images) = cuda.prepare(preparations, one_shape(preparations)?)?
        {
            return Ok(Images(Where::Device(images)));
        }
        Images::on_host(preparations)
    }

    /// The steps of a compiled network, and what each took in the best of `rounds` runs of one item of made-up values;
    /// none for the reference.
    pub fn profile(&self, rounds: usize) -> candle_core::Result<Vec<StepReport>> {
        let timed = |inputs: &[Tensor]| -> candle_core::Result<Vec<StepReport>> {
            match &self.0 {
                By::Reference(_) => Ok(vec![]),
                By::Cpu(cpu) => Ok(cpu.run_timed(inputs)?.1),
                By::Cuda(cuda) => {
                    let images: Vec<Images> = inputs.iter().map(|tensor| tensor.clone().into()).collect();
                    Ok(cuda.run_timed(&images.iter().collect::<Vec<_>>())?.1)
                }
            }
        };
        let inputs = trial::inputs(self.graph(), 1)?;
        let mut best = timed(&inputs)?;
        for _ in 1..rounds {
            for (best, step) in best.iter_mut().zip(timed(&inputs)?) {
                best.time = best.time.min(step.time);
            }
        }
        Ok(best)
    }

    /// Where the time of a run of these inputs goes, so many times; `None` where no device is involved.
    pub fn stages(&self, inputs: &[Tensor], rounds: usize) -> candle_core::Result<Option<Vec<Stages>>> {
        match &self.0 {
            By::Reference(_) | By::Cpu(_) => Ok(None),
            By::Cuda(cuda) => cuda.stages(inputs, rounds).map(Some),
        }
    }

    /// Bytes of values that a run of one item holds; `None` for the reference.
    pub fn arena_bytes(&self) -> Option<usize> {
        match &self.0 {
            By::Reference(_) => None,
            By::Cpu(cpu) => Some(cpu.arena_bytes()),
            By::Cuda(cuda) => Some(cuda.arena_bytes()),
        }
    }
}
