//! The durable queue, without a server around it.

use tempfile::TempDir;
use uvid_server::store::{Filter, Kept, Outcome, Policy, Store, StoreError, accept};

use crate::support::{Server, config, exam, study_of};

async fn open(folder: &TempDir) -> Store {
    let mut config = config(folder.path());
    config.jobs.quiet_seconds = 0.0;
    Store::open(&config.data_dir, Policy::from(&config)).await.unwrap()
}

#[tokio::test]
async fn a_job_that_dies_with_its_process_is_due_again_and_its_attempts_count() {
    let folder = tempfile::tempdir().unwrap();
    let files = exam(30);
    {
        let store = open(&folder).await;
        let accepted = accept(&store, &files[0].bytes).await.unwrap().unwrap();
        assert_eq!(accepted.kept, Kept::New);
        assert_eq!(store.claim().await.unwrap().unwrap().attempt, 1);
        assert!(store.claim().await.unwrap().is_none(), "a running job is not claimed twice");
        let second = Store::open(&folder.path().join("data"), store.policy().clone()).await;
        assert!(matches!(second, Err(StoreError::InUse(_))));
        std::fs::write(folder.path().join("data/objects/incoming/7"), "half an upload").unwrap();
        store.close().await;
    }
    let store = open(&folder).await;
    assert!(!folder.path().join("data/objects/incoming/7").exists());
    let job = store.claim().await.unwrap().unwrap();
    assert_eq!(job.attempt, 2);
    store.abandon(&job).await.unwrap();
    let job = store.claim().await.unwrap().unwrap();
    assert_eq!(job.attempt, 2, "an attempt that the server itself broke off does not count");
    // An image that comes meanwhile makes the study due again when this run ends.
    accept(&store, &files[1].bytes).await.unwrap().unwrap();
    store.finish(&job, "a", Outcome::NotScored, "{}").await.unwrap();
    let again = store.claim().await.unwrap().unwrap();
    assert_eq!((again.attempt, again.objects.len()), (1, 2));
    store.finish(&again, "b", Outcome::Scored, "{}").await.unwrap();
    assert!(store.claim().await.unwrap().is_none());
    let (total, studies) = store.studies(Filter { limit: 10, ..Filter::default() }).await.unwrap();
    assert_eq!((total, studies[0].state.name()), (1, "scored"));
}

#[tokio::test]
async fn what_the_disk_lost_is_not_scored_around_and_a_resend_repairs_it() {
    let server = Server::with(|config| {
        config.jobs.attempts_max = 2;
        config.jobs.retry_seconds = 0.1;
        config.jobs.quiet_seconds = 0.5;
    })
    .await;
    let files = exam(32);
    for file in &files {
        accept(&server.store, &file.bytes).await.unwrap().unwrap();
    }
    let study = study_of(&files);
    let (objects, _) = server.store.contents(&study.parse().unwrap()).await.unwrap();
    std::fs::remove_file(server.store.objects().path(&objects[2].digest)).unwrap();

    let failed = server.ended(&study).await;
    assert_eq!((&failed["state"], &failed["reasons"][0]["code"]), (&"failed".into(), &"object-lost".into()));
    assert!(!failed.to_string().contains("objects/"), "the server's paths are nobody's business");

    for file in &files {
        accept(&server.store, &file.bytes).await.unwrap().unwrap();
    }
    let scored = server.ended(&study).await;
    crate::support::assert_scored_as_expected(&scored, &files);
}

#[tokio::test]
async fn the_same_run_is_kept_once() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder).await;
    accept(&store, &exam(31)[0].bytes).await.unwrap().unwrap();
    let job = store.claim().await.unwrap().unwrap();
    for _ in 0..3 {
        store.finish(&job, "same", Outcome::Scored, "{}").await.unwrap();
    }
    let (objects, runs) = store.contents(&job.study).await.unwrap();
    assert_eq!((objects.len(), runs.len()), (1, 1));
    assert!(runs[0].superseded.is_none());
}

#[tokio::test]
async fn a_file_without_a_row_is_no_obstacle() {
    // As a crash between the last rename and the commit leaves it; here it even was cut short on the way.
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder).await;
    let bytes = &exam(34)[0].bytes;
    let path = store.objects().path(&uvid_server::store::Digest::of(bytes));
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, &bytes[..100]).unwrap();
    assert!(store.claim().await.unwrap().is_none());
    assert_eq!(accept(&store, bytes).await.unwrap().unwrap().kept, Kept::New);
    assert_eq!(std::fs::read(&path).unwrap(), *bytes);
}

#[tokio::test]
async fn an_object_that_changed_on_disk_is_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder).await;
    accept(&store, &exam(32)[0].bytes).await.unwrap().unwrap();
    let (_, digest) = store.claim().await.unwrap().unwrap().objects[0].clone();
    std::fs::write(store.objects().path(&digest), "rot").unwrap();
    assert!(matches!(store.objects().read(&digest), Err(StoreError::Damaged(d)) if d == digest));
}

#[tokio::test]
async fn a_study_that_takes_the_process_down_is_given_up() {
    let folder = tempfile::tempdir().unwrap();
    let files = exam(33);
    let server = Server::with(|config| {
        config.data_dir = folder.path().join("data");
        config.jobs.attempts_max = 0;
    })
    .await;
    accept(&server.store, &files[0].bytes).await.unwrap().unwrap();
    let study = server.ended(&study_of(&files)).await;
    assert_eq!(study["state"], "failed");
    assert_eq!(study["reasons"][0]["code"], "model-failed");
    assert_eq!(study["study"], study["report"]["study"]);
}
