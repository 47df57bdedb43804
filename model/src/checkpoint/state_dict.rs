//! Finding the weights in what was pickled: a state dict, a module, or a dictionary that holds either.

use std::collections::{BTreeMap, HashSet};

use super::limits::{CheckpointError, excerpt, within};
use super::rebuild::rebuild;
use super::tensor::StoredTensor;
use super::value::{Kind, Tree, Value};

/// Dictionaries around the weights, and wrappers around a module.
const WRAPPERS_MAX: usize = 8;

/// What holds the weights: the root, or what stands there under `model` or `state_dict`; other entries are left alone.
pub(super) fn holder<'c>(root: Value<'c>) -> Value<'c> {
    let mut value = root;
    for _ in 0..WRAPPERS_MAX {
        let inner = |key| value.get(key).filter(|v| is_module(*v) || matches!(v.kind(), Kind::Dict));
        match inner("model").or_else(|| inner("state_dict")) {
            Some(inner) if value.kind() == Kind::Dict => value = inner,
            _ => break,
        }
    }
    value
}

/// The network itself: the holder without `DataParallel` around it.
pub(super) fn network<'c>(root: Value<'c>) -> Value<'c> {
    let mut value = holder(root);
    for _ in 0..WRAPPERS_MAX {
        match (value.class(), value.get("module")) {
            (Some((_, "DataParallel" | "DistributedDataParallel")), Some(inner)) => value = inner,
            _ => break,
        }
    }
    value
}

fn is_module(value: Value<'_>) -> bool {
    value.attributes().any(|(key, _)| key.as_str() == Some("_modules"))
}

/// The tensors under the names that PyTorch's `state_dict()` would give them.
pub(super) fn tensors<'a>(tree: &Tree<'a>) -> Result<BTreeMap<String, StoredTensor<'a>>, CheckpointError> {
    let holder = holder(Value { tree, id: tree.arena.root });
    let mut walk = Walk { tree, found: BTreeMap::new(), steps: 0, bytes: 0 };
    if is_module(holder) {
        walk.module(holder)?;
    } else if holder.kind() == Kind::Dict {
        walk.named("", holder, &HashSet::new())?;
    }
    Ok(walk.found)
}

struct Walk<'c, 'a> {
    tree: &'c Tree<'a>,
    found: BTreeMap<String, StoredTensor<'a>>,
    /// Entries looked at.
    steps: usize,
    /// Of all tensors, copied out.
    bytes: usize,
}

impl<'c> Walk<'c, '_> {
    fn step(&mut self) -> Result<(), CheckpointError> {
        self.steps += 1;
        within(self.steps, self.tree.limits.values_max, "entries looked at in search of tensors")?;
        Ok(())
    }

    /// A module's parameters and buffers, then those of its children.
    fn module(&mut self, root: Value<'c>) -> Result<(), CheckpointError> {
        let mut open = vec![(String::new(), root)];
        while let Some((prefix, module)) = open.pop() {
            let (mut parameters, mut buffers, mut children, mut passing) = (None, None, None, HashSet::new());
            for (key, value) in module.attributes() {
                self.step()?;
                match key.as_str() {
                    Some("_parameters") => parameters = Some(value),
                    Some("_buffers") => buffers = Some(value),
                    Some("_modules") => children = Some(value),
                    Some("_non_persistent_buffers_set") => {
                        for name in value.items() {
                            self.step()?;
                            passing.extend(name.as_str());
                        }
                    }
                    _ => {}
                }
            }
            if let Some(parameters) = parameters {
                self.named(&prefix, parameters, &HashSet::new())?;
            }
            if let Some(buffers) = buffers {
                self.named(&prefix, buffers, &passing)?;
            }
            for (key, child) in children.into_iter().flat_map(Value::entries) {
                self.step()?;
                if let (Some(key), Kind::Object(..)) = (key.as_str(), child.kind()) {
                    open.push((self.name(&prefix, &format!("{key}."))?, child));
                    within(open.len(), self.tree.limits.tensors_max, "modules")?;
                }
            }
        }
        Ok(())
    }

    /// The tensors of a dictionary, except the buffers that a state dict leaves out.
    fn named(&mut self, prefix: &str, dict: Value<'c>, except: &HashSet<&str>) -> Result<(), CheckpointError> {
        for (key, value) in dict.entries() {
            self.step()?;
            let Some(key) = key.as_str().filter(|key| !except.contains(key)) else { continue };
            let Some(tensor) = rebuild(self.tree, value.id) else { continue };
            let name = self.name(prefix, key)?;
            let error = |why: String| CheckpointError::Tensor { name: excerpt(&name), why };
            let tensor = tensor.map_err(error)?;
            self.bytes = self.bytes.saturating_add(tensor.elements() * tensor.dtype().bytes());
            within(self.bytes, self.tree.limits.tensor_bytes_max, "bytes of tensors")?;
            if self.found.contains_key(&name) {
                return Err(error("is there twice".to_owned()));
            }
            self.found.insert(name, tensor);
            within(self.found.len(), self.tree.limits.tensors_max, "tensors")?;
        }
        Ok(())
    }

    fn name(&self, prefix: &str, key: &str) -> Result<String, CheckpointError> {
        within(prefix.len() + key.len(), self.tree.limits.name_bytes_max, "bytes in a tensor's name")?;
        Ok(format!("{prefix}{key}"))
    }
}
