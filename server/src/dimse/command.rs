//! Command sets (PS3.7 section 6.3): group 0000 in Implicit VR Little Endian.
//!
//! Invariant: parsing reads a flat list of elements of group 0000 and nothing else; it neither recurses nor allocates
//! more than the bytes that it was given.

use std::collections::BTreeMap;

/// Elements of group 0000 (PS3.7 annex E).
pub mod element {
    /// Affected SOP Class UID.
    pub const AFFECTED_SOP_CLASS: u16 = 0x0002;
    /// Requested SOP Class UID.
    pub const REQUESTED_SOP_CLASS: u16 = 0x0003;
    /// Command Field.
    pub const COMMAND_FIELD: u16 = 0x0100;
    /// Message ID.
    pub const MESSAGE_ID: u16 = 0x0110;
    /// Message ID Being Responded To.
    pub const RESPONDED_TO: u16 = 0x0120;
    /// Move Destination.
    pub const MOVE_DESTINATION: u16 = 0x0600;
    /// Priority: 0 medium, 1 high, 2 low.
    pub const PRIORITY: u16 = 0x0700;
    /// Command Data Set Type: 0101H if there is no data set.
    pub const DATA_SET_TYPE: u16 = 0x0800;
    /// Status.
    pub const STATUS: u16 = 0x0900;
    /// Offending Element: pairs of group and element number.
    pub const OFFENDING_ELEMENT: u16 = 0x0901;
    /// Error Comment: at most 64 characters.
    pub const ERROR_COMMENT: u16 = 0x0902;
    /// Affected SOP Instance UID.
    pub const AFFECTED_SOP_INSTANCE: u16 = 0x1000;
    /// Requested SOP Instance UID.
    pub const REQUESTED_SOP_INSTANCE: u16 = 0x1001;
    /// Event Type ID.
    pub const EVENT_TYPE: u16 = 0x1002;
    /// Action Type ID.
    pub const ACTION_TYPE: u16 = 0x1008;
    /// Number of Remaining Sub-operations.
    pub const REMAINING: u16 = 0x1020;
    /// Number of Completed Sub-operations.
    pub const COMPLETED: u16 = 0x1021;
    /// Number of Failed Sub-operations.
    pub const FAILED: u16 = 0x1022;
    /// Number of Warning Sub-operations.
    pub const WARNING: u16 = 0x1023;
    /// Move Originator Application Entity Title.
    pub const MOVE_ORIGINATOR_AE: u16 = 0x1030;
    /// Move Originator Message ID.
    pub const MOVE_ORIGINATOR_MESSAGE_ID: u16 = 0x1031;
}

/// Command Fields (PS3.7 annex E); a response's is the request's with 8000H.
pub mod field {
    /// C-STORE-RQ.
    pub const C_STORE: u16 = 0x0001;
    /// C-GET-RQ.
    pub const C_GET: u16 = 0x0010;
    /// C-FIND-RQ.
    pub const C_FIND: u16 = 0x0020;
    /// C-MOVE-RQ.
    pub const C_MOVE: u16 = 0x0021;
    /// C-ECHO-RQ.
    pub const C_ECHO: u16 = 0x0030;
    /// C-CANCEL-RQ.
    pub const C_CANCEL: u16 = 0x0FFF;
    /// N-EVENT-REPORT-RQ.
    pub const N_EVENT_REPORT: u16 = 0x0100;
    /// N-SET-RQ.
    pub const N_SET: u16 = 0x0120;
    /// N-ACTION-RQ.
    pub const N_ACTION: u16 = 0x0130;
    /// N-CREATE-RQ.
    pub const N_CREATE: u16 = 0x0140;
    /// What a response adds.
    pub const RESPONSE: u16 = 0x8000;
}

/// Command Data Set Type of a message without a data set.
pub const NO_DATA_SET: u16 = 0x0101;

/// Why bytes are no command set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidCommand {
    /// They end within an element.
    #[error("the command set breaks off")]
    BreaksOff,
    /// An element of another group.
    #[error("the command set holds an element of group {0:04X}")]
    Group(u16),
    /// An element is there twice.
    #[error("the command set holds (0000,{0:04X}) twice")]
    Twice(u16),
}

/// A command set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Command(BTreeMap<u16, Vec<u8>>);

impl Command {
    /// A request with its Command Field, Message ID and whether a data set follows.
    pub fn request(field: u16, message_id: u16, data_set: bool) -> Self {
        Self::default()
            .with_u16(element::COMMAND_FIELD, field)
            .with_u16(element::MESSAGE_ID, message_id)
            .with_u16(element::DATA_SET_TYPE, if data_set { 0x0102 } else { NO_DATA_SET })
    }

    /// The response to a request, without a data set: it names the same SOP class and instance.
    pub fn response(request: &Self, status: u16) -> Self {
        let field = request.u16(element::COMMAND_FIELD).unwrap_or(0) | field::RESPONSE;
        let mut response = Self::default()
            .with_u16(element::COMMAND_FIELD, field)
            .with_u16(element::RESPONDED_TO, request.u16(element::MESSAGE_ID).unwrap_or(0))
            .with_u16(element::DATA_SET_TYPE, NO_DATA_SET)
            .with_u16(element::STATUS, status);
        for (affected, requested) in [
            (element::AFFECTED_SOP_CLASS, element::REQUESTED_SOP_CLASS),
            (element::AFFECTED_SOP_INSTANCE, element::REQUESTED_SOP_INSTANCE),
        ] {
            if let Some(value) = request.0.get(&affected).or_else(|| request.0.get(&requested)) {
                response.0.insert(affected, value.clone());
            }
        }
        response
    }

