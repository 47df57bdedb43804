//! No CUDA: the same types, of which there are no values.

use std::ffi::c_void;
use std::sync::Arc;

use super::{DeviceFault, FaultKind, Gpu, Grid, NoGpu, Params};

type Result<T> = std::result::Result<T, DeviceFault>;

pub(super) fn gpus() -> std::result::Result<Vec<Gpu>, NoGpu> {
    Err(NoGpu::NotBuilt)
}

fn not_built<T>(ordinal: usize) -> Result<T> {
    Err(DeviceFault { ordinal, kind: FaultKind::Failed, said: NoGpu::NotBuilt.to_string() })
}

/// A GPU.
pub(crate) enum Device {}

impl Device {
    pub(crate) fn open(ordinal: usize) -> Result<Arc<Self>> {
        not_built(ordinal)
    }

    pub(crate) fn reset(ordinal: usize) -> Result<()> {
        not_built(ordinal)
    }

    pub(crate) fn ordinal(&self) -> usize {
        match *self {}
    }

    pub(crate) fn function(&self, _: &str, _: usize) -> Result<Function> {
        match *self {}
    }

    pub(crate) fn allocate(self: &Arc<Self>, _: usize) -> Result<Buffer> {
        match **self {}
    }

    pub(crate) fn pinned(self: &Arc<Self>, _: usize) -> Result<Pinned> {
        match **self {}
    }

    pub(crate) fn stream(self: &Arc<Self>) -> Result<Stream> {
        match **self {}
    }
}

/// Device memory.
pub(crate) enum Buffer {}

impl Buffer {
    pub(crate) fn address(&self) -> u64 {
        match *self {}
    }

    pub(crate) fn bytes(&self) -> usize {
        match *self {}
    }
}

/// Host memory that the device reads and writes by itself.
pub(crate) enum Pinned {}

impl Pinned {
    pub(crate) fn bytes(&self) -> &[u8] {
        match *self {}
    }

    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        match *self {}
    }
}

/// Work in order.
pub(crate) enum Stream {}

impl Stream {
    pub(crate) fn device(&self) -> &Arc<Device> {
        match *self {}
    }

    pub(crate) unsafe fn upload(&self, _: &Pinned, _: usize, _: u64, _: usize) -> Result<()> {
        match *self {}
    }

    pub(crate) unsafe fn download(&self, _: u64, _: &mut Pinned, _: usize, _: usize) -> Result<()> {
        match *self {}
    }

    pub(crate) fn upload_now(&self, _: &[u8], _: &Buffer) -> Result<()> {
        match *self {}
    }

    pub(crate) unsafe fn copy(&self, _: u64, _: u64, _: usize) -> Result<()> {
        match *self {}
    }

    pub(crate) unsafe fn fill(&self, _: u64, _: u8, _: usize) -> Result<()> {
        match *self {}
    }

    pub(crate) unsafe fn launch<P: Params>(&self, _: Function, _: Grid, _: &P) -> Result<()> {
        match *self {}
    }

    pub(crate) unsafe fn launch_bytes(&self, _: Function, _: Grid, _: *const c_void) -> Result<()> {
        match *self {}
    }

    pub(crate) fn record(&self, _: impl FnOnce() -> Result<()>) -> Result<Recorded> {
        match *self {}
    }

    pub(crate) unsafe fn replay(&self, _: &Recorded) -> Result<()> {
        match *self {}
    }

    pub(crate) fn wait(&self) -> Result<()> {
        match *self {}
    }

    pub(crate) fn event(&self) -> Result<Event> {
        match *self {}
    }
}

/// A point in a stream.
pub(crate) enum Event {}

impl Event {
    pub(crate) fn since(&self, _: &Self) -> Option<f32> {
        match *self {}
    }
}

/// A recorded sequence.
pub(crate) enum Recorded {}

/// A kernel.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Function {}
