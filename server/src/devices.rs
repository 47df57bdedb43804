//! Which devices of this machine compute.
//!
//! Invariant: the devices of a process give the same bits, so that a result does not depend on which of them was free:
//! GPUs of one compute capability, or the processor.

use uvid_model::{Compute, Gpu, NoGpu};

use crate::config::{Computing, DeviceChoice};

/// The devices that a setting means on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Devices {
    /// The processor; where GPUs were welcome, why there is none.
    Cpu(Option<NoGpu>),
    /// GPUs of one kind; if none of them can be opened, the processor where that is allowed.
    Gpus {
        /// At least one.
        gpus: Vec<Gpu>,
        /// Whether the processor may compute instead.
        or_cpu: bool,
    },
}

/// Why a setting means no devices here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoDevice {
    /// A GPU is demanded and there is none.
    #[error(
        "the device is to be {0}, and {1}: install what is missing (docs/gpu.md), or let the processor compute with \
         `--device cpu` (compute.device = \"cpu\" of a server)"
    )]
    None(DeviceChoice, NoGpu),
    /// A GPU of this number is demanded and there is none.
    #[error("there is no cuda:{0}; there are: {1}")]
    Missing(usize, String),
    /// GPUs of several kinds.
    #[error(
        "GPUs of several kinds round differently, and a result must not depend on which was free: name those of one kind, \
         as in `cuda:0,1` (compute.device); there are: {0}"
    )]
    Mixed(String),
}

impl Devices {
    /// What a setting means here.
    ///
    /// # Errors
    ///
    /// It demands GPUs that are not there, or some that would compute differently.
    pub fn of(computing: &Computing) -> Result<Self, NoDevice> {
        match computing.device {
            // Nobody asks the driver anything.
            DeviceChoice::Cpu => Ok(Self::Cpu(None)),
            DeviceChoice::Auto | DeviceChoice::Cuda(_) => Self::among(&computing.device, uvid_model::gpus()),
        }
    }

    fn among(choice: &DeviceChoice, found: Result<Vec<Gpu>, NoGpu>) -> Result<Self, NoDevice> {
        let listed = |gpus: &[Gpu]| gpus.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
        let gpus = match (choice, found) {
            (DeviceChoice::Cpu, _) => return Ok(Self::Cpu(None)),
            (DeviceChoice::Auto, Err(why)) => return Ok(Self::Cpu(Some(why))),
            (DeviceChoice::Cuda(_), Err(why)) => return Err(NoDevice::None(choice.clone(), why)),
            (DeviceChoice::Cuda(ordinals), Ok(found)) if !ordinals.is_empty() => {
                let one = |ordinal: &usize| found.iter().find(|gpu| gpu.ordinal == *ordinal).cloned().ok_or(*ordinal);
                let chosen = ordinals.iter().map(one).collect::<Result<Vec<_>, _>>();
                chosen.map_err(|ordinal| NoDevice::Missing(ordinal, listed(&found)))?
            }
            (DeviceChoice::Auto | DeviceChoice::Cuda(_), Ok(found)) => found,
        };
        match gpus.first() {
            None => Ok(Self::Cpu(Some(NoGpu::None))),
            Some(first) if gpus.iter().any(|gpu| gpu.capability != first.capability) => {
                Err(NoDevice::Mixed(listed(&gpus)))
            }
            Some(_) => Ok(Self::Gpus { gpus, or_cpu: *choice == DeviceChoice::Auto }),
        }
    }

    /// The GPUs; none if the processor computes.
    pub fn gpus(&self) -> &[Gpu] {
        match self {
            Self::Cpu(_) => &[],
            Self::Gpus { gpus, .. } => gpus,
        }
    }

    /// Whether the processor may take the place of GPUs that cannot be opened.
    pub fn or_cpu(&self) -> bool {
        matches!(self, Self::Gpus { or_cpu: true, .. })
    }

    /// For a process that computes one exam after the other: with the first device.
    pub fn first(&self, compute: Compute) -> Compute {
        Compute { gpu: self.gpus().first().map(|gpu| gpu.ordinal), ..compute }
    }

    /// In one line, why GPUs that were welcome do not compute.
    pub fn why_cpu(&self) -> Option<&NoGpu> {
        match self {
            Self::Cpu(why) => why.as_ref(),
            Self::Gpus { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gpu(ordinal: usize, major: u32) -> Gpu {
        let (name, uuid) = (format!("Card {major}"), format!("{ordinal:032x}"));
        Gpu { ordinal, name, uuid, capability: (major, 0), memory: 80 << 30, processors: 132 }
    }

    #[test]
    fn a_setting_means_devices_of_one_kind_or_says_why_not() {
        let check = |choice: &str, found: Result<&[Gpu], NoGpu>, expected: Result<&[usize], &str>| {
            let choice: DeviceChoice = choice.parse().expect("a choice");
            let devices = Devices::among(&choice, found.map(<[Gpu]>::to_vec));
            let ordinals = |d: &Devices| d.gpus().iter().map(|gpu| gpu.ordinal).collect::<Vec<_>>();
            match (&devices, expected) {
                (Ok(devices), Ok(expected)) => assert_eq!(ordinals(devices), expected, "{choice}"),
                (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{choice}: {error}"),
                _ => panic!("{choice}: {devices:?}, expected {expected:?}"),
            }
        };
        let (alike, mixed) = ([gpu(0, 9), gpu(1, 9)], [gpu(0, 9), gpu(1, 8)]);
        check("auto", Err(NoGpu::NoDriver), Ok(&[]));
        check("auto", Ok(&alike), Ok(&[0, 1]));
        check("auto", Ok(&mixed), Err("cuda:1 Card 8"));
        check("cuda", Err(NoGpu::NoDriver), Err("libcuda.so cannot be loaded"));
        check("cuda", Err(NoGpu::NotBuilt), Err("--device cpu"));
        check("cuda", Ok(&alike), Ok(&[0, 1]));
        check("cuda:1", Ok(&alike), Ok(&[1]));
        check("cuda:1", Ok(&mixed), Ok(&[1]));
        check("cuda:1,0", Ok(&mixed), Err("name those of one kind"));
        check("cuda:2", Ok(&alike), Err("there is no cuda:2; there are: cuda:0 Card 9"));
        check("cpu", Ok(&alike), Ok(&[]));
    }

    #[test]
    fn only_auto_may_fall_back() {
        let of =
            |choice: &str| Devices::among(&choice.parse().expect("a choice"), Ok(vec![gpu(0, 9)])).expect("devices");
        assert!(of("auto").or_cpu() && !of("cuda").or_cpu() && !of("cuda:0").or_cpu() && !of("cpu").or_cpu());
        let welcome = Devices::among(&DeviceChoice::Auto, Err(NoGpu::NoDriver)).expect("the processor");
        assert_eq!((welcome.why_cpu(), of("cpu").why_cpu()), (Some(&NoGpu::NoDriver), None));
    }
}
