//! The threads of the engine: one for each slot of each device, around one [`Dispatch`].
//!
//! Invariants: a study is handed in only by whoever has a [`Place`], and there are no more places than slots of devices
//! that work; when a device is opened anew nobody holds its models any more; no lock is held while anything is opened or
//! computed.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, oneshot};
use tracing::{error, info, warn};
use uvid_model::{DeviceFault, FaultKind};

use super::Ended;
use super::device::{Device, NotOpened, Slots, Standing, count_fault, kind};
use super::dispatch::{self, Dispatch, End, Next, Rules, State, Task};
use crate::metrics as names;

/// The threads. They end when the pool and all places are dropped.
pub(super) struct Pool<D: Device> {
    shared: Arc<Shared<D>>,
}

struct Shared<D: Device> {
    inner: Mutex<Inner<D>>,
    /// For the slots.
    changed: Condvar,
    /// For those who wait for a place.
    room: Notify,
}

type Asked<D> = (<D as Device>::Work, oneshot::Sender<Result<<D as Device>::Answer, DeviceFault>>);

/// What a slot does next, with what its device has loaded.
type Turn<D> = (Next<Asked<D>>, Option<Arc<<D as Device>::Models>>);

struct Inner<D: Device> {
    dispatch: Dispatch<Asked<D>>,
    units: Vec<Unit<D>>,
    places: usize,
    /// Devices whose first opening has not ended, and what went wrong with others.
    starting: (usize, Option<NotOpened>),
    closed: bool,
}

struct Unit<D: Device> {
    device: Arc<D>,
    models: Option<Arc<D::Models>>,
    studies: u64,
    faults: u64,
}

impl<D: Device> Pool<D> {
    /// Opens the devices side by side and waits for all of them. One that fails is tried again later, if another works.
    ///
    /// # Errors
    ///
    /// The system gives no thread, none of the devices works, or what is loaded cannot be.
    pub(super) fn start(devices: Vec<Slots<D>>, rules: Rules) -> Result<Self, NotOpened> {
        let (now, slots): (_, Vec<usize>) = (Instant::now(), devices.iter().map(|device| device.slots).collect());
        let dispatch =
            Dispatch::new(devices.iter().map(|d| dispatch::Device::new(d.slots, d.reserve, now)).collect(), rules);
        let unit = |d: Slots<D>| Unit { device: Arc::new(d.device), models: None, studies: 0, faults: 0 };
        let starting = (devices.len(), None);
        let units = devices.into_iter().map(unit).collect();
        let inner = Mutex::new(Inner { dispatch, units, places: 0, starting, closed: false });
        let pool = Self { shared: Arc::new(Shared { inner, changed: Condvar::new(), room: Notify::new() }) };
        for (on, slot) in slots.iter().enumerate().flat_map(|(on, slots)| (0..*slots).map(move |slot| (on, slot))) {
            let shared = Arc::clone(&pool.shared);
            let name = format!("engine {on}.{slot}");
            let thread = std::thread::Builder::new().name(name).spawn(move || shared.work(on));
            thread.map_err(|error| NotOpened::Models(anyhow::Error::new(error).context("no thread for the engine")))?;
        }
        let mut inner = pool.shared.lock();
        while inner.starting.0 > 0 {
            inner = pool.shared.changed.wait(inner).unwrap_or_else(PoisonError::into_inner);
        }
        let problem = inner.starting.1.take();
        let works = inner.dispatch.capacity() > 0;
        drop(inner);
        match problem {
            Some(problem) if !works || matches!(problem, NotOpened::Models(_)) => Err(problem),
            Some(_) | None => Ok(pool),
        }
    }

    /// What is loaded, on each device that is open.
    pub(super) fn models(&self) -> Vec<Arc<D::Models>> {
        self.shared.lock().units.iter().filter_map(|unit| unit.models.clone()).collect()
    }

