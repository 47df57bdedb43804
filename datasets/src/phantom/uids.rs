//! Unique identifiers of phantoms.
//!
//! Invariant: `2.25.` and the decimal form of a UUID (PS3.5 annex B.2), a function of the seed and of what is named;
//! for presentation and for processing name each other's instances.

use uvid_exam::{Intent, Laterality, View};

use super::random;

/// The UIDs of one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uids {
    /// Study Instance UID (0020,000D).
    pub study: String,
    /// Series Instance UID (0020,000E).
    pub series: String,
    /// SOP Instance UID (0008,0018).
    pub sop_instance: String,
    /// SOP Instance UID of the image for processing that this one, when for presentation, was made from.
    pub source: String,
}

impl Uids {
    /// The UIDs of a view of the exam of a seed. `repeat` counts repeated exposures of it.
    pub fn new(seed: u64, laterality: Laterality, view: View, intent: Intent, repeat: u32) -> Self {
        let instance = |intent: Intent| uid(seed, &format!("instance {laterality} {view} {intent} {repeat}"));
        Self {
            study: uid(seed, "study"),
            series: uid(seed, &format!("series {intent}")),
            sop_instance: instance(intent),
            source: instance(Intent::ForProcessing),
        }
    }
}

/// A UID for a purpose.
pub(super) fn uid(seed: u64, purpose: &str) -> String {
    let mut bytes = [0u8; 16];
    bytes.copy_from_slice(&random::digest(seed, &format!("uid {purpose}"))[..16]);
    // RFC 9562: version 8, a UUID of our own making, and the variant.
    let uuid = u128::from_be_bytes(bytes) & !(0xf << 76) & !(0x3 << 62) | 0x8 << 76 | 0x2 << 62;
    format!("2.25.{uuid}")
}
