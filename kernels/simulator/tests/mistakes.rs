//! Mistakes that end the process: each in a child, whose message must say where it was.
#![allow(clippy::unwrap_used, missing_docs, unsafe_code)]

mod common;

use std::process::Command;

use common::{Device, TestParams};

const CHILD: &str = "UVID_MISTAKE";

/// Makes the mistake in this same test of another process.
fn message_of(test: &str, mistake: impl FnOnce(&Device)) -> Option<String> {
    if std::env::var_os(CHILD).is_some() {
        mistake(&Device::new(0).unwrap());
        return None;
    }
    let this = std::env::current_exe().unwrap();
    let child = Command::new(this).args(["--exact", test, "--nocapture"]).env(CHILD, "1").output().unwrap();
    assert!(!child.status.success(), "the process goes on after {test}");
    Some(String::from_utf8_lossy(&child.stderr).into_owned())
}

fn check(test: &str, mistake: impl FnOnce(&Device), parts: &[&str]) {
    if let Some(message) = message_of(test, mistake) {
        for part in parts {
            assert!(message.contains(part), "{message}");
        }
    }
}

fn launch(device: &Device, kernel: &str, params: &TestParams) {
    device.launch(kernel, 1, 64, 0, params).unwrap();
    device.stream.synchronize().unwrap();
}

#[test]
fn an_access_far_behind_an_allocation() {
    check(
        "an_access_far_behind_an_allocation",
        |device| {
            let out = device.stream.alloc_zeros::<i32>(64).unwrap();
            launch(device, "test_overrun", &TestParams { out: device.at(&out), n: 64, ..Default::default() });
        },
        &["kernel test_overrun, block (0, 0, 0), thread (", "bytes behind the end of 256 of device 0"],
    );
}

#[test]
fn a_write_just_behind_an_allocation() {
    check(
        "a_write_just_behind_an_allocation",
        |device| {
            let out = device.stream.alloc_zeros::<i32>(65).unwrap();
            launch(device, "test_overrun", &TestParams { out: device.at(&out), n: 33, ..Default::default() });
            drop(out);
            device.stream.synchronize().unwrap();
        },
        &["just behind an allocation of 260 bytes"],
    );
}

#[test]
fn a_barrier_that_not_all_come_to() {
    check(
        "a_barrier_that_not_all_come_to",
        |device| launch(device, "test_diverge", &TestParams::default()),
        &["kernel test_diverge", "of 64 threads 32 wait at a barrier, 0 for lanes of their warp, 32 have ended"],
    );
}

#[test]
fn a_warp_that_is_not_full() {
    check(
        "a_warp_that_is_not_full",
        |device| {
            let out = device.stream.alloc_zeros::<f32>(1).unwrap();
            let params = TestParams { out: device.at(&out), ..Default::default() };
            device.launch("test_sum", 1, 40, 0, &params).unwrap();
            device.stream.synchronize().unwrap();
        },
        &["kernel test_sum", "8 for lanes of their warp"],
    );
}

#[test]
fn a_copy_that_is_not_aligned() {
    check(
        "a_copy_that_is_not_aligned",
        |device| {
            let from = device.stream.alloc_zeros::<f32>(1024).unwrap();
            let params = TestParams { a: device.at(&from) + 4, out: device.at(&from), n: 1, ..Default::default() };
            device.launch("test_pipeline_right", 1, 64, 4096, &params).unwrap();
            device.stream.synchronize().unwrap();
        },
        &["kernel test_pipeline_right", "cp.async from what is not global memory, aligned"],
    );
}

#[test]
fn too_little_dynamic_shared_memory() {
    check(
        "too_little_dynamic_shared_memory",
        |device| {
            let from = device.stream.alloc_zeros::<f32>(64).unwrap();
            let params = TestParams { a: device.at(&from), out: device.at(&from), n: 64, ..Default::default() };
            device.launch("test_turn_right", 1, 64, 128, &params).unwrap();
            device.stream.synchronize().unwrap();
        },
        &["kernel test_turn_right", "which is not memory"],
    );
}

#[test]
fn a_stack_that_overflows() {
    check(
        "a_stack_that_overflows",
        |device| {
            let out = device.stream.alloc_zeros::<u8>(64).unwrap();
            launch(device, "test_large_stack", &TestParams { out: device.at(&out), ..Default::default() });
        },
        &["kernel test_large_stack", "which is not memory"],
    );
}

#[test]
fn a_copy_to_what_is_not_shared() {
    check(
        "a_copy_to_what_is_not_shared",
        |device| {
            let from = device.stream.alloc_zeros::<f32>(64).unwrap();
            let at = device.at(&from);
            launch(device, "test_copy_anywhere", &TestParams { a: at, out: at + 64, ..Default::default() });
        },
        &["kernel test_copy_anywhere", "cp.async to what is not shared memory"],
    );
}

#[test]
fn an_index_beside_static_shared_memory() {
    check(
        "an_index_beside_static_shared_memory",
        |device| {
            let out = device.stream.alloc_zeros::<f32>(64).unwrap();
            let params = TestParams { out: device.at(&out), n: 32, ..Default::default() };
            launch(device, "test_index", &params);
        },
        &["kernel test_index", "thread (33, 0, 0): access beside an array"],
    );
}

#[test]
fn a_vector_that_is_not_aligned() {
    check(
        "a_vector_that_is_not_aligned",
        |device| {
            let out = device.stream.alloc_zeros::<f32>(1024).unwrap();
            launch(device, "test_vectors", &TestParams { out: device.at(&out) + 8, ..Default::default() });
        },
        &["kernel test_vectors", "not aligned to its type"],
    );
}
