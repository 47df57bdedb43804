//! With what networks are computed.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uvid_model::{Compute, InstructionSet, PrecisionName};

use super::Section;

settings! {
    /// With what networks are computed.
    Computing {
        /// `auto` for all GPUs of this machine, and the processor if there is none that can be used; `cpu`; `cuda` for all
        /// GPUs, `cuda:0,2` for some. They must be of one kind: results of another kind differ by roundings.
        device: DeviceChoice = DeviceChoice::Auto;
        /// `best` for the fastest that the processor has, or `portable`, `avx2`, `avx512`. Results differ by roundings.
        instructions: Instructions = Instructions::Best;
        /// `f32`, or what the model package names among its `precisions`: `bf16`, faster, with products rounded to 8 bits,
        /// where the processor has AMX or a GPU computes; `f16` on GPUs. `uvid model verify --precision bf16` prints what
        /// that does to results.
        precision: PrecisionName = PrecisionName::F32;
        /// Studies that each GPU is at together, so that one is read and decoded while another is computed.
        slots_per_gpu: usize = 2;
        /// `auto` to decode JPEG 2000 and HTJ2K without loss on the GPUs that compute, where nvJPEG2000 is installed and gives
        /// the samples that the processor gives; `off` for the processor alone, until this was seen on a card. Results do
        /// not depend on it.
        gpu_decoding: GpuDecoding = GpuDecoding::Off;
        /// Let the processor compute while no GPU works. Its results differ from theirs by roundings, as `backend` in them
        /// says. Otherwise studies wait until a GPU works again.
        cpu_fallback: bool = false;
        /// GPUs that may fail under one study before this attempt at it counts as failed.
        device_faults_max: u32 = 3;
        /// Seconds until a GPU that failed is opened anew; each time that it fails again without a result doubles them.
        reopen_seconds: f64 = 1.0;
        /// The longest that this becomes.
        reopen_seconds_max: f64 = 300.0;
    }
}

/// The devices that networks are computed on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum DeviceChoice {
    /// GPUs, or else the processor.
    Auto,
    /// The processor.
    Cpu,
    /// GPUs by their numbers, as the driver counts; all if none is named.
    Cuda(Vec<usize>),
}

/// A text that names no devices.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no device: it is `auto`, `cpu`, `cuda` or, by numbers, `cuda:0,2`, each once")]
pub struct UnknownDevice(String);

impl FromStr for DeviceChoice {
    type Err = UnknownDevice;

    fn from_str(text: &str) -> Result<Self, UnknownDevice> {
        let unknown = || UnknownDevice(text.to_owned());
        match text {
            "auto" => Ok(Self::Auto),
            "cpu" => Ok(Self::Cpu),
            "cuda" => Ok(Self::Cuda(Vec::new())),
            _ => {
                let numbers = text.strip_prefix("cuda:").ok_or_else(unknown)?;
                let number = |text: &str| text.parse().ok().filter(|n: &usize| n.to_string() == text);
                let numbers = numbers.split(',').map(number).collect::<Option<Vec<usize>>>().ok_or_else(unknown)?;
                let twice = numbers.iter().enumerate().any(|(i, n)| numbers[..i].contains(n));
                if twice { Err(unknown()) } else { Ok(Self::Cuda(numbers)) }
            }
        }
    }
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(numbers) if numbers.is_empty() => f.write_str("cuda"),
            Self::Cuda(numbers) => {
                let numbers: Vec<String> = numbers.iter().map(ToString::to_string).collect();
                write!(f, "cuda:{}", numbers.join(","))
            }
        }
    }
}

impl TryFrom<String> for DeviceChoice {
    type Error = UnknownDevice;

    fn try_from(text: String) -> Result<Self, UnknownDevice> {
        text.parse()
    }
}

impl From<DeviceChoice> for String {
    fn from(choice: DeviceChoice) -> Self {
        choice.to_string()
    }
}

/// Whether GPUs decode pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GpuDecoding {
    /// Where they can.
    Auto,
    /// Never.
    Off,
}

/// The instructions that networks are computed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Instructions {
    /// The fastest that the processor has.
    Best,
    /// Plain Rust.
    Portable,
    /// AVX2 with FMA.
    Avx2,
    /// AVX-512.
    Avx512,
}

impl Computing {
    /// For a model, on the processor; [`Devices::first`](crate::devices::Devices::first) says on which GPU else.
    pub fn compute(&self) -> Compute {
        let instructions = match self.instructions {
            Instructions::Best => None,
            Instructions::Portable => Some(InstructionSet::Portable),
            Instructions::Avx2 => Some(InstructionSet::Avx2),
            Instructions::Avx512 => Some(InstructionSet::Avx512),
        };
        Compute { instructions, precision: self.precision, gpu: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_named() {
        let check = |text: &str, expected: Option<DeviceChoice>| {
            assert_eq!(text.parse().ok(), expected, "{text:?}");
            if let Some(choice) = expected {
                assert_eq!(choice.to_string(), text);
            }
        };
        check("auto", Some(DeviceChoice::Auto));
        check("cpu", Some(DeviceChoice::Cpu));
        check("cuda", Some(DeviceChoice::Cuda(vec![])));
        check("cuda:0", Some(DeviceChoice::Cuda(vec![0])));
        check("cuda:2,0", Some(DeviceChoice::Cuda(vec![2, 0])));
        for wrong in ["", "gpu", "CUDA", "cuda:", "cuda:,", "cuda:0,", "cuda:0,0", "cuda:-1", "cuda:+1", "cuda:01"] {
            check(wrong, None);
        }
    }
}
