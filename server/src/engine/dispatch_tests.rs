//! The machine against a model of the world: studies, devices that fail when they like, a clock that runs.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use uvid_model::{DeviceFault, FaultKind};

use super::dispatch::{Device, Dispatch, End, Next, Rules, State, Task};

const RULES: Rules = Rules { faults_max: 2, pause: Duration::from_secs(1), pause_max: Duration::from_secs(5) };

fn fault(ordinal: usize, kind: FaultKind) -> DeviceFault {
    DeviceFault { ordinal, kind, said: "on purpose".into() }
}

fn failed(on: usize) -> Result<(), DeviceFault> {
    Err(fault(on, FaultKind::Failed))
}

fn full(on: usize) -> Result<(), DeviceFault> {
    Err(fault(on, FaultKind::OutOfMemory))
}

/// Devices of two slots, all working.
fn working(devices: usize, now: Instant) -> Dispatch<u32> {
    let mut dispatch = Dispatch::new(vec![Device::new(2, false, now); devices], RULES);
    for on in 0..devices {
        assert!(matches!(dispatch.next(on, now), Next::Open { again: false }));
        dispatch.opened(on, Ok(()), now);
    }
    dispatch
}

fn study(dispatch: &mut Dispatch<u32>, on: usize, now: Instant) -> Task<u32> {
    match dispatch.next(on, now) {
        Next::Study(task) => task,
        next @ (Next::Open { .. } | Next::Wait(_)) => panic!("{next:?}"),
    }
}

fn waits(dispatch: &mut Dispatch<u32>, on: usize, now: Instant) -> Option<Instant> {
    match dispatch.next(on, now) {
        Next::Wait(until) => until,
        next @ (Next::Open { .. } | Next::Study(_)) => panic!("{next:?}"),
    }
}

#[test]
fn studies_spread_before_they_share_a_device() {
    let now = Instant::now();
    let mut dispatch = working(2, now);
    (0..5).for_each(|study| dispatch.push(study));
    assert_eq!(study(&mut dispatch, 0, now).work, 0);
    assert_eq!(waits(&mut dispatch, 0, now), None, "the other device is idle");
    assert_eq!(study(&mut dispatch, 1, now).work, 1);
    assert_eq!((study(&mut dispatch, 1, now).work, study(&mut dispatch, 0, now).work), (2, 3));
    assert_eq!((waits(&mut dispatch, 0, now), waits(&mut dispatch, 1, now)), (None, None), "all slots are taken");
}

#[test]
fn the_study_of_a_device_that_fails_is_the_next_of_another() {
    let now = Instant::now();
    let mut dispatch = working(2, now);
    (0..4).for_each(|study| dispatch.push(study));
    let zero = study(&mut dispatch, 0, now);
    let one = study(&mut dispatch, 1, now);
    let two = study(&mut dispatch, 0, now);
    assert!(matches!(dispatch.end(0, zero, failed(0), now), End::Again));
    assert_eq!(dispatch.capacity(), 2);
    // It is not opened anew, and gives no answer, while the other study is on it.
    assert_eq!(waits(&mut dispatch, 0, now + Duration::from_secs(60)), None);
    assert_eq!(study(&mut dispatch, 1, now).work, 0);
    assert!(matches!(dispatch.end(0, two, Ok(()), now), End::Again));
    assert!(matches!(dispatch.end(1, one, Ok(()), now), End::Answered(1)));
    assert_eq!(study(&mut dispatch, 1, now).work, 2);
    assert_eq!(waits(&mut dispatch, 0, now), Some(now + RULES.pause));
    assert!(matches!(dispatch.next(0, now + RULES.pause), Next::Open { again: true }));
    dispatch.opened(0, Ok(()), now);
    assert_eq!((dispatch.capacity(), study(&mut dispatch, 0, now).work), (4, 3));
}