    /// Waits until a device has room for one more study.
    pub(super) async fn place(&self) -> Place<D> {
        loop {
            let room = self.shared.room.notified();
            tokio::pin!(room);
            // Whoever makes room from now on wakes us.
            room.as_mut().enable();
            if self.shared.take_place() {
                return Place { shared: Arc::clone(&self.shared) };
            }
            room.await;
        }
    }

    /// How the devices stand.
    pub(super) fn standings(&self) -> Vec<Standing> {
        let inner = self.shared.lock();
        let one = |(unit, device): (&Unit<D>, &dispatch::Device)| Standing {
            name: unit.device.name(),
            state: device.state,
            since: device.since,
            last_fault: device.last_fault.clone(),
            faults: unit.faults,
            studies: unit.studies,
        };
        inner.units.iter().zip(inner.dispatch.devices()).map(one).collect()
    }

    /// Whether a device works.
    pub(super) fn works(&self) -> bool {
        self.shared.lock().dispatch.capacity() > 0
    }
}

impl<D: Device> Drop for Pool<D> {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.changed.notify_all();
    }
}

/// The right to hand in one study after the other.
pub(super) struct Place<D: Device> {
    shared: Arc<Shared<D>>,
}

impl<D: Device> Place<D> {
    /// Has a study computed; by whatever device, however often one fails.
    ///
    /// # Errors
    ///
    /// The engine has ended.
    pub(super) async fn compute(&mut self, work: D::Work) -> Result<Result<D::Answer, DeviceFault>, Ended> {
        let (answer, when_answered) = oneshot::channel();
        {
            let mut inner = self.shared.lock();
            if inner.closed {
                return Err(Ended);
            }
            inner.dispatch.push((work, answer));
        }
        self.shared.changed.notify_all();
        when_answered.await.map_err(|_| Ended)
    }
}

impl<D: Device> Drop for Place<D> {
    fn drop(&mut self) {
        self.shared.lock().places -= 1;
        self.shared.room.notify_waiters();
    }
}

