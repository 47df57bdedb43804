//! What must be refused, or must do nothing.

use super::write::{PLAIN, Pickle, floats, state_dict, zip_of};
use super::*;

#[test]
fn nothing_is_called() {
    let file = pickle(|p| p.global("os", "system").raw(b"(").text("touch /tmp/called").raw(b"tR"));
    let checkpoint = Checkpoint::read(&file, &Limits::default()).expect("reads");
    let root = checkpoint.root().expect("a pickle");
    assert_eq!(root.kind(), Kind::Object("os", "system"));
    assert_eq!(root.arguments().next().and_then(Value::as_str), Some("touch /tmp/called"));
}

#[test]
fn damaged_pickles() {
    let check = |body: &[u8], why: &str| refused(&[b"\x80\x02", body].concat(), why);
    check(b"", "ends within a value");
    check(b"N", "ends within a value");
    check(b".", "empty stack");
    check(b"\x80\x06", "protocol after 5");
    check(b"\xff.", "no opcode");
    check(b"X\xff\xff\xff\xffab.", "ends within a value");
    check(b"T\xff\xff\xff\xffab.", "negative length");
    check(b"\x8b\xff\xff\xff\xff.", "negative length");
    check(b"\x8d\xff\xff\xff\xff\xff\xff\xff\xffab.", "ends within a value");
    check(b"\x95\xff\xff\xff\xff\xff\xff\xff\x7fN.", "ends within a value");
    check(b"h\x05.", "not there");
    check(b"j\xff\xff\xff\xff.", "not there");
    check(b"t.", "mark that is not there");
    check(b"N(\x85.", "empty stack");
    check(b"N(a.", "empty stack");
    check(b"NNa.", "members to what has none");
    check(b"}K\x01a.", "members to what has none");
    check(b"}(K\x01u.", "key without a value");
    check(b"](K\x01K\x02u.", "members to what has none");
    check(b"]}b.", "attributes to what has none");
    check(b"cm\nC\n)R}b}b.", "twice");
    check(b"NN\x93.", "by no text");
    check(b"X\x01\x00\x00\x00\xff.", "not UTF-8");
    check(b"S'a\\n'\n.", "escaped text");
    check(b"Sab\n.", "without its quotes");
    check(b"I12345678901234567890\n.", "too large");
    check(b"\x82\x01.", "extension registry");
    check(b"\x97.", "outside the file");
    refused(b"", "neither");
    refused(b"hello", "neither");
}

#[test]
fn limits_hold() {
    let limits = Limits {
        structure_bytes_max: 1000,
        values_max: 100,
        memo_max: 10,
        stack_max: 50,
        zip_entries_max: 2,
        tensors_max: 1,
        dimensions_max: 2,
        name_bytes_max: 5,
        tensor_bytes_max: 16,
    };
    let check = |file: &[u8], why: &str| {
        let error = error(file, &limits);
        assert!(error.contains(why), "{error:?} does not say {why:?}");
    };
    let many = |unit: &[u8], count: usize| [b"\x80\x02", unit.repeat(count).as_slice(), b"."].concat();
    check(&many(b"]0", 98), "more than 100 values in a pickle");
    check(&many(b"N", 51), "more than 50 values on");
    check(&many(b"(", 51), "more than 50 marks");
    check(&many(b"N\x94", 11), "more than 10 entries in a pickle's memo");
    check(&many(b"X\x10\x00\x00\x000123456789abcdef0", 60), "more than 1000 bytes in a pickle");
    let zip = |tensor: Tensor| zip_file(&state_dict(&tensor), &[("0", &floats(6))]);
    check(&zip(PLAIN), "more than 2 entries in a zip");
    let legacy = |name: &str, tensor: Tensor| {
        let object = pickle(|p| p.raw(b"}").text(name).tensor(&tensor).raw(b"s"));
        legacy(&object, &[("0", 6, &floats(6))])
    };
    check(&legacy("w", PLAIN), "more than 16 bytes");
    let small = Tensor { shape: &[2], strides: &[1], ..PLAIN };
    check(&legacy("w", small), "");
    check(&legacy("longer", small), "more than 5 bytes in a tensor's name");
    check(&legacy("w", Tensor { shape: &[1, 1, 1], strides: &[1, 1, 1], ..PLAIN }), "up to 2 dimensions");
    let twice = |names: [&str; 2]| {
        let object = pickle(|p| names.iter().fold(p.raw(b"}"), |p, n| p.text(n).tensor(&small).raw(b"s")));
        super::legacy(&object, &[("0", 6, &floats(6))])
    };
    check(&twice(["a", "b"]), "more than 1 tensors");
    check(&twice(["a", "a"]), "\"a\" is there twice");
    let header = br#"{"longer":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}"#;
    check(&[&(header.len() as u64).to_le_bytes()[..], header].concat(), "more than 5 bytes in a tensor's name");
}

