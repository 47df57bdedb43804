//! What this node takes part in: SOP classes and transfer syntaxes, with their names in PS3.6.
//!
//! Invariant: a storage class that is here is kept and listed; which of them are scored, `uvid_datasets::dicom` decides.

use std::sync::LazyLock;

use uvid_datasets::dicom;

/// Verification (PS3.4 annex A).
pub const VERIFICATION: &str = "1.2.840.10008.1.1";
/// Storage Commitment Push Model (PS3.4 annex J).
pub const STORAGE_COMMITMENT: &str = "1.2.840.10008.1.20.1";
/// Storage Commitment Push Model SOP Instance.
pub const STORAGE_COMMITMENT_INSTANCE: &str = "1.2.840.10008.1.20.1.1";
/// Modality Performed Procedure Step (PS3.4 F.7).
pub const PERFORMED_PROCEDURE_STEP: &str = "1.2.840.10008.3.1.2.3.3";
/// Instance Availability Notification (PS3.4 annex R).
pub const INSTANCE_AVAILABILITY: &str = "1.2.840.10008.5.1.4.33";

/// Classes of images: an object of one of them without pixels is stored with the warning B007.
const IMAGES: &[(&str, &str)] = &[
    ("1.2.840.10008.5.1.4.1.1.1.2", "Digital Mammography X-Ray Image Storage - For Presentation"),
    ("1.2.840.10008.5.1.4.1.1.1.2.1", "Digital Mammography X-Ray Image Storage - For Processing"),
    ("1.2.840.10008.5.1.4.1.1.13.1.3", "Breast Tomosynthesis Image Storage"),
    ("1.2.840.10008.5.1.4.1.1.13.1.4", "Breast Projection X-Ray Image Storage - For Presentation"),
    ("1.2.840.10008.5.1.4.1.1.13.1.5", "Breast Projection X-Ray Image Storage - For Processing"),
    ("1.2.840.10008.5.1.4.1.1.1.1", "Digital X-Ray Image Storage - For Presentation"),
    ("1.2.840.10008.5.1.4.1.1.1.1.1", "Digital X-Ray Image Storage - For Processing"),
    ("1.2.840.10008.5.1.4.1.1.1", "Computed Radiography Image Storage"),
    ("1.2.840.10008.5.1.4.1.1.7", "Secondary Capture Image Storage"),
    ("1.2.840.10008.5.1.4.1.1.7.1", "Multi-frame Single Bit Secondary Capture Image Storage"),
    ("1.2.840.10008.5.1.4.1.1.7.2", "Multi-frame Grayscale Byte Secondary Capture Image Storage"),
    ("1.2.840.10008.5.1.4.1.1.7.3", "Multi-frame Grayscale Word Secondary Capture Image Storage"),
    ("1.2.840.10008.5.1.4.1.1.7.4", "Multi-frame True Color Secondary Capture Image Storage"),
    ("1.2.840.10008.5.1.4.1.1.6.1", "Ultrasound Image Storage"),
    ("1.2.840.10008.5.1.4.1.1.3.1", "Ultrasound Multi-frame Image Storage"),
    ("1.2.840.10008.5.1.4.1.1.6.2", "Enhanced US Volume Storage"),
    ("1.2.840.10008.5.1.4.1.1.2", "CT Image Storage"),
    ("1.2.840.10008.5.1.4.1.1.4", "MR Image Storage"),
    ("1.2.840.10008.5.1.4.1.1.4.1", "Enhanced MR Image Storage"),
    ("1.2.840.10008.5.1.4.1.1.66.4", "Segmentation Storage"),
];

