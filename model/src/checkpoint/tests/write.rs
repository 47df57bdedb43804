//! Writes what PyTorch would write: small pickles around given storages.

use std::io::Write;

/// Opcodes in the order of the calls.
#[derive(Default)]
pub(super) struct Pickle(pub Vec<u8>);

impl Pickle {
    pub fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    pub fn text(self, text: &str) -> Self {
        self.raw(b"X").raw(&(text.len() as u32).to_le_bytes()).raw(text.as_bytes())
    }

    pub fn int(self, n: i32) -> Self {
        self.raw(b"J").raw(&n.to_le_bytes())
    }

    pub fn ints(self, all: &[i32]) -> Self {
        all.iter().fold(self.raw(b"("), |p, n| p.int(*n)).raw(b"t")
    }

    pub fn global(self, module: &str, name: &str) -> Self {
        self.raw(format!("c{module}\n{name}\n").as_bytes())
    }

    /// A tensor of `torch._utils._rebuild_tensor_v2`.
    pub fn tensor(self, t: &Tensor) -> Self {
        let storage = self.global("torch._utils", "_rebuild_tensor_v2").raw(b"((").text("storage");
        let storage = storage.global("torch", t.class).text(t.key).text("cuda:0").int(t.numel).raw(b"NtQ");
        storage.int(t.offset).ints(t.shape).ints(t.strides).raw(b"\x89}tR")
    }
}

/// Protocol 2, the body, and the end.
pub(super) fn pickle(body: impl FnOnce(Pickle) -> Pickle) -> Vec<u8> {
    body(Pickle(b"\x80\x02".to_vec())).raw(b".").0
}

/// A tensor as the pickle states it.
#[derive(Clone, Copy)]
pub(super) struct Tensor {
    pub class: &'static str,
    pub key: &'static str,
    pub numel: i32,
    pub offset: i32,
    pub shape: &'static [i32],
    pub strides: &'static [i32],
}

/// Six floats, 2 x 3.
pub(super) const PLAIN: Tensor =
    Tensor { class: "FloatStorage", key: "0", numel: 6, offset: 0, shape: &[2, 3], strides: &[3, 1] };

/// 0, 1, 2, ... as f32.
pub(super) fn floats(count: usize) -> Vec<u8> {
    (0..count).flat_map(|i| (i as f32).to_le_bytes()).collect()
}

/// `{"w": tensor}`
pub(super) fn state_dict(tensor: &Tensor) -> Vec<u8> {
    pickle(|p| p.raw(b"}").text("w").tensor(tensor).raw(b"s"))
}

/// A legacy file: an object, and storages of f32 or whatever with their counts.
pub(super) fn legacy(object: &[u8], storages: &[(&str, i64, &[u8])]) -> Vec<u8> {
    let magic = [b"\x80\x02\x8a\x0a".as_slice(), &super::LEGACY_MAGIC, b"."].concat();
    let protocol = pickle(|p| p.int(1001));
    let system = pickle(|p| p.raw(b"}").text("little_endian").raw(b"\x88s"));
    let keys = pickle(|p| storages.iter().fold(p.raw(b"]("), |p, s| p.text(s.0)).raw(b"e"));
    let mut file = [&magic, &protocol, &system, object, &keys].concat();
    for (_, count, bytes) in storages {
        file.extend(count.to_le_bytes());
        file.extend_from_slice(bytes);
    }
    file
}

/// A zip archive, stored.
pub(super) fn zip_of(entries: &[(&str, &[u8])], method: zip::CompressionMethod) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default().compression_method(method);
    for (name, bytes) in entries {
        writer.start_file(*name, options).expect("entry");
        writer.write_all(bytes).expect("written");
    }
    writer.finish().expect("archive").into_inner()
}

/// An archive as `torch.save` writes it.
pub(super) fn zip_file(object: &[u8], storages: &[(&str, &[u8])]) -> Vec<u8> {
    let names: Vec<String> = storages.iter().map(|(key, _)| format!("archive/data/{key}")).collect();
    let mut entries: Vec<(&str, &[u8])> = vec![("archive/data.pkl", object), ("archive/byteorder", b"little")];
    entries.extend(names.iter().map(String::as_str).zip(storages.iter().map(|s| s.1)));
    zip_of(&entries, zip::CompressionMethod::Stored)
}
