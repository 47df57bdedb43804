//! A CUDA driver for tests.
//!
//! Uvid's executor for graphics cards speaks to `libcuda.so`. On a machine without a card this crate provides one: a
//! library that exports the driver API's functions and holds our own kernels (`kernels/src/gpu`), compiled by g++ as
//! C++. So the whole way is run on a processor: the calls, streams, events, graphs and launches, the structs of
//! parameters, and what the kernels compute. It is built to make mistakes show:
//!
//! * The threads of a block are fibers in an order that changes from barrier to barrier; shared memory, and memory that
//!   nobody has written, hold NaN; an overrun meets a page that ends the process, with the kernel and thread named.
//! * Nothing that is queued runs before somebody waits for it, and `cp.async` copies nothing before it is waited for.
//! * What CUDA refuses, it refuses: a synchronisation within a capture, a copy beyond an allocation, a stale handle.
//! * Faults come when a test wants them: [`fail`].
//!
//! [`load`] comes before anything that opens `libcuda.so`; for a program that a test starts, [`directory`] goes into
//! its `LD_LIBRARY_PATH`.
//!
//! [`nvjpeg2k`] is a second library, of NVIDIA's decoder of JPEG 2000.
//!
//! What it is not: a measure of speed, or of the last places of `expf`, `rsqrtf` and tensor cores. Threads that spin until
//! others write, warp groups and clusters are beyond it. It does not notice that a kernel touches another device's memory.
//! A host function holds up every other call while it runs.
//!
//! # Speed
//!
//! Processor time on one core of a 2-core cloud Xeon with other work beside (`examples/speed.rs`): 1 us a launch of one
//! empty thread (a million a second), 10 ns an empty thread, 25 ns for a thread to wait at a barrier or in its warp
//! and come back (40 million a second; 55 ns in blocks of 1024), 1.2 to 1.6 us a product of 16x8x16, 1.4 to 1.7
//! thousand million multiply-adds a second.
//!
//! # Environment, read once
//!
//! | variable | default | |
//! |---|---|---|
//! | `CUDA_SIMULATOR_DEVICES` | 1 | devices |
//! | `CUDA_SIMULATOR_MEMORY` | 2 GiB | bytes of each device |
//! | `CUDA_SIMULATOR_THREADS` | 1 | threads that share the blocks of a launch |
//! | `CUDA_SIMULATOR_SEED` | fixed | of the order of threads |
//! | `CUDA_SIMULATOR_FAULT` | none | `device=1,after=20,error=700;...`, each as in [`fail`], `permanent` if so |
#![allow(unsafe_code)]

pub mod nvjpeg2k;

use std::path::Path;
use std::sync::OnceLock;

use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_NOW};

/// The folder that holds the simulated `libcuda.so` and `libnvjpeg2k.so.0`, and nothing else.
pub fn directory() -> &'static Path {
    Path::new(concat!(env!("OUT_DIR"), "/simulated"))
}

/// Loads the simulated driver into this process, for good. Whoever opens `libcuda.so` afterwards gets it, also where a
/// real one is installed: the loader looks for the name among what is loaded first.
///
/// # Panics
///
/// If the library cannot be loaded, which is a fault of the build.
pub fn load() {
    library();
}

/// The same, unless the environment says that this machine has a card to test: `TEST_GPU=real`.
///
/// # Panics
///
/// If the library cannot be loaded.
pub fn load_unless_real() {
    if std::env::var_os("TEST_GPU").is_none_or(|gpu| gpu != "real") {
        load();
    }
}

/// Lets a device fail: after so many more launches (a graph's is one) the next gives this `CUresult`, and so does every
/// call in the device's context from then on, until the context is reset or released; `permanent`: even then. With
/// error 2, out of memory, the next allocation after so many launches is refused instead, once (`permanent`: always).
///
/// A device that there is not stays as it is.
pub fn fail(device: i32, after: u64, error: i32, permanent: bool) {
    // SAFETY: the types are those of `simulator_fail` in driver/api_device.cpp.
    unsafe { control::<unsafe extern "C" fn(i32, u64, i32, bool)>(c"simulator_fail")(device, after, error, permanent) }
}

/// Takes back the faults that have not come, and lets a reset heal those that were permanent.
pub fn reset_faults() {
    // SAFETY: as above.
    unsafe { control::<unsafe extern "C" fn()>(c"simulator_reset_faults")() }
}

/// How many launches, of kernels or graphs, a device has begun. 0 for a device that there is not.
pub fn launches(device: i32) -> u64 {
    // SAFETY: as above.
    unsafe { control::<unsafe extern "C" fn(i32) -> u64>(c"simulator_launches")(device) }
}

/// One of the simulator's own functions.
///
/// # Safety
///
/// `F` is its type.
#[allow(clippy::expect_used)] // what the build has put there
unsafe fn control<F: Copy>(name: &std::ffi::CStr) -> F {
    // SAFETY: the caller's.
    *unsafe { library().get::<F>(name.to_bytes_with_nul()) }.expect("the simulator exports its controls")
}

#[allow(clippy::expect_used)]
fn library() -> &'static Library {
    static LIBRARY: OnceLock<Library> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let path = directory().join("libcuda.so");
        // SAFETY: its constructors enter kernels into a registry of its own and do nothing else.
        unsafe { Library::open(Some(path), RTLD_NOW | RTLD_GLOBAL) }.expect("the simulated libcuda.so loads")
    })
}