#[test]
fn pauses_grow_until_a_study_is_answered() {
    let now = Instant::now();
    let mut dispatch = working(1, now);
    let pause = |dispatch: &mut Dispatch<u32>| {
        let until = waits(dispatch, 0, now).expect("it is tried again");
        assert!(matches!(dispatch.next(0, until), Next::Open { again: true }));
        (until - now).as_secs()
    };
    dispatch.push(0);
    let task = study(&mut dispatch, 0, now);
    dispatch.end(0, task, failed(0), now);
    for expected in [1, 2, 4, 5, 5] {
        assert_eq!(pause(&mut dispatch), expected);
        dispatch.opened(0, failed(0), now);
    }
    assert_eq!(pause(&mut dispatch), 5);
    dispatch.opened(0, Ok(()), now);
    let task = study(&mut dispatch, 0, now);
    assert!(matches!(dispatch.end(0, task, Ok(()), now), End::Answered(0)));
    dispatch.push(1);
    let task = study(&mut dispatch, 0, now);
    dispatch.end(0, task, failed(0), now);
    assert_eq!(pause(&mut dispatch), 1);
}

#[test]
fn a_study_without_memory_has_the_device_alone_and_then_goes_elsewhere() {
    let now = Instant::now();
    let mut dispatch = working(2, now);
    (0..4).for_each(|study| dispatch.push(study));
    let zero = study(&mut dispatch, 0, now);
    let one = study(&mut dispatch, 1, now);
    let two = study(&mut dispatch, 0, now);
    assert!(matches!(dispatch.end(0, zero, full(0), now), End::Again));
    assert_eq!(waits(&mut dispatch, 0, now), None, "the other study ends first");
    assert_eq!(study(&mut dispatch, 1, now).work, 3, "the other device does not wait");
    assert!(matches!(dispatch.end(0, two, Ok(()), now), End::Answered(2)));
    dispatch.push(4);
    let alone = study(&mut dispatch, 0, now);
    assert_eq!(alone.work, 0);
    assert_eq!(waits(&mut dispatch, 0, now), None, "nothing beside it");
    assert!(matches!(dispatch.end(0, alone, full(0), now), End::Again));
    assert!(matches!(dispatch.devices()[0].state, State::TakenOut { .. }));
    assert!(matches!(dispatch.end(1, one, Ok(()), now), End::Answered(1)));
    assert_eq!(study(&mut dispatch, 1, now).work, 0);
}

#[test]
fn a_study_under_which_everything_fails_is_given_up() {
    let now = Instant::now();
    let mut dispatch = working(4, now);
    dispatch.push(7);
    for on in 0..2 {
        let task = study(&mut dispatch, on, now);
        assert!(matches!(dispatch.end(on, task, failed(on), now), End::Again));
    }
    let task = study(&mut dispatch, 2, now);
    assert!(matches!(dispatch.end(2, task, failed(2), now), End::GivenUp(7)));
    assert_eq!(waits(&mut dispatch, 3, now), None);
}

#[test]
fn the_reserve_computes_while_nothing_else_works() {
    let now = Instant::now();
    let mut dispatch = Dispatch::new(vec![Device::new(2, false, now), Device::new(1, true, now)], RULES);
    for on in 0..2 {
        assert!(matches!(dispatch.next(on, now), Next::Open { .. }));
        dispatch.opened(on, Ok(()), now);
    }
    dispatch.push(0);
    assert_eq!((waits(&mut dispatch, 1, now), dispatch.capacity()), (None, 2));
    let task = study(&mut dispatch, 0, now);
    dispatch.end(0, task, failed(0), now);
    assert_eq!(dispatch.capacity(), 1);
    let task = study(&mut dispatch, 1, now);
    assert!(matches!(dispatch.end(1, task, Ok(()), now), End::Answered(0)));
}

/// What happens next.
#[derive(Debug, Clone, Copy)]
enum Happens {
    /// A study comes.
    Push,
    /// An idle slot of a device asks.
    Ask(usize),
    /// A study on a device, or its opening, ends: well, or with a fault.
    End(usize, Option<FaultKind>),
    /// Milliseconds pass.
    Tick(u64),
}

fn happens() -> impl Strategy<Value = Happens> {
    let how = prop_oneof![3 => Just(None), 1 => Just(Some(FaultKind::Failed)), 1 => Just(Some(FaultKind::OutOfMemory))];
    prop_oneof![
        2 => Just(Happens::Push),
        4 => (0usize..3).prop_map(Happens::Ask),
        4 => (0usize..3, how).prop_map(|(on, how)| Happens::End(on, how)),
        1 => (0u64..4000).prop_map(Happens::Tick),
    ]
}

