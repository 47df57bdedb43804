//! Damaged files: a value or an error, no panic, in bounded time.
//!
//! `TEST_FUZZ_CASES=100000 cargo test -p uvid-model checkpoint::tests::damage` runs more than the default.

use super::write::{PLAIN, floats, state_dict};
use super::*;

/// One change of a file.
#[derive(Debug, Clone)]
enum Change {
    Flip(prop::sample::Index, u8),
    Set(prop::sample::Index, u8),
    Fill(prop::sample::Index),
    Cut(prop::sample::Index, usize),
    Double(prop::sample::Index, usize),
    End(prop::sample::Index),
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        let place = |index: &prop::sample::Index| index.index(bytes.len());
        match self {
            _ if bytes.is_empty() => {}
            Self::Flip(at, bit) => {
                let at = place(at);
                bytes[at] ^= 1 << bit;
            }
            Self::Set(at, value) => {
                let at = place(at);
                bytes[at] = *value;
            }
            Self::Fill(at) => {
                let at = place(at);
                let end = (at + 4).min(bytes.len());
                bytes[at..end].fill(0xFF);
            }
            Self::Cut(at, count) => {
                let at = place(at);
                let end = (at + count).min(bytes.len());
                bytes.drain(at..end);
            }
            Self::Double(at, count) => {
                let at = place(at);
                let copy = bytes[at..(at + count).min(bytes.len())].to_vec();
                bytes.splice(at..at, copy);
            }
            Self::End(at) => {
                let at = place(at);
                bytes.truncate(at);
            }
        }
    }
}

fn change() -> impl Strategy<Value = Change> {
    let at = any::<prop::sample::Index>;
    prop_oneof![
        4 => (at(), 0u8..8).prop_map(|(at, bit)| Change::Flip(at, bit)),
        4 => (at(), any::<u8>()).prop_map(|(at, value)| Change::Set(at, value)),
        1 => at().prop_map(Change::Fill),
        1 => (at(), 1usize..16).prop_map(|(at, count)| Change::Cut(at, count)),
        1 => (at(), 1usize..64).prop_map(|(at, count)| Change::Double(at, count)),
        1 => at().prop_map(Change::End),
    ]
}

/// A state dict and a module with attributes in both of PyTorch's formats, a plain pickle with numpy's numbers,
/// safetensors.
fn seeds() -> Vec<Vec<u8>> {
    let storage = floats(6);
    let module = pickle(|p| {
        let p = p.global("m", "Net").raw(b")\x81}(").text("_modules").raw(b"}").text("args").raw(b"}").text("n").int(8);
        let p = p.raw(b"s").text("_parameters").global("collections", "OrderedDict").raw(b")R").text("w");
        let p = p.global("torch._utils", "_rebuild_parameter").raw(b"(").tensor(&PLAIN).raw(b"\x88}tRs");
        p.text("_buffers").raw(b"}ub")
    });
    let objects = [state_dict(&Tensor { shape: &[3, 2], strides: &[1, 3], ..PLAIN }), module];
    let mut seeds = Vec::new();
    for object in objects {
        seeds.push(zip_file(&object, &[("0", &storage)]));
        seeds.push(legacy(&object, &[("0", 6, &storage)]));
    }
    seeds.push(pickle(|p| {
        let p = p.raw(b"}").int(0).global("m", "Calibrator").raw(b")\x81}").text("slope");
        let p = p.global("numpy.core.multiarray", "scalar").global("numpy", "dtype").text("f4").raw(b"\x89\x88\x87R(");
        let p = p.int(3).text("<").raw(b"NNN").int(-1).int(-1).int(0).raw(b"tb");
        p.global("_codecs", "encode").text("ab\u{ff}?").text("latin1").raw(b"\x86R\x86Rsbs")
    }));
    let header = br#"{"w":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}}"#;
    seeds.push([&(header.len() as u64).to_le_bytes()[..], header, &storage].concat());
    seeds
}

/// Reads, and looks at everything once; tensors are small by the limit. Says whether it could be read.
fn exercise(bytes: &[u8]) -> bool {
    let limits = Limits { tensor_bytes_max: 1 << 20, ..Limits::default() };
    let Ok(checkpoint) = Checkpoint::read(bytes, &limits) else { return false };
    for tensor in checkpoint.tensors().values() {
        assert_eq!(tensor.to_bytes().len(), tensor.elements() * tensor.dtype().bytes());
        assert!(tensor.to_candle().is_ok_and(|t| t.dims() == tensor.shape()));
    }
    assert!(checkpoint.weights().is_ok());
    let mut open: Vec<Value<'_>> = checkpoint.root().into_iter().collect();
    for _ in 0..1000 {
        let Some(value) = open.pop() else { break };
        let _ = (value.numbers(), value.as_i64(), value.tensor(), value.get("0"));
        open.extend(value.items().chain(value.arguments()).take(100));
        open.extend(value.entries().chain(value.attributes()).flat_map(|(k, v)| [k, v]).take(100));
    }
    true
}

#[test]
fn damaged_files_give_an_error_or_a_value() {
    let cases = std::env::var("TEST_FUZZ_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(20_000);
    let seeds = seeds();
    for seed in &seeds {
        assert_eq!(error(seed, &Limits::default()), "");
        for length in 0..seed.len() {
            exercise(&seed[..length]);
        }
    }
    let started = std::time::Instant::now();
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let damage = (0..seeds.len(), prop::collection::vec(change(), 1..4));
    let sound = std::cell::Cell::new((0, 0));
    let outcome = runner.run(&damage, |(seed, changes)| {
        let mut bytes = seeds[seed].clone();
        changes.iter().for_each(|change| change.apply(&mut bytes));
        let started = std::time::Instant::now();
        let read = u32::from(exercise(&bytes));
        sound.set((sound.get().0 + read, sound.get().1 + 1));
        prop_assert!(started.elapsed() < std::time::Duration::from_secs(5));
        Ok(())
    });
    let (read, all) = sound.get();
    println!("{all} cases in {:?}, {read} were read all the same", started.elapsed());
    outcome.expect("no case fails");
}
