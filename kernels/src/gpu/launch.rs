//! What every step of a network is on a GPU: a launch of a kernel for each run, and its cost.

use crate::compile::{Step, Work};
use crate::cpu::Precision;
use crate::device::{Device, DeviceFault, Function, Grid, Params};

use super::constants::Constants;
use super::ends::Bound;
use super::{conv, copy, depthwise, linear, pointwise, pool, reduce, stem};

/// A kernel, over what, with which parameters.
#[derive(Debug, Clone)]
pub(super) struct Launch {
    pub(super) function: Function,
    pub(super) grid: Grid,
    /// The bytes of its struct, in words so that they are aligned.
    pub(super) params: Vec<u64>,
}

impl Launch {
    /// Of a kernel with its parameters.
    pub(super) fn new<P: Params>(function: Function, grid: Grid, params: P) -> Self {
        let mut words = vec![0u64; size_of::<P>().div_ceil(size_of::<u64>())];
        // SAFETY: the words are as many bytes or more, and a struct of numbers is its bytes.
        unsafe { words.as_mut_ptr().cast::<P>().write_unaligned(params) };
        Self { function, grid, params: words }
    }
}

/// A step's computation, made for one size of input.
pub(super) trait Kernel: Send + Sync {
    /// What it is in a run.
    fn launch(&self, bound: &Bound) -> Launch;

    /// Floating-point operations for one image, as the layer is defined; a multiply-add is two.
    fn flops(&self) -> u64;

    /// Bytes of its constants.
    fn weight_bytes(&self) -> usize {
        0
    }

    /// For people.
    fn name(&self) -> String;
}

/// What kernels are made for.
pub(super) struct Target<'a> {
    pub(super) device: &'a Device,
    pub(super) precision: Precision,
    pub(super) constants: Constants,
}

impl Target<'_> {
    /// The kernel of a name that ends in the precision.
    pub(super) fn function(&self, name: &str, shared: usize) -> Result<Function, DeviceFault> {
        self.device.function(&format!("{name}_{}", self.precision), shared)
    }
}

/// The kernel of a step; `wide` says whether the first value that it reads is.
pub(super) fn kernel(target: &mut Target<'_>, step: &Step, wide: bool) -> Result<Box<dyn Kernel>, DeviceFault> {
    let (input, output, epilogue) = (step.input, step.output, &step.epilogue);
    Ok(match &step.work {
        Work::Import => Box::new(copy::Import::new(target, output)?),
        Work::Stem(shape, weight, window) => {
            Box::new(stem::Stem::new(target, *shape, weight, *window, output, epilogue)?)
        }
        Work::Conv(shape, weight) if linear::serves(shape) => {
            Box::new(linear::Linear::new(target, *shape, weight, epilogue)?)
        }
        Work::Conv(shape, weight) => Box::new(conv::Conv::new(target, *shape, weight, epilogue, wide)?),
        Work::Depthwise(shape, weight) => Box::new(depthwise::Depthwise::new(target, *shape, weight, epilogue)?),
        Work::Pool(window, take) => Box::new(pool::Pool::new(target, (input, output), *window, *take, epilogue)?),
        Work::Pointwise(of) => Box::new(pointwise::Pointwise::new(target, output, *of, epilogue)?),
        Work::Copy(copying) => Box::new(copy::Copy::new(target, output, *copying)?),
        Work::Reduce(tail) => Box::new(reduce::Reduce::new(target, *tail, input, output)?),
    })
}

/// A grid of blocks of 256 threads, one for each of so many.
pub(super) fn one_each(threads: usize) -> Grid {
    Grid { blocks: [threads.div_ceil(256).max(1), 1, 1], threads: 256, shared: 0 }
}
