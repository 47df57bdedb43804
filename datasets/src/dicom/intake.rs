//! What decides when and how soon a study is scored, from an object's header.
//!
//! Invariant: nothing here is printed by `Debug` that could name a patient: people type names into descriptions, and an
//! accession number leads to one. What the view is, [`super::kind`] and [`super::view`] say, as for the whole file.

use std::fmt;

use dicom_core::Tag;
use dicom_dictionary_std::tags;
use uvid_exam::{Acquisition, Intent, Rules, Slot, View};

use super::element::DataSet;
use super::header::Header;
use super::kind::{self, Kind};
use super::record::Record;

/// What decides when and how soon a study is scored.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Intake {
    /// The standard view that the object shows by its header, if it does.
    pub view: Option<HeaderView>,
    /// Accession Number (0008,0050).
    pub accession_number: Option<AccessionNumber>,
    /// Study and procedure descriptions and codes.
    texts: Vec<String>,
}

/// A standard view, whole and unmodified, as the header tells it. The pixels may still be undecodable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeaderView {
    /// Which.
    pub slot: Slot,
    /// Meant for what; for presentation where it does not say.
    pub intent: Intent,
    /// How made.
    pub acquisition: Acquisition,
}

impl HeaderView {
    /// Whether a model takes such an image, as far as the header's kind and intent tell.
    pub fn is_taken_by(&self, rules: &Rules) -> bool {
        rules.acquisitions.contains(&self.acquisition) && rules.intents.contains(&self.intent)
    }
}

/// Accession Number (0008,0050): the order of an exam. It leads to a patient, and is printed by nobody.
#[derive(Clone, PartialEq, Eq)]
pub struct AccessionNumber(String);

impl AccessionNumber {
    /// The value itself. Never give it to a log, a metric, a trace or an error.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for AccessionNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccessionNumber([redacted])")
    }
}

impl fmt::Debug for Intake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { view, accession_number, texts } = self;
        let texts = format_args!("{} [redacted]", texts.len());
        let mut debug = f.debug_struct("Intake");
        debug.field("view", view).field("accession_number", accession_number).field("texts", &texts).finish()
    }
}

/// Where a request says what it is for. In images they lie in Request Attributes Sequence (PS3.3 table 10-9).
const TEXTS: [Tag; 4] = [
    tags::STUDY_DESCRIPTION,
    tags::REQUESTED_PROCEDURE_DESCRIPTION,
    tags::SCHEDULED_PROCEDURE_STEP_DESCRIPTION,
    tags::REASON_FOR_THE_REQUESTED_PROCEDURE,
];

/// Its codes (PS3.3 section 8.8).
const CODES: [Tag; 2] = [tags::PROCEDURE_CODE_SEQUENCE, tags::REQUESTED_PROCEDURE_CODE_SEQUENCE];

impl Intake {
    /// `header` as far as class and modality go.
    pub(super) fn of(header: &Header, data: &DataSet<'_>) -> Self {
        let mut texts = Vec::new();
        requested(data, &mut texts);
        for request in data.items(tags::REQUEST_ATTRIBUTES_SEQUENCE) {
            requested(&request, &mut texts);
        }
        Self {
            view: view(header, data),
            accession_number: data.text(tags::ACCESSION_NUMBER).map(AccessionNumber),
            texts,
        }
    }

    /// Whether a text occurs in one of: Study Description (0008,1030), Requested Procedure Description (0032,1060),
    /// Scheduled Procedure Step Description (0040,0007), Reason for the Requested Procedure (0040,1002), meanings and
    /// values of Procedure (0008,1032) and Requested Procedure (0032,1064) Code Sequence. Case does not matter.
    pub fn mentions(&self, text: &str) -> bool {
        let text = text.to_lowercase();
        !text.is_empty() && self.texts.iter().any(|said| said.contains(&text))
    }
}

fn requested(data: &DataSet<'_>, texts: &mut Vec<String>) {
    texts.extend(TEXTS.iter().filter_map(|&tag| data.text(tag)).map(|text| text.to_lowercase()));
    for code in CODES.iter().flat_map(|&tag| data.items(tag)) {
        let said = [tags::CODE_MEANING, tags::CODE_VALUE, tags::LONG_CODE_VALUE];
        texts.extend(said.iter().filter_map(|&tag| code.text(tag)).map(|text| text.to_lowercase()));
    }
}

fn view(header: &Header, data: &DataSet<'_>) -> Option<HeaderView> {
    let mut record = Record::new(header.sop_instance.clone());
    let Kind::Mammogram(about) = kind::kind(header, data, &mut record) else { return None };
    let seen = about.seen;
    let whole = record.contradictions.is_empty()
        && !seen.unknown_modifier
        && seen.modifiers.iter().all(|modifier| modifier.leaves_view_standard())
        && !data.is_yes(tags::PARTIAL_VIEW);
    let view: View = seen.view.filter(|_| whole)?;
    Some(HeaderView {
        slot: Slot::of(about.laterality?, view)?,
        intent: about.intent.unwrap_or(Intent::ForPresentation),
        acquisition: about.acquisition,
    })
}
