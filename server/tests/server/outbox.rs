//! Results on their way: superseded, lost, refused, committed to, and killed on the way.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::Request;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use uvid_exam::{SopClassUid, SopInstanceUid};
use uvid_server::config::{Config, Destination, ObjectKind};
use uvid_server::dimse::scu::{Commitment, ScuError, ToStore};
use uvid_server::outbox::{self, Deliver};
use uvid_server::report::dicom::ResultObject;
use uvid_server::store::{
    Delivery, DeliveryFilter, DeliveryState, Errand, Job, Kept, Made, Outcome, Outgoing, Policy, Said, Store, accept,
};

use crate::support::{SOON, Server, config, exam, study_of, uids};

const NO_WAIT: fn(u32) -> Duration = |_| Duration::ZERO;

fn destination(name: &str) -> Destination {
    Destination { name: name.to_owned(), url: Some("http://127.0.0.1:1".to_owned()), ..Destination::default() }
}

fn settings(config: &mut Config) {
    config.jobs.quiet_seconds = 0.0;
    config.destinations = vec![destination("a"), destination("b")];
    config.outbox.retry_seconds = 0.002;
    config.outbox.retry_seconds_max = 0.01;
    config.outbox.commitment_seconds_max = 0.1;
    config.outbox.batch_max = 3;
}

async fn open(folder: &std::path::Path, change: impl FnOnce(&mut Config)) -> Store {
    let mut config = config(folder);
    settings(&mut config);
    change(&mut config);
    Store::open(&config.data_dir, Policy::from(&config)).await.unwrap()
}

/// An object of a result; its UID is its number.
fn object(job: &Job, kind: ObjectKind, number: u32) -> ResultObject {
    ResultObject {
        kind,
        study: job.study.clone(),
        series: "1.2.9".parse().unwrap(),
        sop_class: "1.2.840.10008.5.1.4.1.1.88.50".parse().unwrap(),
        sop_instance: format!("1.2.3.{number}").parse().unwrap(),
        bytes: number.to_le_bytes().to_vec(),
    }
}

async fn finish(store: &Store, job: &Job, input: &str, objects: Vec<ResultObject>) {
    let made = Made { objects, flagged: vec![] };
    store.finish_with(job, input, Outcome::Scored, &format!("{{\"of\":{input:?}}}"), &made).await.unwrap();
}

/// Each delivery as `number>destination:state`.
async fn standing(store: &Store) -> Vec<String> {
    let short = |d: &Delivery| {
        format!("{}>{}:{}", d.sop_instance.as_str().trim_start_matches("1.2.3."), d.destination, d.state.name())
    };
    let mut all: Vec<String> = deliveries(store).await.iter().map(short).collect();
    all.sort();
    all
}

async fn deliveries(store: &Store) -> Vec<Delivery> {
    store.deliveries(&DeliveryFilter { limit: 1000, ..DeliveryFilter::default() }).await.unwrap().1
}

async fn errand(store: &Store, name: &str) -> Vec<Outgoing> {
    let destination = store.policy().destinations.iter().find(|d| d.name == name).unwrap().clone();
    match store.errand(&destination).await.unwrap() {
        Errand::Send(objects) => objects,
        Errand::Commit { .. } | Errand::Wait(_) => vec![],
    }
}

async fn say(store: &Store, name: &str, objects: Vec<Outgoing>, said: &Said) {
    let said: Vec<_> = objects.into_iter().map(|object| (object, said.clone())).collect();
    store.sent_were(&destination(name), &said, NO_WAIT).await.unwrap();
}