impl<D: Device> Shared<D> {
    fn lock(&self) -> MutexGuard<'_, Inner<D>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_place(&self) -> bool {
        let mut inner = self.lock();
        let room = inner.places < inner.dispatch.capacity();
        inner.places += usize::from(room);
        room
    }

    fn tell(&self) {
        self.changed.notify_all();
        self.room.notify_waiters();
    }

    /// The life of a slot.
    fn work(&self, on: usize) {
        let Some(device) = self.lock().units.get(on).map(|unit| Arc::clone(&unit.device)) else { return };
        device.bind();
        while let Some((next, models)) = self.next(on) {
            match (next, models) {
                (Next::Open { again }, old) => {
                    // What is left of it goes before it is opened anew.
                    drop(old);
                    self.open(on, &*device, again);
                }
                (Next::Study(task), Some(models)) => {
                    let start = Instant::now();
                    let said = device.compute(&models, &task.work.0);
                    drop(models);
                    self.end(on, &device.name(), task, said, start.elapsed());
                }
                (Next::Study(_), None) | (Next::Wait(_), _) => {}
            }
        }
    }

    /// Waits for something to do, with the models to do it with; `None` at the end.
    fn next(&self, on: usize) -> Option<Turn<D>> {
        let mut inner = self.lock();
        loop {
            if inner.closed {
                return None;
            }
            let now = Instant::now();
            match inner.dispatch.next(on, now) {
                Next::Wait(None) => inner = self.changed.wait(inner).unwrap_or_else(PoisonError::into_inner),
                Next::Wait(Some(until)) => {
                    let pause = until.saturating_duration_since(now);
                    let waited = self.changed.wait_timeout(inner, pause).unwrap_or_else(PoisonError::into_inner);
                    inner = waited.0;
                }
                open @ Next::Open { .. } => {
                    let old = inner.units.get_mut(on)?.models.take();
                    return Some((open, old));
                }
                study @ Next::Study(_) => {
                    // Another device may be the freest now.
                    self.changed.notify_all();
                    return Some((study, inner.units.get(on)?.models.clone()));
                }
            }
        }
    }

    fn open(&self, on: usize, device: &D, again: bool) {
        let name = device.name();
        // Loading has no state that it could leave half-changed.
        let opened = catch_unwind(AssertUnwindSafe(|| device.open(again)));
        let opened = opened.unwrap_or_else(|_| Err(NotOpened::Models(anyhow::anyhow!("loading the models panicked"))));
        let mut inner = self.lock();
        let how = match opened {
            Ok(models) => {
                info!(device = name, again, "a device takes studies");
                if let Some(unit) = inner.units.get_mut(on) {
                    unit.models = Some(Arc::new(models));
                }
                inner.starting.0 -= usize::from(!again);
                Ok(())
            }
            Err(problem) => {
                error!(device = name, again, %problem, "a device cannot be opened");
                let (kind, said) = match &problem {
                    NotOpened::Device(fault) => (fault.kind, fault.said.clone()),
                    // Words that may name paths are for the log.
                    NotOpened::Models(_) => (FaultKind::Failed, "its models cannot be loaded".to_owned()),
                };
                count_fault(&name, kind);
                if let Some(unit) = inner.units.get_mut(on) {
                    unit.faults += 1;
                }
                if !again {
                    inner.starting.0 -= 1;
                    let worse = matches!(problem, NotOpened::Models(_)) || inner.starting.1.is_none();
                    inner.starting.1 = if worse { Some(problem) } else { inner.starting.1.take() };
                }
                Err(DeviceFault { ordinal: device.ordinal(), kind, said })
            }
        };
        inner.dispatch.opened(on, how, Instant::now());
        inner.show();
        drop(inner);
        self.tell();
    }

    fn end(&self, on: usize, name: &str, task: Task<Asked<D>>, said: Result<D::Answer, DeviceFault>, took: Duration) {
        metrics::gauge!(names::DEVICE_BUSY, "device" => name.to_owned()).increment(took.as_secs_f64());
        let mut inner = self.lock();
        // What it says after it was taken out is the same fault.
        let works = inner.dispatch.devices().get(on).is_some_and(|device| device.state == State::Working);
        let fault = said.as_ref().err().filter(|_| works).cloned();
        let end = inner.dispatch.end(on, task, said.as_ref().map(drop).map_err(Clone::clone), Instant::now());
        if let Some(unit) = inner.units.get_mut(on) {
            unit.studies += u64::from(matches!(end, End::Answered(_)));
            unit.faults += u64::from(fault.is_some());
        }
        inner.show();
        drop(inner);
        self.tell();
        if let Some(DeviceFault { kind: of, said, .. }) = fault {
            count_fault(name, of);
            error!(device = name, kind = kind(of), said, "a device failed under a study, which is computed again");
        }
        match (end, said) {
            (End::Answered((_, waiting)), Ok(answer)) => {
                metrics::counter!(names::DEVICE_STUDIES, "device" => name.to_owned()).increment(1);
                // Whoever asked may have gone because the server stops.
                drop(waiting.send(Ok(answer)));
            }
            (End::Answered((_, waiting)) | End::GivenUp((_, waiting)), Err(fault)) => drop(waiting.send(Err(fault))),
            (End::GivenUp((_, waiting)), Ok(_)) => {
                let kind = FaultKind::Failed;
                let said = "it failed while it was at another study".to_owned();
                drop(waiting.send(Err(DeviceFault { ordinal: on, kind, said })));
            }
            (End::Again, _) => warn!(device = name, "the study goes back to the head of the engine's queue"),
        }
    }
}

impl<D: Device> Inner<D> {
    /// Says in the metrics how the devices stand.
    fn show(&self) {
        for (unit, device) in self.units.iter().zip(self.dispatch.devices()) {
            let works = f64::from(u8::from(device.state == State::Working));
            metrics::gauge!(names::DEVICE_STATE, "device" => unit.device.name()).set(works);
        }
    }
}
