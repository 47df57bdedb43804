//! Mammograms of women who do not exist.
//!
//! A [`Spec`] describes an exam: detector, vendor-like [`Style`], breast density, [`Lesion`]s. [`exam`] makes its four
//! DICOM files, each with its [`Truth`]; [`image`] makes one view's pixels alone; [`encode`] makes a valid object of
//! any pixels whatever. The product's bundled exam, the tests and the load tests are all made here.
//!
//! Invariant: the same [`Spec`] gives the same bytes on every machine. Hence `libm` for every transcendental function,
//! one random stream for each purpose, no parallelism, fixed dates, UIDs from the seed.

mod anatomy;
mod attributes;
mod codecs;
mod field;
mod lesions;
mod markers;
mod random;
mod render;
mod spec;
mod strokes;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_dicom;
mod texture;
mod tissue;
mod truth;
mod uids;
mod wrap;

use uvid_exam::{Intent, Rescale, Slot, ViewModifier, Window, WindowFunction};

pub use spec::{
    Edit, GreyCurve, Implants, Lesion, LesionKind, Padding, PhantomPatient, Photometric, Position, Spec, Style,
    TransferSyntax, Voi,
};
pub use truth::{LesionTruth, Mask, Truth};
pub use uids::Uids;
pub use wrap::{Wrap, encode, full_window};

/// Why there is no phantom.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PhantomError {
    /// The image is too small, too large, or its values are not as many as its pixels.
    #[error("no phantom of {rows} rows and {columns} columns")]
    Size {
        /// Rows asked for.
        rows: usize,
        /// Columns asked for.
        columns: usize,
    },
    /// A number is out of range.
    #[error("{name} is {value}, it must be within {lo} and {hi}")]
    Range {
        /// Which.
        name: &'static str,
        /// What was asked for.
        value: f64,
        /// The least allowed.
        lo: f64,
        /// The most allowed.
        hi: f64,
    },
    /// A time is not `HHMMSS`.
    #[error("the study time must be HHMMSS")]
    Time,
    /// The character set is unknown, or cannot spell the name.
    #[error("the patient's name cannot be written in character set {0:?}")]
    CharacterSet(String),
    /// The windows do not share one VOI LUT Function (0028,1056).
    #[error("windows of different functions do not fit one file")]
    MixedWindows,
    /// The object cannot be written.
    #[error("the object cannot be written: {0}")]
    Write(String),
}

/// One file of a phantom exam.
#[derive(Debug, Clone, PartialEq)]
pub struct PhantomFile {
    /// The view.
    pub slot: Slot,
    /// `L-CC.dcm` and alike.
    pub file_name: String,
    /// The DICOM file, from its preamble on.
    pub bytes: Vec<u8>,
    /// What it shows.
    pub truth: Truth,
}

/// The pixels of one view.
#[derive(Debug, Clone, PartialEq)]
pub struct PhantomImage {
    /// Stored values, row-major, already inverted in a MONOCHROME1 style.
    pub pixels: Vec<u16>,
    /// What they show.
    pub truth: Truth,
}

/// Makes an exam: four files in the order of [`Slot::ALL`].
pub fn exam(spec: &Spec) -> Result<Vec<PhantomFile>, PhantomError> {
    Slot::ALL
        .into_iter()
        .map(|slot| {
            let PhantomImage { pixels, truth } = image(spec, slot)?;
            let bytes = encode(&pixels, &wrap_of(spec, slot)?)?;
            Ok(PhantomFile { slot, file_name: format!("{slot}.dcm"), bytes, truth })
        })
        .collect()
}

/// Makes the pixels of one view.
pub fn image(spec: &Spec, slot: Slot) -> Result<PhantomImage, PhantomError> {
    spec.check()?;
    let (pixels, truth) = render::view(spec, slot);
    Ok(PhantomImage { pixels, truth })
}

