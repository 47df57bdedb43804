//! What of `nvjpeg2k.h` (version 0.11 of the wheel `nvidia-nvjpeg2k-cu12`) is used: its types and functions.
//!
//! Invariants: a struct has the fields of the header's, in their order; a library that lacks one of the functions is none.
#![allow(unsafe_code)]

use std::ffi::{c_int, c_void};
use std::sync::OnceLock;

use libloading::Library;

use super::{DecodeFault, NoDecoder};

/// An opaque `nvjpeg2kHandle_t`, `nvjpeg2kDecodeState_t` or `nvjpeg2kStream_t`.
pub(super) type Handle = *mut c_void;
/// `nvjpeg2kStatus_t`; 0 is success.
pub(super) type Status = c_int;
pub(super) type Create = unsafe extern "C" fn(*mut Handle) -> Status;
pub(super) type Destroy = unsafe extern "C" fn(Handle) -> Status;

/// `nvjpeg2kImageInfo_t`.
#[repr(C)]
#[derive(Default)]
pub(super) struct ImageInfo {
    pub(super) image_width: u32,
    pub(super) image_height: u32,
    pub(super) tile_width: u32,
    pub(super) tile_height: u32,
    pub(super) num_tiles_x: u32,
    pub(super) num_tiles_y: u32,
    pub(super) num_components: u32,
}

/// `nvjpeg2kImageComponentInfo_t`.
#[repr(C)]
#[derive(Default)]
pub(super) struct ComponentInfo {
    pub(super) component_width: u32,
    pub(super) component_height: u32,
    pub(super) precision: u8,
    pub(super) sgn: u8,
}

/// `nvjpeg2kImage_t`: a place on the device for each component.
#[repr(C)]
pub(super) struct Image {
    pub(super) pixel_data: *mut *mut c_void,
    pub(super) pitch_in_bytes: *mut usize,
    pub(super) pixel_type: c_int,
    pub(super) num_components: u32,
}

/// `NVJPEG2K_UINT16`.
pub(super) const UINT16: c_int = 1;

/// The functions that are used, by the names of the header.
pub(super) struct Functions {
    pub(super) get_property: unsafe extern "C" fn(c_int, *mut c_int) -> Status,
    pub(super) create: Create,
    pub(super) destroy: Destroy,
    pub(super) state_create: unsafe extern "C" fn(Handle, *mut Handle) -> Status,
    pub(super) state_destroy: Destroy,
    pub(super) stream_create: Create,
    pub(super) stream_destroy: Destroy,
    pub(super) parse: unsafe extern "C" fn(Handle, *const u8, usize, c_int, c_int, Handle) -> Status,
    pub(super) image_info: unsafe extern "C" fn(Handle, *mut ImageInfo) -> Status,
    pub(super) component_info: unsafe extern "C" fn(Handle, *mut ComponentInfo, u32) -> Status,
    pub(super) decode: unsafe extern "C" fn(Handle, Handle, Handle, *mut Image, *mut c_void) -> Status,
    /// The functions are in it.
    _library: Library,
}

pub(super) fn functions() -> Result<&'static Functions, NoDecoder> {
    static FUNCTIONS: OnceLock<Result<Functions, String>> = OnceLock::new();
    let found = FUNCTIONS.get_or_init(|| load().map_err(|error| error.to_string()));
    found.as_ref().map_err(|said| NoDecoder::NoLibrary(said.clone()))
}

fn load() -> Result<Functions, libloading::Error> {
    // SAFETY: loading it runs its initialisers, as any program that uses it does.
    let library = unsafe { Library::new("libnvjpeg2k.so.0").or_else(|_| Library::new("libnvjpeg2k.so"))? };
    // SAFETY: the types are those of nvjpeg2k.h.
    unsafe {
        Ok(Functions {
            get_property: *library.get(b"nvjpeg2kGetProperty\0")?,
            create: *library.get(b"nvjpeg2kCreateSimple\0")?,
            destroy: *library.get(b"nvjpeg2kDestroy\0")?,
            state_create: *library.get(b"nvjpeg2kDecodeStateCreate\0")?,
            state_destroy: *library.get(b"nvjpeg2kDecodeStateDestroy\0")?,
            stream_create: *library.get(b"nvjpeg2kStreamCreate\0")?,
            stream_destroy: *library.get(b"nvjpeg2kStreamDestroy\0")?,
            parse: *library.get(b"nvjpeg2kStreamParse\0")?,
            image_info: *library.get(b"nvjpeg2kStreamGetImageInfo\0")?,
            component_info: *library.get(b"nvjpeg2kStreamGetImageComponentInfo\0")?,
            decode: *library.get(b"nvjpeg2kDecode\0")?,
            _library: library,
        })
    }
}

pub(super) fn check(call: &'static str, status: Status) -> Result<(), DecodeFault> {
    if status == 0 { Ok(()) } else { Err(DecodeFault::Library { call, status }) }
}