#[test]
fn views_stay_inside() {
    let check = |tensor: Tensor, why: &str| {
        let object = state_dict(&tensor);
        let storage = floats(6);
        refused(&zip_file(&object, &[("0", &storage)]), why);
        refused(&legacy(&object, &[("0", 6, &storage)]), why);
    };
    check(Tensor { offset: 1, ..PLAIN }, "tensor \"w\" of shape [2, 3] reaches outside its storage of 6 elements");
    check(Tensor { offset: -1, ..PLAIN }, "tensor \"w\" has no offset, or a negative one");
    check(Tensor { shape: &[3, 3], ..PLAIN }, "outside its storage");
    check(Tensor { shape: &[2, -3], ..PLAIN }, "negative dimension");
    check(Tensor { strides: &[3, -1], ..PLAIN }, "negative stride");
    check(Tensor { strides: &[i32::MAX, i32::MAX], ..PLAIN }, "outside its storage");
    check(Tensor { strides: &[1], ..PLAIN }, "has 2 dimensions and 1 strides");
    check(Tensor { shape: &[i32::MAX, i32::MAX, i32::MAX], strides: &[0, 0, 0], ..PLAIN }, "has more than");
    check(Tensor { shape: &[0, i32::MAX, i32::MAX, 9], strides: &[0, 0, 0, 0], ..PLAIN }, "has more than");
}

#[test]
fn storages_are_whole() {
    let object = state_dict(&PLAIN);
    let check = |file: Vec<u8>, why: &str| refused(&file, why);
    let six = floats(6);
    check(legacy(&object, &[("0", 6, &six[..20])]), "storage \"0\" is cut off");
    check(legacy(&object, &[("0", 5, &six)]), "has 5 elements, its tensors need 6");
    check(legacy(&object, &[("0", -1, &six)]), "has -1 elements");
    check(legacy(&object, &[("1", 6, &six)]), "that no tensor has");
    check(legacy(&object, &[("0", 6, &six), ("0", 6, &six)]), "listed twice");
    check(legacy(&object, &[]), "tensor \"w\" needs the storage \"0\", which is not in the file");
    check(zip_file(&object, &[]), "needs the storage \"0\"");
    check(zip_file(&object, &[("0", &six[..20])]), "should have 6 elements, is 20 bytes");
    let claimed = state_dict(&Tensor { numel: i32::MAX, ..PLAIN });
    check(legacy(&claimed, &[("0", i64::from(i32::MAX), &six)]), "cut off");
    let quantized = state_dict(&Tensor { class: "QInt8Storage", ..PLAIN });
    check(zip_file(&quantized, &[("0", &six)]), "tensor \"w\" has no storage of a known type");
    let double = pickle(|p| {
        let other = Tensor { class: "DoubleStorage", ..PLAIN };
        p.raw(b"}").text("a").tensor(&PLAIN).raw(b"s").text("b").tensor(&other).raw(b"s")
    });
    check(legacy(&double, &[("0", 6, &six)]), "storage \"0\" is named twice");
    let mut big_endian = legacy(&object, &[("0", 6, &six)]);
    let flag = big_endian.windows(2).position(|w| w == b"\x88s").expect("the flag");
    big_endian[flag] = 0x89;
    check(big_endian, "big-endian");
}

