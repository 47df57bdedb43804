//! When a study is due, and which one goes next; what is refused and kept apart.

use std::time::Duration;

use tempfile::TempDir;
use uvid_datasets::phantom::PhantomFile;
use uvid_server::commands;
use uvid_server::config::{Config, Sender};
use uvid_server::store::{
    Because, Digest, Door, Filter, Job, Kept, Origin, Outcome, Refused, Store, accept, accept_all,
};

use crate::support::{Server, config, exam, study_of, uids};

/// A store without a worker, in which nothing is due by itself for a long time.
async fn open(folder: &TempDir, change: impl FnOnce(&mut Config)) -> Store {
    let mut config = config(folder.path());
    config.jobs.quiet_seconds = 1000.0;
    change(&mut config);
    let packages = commands::packages(&config).unwrap();
    Store::open(&config.data_dir, packages.policy(&config)).await.unwrap()
}

async fn take(store: &Store, file: &PhantomFile, origin: &Origin) -> Result<Kept, Refused> {
    let mut upload = store.objects().begin().await.unwrap();
    upload.write(&file.bytes).await.unwrap();
    let staged = upload.finish(store.objects(), store.policy()).await.unwrap().unwrap();
    let answer = accept_all(store, vec![Ok(staged)], None, origin).await.unwrap().pop().unwrap();
    answer.map(|accepted| accepted.kept).map_err(|refusal| refusal.because)
}

fn from(ae_title: &str) -> Origin {
    Origin { ae_title: Some(ae_title.to_owned()), ..Origin::default() }
}

async fn next(store: &Store) -> Option<(String, Option<Because>)> {
    store.claim().await.unwrap().map(|job| (job.study.to_string(), job.because))
}

async fn end(store: &Store, job: &Job, input: &str) {
    store.finish(job, input, Outcome::Scored, "{}").await.unwrap();
}

#[tokio::test]
async fn four_views_are_enough_where_that_is_set() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder, |config| {
        let own = Sender {
            name: "room 1".into(),
            ae_titles: vec!["ROOM1".into()],
            four_views: Some(true),
            ..Sender::default()
        };
        config.senders = vec![own];
    })
    .await;
    let (first, second) = (exam(70), exam(71));
    for file in &first[..3] {
        assert_eq!(take(&store, file, &from("ROOM1")).await, Ok(Kept::New));
    }
    assert_eq!(next(&store).await, None);
    take(&store, &first[3], &from("ROOM1")).await.unwrap();
    let job = store.claim().await.unwrap().unwrap();
    assert_eq!((job.study.to_string(), job.because), (study_of(&first), Some(Because::FourViews)));
    end(&store, &job, "a").await;
    // The same images again are no news.
    take(&store, &first[3], &from("ROOM1")).await.unwrap();
    assert_eq!(next(&store).await, None);
    // Of another sender four views say nothing.
    for file in &second {
        take(&store, file, &from("ROOM2")).await.unwrap();
    }
    assert_eq!(next(&store).await, None);
    let due = store.study(&study_of(&second).parse().unwrap()).await.unwrap().unwrap().due;
    assert_eq!(due.unwrap().1, Because::Quiet);
}

#[tokio::test]
async fn the_hard_limit_ends_the_waiting() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder, |config| config.jobs.hard_seconds = 0.0).await;
    let files = exam(72);
    take(&store, &files[0], &from("ANY")).await.unwrap();
    assert_eq!(next(&store).await, Some((study_of(&files), Some(Because::HardLimit))));
}

