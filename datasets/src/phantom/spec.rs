//! What is asked of a phantom.
//!
//! Invariant: [`Spec::check`] is the only door; past it every number is finite, within its documented range, and the
//! image fits the 16-bit Rows and Columns of DICOM.

use dicom_core::Tag;
use dicom_object::mem::InMemElement;
use sha2::{Digest, Sha256};
use uvid_exam::{Intent, Laterality, Lossy};

use super::PhantomError;

/// The smallest number of rows or columns drawn.
const SIDE_MIN: usize = 32;
/// The largest number of pixels drawn; the largest mammography detectors have 27 million.
const PIXELS_MAX: usize = 1 << 26;

/// A four-view exam to be made. Everything that decides a bit of the files is in here.
#[derive(Debug, Clone, PartialEq)]
pub struct Spec {
    /// Decides the woman, her tissue, the noise and every UID.
    pub seed: u64,
    /// How often this exam was repeated: other SOP instances, other noise and later times in the same study.
    pub repeat: u32,
    /// Rows of each image, 32 to 65535; rows times columns is at most 2^26.
    pub rows: usize,
    /// Columns of each image, 32 to 65535.
    pub columns: usize,
    /// Distance between pixel centres at the detector, in millimetres, above 0.
    pub spacing_mm: f64,
    /// The look of the equipment.
    pub style: Style,
    /// Fibroglandular share of the breast's area (pectoral muscle apart), 0 to 1.
    pub density: f64,
    /// What is to be found.
    pub lesions: Vec<Lesion>,
    /// Breast implants.
    pub implants: Implants,
    /// Whether the edge of the compression paddle shows, a bright line beyond the breast.
    pub paddle_edge: bool,
    /// Whether lead letters ("R CC") lie beside the breast.
    pub markers: bool,
    /// For presentation or for processing.
    pub intent: Intent,
    /// How the files are written.
    pub transfer_syntax: TransferSyntax,
    /// Who.
    pub patient: PhantomPatient,
    /// Study Date, `YYYYMMDD`.
    pub study_date: String,
    /// Study Time, `HHMMSS`; the images follow a minute apart.
    pub study_time: String,
    /// What Lossy Image Compression (0028,2110) declares. The pixels stay as they are.
    pub lossy: Lossy,
    /// Changes to every finished object, for tests of readers. They may well make it invalid.
    pub edits: Vec<Edit>,
}

impl Default for Spec {
    fn default() -> Self {
        Self {
            seed: 1,
            repeat: 0,
            rows: 2294,
            columns: 1914,
            spacing_mm: 0.1,
            style: Style::alfa(),
            density: 0.35,
            lesions: Vec::new(),
            implants: Implants::Absent,
            paddle_edge: false,
            markers: true,
            intent: Intent::ForPresentation,
            transfer_syntax: TransferSyntax::ExplicitLittle,
            patient: PhantomPatient::default(),
            study_date: "20240315".into(),
            study_time: "093000".into(),
            lossy: Lossy::No,
            edits: Vec::new(),
        }
    }
}

impl Spec {
    /// A quick, small exam for tests: 288 x 240 pixels of 0.8 mm.
    pub fn small(seed: u64) -> Self {
        Self { seed, rows: 288, columns: 240, spacing_mm: 0.8, ..Self::default() }
    }

    /// What tells the exam of this spec from that of another: two different pictures never share a UID. How often it
    /// was repeated, for what it is meant and how it is written do not count.
    pub(super) fn identity(&self) -> u64 {
        let picture = Self {
            repeat: 0,
            intent: Intent::ForPresentation,
            transfer_syntax: TransferSyntax::ExplicitLittle,
            patient: PhantomPatient::default(),
            lossy: Lossy::No,
            edits: Vec::new(),
            ..self.clone()
        };
        let digest = Sha256::digest(format!("{picture:?}").as_bytes());
        digest.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
    }

    /// Refuses what cannot be drawn.
    pub(super) fn check(&self) -> Result<(), PhantomError> {
        let sides = SIDE_MIN..=usize::from(u16::MAX);
        if !sides.contains(&self.rows) || !sides.contains(&self.columns) || self.rows * self.columns > PIXELS_MAX {
            return Err(PhantomError::Size { rows: self.rows, columns: self.columns });
        }
        let in_range = |name, value: f64, lo: f64, hi: f64| {
            if (lo..=hi).contains(&value) { Ok(()) } else { Err(PhantomError::Range { name, value, lo, hi }) }
        };
        in_range("spacing_mm", self.spacing_mm, 1e-3, 1e3)?;
        in_range("density", self.density, 0.0, 1.0)?;
        in_range("bits_stored", f64::from(self.style.bits_stored), 10.0, 16.0)?;
        if let Some(padding) = self.style.padding {
            in_range("padding value", f64::from(padding.value), 0.0, f64::from(self.style.max()))?;
            in_range("padding border", padding.border, 0.0, 0.06)?;
        }
        for lesion in &self.lesions {
            in_range("lesion depth", lesion.position.depth, 0.0, 1.0)?;
            in_range("lesion lateral", lesion.position.lateral, -1.0, 1.0)?;
            in_range("lesion superior", lesion.position.superior, -1.0, 1.0)?;
            in_range("lesion diameter_mm", lesion.diameter_mm, 0.1, 100.0)?;
            in_range("lesion contrast", lesion.contrast, 0.0, 2.0)?;
        }
        Ok(())
    }
}

