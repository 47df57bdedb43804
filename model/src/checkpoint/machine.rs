//! The pickle machine: opcodes of protocols 0 to 5 become values, and nothing is ever called.
//!
//! Invariant: each opcode consumes its bytes or fails, no size is believed before the bytes are there, and an opcode
//! adds at most three values. What Python would import is a [`Node::Global`], what it would call is a [`Node::Object`].
//! Opcodes are those of CPython's `Lib/pickletools.py`.

use super::arena::{Arena, Chain, Id, Node};
use super::limits::{CheckpointError, Limits, within};
use super::stack::{Machine, Stop, parse};

/// Reads one pickle at the start of `bytes`; also says how many bytes it has. What follows it is not looked at.
pub(super) fn read<'a>(bytes: &'a [u8], limits: &Limits) -> Result<(Arena<'a>, usize), CheckpointError> {
    // A span counts in 32 bits.
    let most = limits.structure_bytes_max.min(u32::MAX as usize - 1);
    let seen = &bytes[..bytes.len().min(most)];
    let mut machine = Machine::new(seen, limits);
    match machine.run() {
        Ok(root) => {
            machine.arena.root = root;
            Ok((machine.arena, machine.at))
        }
        // The end that was hit is ours, not the file's.
        Err(Stop::Ended) if seen.len() < bytes.len() => {
            Err(CheckpointError::Limit { what: "bytes in a pickle", limit: most })
        }
        Err(Stop::Ended) => Err(CheckpointError::Pickle { at: machine.at, why: "ends within a value" }),
        Err(Stop::Damaged(why)) => Err(CheckpointError::Pickle { at: machine.at, why }),
        Err(Stop::Refused(error)) => Err(error),
    }
}

impl Machine<'_, '_> {
    fn run(&mut self) -> Result<Id, Stop> {
        loop {
            let [opcode] = self.take()?;
            if opcode == b'.' {
                return self.pop();
            }
            self.step(opcode)?;
        }
    }

    fn step(&mut self, opcode: u8) -> Result<(), Stop> {
        match opcode {
            // Frame and protocol: frames only help buffering.
            0x80 => match self.take()? {
                [0..=5] => Ok(()),
                [_] => Err(Stop::Damaged("is of a protocol after 5")),
            },
            0x95 => {
                let length = usize::try_from(u64::from_le_bytes(self.take()?)).unwrap_or(usize::MAX);
                if length > self.arena.bytes.len() - self.at { Err(Stop::Ended) } else { Ok(()) }
            }
            // Stack
            b'(' => {
                within(self.marks.len() + 1, self.limits.stack_max, "marks on a pickle's stack")?;
                self.marks.push(self.stack.len() as u32);
                Ok(())
            }
            b'0' if self.marks.last().is_some_and(|m| *m as usize == self.stack.len()) => {
                self.marks.pop();
                Ok(())
            }
            b'0' => self.pop().map(drop),
            b'1' => self.pop_mark().map(drop),
            b'2' => {
                let top = self.top()?;
                self.push_id(top)
            }
            // Memo
            b'p' => {
                let index = self.decimal_index()?;
                self.put(index)
            }
            b'q' => {
                let [index] = self.take()?;
                self.put(u32::from(index))
            }
            b'r' => {
                let index = u32::from_le_bytes(self.take()?);
                self.put(index)
            }
            0x94 => self.put(self.memo.len() as u32),
            b'g' => {
                let index = self.decimal_index()?;
                self.get(index)
            }
            b'h' => {
                let [index] = self.take()?;
                self.get(u32::from(index))
            }
            b'j' => {
                let index = u32::from_le_bytes(self.take()?);
                self.get(index)
            }
            b'N' | 0x88 | 0x89 | b'I' | b'J' | b'K' | b'M' | b'L' | 0x8a | 0x8b | b'F' | b'G' => self.number(opcode),
            b'S' | b'V' | b'X' | 0x8c | 0x8d | b'T' | b'U' | b'B' | b'C' | 0x8e | 0x96 => self.text(opcode),
            _ => self.collect(opcode),
        }
    }