#[tokio::test]
async fn a_later_result_takes_the_place_of_an_earlier_one() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), |_| {}).await;
    let files = exam(90);
    accept(&store, &files[0].bytes).await.unwrap().unwrap();
    let job = store.claim().await.unwrap().unwrap();
    assert!(job.supersedes.is_empty());
    finish(&store, &job, "one", vec![object(&job, ObjectKind::CadSr, 1), object(&job, ObjectKind::Sc, 2)]).await;
    assert_eq!(standing(&store).await, ["1>a:pending", "1>b:pending", "2>a:pending", "2>b:pending"]);
    let sent = errand(&store, "a").await;
    say(&store, "a", sent, &Said::Taken).await;
    // b cannot be reached.
    let not_sent = errand(&store, "b").await;
    assert_eq!(not_sent.len(), 2);
    say(&store, "b", not_sent, &Said::NotSent("down".into())).await;

    // While the study is scored again, what is there of it waits.
    accept(&store, &files[1].bytes).await.unwrap().unwrap();
    let job = store.claim().await.unwrap().unwrap();
    assert!(errand(&store, "b").await.is_empty());
    let superseded: Vec<&str> = job.supersedes.iter().map(|(_, _, uid)| uid.as_str()).collect();
    assert_eq!(superseded, ["1.2.3.1", "1.2.3.2"]);
    // A run that crashed leaves everything as it was.
    store.retry(&job, Duration::ZERO).await.unwrap();
    let again = store.claim().await.unwrap().unwrap();
    assert_eq!(again.supersedes, job.supersedes);
    finish(&store, &again, "two", vec![object(&again, ObjectKind::CadSr, 3), object(&again, ObjectKind::Rejection, 4)])
        .await;
    // b was never given the first ones: they are stopped, and need no rejection.
    assert_eq!(
        standing(&store).await,
        ["1>a:sent", "1>b:cancelled", "2>a:sent", "2>b:cancelled", "3>a:pending", "3>b:pending", "4>a:pending"]
    );

    // A third result, before anything of the second has left: its rejection goes all the same, once.
    accept(&store, &files[2].bytes).await.unwrap().unwrap();
    let job = store.claim().await.unwrap().unwrap();
    assert!(job.supersedes.is_empty(), "{:?}", job.supersedes);
    finish(&store, &job, "three", vec![object(&job, ObjectKind::CadSr, 5)]).await;
    let now = standing(&store).await;
    assert_eq!(now[4..], ["3>a:cancelled", "3>b:cancelled", "4>a:pending", "5>a:pending", "5>b:pending"]);
    let results = store.results(&job.study).await.unwrap();
    let current: Vec<&str> = results.iter().filter(|r| !r.superseded).map(|r| r.sop_instance.as_str()).collect();
    assert_eq!(current, ["1.2.3.4", "1.2.3.5"]);

    // The same result again changes nothing, and what was made of it is dropped.
    accept(&store, &files[3].bytes).await.unwrap().unwrap();
    let job = store.claim().await.unwrap().unwrap();
    finish(&store, &job, "three", vec![object(&job, ObjectKind::CadSr, 6)]).await;
    assert_eq!(standing(&store).await, now);
    assert_eq!(store.results(&job.study).await.unwrap().len(), 5);
    // An old result cannot be sent again by accident.
    let old = deliveries(&store).await.into_iter().find(|d| d.sop_instance.as_str() == "1.2.3.1").unwrap();
    assert!(matches!(store.resend(old.id).await.unwrap(), uvid_server::store::Changed::Not(_)));
}

#[tokio::test]
async fn what_may_have_arrived_counts_as_arrived() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), |_| {}).await;
    let files = exam(91);
    accept(&store, &files[0].bytes).await.unwrap().unwrap();
    let job = store.claim().await.unwrap().unwrap();
    finish(&store, &job, "one", vec![object(&job, ObjectKind::Sr, 1)]).await;
    // The process dies on the way to a; b refuses.
    assert_eq!(errand(&store, "a").await.len(), 1);
    let refused = errand(&store, "b").await;
    say(&store, "b", refused, &Said::Refused("C000".into())).await;
    store.close().await;
    drop(store);
    let store = open(folder.path(), |_| {}).await;
    accept(&store, &files[1].bytes).await.unwrap().unwrap();
    let job = store.claim().await.unwrap().unwrap();
    assert_eq!(job.supersedes.len(), 1);
    finish(&store, &job, "two", vec![object(&job, ObjectKind::Rejection, 2)]).await;
    assert_eq!(standing(&store).await, ["1>a:cancelled", "1>b:refused", "2>a:pending"]);
}

