//! The bytes behind tensors, found by the keys that the pickle gives them.

use std::collections::HashMap;

use super::archive::Archive;
use super::arena::{Arena, Id, Node};
use super::limits::{CheckpointError, Limits, excerpt};
use super::machine;
use super::tensor::Dtype;
use super::value::global;

/// What a persistent id `('storage', class, key, location, elements, view)` asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct StorageId<'a> {
    pub key: &'a str,
    /// `None` for bytes without a type, of which `elements` are then bytes.
    pub dtype: Option<Dtype>,
    pub elements: usize,
    /// Old files: offset and length of the part that is meant, in elements.
    pub part: Option<(usize, usize)>,
}

/// The storages that the pickle names; those of one key have one type and one size.
pub(super) type Storages<'a> = HashMap<&'a str, Storage<'a>>;

#[derive(Debug, Clone, Copy)]
pub(super) struct Storage<'a> {
    id: StorageId<'a>,
    /// `None` where the file lacks it.
    pub bytes: Option<&'a [u8]>,
}

impl StorageId<'_> {
    fn element_bytes(&self) -> usize {
        self.dtype.map_or(1, Dtype::bytes)
    }

    fn error(&self, why: impl Into<String>) -> CheckpointError {
        CheckpointError::Storage { key: excerpt(self.key), why: why.into() }
    }
}

/// The storage that a value stands for; `None` if it is none that PyTorch would write.
pub(super) fn storage_id<'a>(arena: &Arena<'a>, id: Id) -> Option<StorageId<'a>> {
    let Node::Persistent(asked) = arena.node(id) else { return None };
    let [tag, class, key, _location, elements, view @ ..] = arena.members(asked)? else { return None };
    if arena.text(*tag)? != "storage" {
        return None;
    }
    let (module, class) = global(arena, *class)?;
    let dtype = match (module, class) {
        ("torch" | "torch.cuda", class) if Dtype::from_storage(class).is_some() => Dtype::from_storage(class),
        ("torch" | "torch.storage", "UntypedStorage") => None,
        _ => return None,
    };
    let part = match view {
        [] => None,
        [view] if *view == Arena::NONE => None,
        [view] => {
            let [_key, offset, length] = arena.members(*view)? else { return None };
            Some((arena.count(*offset)?, arena.count(*length)?))
        }
        _ => return None,
    };
    Some(StorageId { key: arena.text(*key)?, dtype, elements: arena.count(*elements)?, part })
}

/// Every storage that the pickle names, still without bytes.
fn named<'a>(arena: &Arena<'a>) -> Result<Storages<'a>, CheckpointError> {
    let mut storages = Storages::new();
    for place in arena.ids() {
        let Some(id) = storage_id(arena, place) else { continue };
        let known = storages.entry(id.key).or_insert(Storage { id, bytes: None });
        if (known.id.dtype, known.id.elements) != (id.dtype, id.elements) {
            return Err(id.error("is named twice, with different types or sizes"));
        }
    }
    Ok(storages)
}

/// The storages of a zip archive: one entry each, in `folder`.
pub(super) fn in_archive<'a>(
    arena: &Arena<'a>,
    archive: &Archive<'a>,
    folder: &str,
) -> Result<Storages<'a>, CheckpointError> {
    let mut storages = named(arena)?;
    for storage in storages.values_mut() {
        let Some(bytes) = archive.get(&format!("{folder}data/{}", storage.id.key))? else { continue };
        if storage.id.elements.checked_mul(storage.id.element_bytes()) != Some(bytes.len()) {
            return Err(storage.id.error(format!(
                "should have {} elements, is {} bytes",
                storage.id.elements,
                bytes.len()
            )));
        }
        storage.bytes = Some(bytes);
    }
    Ok(storages)
}

/// The storages of a legacy file: the pickled list of keys, then for each key a count (i64) and the elements.
pub(super) fn behind_pickle<'a>(
    arena: &Arena<'a>,
    rest: &'a [u8],
    limits: &Limits,
) -> Result<Storages<'a>, CheckpointError> {
    let mut storages = named(arena)?;
    let (keys, length) = machine::read(rest, limits)?;
    let mut rest = rest.get(length..).unwrap_or_default();
    let Node::List(chain) = keys.node(keys.root) else {
        return Err(CheckpointError::Container("legacy checkpoint: the storages are not listed".into()));
    };
    for key in keys.chain(chain) {
        let known = keys.text(key).and_then(|key| storages.get_mut(key));
        let Some(storage) = known else {
            return Err(CheckpointError::Container("legacy checkpoint: a storage is listed that no tensor has".into()));
        };
        let id = storage.id;
        let (count, data) = rest.split_first_chunk().ok_or_else(|| id.error("is not there: the file is cut off"))?;
        if usize::try_from(i64::from_le_bytes(*count)) != Ok(id.elements) {
            let count = i64::from_le_bytes(*count);
            return Err(id.error(format!("has {count} elements, its tensors need {}", id.elements)));
        }
        let bytes = id.elements.checked_mul(id.element_bytes()).and_then(|length| data.get(..length));
        let bytes = bytes.ok_or_else(|| id.error("is cut off"))?;
        if storage.bytes.replace(bytes).is_some() {
            return Err(id.error("is listed twice"));
        }
        rest = &data[bytes.len()..];
    }
    Ok(storages)
}
