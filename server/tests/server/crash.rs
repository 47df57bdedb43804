//! `kill -9` at any point: what was accepted is scored, exactly once.

use std::time::Duration;

use crate::support::{Process, assert_scored_as_expected, bytes, exam, stow, study_of};

/// Moments after the start of a request at which the process dies; the whole way takes about half a second here.
const MOMENTS_MS: [u64; 10] = [0, 5, 10, 20, 35, 60, 100, 200, 350, 600];

#[test]
fn studies_are_scored_exactly_once_whenever_the_process_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let settings = ["jobs.quiet_seconds=0.1", "jobs.attempts_max=1000"];
    let exams: Vec<_> = (40..).take(MOMENTS_MS.len()).map(exam).collect();
    let mut accepted = Vec::new();
    for (exam, moment) in exams.iter().zip(MOMENTS_MS) {
        let server = Process::start(&data, &settings);
        let address = server.address.clone();
        let answered = std::thread::scope(|scope| {
            let sending = scope.spawn(|| stow(&address, &bytes(exam)));
            std::thread::sleep(Duration::from_millis(moment));
            server.kill();
            matches!(sending.join().unwrap(), Ok(200))
        });
        accepted.push(answered);
    }
    let server = Process::start(&data, &settings);
    for (exam, accepted) in exams.iter().zip(&accepted) {
        if *accepted {
            // The server said so, so it must be there without being sent again.
            assert_eq!(server.get(&format!("/api/v1/studies/{}", study_of(exam)))["instances"], 4);
        }
        assert_eq!(server.stow(&bytes(exam)).unwrap(), 200);
    }
    for exam in &exams {
        let study = server.ended(&study_of(exam));
        assert_scored_as_expected(&study, exam);
        assert_eq!(study["runs"].as_array().unwrap().len(), 1, "{study}");
    }
    assert!(accepted.contains(&true), "no moment was late enough to mean anything");
    let log = server.stop();
    assert!(log.contains("stopped"), "{log}");
}

#[test]
fn a_request_to_stop_ends_the_server_and_keeps_the_work() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let files = exam(60);
    let server = Process::start(&data, &["jobs.quiet_seconds=0"]);
    assert_eq!(server.stow(&bytes(&files)).unwrap(), 200);
    server.stop();
    let server = Process::start(&data, &["jobs.quiet_seconds=0"]);
    assert_eq!(server.ended(&study_of(&files))["state"], "scored");
}

#[test]
fn a_folder_in_use_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let _first = Process::start(&data, &[]);
    let second = std::panic::catch_unwind(|| Process::start(&data, &[]));
    let message = second.err().unwrap().downcast_ref::<String>().unwrap().clone();
    assert!(message.contains("in use by another uvid process"), "{message}");
}
