//! The devices of this machine as the pool knows them: the processor, and each GPU.

use std::sync::{Arc, Mutex, PoisonError};

use tracing::error;
use uvid_datasets::dicom::accelerator::Proven;
use uvid_model::{Compute, DeviceFault, Gpu, Site, reopen};

use super::Answer;
use super::affinity;
use super::decoding;
use super::device::{Device, NotOpened};
use super::models::{Packages, Predictors};
use super::study::Study;
use crate::config::GpuDecoding;
use crate::pipeline::Limits;
use crate::store::ObjectStore;

/// What all units share.
#[derive(Clone)]
pub(super) struct Common {
    pub(super) site: Site,
    pub(super) store: ObjectStore,
    pub(super) limits: Limits,
    pub(super) decoding: GpuDecoding,
}

/// What a unit computes with.
pub(super) struct Loaded {
    pub(super) predictors: Predictors,
    /// What decodes on this GPU; it goes with the models before the GPU is opened anew.
    decoder: Option<Arc<Proven>>,
}

/// A device of this machine.
pub(super) struct Unit {
    gpu: Option<Gpu>,
    /// The processor lets go of them once they are loaded: it is never opened anew.
    packages: Mutex<Option<Arc<Packages>>>,
    common: Common,
}

impl Unit {
    pub(super) fn new(gpu: Option<Gpu>, packages: Arc<Packages>, common: Common) -> Self {
        Self { gpu, packages: Mutex::new(Some(packages)), common }
    }

    /// With what this unit computes: the site's choice, here.
    fn site(&self) -> Site {
        let gpu = self.gpu.as_ref().map(|gpu| gpu.ordinal);
        Site { compute: Compute { gpu, ..self.common.site.compute }, ..self.common.site.clone() }
    }
}

impl Device for Unit {
    type Models = Loaded;
    type Work = Study;
    type Answer = Answer;

    fn name(&self) -> String {
        self.gpu.as_ref().map_or("cpu".to_owned(), |gpu| format!("cuda:{}", gpu.ordinal))
    }

    fn ordinal(&self) -> usize {
        self.gpu.as_ref().map_or(0, |gpu| gpu.ordinal)
    }

    fn bind(&self) {
        affinity::bind_near(self.gpu.as_ref().and_then(|gpu| affinity::address(&gpu.uuid)).as_deref());
    }

    fn open(&self, again: bool) -> Result<Loaded, NotOpened> {
        let mut packages = self.packages.lock().unwrap_or_else(PoisonError::into_inner);
        let held = if self.gpu.is_some() { packages.clone() } else { packages.take() };
        drop(packages);
        let packages = held.ok_or_else(|| NotOpened::Models(anyhow::anyhow!("the processor is opened once")))?;
        if let Some(gpu) = self.gpu.as_ref().filter(|_| again) {
            reopen(gpu.ordinal)?;
        }
        let predictors = packages.load(&self.site())?;
        if again {
            packages.verify(&predictors)?;
        }
        let decoder = self.gpu.as_ref().and_then(|gpu| decoding::open(gpu, self.common.decoding));
        Ok(Loaded { predictors, decoder })
    }

    fn compute(&self, models: &Loaded, study: &Study) -> Result<Answer, DeviceFault> {
        let Common { store, limits, .. } = &self.common;
        match models.predictors.of(&study.role) {
            Some(model) => study.compute(model, store, limits, models.decoder.as_ref()),
            // A shadow that this device had before it was opened anew.
            None => {
                error!(role = %study.role, device = self.name(), "the model is not loaded there any more");
                Ok(Answer::Panicked)
            }
        }
    }
}
