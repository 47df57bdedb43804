//! What PyTorch's functions that rebuild tensors are given. Their arguments are read; the functions are not called.

use super::arena::Id;
use super::limits::excerpt;
use super::storage::storage_id;
use super::tensor::{Dtype, StoredTensor};
use super::value::{Tree, global};

/// A parameter wraps a tensor, and a subclass may wrap that.
const WRAPPERS_MAX: usize = 4;

/// The tensor that a value stands for, or why it cannot be had; `None` if the value is no tensor.
pub(super) fn rebuild<'a>(tree: &Tree<'a>, id: Id) -> Option<Result<StoredTensor<'a>, String>> {
    let arena = &tree.arena;
    let object = arena.object_at(id)?;
    let (mut function, mut args) = (object.class, object.args);
    for _ in 0..WRAPPERS_MAX {
        let known = global(arena, function)?;
        let (module, name) = known;
        let inner = match (known, arena.members(args)) {
            (("torch._utils", "_rebuild_parameter" | "_rebuild_parameter_with_state"), Some([data, ..]))
            | (("torch.nn.parameter", "Parameter"), Some([data, ..])) => {
                arena.object_at(*data).map(|inner| (inner.class, inner.args))
            }
            (("torch._tensor", "_rebuild_from_type_v2"), Some([inner, _type, inner_args, ..])) => {
                Some((*inner, *inner_args))
            }
            (
                ("torch._utils", "_rebuild_tensor" | "_rebuild_tensor_v2"),
                Some([storage, offset, shape, strides, ..]),
            ) => {
                return Some(view(tree, [*storage, *offset, *shape, *strides], None));
            }
            (
                ("torch._utils", "_rebuild_tensor_v3"),
                Some([storage, offset, shape, strides, _grad, _hooks, dtype, ..]),
            ) => return Some(view(tree, [*storage, *offset, *shape, *strides], Some(*dtype))),
            _ => None,
        };
        let tensor = (module == "torch._utils" && name.starts_with("_rebuild"))
            || known == ("torch._tensor", "_rebuild_from_type_v2")
            || known == ("torch.nn.parameter", "Parameter");
        match inner {
            Some(inner) => (function, args) = inner,
            None if tensor => return Some(Err(format!("is made by {}, which is not supported", excerpt(name)))),
            None => return None,
        }
    }
    Some(Err("is wrapped too often".to_owned()))
}

fn view<'a>(
    tree: &Tree<'a>,
    [storage, offset, shape, strides]: [Id; 4],
    dtype: Option<Id>,
) -> Result<StoredTensor<'a>, String> {
    let arena = &tree.arena;
    let id = storage_id(arena, storage).ok_or("has no storage of a known type")?;
    let dtype = match dtype {
        Some(named) => match global(arena, named) {
            Some(("torch", name)) => Dtype::from_name(name),
            _ => None,
        },
        None => id.dtype,
    };
    let dtype = dtype.ok_or("has elements of no known type")?;
    let bytes = tree.storages.get(id.key).and_then(|s| s.bytes);
    let mut bytes =
        bytes.ok_or_else(|| format!("needs the storage {:?}, which is not in the file", excerpt(id.key)))?;
    if let Some((start, length)) = id.part {
        let unit = id.dtype.map_or(1, Dtype::bytes);
        let end = start.checked_add(length).and_then(|end| end.checked_mul(unit));
        // If the end fits, so does the start.
        bytes = end.and_then(|end| bytes.get(start * unit..end)).ok_or("is of a part outside its storage")?;
    }
    let offset = arena.count(offset).ok_or("has no offset, or a negative one")?;
    let sizes = |id: Id| arena.members(id)?.iter().map(|id| arena.count(*id)).collect::<Option<Vec<_>>>();
    let few = |id: &Id| arena.members(*id).is_some_and(|m| m.len() <= tree.limits.dimensions_max);
    if ![shape, strides].iter().all(few) {
        return Err(format!("has no shape of up to {} dimensions", tree.limits.dimensions_max));
    }
    let shape = sizes(shape).ok_or("has a negative dimension, or one that is no number")?;
    let strides = sizes(strides).ok_or("has a negative stride, or one that is no number")?;
    StoredTensor::view(dtype, bytes, offset, shape, strides, &tree.limits)
}
