//! The coded concepts of PS3.16 that reports are made of, and those of our own scheme.
//!
//! Invariant: a code of our own is a function of the name that the package gives to what it codes.

use std::borrow::Cow;

use sha2::{Digest, Sha256};
use uvid_exam::{Laterality, View, ViewModifier};

use super::content::Concept;

/// The scheme of concepts that DICOM has no code for.
pub const OWN_SCHEME: &str = "99UVID";

macro_rules! concepts {
    ($($name:ident = $value:literal $scheme:literal $meaning:literal;)*) => {
        $(#[doc = $meaning] pub const $name: Concept = Concept::new($value, $scheme, $meaning);)*
    };
}

concepts! {
    CAD_REPORT = "111036" "DCM" "Mammography CAD Report";
    LANGUAGE = "121049" "DCM" "Language of Content Item and Descendants";
    IMAGE_LIBRARY = "111028" "DCM" "Image Library";
    IMAGE_LATERALITY = "111027" "DCM" "Image Laterality";
    IMAGE_VIEW = "111031" "DCM" "Image View";
    IMAGE_VIEW_MODIFIER = "111032" "DCM" "Image View Modifier";
    ORIENTATION_ROW = "111044" "DCM" "Patient Orientation Row";
    ORIENTATION_COLUMN = "111043" "DCM" "Patient Orientation Column";
    STUDY_DATE = "111060" "DCM" "Study Date";
    STUDY_TIME = "111061" "DCM" "Study Time";
    CONTENT_DATE = "111018" "DCM" "Content Date";
    CONTENT_TIME = "111019" "DCM" "Content Time";
    HORIZONTAL_SPACING = "111026" "DCM" "Horizontal Pixel Spacing";
    VERTICAL_SPACING = "111066" "DCM" "Vertical Pixel Spacing";
    PRIMARY_ANGLE = "112011" "DCM" "Positioner Primary Angle";
    SECONDARY_ANGLE = "112012" "DCM" "Positioner Secondary Angle";
    PIXEL_ROWS = "110910" "DCM" "Pixel Data Rows";
    PIXEL_COLUMNS = "110911" "DCM" "Pixel Data Columns";
    CAD_SUMMARY = "111017" "DCM" "CAD Processing and Findings Summary";
    ALL_WITHOUT_FINDINGS = "111241" "DCM" "All algorithms succeeded; without findings";
    ALL_WITH_FINDINGS = "111242" "DCM" "All algorithms succeeded; with findings";
    SOME_WITHOUT_FINDINGS = "111243" "DCM" "Not all algorithms succeeded; without findings";
    SOME_WITH_FINDINGS = "111244" "DCM" "Not all algorithms succeeded; with findings";
    NONE_SUCCEEDED = "111245" "DCM" "No algorithms succeeded; without findings";
    IMPRESSION = "111033" "DCM" "Impression Description";
    CERTAINTY_OF_IMPRESSION = "111013" "DCM" "Certainty of impression";
    ALGORITHM_NAME = "111001" "DCM" "Algorithm Name";
    ALGORITHM_VERSION = "111003" "DCM" "Algorithm Version";
    ALGORITHM_PARAMETERS = "111002" "DCM" "Algorithm Parameters";
    INDIVIDUAL_IMPRESSION = "111034" "DCM" "Individual Impression/Recommendation";
    RENDERING_INTENT = "111056" "DCM" "Rendering Intent";
    PRESENTATION_REQUIRED = "111150" "DCM" "Presentation Required: Rendering device is expected to present";
    PRESENTATION_OPTIONAL = "111151" "DCM" "Presentation Optional: Rendering device may present";
    NOT_FOR_PRESENTATION = "111152" "DCM" "Not for Presentation: Rendering device expected not to present";
    CAD_OPERATING_POINT = "111071" "DCM" "CAD Operating Point";
    MAXIMUM_OPERATING_POINT = "111072" "DCM" "Maximum CAD Operating Point";
    RECOMMENDED_OPERATING_POINT = "111092" "DCM" "Recommended CAD Operating Point";
    COMPOSITE_FEATURE = "111015" "DCM" "Composite Feature";
    COMPOSITE_TYPE = "111016" "DCM" "Composite Type";
    RELATED_SPATIALLY = "111154" "DCM" "Target content items are related spatially";
    SCOPE_OF_FEATURE = "111057" "DCM" "Scope of Feature";
    ON_MULTIPLE_IMAGES = "111158" "DCM" "Feature detected on multiple images";
    SINGLE_IMAGE_FINDING = "111059" "DCM" "Single Image Finding";
    BREAST_DENSITY_MARK = "129793001" "SCT" "Mammography breast density";
    BREAST_COMPOSITION = "129715009" "SCT" "Breast composition";
    IMAGE_QUALITY = "111101" "DCM" "Image Quality";
    QUALITY_FINDING = "111052" "DCM" "Quality Finding";
    QUALITY_ASSESSMENT = "111050" "DCM" "Quality Assessment";
    NO_IMAGE = "111213" "DCM" "No image";
    OTHER_FAILURE = "111220" "DCM" "Other failure";
    UNUSABLE = "111235" "DCM" "Unusable - Quality renders image unusable";
    CENTER = "111010" "DCM" "Center";
    OUTLINE = "111041" "DCM" "Outline";
    SUMMARY_OF_DETECTIONS = "111064" "DCM" "Summary of Detections";
    SUMMARY_OF_ANALYSES = "111065" "DCM" "Summary of Analyses";
    SUCCESSFUL_DETECTIONS = "111063" "DCM" "Successful Detections";
    FAILED_DETECTIONS = "111025" "DCM" "Failed Detections";
    SUCCESSFUL_ANALYSES = "111062" "DCM" "Successful Analyses";
    FAILED_ANALYSES = "111024" "DCM" "Failed Analyses";
    DETECTION_PERFORMED = "111022" "DCM" "Detection Performed";
    ANALYSIS_PERFORMED = "111004" "DCM" "Analysis Performed";
    SUCCEEDED = "111222" "DCM" "Succeeded";
    PARTIALLY_SUCCEEDED = "111223" "DCM" "Partially Succeeded";
    FAILED = "111224" "DCM" "Failed";
    NOT_ATTEMPTED = "111225" "DCM" "Not Attempted";
    OVERALL_ANALYSIS = "111234" "DCM" "Overall Impression / Recommendation Analysis";
    COMPOSITION_ANALYSIS = "133890006" "SCT" "Breast composition analysis";
    QUALITY_ANALYSIS = "133887000" "SCT" "Image quality analysis";
    LATERALITY = "272741003" "SCT" "Laterality";
    LEFT_BREAST = "80248007" "SCT" "Left breast";
    RIGHT_BREAST = "73056007" "SCT" "Right breast";
    BREAST = "76752008" "SCT" "Breast";
    LEFT = "7771000" "SCT" "Left";
    RIGHT = "24028007" "SCT" "Right";
    DENSITY_A = "129716005" "SCT" "Almost entirely fat";
    DENSITY_B = "129717001" "SCT" "Scattered fibroglandular densities";
    DENSITY_C = "129718006" "SCT" "Heterogeneously dense";
    DENSITY_D = "129719003" "SCT" "Extremely dense";
    MEASUREMENT_REPORT = "126000" "DCM" "Imaging Measurement Report";
    OBSERVER_TYPE = "121005" "DCM" "Observer Type";
    DEVICE = "121007" "DCM" "Device";
    DEVICE_UID = "121012" "DCM" "Device Observer UID";
    DEVICE_NAME = "121013" "DCM" "Device Observer Name";
    DEVICE_MANUFACTURER = "121014" "DCM" "Device Observer Manufacturer";
    DEVICE_MODEL = "121015" "DCM" "Device Observer Model Name";
    DEVICE_SERIAL = "121016" "DCM" "Device Observer Serial Number";
    PROCEDURE_REPORTED = "121058" "DCM" "Procedure reported";
    MAMMOGRAPHY = "71651007" "SCT" "Mammography";
    LIBRARY_GROUP = "126200" "DCM" "Image Library Group";
    MODALITY = "121139" "DCM" "Modality";
    MODALITY_MG = "MG" "DCM" "Mammography";
    TARGET_REGION = "123014" "DCM" "Target Region";
    MEASUREMENTS = "126010" "DCM" "Imaging Measurements";
    MEASUREMENT_GROUP = "125007" "DCM" "Measurement Group";
    TRACKING_ID = "112039" "DCM" "Tracking Identifier";
    TRACKING_UID = "112040" "DCM" "Tracking Unique Identifier";
    FINDING = "121071" "DCM" "Finding";
    FINDING_SITE = "363698007" "SCT" "Finding Site";
    IMAGE_REGION = "111030" "DCM" "Image Region";
    SOURCE_OF_MEASUREMENT = "121112" "DCM" "Source of Measurement";
    QUALITATIVE_EVALUATIONS = "C0034375" "UMLS" "Qualitative Evaluations";
    COMMENT = "121106" "DCM" "Comment";
    REJECTED_FOR_QUALITY = "113001" "DCM" "Rejected for Quality Reasons";
    KEY_OBJECT_DESCRIPTION = "113012" "DCM" "Key Object Description";
    MILLIMETER = "mm" "UCUM" "millimeter";
    DEGREE = "deg" "UCUM" "degree";
    PERCENT = "%" "UCUM" "Percent";
    PERCENTILE = "{percentile}" "UCUM" "percentile";
    NO_UNITS = "1" "UCUM" "no units";
    ZERO_TO_ONE = "{0:1}" "UCUM" "range: 0:1";
    ZERO_TO_N = "{0:n}" "UCUM" "range: 0:n";
    ONE_TO_N = "{1:n}" "UCUM" "range: 1:n";
    ARBITRARY = "[arb'U]" "UCUM" "arbitrary unit";
    PIXELS = "{pixels}" "UCUM" "pixels";
    NO_SCORE = "no-score" "99UVID" "Why there is no score";
    FLAGGED = "flagged" "99UVID" "At or above the operating point";
    NOT_FLAGGED = "not-flagged" "99UVID" "Below the operating point";
    MODEL_REGION = "model-region" "99UVID" "Region marked by a model";
    MODEL_OUTPUT = "model-output" "99UVID" "Output of a model";
}

/// A concept of our own: its name as code where it has no more than 16 characters, else its beginning and the beginning
/// of its SHA-256.
pub fn own(name: &str, meaning: &str) -> Concept {
    let fits = name.chars().count() <= 16 && !name.contains('\\') && !name.is_empty();
    let value = if fits {
        name.to_owned()
    } else {
        let start: String = name.chars().filter(|c| *c != '\\').take(9).collect();
        let digest = Sha256::digest(name.as_bytes());
        format!("{start}-{:02x}{:02x}{:02x}", digest[0], digest[1], digest[2])
    };
    Concept { value: Cow::Owned(value), scheme: Cow::Borrowed(OWN_SCHEME), meaning: Cow::Owned(meaning.to_owned()) }
}

/// CID 6022.
pub fn breast(laterality: Laterality) -> Concept {
    match laterality {
        Laterality::Left => LEFT_BREAST,
        Laterality::Right => RIGHT_BREAST,
    }
}

/// CID 244.
pub fn side(laterality: Laterality) -> Concept {
    match laterality {
        Laterality::Left => LEFT,
        Laterality::Right => RIGHT,
    }
}

/// CID 6000: a letter of BI-RADS density.
pub fn density(letter: &str) -> Option<Concept> {
    match letter {
        "A" => Some(DENSITY_A),
        "B" => Some(DENSITY_B),
        "C" => Some(DENSITY_C),
        "D" => Some(DENSITY_D),
        _ => None,
    }
}

/// CID 4014.
pub fn view(view: View) -> Concept {
    let meaning = match view {
        View::CranioCaudal => "cranio-caudal",
        View::MedioLateralOblique => "medio-lateral oblique",
        View::MedioLateral => "medio-lateral",
        View::LateroMedial => "latero-medial",
        View::LateroMedialOblique => "latero-medial oblique",
        View::CaudoCranial => "caudo-cranial (from below)",
        View::SuperolateralInferomedialOblique => "superolateral to inferomedial oblique",
        View::InferomedialSuperolateralOblique => "inferomedial to superolateral oblique",
        View::ExaggeratedCranioCaudalLateral => "cranio-caudal exaggerated laterally",
        View::ExaggeratedCranioCaudalMedial => "cranio-caudal exaggerated medially",
        View::Specimen => "tissue specimen from breast",
    };
    Concept::new(view.sct(), "SCT", meaning)
}

/// CID 4015.
pub fn modifier(modifier: ViewModifier) -> Concept {
    let meaning = match modifier {
        ViewModifier::Cleavage => "Cleavage",
        ViewModifier::AxillaryTail => "Axillary Tail",
        ViewModifier::RolledLateral => "Rolled Lateral",
        ViewModifier::RolledMedial => "Rolled Medial",
        ViewModifier::RolledInferior => "Rolled Inferior",
        ViewModifier::RolledSuperior => "Rolled Superior",
        ViewModifier::ImplantDisplaced => "Implant Displaced",
        ViewModifier::Magnification => "Magnification",
        ViewModifier::SpotCompression => "Spot Compression",
        ViewModifier::Tangential => "Tangential",
        ViewModifier::NippleInProfile => "Nipple in profile",
        ViewModifier::AnteriorCompression => "Anterior compression",
        ViewModifier::InframammaryFold => "Infra-mammary fold",
        ViewModifier::AxillaryTissue => "Axillary tissue",
    };
    Concept::new(modifier.sct(), "SCT", meaning)
}
