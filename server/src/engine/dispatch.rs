//! Which device takes which study, and what becomes of a device that fails: a machine without threads and clocks.
//!
//! ```text
//! new --open--> opening --opened--> working --a study fails on it--> taken out --pause--> opening ...
//!                  '----------------- not opened ---------------------^
//! ```
//!
//! Invariants: a study is in the queue, on one device or at its end, and comes to one end; it is answered by a device that
//! works, and a study that was on a device when that was taken out is computed again; it is given up once more than
//! [`Rules::faults_max`] devices have been taken out under it; a device is opened only while no study is on it.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use uvid_model::{DeviceFault, FaultKind};

/// What devices and studies live by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rules {
    /// Devices that may be taken out under one study before it is given up.
    pub(super) faults_max: u32,
    /// From the first time that a device is taken out until it is opened anew; each time in a row doubles it.
    pub(super) pause: Duration,
    /// The longest such pause.
    pub(super) pause_max: Duration,
}

/// Where a device stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It was not opened yet.
    New,
    /// Its models are being loaded, anew if it had failed.
    Opening,
    /// It takes studies.
    Working,
    /// It takes none.
    TakenOut {
        /// When it is opened anew.
        next_try: Instant,
    },
}

/// A device, as the machine sees it.
#[derive(Debug, Clone)]
pub(super) struct Device {
    /// Where it stands.
    pub(super) state: State,
    /// Since when.
    pub(super) since: Instant,
    /// What it failed with, the last time.
    pub(super) last_fault: Option<DeviceFault>,
    slots: usize,
    reserve: bool,
    running: usize,
    /// A study runs that wants the device for itself.
    alone: bool,
    /// How often in a row it was taken out without a study answered between.
    failures: u32,
}

impl Device {
    /// A device that takes so many studies at once; a reserve takes some only while no other device works.
    pub(super) fn new(slots: usize, reserve: bool, now: Instant) -> Self {
        let (running, alone, failures, last_fault) = (0, false, 0, None);
        Self { state: State::New, since: now, last_fault, slots, reserve, running, alone, failures }
    }
}

/// A study on its way.
#[derive(Debug)]
pub(super) struct Task<W> {
    /// The study.
    pub(super) work: W,
    /// Devices that were taken out under it.
    faults: u32,
    /// It found too little memory there and has that device for itself the next time.
    alone_on: Option<usize>,
}

/// What a slot of a device is to do.
#[derive(Debug)]
pub(super) enum Next<W> {
    /// Compute this.
    Study(Task<W>),
    /// Open the device, anew if `again`.
    Open {
        /// Whether it was taken out before.
        again: bool,
    },
    /// Ask again when something has changed, and no later than then.
    Wait(Option<Instant>),
}

/// What becomes of a study that a slot was at.
#[derive(Debug)]
pub(super) enum End<W> {
    /// It is answered.
    Answered(W),
    /// It is the next one in the queue.
    Again,
    /// Too many devices failed under it.
    GivenUp(W),
}

/// The queue and the devices.
#[derive(Debug)]
pub(super) struct Dispatch<W> {
    queue: VecDeque<Task<W>>,
    devices: Vec<Device>,
    rules: Rules,
}

impl<W> Dispatch<W> {
    pub(super) fn new(devices: Vec<Device>, rules: Rules) -> Self {
        Self { queue: VecDeque::new(), devices, rules }
    }

    /// The devices, in the order in which they were given.
    pub(super) fn devices(&self) -> &[Device] {
        &self.devices
    }

    /// How many studies the devices that work can be at.
    pub(super) fn capacity(&self) -> usize {
        let reserve = !self.works_without_reserve();
        let working = self.devices.iter().filter(|d| d.state == State::Working && (reserve || !d.reserve));
        working.map(|device| device.slots).sum()
    }

    fn works_without_reserve(&self) -> bool {
        self.devices.iter().any(|device| device.state == State::Working && !device.reserve)
    }