#[tokio::test]
async fn a_notice_makes_a_study_due_once_all_of_it_is_here() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder, |_| {}).await;
    let files = exam(73);
    let study = study_of(&files).parse().unwrap();
    let announced: Vec<_> = files[..2].iter().map(|file| uids(&file.bytes)[2].parse().unwrap()).collect();
    // Before the study is here, and while it is not whole.
    store.announce(&study, &announced).await.unwrap();
    take(&store, &files[0], &from("ANY")).await.unwrap();
    assert_eq!(next(&store).await, None);
    take(&store, &files[1], &from("ANY")).await.unwrap();
    let job = store.claim().await.unwrap().unwrap();
    assert_eq!(job.because, Some(Because::Notice));
    end(&store, &job, "a").await;
    // Late, and announced later.
    take(&store, &files[2], &from("ANY")).await.unwrap();
    assert_eq!(next(&store).await, None);
    store.announce(&study, &[uids(&files[2].bytes)[2].parse().unwrap()]).await.unwrap();
    let job = store.claim().await.unwrap().unwrap();
    assert_eq!((job.because, job.objects.len()), (Some(Because::Notice), 3));
}

#[tokio::test]
async fn what_was_only_fetched_is_not_scored_until_it_is_pushed() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder, |config| config.jobs.quiet_seconds = 0.0).await;
    let prior = Origin { door: Door::Prior, ..Origin::default() };
    let files = exam(74);
    for file in &files {
        assert_eq!(take(&store, file, &prior).await, Ok(Kept::New));
    }
    assert_eq!(next(&store).await, None);
    assert_eq!(store.studies(Filter { limit: 10, ..Filter::default() }).await.unwrap().0, 0);
    assert_eq!(take(&store, &files[0], &from("ANY")).await, Ok(Kept::SameAgain));
    let job = store.claim().await.unwrap().unwrap();
    assert_eq!((job.study.to_string(), job.objects.len()), (study_of(&files), 4));
    end(&store, &job, "a").await;
    assert_eq!(take(&store, &files[1], &from("ANY")).await, Ok(Kept::SameAgain));
    assert_eq!(next(&store).await, None);
}

/// The same data set from another sender, which writes file meta information of its own.
fn from_elsewhere(file: &PhantomFile) -> PhantomFile {
    let mut bytes = file.bytes.clone();
    // Implementation Version Name (0002,0013).
    let at = bytes.windows(6).position(|window| window == b"\x02\0\x13\0SH").unwrap();
    bytes[at + 8] ^= 1;
    PhantomFile { bytes, ..file.clone() }
}

/// Another data set under the same UIDs.
fn altered(file: &PhantomFile) -> PhantomFile {
    let mut bytes = file.bytes.clone();
    *bytes.last_mut().unwrap() ^= 1;
    PhantomFile { bytes, ..file.clone() }
}

async fn digests(store: &Store, files: &[PhantomFile]) -> Vec<Digest> {
    let (objects, _) = store.contents(&study_of(files).parse().unwrap()).await.unwrap();
    objects.into_iter().map(|object| object.digest).collect()
}

#[tokio::test]
async fn what_was_only_fetched_gives_way_to_what_is_pushed() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder, |config| config.jobs.quiet_seconds = 0.0).await;
    let prior = Origin { door: Door::Prior, ..Origin::default() };
    let files = exam(83);
    for file in &files[..3] {
        assert_eq!(take(&store, file, &prior).await, Ok(Kept::New));
    }
    // Fetched again, whatever its bytes.
    assert_eq!(take(&store, &altered(&files[0]), &prior).await, Ok(Kept::SameAgain));
    // The same data set makes the study one to be scored; another one takes the place of the fetched one, once.
    assert_eq!(take(&store, &from_elsewhere(&files[0]), &from("ANY")).await, Ok(Kept::SameAgain));
    assert_eq!(store.claim().await.unwrap().map(|job| job.objects.len()), Some(3));
    assert_eq!(take(&store, &altered(&files[1]), &from("ANY")).await, Ok(Kept::New));
    assert_eq!(take(&store, &files[1], &from("ANY")).await, Err(Refused::Different));
    assert_eq!(take(&store, &altered(&files[0]), &from("ANY")).await, Err(Refused::Different));
    let kept = digests(&store, &files).await;
    for bytes in [&files[0].bytes, &altered(&files[1]).bytes, &files[2].bytes] {
        assert!(kept.contains(&Digest::of(bytes)));
    }
    // Fetching adds nothing to a study that was pushed, and changes nothing of it.
    assert_eq!(take(&store, &files[3], &prior).await, Ok(Kept::SameAgain));
    assert_eq!(take(&store, &files[1], &prior).await, Ok(Kept::SameAgain));
    assert_eq!(digests(&store, &files).await, kept);
    assert_eq!(store.quarantined(10, 0).await.unwrap().0, 2);
}