/// Classes of everything else that stands in a mammography study. In uncompressed and deflated transfer syntaxes only.
const DOCUMENTS: &[(&str, &str)] = &[
    ("1.2.840.10008.5.1.4.1.1.88.50", "Mammography CAD SR Storage"),
    ("1.2.840.10008.5.1.4.1.1.88.11", "Basic Text SR Storage"),
    ("1.2.840.10008.5.1.4.1.1.88.22", "Enhanced SR Storage"),
    ("1.2.840.10008.5.1.4.1.1.88.33", "Comprehensive SR Storage"),
    ("1.2.840.10008.5.1.4.1.1.88.34", "Comprehensive 3D SR Storage"),
    ("1.2.840.10008.5.1.4.1.1.88.35", "Extensible SR Storage"),
    ("1.2.840.10008.5.1.4.1.1.88.40", "Procedure Log Storage"),
    ("1.2.840.10008.5.1.4.1.1.88.59", "Key Object Selection Document Storage"),
    ("1.2.840.10008.5.1.4.1.1.88.67", "X-Ray Radiation Dose SR Storage"),
    ("1.2.840.10008.5.1.4.1.1.88.71", "Acquisition Context SR Storage"),
    ("1.2.840.10008.5.1.4.1.1.88.76", "Enhanced X-Ray Radiation Dose SR Storage"),
    ("1.2.840.10008.5.1.4.1.1.11.1", "Grayscale Softcopy Presentation State Storage"),
    ("1.2.840.10008.5.1.4.1.1.11.2", "Color Softcopy Presentation State Storage"),
    ("1.2.840.10008.5.1.4.1.1.11.3", "Pseudo-Color Softcopy Presentation State Storage"),
    ("1.2.840.10008.5.1.4.1.1.11.4", "Blending Softcopy Presentation State Storage"),
    ("1.2.840.10008.5.1.4.1.1.131", "Basic Structured Display Storage"),
    ("1.2.840.10008.5.1.4.1.1.104.1", "Encapsulated PDF Storage"),
    ("1.2.840.10008.5.1.4.1.1.104.2", "Encapsulated CDA Storage"),
    ("1.2.840.10008.5.1.4.1.1.30", "Parametric Map Storage"),
    ("1.2.840.10008.5.1.4.1.1.66", "Raw Data Storage"),
    ("1.2.840.10008.5.1.4.1.1.66.1", "Spatial Registration Storage"),
    ("1.2.840.10008.5.1.4.1.1.66.2", "Spatial Fiducials Storage"),
    ("1.2.840.10008.5.1.4.1.1.67", "Real World Value Mapping Storage"),
];

/// Names of transfer syntaxes (PS3.6 table A-1).
const NAMES: &[(&str, &str)] = &[
    (IMPLICIT_LITTLE, "Implicit VR Little Endian"),
    (EXPLICIT_LITTLE, "Explicit VR Little Endian"),
    (EXPLICIT_BIG, "Explicit VR Big Endian (retired)"),
    ("1.2.840.10008.1.2.1.98", "Encapsulated Uncompressed Explicit VR Little Endian"),
    (DEFLATED, "Deflated Explicit VR Little Endian"),
    ("1.2.840.10008.1.2.5", "RLE Lossless"),
    ("1.2.840.10008.1.2.4.50", "JPEG Baseline (Process 1)"),
    ("1.2.840.10008.1.2.4.51", "JPEG Extended (Process 2 & 4)"),
    ("1.2.840.10008.1.2.4.57", "JPEG Lossless, Non-Hierarchical (Process 14)"),
    (
        "1.2.840.10008.1.2.4.70",
        "JPEG Lossless, Non-Hierarchical, First-Order Prediction (Process 14, Selection Value 1)",
    ),
    ("1.2.840.10008.1.2.4.80", "JPEG-LS Lossless"),
    ("1.2.840.10008.1.2.4.81", "JPEG-LS Lossy (Near-Lossless)"),
    ("1.2.840.10008.1.2.4.90", "JPEG 2000 (Lossless Only)"),
    ("1.2.840.10008.1.2.4.91", "JPEG 2000"),
    ("1.2.840.10008.1.2.4.110", "JPEG XL Lossless"),
    ("1.2.840.10008.1.2.4.111", "JPEG XL JPEG Recompression"),
    ("1.2.840.10008.1.2.4.112", "JPEG XL"),
    ("1.2.840.10008.1.2.4.201", "High-Throughput JPEG 2000 (Lossless Only)"),
    ("1.2.840.10008.1.2.4.202", "High-Throughput JPEG 2000 with RPCL Options (Lossless Only)"),
    ("1.2.840.10008.1.2.4.203", "High-Throughput JPEG 2000"),
    ("1.2.840.10008.1.2.8.1", "Deflated Image Frame Compression"),
];

/// Implicit VR Little Endian, the default that every node must take (PS3.5 section 10.1).
pub(crate) const IMPLICIT_LITTLE: &str = "1.2.840.10008.1.2";
/// Explicit VR Little Endian.
pub(crate) const EXPLICIT_LITTLE: &str = "1.2.840.10008.1.2.1";
/// Explicit VR Big Endian, retired.
pub(crate) const EXPLICIT_BIG: &str = "1.2.840.10008.1.2.2";
/// Deflated Explicit VR Little Endian.
pub(super) const DEFLATED: &str = "1.2.840.10008.1.2.1.99";

