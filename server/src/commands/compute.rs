//! With what networks are computed, on the command line.

use clap::Args;
use uvid_model::Site;

use crate::config::{Computing, Instructions};

/// Which instructions, and which precision.
#[derive(Debug, Clone, Default, Args)]
pub struct ComputeArgs {
    /// The instructions that networks are computed with [default: the fastest that the processor has].
    #[arg(long, value_enum, value_name = "SET")]
    pub instructions: Option<Instructions>,
    /// What products are computed of: `bf16` where the package names it among its `precisions` and the processor has AMX
    /// [default: f32].
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
        }
    }

    /// A site that has set nothing else.
    pub fn site(&self) -> Site {
        Site { compute: self.over(&Computing::default()).compute(), ..Site::default() }
    }
}
