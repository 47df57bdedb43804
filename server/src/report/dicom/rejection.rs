//! The Key Object that rejects earlier results (IHE IOCM; PS3.3 A.35.4, TID 2010).
//!
//! Invariant: it rejects objects that were made here, never an image.

use dicom_core::VR;
use dicom_dictionary_std::tags;

use super::content::Relation::{Contains, Modifier};
use super::content::{Item, Value};
use super::document::of_study;
use super::modules::{self, Form, by_series, moment, sequence, text};
use super::{Context, ObjectError, ResultObject, codes, secondary_capture, sr, words};
use crate::config::ObjectKind;

const FORM: Form = Form {
    kind: ObjectKind::Rejection,
    sop_class: "1.2.840.10008.5.1.4.1.1.88.59",
    modality: "KO",
    description: "Uvid: earlier results replaced",
    instance: 1,
};

/// "Rejected for Quality Reasons" of everything that the result takes the place of; `None` where that is nothing.
///
/// # Errors
///
/// Those of [`modules::finish`].
pub fn note(context: &Context<'_>) -> Result<Option<ResultObject>, ObjectError> {
    let superseded = &context.making.supersedes;
    if superseded.is_empty() {
        return Ok(None);
    }
    let mut object = modules::begin(context, &FORM)?;
    let o = &mut object;
    let (date, clock) = moment(context);
    text(o, tags::CONTENT_DATE, VR::DA, &date);
    text(o, tags::CONTENT_TIME, VR::TM, &clock);
    sequence(o, tags::REFERENCED_PERFORMED_PROCEDURE_STEP_SEQUENCE, Vec::new());
    let objects = superseded.iter().map(|(class, series, sop)| (class.as_str(), series.as_str(), sop.as_str()));
    let evidence = of_study(context, by_series(objects, tags::REFERENCED_SOP_SEQUENCE));
    sequence(o, tags::CURRENT_REQUESTED_PROCEDURE_EVIDENCE_SEQUENCE, vec![evidence]);

    let to = context.making.language;
    let said = format!("{}\r\n{}", words::disclaimer(to), words::replaced(to));
    let language = words::language(to);
    Item::new(Contains, codes::REJECTED_FOR_QUALITY, Value::Container(Some("2010")))
        .with([Item::new(Modifier, codes::LANGUAGE, Value::Code(language))])
        .with(sr::observer(context)?)
        .with([Item::new(Contains, codes::KEY_OBJECT_DESCRIPTION, Value::Text(said))])
        .with(superseded.iter().map(|(class, _, sop)| Item::unnamed(Contains, referred(class.as_str(), sop.as_str()))))
        .write_root(o);
    modules::finish(context, &FORM, object).map(Some)
}

/// TID 2010: an image by IMAGE, all else by COMPOSITE.
fn referred(class: &str, sop: &str) -> Value {
    let value = if class == secondary_capture::SOP_CLASS { Value::Image } else { Value::Composite };
    value(class.to_owned(), sop.to_owned())
}
