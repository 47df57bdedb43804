//! Results on their way: superseded, lost, refused, committed to, and killed on the way.

use std::collections::BTreeSet;
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
    /// What came, in order.
    came: Vec<String>,
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
                self.0.lock().unwrap().came.push(uid.to_owned());
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
        let has = |uid: &SopInstanceUid| {
            self.0.lock().unwrap().came.iter().any(|came| came == uid.as_str()) && !self.chance(6)
        };
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
        // What the second result takes the place of, as far as a destination may have it.
        let mut rejected = None;
        {
            let store = open(folder.path(), change).await;
            accept(&store, &files[0].bytes).await.unwrap().unwrap();
            let job = store.claim().await.unwrap().unwrap();
            let objects: Vec<_> = (0..12).map(|number| object(&job, ObjectKind::Sr, number)).collect();
            finish(&store, &job, "one", objects).await;
            store.close().await;
        }
        let pacs: Vec<Pacs> = (0..2)
            .map(|number| {
                let answers = mpsc::channel(1).0;
                let inside = Inside { state: seed * 2 + number, came: Vec::new(), answers, calm: false, commits: true };
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
            if life == 2 {
                // In the middle of it all, the study gets another result.
                tokio::time::sleep(Duration::from_millis(seed * 5)).await;
                accept(&store, &files[1].bytes).await.unwrap().unwrap();
                let job = store.claim().await.unwrap().unwrap();
                let mut objects: Vec<_> = (20..29).map(|number| object(&job, ObjectKind::Sr, number)).collect();
                if !job.supersedes.is_empty() {
                    objects.push(object(&job, ObjectKind::Rejection, 30));
                }
                finish(&store, &job, "two", objects).await;
                let uids = job.supersedes.iter().map(|(_, _, uid)| uid.to_string());
                rejected = Some(uids.collect::<BTreeSet<String>>());
            }
            tokio::time::sleep(Duration::from_millis(moment)).await;
            // As `kill -9` does, no one is told.
            outbox.abort();
            let _ = outbox.await;
            let open = deliveries(&store).await.into_iter().any(|delivery| match delivery.state {
                DeliveryState::Pending | DeliveryState::AwaitingCommitment => true,
                DeliveryState::Sent => delivery.destination == "b" && !delivery.superseded,
                DeliveryState::Delivered | DeliveryState::Refused | DeliveryState::Cancelled => false,
            });
            let all = deliveries(&store).await;
            store.close().await;
            drop(store);
            if !open && life > 2 {
                for delivery in all.into_iter().filter(|delivery| !delivery.superseded) {
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
        let (number, rejected) =
            (|uid: &str| uid.rsplit('.').next().unwrap().parse::<u32>().unwrap(), rejected.unwrap());
        let wanted: BTreeSet<String> =
            (20..29).map(|number| format!("1.2.3.{number}")).filter(|uid| !is_hated(uid)).collect();
        for one in &pacs {
            let came = one.0.lock().unwrap().came.clone();
            let current: BTreeSet<String> =
                came.iter().filter(|uid| (20..29).contains(&number(uid))).cloned().collect();
            assert_eq!(current, wanted);
            // What was superseded came before its rejection or not at all, and wherever it is, it is rejected.
            let old: BTreeSet<String> = came.iter().filter(|uid| number(uid) < 20).cloned().collect();
            assert!(old.is_subset(&rejected), "seed {seed}: {old:?} {rejected:?}");
            let last_old = came.iter().rposition(|uid| number(uid) < 20);
            let first_new = came.iter().position(|uid| number(uid) >= 20).unwrap();
            assert!(last_old.is_none_or(|last| last < first_new), "seed {seed}: {came:?}");
            assert!(old.is_empty() || came.iter().any(|uid| number(uid) == 30), "seed {seed}: {came:?}");
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
    // The study is scored the moment that what was announced of it is here.
    let files = exam(95);
    let study: uvid_exam::StudyInstanceUid = study_of(&files).parse().unwrap();
    let due = async |count: usize| {
        for file in &files[..count] {
            accept(&server.store, &file.bytes).await.unwrap().unwrap();
        }
        let announced: Vec<_> = files[..count].iter().map(|f| uids(&f.bytes)[2].parse().unwrap()).collect();
        server.store.announce(&study, &announced).await.unwrap();
        server.ended(study.as_str()).await
    };
    assert_eq!(server.get("/api/v1/outbox").await.ok()["total"], 0);
    assert_eq!(due(4).await["state"], "scored");
    let list = server.get(&format!("/api/v1/outbox?study={study}&state=pending&destination=a")).await.ok();
    let total = list["total"].as_u64().unwrap();
    assert!(total >= 3, "{list}");
    assert_eq!(server.get("/api/v1/outbox").await.ok()["total"], total);
    assert_eq!(server.get("/api/v1/outbox?state=sent").await.ok()["total"], 0);
    let ids: Vec<i64> = list["deliveries"].as_array().unwrap().iter().map(|d| d["id"].as_i64().unwrap()).collect();
    let path = |which: usize| format!("/api/v1/outbox/{}", ids[which]);
    let one = server.get(&path(0)).await.ok();
    assert_eq!((&one["study"], &one["superseded"]), (&study.as_str().into(), &false.into()), "{one}");
    server.get("/api/v1/outbox/99999").await.problem(404, "not-found");
    server.get("/api/v1/outbox?state=lost").await.problem(400, "query-invalid");
    let metrics = String::from_utf8(server.get("/metrics").await.body).unwrap();
    assert!(metrics.contains(&format!("uvid_deliveries{{destination=\"a\",state=\"pending\"}} {total}")), "{metrics}");

    let post = |path: String, origin: Option<&str>| {
        let mut request = Request::post(path).header("Host", "localhost");
        if let Some(origin) = origin {
            request = request.header("Origin", origin);
        }
        server.send(request.body(Body::empty()).unwrap())
    };
    let (resend, cancel) = (|which| format!("{}/resend", path(which)), |which| format!("{}/cancel", path(which)));
    post("/api/v1/outbox/99999/resend".into(), None).await.problem(404, "not-found");
    post(cancel(0), Some("http://evil.example")).await.problem(403, "other-site");
    assert_eq!(server.get(&path(0)).await.ok()["state"], "pending");
    assert_eq!(post(cancel(0), Some("http://localhost")).await.ok()["state"], "cancelled");
    assert_eq!(post(cancel(0), None).await.ok()["state"], "cancelled");
    // All but that one are taken.
    let mut sent = 0;
    loop {
        let objects = errand(&server.store, "a").await;
        if objects.is_empty() {
            break;
        }
        sent += objects.len() as u64;
        say(&server.store, "a", objects, &Said::Taken).await;
    }
    assert_eq!(sent, total - 1);
    post(cancel(1), None).await.problem(409, "not-now");
    assert_eq!(post(resend(1), Some("http://localhost")).await.ok()["state"], "pending");
    assert_eq!(post(resend(0), None).await.ok()["state"], "pending");

    // A later result: what it takes the place of is not sent again, whoever asks.
    server.store.requeue(&uvid_server::store::Role::Production, uvid_server::store::Due::All, &[]).await.unwrap();
    due(4).await;
    assert_eq!(server.get("/api/v1/outbox").await.ok()["total"], total, "the same result again is no news");
    let folder = server.folder.path().join("data/uvid.sqlite");
    let pool =
        sqlx::SqlitePool::connect_with(sqlx::sqlite::SqliteConnectOptions::new().filename(folder)).await.unwrap();
    sqlx::query("UPDATE result SET superseded_ms = 1").execute(&pool).await.unwrap();
    post(resend(0), None).await.problem(409, "not-now");
}

#[tokio::test]
async fn where_none_can_be_made_the_objects_of_an_earlier_result_stay() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), |config| config.destinations.truncate(1)).await;
    let files = exam(97);
    accept(&store, &files[0].bytes).await.unwrap().unwrap();
    let job = store.claim().await.unwrap().unwrap();
    finish(&store, &job, "one", vec![object(&job, ObjectKind::Sr, 1)]).await;
    accept(&store, &files[1].bytes).await.unwrap().unwrap();
    let job = store.claim().await.unwrap().unwrap();
    finish(&store, &job, "two", vec![]).await;
    assert_eq!(standing(&store).await, ["1>a:pending"]);
    assert!(store.results(&job.study).await.unwrap().iter().all(|result| !result.superseded));
    assert_eq!(errand(&store, "a").await.len(), 1);
    // The same result again, and this time they can be made.
    store.requeue(&uvid_server::store::Role::Production, uvid_server::store::Due::All, &[]).await.unwrap();
    let job = store.claim().await.unwrap().unwrap();
    assert_eq!(job.supersedes.len(), 1);
    finish(&store, &job, "two", vec![object(&job, ObjectKind::Sr, 2), object(&job, ObjectKind::Rejection, 3)]).await;
    assert_eq!(standing(&store).await, ["1>a:cancelled", "2>a:pending", "3>a:pending"]);
}

#[tokio::test]
async fn a_destination_that_comes_back_is_told_what_was_rejected_meanwhile() {
    let folder = tempfile::tempdir().unwrap();
    let files = exam(98);
    let run = async |store: &Store, file: usize, objects: &[(ObjectKind, u32)]| {
        accept(store, &files[file].bytes).await.unwrap().unwrap();
        let job = store.claim().await.unwrap().unwrap();
        let made = objects.iter().map(|(kind, number)| object(&job, *kind, *number)).collect();
        finish(store, &job, &file.to_string(), made).await;
        job.supersedes.iter().map(|(_, _, uid)| uid.to_string()).collect::<Vec<_>>()
    };
    let deliver_all = async |store: &Store, name: &str| {
        let sent = errand(store, name).await;
        say(store, name, sent, &Said::Taken).await;
    };
    let store = open(folder.path(), |_| {}).await;
    run(&store, 0, &[(ObjectKind::Sr, 1)]).await;
    deliver_all(&store, "a").await;
    deliver_all(&store, "b").await;
    store.close().await;
    drop(store);
    // b is out of the configuration: only a is told.
    let store = open(folder.path(), |config| config.destinations.truncate(1)).await;
    assert_eq!(run(&store, 1, &[(ObjectKind::Sr, 2), (ObjectKind::Rejection, 3)]).await, ["1.2.3.1"]);
    assert_eq!(standing(&store).await, ["1>a:sent", "1>b:sent", "2>a:pending", "3>a:pending"]);
    store.close().await;
    drop(store);
    // It is back, and told; a is not told again: nothing that it has is news to it.
    let store = open(folder.path(), |_| {}).await;
    assert_eq!(run(&store, 2, &[(ObjectKind::Sr, 4), (ObjectKind::Rejection, 5)]).await, ["1.2.3.1"]);
    let now = standing(&store).await;
    let expected =
        ["1>a:sent", "1>b:sent", "2>a:cancelled", "3>a:pending", "4>a:pending", "4>b:pending", "5>b:pending"];
    assert_eq!(now, expected);
    assert!(run(&store, 3, &[(ObjectKind::Sr, 6)]).await.is_empty());
}

#[tokio::test]
async fn a_server_that_breaks_off_may_have_the_objects() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/dicom-web", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut bytes = [0; 4096];
            let _ = tokio::io::AsyncReadExt::read(&mut socket, &mut bytes).await;
        }
    });
    let to = |url: String| Destination { name: "web".into(), url: Some(url), ..Destination::default() };
    let channel = outbox::Channel::of(&Config::default(), &to(url)).unwrap();
    let objects: Vec<ToStore> = (1..3)
        .map(|number| ToStore {
            sop_class: "1.2.840.10008.5.1.4.1.1.88.50".parse().unwrap(),
            sop_instance: format!("1.2.3.{number}").parse().unwrap(),
            bytes: vec![0; 100_000],
        })
        .collect();
    let said = channel.store(&objects).await.unwrap();
    assert_eq!(said.len(), 2);
    for said in said {
        assert!(matches!(outbox::said(said), Said::NotNow(_)));
    }
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
