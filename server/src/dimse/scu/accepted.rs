//! A-ASSOCIATE-AC (PS3.8 section 9.3.3), read leniently: dicom-ul refuses the whole answer where a rejected context
//! names no transfer syntax, which the standard says is not to be looked at.
//!
//! Invariant: any bytes give an [`Accepted`] or `None`, without recursion and within their own size.

/// What a node agreed to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Accepted {
    /// Presentation Context ID, result (0: accepted), Transfer Syntax UID.
    pub(super) contexts: Vec<(u8, u8, String)>,
    /// Maximum Length: 0 is "no limit".
    pub(super) pdu_bytes: u32,
    /// Implementation Version Name.
    pub(super) implementation: Option<String>,
}

impl Accepted {
    /// Reads what follows the length of the PDU.
    pub(super) fn read(body: &[u8]) -> Option<Self> {
        // Protocol version, reserved, two AE titles, reserved.
        let mut rest = body.get(68..)?;
        let mut accepted = Self::default();
        while let Some((kind, value, behind)) = item(rest) {
            rest = behind;
            match kind {
                0x21 => accepted.contexts.push(context(value)?),
                0x50 => accepted.user_information(value),
                _ => {}
            }
        }
        rest.is_empty().then_some(accepted)
    }

    fn user_information(&mut self, mut rest: &[u8]) {
        while let Some((kind, value, behind)) = item(rest) {
            rest = behind;
            match (kind, value.first_chunk::<4>()) {
                (0x51, Some(bytes)) => self.pdu_bytes = u32::from_be_bytes(*bytes),
                (0x55, _) => self.implementation = Some(text(value)),
                _ => {}
            }
        }
    }
}

fn context(value: &[u8]) -> Option<(u8, u8, String)> {
    let (&[id, _, result, _], rest) = value.split_first_chunk::<4>()?;
    let syntax = item(rest).filter(|(kind, ..)| *kind == 0x40).map(|(_, uid, _)| text(uid));
    Some((id, result, syntax.unwrap_or_default()))
}

fn text(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    text.trim_matches(['\0', ' ']).chars().filter(|c| c.is_ascii_graphic() || *c == ' ').take(64).collect()
}

/// Item-type, value, what follows.
fn item(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&[kind, _, a, b], rest) = bytes.split_first_chunk::<4>()?;
    let (value, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes([a, b])))?;
    Some((kind, value, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn wrapped(kind: u8, value: &[u8]) -> Vec<u8> {
        let mut bytes = vec![kind, 0];
        bytes.extend((value.len() as u16).to_be_bytes());
        bytes.extend(value);
        bytes
    }

    #[test]
    fn what_was_agreed_is_read() {
        let user = [wrapped(0x51, &[0, 0, 64, 0]), wrapped(0x52, b"1.2"), wrapped(0x55, b"PACS_1\0")].concat();
        let agreed = [&[1, 0, 0, 0][..], &wrapped(0x40, b"1.2.840.10008.1.2\0")].concat();
        let body = [
            vec![0; 68],
            wrapped(0x10, b"1.2.840.10008.3.1.1.1"),
            wrapped(0x21, &agreed),
            wrapped(0x21, &[3, 0, 3, 0]),
            wrapped(0x50, &user),
        ]
        .concat();
        let expected = Accepted {
            contexts: vec![(1, 0, "1.2.840.10008.1.2".to_owned()), (3, 3, String::new())],
            pdu_bytes: 16384,
            implementation: Some("PACS_1".to_owned()),
        };
        assert_eq!(Accepted::read(&body), Some(expected));
        assert_eq!(Accepted::read(&body[..body.len() - 1]), None);
        assert_eq!(Accepted::read(&body[..60]), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Accepted::read(&[vec![0; 68], bytes].concat());
        }
    }
}