/// The machine with what the world knows of it.
struct World {
    dispatch: Dispatch<u32>,
    now: Instant,
    pushed: u32,
    /// By device.
    computing: [Vec<Task<u32>>; 3],
    opening: [bool; 3],
    /// Whether it was answered, by study that came to its end.
    ended: BTreeMap<u32, bool>,
    runs: BTreeMap<u32, u32>,
}

impl World {
    fn new() -> Self {
        let now = Instant::now();
        let devices = vec![Device::new(2, false, now), Device::new(2, false, now), Device::new(1, true, now)];
        Self {
            dispatch: Dispatch::new(devices, RULES),
            now,
            pushed: 0,
            computing: [const { Vec::new() }; 3],
            opening: [false; 3],
            ended: BTreeMap::new(),
            runs: BTreeMap::new(),
        }
    }

    fn ask(&mut self, on: usize) -> bool {
        // Only an idle slot asks.
        let slots = if on == 2 { 1 } else { 2 };
        if self.computing[on].len() + usize::from(self.opening[on]) >= slots {
            return false;
        }
        match self.dispatch.next(on, self.now) {
            Next::Study(task) => {
                assert!(!self.opening[on], "nothing is computed on a device that is being opened");
                assert_eq!(self.dispatch.devices()[on].state, State::Working);
                *self.runs.entry(task.work).or_default() += 1;
                self.computing[on].push(task);
                true
            }
            Next::Open { .. } => {
                assert!(self.computing[on].is_empty() && !self.opening[on], "nobody uses what is opened anew");
                self.opening[on] = true;
                true
            }
            Next::Wait(until) => {
                assert!(until.is_none_or(|until| until > self.now));
                false
            }
        }
    }

    fn end(&mut self, on: usize, how: Option<FaultKind>) {
        let said = how.map_or(Ok(()), |kind| Err(fault(on, kind)));
        if std::mem::take(&mut self.opening[on]) {
            return self.dispatch.opened(on, said, self.now);
        }
        if self.computing[on].is_empty() {
            return;
        }
        let task = self.computing[on].remove(0);
        let study = task.work;
        let worked = self.dispatch.devices()[on].state == State::Working;
        match self.dispatch.end(on, task, said, self.now) {
            End::Answered(work) => {
                assert!(how.is_none() && worked, "no failed device answers");
                assert_eq!((work, self.ended.insert(work, true)), (study, None), "one end");
            }
            End::GivenUp(work) => assert_eq!((work, self.ended.insert(work, false)), (study, None), "one end"),
            End::Again => assert!(how.is_some() || !worked),
        }
    }

    fn check(&self) {
        let capacity: usize = (0..2).filter(|on| self.dispatch.devices()[*on].state == State::Working).count() * 2;
        let reserve = usize::from(self.dispatch.devices()[2].state == State::Working && capacity == 0);
        assert_eq!(self.dispatch.capacity(), capacity + reserve);
        for (study, runs) in &self.runs {
            // Each device that is taken out costs one run, and too little memory one more.
            assert!(*runs <= 2 * (RULES.faults_max + 1), "{study} ran {runs} times");
        }
    }
}

proptest! {
    #[test]
    fn nothing_is_lost_or_doubled_and_no_failed_device_answers(
        events in proptest::collection::vec(happens(), 0..200),
    ) {
        let mut world = World::new();
        for event in events {
            match event {
                Happens::Push => {
                    world.dispatch.push(world.pushed);
                    world.pushed += 1;
                }
                Happens::Ask(on) => {
                    world.ask(on);
                }
                Happens::End(on, how) => world.end(on, how),
                Happens::Tick(milliseconds) => world.now += Duration::from_millis(milliseconds),
            }
            world.check();
        }
        // Once nothing fails any more, every study comes to its end.
        for _ in 0..10_000 {
            if world.ended.len() == world.pushed as usize {
                break;
            }
            (0..3).for_each(|on| world.end(on, None));
            (0..3).for_each(|on| while world.ask(on) {});
            world.now += Duration::from_secs(1);
            world.check();
        }
        prop_assert_eq!(world.ended.len(), world.pushed as usize);
        prop_assert!((0..world.pushed).all(|study| world.ended.contains_key(&study)));
        prop_assert!(world.computing.iter().all(Vec::is_empty));
    }
}