#[tokio::test]
async fn what_the_disk_has_lost_gives_way_to_what_comes() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder, |config| config.jobs.quiet_seconds = 0.0).await;
    let files = exam(84);
    take(&store, &files[0], &from("ANY")).await.unwrap();
    end(&store, &store.claim().await.unwrap().unwrap(), "a").await;
    std::fs::remove_file(store.objects().path(&Digest::of(&files[0].bytes))).unwrap();
    assert_eq!(take(&store, &altered(&files[0]), &from("ANY")).await, Ok(Kept::New));
    let job = store.claim().await.unwrap().unwrap();
    assert_eq!(job.objects[0].1, Digest::of(&altered(&files[0]).bytes));
    assert!(store.objects().read(&job.objects[0].1).is_ok());
    assert_eq!(store.quarantined(10, 0).await.unwrap().0, 0);
}

#[tokio::test]
async fn what_comes_while_four_views_are_scored_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder, |config| config.jobs.four_views = true).await;
    let files = exam(85);
    for file in &files {
        take(&store, file, &from("ANY")).await.unwrap();
    }
    let job = store.claim().await.unwrap().unwrap();
    assert_eq!(job.because, Some(Because::FourViews));
    tokio::time::sleep(Duration::from_millis(3)).await;
    let mut file = dicom_object::from_reader(std::io::Cursor::new(&files[0].bytes[..])).unwrap();
    let uid = format!("{}.9", uids(&files[0].bytes)[2]);
    file.put_str(dicom_dictionary_std::tags::SOP_INSTANCE_UID, dicom_core::VR::UI, uid.clone());
    file.update_meta(|meta| meta.media_storage_sop_instance_uid = uid);
    let mut bytes = Vec::new();
    file.write_all(&mut bytes).unwrap();
    take(&store, &PhantomFile { bytes, ..files[0].clone() }, &from("ANY")).await.unwrap();
    end(&store, &job, "a").await;
    assert_eq!(next(&store).await, None);
    let due = store.study(&job.study).await.unwrap().unwrap().due;
    assert_eq!(due.unwrap().1, Because::Quiet);
}

#[tokio::test]
async fn urgent_studies_overtake_and_starve_nobody() {
    let check = async |wait: f64, expected: [usize; 4]| {
        let folder = tempfile::tempdir().unwrap();
        let store = open(&folder, |config| {
            config.jobs.quiet_seconds = 0.0;
            config.jobs.urgent_wait_seconds_max = wait;
            config.senders = vec![Sender {
                name: "emergency".into(),
                ae_titles: vec!["ER".into()],
                urgent: true,
                ..Sender::default()
            }];
        })
        .await;
        let exams: Vec<_> = (75..79).map(exam).collect();
        for (exam, title) in exams.iter().zip(["ROOM1", "ROOM1", "ER", "ROOM1"]) {
            take(&store, &exam[0], &from(title)).await.unwrap();
            tokio::time::sleep(Duration::from_millis(3)).await;
        }
        store.set_urgent(&study_of(&exams[3]).parse().unwrap()).await.unwrap();
        for number in expected {
            assert_eq!(next(&store).await.unwrap().0, study_of(&exams[number]), "{wait} {expected:?}");
        }
    };
    check(1000.0, [2, 3, 0, 1]).await;
    // What has waited long enough takes turns with what is urgent.
    check(0.0, [2, 0, 3, 1]).await;
}

