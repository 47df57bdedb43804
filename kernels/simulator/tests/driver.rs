//! The driver: devices, memory, streams, events and refusals, through cudarc as the executor uses it.
#![allow(clippy::unwrap_used, missing_docs, unsafe_code)]

mod common;

use common::{Device, TestParams, code, count, devices};
use cudarc::driver::sys::{CUevent_flags, CUfunction_attribute_enum, CUresult};
use cudarc::driver::{CudaContext, DriverError, result};

#[test]
fn a_device_says_what_it_is() {
    let _turn = devices();
    let device = Device::new(1).unwrap();
    assert_eq!(CudaContext::device_count().unwrap(), 2);
    assert_eq!(device.context.name().unwrap(), "Simulated device 1");
    assert_eq!(device.context.compute_capability().unwrap(), (9, 0));
    assert_eq!(device.context.total_mem().unwrap(), 64 << 20);
    assert_ne!(device.context.uuid().unwrap().bytes, Device::new(0).unwrap().context.uuid().unwrap().bytes);
    assert_eq!(code(CudaContext::new(2)), 101);
    assert_eq!(DriverError(CUresult::CUDA_ERROR_ILLEGAL_ADDRESS).error_name().unwrap(), c"CUDA_ERROR_ILLEGAL_ADDRESS");
}

#[test]
fn memory_is_counted_and_ends() {
    let _turn = devices();
    let device = Device::new(0).unwrap();
    let free = || device.context.mem_get_info().unwrap();
    assert_eq!(free(), (64 << 20, 64 << 20));
    // SAFETY: nothing reads it before it is written.
    let half = unsafe { device.stream.alloc::<u8>((32 << 20) + 1) }.unwrap();
    assert_eq!(free().0, (32 << 20) - 256);
    // SAFETY: as above.
    assert_eq!(code(unsafe { device.stream.alloc::<u8>(32 << 20) }), 2);
    drop(half); // given back in the stream's order, which the next allocation waits for
    // SAFETY: as above.
    let all = unsafe { device.stream.alloc::<u8>(64 << 20) }.unwrap();
    assert_eq!(free().0, 0);
    drop(all);
    device.stream.synchronize().unwrap();
    assert_eq!(free().0, 64 << 20);
}

#[test]
fn fresh_memory_is_not_a_number() {
    let _turn = devices();
    let device = Device::new(0).unwrap();
    // SAFETY: what nobody has written is what the test is about.
    let fresh = unsafe { device.stream.alloc::<f32>(100) }.unwrap();
    assert!(device.download(&fresh).iter().all(|x| x.is_nan()));
    // SAFETY: as above.
    let pinned = unsafe { device.context.alloc_pinned::<f32>(100) }.unwrap();
    assert!(pinned.as_slice().unwrap().iter().all(|x| x.is_nan()));
}

#[test]
fn copies_stay_within_one_allocation() {
    let _turn = devices();
    let device = Device::new(0).unwrap();
    let one = device.upload(&[1u8; 100]);
    let _two = device.upload(&[2u8; 100]);
    let at = device.at(&one);
    let mut bytes = [0u8; 101];
    let stream = device.stream.cu_stream();
    // SAFETY: the host's side is as long as it says; the device's side is what the test is about.
    unsafe {
        assert_eq!(code(result::memcpy_dtoh_async(&mut bytes[..100], at, stream)), 0);
        assert_eq!(code(result::memcpy_dtoh_async(&mut bytes, at, stream)), 1);
        assert_eq!(code(result::memcpy_htod_async(at + 1, &bytes[..100], stream)), 1);
        assert_eq!(code(result::memset_d8_async(at + 100, 0, 1, stream)), 1);
        assert_eq!(code(result::memcpy_dtod_async(at, at + 4096, 8, stream)), 1);
        assert_eq!(code(result::free_sync(at + 1)), 1);
    }
    assert_eq!(bytes[..100], [1; 100]);
}

#[test]
fn a_forgotten_synchronisation_shows() {
    let _turn = devices();
    let device = Device::new(0).unwrap();
    let out = device.stream.alloc_zeros::<i32>(64).unwrap();
    // SAFETY: filled at once.
    let mut pinned = unsafe { device.context.alloc_pinned::<i32>(64) }.unwrap();
    pinned.as_mut_slice().unwrap().fill(-1);
    let host = pinned.as_ptr().unwrap();
    count(&device, &out, 7).unwrap();
    device.stream.memcpy_dtoh(&out, &mut pinned).unwrap();
    // SAFETY: the memory is there; what it holds is what the test is about.
    assert_eq!(unsafe { host.read_volatile() }, -1);
    device.stream.synchronize().unwrap();
    // SAFETY: as above.
    assert_eq!(unsafe { host.read_volatile() }, 7);
}

#[test]
fn what_is_pageable_is_copied_at_once() {
    let _turn = devices();
    let device = Device::new(0).unwrap();
    let out = device.stream.alloc_zeros::<i32>(64).unwrap();
    count(&device, &out, 3).unwrap();
    let mut host = [0; 64];
    device.stream.memcpy_dtoh(&out, &mut host).unwrap();
    assert_eq!(host, [3; 64]);
}

