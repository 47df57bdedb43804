//! Where runs take place on a device: a stream, an arena and memory to come and go by, a few of them side by side, so that
//! one run's copies pass while another computes.
//!
//! Invariant: a slot is one run's at a time, and nothing is under way in one that is free. All networks of a device share its slots; an arena only grows, and what was
//! recorded for it before is then not used again.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use crate::device::{Buffer, Device, DeviceFault, Pinned, Stream};

use super::prepare;

/// Runs that are under way on one device at once.
const SLOTS: usize = 2;

/// A slot.
pub(super) struct Slot {
    /// Of the addresses in it: no two slots ever have the same.
    pub(super) generation: u64,
    pub(super) stream: Stream,
    pub(super) arena: Buffer,
    /// What goes up.
    pub(super) up: Pinned,
    /// What comes down.
    pub(super) down: Pinned,
}

/// Bytes that a run needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Needs {
    pub(super) arena: usize,
    pub(super) up: usize,
    pub(super) down: usize,
}

/// The slots of a device.
pub(super) struct Slots {
    device: Arc<Device>,
    state: Mutex<State>,
    returned: Condvar,
    /// Buffers that wait for the next images.
    pub(super) spare: Mutex<Vec<Buffer>>,
    preparing: OnceLock<prepare::Kernels>,
}

struct State {
    idle: Vec<Slot>,
    made: usize,
}

static ALL: Mutex<BTreeMap<usize, Weak<Slots>>> = Mutex::new(BTreeMap::new());

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Slots {
    /// Those of a device.
    pub(super) fn of(device: &Arc<Device>) -> Arc<Self> {
        let mut all = lock(&ALL);
        let known = all.get(&device.ordinal()).and_then(Weak::upgrade);
        // A device that was opened anew is another one.
        if let Some(slots) = known.filter(|slots| Arc::ptr_eq(&slots.device, device)) {
            return slots;
        }
        let state = Mutex::new(State { idle: Vec::new(), made: 0 });
        let slots = Arc::new(Self {
            device: Arc::clone(device),
            state,
            returned: Condvar::new(),
            spare: Mutex::default(),
            preparing: OnceLock::new(),
        });
        all.insert(device.ordinal(), Arc::downgrade(&slots));
        slots
    }

    /// The device.
    pub(super) fn device(&self) -> &Arc<Device> {
        &self.device
    }

    /// The kernels that prepare images.
    pub(super) fn preparing(&self) -> Result<&prepare::Kernels, DeviceFault> {
        if let Some(kernels) = self.preparing.get() {
            return Ok(kernels);
        }
        let found = prepare::Kernels::of(&self.device)?;
        Ok(self.preparing.get_or_init(|| found))
    }

    /// A slot with so much memory, when one is free.
    pub(super) fn lease(&self, needs: Needs) -> Result<Lease<'_>, DeviceFault> {
        let mut state = lock(&self.state);
        let mut slot = loop {
            // The largest: so that the others need not grow.
            let largest = (0..state.idle.len()).max_by_key(|at| state.idle[*at].arena.bytes());
            if let Some(at) = largest {
                break Some(state.idle.swap_remove(at));
            }
            if state.made < SLOTS {
                state.made += 1;
                break None;
            }
            state = self.returned.wait(state).unwrap_or_else(PoisonError::into_inner);
        };
        drop(state);
        let made = match slot.take() {
            Some(slot) => self.grown(slot, needs),
            None => self.made(needs),
        };
        match made {
            Ok(slot) => Ok(Lease { slots: self, slot: Some(slot) }),
            Err(fault) => {
                // Another takes its place.
                lock(&self.state).made -= 1;
                self.returned.notify_one();
                Err(fault)
            }
        }
    }

    fn made(&self, needs: Needs) -> Result<Slot, DeviceFault> {
        Ok(Slot {
            generation: next_generation(),
            stream: self.device.stream()?,
            arena: self.device.allocate(needs.arena)?,
            up: self.device.pinned(needs.up)?,
            down: self.device.pinned(needs.down)?,
        })
    }

    fn grown(&self, slot: Slot, needs: Needs) -> Result<Slot, DeviceFault> {
        let has = Needs { arena: slot.arena.bytes(), up: slot.up.bytes().len(), down: slot.down.bytes().len() };
        if needs.arena <= has.arena && needs.up <= has.up && needs.down <= has.down {
            return Ok(slot);
        }
        // The old memory makes room for the new.
        drop(slot);
        let larger =
            Needs { arena: needs.arena.max(has.arena), up: needs.up.max(has.up), down: needs.down.max(has.down) };
        self.made(larger).or_else(|_| self.made(needs))
    }
}

/// A number that no slot had yet.
fn next_generation() -> u64 {
    static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1);
    NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed)
}

/// A slot in use.
pub(super) struct Lease<'a> {
    slots: &'a Slots,
    slot: Option<Slot>,
}

impl Lease<'_> {
    /// The slot; `None` never, until it is dropped.
    pub(super) fn slot(&mut self) -> Option<&mut Slot> {
        self.slot.as_mut()
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        // A run that failed half-way may have copies under way. Of a device that failed, nothing is.
        if let Some(slot) = &self.slot {
            let _ = slot.stream.wait();
        }
        let mut state = lock(&self.slots.state);
        state.idle.extend(self.slot.take());
        drop(state);
        self.slots.returned.notify_one();
    }
}