#[test]
fn archives() {
    let stored = zip::CompressionMethod::Stored;
    let object = state_dict(&PLAIN);
    let six = floats(6);
    let whole = zip_file(&object, &[("0", &six)]);
    for length in [3, 4, 60, whole.len() - 30, whole.len() - 1] {
        assert!(!error(&whole[..length], &Limits::default()).is_empty(), "{length}");
    }
    let check = |entries: &[(&str, &[u8])], why: &str| refused(&zip_of(entries, stored), why);
    check(&[("a/other", b"")], "no data.pkl");
    check(&[("a/data.pkl", &object), ("b/data.pkl", &object)], "more than one data.pkl");
    check(&[("a/data.pkl", &object), ("a/constants.pkl", b"")], "TorchScript");
    check(&[("a/data.pkl", &object), ("a/byteorder", b"big")], "big-endian");
    let packed = zip_of(&[("a/data.pkl", &object.repeat(50))], zip::CompressionMethod::Deflated);
    refused(&packed, "is compressed");

    let mut flipped = whole.clone();
    let at = flipped.windows(24).position(|w| w == six).expect("the storage");
    flipped[at] ^= 1;
    refused(&flipped, "\"archive/data/0\" is damaged, its CRC-32 differs");

    // The second entry's directory record: the same header as the first, so the same bytes.
    let mut entries: Vec<usize> = whole.windows(4).enumerate().filter(|w| w.1 == b"PK\x01\x02").map(|w| w.0).collect();
    let (last, first) = (entries.pop().expect("three"), entries[0]);
    let mut doubled = whole.clone();
    doubled.copy_within(first..first + 20, last);
    doubled.copy_within(first + 42..first + 46, last + 42);
    refused(&doubled, "zip archive");

    // A count of entries that are not there costs nothing.
    let mut many = whole.clone();
    let end = many.len() - 22;
    many[end + 10..end + 12].copy_from_slice(&60_000u16.to_le_bytes());
    refused(&many, "an entry is damaged");
}

#[test]
fn depth_and_cycles() {
    let limits = Limits::default();
    let read = |bytes: &[u8]| Checkpoint::read(bytes, &limits).map(drop);
    // A million lists in one another.
    let nested = [b"\x80\x02", b"]".repeat(1_000_000).as_slice(), b"a".repeat(999_999).as_slice(), b"."].concat();
    read(&nested).expect("reads");
    let tuples = [b"\x80\x02N", b"\x85".repeat(1_000_000).as_slice(), b"."].concat();
    read(&tuples).expect("reads");
    // A list in itself, and a parameter that wraps nothing.
    read(b"\x80\x02]q\x00h\x00a.").expect("reads");
    let checkpoint = Checkpoint::read(b"\x80\x02}q\x00X\x05\x00\x00\x00modelh\x00s.", &limits).expect("reads");
    assert!(checkpoint.tensors().is_empty() && checkpoint.get(&["model", "model"]).is_some());
    let parameter = pickle(|p| p.raw(b"}").text("w").global("torch._utils", "_rebuild_parameter").raw(b"NN\x86Rs"));
    refused(&parameter, "\"w\" is made by _rebuild_parameter, which is not supported");
}

/// A module whose only child is given by `child`, which finds the module itself in memo 0.
fn module(child: impl FnOnce(Pickle) -> Pickle) -> Vec<u8> {
    pickle(|p| {
        let p = p.global("m", "Net").raw(b")\x81q\x00}").text("_modules").raw(b"}");
        child(p).raw(b"sb")
    })
}

#[test]
fn bombs_of_modules() {
    // A module in itself: its name would grow for ever.
    refused(&module(|p| p.text("a").raw(b"h\x00s")), "more than 1024 bytes in a tensor's name");
    // The same, doubled each time.
    refused(&module(|p| p.text("").raw(b"h\x00s").text("a").raw(b"h\x00s")), "more than");
    // A million entries, looked at again for each of many modules.
    let wide = module(|p| {
        let p = p.text("").raw(b"h\x00s");
        (0..100_000).fold(p, |p, _| p.raw(b"NNs"))
    });
    let started = std::time::Instant::now();
    refused(&wide, "more than");
    assert!(started.elapsed() < std::time::Duration::from_secs(20), "{:?}", started.elapsed());
}

#[test]
fn views_cannot_repeat_without_end() {
    // Many views, each as large as a tensor may be, of one number.
    let view = Tensor { shape: &[1 << 15, 1 << 15], strides: &[0, 0], ..PLAIN };
    let object = pickle(|p| ["a", "b", "c"].iter().fold(p.raw(b"}"), |p, n| p.text(n).tensor(&view).raw(b"s")));
    refused(&legacy(&object, &[("0", 6, &floats(6))]), "bytes of tensors");
}

#[test]
fn memory_is_a_multiple_of_the_file() {
    for unit in [b"]".as_slice(), b"}0", b")R", b"Q", b"\x85", b")2\x86", b"cm\nn\n"] {
        let file = [b"\x80\x02N", unit.repeat(1_000_000).as_slice(), b"."].concat();
        let checkpoint = Checkpoint::read(&file, &Limits::default()).expect("reads");
        let held = checkpoint.tree.as_ref().expect("a pickle").arena.bytes_held();
        assert!(held < 60 * file.len(), "{unit:?}: {held} bytes for {}", file.len());
    }
}
