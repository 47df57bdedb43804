//! The values of a pickle, in flat tables.
//!
//! Invariant: an [`Id`] in a table names a value of the same arena. Values may contain one another, or themselves, so
//! nothing here recurses, and dropping an arena frees four vectors. Texts and bytes stay in the file: a [`Span`] says
//! where.

use super::limits::{CheckpointError, Limits, within};

/// The place of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Id(u32);

/// A range of the pickle's bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    pub start: u32,
    pub end: u32,
}

/// A range of [`Arena::members`].
#[derive(Debug, Clone, Copy)]
pub(super) struct Run {
    start: u32,
    len: u32,
}

/// Members of something that grows: linked runs. `NIL` while empty.
#[derive(Debug, Clone, Copy)]
pub(super) struct Chain {
    head: u32,
    tail: u32,
}

const NIL: u32 = u32::MAX;

impl Chain {
    pub const EMPTY: Self = Self { head: NIL, tail: NIL };
}

#[derive(Debug, Clone, Copy)]
struct Link {
    run: Run,
    next: u32,
}

/// A value: 16 bytes.
#[derive(Debug, Clone, Copy)]
pub(super) enum Node {
    None,
    Bool(bool),
    Int(i64),
    /// Little-endian two's complement of more than eight bytes.
    Long(Span),
    Float(f64),
    Str(Span),
    Bytes(Span),
    Tuple(Run),
    List(Chain),
    /// Keys and values alternate.
    Dict(Chain),
    Set(Chain),
    Global {
        module: Id,
        name: Id,
    },
    /// An index in [`Arena::objects`].
    Object(u32),
    /// What a persistent id stands for; here, the id.
    Persistent(Id),
}

/// What calling `class` with `args` would have made. It is never called.
#[derive(Debug, Clone, Copy)]
pub(super) struct Object {
    pub class: Id,
    pub args: Id,
    /// What BUILD gave.
    pub state: Option<Id>,
    /// What was appended.
    pub items: Chain,
    /// What was set: keys and values alternate.
    pub pairs: Chain,
}

/// All values of a pickle.
#[derive(Debug)]
pub(super) struct Arena<'a> {
    pub bytes: &'a [u8],
    pub root: Id,
    nodes: Vec<Node>,
    objects: Vec<Object>,
    members: Vec<Id>,
    links: Vec<Link>,
    values_max: usize,
}

impl<'a> Arena<'a> {
    pub const NONE: Id = Id(0);
    pub const FALSE: Id = Id(1);
    pub const TRUE: Id = Id(2);
    pub const EMPTY_TUPLE: Id = Id(3);

    /// Over a pickle of less than 4 GiB.
    pub fn new(bytes: &'a [u8], limits: &Limits) -> Self {
        let empty = Node::Tuple(Run { start: 0, len: 0 });
        Self {
            bytes,
            root: Self::NONE,
            nodes: vec![Node::None, Node::Bool(false), Node::Bool(true), empty],
            objects: Vec::new(),
            members: Vec::new(),
            links: Vec::new(),
            values_max: limits.values_max,
        }
    }

    pub fn push(&mut self, node: Node) -> Result<Id, CheckpointError> {
        within(self.nodes.len() + 1, self.values_max, "values in a pickle")?;
        self.nodes.push(node);
        Ok(Id(self.nodes.len() as u32 - 1))
    }

    pub fn push_tuple(&mut self, members: &[Id]) -> Result<Id, CheckpointError> {
        let run = self.run(members);
        self.push(Node::Tuple(run))
    }

    pub fn push_object(&mut self, class: Id, args: Id) -> Result<Id, CheckpointError> {
        let object = Object { class, args, state: None, items: Chain::EMPTY, pairs: Chain::EMPTY };
        let id = self.push(Node::Object(self.objects.len() as u32))?;
        self.objects.push(object);
        Ok(id)
    }

    pub fn node(&self, id: Id) -> Node {
        // Ids are made here alone, and tables never shrink.
        self.nodes.get(id.0 as usize).copied().unwrap_or(Node::None)
    }