    fn number(&mut self, opcode: u8) -> Result<(), Stop> {
        let node = match opcode {
            b'N' => return self.push_id(Arena::NONE),
            0x88 => return self.push_id(Arena::TRUE),
            0x89 => return self.push_id(Arena::FALSE),
            b'J' => Node::Int(i64::from(i32::from_le_bytes(self.take()?))),
            b'K' => Node::Int(i64::from(u8::from_le_bytes(self.take()?))),
            b'M' => Node::Int(i64::from(u16::from_le_bytes(self.take()?))),
            b'G' => Node::Float(f64::from_be_bytes(self.take()?)),
            0x8a => {
                let [length] = self.take()?;
                self.long(usize::from(length))?
            }
            0x8b => {
                let length = self.signed_length()?;
                self.long(length)?
            }
            b'F' => Node::Float(self.decimal()?),
            _ => match self.line()? {
                b"00" if opcode == b'I' => return self.push_id(Arena::FALSE),
                b"01" if opcode == b'I' => return self.push_id(Arena::TRUE),
                line => Node::Int(parse(line.strip_suffix(b"L").unwrap_or(line))?),
            },
        };
        self.push(node)
    }

    fn text(&mut self, opcode: u8) -> Result<(), Stop> {
        let span = match opcode {
            b'S' | b'V' => self.plain_line(opcode == b'S')?,
            0x8c | b'U' | b'C' => {
                let [length] = self.take()?;
                self.skip(usize::from(length))?
            }
            b'X' | b'B' => {
                let length = u32::from_le_bytes(self.take()?);
                self.skip(length as usize)?
            }
            b'T' => {
                let length = self.signed_length()?;
                self.skip(length)?
            }
            _ => {
                let length = u64::from_le_bytes(self.take()?);
                self.skip(usize::try_from(length).unwrap_or(usize::MAX))?
            }
        };
        let text = std::str::from_utf8(self.arena.span(span)).is_ok();
        let node = match opcode {
            b'B' | b'C' | 0x8e | 0x96 => Node::Bytes(span),
            _ if text => Node::Str(span),
            // Python 2 wrote bytes and texts alike.
            b'S' | b'T' | b'U' => Node::Bytes(span),
            _ => return Err(Stop::Damaged("holds a text that is not UTF-8")),
        };
        self.push(node)
    }

    /// Containers, classes, and what would be calls.
    fn collect(&mut self, opcode: u8) -> Result<(), Stop> {
        match opcode {
            b')' => self.push_id(Arena::EMPTY_TUPLE),
            b']' => self.push(Node::List(Chain::EMPTY)),
            b'}' => self.push(Node::Dict(Chain::EMPTY)),
            0x8f => self.push(Node::Set(Chain::EMPTY)),
            0x85..=0x87 => {
                let members = self.pop_many(usize::from(opcode - 0x84))?;
                self.push_tuple(&members)
            }
            b't' => {
                let members = self.pop_mark()?;
                self.push_tuple(&members)
            }
            b'l' | b'd' | 0x91 => {
                let members = self.pop_mark()?;
                let mut chain = Chain::EMPTY;
                self.arena.extend(&mut chain, &members);
                match opcode {
                    b'l' => self.push(Node::List(chain)),
                    b'd' if members.len().is_multiple_of(2) => self.push(Node::Dict(chain)),
                    b'd' => Err(Stop::Damaged("gives a dictionary a key without a value")),
                    _ => self.push(Node::Set(chain)),
                }
            }
            b'a' => {
                let member = self.pop()?;
                self.add(&[member], Members::Items)
            }
            b'e' | 0x90 => {
                let members = self.pop_mark()?;
                self.add(&members, Members::Items)
            }
            b's' => {
                let members = self.pop_many(2)?;
                self.add(&members, Members::Pairs)
            }
            b'u' => {
                let members = self.pop_mark()?;
                self.add(&members, Members::Pairs)
            }
            _ => self.class(opcode),
        }
    }