#[tokio::test]
async fn what_a_study_says_makes_it_urgent() {
    let folder = tempfile::tempdir().unwrap();
    let description = {
        let file = dicom_object::from_reader(std::io::Cursor::new(&exam(80)[0].bytes[..])).unwrap();
        let text = file.element_by_name("StudyDescription").map(|e| e.to_str().unwrap().into_owned());
        text.unwrap_or_default()
    };
    if description.is_empty() {
        return eprintln!("skipped: a phantom has no Study Description");
    }
    let store = open(&folder, |config| {
        config.jobs.quiet_seconds = 0.0;
        config.urgent.texts = vec![description.to_uppercase()];
    })
    .await;
    accept(&store, &exam(80)[0].bytes).await.unwrap().unwrap();
    assert!(store.claim().await.unwrap().unwrap().urgent);
}

#[tokio::test]
async fn other_bytes_under_a_known_uid_are_refused_and_kept_apart() {
    let server = Server::with(|config| config.store.quarantine_objects_max = 2).await;
    let files = exam(81);
    accept(&server.store, &files[0].bytes).await.unwrap().unwrap();
    let altered = |byte: u8| {
        let mut bytes = files[0].bytes.clone();
        *bytes.last_mut().unwrap() ^= byte;
        PhantomFile { bytes, ..files[0].clone() }
    };
    for (byte, total) in [(1, 1), (1, 1), (2, 2), (3, 2)] {
        assert_eq!(take(&server.store, &altered(byte), &from("ROOM1")).await, Err(Refused::Different));
        let list = server.get("/api/v1/quarantine").await.ok();
        assert_eq!(list["total"], total, "{list}");
    }
    let list = server.get("/api/v1/quarantine").await.ok();
    let first = list["objects"].as_array().unwrap().iter().find(|object| object["times"] == 2).unwrap();
    let digest = Digest::of(&altered(1).bytes).to_string();
    assert_eq!((&first["sha256"], &first["ae_title"]), (&digest.clone().into(), &"ROOM1".into()));
    let kept = server.folder.path().join(format!("data/quarantine/{}/{digest}.dcm", &digest[..2]));
    assert_eq!(std::fs::read(kept).unwrap(), altered(1).bytes);
    let metrics = String::from_utf8(server.get("/metrics").await.body).unwrap();
    assert!(metrics.contains("uvid_quarantined_total{result=\"full\"}"), "{metrics}");
}

#[tokio::test]
async fn images_of_another_patient_stop_a_study_that_was_scored() {
    let server = Server::with(|config| {
        config.jobs.four_views = true;
        // Longer than a busy machine may take from one image to the next.
        config.jobs.quiet_seconds = 2.0;
    })
    .await;
    let files = exam(82);
    for file in &files {
        accept(&server.store, &file.bytes).await.unwrap().unwrap();
    }
    let study = server.ended(&study_of(&files)).await;
    assert_eq!((&study["state"], &study["due"]["because"]), (&"scored".into(), &"four-views".into()), "{study}");
    // The same study by its UID, of somebody else.
    let mut file = dicom_object::from_reader(std::io::Cursor::new(&files[0].bytes[..])).unwrap();
    let uid = format!("{}.9", uids(&files[0].bytes)[2]);
    file.put_str(dicom_dictionary_std::tags::SOP_INSTANCE_UID, dicom_core::VR::UI, uid.clone());
    file.put_str(dicom_dictionary_std::tags::PATIENT_ID, dicom_core::VR::LO, "SOMEBODY-ELSE");
    file.update_meta(|meta| meta.media_storage_sop_instance_uid = uid);
    let mut bytes = Vec::new();
    file.write_all(&mut bytes).unwrap();
    accept(&server.store, &bytes).await.unwrap().unwrap();
    let study = server.ended(&study_of(&files)).await;
    assert_eq!((&study["state"], &study["reasons"][0]["code"]), (&"not-scored".into(), &"several-patients".into()));
    assert_eq!(study["runs"].as_array().unwrap().len(), 2);
}
