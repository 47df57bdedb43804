//! The threads that own the models: one or more on each device.
//!
//! Scoring is synchronous and busy for seconds, so it happens on threads of its own (and on rayon's, below them), never on
//! those that answer requests. The processor has one such thread, a slot; a GPU has `compute.slots_per_gpu`, so that the
//! next study is read and decoded while the device computes another. All slots take from one queue; the tracing span
//! comes along. A device that fails is taken out ([`dispatch`] says how), its study is computed again.
//!
//! ```text
//! INFO uvid_server::engine::pool: a device takes studies device="cuda:1" again=false
//! ERROR study{uid=1.2.3 ...}: a device failed under a study ... device="cuda:1" kind="failed" said="CUDA_ERROR_..."
//! ```
//!
//! Invariants: a panic ends the study it happened in, nothing else; a slot holds the decoded mammograms of one study, and
//! the raw bytes of as many files as there are cores; all devices of a process give the same bits; whether a device has
//! failed is no part of any result.

mod affinity;
mod decoding;
mod device;
mod dispatch;
#[cfg(test)]
mod dispatch_tests;
mod models;
mod pool;
#[cfg(test)]
mod pool_tests;
mod study;
mod unit;

use std::sync::{Arc, OnceLock};

use anyhow::Context as _;
use tokio::sync::oneshot;
use tracing::{Span, warn};
use uvid_exam::SopInstanceUid;
use uvid_model::{DeviceFault, Gpu};

pub(crate) use device::kind;
pub use device::{NotOpened, Standing};
pub use dispatch::State;
pub use models::{Model, Models, Packages, Predictors, Unusable};
pub(crate) use study::score;

use crate::config::{Config, seconds};
use crate::devices::Devices;
use crate::pipeline::{Limits, Lost};
use crate::report::Report;
use crate::report::dicom::{Making, ResultObject};
use crate::store::{Digest, ObjectStore, Role};
use device::Slots;
use dispatch::Rules;
use pool::Pool;
use study::Study;
use unit::{Common, Unit};

/// What the engine says of one study.
#[derive(Debug)]
pub enum Answer {
    /// It was looked at: the report, and what was asked to be made of it. What could not be made is in the log; the
    /// report is not lost for it.
    Report(Box<Report>, Vec<ResultObject>),
    /// Bytes that were accepted are not there.
    Lost(Lost),
    /// The computation panicked; the log says where.
    Panicked,
    /// More devices than `compute.device_faults_max` failed under it; this was the last fault.
    Failed(DeviceFault),
}

/// The engine's threads have ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the engine has ended")]
pub struct Ended;

/// A handle to the engine. Its threads end when the last clone is dropped.
#[derive(Clone)]
pub struct Engine {
    running: Arc<OnceLock<Running>>,
    store: ObjectStore,
    limits: Limits,
}

struct Running {
    pool: Pool<Unit>,
    models: Arc<Models>,
    gpus: Vec<Gpu>,
}

impl Engine {
    /// Starts a thread that loads the models on every device, side by side; the receiver says how that went. Where GPUs
    /// are welcome and none can be opened, the processor computes.
    ///
    /// # Errors
    ///
    /// The operating system gives no thread.
    pub fn start(
        packages: Packages,
        config: &Config,
        devices: Devices,
        store: ObjectStore,
    ) -> std::io::Result<(Self, oneshot::Receiver<anyhow::Result<()>>)> {
        let (loaded, when_loaded) = oneshot::channel();
        let (config, limits) = (config.clone(), config.limits());
        let engine = Self { running: Arc::default(), store: store.clone(), limits };
        let running = Arc::clone(&engine.running);
        std::thread::Builder::new().name("engine".into()).spawn(move || {
            let started = Running::start(packages, &config, &devices, &store).map(|started| {
                running.get_or_init(|| started);
            });
            // Whoever waits for the models may have gone; the threads end with the last handle.
            drop(running);
            drop(loaded.send(started));
        })?;
        Ok((engine, when_loaded))
    }

    /// What is known of the models, once they are loaded.
    pub fn models(&self) -> Option<&Arc<Models>> {
        self.running.get().map(|running| &running.models)
    }

