//! The library, and how it is used.
//!
//! Invariants:
//! - Its functions are called with the device's primary context current, which is what the CUDA runtime in it uses.
//! - A handle is destroyed once, the library is there as long as any of its handles.
//! - Memory that a decoding writes outlives it: whatever comes, the stream is waited for before `decode` returns.
#![allow(unsafe_code)]

use std::ffi::c_void;
use std::ptr::{from_mut, null_mut};

use super::abi::{ComponentInfo, Destroy, Functions, Handle, Image, ImageInfo, Status, UINT16, check, functions};
use super::{DecodeFault, NoDecoder, Plane};
use crate::device::{Buffer, Device, Pinned, Stream};

/// A handle with what destroys it.
struct Owned {
    handle: Handle,
    destroy: Destroy,
}

impl Owned {
    fn new(
        call: &'static str,
        destroy: Destroy,
        create: impl FnOnce(*mut Handle) -> Status,
    ) -> Result<Self, DecodeFault> {
        let mut handle = null_mut();
        check(call, create(from_mut(&mut handle)))?;
        Ok(Self { handle, destroy })
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        // SAFETY: it was created, and nothing uses it any more. Of a failed device nothing can be freed.
        unsafe { (self.destroy)(self.handle) };
    }
}

/// What the library keeps, in the order in which it goes.
struct Handles {
    parsed: Owned,
    state: Owned,
    library: Owned,
}

impl Handles {
    /// The context is current.
    fn new(functions: &Functions) -> Result<Self, DecodeFault> {
        // SAFETY: it gives a handle, or an error.
        let create = |to| unsafe { (functions.create)(to) };
        let library = Owned::new("nvjpeg2kCreateSimple", functions.destroy, create)?;
        // SAFETY: the same; the library's handle is there.
        let create = |to| unsafe { (functions.state_create)(library.handle, to) };
        let state = Owned::new("nvjpeg2kDecodeStateCreate", functions.state_destroy, create)?;
        // SAFETY: as the first.
        let create = |to| unsafe { (functions.stream_create)(to) };
        let parsed = Owned::new("nvjpeg2kStreamCreate", functions.stream_destroy, create)?;
        Ok(Self { parsed, state, library })
    }
}

/// Where the samples of a frame come: on the device, then here.
struct Memory {
    on_device: Buffer,
    pinned: Pinned,
}

/// A decoder on one GPU: one frame at a time. It keeps the memory of the largest frame that it has decoded.
pub struct Jpeg2000 {
    /// There until it is dropped.
    handles: Option<Handles>,
    memory: Option<Memory>,
    functions: &'static Functions,
    stream: Stream,
    version: String,
}

// SAFETY: the library's handles may be used from any thread, one at a time, with their context current.
unsafe impl Send for Jpeg2000 {}

impl Jpeg2000 {
    /// Opens the library on a GPU, which is opened if it is not yet.
    ///
    /// # Errors
    ///
    /// The library is not installed or has not the functions that are used, or it or the device fails.
    pub fn open(ordinal: usize) -> Result<Self, NoDecoder> {
        let functions = functions()?;
        let stream = Device::open(ordinal).and_then(|device| device.stream()).map_err(DecodeFault::from)?;
        stream.bind().map_err(DecodeFault::from)?;
        let handles = Some(Handles::new(functions)?);
        Ok(Self { handles, memory: None, functions, stream, version: version(functions)? })
    }

    /// The library's version: `0.11.0`.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Decodes a bare code stream, reversible and of one unsigned component, of the frame that is expected: row by row.
    ///
    /// # Errors
    ///
    /// Anything odd; [`DecodeFault::is_passing`] says whether it may be asked again.
    pub fn decode(&mut self, codestream: &[u8], expected: Plane) -> Result<Vec<u16>, DecodeFault> {
        let bytes = 2 * expected.samples().ok_or(DecodeFault::Size(expected))?;
        self.stream.bind()?;
        let Some(handles) = &self.handles else { return Err(DecodeFault::Other) };
        parse(self.functions, handles, codestream, expected)?;
        let memory = match self.memory.take() {
            Some(held) if held.on_device.bytes() >= bytes => held,
            too_small => {
                drop(too_small);
                let device = self.stream.device();
                Memory { on_device: device.allocate(bytes)?, pinned: device.pinned(bytes)? }
            }
        };
        let memory = self.memory.insert(memory);
        let queued = queue(self.functions, handles, &self.stream, memory, expected.columns, bytes);
        // Also where an error came: part of it may be queued.
        self.stream.wait()?;
        queued?;
        samples(&memory.pinned.bytes()[..bytes], expected.precision)
    }
}

