//! Whether marks are where the lesions are.

use std::collections::{BTreeMap, BTreeSet};

use uvid_metrics::bootstrap;
use uvid_metrics::localisation::{
    Case, Cases, Further, HitRule, Mark, Merit, Point, Rectangle, Region, estimate, find, froc, resample,
};
use uvid_metrics::{Clusters, Undefined};

use super::finding::{counted, reason};
use super::{Finding, Options, Section, StudyError};
use crate::figure::{About, Axis, Figure, FigureError, Plot, Series};
use crate::table::{Table, TableError};

/// False marks per image up to which the curve is drawn.
const RATE_MAX: f64 = 8.0;
/// The rates at which sensitivity is stated.
const RATES: [f64; 4] = [0.25, 0.5, 1.0, 2.0];

/// The images of a set with their lesions.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Lesions {
    /// Every image that was marked or could have been, with its patient.
    pub images: Vec<(String, String)>,
    /// The lesions of each image; none where the image is not here.
    pub of_image: BTreeMap<String, Vec<Region>>,
    /// No patients are known, so that each image is taken as one of its own; otherwise those of `images` are.
    pub without_patients: bool,
}

/// The marks of one model on each image.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Marks {
    /// Whose.
    pub model: String,
    /// By image.
    pub of_image: BTreeMap<String, Vec<Mark>>,
}

impl Lesions {
    /// From tables: `images` has columns `image` and, if there is one, `patient`; `lesions` has `image`, `left`, `top`,
    /// `right`, `bottom`, in pixels.
    ///
    /// # Errors
    ///
    /// A column is missing, a value is none, or a lesion lies in an image that is not among the images.
    pub fn of_tables(images: &Table, lesions: &Table) -> Result<Self, StudyError> {
        let names = whole(images, "image", images.texts("image")?)?;
        let without_patients = !images.has("patient");
        let patients = match !without_patients {
            true => whole(images, "patient", images.texts("patient")?)?,
            false => names.clone(),
        };
        let mut known: BTreeSet<&String> = BTreeSet::new();
        if let Some(row) = names.iter().position(|name| !known.insert(name)) {
            let (table, column, value) = (images.name().to_owned(), "image".to_owned(), names[row].clone());
            return Err(TableError::Value {
                table,
                row: row + 1,
                column,
                value,
                expected: "another image: it is listed before",
            }
            .into());
        }
        let mut of_image: BTreeMap<String, Vec<Region>> = BTreeMap::new();
        let of = whole(lesions, "image", lesions.texts("image")?)?;
        let corner = |name: &str| whole(lesions, name, lesions.numbers(name)?);
        let (left, top, right, bottom) = (corner("left")?, corner("top")?, corner("right")?, corner("bottom")?);
        for (row, image) in of.iter().enumerate() {
            if !known.contains(image) {
                let expected = "an image of the table of images";
                let (table, column, value) = (lesions.name().to_owned(), "image".to_owned(), image.clone());
                return Err(TableError::Value { table, row: row + 1, column, value, expected }.into());
            }
            let lesion = Rectangle::new(left[row], top[row], right[row], bottom[row])?;
            of_image.entry(image.clone()).or_default().push(Region::Rectangle(lesion));
        }
        Ok(Self { images: names.into_iter().zip(patients).collect(), of_image, without_patients })
    }
}

impl Marks {
    /// From a table with columns `image`, `score`, `row`, `column` (in pixels) and, if there are several models, `package`.
    ///
    /// # Errors
    ///
    /// A column is missing or a value is none.
    pub fn of_table(marks: &Table) -> Result<Vec<Self>, StudyError> {
        let images = whole(marks, "image", marks.texts("image")?)?;
        let models = match marks.has("package") {
            true => whole(marks, "package", marks.texts("package")?)?,
            false => vec!["marks".to_owned(); images.len()],
        };
        let number = |name: &str| whole(marks, name, marks.numbers(name)?);
        let (scores, rows, columns) = (number("score")?, number("row")?, number("column")?);
        let mut of_model: BTreeMap<String, Self> = BTreeMap::new();
        for (at, model) in models.iter().enumerate() {
            let mark = Mark::Point { at: Point { x: columns[at], y: rows[at] }, score: scores[at] };
            let marks =
                of_model.entry(model.clone()).or_insert_with(|| Self { model: model.clone(), ..Self::default() });
            marks.of_image.entry(images[at].clone()).or_default().push(mark);
        }
        Ok(of_model.into_values().collect())
    }
}