    /// With an element of VR US.
    #[must_use]
    pub fn with_u16(mut self, element: u16, value: u16) -> Self {
        self.0.insert(element, value.to_le_bytes().to_vec());
        self
    }

    /// With an element of VR UI.
    #[must_use]
    pub fn with_uid(mut self, element: u16, uid: &str) -> Self {
        let mut value = uid.as_bytes().to_vec();
        if value.len() % 2 == 1 {
            value.push(0);
        }
        self.0.insert(element, value);
        self
    }

    /// With an element of VR AE or LO, of printable ASCII; anything else becomes `?`. At most 64 characters.
    #[must_use]
    pub fn with_text(mut self, element: u16, text: &str) -> Self {
        let ascii = text.chars().take(64).map(|c| if (' '..='~').contains(&c) { c as u8 } else { b'?' });
        let mut value: Vec<u8> = ascii.collect();
        if value.len() % 2 == 1 {
            value.push(b' ');
        }
        self.0.insert(element, value);
        self
    }

    /// With Offending Element (0000,0901), VR AT.
    #[must_use]
    pub fn with_offending(mut self, tags: &[dicom_core::Tag]) -> Self {
        let value = tags.iter().flat_map(|tag| [tag.0.to_le_bytes(), tag.1.to_le_bytes()]).flatten().collect();
        self.0.insert(element::OFFENDING_ELEMENT, value);
        self
    }

    /// The value of an element of VR US.
    pub fn u16(&self, element: u16) -> Option<u16> {
        Some(u16::from_le_bytes(self.0.get(&element)?.get(..2)?.try_into().ok()?))
    }

    /// The value of an element of VR UI, AE or LO without its padding; `None` if it is empty or not ASCII.
    pub fn text(&self, element: u16) -> Option<&str> {
        let text = std::str::from_utf8(self.0.get(&element)?).ok()?.trim_matches(['\0', ' ']);
        (!text.is_empty() && text.is_ascii()).then_some(text)
    }

    /// Whether a data set follows.
    pub fn has_data_set(&self) -> bool {
        self.u16(element::DATA_SET_TYPE) != Some(NO_DATA_SET)
    }

    /// Reads a command set.
    ///
    /// # Errors
    ///
    /// It is none.
    pub fn parse(mut bytes: &[u8]) -> Result<Self, InvalidCommand> {
        let mut command = BTreeMap::new();
        while !bytes.is_empty() {
            let (head, rest) = bytes.split_first_chunk::<8>().ok_or(InvalidCommand::BreaksOff)?;
            let [g0, g1, e0, e1, length @ ..] = *head;
            let (group, element) = (u16::from_le_bytes([g0, g1]), u16::from_le_bytes([e0, e1]));
            if group != 0 {
                return Err(InvalidCommand::Group(group));
            }
            let length = usize::try_from(u32::from_le_bytes(length)).map_err(|_| InvalidCommand::BreaksOff)?;
            let (value, rest) = rest.split_at_checked(length).ok_or(InvalidCommand::BreaksOff)?;
            bytes = rest;
            // Group Length says nothing that we do not see.
            if element != 0 && command.insert(element, value.to_vec()).is_some() {
                return Err(InvalidCommand::Twice(element));
            }
        }
        Ok(Self(command))
    }

    /// Writes it, with its Group Length.
    pub fn encode(&self) -> Vec<u8> {
        let mut body = Vec::new();
        for (element, value) in &self.0 {
            body.extend([0, 0]);
            body.extend(element.to_le_bytes());
            body.extend(u32::try_from(value.len()).unwrap_or(0).to_le_bytes());
            body.extend(value);
        }
        let mut bytes = vec![0, 0, 0, 0, 4, 0, 0, 0];
        bytes.extend(u32::try_from(body.len()).unwrap_or(0).to_le_bytes());
        bytes.extend(body);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_response_answers_its_request() {
        let request = Command::request(field::C_STORE, 7, true)
            .with_uid(element::AFFECTED_SOP_CLASS, "1.2.840.10008.5.1.4.1.1.1.2")
            .with_uid(element::AFFECTED_SOP_INSTANCE, "1.2.3");
        assert!(request.has_data_set());
        let response = Command::response(&request, 0xA700).with_text(element::ERROR_COMMENT, "пуно");
        let read = Command::parse(&response.encode()).expect("what was written");
        assert_eq!(read, response);
        assert_eq!(read.u16(element::COMMAND_FIELD), Some(0x8001));
        assert_eq!(read.u16(element::RESPONDED_TO), Some(7));
        assert_eq!(read.u16(element::STATUS), Some(0xA700));
        assert_eq!(read.text(element::AFFECTED_SOP_INSTANCE), Some("1.2.3"));
        assert_eq!(read.text(element::ERROR_COMMENT), Some("????"));
        assert!(!read.has_data_set());
    }

    #[test]
    fn what_is_no_command_set_is_refused() {
        let check = |bytes: &[u8], expected| assert_eq!(Command::parse(bytes).err(), Some(expected), "{bytes:?}");
        check(&[0, 0, 0], InvalidCommand::BreaksOff);
        check(&[0, 0, 0, 1, 255, 255, 255, 255], InvalidCommand::BreaksOff);
        check(&[8, 0, 0x16, 0, 0, 0, 0, 0], InvalidCommand::Group(8));
        check(&[0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0], InvalidCommand::Twice(0x0100));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(command) = Command::parse(&bytes) {
                prop_assert_eq!(Command::parse(&command.encode()), Ok(command));
            }
        }
    }
}