    /// Whether another device that would take a study now is at fewer: studies spread before they share a device.
    fn is_another_freer(&self, on: usize) -> bool {
        let running = self.devices.get(on).map_or(0, |device| device.running);
        self.devices.iter().any(|d| d.state == State::Working && !d.reserve && !d.alone && d.running < running)
    }

    /// Puts a study at the end of the queue.
    pub(super) fn push(&mut self, work: W) {
        self.queue.push_back(Task { work, faults: 0, alone_on: None });
    }

    /// What an idle slot of a device does now.
    pub(super) fn next(&mut self, on: usize, now: Instant) -> Next<W> {
        let others_work = self.works_without_reserve();
        let freer = self.is_another_freer(on);
        let Some(device) = self.devices.get_mut(on) else { return Next::Wait(None) };
        match device.state {
            State::New => {
                (device.state, device.since) = (State::Opening, now);
                return Next::Open { again: false };
            }
            // A study that is still on it ends first.
            State::TakenOut { next_try } if now >= next_try && device.running == 0 => {
                (device.state, device.since) = (State::Opening, now);
                return Next::Open { again: true };
            }
            State::TakenOut { next_try } if device.running == 0 => return Next::Wait(Some(next_try)),
            State::Opening | State::TakenOut { .. } => return Next::Wait(None),
            State::Working => {}
        }
        let first = self.queue.iter().position(|task| task.alone_on == Some(on));
        let alone = first.is_some();
        let blocked = if alone { device.running > 0 } else { device.alone || freer || device.reserve && others_work };
        if blocked || device.running >= device.slots {
            return Next::Wait(None);
        }
        let first = first.or_else(|| self.queue.iter().position(|task| task.alone_on.is_none()));
        match first.and_then(|first| self.queue.remove(first)) {
            Some(task) => {
                device.running += 1;
                device.alone = alone;
                Next::Study(task)
            }
            None => Next::Wait(None),
        }
    }

    /// A slot has come to the end of a study, or to the fault of its device.
    pub(super) fn end(&mut self, on: usize, task: Task<W>, said: Result<(), DeviceFault>, now: Instant) -> End<W> {
        let Some(device) = self.devices.get_mut(on) else { return End::GivenUp(task.work) };
        device.running -= 1;
        let alone = std::mem::take(&mut device.alone);
        let works = device.state == State::Working;
        match said {
            Ok(()) if works => {
                device.failures = 0;
                return End::Answered(task.work);
            }
            Err(fault) if works && fault.kind == FaultKind::OutOfMemory && !alone => {
                device.last_fault = Some(fault);
                self.queue.push_front(Task { alone_on: Some(on), ..task });
                return End::Again;
            }
            Err(fault) if works => self.take_out(on, fault, now),
            // It failed under another study; what it says since then does not count.
            Ok(()) | Err(_) => {}
        }
        let faults = task.faults + 1;
        if faults > self.rules.faults_max {
            return End::GivenUp(task.work);
        }
        self.queue.push_front(Task { work: task.work, faults, alone_on: None });
        End::Again
    }

    /// A device was opened, or could not be.
    pub(super) fn opened(&mut self, on: usize, how: Result<(), DeviceFault>, now: Instant) {
        match (how, self.devices.get_mut(on)) {
            (Ok(()), Some(device)) => (device.state, device.since) = (State::Working, now),
            (Err(fault), _) => self.take_out(on, fault, now),
            (Ok(()), None) => {}
        }
    }

    fn take_out(&mut self, on: usize, fault: DeviceFault, now: Instant) {
        let Some(device) = self.devices.get_mut(on) else { return };
        let doubled = self.rules.pause.saturating_mul(1 << device.failures.min(31));
        device.state = State::TakenOut { next_try: now + doubled.min(self.rules.pause_max) };
        device.since = now;
        device.last_fault = Some(fault);
        device.failures = device.failures.saturating_add(1);
        // Nobody waits for it.
        self.queue.iter_mut().filter(|task| task.alone_on == Some(on)).for_each(|task| task.alone_on = None);
    }
}
