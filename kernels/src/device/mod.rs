//! GPUs, and what an executor needs of one: memory, streams, launches, recorded sequences of them.
//!
//! This is the one place that knows whether CUDA was built in. Without it every type here is there and none can be made,
//! so that the rest of the crate is the same.
//!
//! Invariants:
//! - CUDA's libraries are looked for at run time: a binary starts on any machine, and [`gpus`] says in one line why there
//!   is none.
//! - An error names the device, never what was being computed.
#![allow(unsafe_code)]

#[cfg(not(feature = "cuda"))]
#[path = "absent.rs"]
mod driver;
#[cfg(feature = "cuda")]
#[path = "cuda.rs"]
mod driver;

pub(crate) use driver::{Buffer, Device, Event, Function, Pinned, Recorded, Stream};

/// A GPU of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gpu {
    /// Its number, as the driver counts.
    pub ordinal: usize,
    /// As the driver calls it: "NVIDIA H100 80GB HBM3".
    pub name: String,
    /// The same wherever it is plugged in: 32 hexadecimal digits.
    pub uuid: String,
    /// Compute capability: 9.0 is Hopper.
    pub capability: (u32, u32),
    /// Bytes of memory.
    pub memory: usize,
    /// Streaming multiprocessors.
    pub processors: usize,
}

impl std::fmt::Display for Gpu {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { ordinal, name, memory, capability: (major, minor), .. } = self;
        write!(f, "cuda:{ordinal} {name}, {} GiB, compute capability {major}.{minor}", memory >> 30)
    }
}

/// Why no GPU can be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoGpu {
    /// The feature `cuda` is off.
    #[error("this binary was built without CUDA (feature `cuda`)")]
    NotBuilt,
    /// There was no CUDA compiler when this was built.
    #[error("this binary was built without GPU kernels: nvcc was not found then (docs/gpu.md)")]
    NoKernels,
    /// libcuda is not there.
    #[error("no NVIDIA driver is installed: libcuda.so cannot be loaded")]
    NoDriver,
    /// The driver knows no GPU.
    #[error("the NVIDIA driver finds no GPU")]
    None,
    /// The driver fails.
    #[error("the NVIDIA driver fails: {0}")]
    Driver(String),
}

/// The GPUs of this machine, by number.
///
/// # Errors
///
/// There is none, or it cannot be used: why.
pub fn gpus() -> Result<Vec<Gpu>, NoGpu> {
    driver::gpus()
}

/// Throws away all that a GPU that failed has, memory, kernels, errors, and opens it anew.
///
/// # Errors
///
/// It is still in use, or fails again.
pub fn reopen(ordinal: usize) -> Result<(), DeviceFault> {
    Device::reset(ordinal)?;
    Device::open(ordinal).map(drop)
}

/// What a device can fail with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// It has too little free memory. It works on.
    OutOfMemory,
    /// It, or its driver, does not do what it was asked. Until it is opened anew, nothing that it says is trusted.
    Failed,
}

/// A device failed. What was being computed has no result, and may be computed elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cuda:{ordinal}: {said}")]
pub struct DeviceFault {
    /// Which.
    pub ordinal: usize,
    /// How badly.
    pub kind: FaultKind,
    /// The driver's name of the error: `CUDA_ERROR_ILLEGAL_ADDRESS`.
    pub said: String,
}

impl DeviceFault {
    /// The fault in an error of an executor, if it is one.
    #[allow(clippy::wildcard_enum_match_arm)] // all others are none, those of later versions too
    pub fn of(error: &candle_core::Error) -> Option<&Self> {
        match error {
            candle_core::Error::Cuda(inner) => inner.downcast_ref(),
            candle_core::Error::WithBacktrace { inner, .. } | candle_core::Error::Context { inner, .. } => {
                Self::of(inner)
            }
            _ => None,
        }
    }
}

impl From<DeviceFault> for candle_core::Error {
    fn from(fault: DeviceFault) -> Self {
        Self::Cuda(Box::new(fault))
    }
}

/// What a kernel is launched over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Grid {
    /// Blocks in x, y and z.
    pub(crate) blocks: [usize; 3],
    /// Threads of a block.
    pub(crate) threads: usize,
    /// Bytes of dynamic shared memory of a block.
    pub(crate) shared: usize,
}

/// The one argument of a kernel.
///
/// # Safety
///
/// `repr(C)`, without padding that matters, the same struct as in the kernel's source.
pub(crate) unsafe trait Params: Copy + 'static {}
