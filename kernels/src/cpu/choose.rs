//! Which kernel computes a step on a processor.

use crate::compile::{Step, Work};

use super::conv;
use super::conv::stem::Stem;
use super::copy::{Copy, Import};
use super::depthwise::Depthwise;
use super::kernel::{Available, Kernel};
use super::pointwise::Pointwise;
use super::pool::Pool;
use super::tail::Reduce;

/// What the kernels are made for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Target {
    pub(super) set: Available,
    /// Whether convolutions may round what they multiply to bf16.
    pub(super) bf16: bool,
}

/// The kernel of a step, with its weights packed.
pub(super) fn kernel(Target { set, bf16 }: Target, step: &Step) -> Box<dyn Kernel> {
    let (input, output, epilogue) = (step.input, step.output, step.epilogue.clone());
    match &step.work {
        Work::Import => Box::new(Import(output)),
        Work::Stem(shape, weight, pool) => Box::new(Stem::new(set, *shape, weight, epilogue, *pool)),
        Work::Conv(shape, weight) => conv::choose(set, bf16, *shape, weight, epilogue),
        Work::Depthwise(shape, weight) => Box::new(Depthwise::new(set, *shape, weight, epilogue)),
        Work::Pool(window, take) => Box::new(Pool::new(set, (input, output), *window, *take, epilogue)),
        Work::Pointwise(of) => Box::new(Pointwise::new(set, output, *of, epilogue)),
        Work::Copy(copying) => Box::new(Copy { size: output, copying: *copying }),
        Work::Reduce(tail) => Box::new(Reduce::new(set, *tail, input, output)),
    }
}
