//! Any 16-bit pixel array as a mammography object.
//!
//! Invariant: with the default attributes and no [`Edit`], an object is a valid Digital Mammography X-Ray Image
//! (PS3.3 A.27) and satisfies the IHE mammography profile; the same pixels and attributes give the same bytes.

use dicom_core::{DataElement, PrimitiveValue, VR};
use dicom_dictionary_std::tags;
use dicom_encoding::text::SpecificCharacterSet;
use dicom_object::{FileMetaTableBuilder, InMemDicomObject};
use dicom_transfer_syntax_registry::entries;
use uvid_exam::{Intent, Lossy, Rescale, Slot, View, ViewModifier, Window};

use super::spec::{Edit, PhantomPatient, Photometric, TransferSyntax, max_of};
use super::uids::{self, Uids};
use super::{PhantomError, attributes, codecs};

/// What turns a pixel array into a DICOM object.
#[derive(Debug, Clone, PartialEq)]
pub struct Wrap {
    /// Rows (0028,0010).
    pub rows: usize,
    /// Columns (0028,0011).
    pub columns: usize,
    /// Imager Pixel Spacing (0018,1164), millimetres.
    pub spacing_mm: f64,
    /// Estimated Radiographic Magnification Factor (0018,1114).
    pub magnification: f64,
    /// Image Laterality (0020,0062) and the rows' direction.
    pub laterality: uvid_exam::Laterality,
    /// View Code Sequence (0054,0220) and the columns' direction.
    pub view: View,
    /// View Modifier Code Sequence (0054,0222).
    pub modifiers: Vec<ViewModifier>,
    /// SOP class and Presentation Intent Type (0008,0068).
    pub intent: Intent,
    /// Photometric Interpretation (0028,0004). It does not change the pixels.
    pub photometric: Photometric,
    /// Bits Stored (0028,0101), 10 to 16; 16 are allocated. No pixel may need more.
    pub bits_stored: u16,
    /// Stores pixels less 2^(bits stored - 1) as signed numbers. The IOD forbids it; files have it.
    pub signed: bool,
    /// Rescale Slope and Intercept. The IOD allows the identity only; files have others.
    pub rescale: Rescale,
    /// Windows and tables for display, by the rescaled values.
    pub voi: Vec<Window>,
    /// Pixel Padding Value (0028,0120) and Range Limit (0028,0121), as pixels of the array.
    pub padding: Option<(u16, Option<u16>)>,
    /// Breast Implant Present (0028,1300) is `YES`.
    pub implant: bool,
    /// Burned In Annotation (0028,0301) is `YES`.
    pub burned_in_annotation: bool,
    /// Partial View (0028,1350) is `YES`.
    pub partial_view: bool,
    /// What Lossy Image Compression (0028,2110) declares.
    pub lossy: Lossy,
    /// How the file is written.
    pub transfer_syntax: TransferSyntax,
    /// The UIDs.
    pub uids: Uids,
    /// Who. An ID of `None` is left empty.
    pub patient: PhantomPatient,
    /// Study Date and Time, `YYYYMMDD` and `HHMMSS`.
    pub studied: (String, String),
    /// Acquisition Date and Time, `YYYYMMDD` and `HHMMSS`.
    pub acquired: (String, String),
    /// Accession Number (0008,0050).
    pub accession_number: String,
    /// Instance Number (0020,0013).
    pub instance_number: u32,
    /// Manufacturer (0008,0070).
    pub manufacturer: String,
    /// Manufacturer's Model Name (0008,1090).
    pub model: String,
    /// Changes made last.
    pub edits: Vec<Edit>,
}

impl Wrap {
    /// A 12-bit MONOCHROME2 image for presentation of 0.1 mm with a window over all values, UIDs derived from a seed.
    pub fn new(slot: Slot, rows: usize, columns: usize, seed: u64) -> Self {
        let intent = Intent::ForPresentation;
        let when = || ("20240315".to_owned(), "093000".to_owned());
        Self {
            rows,
            columns,
            spacing_mm: 0.1,
            magnification: 1.0,
            laterality: slot.laterality(),
            view: slot.view(),
            modifiers: Vec::new(),
            intent,
            photometric: Photometric::Monochrome2,
            bits_stored: 12,
            signed: false,
            rescale: Rescale::IDENTITY,
            voi: vec![full_window(12)],
            padding: Some((0, None)),
            implant: false,
            burned_in_annotation: false,
            partial_view: false,
            lossy: Lossy::No,
            transfer_syntax: TransferSyntax::ExplicitLittle,
            uids: Uids::new(seed, slot.laterality(), slot.view(), intent, 0),
            patient: PhantomPatient { id: Some(patient_id(seed)), ..PhantomPatient::default() },
            studied: when(),
            acquired: when(),
            accession_number: accession_number(seed),
            instance_number: 1,
            manufacturer: "Uvid phantom Alfa".into(),
            model: "Alfa 1".into(),
            edits: Vec::new(),
        }
    }
}

/// A LINEAR window over all values of so many bits.
pub fn full_window(bits_stored: u16) -> Window {
    let values = f64::from(max_of(bits_stored)) + 1.0;
    Window::Function {
        center: values / 2.0,
        width: values,
        function: uvid_exam::WindowFunction::Linear,
        explanation: Some("NORMAL".into()),
    }
}

