//! GPUs, on the simulated driver: several, that fail, and return.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;
use uvid_datasets::phantom::PhantomFile;

use crate::support::{Process, SOON, bytes, exam, study_of};

/// CUDA_ERROR_ILLEGAL_ADDRESS: sticky.
const ILLEGAL_ADDRESS: &str = "700";

/// CUDA_ERROR_OUT_OF_MEMORY.
const OUT_OF_MEMORY: &str = "2";

fn server(data: &Path, gpus: &str, faults: &str, settings: &[&str]) -> Process {
    let driver = uvid_cuda_simulator::directory().display().to_string();
    let settings = [&["compute.device=cuda", "compute.reopen_seconds=0.1", "jobs.quiet_seconds=0"], settings].concat();
    let environment =
        [("LD_LIBRARY_PATH", driver.as_str()), ("CUDA_SIMULATOR_DEVICES", gpus), ("CUDA_SIMULATOR_FAULT", faults)];
    Process::start_with(data, &settings, &environment)
}

fn device(server: &Process, number: usize) -> Value {
    server.get("/api/v1/devices")["devices"][number].clone()
}

fn until(what: impl Fn() -> bool) {
    let start = Instant::now();
    while !what() {
        assert!(start.elapsed() < SOON);
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The scores of exams on so many GPUs with such faults, how the devices stand in the end, and the log. Those of a batch
/// are sent together, and one batch after the other is scored.
fn scores(gpus: &str, faults: &str, batches: &[Vec<Vec<PhantomFile>>]) -> (Vec<Value>, Vec<Value>, String) {
    let folder = tempfile::tempdir().unwrap();
    let server = server(&folder.path().join("data"), gpus, faults, &[]);
    let scored = |exam: &Vec<_>| {
        let study = server.ended(&study_of(exam));
        assert_eq!((study["state"].as_str(), study["runs"].as_array().unwrap().len()), (Some("scored"), 1), "{study}");
        let report = &study["report"];
        assert_eq!(report["backend"].as_str().unwrap(), "uvid-cuda-f32-sm90", "{report}");
        serde_json::json!([report["exam"], report["breasts"], report["images"]])
    };
    let mut scores = Vec::new();
    for batch in batches {
        for exam in batch {
            assert_eq!(server.stow(&bytes(exam)).unwrap(), 200);
        }
        scores.extend(batch.iter().map(scored));
    }
    until(|| (0..gpus.parse().unwrap()).all(|gpu| device(&server, gpu)["state"] == "working"));
    let devices = (0..gpus.parse().unwrap()).map(|gpu| device(&server, gpu)).collect();
    let log = server.stop();
    assert!(log.contains("computes device=\"cuda:0\""), "{log}");
    (scores, devices, log)
}

#[test]
fn a_gpu_that_fails_costs_no_study_and_no_bit() {
    let two = [vec![exam(70), exam(71)]];
    let (alone, ..) = scores("1", "", &two);
    // An exam is one launch of what was recorded.
    let (faulty, devices, _) = scores("2", &format!("device=1,after=0,error={ILLEGAL_ADDRESS}"), &two);
    assert_eq!(faulty, alone, "the same scores, whichever GPU computes them, and whatever failed meanwhile");
    assert_eq!(devices[1]["faults"], 1, "{devices:?}");
    assert_eq!(devices[1]["last_fault"]["kind"], "failed", "{devices:?}");
    assert_eq!(devices[0]["studies"].as_u64().unwrap() + devices[1]["studies"].as_u64().unwrap(), 2, "{devices:?}");
}

#[test]
fn the_only_gpu_fails_and_returns() {
    let (_, devices, log) = scores("1", &format!("device=0,after=0,error={ILLEGAL_ADDRESS}"), &[vec![exam(70)]]);
    assert_eq!((&devices[0]["studies"], &devices[0]["faults"]), (&1.into(), &1.into()), "{devices:?}");
    assert!(log.contains("a device takes studies device=\"cuda:0\" again=true"), "{log}");
}

#[test]
fn too_little_memory_once_takes_no_gpu_out() {
    // The second study has more images than the first, and wants more memory: fewer images at a time are tried first.
    let batches = [vec![exam(70).into_iter().take(1).collect()], vec![exam(71)]];
    let (_, devices, log) = scores("1", &format!("device=0,after=1,error={OUT_OF_MEMORY}"), &batches);
    assert_eq!((&devices[0]["studies"], &devices[0]["faults"]), (&2.into(), &0.into()), "{devices:?}");
    assert!(!log.contains("again=true"), "{log}");
}

#[test]
fn too_little_memory_for_one_image_takes_a_gpu_out() {
    let folder = tempfile::tempdir().unwrap();
    let fault = format!("device=0,after=1,error={OUT_OF_MEMORY},permanent");
    let server = server(&folder.path().join("data"), "1", &fault, &["compute.reopen_seconds_max=1"]);
    let first: Vec<_> = exam(82).into_iter().take(1).collect();
    assert_eq!(server.stow(&bytes(&first)).unwrap(), 200);
    assert_eq!(server.ended(&study_of(&first))["state"], "scored");
    assert_eq!(server.stow(&bytes(&exam(83))).unwrap(), 200);
    until(|| device(&server, 0)["last_fault"]["kind"] == "out-of-memory");
    until(|| device(&server, 0)["state"] != "working");
    server.stop();
}

#[test]
fn while_no_gpu_works_studies_wait_and_it_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let fault = format!("device=0,after=0,error={ILLEGAL_ADDRESS},permanent");
    let server = server(&folder.path().join("data"), "1", &fault, &["compute.reopen_seconds_max=1"]);
    let files = exam(80);
    assert_eq!(server.stow(&bytes(&files)).unwrap(), 200);
    until(|| device(&server, 0)["faults"].as_u64() >= Some(2));
    assert_ne!(device(&server, 0)["state"], "working");
    let (status, body) = crate::support::request(&server.address, "GET /readyz", "", b"").unwrap();
    let ready: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!((status, ready["ready"].as_bool(), ready["model"].as_str()), (503, Some(false), Some("ok")), "{ready}");
    assert!(ready["devices"].as_str().unwrap().contains("none works: cuda:0: "), "{ready}");
    let study = server.get(&format!("/api/v1/studies/{}", study_of(&files)));
    assert!(["waiting", "running"].contains(&study["state"].as_str().unwrap()), "{study}");
    server.stop();
}

#[test]
fn the_processor_helps_out_where_that_is_wanted() {
    let folder = tempfile::tempdir().unwrap();
    let fault = format!("device=0,after=0,error={ILLEGAL_ADDRESS},permanent");
    let server = server(&folder.path().join("data"), "1", &fault, &["compute.cpu_fallback=true"]);
    let files = exam(81);
    assert_eq!(server.stow(&bytes(&files)).unwrap(), 200);
    let study = server.ended(&study_of(&files));
    let backend = study["report"]["backend"].as_str().unwrap();
    assert!(backend.starts_with("uvid-cpu-"), "{backend}");
    assert_eq!(device(&server, 1)["studies"], 1);
    assert_eq!(server.get("/readyz")["ready"], true);
}

#[test]
fn a_gpu_that_is_demanded_and_is_not_there_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let driver = uvid_cuda_simulator::directory().display().to_string();
    let check = |device: &str, part: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_uvid"));
        command.env_clear().env("LD_LIBRARY_PATH", &driver).env("CUDA_SIMULATOR_DEVICES", "2");
        let output = command.current_dir(folder.path()).args(["serve", "--device", device]).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains(part), "{device}: {said}");
        assert!(output.stdout.is_empty(), "nobody listens");
    };
    check("cuda:2", "there is no cuda:2; there are: cuda:0 ");
    check("gpu", "\"gpu\" is no device");
}