    fn class(&mut self, opcode: u8) -> Result<(), Stop> {
        match opcode {
            b'c' => {
                let class = self.global()?;
                self.push_id(class)
            }
            0x93 => {
                let names = self.pop_many(2)?;
                let is_text = |id: &Id| matches!(self.arena.node(*id), Node::Str(_));
                match names.as_slice() {
                    [module, name] if names.iter().all(is_text) => {
                        self.push(Node::Global { module: *module, name: *name })
                    }
                    _ => Err(Stop::Damaged("names a class by no text")),
                }
            }
            // REDUCE and NEWOBJ: a class or a function, and its arguments.
            b'R' | 0x81 => {
                let args = self.pop()?;
                let class = self.pop()?;
                self.push_object(class, args)
            }
            0x92 => {
                // NEWOBJ_EX: positional and named arguments, kept as a pair.
                let args = self.pop_many(2)?;
                let args = self.arena.push_tuple(&args)?;
                let class = self.pop()?;
                self.push_object(class, args)
            }
            b'i' => {
                let class = self.global()?;
                let args = self.pop_mark()?;
                let args = self.arena.push_tuple(&args)?;
                self.push_object(class, args)
            }
            b'o' => match self.pop_mark()?.as_slice() {
                [class, args @ ..] => {
                    let args = self.arena.push_tuple(args)?;
                    self.push_object(*class, args)
                }
                [] => Err(Stop::Damaged("makes an object of no class")),
            },
            b'b' => self.build(),
            b'Q' => {
                let id = self.pop()?;
                self.push(Node::Persistent(id))
            }
            b'P' => {
                let span = self.plain_line(false)?;
                let id = self.arena.push(Node::Str(span))?;
                self.push(Node::Persistent(id))
            }
            0x82..=0x84 => Err(Stop::Damaged("uses Python's extension registry, which is not supported")),
            0x97 | 0x98 => Err(Stop::Damaged("refers to buffers outside the file")),
            _ => Err(Stop::Damaged("is no opcode")),
        }
    }

    fn build(&mut self) -> Result<(), Stop> {
        let state = self.pop()?;
        let top = self.top()?;
        let Node::Object(index) = self.arena.node(top) else {
            return Err(Stop::Damaged("gives attributes to what has none"));
        };
        match self.arena.object_mut(index) {
            Some(object) if object.state.is_none() => {
                object.state = Some(state);
                Ok(())
            }
            _ => Err(Stop::Damaged("gives attributes to an object twice")),
        }
    }

    /// Adds to the list, set, dictionary or object on top of the stack.
    fn add(&mut self, members: &[Id], how: Members) -> Result<(), Stop> {
        if how == Members::Pairs && !members.len().is_multiple_of(2) {
            return Err(Stop::Damaged("gives a dictionary a key without a value"));
        }
        let top = self.top()?;
        match (self.arena.node(top), how) {
            (Node::List(mut chain), Members::Items) => {
                self.arena.extend(&mut chain, members);
                self.arena.replace(top, Node::List(chain));
            }
            (Node::Set(mut chain), Members::Items) => {
                self.arena.extend(&mut chain, members);
                self.arena.replace(top, Node::Set(chain));
            }
            (Node::Dict(mut chain), Members::Pairs) => {
                self.arena.extend(&mut chain, members);
                self.arena.replace(top, Node::Dict(chain));
            }
            (Node::Object(index), _) => {
                let chain = |object: &mut super::arena::Object| match how {
                    Members::Items => object.items,
                    Members::Pairs => object.pairs,
                };
                let mut grown = self.arena.object_mut(index).map_or(Chain::EMPTY, chain);
                self.arena.extend(&mut grown, members);
                match (self.arena.object_mut(index), how) {
                    (Some(object), Members::Items) => object.items = grown,
                    (Some(object), Members::Pairs) => object.pairs = grown,
                    (None, _) => {}
                }
            }
            _ => return Err(Stop::Damaged("adds members to what has none")),
        }
        Ok(())
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Members {
    Items,
    Pairs,
}
