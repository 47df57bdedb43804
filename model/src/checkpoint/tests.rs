//! Made files, sound and hostile.

use proptest::prelude::*;

use super::*;

mod damage;
mod hostile;
mod sound;
mod write;

use write::{Tensor, legacy, pickle, zip_file};

/// The message of the error, or the empty text.
fn error(bytes: &[u8], limits: &Limits) -> String {
    Checkpoint::read(bytes, limits).err().map(|e| e.to_string()).unwrap_or_default()
}

#[track_caller]
fn refused(bytes: &[u8], why: &str) {
    let error = error(bytes, &Limits::default());
    assert!(error.contains(why), "{error:?} does not say {why:?}");
}
