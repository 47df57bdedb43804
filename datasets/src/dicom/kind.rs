//! What an object is: a mammogram (how made, meant for what), or something that is listed.
//!
//! Invariant: only a single-frame projection of a mammography SOP class, or of a CR or DX class with modality MG,
//! becomes a mammogram. Everything else is listed with the reason, a slice of a tomosynthesis too: hundreds of them
//! would fill the memory. What an X-ray image of a breast says of side, view and intent is read before it is listed, so
//! that a contradiction is not lost.

use dicom_dictionary_std::{tags, uids};
use uvid_exam::{Acquisition, Intent, Laterality};

use super::Header;
use super::element::DataSet;
use super::record::Record;
use super::view::{self, Seen};

/// What the attributes say of a mammogram.
pub(super) struct About {
    pub(super) acquisition: Acquisition,
    pub(super) intent: Option<Intent>,
    pub(super) laterality: Option<Laterality>,
    pub(super) seen: Seen,
}

/// What to do with an object.
pub(super) enum Kind {
    /// Decode it.
    Mammogram(About),
    /// List it.
    Listed { what: String, why: String },
}

/// The SOP classes of PS3.4 table B.5-1 that a breast study holds besides mammograms, or whole families of them, by
/// what follows the common root.
const OTHERS: &[(&str, &str)] = &[
    ("2", "computed tomography image"),
    ("3", "ultrasound image"),
    ("4", "magnetic resonance image"),
    ("6", "ultrasound image"),
    ("7", "secondary capture"),
    ("11", "presentation state"),
    ("13.1.4", "set of tomosynthesis projections"),
    ("13.1.5", "set of tomosynthesis projections"),
    ("66.4", "segmentation"),
    ("66", "raw data object"),
    ("88.50", "mammography CAD report"),
    ("88.59", "key object selection"),
    ("88.67", "radiation dose report"),
    ("88", "structured report"),
    ("104", "encapsulated document"),
];

/// The root of all storage SOP classes.
const STORAGE: &str = "1.2.840.10008.5.1.4.1.1.";

pub(super) fn kind(header: &Header, data: &DataSet<'_>, record: &mut Record) -> Kind {
    let class = header.sop_class.as_str();
    let Some(by_class) = mammography_class(class, header.modality.as_deref()) else {
        return other(class);
    };
    let frames = frames(data, record);
    let image_type: Vec<String> = data.codes(tags::IMAGE_TYPE).iter().map(|v| v.to_ascii_uppercase()).collect();
    let stereo = image_type.iter().any(|v| v.starts_with("STEREO"))
        || data.upper(tags::DETECTOR_MODE).is_some_and(|mode| mode == "STEREO");
    // Contrast-enhanced mammography: of its images only the low-energy one is like a mammogram.
    let contrast = image_type.iter().any(|v| ["RECOMBINED", "SUBTRACT", "HIGH_ENERGY"].iter().any(|n| v.contains(n)));
    let about = About {
        acquisition: acquisition(&image_type, data),
        intent: intent(by_class, data, record),
        laterality: view::laterality(data, record),
        seen: view::view(data, record),
    };
    if frames > 1 || class == uids::BREAST_TOMOSYNTHESIS_IMAGE_STORAGE {
        let what = format!("tomosynthesis of {frames} frames");
        return Kind::Listed { why: format!("{what} is listed, not scored"), what };
    }
    let slice = about.acquisition == Acquisition::Tomosynthesis;
    let control = data.is_yes(tags::QUALITY_CONTROL_IMAGE) || data.is_yes(tags::CALIBRATION_IMAGE);
    for (found, what, why) in [
        (stereo, "stereotactic image", "it shows part of a breast under intervention"),
        (contrast, "contrast-enhanced image", "it is computed from, or made with, high energy"),
        (control, "quality control image", "it may show no patient"),
        (slice, "one slice of a tomosynthesis", "it shows part of a breast's depth"),
    ] {
        if found {
            return Kind::Listed { what: what.to_owned(), why: format!("{what}: {why}; listed, not scored") };
        }
    }
    Kind::Mammogram(about)
}

