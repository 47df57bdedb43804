//! Any bytes: a mammogram, something listed, or an error; what the header says, the whole file says too.
#![no_main]

use libfuzzer_sys::fuzz_target;
use uvid_datasets::dicom::{Limits, read, read_header};

fuzz_target!(|bytes: &[u8]| {
    let limits = Limits { frame_pixels_max: 1 << 20, inflated_bytes_max: 1 << 22, ..Limits::default() };
    let header = read_header(bytes, &limits);
    if let Ok(received) = read(bytes, &limits) {
        let header = header.expect("a file that reads has a header");
        assert_eq!(received.content.study(), &header.study);
        assert_eq!(received.content.sop_instance(), &header.sop_instance);
    }
});
