//! Faults on demand, and how a program of its own gets the simulator.
#![allow(clippy::unwrap_used, missing_docs, unsafe_code)]

mod common;

use std::process::Command;

use common::{Device, TestParams, code, count, devices};
use cudarc::driver::CudaContext;
use uvid_cuda_simulator::{fail, launches, reset_faults};

/// Runs a test of this binary in a process of its own, with these variables. Whether this is that process already.
fn in_child(test: &str, variables: &[(&str, &str)]) -> bool {
    const CHILD: &str = "UVID_CHILD";
    let is_child = std::env::var_os(CHILD).is_some();
    if !is_child {
        let mut child = Command::new(std::env::current_exe().unwrap());
        child.args(["--exact", test]).env(CHILD, "1").envs(variables.iter().copied());
        let output = child.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }
    is_child
}

#[test]
fn a_fault_stays_until_the_context_is_reset() {
    let _turn = devices();
    let device = Device::new(1).unwrap();
    let other = Device::new(0).unwrap();
    let out = device.stream.alloc_zeros::<i32>(64).unwrap();
    device.stream.synchronize().unwrap();
    let before = launches(1);
    fail(1, 2, 700, false);
    for _ in 0..3 {
        count(&device, &out, 1).unwrap(); // nobody knows yet
    }
    assert_eq!(code(device.stream.synchronize()), 700);
    assert_eq!(launches(1), before + 3);
    assert_eq!(code(count(&device, &out, 1)), 700);
    assert_eq!(code(device.context.mem_get_info()), 700);
    assert_eq!(code(other.stream.synchronize()), 0, "the other device is well");

    // SAFETY: nothing of the context is used but dropped.
    unsafe { cudarc::driver::sys::cuDevicePrimaryCtxReset_v2(1).result() }.unwrap();
    let healed = Device::new(1).unwrap();
    assert_eq!(code(device.stream.synchronize()), 400, "a stream of the context that was");
    drop((out, device));
    let out = healed.stream.alloc_zeros::<i32>(64).unwrap();
    count(&healed, &out, 9).unwrap();
    assert_eq!(healed.download(&out), [9; 64]);
}

#[test]
fn a_permanent_fault_outlives_a_reset() {
    let _turn = devices();
    let device = Device::new(1).unwrap();
    fail(1, 0, 719, true);
    device.launch("test_empty", 1, 1, 0, &TestParams::default()).unwrap();
    assert_eq!(code(device.stream.synchronize()), 719);
    drop(device);
    // SAFETY: nothing of the context is used.
    unsafe { cudarc::driver::sys::cuDevicePrimaryCtxReset_v2(1).result() }.unwrap();
    assert_eq!(code(Device::new(1)), 719);
    reset_faults();
    // SAFETY: as above.
    unsafe { cudarc::driver::sys::cuDevicePrimaryCtxReset_v2(1).result() }.unwrap();
    assert_eq!(code(Device::new(1)), 0);
}

#[test]
fn memory_is_refused_once() {
    let _turn = devices();
    let device = Device::new(0).unwrap();
    fail(0, 1, 2, false);
    assert_eq!(code(device.stream.alloc_zeros::<u8>(1)), 0);
    device.launch("test_empty", 1, 1, 0, &TestParams::default()).unwrap();
    device.stream.synchronize().unwrap();
    assert_eq!(code(device.stream.alloc_zeros::<u8>(1)), 2);
    assert_eq!(code(device.stream.alloc_zeros::<u8>(1)), 0);
}

#[test]
fn a_program_finds_the_simulator_by_its_folder() {
    let folder = uvid_cuda_simulator::directory().to_str().unwrap();
    let variables =
        [("LD_LIBRARY_PATH", folder), ("CUDA_SIMULATOR_DEVICES", "3"), ("CUDA_SIMULATOR_MEMORY", "1048576")];
    if in_child("a_program_finds_the_simulator_by_its_folder", &variables) {
        let context = CudaContext::new(2).unwrap();
        assert_eq!(context.name().unwrap(), "Simulated device 2");
        assert_eq!(context.mem_get_info().unwrap(), (1 << 20, 1 << 20));
    }
}

#[test]
fn faults_come_from_the_environment() {
    let fault = "device=0,after=1,error=719;device=1,after=0,error=2";
    let variables = [("CUDA_SIMULATOR_FAULT", fault), ("CUDA_SIMULATOR_DEVICES", "2")];
    if in_child("faults_come_from_the_environment", &variables) {
        let (device, other) = (Device::new(0).unwrap(), Device::new(1).unwrap());
        assert_eq!(code(other.stream.alloc_zeros::<u8>(1)), 2);
        assert_eq!(code(other.stream.alloc_zeros::<u8>(1)), 0);
        for expected in [0, 719] {
            device.launch("test_empty", 1, 1, 0, &TestParams::default()).unwrap();
            assert_eq!(code(device.stream.synchronize()), expected);
        }
    }
}
