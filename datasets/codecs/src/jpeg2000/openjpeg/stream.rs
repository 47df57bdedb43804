//! OpenJPEG's streams over memory of ours.
//!
//! Invariant: the library is given no address outside a slice or vector, and `at` never leaves it.
#![allow(unsafe_code)]

use std::ffi::{c_int, c_void};
use std::ptr;

use openjpeg_sys as opj;

use crate::CodecError;

/// Bytes that the library buffers between calls to [`read`] and [`write`].
const BUFFER_BYTES: usize = 1 << 16;

pub(super) struct Stream(pub(super) *mut opj::opj_stream_t);

impl Stream {
    /// Callers declare `source` before the stream, so that it outlives it.
    pub(super) fn reading(source: &mut Source<'_>) -> Result<Self, CodecError> {
        let length = source.bytes.len() as u64;
        let stream = Self::new(true, ptr::from_mut(source).cast())?;
        // SAFETY: the stream is alive, and its user data is a `Source`, as the functions ask.
        unsafe {
            opj::opj_stream_set_user_data_length(stream.0, length);
            opj::opj_stream_set_read_function(stream.0, Some(read));
            opj::opj_stream_set_skip_function(stream.0, Some(read_skip));
            opj::opj_stream_set_seek_function(stream.0, Some(read_seek));
        }
        Ok(stream)
    }

    /// Callers declare `sink` before the stream, so that it outlives it.
    pub(super) fn writing(sink: &mut Sink) -> Result<Self, CodecError> {
        let stream = Self::new(false, ptr::from_mut(sink).cast())?;
        // SAFETY: the stream is alive, and its user data is a `Sink`, as the functions ask.
        unsafe {
            opj::opj_stream_set_write_function(stream.0, Some(write));
            opj::opj_stream_set_skip_function(stream.0, Some(write_skip));
            opj::opj_stream_set_seek_function(stream.0, Some(write_seek));
        }
        Ok(stream)
    }

    fn new(input: bool, data: *mut c_void) -> Result<Self, CodecError> {
        // SAFETY: makes an object, or null, which is not used.
        let stream = Self(unsafe { opj::opj_stream_create(BUFFER_BYTES, c_int::from(input)) });
        if stream.0.is_null() {
            return Err(CodecError::Library("OpenJPEG has no memory".to_owned()));
        }
        // SAFETY: the stream is alive; it frees nothing of ours.
        unsafe { opj::opj_stream_set_user_data(stream.0, data, None) };
        Ok(stream)
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        // SAFETY: owned; null is allowed.
        unsafe { opj::opj_stream_destroy(self.0) }
    }
}

/// What is read. Invariant: `at` lies within `bytes`.
pub(super) struct Source<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) at: usize,
}

/// What is written. Invariant: `at` lies within `bytes`.
pub(super) struct Sink {
    pub(super) bytes: Vec<u8>,
    pub(super) at: usize,
}

/// What the library takes for the end, or a failure.
const END: usize = usize::MAX;

/// # Safety
///
/// `data` is a [`Source`] that nothing else uses now, `buffer` has `count` bytes. So for all `read_` functions.
unsafe extern "C" fn read(buffer: *mut c_void, count: usize, data: *mut c_void) -> usize {
    // SAFETY: the caller's promise.
    let source = unsafe { &mut *data.cast::<Source<'_>>() };
    let rest = &source.bytes[source.at..];
    let count = count.min(rest.len());
    if count == 0 {
        return END;
    }
    // SAFETY: both have `count` bytes, and the library's buffer is not part of our slice.
    unsafe { ptr::copy_nonoverlapping(rest.as_ptr(), buffer.cast(), count) };
    source.at += count;
    count
}

unsafe extern "C" fn read_skip(count: i64, data: *mut c_void) -> i64 {
    // SAFETY: the caller's promise.
    let source = unsafe { &mut *data.cast::<Source<'_>>() };
    let count = usize::try_from(count).unwrap_or(0).min(source.bytes.len() - source.at);
    source.at += count;
    if count == 0 { -1 } else { count as i64 }
}

unsafe extern "C" fn read_seek(at: i64, data: *mut c_void) -> c_int {
    // SAFETY: the caller's promise.
    let source = unsafe { &mut *data.cast::<Source<'_>>() };
    match usize::try_from(at).ok().filter(|at| *at <= source.bytes.len()) {
        Some(at) => {
            source.at = at;
            1
        }
        None => 0,
    }
}

/// # Safety
///
/// `data` is a [`Sink`] that nothing else uses now, `buffer` has `count` bytes. So for all `write_` functions.
unsafe extern "C" fn write(buffer: *mut c_void, count: usize, data: *mut c_void) -> usize {
    // SAFETY: the caller's promise.
    let (sink, new) =
        unsafe { (&mut *data.cast::<Sink>(), std::slice::from_raw_parts(buffer.cast::<u8>().cast_const(), count)) };
    let over = count.min(sink.bytes.len() - sink.at);
    sink.bytes[sink.at..sink.at + over].copy_from_slice(&new[..over]);
    sink.bytes.extend_from_slice(&new[over..]);
    sink.at += count;
    count
}

unsafe extern "C" fn write_skip(count: i64, data: *mut c_void) -> i64 {
    // SAFETY: the caller's promise.
    let sink = unsafe { &mut *data.cast::<Sink>() };
    match usize::try_from(count).ok().filter(|count| *count <= sink.bytes.len() - sink.at) {
        Some(skipped) => {
            sink.at += skipped;
            count
        }
        None => -1,
    }
}

unsafe extern "C" fn write_seek(at: i64, data: *mut c_void) -> c_int {
    // SAFETY: the caller's promise.
    let sink = unsafe { &mut *data.cast::<Sink>() };
    match usize::try_from(at).ok().filter(|at| *at <= sink.bytes.len()) {
        Some(at) => {
            sink.at = at;
            1
        }
        None => 0,
    }
}