#[tokio::test]
async fn our_own_results_coming_back_are_no_news() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), |_| {}).await;
    let files = exam(92);
    accept(&store, &files[0].bytes).await.unwrap().unwrap();
    let job = store.claim().await.unwrap().unwrap();
    let ours =
        ResultObject { sop_instance: uids(&files[1].bytes)[2].parse().unwrap(), ..object(&job, ObjectKind::Sr, 1) };
    finish(&store, &job, "one", vec![ours]).await;
    assert_eq!(accept(&store, &files[1].bytes).await.unwrap().unwrap().kept, Kept::SameAgain);
    assert!(store.claim().await.unwrap().is_none());
}

/// A PACS that loses connections, answers late, refuses and forgets, by the numbers of a generator.
#[derive(Clone)]
struct Pacs(Arc<Mutex<Inside>>);

struct Inside {
    state: u64,
    /// How often each object came.
    came: BTreeMap<String, u32>,
    answers: mpsc::Sender<Commitment>,
    calm: bool,
    commits: bool,
}

impl Pacs {
    fn chance(&self, one_in: u64) -> bool {
        let mut inside = self.0.lock().unwrap();
        inside.state = inside.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        !inside.calm && (inside.state >> 33).is_multiple_of(one_in)
    }
}

/// Objects whose number ends in 7 are never taken.
fn is_hated(uid: &str) -> bool {
    uid.ends_with('7')
}

impl Deliver for Pacs {
    async fn store(&self, objects: &[ToStore]) -> Result<Vec<Result<u16, ScuError>>, ScuError> {
        let gone = || ScuError::Unreachable("gone".to_owned());
        if self.chance(4) {
            return Err(gone());
        }
        let mut said = Vec::new();
        for object in objects {
            tokio::time::sleep(Duration::from_millis(if self.chance(5) { 5 } else { 0 })).await;
            let uid = object.sop_instance.as_str();
            said.push(if is_hated(uid) {
                Ok(0xC000)
            } else if self.chance(5) {
                Ok(0xA700)
            } else if self.chance(5) {
                Err(gone())
            } else {
                *self.0.lock().unwrap().came.entry(uid.to_owned()).or_default() += 1;
                // It has the object, and the answer is lost.
                if self.chance(4) { Err(gone()) } else { Ok(if self.chance(3) { 0xB007 } else { 0 }) }
            });
        }
        Ok(said)
    }

    async fn commit(
        &self,
        transaction: &str,
        objects: &[(SopClassUid, SopInstanceUid)],
    ) -> Result<Option<Commitment>, ScuError> {
        if !self.0.lock().unwrap().commits || self.chance(4) {
            return Err(ScuError::Status { status: 0x0110, comment: None });
        }
        let has = |uid: &SopInstanceUid| self.0.lock().unwrap().came.contains_key(uid.as_str()) && !self.chance(6);
        let (committed, failed): (Vec<_>, Vec<_>) = objects.iter().map(|(_, uid)| uid.clone()).partition(has);
        let failed = failed.into_iter().map(|uid| (uid, 0x0112)).collect();
        let answer = Commitment { transaction: transaction.to_owned(), committed, failed };
        if self.chance(5) {
            return Ok(None); // and never
        }
        if self.chance(2) {
            let answers = self.0.lock().unwrap().answers.clone();
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(10)).await;
                let _ = answers.send(answer).await;
            });
            return Ok(None);
        }
        Ok(Some(answer))
    }
}

