//! Any bytes as a frame: what `uvid_fuzz::frame` promises.
#![no_main]

use libfuzzer_sys::fuzz_target;
use uvid_codecs::Format;

fuzz_target!(|input: &[u8]| uvid_fuzz::frame(Format::Jpeg2000, input));