/// A column without gaps.
fn whole<T: Clone>(table: &Table, column: &str, values: Vec<Option<T>>) -> Result<Vec<T>, TableError> {
    let missing = values.iter().position(Option::is_none);
    match missing {
        Some(row) => Err(TableError::Value {
            table: table.name().to_owned(),
            row: row + 1,
            column: column.to_owned(),
            value: String::new(),
            expected: "there",
        }),
        None => Ok(values.into_iter().flatten().collect()),
    }
}

/// FROC curves, sensitivity at rates of false marks, figures of merit.
///
/// # Errors
///
/// There is no image, or a mark is on none of them.
pub fn localisation(
    lesions: &Lesions,
    marks: &[Marks],
    rule: HitRule,
    options: &Options,
) -> Result<Section, StudyError> {
    if lesions.images.is_empty() {
        return Err(Undefined::Empty("images").into());
    }
    let known: BTreeSet<&String> = lesions.images.iter().map(|(image, _)| image).collect();
    for model in marks {
        if let Some(image) = model.of_image.keys().find(|image| !known.contains(image)) {
            return Err(StudyError::MarkElsewhere { model: model.model.clone(), image: image.clone() });
        }
    }
    let mut section = Section::new("localisation", "Localisation");
    let count: usize = lesions.of_image.values().map(Vec::len).sum();
    let with = lesions.of_image.values().filter(|list| !list.is_empty()).count();
    section.words(format!(
        "{} images, {with} of them with {count} lesions in all. A lesion is **found** by a mark {}; other marks are false. The FROC curve \
         shows what share of the lesions is found at the price of how many false marks per image. A finding that is outlined in two \
         images counts as two lesions.",
        lesions.images.len(),
        rule_words(rule)
    ));
    if lesions.without_patients {
        section.warn(
            "No column says which images are of the same patient, so every image counts as a patient of its own. If patients have \
             several images, all intervals here are too narrow.",
        );
    }
    let (mut curves, mut lines) = (Vec::new(), Vec::new());
    for model in marks {
        let cases = cases(lesions, model, rule);
        let (findings, line) = of_model(model, &cases, lesions, options);
        section.findings.extend(findings);
        lines.push(line);
        let curve = cases.and_then(|cases| froc::curve(&cases, froc::Sensitivity::Lesions, froc::Marks::OfAllImages));
        match curve {
            Ok(curve) => curves.push((model.model.clone(), curve)),
            Err(why) => section.warn(format!("{}: no FROC curve, for {}.", model.model, reason(&why))),
        }
    }
    if !curves.is_empty() {
        section.figure(figure(&curves), "The further up and to the left, the more lesions are found at fewer false marks. A curve ends where a model has no more marks to give.");
    }
    section.grid(
        "Lesions found",
        &["model", "at 0.25 false marks per image", "at 0.5", "at 1", "at 2", "wAFROC", "marks per image"],
        lines,
        &format!(
            "Shares of the lesions found{}. wAFROC: area under the \
             weighted AFROC curve, from 0 to 1, larger is better; its false marks are those of images without lesions; interval by \
             jackknife.",
            match options.resamples {
                0 => String::new(),
                resamples => format!(
                    ", with {:.0} % intervals by {} (percentiles of {}) in brackets",
                    100.0 * options.confidence.get(),
                    unit(lesions),
                    counted(resamples, "resample")
                ),
            }
        ),
    );
    Ok(section)
}

/// What intervals take to be independent.
fn unit(lesions: &Lesions) -> &'static str {
    if lesions.without_patients { "image" } else { "patient" }
}

fn rule_words(rule: HitRule) -> String {
    match rule {
        HitRule::InRegion => "whose centre lies within it".to_owned(),
        HitRule::InBox => "whose centre lies in the smallest box around it".to_owned(),
        HitRule::Within { radius_pixels } => format!("whose centre is at most {radius_pixels} pixels from its middle"),
        HitRule::Iou { at_least } => format!("whose box overlaps its own by an IoU of at least {at_least}"),
    }
}

fn cases(lesions: &Lesions, marks: &Marks, rule: HitRule) -> Result<Cases, Undefined> {
    let case = |(image, _): &(String, String)| -> Result<Case, Undefined> {
        let marks = marks.of_image.get(image).map_or(&[][..], Vec::as_slice);
        let lesions = lesions.of_image.get(image).map_or(&[][..], Vec::as_slice);
        find(marks, lesions, rule, Further::Ignored).map(Case::from)
    };
    let cases = lesions.images.iter().map(case).collect::<Result<Vec<_>, _>>()?;
    Cases::new(cases)?.clustered(Clusters::of(lesions.images.iter().map(|(_, patient)| patient)))
}

