//! What a device could do at most, by which the speed of networks is judged. Measured, not taken from a data sheet.

use std::hint::black_box;
use std::time::Instant;

use crate::cpu::{InstructionSet, Precision};
use crate::device::DeviceFault;
use crate::executor::Backend;

/// What a device could do at most.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ceilings {
    /// Bytes a second of a large copy within its memory: those read and those written.
    pub copy: f64,
    /// Floating-point operations a second in f32, a multiply-add being two, operands in registers.
    pub f32: f64,
    /// Those of matrix products of bf16, where that is known.
    pub bf16: Option<f64>,
    /// Those of matrix products of f16, where that is known.
    pub f16: Option<f64>,
    /// Bytes a second from the host's memory to the device's, if they are two.
    pub up: Option<f64>,
    /// Bytes a second from the device's memory to the host's, if they are two.
    pub down: Option<f64>,
}

/// Values of each of a thread's two arrays in the copy on a processor.
const COPY_FLOATS: usize = 16 << 20;
/// Copies of which the fastest counts.
const ROUNDS: usize = 10;

impl Ceilings {
    /// Of all threads of this processor with these instructions, measured now; `None` if it lacks them.
    pub fn of_processor(set: InstructionSet) -> Option<Self> {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        // All at once: threads that share a core share what it can do.
        let f32 = std::thread::scope(|scope| {
            let running: Vec<_> = (0..threads).map(|_| scope.spawn(move || set.peak_flops())).collect();
            running.into_iter().map(|thread| thread.join().ok().flatten()).sum::<Option<f64>>()
        })?;
        Some(Self { copy: copy(threads), f32, bf16: None, f16: None, up: None, down: None })
    }

    /// Of what a backend runs on; `None` where that is not known.
    ///
    /// # Errors
    ///
    /// The device fails.
    pub fn of(backend: Backend) -> Result<Option<Self>, DeviceFault> {
        match backend {
            Backend::Reference => Ok(None),
            Backend::Cpu(options) => Ok(Self::of_processor(options.set)),
            Backend::Cuda(options) => crate::gpu::ceiling::ceilings(options.ordinal).map(Some),
        }
    }

    /// Operations a second in a precision.
    pub fn flops(&self, precision: Precision) -> Option<f64> {
        match precision {
            Precision::F32 => Some(self.f32),
            Precision::Bf16 => self.bf16,
            Precision::F16 => self.f16,
        }
    }
}

/// Bytes a second that all threads copy, those read and those written.
fn copy(threads: usize) -> f64 {
    let from = vec![vec![1f32; COPY_FLOATS]; threads];
    let mut to = vec![vec![2f32; COPY_FLOATS]; threads];
    let round = |to: &mut [Vec<f32>]| {
        let start = Instant::now();
        std::thread::scope(|scope| {
            to.iter_mut().zip(&from).for_each(|(to, from)| drop(scope.spawn(move || to.copy_from_slice(from))));
        });
        start.elapsed().as_secs_f64()
    };
    let least = (0..ROUNDS).map(|_| round(black_box(&mut to))).fold(f64::INFINITY, f64::min);
    (2 * size_of::<f32>() * COPY_FLOATS * threads) as f64 / least.max(1e-9)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_processor_has_ceilings() {
        let found = Ceilings::of(Backend::default()).expect("no device").expect("known");
        assert!(found.f32.is_finite() && found.f32 > 0.0 && found.copy.is_finite() && found.copy > 0.0, "{found:?}");
        assert_eq!(found.flops(Precision::F32), Some(found.f32));
        assert_eq!(Ceilings::of(Backend::Reference).expect("no device"), None);
    }
}
