//! What the tests of this folder share.
#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::collections::BTreeSet;
use std::sync::LazyLock;

use dicom_core::{DataElement, PrimitiveValue, VR};
use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;
use time::macros::datetime;
use uvid_datasets::dicom::Source;
use uvid_datasets::phantom::{Wrap, encode};
use uvid_exam::{PackageId, Reason, Slot};
use uvid_model::{Manifest, Package};

use super::{Context, Making};
use crate::config::{Language, ObjectKind};
use crate::pipeline::Stages;
use crate::report::Report;

/// The bundled package's.
pub(crate) static MANIFEST: LazyLock<Manifest> =
    LazyLock::new(|| Package::bundled().expect("bundled").manifest().clone());

/// A report without a score.
pub(crate) static REPORT: LazyLock<Report> = LazyLock::new(|| Report {
    study: None,
    package: PackageId {
        name: "density-v0".into(),
        version: "1.0.0".into(),
        digest: "ab".repeat(32),
        recipe_digest: "cd".repeat(32),
        recalibrated: None,
    },
    fates: vec![],
    notes: vec![],
    unreadable: vec![],
    missing: vec![],
    outcome: Err(vec![Reason::NoMammogram]),
    stages: Stages::default(),
});

/// Everything, in English.
pub(crate) fn making() -> Making {
    Making {
        kinds: BTreeSet::from([ObjectKind::CadSr, ObjectKind::Sr]),
        language: Language::En,
        uid_root: None,
        at: datetime!(2024-03-15 10:20:30.123456 UTC),
        charsets: vec![],
        supersedes: vec![],
    }
}

/// The context of these sources without a score.
pub(crate) fn context<'a>(making: &'a Making, sources: &'a [Source]) -> Context<'a> {
    Context { making, sources, report: &REPORT, exam: None, manifest: &MANIFEST }
}

/// A small left CC with this SOP Instance UID; a name given as bytes is written as these bytes.
pub(crate) fn mammogram(uid: &str, edit: impl FnOnce(&mut InMemDicomObject), name: Option<&[u8]>) -> Vec<u8> {
    let bytes = encode(&[0; 64], &Wrap::new(Slot::LeftCc, 8, 8, 1)).expect("a file");
    let file = dicom_object::from_reader(bytes.as_slice()).expect("readable");
    let meta = file.meta().clone();
    let mut object = file.into_inner();
    object.put(DataElement::new(tags::SOP_INSTANCE_UID, VR::UI, uid));
    if let Some(name) = name {
        object.put(DataElement::new(tags::PATIENT_NAME, VR::PN, PrimitiveValue::U8(name.into())));
    }
    edit(&mut object);
    let mut bytes = Vec::new();
    object.with_exact_meta(meta).write_all(&mut bytes).expect("written");
    bytes
}

#[test]
fn a_panic_costs_the_object_in_which_it_happens_and_no_other() {
    assert_eq!(super::caught(|| -> Result<(), _> { panic!("on purpose") }), Err(super::ObjectError::Panicked));
    assert_eq!(super::caught(|| Ok(1)), Ok(1));
    assert_eq!(super::caught(|| Err::<(), _>(super::ObjectError::NoSource)), Err(super::ObjectError::NoSource));
}
