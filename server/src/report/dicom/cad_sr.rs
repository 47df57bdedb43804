//! Mammography CAD SR (PS3.3 A.35.5) by TID 4000.
//!
//! Invariants: the image library lists every mammogram that was received, and every reference to an image is one to an
//! item of it; what is said of an algorithm names package and recipe by digest; no probability is written that the
//! package has not calibrated. There is no code of our own: the template may not be extended, so that values without a
//! code of DICOM are in the words of the impression, and as numbers in the Comprehensive 3D SR.

use dicom_dictionary_std::tags;

use super::content::Relation::{Acquisition, Contains, Inferred, Modifier, Properties, Selected};
use super::content::{Concept, Item, Value};
use super::document::document;
use super::modules::{self, Form};
use super::reading::{Intent, Mark, Reading, Work};
use super::{Context, ObjectError, ResultObject, codes, words};
use crate::config::ObjectKind;

const FORM: Form = Form {
    kind: ObjectKind::CadSr,
    sop_class: "1.2.840.10008.5.1.4.1.1.88.50",
    modality: "SR",
    description: "Uvid CAD report - research, not for diagnosis",
    instance: 1,
};

/// The place of the image library among the root's items.
const LIBRARY: u32 = 2;

/// The report of a result.
///
/// # Errors
///
/// No mammogram was received: the template wants one; those of [`modules::finish`].
pub fn report(context: &Context<'_>) -> Result<ResultObject, ObjectError> {
    let reading = Reading::of(context);
    if reading.images.is_empty() {
        return Err(ObjectError::NoMammogram(ObjectKind::CadSr));
    }
    let mut object = modules::begin(context, &FORM)?;
    document(context, &mut object);
    root(context, &reading).write_root(&mut object);
    object.remove_element(tags::RELATIONSHIP_TYPE);
    modules::finish(context, &FORM, object)
}

fn root(context: &Context<'_>, reading: &Reading<'_>) -> Item {
    let language = words::language(context.making.language);
    Item::new(Contains, codes::CAD_REPORT, Value::Container(Some("4000"))).with([
        Item::new(Modifier, codes::LANGUAGE, Value::Code(language)),
        Item::new(Contains, codes::IMAGE_LIBRARY, Value::Container(None))
            .with(reading.library().map(|(source, sure)| library_entry(source, sure, true))),
        impression(context, reading),
        detections(context, reading),
        analyses(context, reading),
    ])
}

/// TID 4020; TID 1602 and 1603 have the same items but for study date and time. What an image shows is said only where
/// its file is sure of it.
pub(super) fn library_entry(source: &uvid_datasets::dicom::Source, sure: bool, with_study: bool) -> Item {
    let mut items = Vec::new();
    // The CAD report says which breast (CID 6022), the measurement report which side (CID 244).
    let side = if with_study { codes::breast } else { codes::side };
    let laterality = source.laterality.filter(|_| sure).map(|l| Value::Code(side(l)));
    items.extend(laterality.map(|value| Item::new(Acquisition, codes::IMAGE_LATERALITY, value)));
    items.extend(source.view.filter(|_| sure).map(|view| {
        let modifiers = source.modifiers.iter().map(|m| Value::Code(codes::modifier(*m)));
        Item::new(Acquisition, codes::IMAGE_VIEW, Value::Code(codes::view(view)))
            .with(modifiers.map(|value| Item::new(Modifier, codes::IMAGE_VIEW_MODIFIER, value)))
    }));
    let mut put = |name: Concept, value: Option<Value>| {
        items.extend(value.map(|value| Item::new(Acquisition, name, value)));
    };
    let orientation = source.orientation.as_ref().filter(|_| sure);
    put(codes::ORIENTATION_ROW, orientation.map(|(row, _)| Value::Text(row.clone())));
    put(codes::ORIENTATION_COLUMN, orientation.map(|(_, column)| Value::Text(column.clone())));
    if with_study {
        put(codes::STUDY_DATE, source.study.date.clone().map(Value::Date));
        put(codes::STUDY_TIME, source.study.time.clone().map(Value::Time));
        put(codes::CONTENT_DATE, source.content_date.clone().map(Value::Date));
        put(codes::CONTENT_TIME, source.content_time.clone().map(Value::Time));
    }
    let spacing = source.spacing();
    put(codes::HORIZONTAL_SPACING, spacing.map(|(_, column)| Value::Number(column, codes::MILLIMETER)));
    put(codes::VERTICAL_SPACING, spacing.map(|(row, _)| Value::Number(row, codes::MILLIMETER)));
    put(codes::PRIMARY_ANGLE, source.primary_angle.map(|a| Value::Number(a, codes::DEGREE)));
    put(codes::SECONDARY_ANGLE, source.secondary_angle.map(|a| Value::Number(a, codes::DEGREE)));
    put(codes::PIXEL_ROWS, Some(Value::Number(f64::from(source.rows), codes::PIXELS)));
    put(codes::PIXEL_COLUMNS, Some(Value::Number(f64::from(source.columns), codes::PIXELS)));
    let image = Value::Image(source.sop_class.to_string(), source.sop_instance.to_string());
    Item::unnamed(Contains, image).with(items)
}

