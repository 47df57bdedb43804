//! With what networks are computed, on the command line.

use clap::Args;
use uvid_model::{LoadError, NoGpu, Package, Predictor, Site};

use crate::config::{Computing, DeviceChoice, Instructions};
use crate::devices::Devices;

/// Which device.
#[derive(Debug, Clone, Default, Args)]
pub struct DeviceArg {
    /// Where networks are computed: `auto` for a GPU if there is one, else the processor; `cpu`; `cuda`; `cuda:1` for the
    /// GPU of that number [default: compute.device of the configuration, auto].
    #[arg(long, value_name = "DEVICE")]
    pub device: Option<DeviceChoice>,
}

impl DeviceArg {
    /// What the configuration says, with what is given here in its place.
    pub fn over(&self, configured: &Computing) -> Computing {
        let device = self.device.clone().unwrap_or_else(|| configured.device.clone());
        Computing { device, ..configured.clone() }
    }
}

/// Which device, which instructions, and which precision.
#[derive(Debug, Clone, Default, Args)]
pub struct ComputeArgs {
    #[command(flatten)]
    /// Where.
    pub device: DeviceArg,
    /// The instructions that networks are computed with [default: the fastest that the processor has].
    #[arg(long, value_enum, value_name = "SET")]
    pub instructions: Option<Instructions>,
    /// What products are computed of, where the package names it among its `precisions`: `bf16` on GPUs and on processors
    /// with AMX, `f16` on GPUs [default: f32].
    #[arg(long, value_enum, value_name = "PRECISION")]
    pub precision: Option<Precision>,
}

/// A precision, as on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Precision {
    /// 24 bits.
    F32,
    /// 8 bits, summed in f32.
    Bf16,
    /// 11 bits, summed in f32: on GPUs.
    F16,
}

impl From<Precision> for uvid_model::PrecisionName {
    fn from(precision: Precision) -> Self {
        match precision {
            Precision::F32 => Self::F32,
            Precision::Bf16 => Self::Bf16,
            Precision::F16 => Self::F16,
        }
    }
}

impl ComputeArgs {
    /// What the configuration says, with what is given here in its place.
    pub fn over(&self, configured: &Computing) -> Computing {
        let precision = self.precision.map(uvid_model::PrecisionName::from);
        Computing {
            instructions: self.instructions.unwrap_or(configured.instructions),
            precision: precision.unwrap_or(configured.precision),
            ..self.device.over(configured)
        }
    }

    /// With nothing configured.
    pub fn computing(&self) -> Computing {
        self.over(&Computing::default())
    }
}

/// Loads a package on the first of the devices; where GPUs are welcome and that one cannot be used, on the processor,
/// which is then said in one line.
///
/// # Errors
///
/// The package cannot be loaded.
pub fn load(package: &Package, site: &Site, devices: &Devices) -> Result<Predictor, LoadError> {
    if let Some(why @ (NoGpu::NoKernels | NoGpu::Driver(_))) = devices.why_cpu() {
        eprintln!("the processor computes: {why}");
    }
    let first = Site { compute: devices.first(site.compute), ..site.clone() };
    match Predictor::load(package, &first) {
        Err(error) if devices.or_cpu() && error.is_machine() => {
            eprintln!("the processor computes, no GPU: {error}");
            Predictor::load(package, site)
        }
        loaded => loaded,
    }
}