fn of_model(
    marks: &Marks,
    cases: &Result<Cases, Undefined>,
    lesions: &Lesions,
    options: &Options,
) -> (Vec<Finding>, Vec<String>) {
    let images = lesions.images.len();
    let mut findings = at_rates(marks, cases, lesions, options);
    let mean = findings.pop();
    let by = format!("jackknife by {}", unit(lesions));
    let area = |measure: &str, merit: Merit| {
        let found = cases.as_ref().map_err(Clone::clone).and_then(|cases| estimate(cases, merit));
        let finding = Finding::estimate("localisation", &marks.model, measure, found, options.confidence, (0.0, 1.0));
        finding.rows(images).by(&by)
    };
    findings.push(area("wAFROC area", Merit::WeightedAfroc));
    let total: usize = marks.of_image.values().map(Vec::len).sum();
    let per_image = total as f64 / images as f64;
    findings.push(Finding::new("localisation", &marks.model, "marks per image", Ok(per_image)).rows(images));
    findings.extend(mean);
    findings.push(area("AFROC area, false marks of all images", Merit::Afroc1));
    let line = std::iter::once(marks.model.clone()).chain(findings.iter().take(6).map(Finding::text)).collect();
    (findings, line)
}

/// The sensitivity at each of [`RATES`], and last their mean at those of the competitions; intervals from resamples, for a jackknife of
/// a sensitivity at a rate does not settle as images are added.
fn at_rates(marks: &Marks, cases: &Result<Cases, Undefined>, lesions: &Lesions, options: &Options) -> Vec<Finding> {
    let (sensitivity, counted) = (froc::Sensitivity::Lesions, froc::Marks::OfAllImages);
    let curve = cases.as_ref().map_err(Clone::clone).and_then(|cases| froc::curve(cases, sensitivity, counted));
    let value = |of: &dyn Fn(&froc::Curve) -> Result<f64, Undefined>| curve.clone().and_then(|curve| of(&curve));
    let mut merits = RATES.map(|rate| Merit::FrocSensitivity { sensitivity, marks: counted, rate }).to_vec();
    merits.push(Merit::Cpm { sensitivity, marks: counted });
    let mut values: Vec<(String, Result<f64, Undefined>)> = RATES
        .iter()
        .map(|rate| {
            (format!("lesions found at {rate} false marks per image"), value(&|curve| curve.sensitivity_at(*rate)))
        })
        .collect();
    values.push(("mean sensitivity at 1/8 to 8 false marks".to_owned(), value(&|curve| Ok(curve.cpm()))));
    let how = bootstrap::Options { resamples: options.resamples, seed: options.seed, ..bootstrap::Options::default() };
    let resampled = match (options.resamples, cases) {
        (0, _) => None,
        (_, cases) => Some(cases.as_ref().map_err(Clone::clone).and_then(|cases| resample(cases, &merits, &how))),
    };
    let interval = |at: usize| match &resampled {
        None => Ok(None),
        Some(Ok(resampled)) => Ok(Some(resampled.distribution(at)?.percentile(options.confidence))),
        Some(Err(why)) => Err(why.clone()),
    };
    let by = match options.resamples {
        0 => String::new(),
        _ => format!("percentile bootstrap by {}, stratified by lesions", unit(lesions)),
    };
    let finding = |(at, (measure, value)): (usize, (String, Result<f64, Undefined>))| {
        Finding::new("localisation", &marks.model, &measure, value)
            .or_no_interval(interval(at))
            .rows(lesions.images.len())
            .by(&by)
    };
    values.into_iter().enumerate().map(finding).collect()
}

fn figure(curves: &[(String, froc::Curve)]) -> Result<Figure, FigureError> {
    let about = About::new("froc", "FROC", "Lesions found against false marks per image, over all thresholds.");
    let x = Axis::new("false marks per image").range(0.0, RATE_MAX);
    let mut plot = Plot::new(about, x, Axis::new("lesions found").range(0.0, 1.0));
    for (model, curve) in curves {
        let shown = curve.points.iter().take_while(|point| point.false_marks <= RATE_MAX);
        let points: Vec<_> = std::iter::once((0.0, 0.0)).chain(shown.map(|p| (p.false_marks, p.sensitivity))).collect();
        plot = plot.series(Series::steps(model.clone(), &super::discrimination::thinned(points)));
    }
    plot.figure()
}
