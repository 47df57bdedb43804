//! Golden cases: images in the package, and the outputs that they must give.
//!
//! `golden/cases.toml` lists the images (16-bit grey PNG of stored values, larger = brighter) by the view that they
//! fill, and expected values by image, breast and exam. [`Predictor::verify`] walks them through preparation and
//! network as any exam. A comparison fails on NaN and on an output that is not there.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uvid_exam::{Content, Exam, Mammogram, Output, Pixels, Received, Rules, Scores, Slot, Value};

use crate::architecture::Unscored;
use crate::manifest::SlotName;
use crate::package::{Package, PackageError};
use crate::predictor::Predictor;

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Cases {
    tolerance: f64,
    images: Vec<Image>,
    expected: Expected,
}

/// The most that a golden value may be off.
const TOLERANCE_MAX: f64 = 1e-2;

/// An image of a golden case.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Image {
    /// The view that it fills.
    pub(crate) slot: SlotName,
    /// The file in the package.
    pub(crate) file: String,
    /// Bits of a value.
    pub(crate) bits: u32,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    images: BTreeMap<String, Values>,
    breasts: BTreeMap<String, Values>,
    exam: Values,
}

type Values = BTreeMap<String, Golden>;

/// A value of a golden case: a number, compared within the tolerance, or a category, compared exactly.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Golden {
    /// A score, a probability, a ratio.
    Number(f64),
    /// A category.
    Text(String),
}

impl std::fmt::Display for Golden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Number(v) => write!(f, "{v:.7}"),
            Self::Text(text) => f.write_str(text),
        }
    }
}

impl Golden {
    fn of(value: &Value) -> Self {
        match value {
            Value::Score(v) => Self::Number(v.get()),
            Value::Probability(p) | Value::Risk { probability: p, .. } => Self::Number(p.get()),
            Value::Percentile(p) => Self::Number(p.get()),
            Value::RelativeRisk { ratio, .. } => Self::Number(*ratio),
            Value::Category(text) => Self::Text(text.clone()),
        }
    }

    /// Fails on NaN on either side, and on values of different kinds.
    fn agrees(&self, found: &Self, tolerance: f64) -> bool {
        match (self, found) {
            (Self::Number(a), Self::Number(b)) => (a - b).abs() <= tolerance,
            (Self::Text(a), Self::Text(b)) => a == b,
            (Self::Number(_), Self::Text(_)) | (Self::Text(_), Self::Number(_)) => false,
        }
    }
}

/// One expected value beside the one that was computed.
#[derive(Debug, Clone, PartialEq)]
pub struct GoldenDifference {
    /// `exam p_dense`, `L-CC p_dense` …
    pub what: String,
    /// In the package.
    pub expected: Golden,
    /// Computed now; `None` if the model does not give it.
    pub found: Option<Golden>,
    /// Whether it is within the package's tolerance.
    pub agrees: bool,
}

/// The outcome of a verification.
#[derive(Debug, Clone, PartialEq)]
pub struct GoldenReport {
    /// Largest difference allowed.
    pub tolerance: f64,
    /// Every value compared.
    pub differences: Vec<GoldenDifference>,
}

impl GoldenReport {
    /// Whether there was something to compare and all of it agrees.
    pub fn agrees(&self) -> bool {
        !self.differences.is_empty() && self.differences.iter().all(|d| d.agrees)
    }
}

impl Predictor {
    /// Recomputes the package's golden cases.
    pub fn verify(&self, package: &Package) -> Result<GoldenReport, PackageError> {
        let text = String::from_utf8_lossy(package.file("golden/cases.toml")?);
        let cases: Cases = toml::from_str(&text).map_err(|e| PackageError::Golden(format!("cases.toml: {e}")))?;
        if !(0.0..=TOLERANCE_MAX).contains(&cases.tolerance) {
            let problem = format!("cases.toml: a tolerance of {} is none within {TOLERANCE_MAX}", cases.tolerance);
            return Err(PackageError::Golden(problem));
        }
        let tolerance = self.precision_tolerance().unwrap_or(cases.tolerance);
        let scores = self.score_golden(package, &cases.images)?;
        let mut differences = Vec::new();
        let mut compare = |who: &str, expected: &Values, found: &[Output]| {
            for (name, expected) in expected {
                let found = found.iter().find(|o| o.name == *name).map(|o| Golden::of(&o.value));
                let agrees = found.as_ref().is_some_and(|f| expected.agrees(f, tolerance));
                let what = format!("{who} {name}");
                differences.push(GoldenDifference { what, expected: expected.clone(), found, agrees });
            }
        };
        compare("exam", &cases.expected.exam, &scores.exam);
        for (side, expected) in &cases.expected.breasts {
            let breast = scores.breasts.iter().find(|b| b.laterality.letter() == side);
            compare(side, expected, breast.map_or(&[], |b| &b.outputs));
        }
        for (slot, expected) in &cases.expected.images {
            let image = scores.images.iter().find(|i| i.slot.name() == slot);
            compare(slot, expected, image.map_or(&[], |i| &i.outputs));
        }
        Ok(GoldenReport { tolerance, differences })
    }

