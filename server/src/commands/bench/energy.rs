//! What a GPU has used of energy, by NVML, where that is there.

use nvml_wrapper::Nvml;
use uvid_kernels::Gpu;

/// The counter of one GPU.
pub(super) struct Meter {
    nvml: Nvml,
    index: u32,
}

impl Meter {
    /// Of this GPU; `None` where NVML is not there, does not know it, or does not count.
    pub(super) fn of(gpu: &Gpu) -> Option<Self> {
        let nvml = Nvml::init().ok()?;
        // NVML and the driver may count differently.
        let is_it = |index: &u32| {
            let uuid = nvml.device_by_index(*index).and_then(|device| device.uuid());
            uuid.is_ok_and(|uuid| uuid.trim_start_matches("GPU-").replace('-', "").eq_ignore_ascii_case(&gpu.uuid))
        };
        let index = (0..nvml.device_count().ok()?).find(is_it)?;
        let meter = Self { nvml, index };
        meter.joules().map(|_| meter)
    }

    /// Since the driver was loaded.
    pub(super) fn joules(&self) -> Option<f64> {
        let device = self.nvml.device_by_index(self.index).ok()?;
        Some(device.total_energy_consumption().ok()? as f64 / 1e3)
    }
}
