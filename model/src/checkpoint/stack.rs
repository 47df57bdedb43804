//! The pickle machine's stack, its memo, and its place in the file.
//!
//! Invariant: what lies below the last mark is not reached, and bytes are taken only if they are there.

use std::collections::HashMap;

use super::arena::{Arena, Id, Node, Span};
use super::limits::{CheckpointError, Limits, within};

/// Why a pickle is not read further.
pub(super) enum Stop {
    /// The file ends.
    Ended,
    Damaged(&'static str),
    Refused(CheckpointError),
}

impl From<CheckpointError> for Stop {
    fn from(error: CheckpointError) -> Self {
        Self::Refused(error)
    }
}

pub(super) struct Machine<'a, 'l> {
    pub arena: Arena<'a>,
    pub at: usize,
    pub stack: Vec<Id>,
    /// Heights of the stack.
    pub marks: Vec<u32>,
    pub memo: HashMap<u32, Id>,
    pub limits: &'l Limits,
}

impl<'a, 'l> Machine<'a, 'l> {
    pub fn new(bytes: &'a [u8], limits: &'l Limits) -> Self {
        let arena = Arena::new(bytes, limits);
        Self { arena, at: 0, stack: Vec::new(), marks: Vec::new(), memo: HashMap::new(), limits }
    }

    pub fn push(&mut self, node: Node) -> Result<(), Stop> {
        let id = self.arena.push(node)?;
        self.push_id(id)
    }

    pub fn push_tuple(&mut self, members: &[Id]) -> Result<(), Stop> {
        let id = self.arena.push_tuple(members)?;
        self.push_id(id)
    }

    pub fn push_object(&mut self, class: Id, args: Id) -> Result<(), Stop> {
        let id = self.arena.push_object(class, args)?;
        self.push_id(id)
    }

    pub fn push_id(&mut self, id: Id) -> Result<(), Stop> {
        within(self.stack.len() + 1, self.limits.stack_max, "values on a pickle's stack")?;
        self.stack.push(id);
        Ok(())
    }

    /// The last mark guards what lies below it.
    pub fn floor(&self) -> usize {
        self.marks.last().map_or(0, |m| *m as usize)
    }

    pub fn top(&self) -> Result<Id, Stop> {
        let top = self.stack.get(self.floor()..).and_then(<[Id]>::last);
        top.copied().ok_or(Stop::Damaged("takes from an empty stack"))
    }

    pub fn pop(&mut self) -> Result<Id, Stop> {
        let top = self.top()?;
        self.stack.pop();
        Ok(top)
    }

    pub fn pop_many(&mut self, count: usize) -> Result<Vec<Id>, Stop> {
        match self.stack.len().checked_sub(count) {
            Some(start) if start >= self.floor() => Ok(self.stack.drain(start..).collect()),
            _ => Err(Stop::Damaged("takes from an empty stack")),
        }
    }

    pub fn pop_mark(&mut self) -> Result<Vec<Id>, Stop> {
        let mark = self.marks.pop().ok_or(Stop::Damaged("takes up to a mark that is not there"))?;
        Ok(self.stack.drain((mark as usize).min(self.stack.len())..).collect())
    }

    pub fn put(&mut self, index: u32) -> Result<(), Stop> {
        let top = self.top()?;
        self.memo.insert(index, top);
        within(self.memo.len(), self.limits.memo_max, "entries in a pickle's memo")?;
        Ok(())
    }

    pub fn get(&mut self, index: u32) -> Result<(), Stop> {
        let id = self.memo.get(&index).copied().ok_or(Stop::Damaged("refers to a value that is not there"))?;
        self.push_id(id)
    }

    pub fn take<const N: usize>(&mut self) -> Result<[u8; N], Stop> {
        let bytes = self.arena.bytes.get(self.at..).and_then(|rest| rest.first_chunk::<N>()).ok_or(Stop::Ended)?;
        self.at += N;
        Ok(*bytes)
    }

    pub fn skip(&mut self, length: usize) -> Result<Span, Stop> {
        let end = self.at.checked_add(length).filter(|end| *end <= self.arena.bytes.len()).ok_or(Stop::Ended)?;
        let span = Span { start: self.at as u32, end: end as u32 };
        self.at = end;
        Ok(span)
    }

    pub fn signed_length(&mut self) -> Result<usize, Stop> {
        usize::try_from(i32::from_le_bytes(self.take()?)).map_err(|_| Stop::Damaged("states a negative length"))
    }

    pub fn long(&mut self, length: usize) -> Result<Node, Stop> {
        let span = self.skip(length)?;
        let bytes = self.arena.span(span);
        if length > 8 {
            return Ok(Node::Long(span));
        }
        // The sign bit of the last byte fills what is above it.
        let fill = if bytes.last().is_some_and(|b| b & 0x80 != 0) { 0xFF } else { 0 };
        let mut value = [fill; 8];
        value[..length].copy_from_slice(bytes);
        Ok(Node::Int(i64::from_le_bytes(value)))
    }

    /// Up to the end of the line, which is consumed.
    pub fn line_span(&mut self) -> Result<Span, Stop> {
        let rest = self.arena.bytes.get(self.at..).unwrap_or_default();
        let length = rest.iter().position(|b| *b == b'\n').ok_or(Stop::Ended)?;
        let span = self.skip(length)?;
        self.at += 1;
        Ok(span)
    }

    pub fn line(&mut self) -> Result<&[u8], Stop> {
        let span = self.line_span()?;
        Ok(self.arena.span(span))
    }

    /// A text of protocol 0. Protocol 0 is what PyTorch never writes, so escapes are refused, not decoded.
    pub fn plain_line(&mut self, quoted: bool) -> Result<Span, Stop> {
        let mut span = self.line_span()?;
        let line = self.arena.span(span);
        if line.contains(&b'\\') {
            return Err(Stop::Damaged("holds an escaped text of protocol 0, which is not supported"));
        }
        if quoted {
            match line {
                [first @ (b'\'' | b'"'), .., last] if first == last => {}
                _ => return Err(Stop::Damaged("holds a text without its quotes")),
            }
            span = Span { start: span.start + 1, end: span.end - 1 };
        }
        Ok(span)
    }

    pub fn decimal<T: std::str::FromStr>(&mut self) -> Result<T, Stop> {
        parse(self.line()?)
    }

    pub fn decimal_index(&mut self) -> Result<u32, Stop> {
        self.decimal()
    }

    pub fn global(&mut self) -> Result<Id, Stop> {
        let module = self.line_span()?;
        let name = self.line_span()?;
        if [module, name].iter().any(|s| std::str::from_utf8(self.arena.span(*s)).is_err()) {
            return Err(Stop::Damaged("holds a text that is not UTF-8"));
        }
        let module = self.arena.push(Node::Str(module))?;
        let name = self.arena.push(Node::Str(name))?;
        Ok(self.arena.push(Node::Global { module, name })?)
    }
}

/// A number written in decimal.
pub(super) fn parse<T: std::str::FromStr>(line: &[u8]) -> Result<T, Stop> {
    let text = std::str::from_utf8(line).ok();
    text.and_then(|t| t.trim().parse().ok()).ok_or(Stop::Damaged("holds a number that is none, or too large"))
}