/// The look of one family of equipment. All makers are invented.
#[derive(Debug, Clone, PartialEq)]
pub struct Style {
    /// Manufacturer (0008,0070).
    pub manufacturer: String,
    /// Manufacturer's Model Name (0008,1090).
    pub model: String,
    /// Bits Stored (0028,0101), 10 to 16; 16 are allocated.
    pub bits_stored: u16,
    /// Whether larger stored values are darker.
    pub photometric: Photometric,
    /// From tissue to grey.
    pub curve: GreyCurve,
    /// What the file offers for display; nothing when the image is for processing.
    pub voi: Voi,
    /// Pixel Padding Value (0028,0120).
    pub padding: Option<Padding>,
}

impl Style {
    fn named(name: &str, bits_stored: u16, photometric: Photometric, curve: GreyCurve, voi: Voi) -> Self {
        Self {
            manufacturer: format!("Uvid phantom {name}"),
            model: format!("{name} 1"),
            bits_stored,
            photometric,
            curve,
            voi,
            padding: Some(Padding { value: 0, border: 0.0 }),
        }
    }

    /// 12 bits, MONOCHROME2, three linear windows.
    pub fn alfa() -> Self {
        Self::named("Alfa", 12, Photometric::Monochrome2, GreyCurve::Linear, Voi::Windows)
    }

    /// 14 bits, MONOCHROME1, one linear window.
    pub fn beta() -> Self {
        Self::named("Beta", 14, Photometric::Monochrome1, GreyCurve::Film, Voi::Window)
    }

    /// 12 bits, MONOCHROME2, a VOI LUT Sequence, a collimated border of padding.
    pub fn gama() -> Self {
        let style = Self::named("Gama", 12, Photometric::Monochrome2, GreyCurve::Soft, Voi::Tables);
        Self { padding: Some(Padding { value: 5, border: 0.02 }), ..style }
    }

    /// 16 bits, MONOCHROME2, a sigmoid window.
    pub fn delta() -> Self {
        Self::named("Delta", 16, Photometric::Monochrome2, GreyCurve::Soft, Voi::Sigmoid)
    }

    /// 10 bits, MONOCHROME1, an exact linear window, a collimated border of padding.
    pub fn epsilon() -> Self {
        let style = Self::named("Epsilon", 10, Photometric::Monochrome1, GreyCurve::Film, Voi::LinearExact);
        Self { padding: Some(Padding { value: 0, border: 0.015 }), ..style }
    }

    /// All the above.
    pub fn all() -> [Self; 5] {
        [Self::alfa(), Self::beta(), Self::gama(), Self::delta(), Self::epsilon()]
    }

    /// The largest value that the bits stored allow.
    pub fn max(&self) -> u16 {
        max_of(self.bits_stored)
    }
}

/// The largest unsigned value of so many bits, 1 to 16.
pub(super) fn max_of(bits: u16) -> u16 {
    u16::MAX >> 16u16.saturating_sub(bits).min(15)
}

/// Photometric Interpretation (0028,0004).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Photometric {
    /// Larger is darker: every stored value is the largest value minus that of [`Photometric::Monochrome2`].
    Monochrome1,
    /// Larger is brighter.
    Monochrome2,
}

/// From tissue to grey in images for presentation. Images for processing are always linear in the attenuation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GreyCurve {
    /// Proportional.
    Linear,
    /// The S shape of film.
    Film,
    /// Lifted shadows.
    Soft,
}

/// What the file offers for display.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Voi {
    /// One LINEAR window over the whole range.
    Window,
    /// Three LINEAR windows with explanations.
    Windows,
    /// One LINEAR_EXACT window.
    LinearExact,
    /// One SIGMOID window.
    Sigmoid,
    /// Two tables in a VOI LUT Sequence (0028,3010), and no window.
    Tables,
}

/// Pixel Padding Value (0028,0120) as it would be in MONOCHROME2, and the collimated border it fills.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Padding {
    /// The stored value in MONOCHROME2; in MONOCHROME1 the largest value minus this.
    pub value: u16,
    /// Width of the border along the three sides away from the chest wall, as a share of the shorter side, 0 to 0.06.
    pub border: f64,
}