#[tokio::test]
async fn every_object_arrives_whatever_the_destinations_and_the_process_do() {
    for seed in 0..6 {
        let folder = tempfile::tempdir().unwrap();
        let change = |config: &mut Config| config.destinations[1].commitment = true;
        let files = exam(93);
        let mut numbers = BTreeSet::new();
        {
            let store = open(folder.path(), change).await;
            accept(&store, &files[0].bytes).await.unwrap().unwrap();
            let job = store.claim().await.unwrap().unwrap();
            let objects: Vec<_> = (0..12).map(|number| object(&job, ObjectKind::Sr, number)).collect();
            numbers.extend(objects.iter().map(|object| object.sop_instance.to_string()));
            finish(&store, &job, "one", objects).await;
            store.close().await;
        }
        let pacs: Vec<Pacs> = (0..2)
            .map(|number| {
                let answers = mpsc::channel(1).0;
                let inside =
                    Inside { state: seed * 2 + number, came: BTreeMap::new(), answers, calm: false, commits: true };
                Pacs(Arc::new(Mutex::new(inside)))
            })
            .collect();
        let start = Instant::now();
        for life in 0_u64.. {
            let store = open(folder.path(), change).await;
            let (answers, listening) = mpsc::channel(8);
            let channels = store.policy().destinations.iter().cloned().zip(pacs.iter().cloned()).collect();
            for one in &pacs {
                let mut inside = one.0.lock().unwrap();
                (inside.answers, inside.calm) = (answers.clone(), life > 8);
            }
            let outbox = tokio::spawn(outbox::deliver(store.clone(), channels, listening, CancellationToken::new()));
            let moment = if life > 8 { 200 } else { 7 + (seed * 31 + life * 17) % 40 };
            tokio::time::sleep(Duration::from_millis(moment)).await;
            // As `kill -9` does, no one is told.
            outbox.abort();
            let _ = outbox.await;
            let open = deliveries(&store).await.into_iter().any(|delivery| match delivery.state {
                DeliveryState::Pending | DeliveryState::AwaitingCommitment => true,
                DeliveryState::Sent => delivery.destination == "b",
                DeliveryState::Delivered | DeliveryState::Refused | DeliveryState::Cancelled => false,
            });
            let all = deliveries(&store).await;
            store.close().await;
            drop(store);
            if !open {
                for delivery in all {
                    let expected = match (delivery.destination.as_str(), is_hated(delivery.sop_instance.as_str())) {
                        (_, true) => DeliveryState::Refused,
                        ("a", false) => DeliveryState::Sent,
                        (_, false) => DeliveryState::Delivered,
                    };
                    assert_eq!(delivery.state, expected, "{delivery:?}");
                }
                break;
            }
            assert!(start.elapsed() < SOON, "seed {seed}: {all:?}");
        }
        // A PACS knows an object by its UID: each of them is there, and no other.
        let wanted: BTreeSet<String> = numbers.into_iter().filter(|uid| !is_hated(uid)).collect();
        for one in &pacs {
            let came: BTreeSet<String> = one.0.lock().unwrap().came.keys().cloned().collect();
            assert_eq!(came, wanted);
        }
    }
}

