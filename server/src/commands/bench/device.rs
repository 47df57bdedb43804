//! What is measured on.

use std::str::FromStr;

use uvid_kernels::{Backend, CudaOptions, Gpu, Options, Precision, gpus};

/// A device, as on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Where {
    /// The first GPU, or the processor.
    Auto,
    /// The processor.
    Cpu,
    /// A GPU by its number.
    Cuda(usize),
}

impl FromStr for Where {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "cpu" => Ok(Self::Cpu),
            "cuda" => Ok(Self::Cuda(0)),
            _ => {
                let number = text.strip_prefix("cuda:").and_then(|n| n.parse().ok());
                number.map(Self::Cuda).ok_or_else(|| format!("{text:?} is none of auto, cpu, cuda:0"))
            }
        }
    }
}

impl Where {
    /// The device that is meant.
    ///
    /// # Errors
    ///
    /// A GPU was asked for that is not there.
    pub(super) fn device(self) -> anyhow::Result<Device> {
        let gpu = match self {
            Self::Cpu => None,
            Self::Auto => gpus().ok().and_then(|gpus| gpus.into_iter().next()),
            Self::Cuda(ordinal) => {
                let gpus = gpus()?;
                let count = gpus.len();
                let found = gpus.into_iter().find(|gpu| gpu.ordinal == ordinal);
                Some(found.ok_or_else(|| anyhow::anyhow!("there is no cuda:{ordinal}: the driver finds {count}"))?)
            }
        };
        Ok(Device { gpu })
    }
}

/// A GPU, or the processor.
#[derive(Debug, Clone)]
pub(super) struct Device {
    gpu: Option<Gpu>,
}

impl Device {
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
