//! What is captured and replayed, and what spoils a capture.
#![allow(clippy::unwrap_used, missing_docs, unsafe_code)]

mod common;

use common::{Device, TestParams, code, count, devices};
use cudarc::driver::result;
use cudarc::driver::sys::{CUgraphInstantiate_flags, CUstreamCaptureMode};

const GLOBAL: CUstreamCaptureMode = CUstreamCaptureMode::CU_STREAM_CAPTURE_MODE_GLOBAL;
const NO_FLAGS: CUgraphInstantiate_flags = CUgraphInstantiate_flags(0);

#[test]
fn a_graph_replays_what_was_captured() {
    let _turn = devices();
    let device = Device::new(0).unwrap();
    let stream = &device.stream;
    let mut out = stream.alloc_zeros::<i32>(64).unwrap();
    // SAFETY: filled at once.
    let mut input = unsafe { device.context.alloc_pinned::<i32>(64) }.unwrap();
    input.as_mut_slice().unwrap().fill(5);
    stream.synchronize().unwrap();
    let source = input.as_ptr().unwrap();

    stream.begin_capture(GLOBAL).unwrap();
    let mut params = TestParams { out: device.at(&out), n: 2, ..Default::default() };
    // SAFETY: `input` outlives the graph.
    let source = unsafe { std::slice::from_raw_parts(source, 64) };
    // SAFETY: as above.
    unsafe { result::memcpy_htod_async(device.at(&out), source, stream.cu_stream()) }.unwrap();
    device.launch("test_count", 1, 64, 0, &params).unwrap();
    params.n = 1000; // the graph has its own copy
    device.launch("test_count", 1, 64, 0, &params).unwrap();
    let graph = stream.end_capture(NO_FLAGS).unwrap().unwrap();

    assert_eq!(device.download(&out), [0; 64], "a capture runs nothing");
    graph.upload().unwrap();
    graph.launch().unwrap();
    assert_eq!(device.download(&out), [1007; 64]);
    input.as_mut_slice().unwrap().fill(-2);
    graph.launch().unwrap();
    assert_eq!(device.download(&out), [1000; 64], "the same work on what the memory holds now");
    stream.memset_zeros(&mut out).unwrap();
    assert_eq!(device.download(&out), [0; 64]);
}

#[test]
fn a_capture_forks_and_joins() {
    let _turn = devices();
    let device = Device::new(0).unwrap();
    let (main, side) = (&device.stream, device.context.new_stream().unwrap());
    let out = main.alloc_zeros::<i32>(64).unwrap();
    main.synchronize().unwrap();
    let params = TestParams { out: device.at(&out), n: 4, ..Default::default() };
    let capture = |join: bool| {
        main.begin_capture(GLOBAL).unwrap();
        side.join(main).unwrap();
        device.launch_on(&side, "test_count", 1, 64, 0, &params).unwrap();
        if join {
            main.join(&side).unwrap();
        }
        main.end_capture(NO_FLAGS)
    };
    assert_eq!(code(capture(false)), 904);
    capture(true).unwrap().unwrap().launch().unwrap();
    assert_eq!(device.download(&out), [4; 64]);
}

#[test]
fn what_cuda_forbids_in_a_capture_spoils_it() {
    let _turn = devices();
    let device = Device::new(0).unwrap();
    let stream = &device.stream;
    let out = stream.alloc_zeros::<i32>(64).unwrap();
    let before = stream.record_event(None).unwrap();
    stream.synchronize().unwrap();
    let refused: [(&str, &dyn Fn() -> i32, i32); 5] = [
        ("synchronising", &|| code(stream.synchronize()), 900),
        // SAFETY: never read.
        ("pinned memory", &|| code(unsafe { device.context.alloc_pinned::<u8>(1) }), 900),
        ("asking for an event", &|| code(before.synchronize()), 900),
        ("pageable memory", &|| code(stream.clone_dtoh(&out)), 900),
        ("waiting for what is outside", &|| code(stream.wait(&before)), 905),
    ];
    for (what, act, expected) in refused {
        stream.begin_capture(GLOBAL).unwrap();
        assert_eq!(act(), expected, "{what}");
        assert_eq!(code(stream.end_capture(NO_FLAGS)), 901, "{what}");
    }
    count(&device, &out, 1).unwrap();
    assert_eq!(device.download(&out), [1; 64], "the stream goes on");
}

#[test]
fn another_thread_may_allocate_where_the_capture_is_local() {
    let _turn = devices();
    let device = Device::new(0).unwrap();
    // SAFETY: never read.
    let allocate = || code(unsafe { device.context.alloc_pinned::<u8>(1) });
    let local = CUstreamCaptureMode::CU_STREAM_CAPTURE_MODE_THREAD_LOCAL;
    for (mode, allocated, ended) in [(local, 0, 0), (GLOBAL, 900, 901)] {
        device.stream.begin_capture(mode).unwrap();
        device.launch("test_empty", 1, 1, 0, &TestParams::default()).unwrap();
        assert_eq!(std::thread::scope(|scope| scope.spawn(allocate).join().unwrap()), allocated);
        assert_eq!(code(device.stream.end_capture(NO_FLAGS)), ended);
    }
}

#[test]
fn a_graph_notices_that_its_memory_is_gone() {
    let _turn = devices();
    let device = Device::new(1).unwrap();
    let stream = &device.stream;
    let mut out = stream.alloc_zeros::<i32>(64).unwrap();
    stream.synchronize().unwrap();
    stream.begin_capture(GLOBAL).unwrap();
    stream.memset_zeros(&mut out).unwrap();
    let graph = stream.end_capture(NO_FLAGS).unwrap().unwrap();
    drop(out);
    graph.launch().unwrap();
    assert_eq!(code(stream.synchronize()), 700);
    // SAFETY: nothing of the context is used but dropped.
    unsafe { cudarc::driver::sys::cuDevicePrimaryCtxReset_v2(1).result() }.unwrap();
}