#[tokio::test]
async fn a_destination_that_is_down_blocks_no_other() {
    struct Down;
    impl Deliver for Down {
        async fn store(&self, _: &[ToStore]) -> Result<Vec<Result<u16, ScuError>>, ScuError> {
            std::future::pending().await
        }
        async fn commit(&self, _: &str, _: &[(SopClassUid, SopInstanceUid)]) -> Result<Option<Commitment>, ScuError> {
            std::future::pending().await
        }
    }
    struct Up;
    impl Deliver for Up {
        async fn store(&self, objects: &[ToStore]) -> Result<Vec<Result<u16, ScuError>>, ScuError> {
            Ok(objects.iter().map(|_| Ok(0)).collect())
        }
        async fn commit(&self, _: &str, _: &[(SopClassUid, SopInstanceUid)]) -> Result<Option<Commitment>, ScuError> {
            Ok(None)
        }
    }
    enum Either {
        Down(Down),
        Up(Up),
    }
    impl Deliver for Either {
        async fn store(&self, objects: &[ToStore]) -> Result<Vec<Result<u16, ScuError>>, ScuError> {
            match self {
                Self::Down(down) => down.store(objects).await,
                Self::Up(up) => up.store(objects).await,
            }
        }
        async fn commit(&self, t: &str, o: &[(SopClassUid, SopInstanceUid)]) -> Result<Option<Commitment>, ScuError> {
            match self {
                Self::Down(down) => down.commit(t, o).await,
                Self::Up(up) => up.commit(t, o).await,
            }
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), |_| {}).await;
    let stop = CancellationToken::new();
    let channels = vec![(destination("a"), Either::Down(Down)), (destination("b"), Either::Up(Up))];
    let outbox = tokio::spawn(outbox::deliver(store.clone(), channels, mpsc::channel(1).1, stop.clone()));
    accept(&store, &exam(94)[0].bytes).await.unwrap().unwrap();
    let job = store.claim().await.unwrap().unwrap();
    finish(&store, &job, "one", vec![object(&job, ObjectKind::Sr, 1)]).await;
    let start = Instant::now();
    while standing(&store).await != ["1>a:pending", "1>b:sent"] {
        assert!(start.elapsed() < SOON);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    stop.cancel();
    outbox.await.unwrap();
}

#[tokio::test]
async fn a_person_sees_and_changes_deliveries() {
    let server = Server::with(|config| {
        settings(config);
        config.jobs.quiet_seconds = 1000.0;
        config.jobs.hard_seconds = 1000.0;
        config.destinations.truncate(1);
    })
    .await;
    // The worker must not have the job: it is taken the moment that it is due.
    let files = exam(95);
    accept(&server.store, &files[0].bytes).await.unwrap().unwrap();
    let study: uvid_exam::StudyInstanceUid = study_of(&files).parse().unwrap();
    server.store.announce(&study, &[uids(&files[0].bytes)[2].parse().unwrap()]).await.unwrap();
    server.ended(study.as_str()).await;
    // Another result, by hand, as if the study had been scored again.
    accept(&server.store, &files[1].bytes).await.unwrap().unwrap();
    let job = server.store.claim().await.unwrap();
    assert!(job.is_none(), "it is not due");
    assert_eq!(server.get("/api/v1/outbox").await.ok()["total"], 0);
    server.get("/api/v1/outbox/1").await.problem(404, "not-found");
    server.get("/api/v1/outbox?state=lost").await.problem(400, "query-invalid");
    let post = |path: &str, origin: Option<&str>| {
        let mut request = Request::post(path.to_owned()).header("Host", "localhost");
        if let Some(origin) = origin {
            request = request.header("Origin", origin);
        }
        server.send(request.body(Body::empty()).unwrap())
    };
    post("/api/v1/outbox/1/resend", None).await.problem(404, "not-found");
    post("/api/v1/outbox/1/resend", Some("http://localhost")).await.problem(404, "not-found");
    post("/api/v1/outbox/1/cancel", Some("http://evil.example")).await.problem(403, "other-site");
    let metrics = String::from_utf8(server.get("/metrics").await.body).unwrap();
    assert!(metrics.contains("uvid_deliveries{destination=\"a\",state=\"pending\"} 0"), "{metrics}");
}

#[tokio::test]
async fn deliveries_are_stopped_sent_again_and_orphaned() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), |_| {}).await;
    accept(&store, &exam(96)[0].bytes).await.unwrap().unwrap();
    let job = store.claim().await.unwrap().unwrap();
    finish(&store, &job, "one", vec![object(&job, ObjectKind::Sr, 1)]).await;
    let id = deliveries(&store).await.iter().find(|d| d.destination == "a").unwrap().id;
    assert_eq!(store.cancel(id).await.unwrap(), uvid_server::store::Changed::Done);
    assert_eq!(standing(&store).await, ["1>a:cancelled", "1>b:pending"]);
    assert!(errand(&store, "a").await.is_empty());
    assert_eq!(store.resend(id).await.unwrap(), uvid_server::store::Changed::Done);
    let sent = errand(&store, "a").await;
    say(&store, "a", sent, &Said::Taken).await;
    assert!(matches!(store.cancel(id).await.unwrap(), uvid_server::store::Changed::Not(_)));
    assert_eq!(store.cancel(99).await.unwrap(), uvid_server::store::Changed::NoSuch);
    store.close().await;
    drop(store);
    let store = open(folder.path(), |config| config.destinations.truncate(1)).await;
    let orphaned: Vec<bool> = deliveries(&store).await.iter().map(|d| d.orphaned).collect();
    assert_eq!(orphaned, [true, false]);
}
