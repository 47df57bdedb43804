//! A modality that misbehaves: cuts, repeats, delays, odd transfer syntaxes, wrong character sets.
//!
//! Invariant: what was cut is sent again on a new association, so that in the end everything arrived, unless the node
//! refuses it.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use dicom_core::{DataElement, PrimitiveValue, VR};
use dicom_dictionary_std::tags;
use dicom_transfer_syntax_registry::entries::EXPLICIT_VR_BIG_ENDIAN;
use serde_json::json;
use uvid_datasets::dicom::{self, Limits};

use super::event::{hex, tell};
use super::mischief::Mischief;
use crate::dimse::part10::part10;
use crate::dimse::scu::association::IMPLICIT;
use crate::dimse::scu::storage::{Storing, kind};
use crate::dimse::scu::{Remote, ScuError, ToStore};

/// What is pushed, and how badly.
#[derive(Debug, Clone)]
pub struct Push {
    /// DICOM files.
    pub files: Vec<PathBuf>,
    /// To whom.
    pub to: Remote,
    /// What chance is drawn from.
    pub seed: u64,
    /// Objects whose sending is cut in the middle, and repeated on a new association.
    pub drop_rate: f64,
    /// Whether each object is sent twice.
    pub duplicate: bool,
    /// Milliseconds before every object.
    pub delay_ms: u64,
    /// Whether every other uncompressed object goes in Implicit VR Little Endian, every third in Explicit VR Big Endian.
    pub odd_syntaxes: bool,
    /// Whether the patient's name goes in Windows-1251, labelled ISO_IR 100.
    pub wrong_charset: bool,
}

/// Pushes; how many objects the node took, and how many it did not.
///
/// # Errors
///
/// A file cannot be read, or there is no association.
pub async fn push(push: &Push) -> anyhow::Result<(usize, usize)> {
    let chance = Mischief::new(push.seed);
    let (mut taken, mut not_taken) = (0, 0);
    let mut storing: Option<Storing> = None;
    for (i, path) in push.files.iter().enumerate() {
        let object = object(push, path, i).with_context(|| path.display().to_string())?;
        let uid = object.sop_instance.as_str();
        if push.drop_rate > 0.0 && chance.happens(push.drop_rate) {
            let half = fitting(push, storing.take(), &object).await?;
            half.store_half(&object).await?;
            tell("push", &json!({ "sop_instance": uid, "status": "cut" }));
        }
        for _ in 0..=usize::from(push.duplicate) {
            tokio::time::sleep(Duration::from_millis(push.delay_ms)).await;
            let mut open_one = fitting(push, storing.take(), &object).await?;
            match open_one.store(&object).await {
                Ok(status) => {
                    taken += 1;
                    tell("push", &json!({ "sop_instance": uid, "status": hex(status) }));
                }
                Err(error) => {
                    not_taken += 1;
                    tell("push", &json!({ "sop_instance": uid, "why": error.to_string() }));
                }
            }
            storing = (!open_one.is_broken()).then_some(open_one);
        }
    }
    if let Some(storing) = storing {
        storing.close().await;
    }
    Ok((taken, not_taken))
}

/// The association at hand if it can carry an object, else a new one.
async fn fitting(push: &Push, storing: Option<Storing>, object: &ToStore) -> Result<Storing, ScuError> {
    match storing {
        Some(storing) if storing.takes(object) => return Ok(storing),
        Some(storing) => storing.close().await,
        None => {}
    }
    Storing::open(&push.to, &BTreeSet::from([kind(object)?])).await
}

/// The object of a file, changed as was asked.
fn object(push: &Push, path: &std::path::Path, i: usize) -> anyhow::Result<ToStore> {
    let limits = Limits::default();
    let mut bytes = std::fs::read(path)?;
    let header = dicom::read_header(&bytes, &limits)?;
    if push.wrong_charset {
        bytes = mislabelled(&bytes)?;
    }
    if push.odd_syntaxes {
        let plain = ["1.2.840.10008.1.2.1", IMPLICIT].contains(&header.transfer_syntax);
        let changed = match i % 3 {
            1 if plain => dicom::to_implicit(&bytes, &limits)?.map(|data| (IMPLICIT, data)),
            2 if plain => Some(("1.2.840.10008.1.2.2", big_endian(&bytes)?)),
            _ => None,
        };
        if let Some((syntax, data)) = changed {
            bytes = part10(&header.sop_class, &header.sop_instance, syntax, &data);
        }
    }
    Ok(ToStore { sop_class: header.sop_class, sop_instance: header.sop_instance, bytes })
}

/// With the patient's name in Windows-1251 under the label of Latin-1, as equipment does that was never set up.
fn mislabelled(bytes: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut file = dicom_object::from_reader(bytes)?;
    let name = file.get(tags::PATIENT_NAME).and_then(|name| name.to_str().ok()).unwrap_or_default().into_owned();
    let (raw, ..) = encoding_rs::WINDOWS_1251.encode(&name);
    // Each byte as the Latin-1 character of its number: written in ISO_IR 100, it is the same byte again.
    let latin: String = raw.iter().map(|byte| char::from(*byte)).collect();
    file.put(DataElement::new(tags::SPECIFIC_CHARACTER_SET, VR::CS, PrimitiveValue::from("ISO_IR 100")));
    file.put(DataElement::new(tags::PATIENT_NAME, VR::PN, PrimitiveValue::from(latin)));
    let mut out = Vec::new();
    file.write_all(&mut out)?;
    Ok(out)
}

fn big_endian(bytes: &[u8]) -> anyhow::Result<Vec<u8>> {
    let file = dicom_object::from_reader(bytes)?;
    let mut data = Vec::new();
    file.write_dataset_with_ts(&mut data, &EXPLICIT_VR_BIG_ENDIAN.erased())?;
    Ok(data)
}