impl Drop for Jpeg2000 {
    fn drop(&mut self) {
        let handles = self.handles.take();
        // Of a device that failed nothing can be freed, and without its context the library would free in another's.
        if self.stream.bind().is_err() {
            std::mem::forget(handles);
        }
    }
}

/// Lets the library read the headers, and compares what it reads with the frame that is expected.
fn parse(functions: &Functions, handles: &Handles, stream: &[u8], expected: Plane) -> Result<(), DecodeFault> {
    let (library, parsed) = (handles.library.handle, handles.parsed.handle);
    let (mut image, mut component) = (ImageInfo::default(), ComponentInfo::default());
    // SAFETY: the handles are there; so many bytes are at the pointer, for as long as the stream is decoded.
    let status = unsafe { (functions.parse)(library, stream.as_ptr(), stream.len(), 0, 0, parsed) };
    check("nvjpeg2kStreamParse", status)?;
    // SAFETY: the struct is the header's.
    check("nvjpeg2kStreamGetImageInfo", unsafe { (functions.image_info)(parsed, &mut image) })?;
    if image.num_components != 1 {
        return Err(DecodeFault::Other);
    }
    // SAFETY: the same; there is one component.
    let status = unsafe { (functions.component_info)(parsed, &mut component, 0) };
    check("nvjpeg2kStreamGetImageComponentInfo", status)?;
    let ComponentInfo { component_width, component_height, precision, sgn } = component;
    let sides = (expected.columns, expected.rows);
    let same = (image.image_width as usize, image.image_height as usize) == sides
        && (component_width as usize, component_height as usize) == sides
        && u16::from(precision) == expected.precision
        && sgn == 0;
    if same { Ok(()) } else { Err(DecodeFault::Other) }
}

/// What memory is filled with before a decoding, so that no sample is left of another frame: one that is not written is
/// beyond any precision but 16.
const UNWRITTEN: u8 = 0xFF;

/// Decodes what was parsed, and copies it down; neither is waited for.
fn queue(
    functions: &Functions,
    handles: &Handles,
    stream: &Stream,
    memory: &mut Memory,
    columns: usize,
    bytes: usize,
) -> Result<(), DecodeFault> {
    let mut place = memory.on_device.address() as *mut c_void;
    let mut pitch = 2 * columns;
    let mut image = Image {
        pixel_data: from_mut(&mut place),
        pitch_in_bytes: from_mut(&mut pitch),
        pixel_type: UINT16,
        num_components: 1,
    };
    let Handles { parsed, state, library } = handles;
    // SAFETY: so many bytes are there, until the stream was waited for.
    unsafe { stream.fill(memory.on_device.address(), UNWRITTEN, bytes)? };
    // SAFETY: the handles are there; rows of this pitch, as many as were expected and parsed, are in the memory, which the
    // caller keeps until the stream was waited for.
    let status = unsafe { (functions.decode)(library.handle, state.handle, parsed.handle, &mut image, stream.raw()) };
    check("nvjpeg2kDecode", status)?;
    // SAFETY: both sides have so many bytes, and are not touched before the stream was waited for.
    unsafe { stream.download(memory.on_device.address(), &mut memory.pinned, 0, bytes)? };
    Ok(())
}

fn samples(bytes: &[u8], precision: u16) -> Result<Vec<u16>, DecodeFault> {
    let samples: Vec<u16> = bytes.as_chunks().0.iter().map(|pair| u16::from_ne_bytes(*pair)).collect();
    let above = u16::MAX.checked_shl(precision.into()).unwrap_or(0);
    if samples.iter().fold(0, |all, sample| all | sample) & above == 0 { Ok(samples) } else { Err(DecodeFault::Beyond) }
}

fn version(functions: &Functions) -> Result<String, DecodeFault> {
    // MAJOR_VERSION, MINOR_VERSION, PATCH_LEVEL of libraryPropertyType.
    let numbers = [0, 1, 2].map(|property| {
        let mut number = 0;
        // SAFETY: it writes one number.
        let status = unsafe { (functions.get_property)(property, &mut number) };
        check("nvjpeg2kGetProperty", status).map(|()| number.to_string())
    });
    let numbers: Result<Vec<_>, _> = numbers.into_iter().collect();
    Ok(numbers?.join("."))
}