/// Breast implants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Implants {
    /// None.
    Absent,
    /// In the picture.
    Present,
    /// Pushed back behind the paddle (Eklund): declared, with the view modifier, and not in the picture.
    Displaced,
}

/// Something to be found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Lesion {
    /// What it is.
    pub kind: LesionKind,
    /// In which breast; it shows in both views.
    pub laterality: Laterality,
    /// Where.
    pub position: Position,
    /// Its diameter (without spicules), or that of the cluster, in millimetres, 0.1 to 100.
    pub diameter_mm: f64,
    /// Brightness added at its centre, in units of the difference between fat and dense tissue, 0 to 2.
    pub contrast: f64,
}

/// What a lesion looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LesionKind {
    /// Oval or lobulated with a soft margin.
    Mass,
    /// Irregular with lines radiating from it.
    SpiculatedMass,
    /// A cluster of specks.
    Calcifications,
}

/// A point of the breast, the same for both views of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Position {
    /// From the chest wall (0) to the skin (1).
    pub depth: f64,
    /// From the medial (-1) to the lateral (1) end of the breast: up in a CC image.
    pub lateral: f64,
    /// From the inferior (-1) to the superior (1) end. An MLO image shows (superior + lateral) / sqrt 2 upwards.
    pub superior: f64,
}

/// Who the phantom is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PhantomPatient {
    /// Patient's Name (0010,0010), with `=` between its component groups. The default patient is invented.
    pub name: String,
    /// Specific Character Set (0008,0005) that the name is written in, one value; empty for ASCII. A name that it
    /// cannot spell is an error.
    pub character_set: String,
    /// Patient ID (0010,0020); derived from the seed if `None`.
    pub id: Option<String>,
    /// Issuer of Patient ID (0010,0021).
    pub issuer: String,
    /// Patient's Birth Date (0010,0030), `YYYYMMDD`.
    pub birth_date: String,
    /// Patient's Age (0010,1010), `nnnY`.
    pub age: String,
}

impl Default for PhantomPatient {
    fn default() -> Self {
        Self {
            name: "Фантом^Ува".into(),
            character_set: "ISO_IR 192".into(),
            id: None,
            issuer: "UVID PHANTOMS".into(),
            birth_date: "19640517".into(),
            age: "059Y".into(),
        }
    }
}

/// The transfer syntaxes that phantoms are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TransferSyntax {
    /// 1.2.840.10008.1.2
    ImplicitLittle,
    /// 1.2.840.10008.1.2.1
    ExplicitLittle,
    /// 1.2.840.10008.1.2.2 (retired, still met)
    ExplicitBig,
    /// 1.2.840.10008.1.2.1.99
    Deflated,
    /// 1.2.840.10008.1.2.5
    RleLossless,
    /// 1.2.840.10008.1.2.4.70, process 14 selection value 1: the usual one in mammography.
    JpegLossless,
    /// 1.2.840.10008.1.2.4.80
    JpegLsLossless,
    /// 1.2.840.10008.1.2.4.90
    Jpeg2000Lossless,
}

impl TransferSyntax {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::ImplicitLittle,
        Self::ExplicitLittle,
        Self::ExplicitBig,
        Self::Deflated,
        Self::RleLossless,
        Self::JpegLossless,
        Self::JpegLsLossless,
        Self::Jpeg2000Lossless,
    ];

    /// Transfer Syntax UID (0002,0010).
    pub fn uid(self) -> &'static str {
        match self {
            Self::ImplicitLittle => "1.2.840.10008.1.2",
            Self::ExplicitLittle => "1.2.840.10008.1.2.1",
            Self::ExplicitBig => "1.2.840.10008.1.2.2",
            Self::Deflated => "1.2.840.10008.1.2.1.99",
            Self::RleLossless => "1.2.840.10008.1.2.5",
            Self::JpegLossless => "1.2.840.10008.1.2.4.70",
            Self::JpegLsLossless => "1.2.840.10008.1.2.4.80",
            Self::Jpeg2000Lossless => "1.2.840.10008.1.2.4.90",
        }
    }

    /// How pixels are compressed in it, if they are.
    pub fn format(self) -> Option<uvid_codecs::Format> {
        match self {
            Self::ImplicitLittle | Self::ExplicitLittle | Self::ExplicitBig | Self::Deflated => None,
            Self::RleLossless => Some(uvid_codecs::Format::Rle),
            Self::JpegLossless => Some(uvid_codecs::Format::JpegLossless),
            Self::JpegLsLossless => Some(uvid_codecs::Format::JpegLs),
            Self::Jpeg2000Lossless => Some(uvid_codecs::Format::Jpeg2000),
        }
    }
}

/// A change to a finished object.
#[derive(Debug, Clone, PartialEq)]
pub enum Edit {
    /// Adds or replaces an element.
    Put(InMemElement),
    /// Removes an element.
    Remove(Tag),
}
