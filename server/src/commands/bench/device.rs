//! What is measured on.

use uvid_kernels::{Backend, CudaOptions, Gpu, Options, Precision};

use crate::commands::compute::DeviceArg;
use crate::config::Computing;
use crate::devices::Devices;

/// A GPU, or the processor.
#[derive(Debug, Clone)]
pub(super) struct Device {
    gpu: Option<Gpu>,
}

impl Device {
    /// The first of those that are meant.
    ///
    /// # Errors
    ///
    /// A GPU is demanded that is not there.
    pub(super) fn of(arg: &DeviceArg) -> anyhow::Result<Self> {
        let devices = Devices::of(&arg.over(&Computing::default()))?;
        Ok(Self { gpu: devices.gpus().first().cloned() })
    }

    pub(super) fn gpu(&self) -> Option<&Gpu> {
        self.gpu.as_ref()
    }

    /// The GPU's number.
    pub(super) fn ordinal(&self) -> Option<usize> {
        self.gpu.as_ref().map(|gpu| gpu.ordinal)
    }

    /// What computes in a precision.
    pub(super) fn backend(&self, precision: Precision) -> Backend {
        match self.ordinal() {
            Some(ordinal) => Backend::Cuda(CudaOptions { ordinal, precision, marks: false }),
            None => Backend::Cpu(Options { precision, ..Options::default() }),
        }
    }

    /// For people.
    pub(super) fn name(&self) -> String {
        match &self.gpu {
            Some(gpu) => gpu.to_string(),
            None => {
                let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
                let model = info.lines().find_map(|l| l.strip_prefix("model name")?.split_once(": "));
                let threads = std::thread::available_parallelism().map_or(1, usize::from);
                format!("{}, {threads} threads", model.map_or("a processor", |(_, name)| name))
            }
        }
    }
}