/// TID 4001.
fn impression(context: &Context<'_>, reading: &Reading<'_>) -> Item {
    let mut body = vec![Item::new(Properties, codes::IMPRESSION, Value::Text(words::impression(context)))];
    let certainty = reading.certainty.map(|percent| Value::Number(percent, codes::PERCENT));
    body.extend(certainty.map(|value| Item::new(Properties, codes::CERTAINTY_OF_IMPRESSION, value)));
    body.extend(algorithm(context, Properties));
    Item::new(Contains, codes::CAD_SUMMARY, Value::Code(reading.summary()))
        .with(body)
        .with(individual_impressions(context, reading))
}

/// TID 4003: one for each pair of views, one for each mark that is in none, one for each other thing said of an image.
fn individual_impressions(context: &Context<'_>, reading: &Reading<'_>) -> Vec<Item> {
    let individual = |intent: Intent, item: Item| {
        // The number of an operating point belongs to the finding (TID 4006), not to what holds it.
        let whole = [rendering(intent.without_point()), item];
        Item::new(Inferred, codes::INDIVIDUAL_IMPRESSION, Value::Container(None)).with(whole)
    };
    let mut all = Vec::new();
    let in_pair = |at: usize| reading.pairs.iter().any(|(cc, mlo)| *cc == at || *mlo == at);
    for (cc, mlo) in &reading.pairs {
        if let (Some(cc), Some(mlo)) = (reading.marks.get(*cc), reading.marks.get(*mlo)) {
            all.push(individual(cc.intent.min(mlo.intent), composite(context, cc, mlo)));
        }
    }
    for (_, mark) in reading.marks.iter().enumerate().filter(|(at, _)| !in_pair(*at)) {
        all.push(individual(mark.intent, finding(context, mark, Contains)));
    }
    // A breast's density is in the impression and, coded, in the Comprehensive 3D SR: as a single image finding the
    // template would have its place in the image, which the package does not give.
    for (image, quality, _) in &reading.unusable {
        let quality = Item::new(Properties, codes::QUALITY_FINDING, Value::Code(quality.clone())).with([Item::new(
            Properties,
            codes::QUALITY_ASSESSMENT,
            Value::Code(codes::UNUSABLE),
        )]);
        let item = Item::new(Contains, codes::SINGLE_IMAGE_FINDING, Value::Code(codes::IMAGE_QUALITY))
            .with([rendering(Intent::Required)])
            .with(algorithm(context, Properties))
            .with([image_at(Inferred, *image), quality]);
        all.push(individual(Intent::Required, item));
    }
    all
}

/// TID 4004: marks in two views that agree in depth.
fn composite(context: &Context<'_>, cc: &Mark<'_>, mlo: &Mark<'_>) -> Item {
    Item::new(Contains, codes::COMPOSITE_FEATURE, Value::Code(codes::BREAST_DENSITY_MARK))
        .with([
            rendering(cc.intent.min(mlo.intent).without_point()),
            Item::new(Properties, codes::COMPOSITE_TYPE, Value::Code(codes::RELATED_SPATIALLY)),
            Item::new(Properties, codes::SCOPE_OF_FEATURE, Value::Code(codes::ON_MULTIPLE_IMAGES)),
        ])
        .with(algorithm(context, Properties))
        .with([finding(context, cc, Inferred), finding(context, mlo, Inferred)])
}

/// TID 4006: a mark.
fn finding(context: &Context<'_>, mark: &Mark<'_>, relation: super::content::Relation) -> Item {
    let (x, y) = mark.center;
    Item::new(relation, codes::SINGLE_IMAGE_FINDING, Value::Code(codes::BREAST_DENSITY_MARK))
        .with([rendering(mark.intent)])
        .with(algorithm(context, Properties))
        .with([
            Item::new(Properties, codes::CENTER, Value::Point(x, y)).with([image_at(Selected, mark.image)]),
            Item::new(Properties, codes::OUTLINE, Value::Outline(mark.outline.clone()))
                .with([image_at(Selected, mark.image)]),
        ])
}

