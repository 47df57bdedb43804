//! The simulated `libnvjpeg2k.so.0`: its calls are checked and its samples go through the simulated device; what decodes
//! them is a function that a test gives.

use std::ffi::c_int;
use std::sync::OnceLock;

use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};

/// Reads a stream of so many bytes, writes so many samples, and gives an `nvjpeg2kStatus_t`: 0 is success. With
/// [`HALF`] the library succeeds and has written half of the rows.
pub type Decoder = unsafe extern "C" fn(*const u8, usize, *mut u16, usize) -> c_int;

/// What a [`Decoder`] gives for a success that is none.
pub const HALF: c_int = 1000;

/// Loads the simulated library, and the driver, into this process, for good. Whoever opens `libnvjpeg2k.so.0` afterwards
/// gets it. `decoder` is what decodes from now on; with none, no stream is supported.
///
/// # Panics
///
/// If the library cannot be loaded, which is a fault of the build.
pub fn load(decoder: Option<Decoder>) {
    type Set = unsafe extern "C" fn(Option<Decoder>);
    // SAFETY: the types are those of nvjpeg2k/nvjpeg2k.cpp.
    unsafe { control::<Set>(c"simulator_nvjpeg2k_decoder")(decoder) }
}

/// How many of the library's handles have not been destroyed.
pub fn alive() -> i32 {
    // SAFETY: as above.
    unsafe { control::<unsafe extern "C" fn() -> c_int>(c"simulator_nvjpeg2k_alive")() }
}

/// # Safety
///
/// `F` is the function's type.
#[allow(clippy::expect_used)] // what the build has put there
unsafe fn control<F: Copy>(name: &std::ffi::CStr) -> F {
    static LIBRARY: OnceLock<Library> = OnceLock::new();
    let library = LIBRARY.get_or_init(|| {
        // It finds the driver by its name, among what is loaded.
        crate::load();
        let path = crate::directory().join("libnvjpeg2k.so.0");
        // SAFETY: it has no initialisers.
        unsafe { Library::open(Some(path), RTLD_NOW | RTLD_LOCAL) }.expect("the simulated libnvjpeg2k.so.0 loads")
    });
    // SAFETY: the caller's.
    *unsafe { library.get::<F>(name.to_bytes_with_nul()) }.expect("the simulator exports its controls")
}