    pub fn replace(&mut self, id: Id, node: Node) {
        if let Some(place) = self.nodes.get_mut(id.0 as usize) {
            *place = node;
        }
    }

    pub fn object_mut(&mut self, index: u32) -> Option<&mut Object> {
        self.objects.get_mut(index as usize)
    }

    /// Every value, in the order of the file.
    pub fn ids(&self) -> impl Iterator<Item = Id> + use<> {
        (0..self.nodes.len() as u32).map(Id)
    }

    /// The text that a value is.
    pub fn text(&self, id: Id) -> Option<&'a str> {
        let Node::Str(span) = self.node(id) else { return None };
        std::str::from_utf8(self.span(span)).ok()
    }

    /// The members of the tuple that a value is.
    pub fn members(&self, id: Id) -> Option<&[Id]> {
        let Node::Tuple(run) = self.node(id) else { return None };
        Some(self.tuple(run))
    }

    /// The object that a value is.
    pub fn object_at(&self, id: Id) -> Option<&Object> {
        let Node::Object(index) = self.node(id) else { return None };
        self.objects.get(index as usize)
    }

    /// What a list or a set holds, and what was appended to an object.
    pub fn items(&self, id: Id) -> Chain {
        if let Node::List(chain) | Node::Set(chain) = self.node(id) {
            return chain;
        }
        self.object_at(id).map_or(Chain::EMPTY, |o| o.items)
    }

    /// What a dictionary holds, and what was set on an object by key.
    pub fn entries(&self, id: Id) -> Chain {
        if let Node::Dict(chain) = self.node(id) {
            return chain;
        }
        self.object_at(id).map_or(Chain::EMPTY, |o| o.pairs)
    }

    /// The count that a value is: no number below 0.
    pub fn count(&self, id: Id) -> Option<usize> {
        let Node::Int(n) = self.node(id) else { return None };
        usize::try_from(n).ok()
    }

    /// A text or a string of bytes.
    pub fn span(&self, span: Span) -> &'a [u8] {
        self.bytes.get(span.start as usize..span.end as usize).unwrap_or_default()
    }

    /// The members of a tuple.
    pub fn tuple(&self, run: Run) -> &[Id] {
        let start = run.start as usize;
        self.members.get(start..start + run.len as usize).unwrap_or_default()
    }

    /// The members of a list, set or dictionary.
    pub fn chain(&self, chain: Chain) -> impl Iterator<Item = Id> {
        let link = |at: u32| self.links.get(at as usize);
        let links = std::iter::successors(link(chain.head), move |l| link(l.next));
        links.flat_map(|l| self.tuple(l.run)).copied()
    }

    /// The entries of a dictionary.
    pub fn pairs(&self, chain: Chain) -> impl Iterator<Item = (Id, Id)> {
        let mut members = self.chain(chain);
        std::iter::from_fn(move || Some((members.next()?, members.next()?)))
    }

    /// Adds members; what was added last grows in place.
    pub fn extend(&mut self, chain: &mut Chain, members: &[Id]) {
        if members.is_empty() {
            return;
        }
        let end = self.members.len() as u32;
        if let Some(last) = self.links.get_mut(chain.tail as usize)
            && last.run.start + last.run.len == end
        {
            last.run.len += members.len() as u32;
            self.members.extend_from_slice(members);
            return;
        }
        let run = self.run(members);
        let added = self.links.len() as u32;
        self.links.push(Link { run, next: NIL });
        match self.links.get_mut(chain.tail as usize) {
            Some(last) => last.next = added,
            None => chain.head = added,
        }
        chain.tail = added;
    }

    /// The memory that it takes.
    #[cfg(test)]
    pub fn bytes_held(&self) -> usize {
        self.nodes.capacity() * size_of::<Node>()
            + self.objects.capacity() * size_of::<Object>()
            + self.members.capacity() * size_of::<Id>()
            + self.links.capacity() * size_of::<Link>()
    }

    fn run(&mut self, members: &[Id]) -> Run {
        let start = self.members.len() as u32;
        self.members.extend_from_slice(members);
        Run { start, len: members.len() as u32 }
    }
}
