//! Messages from their fragments (PS3.7 annex F, PS3.8 annex E).
//!
//! Invariant: a message is one command set and, if that says so, one data set, in one presentation context and without
//! anything between their fragments. A command set is held up to its limit; of a data set nothing is held.

use bytes::Bytes;

use super::command::{Command, InvalidCommand};
use super::wire::Fragment;

/// A step of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// The command set is whole. A data set follows if it says so.
    Command(u8, Command),
    /// The next bytes of the data set, and whether they are the last.
    Data(Bytes, bool),
}

/// Why fragments are no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidMessage {
    /// A fragment of another message, or of the wrong kind, stands between.
    #[error("fragments of messages are mixed")]
    Mixed,
    /// The command set is too long.
    #[error("a command set of more than {0} bytes")]
    TooLong(usize),
    /// The command set is none.
    #[error(transparent)]
    Command(#[from] InvalidCommand),
}

/// Puts messages together.
#[derive(Debug)]
pub struct Assembler {
    command_bytes_max: usize,
    state: State,
}

#[derive(Debug)]
enum State {
    /// Between messages.
    Between,
    /// Within a command set.
    Command(u8, Vec<u8>),
    /// Within a data set.
    Data(u8),
}

impl Assembler {
    /// With a limit on the bytes of a command set.
    pub fn new(command_bytes_max: usize) -> Self {
        Self { command_bytes_max, state: State::Between }
    }

    /// Whether no message is under way.
    pub fn between(&self) -> bool {
        matches!(self.state, State::Between)
    }

    /// Takes the next fragment. `None`: more is needed.
    ///
    /// # Errors
    ///
    /// The peer does not keep to the protocol; nothing more makes sense.
    pub fn push(&mut self, fragment: Fragment) -> Result<Option<Step>, InvalidMessage> {
        let Fragment { context, command, last, bytes } = fragment;
        let mut held = match std::mem::replace(&mut self.state, State::Between) {
            State::Data(of) if of == context && !command => {
                if !last {
                    self.state = State::Data(of);
                }
                return Ok(Some(Step::Data(bytes, last)));
            }
            State::Between if command => Vec::new(),
            State::Command(of, held) if of == context && command => held,
            State::Between | State::Command(..) | State::Data(_) => return Err(InvalidMessage::Mixed),
        };
        if held.len() + bytes.len() > self.command_bytes_max {
            return Err(InvalidMessage::TooLong(self.command_bytes_max));
        }
        held.extend_from_slice(&bytes);
        if !last {
            self.state = State::Command(context, held);
            return Ok(None);
        }
        let command = Command::parse(&held)?;
        if command.has_data_set() {
            self.state = State::Data(context);
        }
        Ok(Some(Step::Command(context, command)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::command::{element, field};
    use super::*;
    use proptest::prelude::*;

    fn store() -> Command {
        Command::request(field::C_STORE, 1, true).with_uid(element::AFFECTED_SOP_INSTANCE, "1.2.3")
    }

    fn fragment(context: u8, command: bool, last: bool, bytes: &[u8]) -> Fragment {
        Fragment { context, command, last, bytes: Bytes::copy_from_slice(bytes) }
    }

    #[test]
    fn what_is_mixed_is_refused() {
        let whole = store().encode();
        let echo = Command::request(field::C_ECHO, 1, false).encode();
        let check = |fragments: &[Fragment], expected: InvalidMessage| {
            let mut assembler = Assembler::new(200);
            let found = fragments.iter().cloned().find_map(|f| assembler.push(f).err());
            assert_eq!(found, Some(expected), "{fragments:?}");
        };
        // A data set without a command, in another context, after a message that has none; a command within either.
        check(&[fragment(1, false, true, b"x")], InvalidMessage::Mixed);
        check(&[fragment(1, true, true, &whole), fragment(3, false, true, b"x")], InvalidMessage::Mixed);
        check(&[fragment(1, true, true, &echo), fragment(1, false, true, b"x")], InvalidMessage::Mixed);
        check(&[fragment(1, true, false, &whole[..9]), fragment(3, true, true, &whole[9..])], InvalidMessage::Mixed);
        check(&[fragment(1, true, false, &whole[..9]), fragment(1, false, true, b"x")], InvalidMessage::Mixed);
        check(&[fragment(1, true, true, &whole), fragment(1, true, true, &echo)], InvalidMessage::Mixed);
        check(&[fragment(1, true, false, &[0; 201])], InvalidMessage::TooLong(200));
        check(&[fragment(1, true, true, b"abc")], InvalidMessage::Command(InvalidCommand::BreaksOff));
    }

    proptest! {
        #[test]
        fn a_message_is_the_same_however_it_is_cut(
            data in prop::collection::vec(any::<u8>(), 0..100),
            cuts in prop::collection::vec(1usize..30, 1..20),
        ) {
            let mut assembler = Assembler::new(1 << 16);
            let mut cuts = cuts.iter().cycle();
            let (mut command, mut read) = (None, Vec::new());
            for (is_command, bytes) in [(true, store().encode()), (false, data.clone())] {
                let mut rest = bytes.as_slice();
                loop {
                    let (piece, tail) = rest.split_at((*cuts.next().unwrap()).min(rest.len()));
                    match assembler.push(fragment(1, is_command, tail.is_empty(), piece)).unwrap() {
                        Some(Step::Command(context, found)) => command = Some((context, found)),
                        Some(Step::Data(bytes, last)) => {
                            prop_assert_eq!(last, tail.is_empty());
                            read.extend_from_slice(&bytes);
                        }
                        None => prop_assert!(!tail.is_empty()),
                    }
                    rest = tail;
                    if rest.is_empty() {
                        break;
                    }
                }
            }
            prop_assert_eq!(command, Some((1, store())));
            prop_assert_eq!(read, data);
            prop_assert!(assembler.between());
        }

        #[test]
        fn any_fragments_are_messages_or_refused(
            fragments in prop::collection::vec(
                (0u8..4, any::<bool>(), any::<bool>(), prop::collection::vec(any::<u8>(), 0..30)), 0..20),
        ) {
            let mut assembler = Assembler::new(64);
            for (context, command, last, bytes) in fragments {
                if assembler.push(fragment(context, command, last, &bytes)).is_err() {
                    break;
                }
            }
        }
    }
}