/// Every storage SOP class that is kept, with its name: those of images first.
pub fn storage_classes() -> &'static [(&'static str, &'static str)] {
    static ALL: LazyLock<Vec<(&str, &str)>> = LazyLock::new(|| [IMAGES, DOCUMENTS].concat());
    &ALL
}

/// Every other SOP class, with its name.
pub fn service_classes() -> &'static [(&'static str, &'static str)] {
    &[
        (VERIFICATION, "Verification"),
        (STORAGE_COMMITMENT, "Storage Commitment Push Model"),
        (PERFORMED_PROCEDURE_STEP, "Modality Performed Procedure Step"),
        (INSTANCE_AVAILABILITY, "Instance Availability Notification"),
    ]
}

/// Every transfer syntax that images may arrive in, with its name: those that are decoded.
pub fn transfer_syntaxes() -> Vec<(&'static str, &'static str)> {
    let name = |uid: &'static str| NAMES.iter().find(|(named, _)| *named == uid).map_or(uid, |(_, name)| *name);
    dicom::decoded_syntaxes().map(|uid| (uid, name(uid))).collect()
}

/// What an abstract syntax is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Service {
    /// C-ECHO.
    Verification,
    /// C-STORE of an image.
    Image,
    /// C-STORE of anything else.
    Document,
    /// N-ACTION, N-EVENT-REPORT.
    Commitment,
    /// N-CREATE, N-SET.
    PerformedProcedureStep,
    /// N-CREATE.
    InstanceAvailability,
}

impl Service {
    /// `None`: not supported.
    pub(super) fn of(sop_class: &str) -> Option<Self> {
        let within = |classes: &[(&str, &str)]| classes.iter().any(|(uid, _)| *uid == sop_class);
        match sop_class {
            VERIFICATION => Some(Self::Verification),
            STORAGE_COMMITMENT => Some(Self::Commitment),
            PERFORMED_PROCEDURE_STEP => Some(Self::PerformedProcedureStep),
            INSTANCE_AVAILABILITY => Some(Self::InstanceAvailability),
            _ if within(IMAGES) => Some(Self::Image),
            _ if within(DOCUMENTS) => Some(Self::Document),
            _ => None,
        }
    }

    /// Whether its data sets may be in this transfer syntax.
    pub(super) fn takes(self, transfer_syntax: &str) -> bool {
        match self {
            Self::Image => dicom::decoded_syntaxes().any(|uid| uid == transfer_syntax),
            Self::Document => [IMPLICIT_LITTLE, EXPLICIT_LITTLE, EXPLICIT_BIG, DEFLATED].contains(&transfer_syntax),
            Self::Verification | Self::Commitment | Self::PerformedProcedureStep | Self::InstanceAvailability => {
                [IMPLICIT_LITTLE, EXPLICIT_LITTLE].contains(&transfer_syntax)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_and_syntax_has_one_name() {
        let mut uids: Vec<_> = storage_classes().iter().chain(service_classes()).map(|(uid, _)| *uid).collect();
        let all = uids.len();
        uids.sort_unstable();
        uids.dedup();
        assert_eq!(uids.len(), all);
        let syntaxes = transfer_syntaxes();
        assert!(syntaxes.iter().all(|(uid, name)| uid != name), "{syntaxes:?}");
        assert!(syntaxes.len() >= 16, "{syntaxes:?}");
    }

    #[test]
    fn images_may_be_compressed_and_documents_not() {
        let check = |class: &str, syntax: &str, expected: bool| {
            assert_eq!(Service::of(class).is_some_and(|service| service.takes(syntax)), expected, "{class} {syntax}");
        };
        let (mammogram, cad) = ("1.2.840.10008.5.1.4.1.1.1.2", "1.2.840.10008.5.1.4.1.1.88.50");
        check(mammogram, IMPLICIT_LITTLE, true);
        check(mammogram, "1.2.840.10008.1.2.4.70", true);
        check(mammogram, "1.2.840.10008.1.2.4.51", true);
        check(mammogram, "1.2.840.10008.1.2.4.92", false);
        check(mammogram, "1.2.840.10008.1.2.4.102", false);
        check(cad, DEFLATED, true);
        check(cad, "1.2.840.10008.1.2.4.70", false);
        check(VERIFICATION, IMPLICIT_LITTLE, true);
        check(VERIFICATION, EXPLICIT_BIG, false);
        check("1.2.840.10008.5.1.4.1.1.77.1.6", IMPLICIT_LITTLE, false);
    }
}