fn rendering(intent: Intent) -> Item {
    let code = match intent {
        Intent::Required => codes::PRESENTATION_REQUIRED,
        Intent::Optional(_) => codes::PRESENTATION_OPTIONAL,
        Intent::NotShown => codes::NOT_FOR_PRESENTATION,
    };
    let point = match intent {
        Intent::Optional(Some(number)) => Some(Value::Number(f64::from(number), codes::ONE_TO_N)),
        Intent::Required | Intent::Optional(None) | Intent::NotShown => None,
    };
    Item::new(Modifier, codes::RENDERING_INTENT, Value::Code(code))
        .with(point.map(|value| Item::new(Properties, codes::CAD_OPERATING_POINT, value)))
}

/// TID 4019.
pub(super) fn algorithm(context: &Context<'_>, relation: super::content::Relation) -> Vec<Item> {
    let package = &context.report.package;
    let text = |name: Concept, value: &str| Item::new(relation, name, Value::Text(value.to_owned()));
    let backend = context.report.outcome.as_ref().ok().map(|scores| format!("backend {}", scores.backend));
    let mut items = vec![
        text(codes::ALGORITHM_NAME, &package.name),
        text(codes::ALGORITHM_VERSION, &package.version),
        text(codes::ALGORITHM_PARAMETERS, &format!("package sha256 {}", package.digest)),
        text(codes::ALGORITHM_PARAMETERS, &format!("recipe sha256 {}", package.recipe_digest)),
    ];
    items.extend(backend.map(|backend| text(codes::ALGORITHM_PARAMETERS, &backend)));
    items
}

fn image_at(relation: super::content::Relation, image: usize) -> Item {
    let number = u32::try_from(image).unwrap_or(u32::MAX).saturating_add(1);
    Item::unnamed(relation, Value::Reference(vec![1, LIBRARY, number]))
}

/// TID 4015 to 4017.
fn detections(context: &Context<'_>, reading: &Reading<'_>) -> Item {
    let performed = |images: &[usize]| {
        Item::new(Contains, codes::DETECTION_PERFORMED, Value::Code(codes::BREAST_DENSITY_MARK))
            .with(algorithm(context, Properties))
            .with(images.iter().map(|image| image_at(Properties, *image)))
            .with(operating_points(reading))
    };
    let Work { done, failed } = &reading.detection;
    let mut item = Item::new(Contains, codes::SUMMARY_OF_DETECTIONS, Value::Code(reading.detection.status()));
    for (images, name) in [(done, codes::SUCCESSFUL_DETECTIONS), (failed, codes::FAILED_DETECTIONS)] {
        if !images.is_empty() {
            item = item.with([Item::new(Inferred, name, Value::Container(None)).with([performed(images)])]);
        }
    }
    item
}

/// TID 4016 to 4018. Finding an image unusable is an analysis that succeeded.
fn analyses(context: &Context<'_>, reading: &Reading<'_>) -> Item {
    let performed = |kind: &Concept, images: &[usize]| {
        Item::new(Contains, codes::ANALYSIS_PERFORMED, Value::Code(kind.clone()))
            .with(algorithm(context, Properties))
            .with(images.iter().map(|image| image_at(Properties, *image)))
    };
    let Work { done, failed } = &reading.analysis;
    let unusable: Vec<usize> = reading.unusable.iter().map(|(image, ..)| *image).collect();
    let mut succeeded = Vec::new();
    if !done.is_empty() {
        succeeded.push(performed(&reading.analysis_kind, done));
    }
    if !unusable.is_empty() {
        succeeded.push(performed(&codes::QUALITY_ANALYSIS, &unusable));
    }
    let status = Work { done: [done.as_slice(), &unusable].concat(), failed: failed.clone() }.status();
    let mut item = Item::new(Contains, codes::SUMMARY_OF_ANALYSES, Value::Code(status));
    if !succeeded.is_empty() {
        item = item.with([Item::new(Inferred, codes::SUCCESSFUL_ANALYSES, Value::Container(None)).with(succeeded)]);
    }
    if !failed.is_empty() {
        let failed = [performed(&reading.analysis_kind, failed)];
        item = item.with([Item::new(Inferred, codes::FAILED_ANALYSES, Value::Container(None)).with(failed)]);
    }
    item
}

/// TID 4023. Its table is left out: a CODE may not have a CONTAINER as a property (PS3.3 table A.35.5-2).
fn operating_points(reading: &Reading<'_>) -> Vec<Item> {
    let Some((last, recommended)) = reading.points.last().zip(reading.recommended) else { return Vec::new() };
    let number = |name: Concept, n: u32, unit: Concept| Item::new(Properties, name, Value::Number(f64::from(n), unit));
    vec![
        number(codes::MAXIMUM_OPERATING_POINT, last.number, codes::ARBITRARY),
        number(codes::RECOMMENDED_OPERATING_POINT, recommended, codes::ZERO_TO_N),
    ]
}
