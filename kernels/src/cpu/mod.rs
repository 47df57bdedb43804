//! The fast executor: a network compiled for one processor.
#![allow(unsafe_code)]

mod amx;
mod conv;
mod functions;
mod isa;
mod kernel;
mod lanes;
mod packed;