    /// How the devices stand, with what is known of each GPU; none before the models are loaded.
    pub fn devices(&self) -> Vec<(Standing, Option<&Gpu>)> {
        let Some(running) = self.running.get() else { return Vec::new() };
        let gpu =
            |standing: &Standing| running.gpus.iter().find(|gpu| standing.name == format!("cuda:{}", gpu.ordinal));
        running.pool.standings().into_iter().map(|standing| (gpu(&standing), standing)).map(|(g, s)| (s, g)).collect()
    }

    /// Whether some device takes studies.
    pub fn works(&self) -> bool {
        self.running.get().is_some_and(|running| running.pool.works())
    }

    /// Waits until some device has room for a study.
    ///
    /// # Errors
    ///
    /// The models are not loaded.
    pub async fn place(&self) -> Result<Place, Ended> {
        let running = self.running.get().ok_or(Ended)?;
        Ok(Place(running.pool.place().await))
    }

    /// The objects of a report that was made without scoring: of a study that was given up. Not on the engine's threads,
    /// which may be what failed.
    pub async fn objects_of(
        &self,
        role: &Role,
        report: &Report,
        objects: &[(SopInstanceUid, Digest)],
        making: Making,
    ) -> Vec<ResultObject> {
        let Some(models) = self.models().cloned() else { return Vec::new() };
        let (role, report, objects) = (role.clone(), report.clone(), objects.to_vec());
        let (store, limits) = (self.store.clone(), self.limits);
        let make = move || {
            let manifest = models.of(&role)?.manifest();
            Some(study::objects_of(&report, &objects, manifest, &making, &store, &limits))
        };
        tokio::task::spawn_blocking(make).await.ok().flatten().unwrap_or_default()
    }
}

/// Room for one study at a time.
pub struct Place(pool::Place<Unit>);

impl Place {
    /// Scores the study of these objects by the model of a role, and makes objects of the result if that is wanted.
    ///
    /// # Errors
    ///
    /// The engine has ended.
    pub async fn score(
        &mut self,
        role: Role,
        objects: Vec<(SopInstanceUid, Digest)>,
        making: Option<Making>,
    ) -> Result<Answer, Ended> {
        let study = Study { role, making, objects, span: Span::current() };
        Ok(self.0.compute(study).await?.unwrap_or_else(Answer::Failed))
    }
}

impl Running {
    fn start(packages: Packages, config: &Config, devices: &Devices, store: &ObjectStore) -> anyhow::Result<Self> {
        let packages = Arc::new(packages);
        let decoding = config.compute.gpu_decoding;
        let common = Common { site: config.site(), store: store.clone(), limits: config.limits(), decoding };
        let compute = &config.compute;
        let unit = |gpu: Option<&Gpu>, reserve: bool| {
            let slots = if gpu.is_some() { compute.slots_per_gpu } else { 1 };
            let device = Unit::new(gpu.cloned(), Arc::clone(&packages), common.clone());
            Slots { device, slots, reserve }
        };
        let rules = Rules {
            faults_max: compute.device_faults_max,
            pause: seconds(compute.reopen_seconds),
            pause_max: seconds(compute.reopen_seconds_max),
        };
        let gpus = devices.gpus();
        let mut units: Vec<_> = gpus.iter().map(|gpu| unit(Some(gpu), false)).collect();
        let alone = units.is_empty();
        if alone || compute.cpu_fallback {
            units.push(unit(None, !alone));
        }
        let pool = match Pool::start(units, rules) {
            Err(NotOpened::Device(fault)) if devices.or_cpu() => {
                warn!(%fault, "no GPU can be used; the processor computes");
                Pool::start(vec![unit(None, false)], rules)
            }
            started => started,
        };
        let pool = pool.map_err(|problem| match problem {
            NotOpened::Models(error) => error,
            NotOpened::Device(fault) => anyhow::Error::new(fault).context("no device of compute.device can be used"),
        })?;
        let models = pool.models().iter().map(|loaded| loaded.predictors.cards(config.site())).reduce(Models::on_both);
        let models = models.context("nothing is loaded")?;
        Ok(Self { pool, models: Arc::new(models), gpus: gpus.to_vec() })
    }
}
