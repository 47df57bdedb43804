//! Checkpoints as their authors published them, without Python.
//!
//! [`Checkpoint::read`] takes the bytes of a safetensors file, of what `torch.save` writes (the zip archive and the
//! older format; a state dict, a whole module, or a dictionary with either), or of a plain pickle. A pickle is a program
//! for a small stack machine; here it only builds values: a class is its name, a call is an [`Kind::Object`] with its
//! arguments, and tensors are views into the file.
//!
//! Invariants: nothing is imported, looked up or called. Whatever the file holds, reading ends with a value or a
//! [`CheckpointError`], within time and memory proportional to its size and within [`Limits`]. No tensor is copied
//! before it is asked for, and each of [`Checkpoint::tensors`] lies wholly in its storage.

mod archive;
mod arena;
mod limits;
mod machine;
mod numpy;
mod rebuild;
mod stack;
mod state_dict;
mod storage;
mod tensor;
#[cfg(test)]
mod tests;
mod value;

use std::collections::BTreeMap;

use uvid_kernels::{Weights, WeightsError};

use archive::Archive;
use arena::{Arena, Node};
pub use limits::{CheckpointError, Limits};
use limits::{excerpt, within};
use storage::Storages;
pub use tensor::{Dtype, StoredTensor};
use value::Tree;
pub use value::{Kind, Value};

/// What a file holds. It refers to the file's bytes.
#[derive(Debug)]
pub struct Checkpoint<'a> {
    /// `None` for safetensors.
    tree: Option<Tree<'a>>,
    tensors: BTreeMap<String, StoredTensor<'a>>,
}

/// The first number of a legacy file, 0x1950a86a20f9469cfc6c, as it is pickled.
const LEGACY_MAGIC: [u8; 10] = [0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];
const LEGACY_PROTOCOL: i64 = 1001;

impl<'a> Checkpoint<'a> {
    /// Reads a file of any of the formats; what is no finite weight of a known type may be in it, and is left alone.
    ///
    /// # Errors
    ///
    /// The file is damaged, exceeds `limits`, or a tensor of the state dict cannot be had.
    pub fn read(bytes: &'a [u8], limits: &Limits) -> Result<Self, CheckpointError> {
        let tree = if bytes.starts_with(b"PK\x03\x04") {
            zip(bytes, limits)?
        } else if is_safetensors(bytes) {
            return Ok(Self { tree: None, tensors: safetensors(bytes, limits)? });
        } else if bytes.first() == Some(&0x80) {
            plain_or_legacy(bytes, limits)?
        } else {
            return Err(CheckpointError::Unknown);
        };
        let tensors = state_dict::tensors(&tree)?;
        Ok(Self { tree: Some(tree), tensors })
    }

    /// The tensors by the names that PyTorch's `state_dict()` would give them; none, if nothing in the file is a module
    /// or a state dict. A `DataParallel` around a module shows in the names.
    pub fn tensors(&self) -> &BTreeMap<String, StoredTensor<'a>> {
        &self.tensors
    }

    /// The tensors by their names in the network: without the `module.` that `DataParallel` put before all of them.
    pub fn plain_tensors(&self) -> impl Iterator<Item = (&str, &StoredTensor<'a>)> {
        let wrapped = self.tensors.keys().all(|name| name.starts_with("module."));
        let prefix = if wrapped { "module." } else { "" };
        self.tensors.iter().map(move |(name, tensor)| (name.strip_prefix(prefix).unwrap_or(name), tensor))
    }

    /// The floating-point tensors as f32, by their names in the network.
    pub fn weights(&self) -> Result<Weights, CheckpointError> {
        let tensors = self.plain_tensors().filter(|(_, tensor)| tensor.dtype().is_float());
        let candle = tensors.map(|(name, tensor)| Ok((name.to_owned(), tensor.to_candle()?)));
        let candle = candle.collect::<Result<Vec<_>, candle_core::Error>>().map_err(WeightsError::from)?;
        Ok(Weights::from_tensors(candle)?)
    }

    /// All that was pickled; `None` for safetensors.
    pub fn root(&self) -> Option<Value<'_>> {
        self.tree.as_ref().map(|tree| Value { tree, id: tree.arena.root })
    }

    /// What is reached from the network by these attributes, keys or indices, such as `["args", "num_heads"]`. The
    /// network is the root, or what stands there under `model` or `state_dict`, without `DataParallel` around it.
    pub fn get(&self, path: &[&str]) -> Option<Value<'_>> {
        path.iter().try_fold(state_dict::network(self.root()?), |value, key| value.get(key))
    }
}