    fn score_golden(&self, package: &Package, images: &[Image]) -> Result<Scores, PackageError> {
        let failed = |e: String| PackageError::Golden(e);
        let received = images.iter().enumerate().map(|(i, image)| {
            let mammogram = mammogram(package.file(&image.file)?, image, i)?;
            Ok(Received { digest: [0; 32], content: Content::Mammogram(Box::new(mammogram)) })
        });
        let received = received.collect::<Result<Vec<_>, PackageError>>()?;
        let words = |reasons: Vec<uvid_exam::Reason>| {
            failed(reasons.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
        };
        // Golden images are no machine's.
        let rules = Rules { manufacturers: None, ..self.rules().clone() };
        let exam = Exam::assemble(received, &rules).exam.map_err(words)?;
        let prepared = self.prepare(&exam).map_err(words)?;
        self.predict(&prepared).map_err(|unscored| match unscored {
            Unscored::Because(reason) => words(vec![reason]),
            Unscored::Device(fault) => PackageError::Device(fault),
        })
    }
}

/// The text of `golden/cases.toml` in which the package says of these images what it says now.
pub(crate) fn record(
    predictor: &Predictor,
    package: &Package,
    images: Vec<Image>,
    tolerance: f64,
) -> Result<String, PackageError> {
    let scores = predictor.score_golden(package, &images)?;
    let values = |outputs: &[Output]| outputs.iter().map(|o| (o.name.clone(), Golden::of(&o.value))).collect();
    let expected = Expected {
        images: scores.images.iter().map(|i| (i.slot.name().to_owned(), values(&i.outputs))).collect(),
        breasts: scores.breasts.iter().map(|b| (b.laterality.letter().to_owned(), values(&b.outputs))).collect(),
        exam: values(&scores.exam),
    };
    let text = toml::to_string_pretty(&Cases { tolerance, images, expected });
    text.map_err(|e| PackageError::Golden(format!("cases.toml: {e}")))
}

/// A PNG as the mammogram of its slot.
fn mammogram(png: &[u8], image: &Image, number: usize) -> Result<Mammogram, PackageError> {
    let failed = |e: String| PackageError::Golden(format!("{}: {e}", image.file));
    let grey = image::load_from_memory_with_format(png, image::ImageFormat::Png).map_err(|e| failed(e.to_string()))?;
    let image::DynamicImage::ImageLuma16(grey) = grey else {
        return Err(failed("is not 16-bit grey".into()));
    };
    if !(1..=16).contains(&image.bits) {
        return Err(failed(format!("{} bits are not 1 to 16", image.bits)));
    }
    let (columns, rows) = (grey.width() as usize, grey.height() as usize);
    let pixels = Pixels::new(rows, columns, 0..=(1 << image.bits) - 1, false, grey.into_raw());
    let slot = Slot::from(image.slot);
    let uid = |tail: &str| format!("2.25.{tail}");
    let parse = |e: uvid_exam::InvalidUid| failed(e.to_string());
    let study = (uid("1").parse().map_err(parse)?, uid("2").parse().map_err(parse)?);
    let class = "1.2.840.10008.5.1.4.1.1.1.2".parse().map_err(parse)?;
    let instance = uid(&format!("3.{number}")).parse().map_err(parse)?;
    let pixels = pixels.map_err(|e| failed(e.to_string()))?;
    let image = Mammogram::of_pixels(study, (class, instance), pixels);
    Ok(Mammogram { laterality: Some(slot.laterality()), view: Some(slot.view()), ..image })
}
