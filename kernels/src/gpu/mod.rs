//! Networks on GPUs.
#![allow(unsafe_code)]

#[allow(dead_code, reason = "for the executor")]
pub mod prepare;