/// PyTorch's zip archive: `NAME/data.pkl`, and each storage in `NAME/data/KEY`.
fn zip<'a>(bytes: &'a [u8], limits: &Limits) -> Result<Tree<'a>, CheckpointError> {
    let archive = Archive::open(bytes, limits)?;
    let damaged = |why: &str| CheckpointError::Container(format!("zip archive: {why}"));
    let mut folders = archive.names().filter_map(|name| name.strip_suffix("data.pkl")).filter(|f| f.ends_with('/'));
    let folder = folders.next().ok_or_else(|| damaged("it has no data.pkl, PyTorch did not write it"))?;
    if folders.next().is_some() {
        return Err(damaged("it has more than one data.pkl"));
    }
    if archive.names().any(|name| name.strip_prefix(folder) == Some("constants.pkl")) {
        return Err(damaged("it is a TorchScript program, not a checkpoint"));
    }
    if archive.get(&format!("{folder}byteorder"))?.is_some_and(|order| order != b"little") {
        return Err(CheckpointError::BigEndian);
    }
    let pickle = archive.get(&format!("{folder}data.pkl"))?.unwrap_or_default();
    let (arena, _) = machine::read(pickle, limits)?;
    let storages = storage::in_archive(&arena, &archive, folder)?;
    Ok(Tree { arena, storages, limits: *limits })
}

/// A pickle; or PyTorch's format before 1.6: magic number, protocol, system, object, keys, storages.
fn plain_or_legacy<'a>(bytes: &'a [u8], limits: &Limits) -> Result<Tree<'a>, CheckpointError> {
    let damaged = |why: &str| CheckpointError::Container(format!("legacy checkpoint: {why}"));
    let (first, length) = machine::read(bytes, limits)?;
    if !matches!(first.node(first.root), Node::Long(span) if first.span(span) == LEGACY_MAGIC) {
        return Ok(Tree { arena: first, storages: Storages::new(), limits: *limits });
    }
    let mut rest = &bytes[length..];
    let mut next = || -> Result<Arena<'a>, CheckpointError> {
        let (arena, length) = machine::read(rest, limits)?;
        rest = &rest[length..];
        Ok(arena)
    };
    let protocol = next()?;
    if !matches!(protocol.node(protocol.root), Node::Int(LEGACY_PROTOCOL)) {
        return Err(damaged("it is of another protocol than 1001"));
    }
    let system = Tree { arena: next()?, storages: Storages::new(), limits: *limits };
    match (Value { tree: &system, id: system.arena.root }).get("little_endian").and_then(Value::as_bool) {
        Some(true) => {}
        Some(false) => return Err(CheckpointError::BigEndian),
        None => return Err(damaged("it does not state its byte order")),
    }
    let arena = next()?;
    let storages = storage::behind_pickle(&arena, rest, limits)?;
    Ok(Tree { arena, storages, limits: *limits })
}

/// The header's length, little-endian, then the header, which is JSON.
fn is_safetensors(bytes: &[u8]) -> bool {
    let Some((length, rest)) = bytes.split_first_chunk() else { return false };
    rest.first() == Some(&b'{') && u64::from_le_bytes(*length) <= rest.len() as u64
}

fn safetensors<'a>(bytes: &'a [u8], limits: &Limits) -> Result<BTreeMap<String, StoredTensor<'a>>, CheckpointError> {
    let damaged = |error: safetensors::SafeTensorError| CheckpointError::Container(format!("safetensors: {error}"));
    if let Some(length) = bytes.first_chunk() {
        let length = usize::try_from(u64::from_le_bytes(*length)).unwrap_or(usize::MAX);
        within(length, limits.structure_bytes_max, "bytes in a safetensors header")?;
    }
    let file = safetensors::SafeTensors::deserialize(bytes).map_err(damaged)?;
    within(file.len(), limits.tensors_max, "tensors")?;
    let mut tensors = BTreeMap::new();
    for (name, view) in file.iter() {
        within(name.len(), limits.name_bytes_max, "bytes in a tensor's name")?;
        let error = |why: String| CheckpointError::Tensor { name: excerpt(name), why };
        let dtype =
            Dtype::from_safetensors(view.dtype()).ok_or_else(|| error("has elements of no known type".into()))?;
        let tensor = StoredTensor::whole(dtype, view.data(), view.shape().to_vec(), limits).map_err(error)?;
        tensors.insert(name.to_owned(), tensor);
    }
    Ok(tensors)
}