pub(super) fn patient_id(seed: u64) -> String {
    format!("PHANTOM-{seed:016X}")
}

/// At most 16 characters (SH).
pub(super) fn accession_number(seed: u64) -> String {
    format!("{seed:016X}")
}

/// Wraps pixels, row-major, as a DICOM file.
pub fn encode(pixels: &[u16], wrap: &Wrap) -> Result<Vec<u8>, PhantomError> {
    check(pixels, wrap)?;
    let mut object = attributes::object(wrap)?;
    // Codecs of 10 bits take 10 bits: the sign is not extended.
    let mask = max_of(wrap.bits_stored);
    let values: Vec<u16> = pixels.iter().map(|&p| stored(p, wrap) & mask).collect();
    let element = match codecs::compress(&values, wrap) {
        None => {
            let values = pixels.iter().map(|&p| stored(p, wrap)).collect();
            DataElement::new(tags::PIXEL_DATA, VR::OW, PrimitiveValue::U16(values))
        }
        Some(frame) => {
            let fragments = dicom_core::value::fragments::Fragments::new(frame?, 0);
            DataElement::new(tags::PIXEL_DATA, VR::OB, dicom_core::value::PixelFragmentSequence::from(vec![fragments]))
        }
    };
    object.put(element);
    for edit in &wrap.edits {
        match edit {
            Edit::Put(element) => {
                object.put(element.clone());
            }
            Edit::Remove(tag) => {
                object.remove_element(*tag);
            }
        }
    }
    write(&object, wrap)
}

/// The stored bits of a pixel, sign-extended to 16.
pub(super) fn stored(pixel: u16, wrap: &Wrap) -> u16 {
    if wrap.signed { pixel.wrapping_sub(1 << (wrap.bits_stored - 1)) } else { pixel }
}

fn check(pixels: &[u16], wrap: &Wrap) -> Result<(), PhantomError> {
    let (rows, columns) = (wrap.rows, wrap.columns);
    let sides = 1..=usize::from(u16::MAX);
    if !sides.contains(&rows) || !sides.contains(&columns) || rows * columns != pixels.len() {
        return Err(PhantomError::Size { rows, columns });
    }
    let bits = f64::from(wrap.bits_stored);
    if !(10..=16).contains(&wrap.bits_stored) {
        return Err(PhantomError::Range { name: "bits_stored", value: bits, lo: 10.0, hi: 16.0 });
    }
    let max = max_of(wrap.bits_stored);
    if let Some(pixel) = pixels.iter().find(|p| **p > max) {
        return Err(PhantomError::Range { name: "pixel", value: f64::from(*pixel), lo: 0.0, hi: f64::from(max) });
    }
    let set = &wrap.patient.character_set;
    let spelt =
        if set.is_empty() { wrap.patient.name.is_ascii() } else { SpecificCharacterSet::from_code(set).is_some() };
    if spelt { Ok(()) } else { Err(PhantomError::CharacterSet(set.clone())) }
}

/// Preamble, file meta information and data set (PS3.10 section 7).
fn write(object: &InMemDicomObject, wrap: &Wrap) -> Result<Vec<u8>, PhantomError> {
    let fail = |e: &dyn std::error::Error| PhantomError::Write(report(e));
    let meta = FileMetaTableBuilder::new()
        .media_storage_sop_class_uid(attributes::sop_class(wrap.intent))
        .media_storage_sop_instance_uid(wrap.uids.sop_instance.as_str())
        .transfer_syntax(wrap.transfer_syntax.uid())
        .implementation_class_uid(uids::uid(0, "implementation").as_str())
        .implementation_version_name("UVID_PHANTOM")
        .build()
        .map_err(|e| fail(&e))?;
    let mut bytes = vec![0u8; 128];
    bytes.extend_from_slice(b"DICM");
    meta.write(&mut bytes).map_err(|e| fail(&e))?;
    let syntax = match wrap.transfer_syntax {
        TransferSyntax::ImplicitLittle => entries::IMPLICIT_VR_LITTLE_ENDIAN.erased(),
        TransferSyntax::ExplicitBig => entries::EXPLICIT_VR_BIG_ENDIAN.erased(),
        TransferSyntax::ExplicitLittle
        | TransferSyntax::Deflated
        | TransferSyntax::RleLossless
        | TransferSyntax::JpegLossless
        | TransferSyntax::JpegLsLossless
        | TransferSyntax::Jpeg2000Lossless => entries::EXPLICIT_VR_LITTLE_ENDIAN.erased(),
    };
    if wrap.transfer_syntax != TransferSyntax::Deflated {
        object.write_dataset_with_ts(&mut bytes, &syntax).map_err(|e| fail(&e))?;
        return Ok(bytes);
    }
    // Not by the registry's writer: which compressor that is, and so its bytes, depends on what else is built.
    let mut plain = Vec::new();
    object.write_dataset_with_ts(&mut plain, &syntax).map_err(|e| fail(&e))?;
    bytes.extend(miniz_oxide::deflate::compress_to_vec(&plain, 4));
    if bytes.len() % 2 == 1 {
        bytes.push(0);
    }
    Ok(bytes)
}

/// An error and its causes in one line.
pub(super) fn report(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
