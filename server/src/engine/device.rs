//! What the pool asks of a device, and what it says of one.

use std::time::Instant;

use uvid_model::{DeviceFault, FaultKind};

use super::dispatch::State;
use crate::metrics as names;

/// Something that computes.
pub(super) trait Device: Send + Sync + 'static {
    /// What is loaded on it.
    type Models: Send + Sync;
    /// A study.
    type Work: Send;
    /// What is said of it.
    type Answer: Send;

    /// `cpu`, `cuda:0`.
    fn name(&self) -> String;

    /// Its number, as a fault of it says.
    fn ordinal(&self) -> usize;

    /// Prepares the thread of a slot.
    fn bind(&self) {}

    /// Loads what it computes with; `again` after it had failed, when it is reset before, and tried afterwards.
    fn open(&self, again: bool) -> Result<Self::Models, NotOpened>;

    /// Computes one study.
    fn compute(&self, models: &Self::Models, work: &Self::Work) -> Result<Self::Answer, DeviceFault>;
}

/// Why a device was not opened.
#[derive(Debug, thiserror::Error)]
pub enum NotOpened {
    /// It failed, or cannot do it.
    #[error(transparent)]
    Device(#[from] DeviceFault),
    /// What was to be loaded cannot be, on any device.
    #[error("{0:#}")]
    Models(anyhow::Error),
}

/// A device of the engine, for whoever operates it.
#[derive(Debug, Clone)]
pub struct Standing {
    /// `cpu`, `cuda:0`.
    pub name: String,
    /// Where it stands.
    pub state: State,
    /// Since when.
    pub since: Instant,
    /// What it failed with, the last time.
    pub last_fault: Option<DeviceFault>,
    /// How often it failed.
    pub faults: u64,
    /// Studies that it has answered.
    pub studies: u64,
}

/// A device with what the pool is to do with it.
pub(super) struct Slots<D> {
    pub(super) device: D,
    /// Studies that it is at together.
    pub(super) slots: usize,
    /// Whether it computes only while no other device works.
    pub(super) reserve: bool,
}

/// Counts a fault.
pub(super) fn count_fault(device: &str, of: FaultKind) {
    metrics::counter!(names::DEVICE_FAULTS, "device" => device.to_owned(), "kind" => kind(of)).increment(1);
}

/// What a fault is called in metrics, the log and the API.
pub(crate) fn kind(kind: FaultKind) -> &'static str {
    match kind {
        FaultKind::OutOfMemory => "out-of-memory",
        FaultKind::Failed => "failed",
    }
}
