//! UIDs of the objects made here.
//!
//! Invariant: the same inputs give the same UID; it has at most 64 characters.

use sha2::{Digest, Sha256};

use super::{Context, ObjectError};
use crate::config::ObjectKind;

/// Characters of a UID (PS3.5 section 9.1).
const CHARACTERS_MAX: usize = 64;

/// Digits under a root, at least: 19 make two alike among a thousand million unlikely.
const DIGITS_MIN: usize = 20;

/// The UID of something made from a result: `2.25.` and a UUID of version 8 from SHA-256 (PS3.5 B.2, RFC 9562), or the
/// same number, cut to fit, under `results.uid_root`.
pub fn uid(context: &Context<'_>, kind: ObjectKind, purpose: &str) -> Result<String, ObjectError> {
    let study = &context.head().ok_or(ObjectError::NoSource)?.study_uid;
    let package = &context.report.package;
    let mut hash = Sha256::new();
    let at = context.making.at.unix_timestamp_nanos().to_string();
    let kind = format!("{kind:?}");
    for part in [study.as_str(), &package.digest, &package.recipe_digest, &at, &kind, purpose] {
        // Lengths, so that no two lists of parts are one text.
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    let digest: [u8; 32] = hash.finalize().into();
    let [number, _] = *digest.as_chunks::<16>().0 else { return Err(ObjectError::UidRoot) };
    under(context.making.uid_root.as_deref(), uuid(number))
}

/// The UID of the package as a device: the same in every report.
pub fn device(context: &Context<'_>) -> Result<String, ObjectError> {
    let package = &context.report.package;
    let digest: [u8; 32] = Sha256::digest(format!("device {} {}", package.digest, package.recipe_digest)).into();
    let [number, _] = *digest.as_chunks::<16>().0 else { return Err(ObjectError::UidRoot) };
    under(context.making.uid_root.as_deref(), uuid(number))
}

/// Version 8 ("custom") and the variant of RFC 9562.
fn uuid(mut bytes: [u8; 16]) -> u128 {
    bytes[6] = (bytes[6] & 0x0F) | 0x80;
    bytes[8] = (bytes[8] & 0x3F) | 0x80;
    u128::from_be_bytes(bytes)
}

fn under(root: Option<&str>, number: u128) -> Result<String, ObjectError> {
    let Some(root) = root else { return Ok(format!("2.25.{number}")) };
    let root = root.trim_end_matches('.');
    let room = CHARACTERS_MAX.saturating_sub(root.len() + 1);
    if room < DIGITS_MIN || root.parse::<uvid_exam::SopInstanceUid>().is_err() {
        return Err(ObjectError::UidRoot);
    }
    let number = 10_u128.checked_pow(room.try_into().unwrap_or(u32::MAX)).map_or(number, |least| number % least);
    Ok(format!("{root}.{number}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uid_fits_its_root() {
        let long = format!("1.2.{}", "3".repeat(39));
        let check = |root: Option<&str>, expected: Result<&str, ObjectError>| {
            assert_eq!(under(root, u128::MAX).as_deref(), expected.as_ref().map(|uid| *uid), "{root:?}");
        };
        check(None, Ok("2.25.340282366920938463463374607431768211455"));
        check(Some("1.2.3"), Ok("1.2.3.340282366920938463463374607431768211455"));
        check(Some("1.2.3."), Ok("1.2.3.340282366920938463463374607431768211455"));
        check(Some(&long), Ok(&format!("{long}.63374607431768211455")));
        check(Some(&format!("{long}4")), Err(ObjectError::UidRoot));
        check(Some("a.b"), Err(ObjectError::UidRoot));
    }
}
