//! The threads with devices that fail on demand.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use uvid_model::{DeviceFault, FaultKind};

use super::device::{Device, NotOpened, Slots};
use super::dispatch::{Rules, State};
use super::pool::Pool;

const RULES: Rules = Rules { faults_max: 3, pause: Duration::from_millis(10), pause_max: Duration::from_millis(40) };

/// For whatever must happen soon.
const SOON: Duration = Duration::from_secs(60);

/// What a device does when it is asked; shared with the test.
#[derive(Default)]
struct Says {
    /// Studies until it fails; 0: it does not.
    fails_after: AtomicU32,
    /// Whether it fails with every study.
    broken: AtomicBool,
    /// More studies at once than it has memory for.
    crowded: AtomicUsize,
    /// Whether it cannot be opened.
    shut: AtomicBool,
    at: AtomicUsize,
    opened: AtomicU32,
    alive: AtomicUsize,
    computed: AtomicU32,
}

struct Fake {
    ordinal: usize,
    says: Arc<Says>,
}

/// Counts itself while it lives.
struct Held(Arc<Says>);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.alive.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Fake {
    fn fault(&self, kind: FaultKind) -> DeviceFault {
        DeviceFault { ordinal: self.ordinal, kind, said: "on purpose".into() }
    }
}

impl Device for Fake {
    type Models = Held;
    type Work = u32;
    type Answer = (u32, usize);

    fn name(&self) -> String {
        format!("fake:{}", self.ordinal)
    }

    fn ordinal(&self) -> usize {
        self.ordinal
    }

    fn open(&self, again: bool) -> Result<Held, NotOpened> {
        assert_eq!(self.says.alive.load(Ordering::SeqCst), 0, "nobody holds what is opened");
        assert_eq!(again, self.says.opened.fetch_add(1, Ordering::SeqCst) > 0);
        if self.says.shut.load(Ordering::SeqCst) {
            return Err(self.fault(FaultKind::Failed).into());
        }
        self.says.alive.fetch_add(1, Ordering::SeqCst);
        Ok(Held(Arc::clone(&self.says)))
    }

    fn compute(&self, _: &Held, work: &u32) -> Result<(u32, usize), DeviceFault> {
        let says = &self.says;
        let at = says.at.fetch_add(1, Ordering::SeqCst) + 1;
        std::thread::sleep(Duration::from_millis(2));
        says.at.fetch_sub(1, Ordering::SeqCst);
        says.computed.fetch_add(1, Ordering::SeqCst);
        let crowded = says.crowded.load(Ordering::SeqCst);
        if crowded > 0 && at >= crowded {
            return Err(self.fault(FaultKind::OutOfMemory));
        }
        let fails = says.fails_after.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1));
        if says.broken.load(Ordering::SeqCst) || fails == Ok(1) {
            return Err(self.fault(FaultKind::Failed));
        }
        Ok((*work, self.ordinal))
    }
}

fn pool(slots: &[usize]) -> (Vec<Arc<Says>>, Result<Pool<Fake>, NotOpened>) {
    pool_with(slots, |_| {})
}

fn pool_with(slots: &[usize], set: impl Fn(&[Arc<Says>])) -> (Vec<Arc<Says>>, Result<Pool<Fake>, NotOpened>) {
    let says: Vec<Arc<Says>> = slots.iter().map(|_| Arc::default()).collect();
    set(&says);
    let fake = |(ordinal, slots): (usize, &usize)| Slots {
        device: Fake { ordinal, says: Arc::clone(&says[ordinal]) },
        slots: *slots,
        reserve: false,
    };
    let started = Pool::start(slots.iter().enumerate().map(fake).collect(), RULES);
    (says, started)
}

/// Has so many studies computed, and gives what was said of each, by study.
async fn compute(pool: &Arc<Pool<Fake>>, studies: u32) -> Vec<Result<usize, DeviceFault>> {
    let none: Vec<Option<Result<usize, DeviceFault>>> = (0..studies).map(|_| None).collect();
    let said = Arc::new(Mutex::new(none));
    let mut tasks = tokio::task::JoinSet::new();
    for study in 0..studies {
        let (pool, said) = (Arc::clone(pool), Arc::clone(&said));
        tasks.spawn(async move {
            let answer = pool.place().await.compute(study).await.unwrap();
            let on = answer.map(|(answered, on)| {
                assert_eq!(answered, study, "an answer is of the study that was asked about");
                on
            });
            assert_eq!(said.lock().unwrap()[study as usize].replace(on), None, "one answer");
        });
    }
    let all = async { while tasks.join_next().await.transpose().unwrap().is_some() {} };
    tokio::time::timeout(SOON, all).await.expect("every study is answered");
    Arc::into_inner(said).unwrap().into_inner().unwrap().into_iter().map(|said| said.expect("answered")).collect()
}

