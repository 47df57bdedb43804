//! DICOM unique identifiers, one type for each thing that has one.
//!
//! Invariant: 1 to 64 characters, digits and dots, no empty component (PS3.5 section 9.1). Trailing NUL and space
//! padding is removed. A leading zero in a component, which the standard forbids and real equipment sends, is accepted:
//! refusing it would lose a patient's images over a formality.

use std::fmt;
use std::str::FromStr;

/// Why a text is no unique identifier. The text itself is not repeated: a peer chose it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidUid {
    /// Nothing is left after the padding.
    #[error("is empty")]
    Empty,
    /// More than 64 characters.
    #[error("has {0} characters, 64 are allowed")]
    TooLong(usize),
    /// A character other than a digit or a dot.
    #[error("holds a character other than digits and dots")]
    Character,
    /// Two dots in a row, or a dot at either end.
    #[error("has an empty component")]
    EmptyComponent,
}

/// The most characters that PS3.5 section 9.1 allows.
const CHARACTERS_MAX: usize = 64;

fn parse(text: &str) -> Result<&str, InvalidUid> {
    let uid = text.trim_end_matches(['\0', ' ']).trim_start_matches(' ');
    if uid.is_empty() {
        return Err(InvalidUid::Empty);
    }
    if !uid.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
        return Err(InvalidUid::Character);
    }
    if uid.len() > CHARACTERS_MAX {
        return Err(InvalidUid::TooLong(uid.len()));
    }
    if uid.split('.').any(str::is_empty) {
        return Err(InvalidUid::EmptyComponent);
    }
    Ok(uid)
}

macro_rules! uid {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Box<str>);

        impl $name {
            /// The identifier without padding.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidUid;

            fn from_str(text: &str) -> Result<Self, InvalidUid> {
                parse(text).map(|uid| Self(uid.into()))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }
    };
}

uid!(
    /// Study Instance UID (0020,000D).
    StudyInstanceUid
);
uid!(
    /// Series Instance UID (0020,000E).
    SeriesInstanceUid
);
uid!(
    /// SOP Instance UID (0008,0018).
    SopInstanceUid
);
uid!(
    /// SOP Class UID (0008,0016).
    SopClassUid
);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(text: &str, expected: Result<&str, InvalidUid>) {
        let parsed = text.parse::<StudyInstanceUid>();
        assert_eq!(parsed.as_ref().map(StudyInstanceUid::as_str).map_err(|e| *e), expected, "{text:?}");
    }

    #[test]
    fn uids_are_parsed_at_the_door() {
        check("1.2.840.10008.1.1", Ok("1.2.840.10008.1.1"));
        check("1.2.840\0", Ok("1.2.840"));
        check("1.2.840 ", Ok("1.2.840"));
        check("2.25.0123", Ok("2.25.0123"));
        check("", Err(InvalidUid::Empty));
        check("\0", Err(InvalidUid::Empty));
        check("1..2", Err(InvalidUid::EmptyComponent));
        check(".1", Err(InvalidUid::EmptyComponent));
        check("1.", Err(InvalidUid::EmptyComponent));
        check("../../etc/passwd", Err(InvalidUid::Character));
        check("1.2.a", Err(InvalidUid::Character));
        check(&"1".repeat(64), Ok(&"1".repeat(64)));
        check(&"1".repeat(65), Err(InvalidUid::TooLong(65)));
    }

    proptest! {
        #[test]
        fn what_parses_is_safe_as_a_name(text in ".{0,80}") {
            if let Ok(uid) = text.parse::<SopInstanceUid>() {
                prop_assert!(uid.as_str().len() <= 64);
                prop_assert!(uid.as_str().bytes().all(|b| b.is_ascii_digit() || b == b'.'));
                prop_assert!(!uid.as_str().contains(".."));
                prop_assert_eq!(uid.as_str().parse::<SopInstanceUid>(), Ok(uid.clone()));
            }
        }
    }
}
