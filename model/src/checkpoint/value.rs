//! Looking into what a pickle holds.

use super::arena::{Arena, Id, Node, Object};
use super::limits::Limits;
use super::numpy;
use super::rebuild::rebuild;
use super::storage::Storages;
use super::tensor::StoredTensor;

/// A pickle that was read, and the storages that it names.
#[derive(Debug)]
pub(super) struct Tree<'a> {
    pub arena: Arena<'a>,
    pub storages: Storages<'a>,
    pub limits: Limits,
}

/// A value of a checkpoint. Values may contain themselves: who walks them counts the steps.
#[derive(Debug, Clone, Copy)]
pub struct Value<'c> {
    pub(super) tree: &'c Tree<'c>,
    pub(super) id: Id,
}

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind<'c> {
    /// Python's None.
    None,
    /// True or False.
    Bool(bool),
    /// An integer of up to eight bytes.
    Int(i64),
    /// A longer integer: two's complement, least significant byte first.
    LongInt(&'c [u8]),
    /// A float.
    Float(f64),
    /// A text.
    Str(&'c str),
    /// Bytes.
    Bytes(&'c [u8]),
    /// See [`Value::items`].
    List,
    /// See [`Value::items`].
    Tuple,
    /// See [`Value::entries`].
    Dict,
    /// See [`Value::items`].
    Set,
    /// A class or function, by its module and its name. It is never looked up.
    Global(&'c str, &'c str),
    /// What calling the class or function with [`Value::arguments`] would have made. It is never called.
    Object(&'c str, &'c str),
    /// Something outside the pickle: a storage.
    Persistent,
}

impl<'c> Value<'c> {
    /// What it is.
    pub fn kind(self) -> Kind<'c> {
        let arena = &self.tree.arena;
        match arena.node(self.id) {
            Node::None => Kind::None,
            Node::Bool(b) => Kind::Bool(b),
            Node::Int(n) => Kind::Int(n),
            Node::Long(span) => Kind::LongInt(arena.span(span)),
            Node::Float(x) => Kind::Float(x),
            // A text was held to UTF-8 when it was read.
            Node::Str(_) => Kind::Str(arena.text(self.id).unwrap_or_default()),
            Node::Bytes(span) => Kind::Bytes(arena.span(span)),
            Node::Tuple(_) => Kind::Tuple,
            Node::List(_) => Kind::List,
            Node::Dict(_) => Kind::Dict,
            Node::Set(_) => Kind::Set,
            Node::Object(_) => {
                let (module, name) = self.class().unwrap_or(("", ""));
                match (module, name) {
                    ("__builtin__" | "builtins", "set" | "frozenset") => Kind::Set,
                    ("collections", "OrderedDict" | "defaultdict") => Kind::Dict,
                    _ => Kind::Object(module, name),
                }
            }
            Node::Global { .. } | Node::Persistent(_) => match global(arena, self.id) {
                Some((module, name)) => Kind::Global(module, name),
                None => Kind::Persistent,
            },
        }
    }

    /// The class of an object, by its module and its name.
    pub fn class(self) -> Option<(&'c str, &'c str)> {
        let object = self.object()?;
        let class = global(&self.tree.arena, object.class)?;
        // How protocols 0 and 1 make an object: by a function whose first argument is the class.
        if matches!(class, ("copy_reg" | "copyreg", "_reconstructor" | "__newobj__" | "__newobj_ex__")) {
            return global(&self.tree.arena, self.arguments().next()?.id);
        }
        Some(class)
    }

    /// What an object was made with.
    pub fn arguments(self) -> impl Iterator<Item = Value<'c>> {
        let args = self.object().and_then(|o| self.tree.arena.members(o.args));
        args.unwrap_or_default().iter().map(move |id| self.at(*id))
    }

    /// The members of a list, a tuple or a set, and what was appended to an object.
    pub fn items(self) -> impl Iterator<Item = Value<'c>> {
        let arena = &self.tree.arena;
        // A set as protocols before 4 make it: of a list.
        let listed = self.object().filter(|_| self.kind() == Kind::Set).and_then(|_| self.arguments().next());
        let holder = listed.unwrap_or(self).id;
        let run = arena.members(holder).unwrap_or_default();
        run.iter().copied().chain(arena.chain(arena.items(holder))).map(move |id| self.at(id))
    }

    /// The entries of a dictionary, in the order of the file; of an object, those that were set by key, as on an
    /// `OrderedDict`.
    pub fn entries(self) -> impl Iterator<Item = (Value<'c>, Value<'c>)> {
        let arena = &self.tree.arena;
        // An `OrderedDict` as Python 2 made it: of a list of pairs.
        let listed = match self.class() {
            Some(("collections", "OrderedDict")) => self.arguments().next(),
            _ => None,
        };
        let listed = listed.into_iter().flat_map(Value::items).map(move |pair| {
            // What is no pair is an entry that nobody asks for, so that who counts the steps counts it.
            let none = self.at(Arena::NONE);
            let mut pair = pair.items();
            (pair.next().unwrap_or(none), pair.next().unwrap_or(none))
        });
        listed.chain(arena.pairs(arena.entries(self.id)).map(move |(k, v)| (self.at(k), self.at(v))))
    }

    /// The attributes of an object.
    pub fn attributes(self) -> impl Iterator<Item = (Value<'c>, Value<'c>)> {
        let state = self.object().and_then(|o| o.state).map(|id| self.at(id));
        // With slots: a pair of dictionaries.
        let parts = state.into_iter().flat_map(|s| {
            let pair = matches!(s.kind(), Kind::Tuple).then(|| s.items().take(2));
            std::iter::once(s).chain(pair.into_iter().flatten())
        });
        parts.flat_map(Value::entries)
    }

    /// An entry, an attribute or a member by its name; a key that is a number also matches an integer or an index. As
    /// in PyTorch, the parameters, buffers and children of a module count as its attributes.
    pub fn get(self, key: &str) -> Option<Value<'c>> {
        let number = key.parse::<i64>().ok();
        let find = |value: Value<'c>| {
            let mut found = None;
            for (k, v) in value.entries().chain(value.attributes()) {
                let (text, int) = (k.as_str(), k.as_int());
                // As in Python, what is set last holds.
                if text == Some(key) || (int.is_some() && int == number) {
                    found = Some(v);
                }
            }
            found
        };
        let own = find(self).or_else(|| self.items().nth(usize::try_from(number?).ok()?));
        own.or_else(|| {
            let parts = ["_parameters", "_buffers", "_modules"].into_iter();
            let mut parts =
                parts.filter_map(|part| self.attributes().find(|(k, _)| k.as_str() == Some(part)).map(|(_, v)| v));
            parts.find_map(find)
        })
    }

    /// Is it Python's None?
    pub fn is_none(self) -> bool {
        self.kind() == Kind::None
    }

    /// A truth value.
    pub fn as_bool(self) -> Option<bool> {
        let Kind::Bool(b) = self.kind() else { return None };
        Some(b)
    }

    /// A whole number; of numpy's numbers too, if it is whole and exact.
    pub fn as_i64(self) -> Option<i64> {
        let whole = |x: &f64| x.fract() == 0.0 && x.abs() < 2f64.powi(53);
        self.as_int().or_else(|| numpy::number(self).filter(whole).map(|x| x as i64))
    }

    /// A number; a numpy scalar and an array of one number too.
    pub fn as_f64(self) -> Option<f64> {
        if let Kind::Float(x) = self.kind() {
            return Some(x);
        }
        self.as_int().map(|n| n as f64).or_else(|| numpy::number(self))
    }

    /// A text.
    pub fn as_str(self) -> Option<&'c str> {
        self.tree.arena.text(self.id)
    }

    /// The numbers of a numpy scalar, a numpy array (row by row), a list or a tuple of numbers.
    pub fn numbers(self) -> Option<Vec<f64>> {
        if matches!(self.kind(), Kind::List | Kind::Tuple) {
            return self.items().map(Value::as_f64).collect();
        }
        numpy::numbers(self).or_else(|| self.as_f64().map(|x| vec![x]))
    }

    /// The tensor that it is; `None` if it is none, or one that cannot be had.
    pub fn tensor(self) -> Option<StoredTensor<'c>> {
        rebuild(self.tree, self.id)?.ok()
    }

    fn as_int(self) -> Option<i64> {
        let Node::Int(n) = self.tree.arena.node(self.id) else { return None };
        Some(n)
    }

    fn object(self) -> Option<&'c Object> {
        self.tree.arena.object_at(self.id)
    }

    pub(super) fn state(self) -> Option<Value<'c>> {
        self.object()?.state.map(|id| self.at(id))
    }

    fn at(self, id: Id) -> Self {
        Self { tree: self.tree, id }
    }
}

/// The class or function that a value names. `('module', class, file, source)` stands for its class.
pub(super) fn global<'a>(arena: &Arena<'a>, id: Id) -> Option<(&'a str, &'a str)> {
    let class = if let Node::Persistent(asked) = arena.node(id) {
        let [tag, class, _file, _source] = arena.members(asked)? else { return None };
        (arena.text(*tag)? == "module").then_some(*class)?
    } else {
        id
    };
    let Node::Global { module, name } = arena.node(class) else { return None };
    Some((arena.text(module)?, arena.text(name)?))
}