fn until(what: impl Fn() -> bool) {
    let start = Instant::now();
    while !what() {
        assert!(start.elapsed() < SOON);
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_devices_take_studies() {
    let (_, pool) = pool(&[2, 2, 1]);
    let pool = Arc::new(pool.unwrap());
    let said = compute(&pool, 60).await;
    let on: BTreeSet<usize> = said.into_iter().map(|on| on.unwrap()).collect();
    assert_eq!(on, BTreeSet::from([0, 1, 2]));
    assert_eq!(pool.standings().iter().map(|standing| standing.studies).sum::<u64>(), 60);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_that_fails_loses_nothing_and_returns() {
    let (says, pool) = pool(&[2, 2]);
    let pool = Arc::new(pool.unwrap());
    says[0].fails_after.store(5, Ordering::SeqCst);
    assert!(compute(&pool, 40).await.iter().all(Result::is_ok));
    until(|| pool.standings().iter().all(|standing| standing.state == State::Working));
    let standing = &pool.standings()[0];
    assert_eq!((standing.faults, says[0].opened.load(Ordering::SeqCst)), (1, 2));
    assert_eq!(standing.last_fault.as_ref().map(|fault| fault.kind), Some(FaultKind::Failed));
    let before = standing.studies;
    assert!(compute(&pool, 40).await.iter().all(Result::is_ok));
    assert!(pool.standings()[0].studies > before, "it takes studies again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_failed_device_answers() {
    let (says, pool) = pool(&[2, 2]);
    let pool = Arc::new(pool.unwrap());
    says[0].broken.store(true, Ordering::SeqCst);
    says[0].shut.store(true, Ordering::SeqCst);
    assert!(compute(&pool, 30).await.into_iter().all(|on| on == Ok(1)));
    assert!(matches!(pool.standings()[0].state, State::TakenOut { .. } | State::Opening));
    assert!(pool.works());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_no_device_works_studies_wait() {
    let (says, pool) = pool(&[2]);
    let pool = Arc::new(pool.unwrap());
    let says = Arc::clone(&says[0]);
    says.fails_after.store(1, Ordering::SeqCst);
    says.shut.store(true, Ordering::SeqCst);
    let mut place = pool.place().await;
    let waiting = tokio::spawn(async move { place.compute(1).await });
    until(|| !pool.works());
    assert!(tokio::time::timeout(Duration::from_millis(50), pool.place()).await.is_err(), "there is no room");
    assert!(!waiting.is_finished());
    says.shut.store(false, Ordering::SeqCst);
    let answer = tokio::time::timeout(SOON, waiting).await.unwrap().unwrap();
    assert_eq!(answer, Ok(Ok((1, 0))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_study_is_given_up_after_so_many_faults() {
    let (says, pool) = pool(&[1, 1]);
    let pool = Arc::new(pool.unwrap());
    says.iter().for_each(|says| says.broken.store(true, Ordering::SeqCst));
    assert!(compute(&pool, 1).await.iter().all(Result::is_err));
    let computed: u32 = says.iter().map(|says| says.computed.load(Ordering::SeqCst)).sum();
    assert_eq!(computed, RULES.faults_max + 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn too_little_memory_for_two_is_enough_for_one() {
    let (says, pool) = pool(&[2]);
    let pool = Arc::new(pool.unwrap());
    says[0].crowded.store(2, Ordering::SeqCst);
    assert!(compute(&pool, 20).await.iter().all(Result::is_ok));
    assert_eq!(says[0].opened.load(Ordering::SeqCst), 1, "it was never taken out");
    assert_eq!(pool.standings()[0].studies, 20);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_device_that_cannot_be_opened_stops_no_start_and_all_do() {
    let (says, started) = pool_with(&[1, 1], |says| says[1].shut.store(true, Ordering::SeqCst));
    let pool = Arc::new(started.unwrap());
    assert!(compute(&pool, 5).await.into_iter().all(|on| on == Ok(0)));
    says[1].shut.store(false, Ordering::SeqCst);
    until(|| pool.standings()[1].state == State::Working);
    let (_, started) = pool_with(&[1, 1], |says| says.iter().for_each(|says| says.shut.store(true, Ordering::SeqCst)));
    assert!(matches!(started.err(), Some(NotOpened::Device(_))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_threads_end_with_the_pool() {
    let (says, pool) = pool(&[2, 2]);
    let pool = pool.unwrap();
    let mut place = pool.place().await;
    assert!(place.compute(0).await.unwrap().is_ok());
    drop(pool);
    assert!(place.compute(1).await.is_err());
    drop(place);
    until(|| says.iter().all(|says| says.alive.load(Ordering::SeqCst) == 0));
}