/// The attributes that [`exam`] gives to a view, for those who wrap other pixels alike.
pub fn wrap_of(spec: &Spec, slot: Slot) -> Result<Wrap, PhantomError> {
    spec.check()?;
    let style = &spec.style;
    let place = Slot::ALL.iter().position(|s| *s == slot).unwrap_or(0) as u32;
    let number = spec.repeat.saturating_mul(4).saturating_add(place + 1);
    let mut patient = spec.patient.clone();
    patient.id.get_or_insert_with(|| wrap::patient_id(spec.seed));
    let in_file = |value: u16| match style.photometric {
        Photometric::Monochrome1 => style.max() - value,
        Photometric::Monochrome2 => value,
    };
    let modifiers = match spec.implants {
        Implants::Displaced => vec![ViewModifier::ImplantDisplaced],
        Implants::Absent | Implants::Present => Vec::new(),
    };
    Ok(Wrap {
        rows: spec.rows,
        columns: spec.columns,
        spacing_mm: spec.spacing_mm,
        magnification: 1.0,
        laterality: slot.laterality(),
        view: slot.view(),
        modifiers,
        intent: spec.intent,
        photometric: style.photometric,
        bits_stored: style.bits_stored,
        signed: false,
        rescale: Rescale::IDENTITY,
        voi: if spec.intent == Intent::ForPresentation { windows(style) } else { Vec::new() },
        padding: style.padding.map(|p| (in_file(p.value), None)),
        implant: spec.implants != Implants::Absent,
        burned_in_annotation: false,
        partial_view: false,
        lossy: spec.lossy,
        transfer_syntax: spec.transfer_syntax,
        uids: Uids::new(spec.identity(), slot.laterality(), slot.view(), spec.intent, spec.repeat),
        patient,
        studied: (spec.study_date.clone(), spec.study_time.clone()),
        acquired: (spec.study_date.clone(), minutes_later(&spec.study_time, number)?),
        accession_number: wrap::accession_number(spec.seed),
        instance_number: number,
        manufacturer: style.manufacturer.clone(),
        model: style.model.clone(),
        edits: spec.edits.clone(),
    })
}

/// `HHMMSS` so many minutes later, on the same day.
fn minutes_later(time: &str, minutes: u32) -> Result<String, PhantomError> {
    if time.len() != 6 || !time.bytes().all(|b| b.is_ascii_digit()) {
        return Err(PhantomError::Time);
    }
    let field = |at: usize| time.get(at..at + 2).and_then(|t| t.parse::<u32>().ok()).ok_or(PhantomError::Time);
    let (hours, mins, seconds) = (field(0)?, field(2)?, field(4)?);
    if hours > 23 || mins > 59 || seconds > 59 {
        return Err(PhantomError::Time);
    }
    let total = (hours * 60 + mins).saturating_add(minutes).min(24 * 60 - 1);
    Ok(format!("{:02}{:02}{seconds:02}", total / 60, total % 60))
}

/// What a style offers for display.
fn windows(style: &Style) -> Vec<Window> {
    let values = f64::from(style.max()) + 1.0;
    let window = |center: f64, width: f64, function, name: &str| Window::Function {
        center: (center * values).round(),
        width: (width * values).round(),
        function,
        explanation: Some(name.into()),
    };
    match style.voi {
        Voi::Window => vec![full_window(style.bits_stored)],
        Voi::Windows => vec![
            window(0.5, 1.0, WindowFunction::Linear, "NORMAL"),
            window(0.5, 0.7, WindowFunction::Linear, "HARDER"),
            window(0.5, 1.3, WindowFunction::Linear, "SOFTER"),
        ],
        Voi::LinearExact => vec![window(0.5, 1.0, WindowFunction::LinearExact, "NORMAL")],
        Voi::Sigmoid => vec![window(0.5, 0.8, WindowFunction::Sigmoid, "NORMAL")],
        Voi::Tables => vec![voi_table(style, 5.0, "NORMAL"), voi_table(style, 9.0, "HARDER")],
    }
}

/// An S-shaped table over all values of a style, at most 16 bits in and 12 bits out.
fn voi_table(style: &Style, steepness: f64, name: &str) -> Window {
    let s = |x: f64| 1.0 / (1.0 + libm::exp(-steepness * (x - 0.5)));
    let (lo, hi) = (s(0.0), s(1.0));
    let max = style.max();
    let entry = |i: u16| (4095.0 * (s(f64::from(i) / f64::from(max)) - lo) / (hi - lo)).round() as u16;
    Window::Table { first: 0, bits: 12, entries: (0..=max).map(entry).collect(), explanation: Some(name.into()) }
}