/// What the SOP class of an X-ray image of a breast says of the intent: `Some(None)` where the class is for both.
fn mammography_class(class: &str, modality: Option<&str>) -> Option<Option<Intent>> {
    let mammography = modality == Some("MG");
    match class {
        uids::DIGITAL_MAMMOGRAPHY_X_RAY_IMAGE_STORAGE_FOR_PRESENTATION => Some(Some(Intent::ForPresentation)),
        uids::DIGITAL_MAMMOGRAPHY_X_RAY_IMAGE_STORAGE_FOR_PROCESSING => Some(Some(Intent::ForProcessing)),
        uids::DIGITAL_X_RAY_IMAGE_STORAGE_FOR_PRESENTATION if mammography => Some(Some(Intent::ForPresentation)),
        uids::DIGITAL_X_RAY_IMAGE_STORAGE_FOR_PROCESSING if mammography => Some(Some(Intent::ForProcessing)),
        uids::BREAST_TOMOSYNTHESIS_IMAGE_STORAGE => Some(None),
        uids::COMPUTED_RADIOGRAPHY_IMAGE_STORAGE if mammography => Some(None),
        _ => None,
    }
}

fn other(class: &str) -> Kind {
    let within = |family: &str| {
        let rest = class.strip_prefix(STORAGE).and_then(|rest| rest.strip_prefix(family));
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    let named = OTHERS.iter().find(|(family, _)| within(family)).map(|(_, name)| (*name).to_owned());
    let what = named.unwrap_or_else(|| format!("object of SOP class {class}"));
    let why = format!("{what}: not a mammogram; listed, not scored");
    Kind::Listed { what, why }
}

/// Number of Frames (0028,0008); 1 where it says nothing.
fn frames(data: &DataSet<'_>, record: &mut Record) -> usize {
    let Some(text) = data.code(tags::NUMBER_OF_FRAMES) else { return 1 };
    match text.parse::<usize>() {
        Ok(frames) if frames > 0 => frames,
        Ok(_) | Err(_) => {
            record.note("Number of Frames (0028,0008) is no number above 0 and counts as 1");
            1
        }
    }
}

/// Presentation Intent Type (0008,0068) and the SOP class must agree where both speak (PS3.3 C.8.11.1.1.1).
fn intent(by_class: Option<Intent>, data: &DataSet<'_>, record: &mut Record) -> Option<Intent> {
    let declared = match data.upper(tags::PRESENTATION_INTENT_TYPE).as_deref() {
        Some("FOR PRESENTATION") => Some(Intent::ForPresentation),
        Some("FOR PROCESSING") => Some(Intent::ForProcessing),
        Some(_) => {
            record.note("Presentation Intent Type (0008,0068) is none of the defined terms");
            None
        }
        None => None,
    };
    match (declared, by_class) {
        (Some(declared), Some(by_class)) if declared != by_class => {
            let detail =
                format!("Presentation Intent Type (0008,0068) is {declared}, SOP Class UID (0008,0016) {by_class}");
            record.contradiction("presentation intent", detail);
            None
        }
        (declared, by_class) => declared.or(by_class),
    }
}

/// Names under which vendors sell projections computed from tomosynthesis.
const SYNTHETIC: &[&str] = &[
    "GENERATED_2D",
    "TOMO_2D",
    "C-VIEW",
    "C_VIEW",
    "CVIEW",
    "S-VIEW",
    "S_VIEW",
    "SVIEW",
    "INTELLIGENT 2D",
    "INTELLIGENT2D",
    "INSIGHT 2D",
    "INSIGHT2D",
    "V-PREVIEW",
    "V_PREVIEW",
    "VPREVIEW",
    "SYNTHETIC 2D",
    "SYNTHESIZED",
    "SYNTHESISED",
];

/// By Image Type (0008,0008) values 3 and 4 (PS3.3 C.8.11.7.1.4 and vendors' own), then by the series' description,
/// then by what says film.
fn acquisition(image_type: &[String], data: &DataSet<'_>) -> Acquisition {
    let description = data.text(tags::SERIES_DESCRIPTION).unwrap_or_default().to_uppercase();
    let synthetic = |text: &str| SYNTHETIC.iter().any(|name| text.contains(name));
    if image_type.iter().any(|v| synthetic(v)) || synthetic(&description) {
        return Acquisition::Synthetic2d;
    }
    if image_type.iter().any(|v| v.starts_with("TOMO")) {
        return Acquisition::Tomosynthesis;
    }
    let film = data.upper(tags::DETECTOR_TYPE).is_some_and(|t| t == "FILM")
        || data.upper(tags::CONVERSION_TYPE).is_some_and(|t| t == "DF")
        || image_type.iter().any(|v| v.contains("FILM"));
    if film { Acquisition::ScreenFilm } else { Acquisition::Ffdm }
}