#[test]
fn streams_are_ordered_by_events_alone() {
    let _turn = devices();
    let device = Device::new(0).unwrap();
    let (one, two) = (device.context.new_stream().unwrap(), device.context.new_stream().unwrap());
    let out = device.stream.alloc_zeros::<i32>(64).unwrap();
    let copy = device.stream.alloc_zeros::<i32>(64).unwrap();
    device.stream.synchronize().unwrap();
    let add = |n| {
        let params = TestParams { out: device.at(&out), n, ..Default::default() };
        device.launch_on(&one, "test_count", 1, 64, 0, &params).unwrap();
    };
    let copy_on_two = || {
        // SAFETY: both are 64 integers of this device.
        unsafe { result::memcpy_dtod_async(device.at(&copy), device.at(&out), 256, two.cu_stream()) }.unwrap();
        two.synchronize().unwrap();
        device.download(&copy)[0]
    };
    add(1);
    assert_eq!(copy_on_two(), 0, "nothing has waited for stream one");
    let event = one.record_event(None).unwrap();
    add(10);
    two.wait(&event).unwrap();
    assert_eq!(copy_on_two(), 1, "the event stands for what was there when it was recorded");
    two.join(&one).unwrap();
    assert_eq!(copy_on_two(), 11);
}

#[test]
fn events_take_time_and_can_be_polled() {
    let _turn = devices();
    let device = Device::new(0).unwrap();
    let timed = Some(CUevent_flags::CU_EVENT_DEFAULT);
    let out = device.stream.alloc_zeros::<i32>(64).unwrap();
    let start = device.stream.record_event(timed).unwrap();
    count(&device, &out, 1).unwrap();
    let end = device.stream.record_event(timed).unwrap();
    assert!(!end.is_complete());
    let polls = (0..100).take_while(|_| !end.is_complete()).count();
    assert!(polls < 100, "who polls long enough gets there");
    assert!(start.elapsed_ms(&end).unwrap() > 0.0);
}

#[test]
fn the_default_stream_waits_and_is_waited_for() {
    let _turn = devices();
    let device = Device::new(0).unwrap();
    let blocking = result::stream::create(result::stream::StreamKind::Default).unwrap();
    let source = device.upload(&[1u8; 100]);
    let copy = device.upload(&[0u8; 100]);
    device.stream.synchronize().unwrap();
    let (from, to) = (device.at(&source), device.at(&copy));
    let mut host = [0u8; 100];
    // SAFETY: all are 100 bytes long.
    unsafe {
        result::memset_d8_async(from, 2, 100, blocking).unwrap();
        result::memcpy_dtod_async(to, from, 100, std::ptr::null_mut()).unwrap();
        result::memset_d8_async(from, 3, 100, blocking).unwrap();
        result::stream::synchronize(blocking).unwrap();
        result::memcpy_dtoh_sync(&mut host, to).unwrap();
        result::stream::destroy(blocking).unwrap();
    }
    assert_eq!(host, [2; 100]);
}

#[test]
fn devices_copy_to_each_other() {
    let _turn = devices();
    let (one, two) = (Device::new(0).unwrap(), Device::new(1).unwrap());
    let (from, to) = (one.upload(&[7i32; 64]), two.upload(&[0i32; 64]));
    one.stream.synchronize().unwrap();
    let contexts = (two.context.cu_ctx(), one.context.cu_ctx());
    let (from, at) = (one.at(&from), two.at(&to));
    two.context.bind_to_thread().unwrap();
    // SAFETY: both are 64 integers.
    unsafe { result::memcpy_peer_async(contexts.0, at, contexts.1, from, 256, two.stream.cu_stream()) }.unwrap();
    assert_eq!(two.download(&to), [7; 64]);
    assert_eq!(code(two.stream.wait(&one.stream.record_event(None).unwrap())), 0, "of another device's event");
}

#[test]
fn a_kernel_may_ask_for_more_shared_memory() {
    let _turn = devices();
    let device = Device::new(0).unwrap();
    let attribute = CUfunction_attribute_enum::CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES;
    // SAFETY: the module is loaded.
    let function = unsafe { result::module::get_function(device.module, c"test_empty".to_owned()) }.unwrap();
    let mut argument = [std::ptr::from_ref(&TestParams::default()).cast_mut().cast()];
    // SAFETY: the kernel reads nothing.
    let mut launch = |bytes| unsafe {
        let stream = device.stream.cu_stream();
        code(result::launch_kernel(function, (1, 1, 1), (32, 1, 1), bytes, stream, &mut argument))
    };
    // SAFETY: the function is the module's.
    let allow = |bytes| code(unsafe { result::function::set_function_attribute(function, attribute, bytes) });
    assert_eq!((launch(64 << 10), allow(64 << 10), launch(64 << 10)), (1, 0, 0));
    assert_eq!((allow(227 << 10), launch(227 << 10)), (0, 0));
    assert_eq!((allow((227 << 10) + 1), launch((227 << 10) + 1)), (1, 1));
    device.stream.synchronize().unwrap();
    // SAFETY: as above; a function does not outlive its module.
    unsafe {
        let again = result::module::get_function(device.module, c"test_empty".to_owned());
        assert_eq!(again.unwrap(), function);
        result::module::unload(device.module).unwrap();
    }
    assert_eq!(launch(0), 400);
}

#[test]
fn launches_have_limits() {
    let _turn = devices();
    let device = Device::new(0).unwrap();
    let params = TestParams::default();
    let launch = |kernel, grid, block, shared| code(device.launch(kernel, grid, block, shared, &params));
    assert_eq!(launch("test_empty", 1, 1024, 48 << 10), 0);
    assert_eq!(launch("test_empty", 1, 1025, 0), 1);
    assert_eq!(launch("test_empty", 0, 32, 0), 1);
    assert_eq!(launch("test_empty", 1, 32, (48 << 10) + 1), 1, "more must be asked for");
    assert_eq!(launch("test_mma_f16", 1, 64, 0), 701, "more threads than the kernel is made for");
    assert_eq!(launch("no_such_kernel", 1, 32, 0), 500);
    assert_eq!(code(device.stream.synchronize()), 0);
}
