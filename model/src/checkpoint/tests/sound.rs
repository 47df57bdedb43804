//! What must be read, and how.

use super::write::{PLAIN, Pickle, floats, state_dict};
use super::*;

fn read(bytes: &[u8]) -> Checkpoint<'_> {
    Checkpoint::read(bytes, &Limits::default()).expect("reads")
}

fn numbers(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect()
}

#[test]
fn views() {
    let check = |tensor: Tensor, expected: &[f32]| {
        let object = state_dict(&tensor);
        let storage = floats(6);
        for file in [zip_file(&object, &[("0", &storage)]), legacy(&object, &[("0", 6, &storage)])] {
            let checkpoint = read(&file);
            let found = &checkpoint.tensors()["w"];
            assert_eq!(numbers(&found.to_bytes()), expected);
            let shape: Vec<_> = tensor.shape.iter().map(|d| *d as usize).collect();
            assert_eq!(found.to_candle().expect("candle").dims(), shape);
        }
    };
    check(PLAIN, &[0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
    check(Tensor { shape: &[3, 2], strides: &[1, 3], ..PLAIN }, &[0.0, 3.0, 1.0, 4.0, 2.0, 5.0]);
    check(Tensor { shape: &[2, 2], strides: &[3, 1], offset: 1, ..PLAIN }, &[1.0, 2.0, 4.0, 5.0]);
    check(Tensor { shape: &[], strides: &[], offset: 5, ..PLAIN }, &[5.0]);
    check(Tensor { shape: &[3], strides: &[0], offset: 2, ..PLAIN }, &[2.0, 2.0, 2.0]);
    check(Tensor { shape: &[0, 3], strides: &[3, 1], ..PLAIN }, &[]);
    check(Tensor { shape: &[1, 2], strides: &[i32::MAX, 1], ..PLAIN }, &[0.0, 1.0]);
}

#[test]
fn a_directory_of_64_bits() {
    // The same archive with what a file of more than 4 GiB has: extra fields, a second end record and its locator.
    let small = zip_file(&state_dict(&PLAIN), &[("0", &floats(6))]);
    let end = small.len() - 22;
    let number = |at: usize| u32::from_le_bytes(*small[at..].first_chunk().expect("a number"));
    let (count, start) = (u64::from(small[end + 10]), number(end + 16) as usize);
    let mut file = small[..start].to_vec();
    let mut at = start;
    for _ in 0..count {
        let name = at + 46..at + 46 + usize::from(small[at + 28]);
        let mut record = small[at..at + 46].to_vec();
        record[20..28].fill(0xFF);
        record[42..46].fill(0xFF);
        record[30..32].copy_from_slice(&28u16.to_le_bytes());
        file.extend([&record, &small[name.clone()], &[1, 0, 24, 0]].concat());
        for field in [24, 20, 42] {
            file.extend(u64::from(number(at + field)).to_le_bytes());
        }
        at = name.end;
    }
    let end_64 = file.len() as u64;
    let zeros = [0; 28];
    let counts = [count.to_le_bytes(), count.to_le_bytes(), 0u64.to_le_bytes(), (start as u64).to_le_bytes()].concat();
    file.extend([b"PK\x06\x06", &zeros[..20], &counts, b"PK\x06\x07", &zeros[..4]].concat());
    file.extend(
        [&end_64.to_le_bytes()[..], &zeros[..4], b"PK\x05\x06", &zeros[..4], &[0xFF; 12], &zeros[..2]].concat(),
    );
    assert_eq!(numbers(&read(&file).tensors()["w"].to_bytes()), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
    refused(&file[..file.len() - 1], "cut off");
}

#[test]
fn where_the_weights_stand() {
    let storage = floats(6);
    let check = |body: &dyn Fn(Pickle) -> Pickle, expected: &[&str], plain: &[&str]| {
        let file = zip_file(&pickle(body), &[("0", &storage)]);
        let checkpoint = read(&file);
        assert_eq!(checkpoint.tensors().keys().collect::<Vec<_>>(), expected);
        let weights = checkpoint.weights().expect("weights");
        assert_eq!(weights.names().collect::<Vec<_>>(), plain);
    };
    let module = |p: Pickle, class: &str, key: &str, inside: &dyn Fn(Pickle) -> Pickle| {
        // The first use of a class comes with its source.
        let p = p.raw(b"(").text("module").global("a.module", class).text("file.py").text("class ...").raw(b"tQ");
        inside(p.raw(b")\x81}").text(key).raw(b"}")).raw(b"sb")
    };
    let leaf = |p: Pickle| {
        let p = p.global("a.module", "Linear").raw(b")\x81}").text("_modules").raw(b"}s").text("_parameters").raw(b"}");
        let p = p.text("weight").global("torch._utils", "_rebuild_parameter").raw(b"(").tensor(&PLAIN).raw(b"\x88}tR");
        p.raw(b"s").text("bias").raw(b"Nssb")
    };
    let net = |p: Pickle| module(p, "Net", "_modules", &|p| leaf(p.text("fc")).raw(b"s"));
    let parallel = |p: Pickle| module(p, "DataParallel", "_modules", &|p| net(p.text("module")).raw(b"s"));
    let tensor = |p: Pickle, name: &str| p.text(name).tensor(&PLAIN).raw(b"s");

    check(&|p| tensor(p.raw(b"}"), "fc.weight"), &["fc.weight"], &["fc.weight"]);
    check(&|p| tensor(p.global("collections", "OrderedDict").raw(b")R"), "w"), &["w"], &["w"]);
    check(
        &|p| p.global("collections", "OrderedDict").raw(b"(](]").text("w").raw(b"a").tensor(&PLAIN).raw(b"aetR"),
        &["w"],
        &["w"],
    );
    check(
        &|p| tensor(p.raw(b"}").text("epoch").int(3).raw(b"s").text("model").raw(b"}"), "w").raw(b"s"),
        &["w"],
        &["w"],
    );
    check(&|p| tensor(p.raw(b"}").text("state_dict").raw(b"}"), "w").raw(b"s"), &["w"], &["w"]);
    check(&net, &["fc.weight"], &["fc.weight"]);
    check(&|p| net(p.raw(b"}").text("model")).raw(b"s"), &["fc.weight"], &["fc.weight"]);
    check(&parallel, &["module.fc.weight"], &["fc.weight"]);
    check(&|p| tensor(tensor(p.raw(b"}"), "module.a"), "b"), &["b", "module.a"], &["b", "module.a"]);
    check(&|p| p.raw(b"}").text("a").int(1).raw(b"s"), &[], &[]);
}

#[test]
fn a_part_of_a_storage() {
    // PyTorch before 0.4: ('storage', class, root, location, elements, (key, offset, length)).
    let object = pickle(|p| {
        let p = p.raw(b"}").text("w").global("torch._utils", "_rebuild_tensor").raw(b"((").text("storage");
        let p = p.global("torch", "FloatStorage").text("0").text("cpu").int(6).raw(b"(").text("1").int(2).int(3);
        p.raw(b"ttQ").int(1).ints(&[2]).ints(&[1]).raw(b"tRs")
    });
    let file = legacy(&object, &[("0", 6, &floats(6))]);
    assert_eq!(numbers(&read(&file).tensors()["w"].to_bytes()), [3.0, 4.0]);
}

#[test]
fn bytes_without_a_type() {
    let object = pickle(|p| {
        let p = p.raw(b"}").text("w").global("torch._utils", "_rebuild_tensor_v3").raw(b"((").text("storage");
        let p = p.global("torch.storage", "UntypedStorage").text("0").text("cpu").int(24).raw(b"tQ").int(1).ints(&[2]);
        p.ints(&[2]).raw(b"\x89}").global("torch", "float32").raw(b"}tRs")
    });
    let file = zip_file(&object, &[("0", &floats(6))]);
    assert_eq!(numbers(&read(&file).tensors()["w"].to_bytes()), [1.0, 3.0]);
}

#[test]
fn safetensors_files() {
    let header = br#"{"w":{"dtype":"F32","shape":[3],"data_offsets":[0,12]}}"#;
    let file = [&(header.len() as u64).to_le_bytes()[..], header, &floats(3)].concat();
    let checkpoint = read(&file);
    assert_eq!(numbers(&checkpoint.tensors()["w"].to_bytes()), [0.0, 1.0, 2.0]);
    assert!(checkpoint.root().is_none() && checkpoint.get(&["w"]).is_none());
    assert_eq!(checkpoint.weights().expect("weights").names().collect::<Vec<_>>(), ["w"]);
    refused(&file[..file.len() - 1], "safetensors");
}

#[test]
fn plain_values() {
    let check = |body: &[u8], expected: Kind<'_>| {
        let file = [b"\x80\x05", body, b"."].concat();
        assert_eq!(read(&file).root().expect("a pickle").kind(), expected, "{body:?}");
    };
    check(b"N", Kind::None);
    check(b"\x88", Kind::Bool(true));
    check(b"I00\n", Kind::Bool(false));
    check(b"I-12\n", Kind::Int(-12));
    check(b"L12L\n", Kind::Int(12));
    check(b"J\xff\xff\xff\xff", Kind::Int(-1));
    check(b"K\xff", Kind::Int(255));
    check(b"M\x00\x01", Kind::Int(256));
    check(b"\x8a\x00", Kind::Int(0));
    check(b"\x8a\x02\xff\xff", Kind::Int(-1));
    check(b"\x8b\x02\x00\x00\x00\xff\x7f", Kind::Int(32767));
    check(b"\x8a\x09\x01\x00\x00\x00\x00\x00\x00\x00\x01", Kind::LongInt(&[1, 0, 0, 0, 0, 0, 0, 0, 1]));
    check(b"G\x3f\xf8\x00\x00\x00\x00\x00\x00", Kind::Float(1.5));
    check(b"F1.5\n", Kind::Float(1.5));
    check(b"S'ab'\n", Kind::Str("ab"));
    check(b"Vab\n", Kind::Str("ab"));
    check(b"\x8c\x02\xc3\xa9", Kind::Str("\u{e9}"));
    check(b"U\x02\xc3\xff", Kind::Bytes(&[0xc3, 0xff]));
    check(b"C\x02ab", Kind::Bytes(b"ab"));
    check(b"\x96\x01\x00\x00\x00\x00\x00\x00\x00a", Kind::Bytes(b"a"));
    check(b"(K\x01K\x02l", Kind::List);
    check(b"(K\x01K\x02d", Kind::Dict);
    check(b"K\x01K\x02\x86", Kind::Tuple);
    check(b"(K\x01\x91", Kind::Set);
    check(b"c__builtin__\nset\n](K\x01K\x02e\x85R", Kind::Set);
    check(b"ccollections\nOrderedDict\n)R", Kind::Dict);
    check(b"cos\nsystem\n", Kind::Global("os", "system"));
    check(b"\x8c\x02os\x94\x8c\x06system\x94\x93", Kind::Global("os", "system"));
    check(b"(iargparse\nNamespace\n", Kind::Object("argparse", "Namespace"));
    check(b"(cargparse\nNamespace\no", Kind::Object("argparse", "Namespace"));
    check(b"ccopy_reg\n_reconstructor\n(cm\nC\nc__builtin__\nobject\nNtR", Kind::Object("m", "C"));
    check(b"K\x07q\x00K\x010h\x00", Kind::Int(7));
    check(b"(K\x01K\x021K\x05", Kind::Int(5));
    check(b"K\x03\x94K\x042\x940h\x00", Kind::Int(3));
}

#[test]
fn members_by_name() {
    // {"a": [10, 20], 3: {"b": 1}, "b": 2, "b": 4}
    let file = pickle(|p| {
        let p = p.raw(b"}(").text("a").raw(b"](").int(10).int(20).raw(b"e").int(3).raw(b"}").text("b").int(1).raw(b"s");
        p.text("b").int(2).text("b").int(4).raw(b"u")
    });
    let checkpoint = read(&file);
    let check = |path: &[&str], expected: Option<i64>| {
        assert_eq!(checkpoint.get(path).and_then(Value::as_i64), expected, "{path:?}");
    };
    check(&["a", "1"], Some(20));
    check(&["a", "2"], None);
    check(&["3", "b"], Some(1));
    check(&["b"], Some(4));
    check(&["c"], None);
    assert_eq!(checkpoint.get(&["a"]).and_then(Value::numbers), Some(vec![10.0, 20.0]));
}

#[test]
fn numpy_numbers() {
    let dtype = |p: Pickle, code: &str, order: &str| {
        let p = p.global("numpy", "dtype").text(code).raw(b"\x89\x88\x87R(").int(3).text(order);
        p.raw(b"NNN").int(-1).int(-1).int(0).raw(b"tb")
    };
    let scalar = |code: &'static str, order: &'static str, data: &'static [u8]| {
        pickle(|p| {
            let p = dtype(p.global("numpy.core.multiarray", "scalar"), code, order);
            p.raw(b"C").raw(&[data.len() as u8]).raw(data).raw(b"\x86R")
        })
    };
    let check = |file: &[u8], expected: Option<&[f64]>| {
        assert_eq!(read(file).root().and_then(Value::numbers).as_deref(), expected);
    };
    check(&scalar("f4", "<", &[0, 0, 0xc0, 0x3f]), Some(&[1.5]));
    check(&scalar("i8", "<", &[0xff; 8]), Some(&[-1.0]));
    check(&scalar("b1", "|", &[1]), Some(&[1.0]));
    check(&scalar("f4", ">", &[0x3f, 0xc0, 0, 0]), None);
    check(&scalar("f8", "<", &[0; 4]), None);
    check(&scalar("O8", "|", &[0; 8]), None);
    // An array of two, its bytes as Python 3 gives them to protocol 2.
    let array = pickle(|p| {
        let p = p.global("numpy._core.multiarray", "_reconstruct").global("numpy", "ndarray").ints(&[0]).text("b");
        let p = dtype(p.raw(b"\x87R(").int(1).ints(&[2]), "i1", "|").raw(b"\x89");
        p.global("_codecs", "encode").text("\u{ff}\u{02}").text("latin1").raw(b"\x86Rtb")
    });
    check(&array, Some(&[-1.0, 2.0]));
}

#[test]
fn a_million_entries() {
    // As pickle writes it: batches of a thousand, every text in the memo.
    let mut file = Pickle(b"\x80\x02}".to_vec());
    let mut memo = 0u32;
    for batch in 0..1000 {
        file = file.raw(b"(");
        for i in 0..1000 {
            file = file.text(&format!("exam-{:07}", batch * 1000 + i)).raw(b"r").raw(&memo.to_le_bytes()).int(i);
            memo += 1;
        }
        file = file.raw(b"u");
    }
    let file = file.raw(b".").0;
    let started = std::time::Instant::now();
    let checkpoint = read(&file);
    assert_eq!(checkpoint.root().expect("a pickle").entries().count(), 1_000_000);
    assert_eq!(checkpoint.get(&["exam-0999123"]).and_then(Value::as_i64), Some(123));
    println!("{} bytes in {:?}", file.len(), started.elapsed());
    assert!(started.elapsed() < std::time::Duration::from_secs(20));
    // Texts stay in the file: two nodes of 16 bytes and two members of 4 bytes an entry.
    let arena = &checkpoint.tree.as_ref().expect("a pickle").arena;
    assert!(arena.bytes_held() < 3 * file.len(), "{} bytes for {}", arena.bytes_held(), file.len());
}
