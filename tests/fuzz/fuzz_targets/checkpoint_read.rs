//! Any bytes as a checkpoint: values or an error, and every tensor of it can be copied out.
#![no_main]

use libfuzzer_sys::fuzz_target;
use uvid_model::checkpoint::{Checkpoint, Limits};

fuzz_target!(|bytes: &[u8]| {
    let limits = Limits { values_max: 1 << 18, memo_max: 1 << 18, tensor_bytes_max: 1 << 22, ..Limits::default() };
    if let Ok(checkpoint) = Checkpoint::read(bytes, &limits) {
        for tensor in checkpoint.tensors().values() {
            assert_eq!(tensor.to_bytes().len(), tensor.elements() * tensor.dtype().bytes());
        }
        checkpoint.weights().expect("tensors that were read can be taken");
        let _ = checkpoint.get(&["args", "0"]).map(|value| value.numbers());
    }
});
