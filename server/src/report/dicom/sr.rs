//! Comprehensive 3D SR (PS3.3 A.35.13) by TID 1500: the same content as the CAD report, for viewers and archives that
//! read measurements.
//!
//! Invariant: every group has a tracking identifier and UID of its own; an image is referred to by value, which is the
//! only way that this class allows.

use uvid_exam::{Laterality, Output};

use super::cad_sr::{algorithm, library_entry};
use super::content::Relation::{Acquisition, Contains, Modifier, Observation, Selected};
use super::content::{Concept, Item, Value};
use super::document::{concept, document, quantities};
use super::modules::{self, Form};
use super::reading::{Mark, Reading, category};
use super::uids::{device, uid};
use super::{Context, ObjectError, ResultObject, codes, words};
use crate::config::ObjectKind;

const FORM: Form = Form {
    kind: ObjectKind::Sr,
    sop_class: "1.2.840.10008.5.1.4.1.1.88.34",
    modality: "SR",
    description: "Uvid measurements - research, not for diagnosis",
    instance: 1,
};

/// The report of a result.
///
/// # Errors
///
/// Those of [`modules::finish`].
pub fn report(context: &Context<'_>) -> Result<ResultObject, ObjectError> {
    let reading = Reading::of(context);
    let mut object = modules::begin(context, &FORM)?;
    document(context, &mut object);
    root(context, &reading)?.write_root(&mut object);
    modules::finish(context, &FORM, object)
}

fn root(context: &Context<'_>, reading: &Reading<'_>) -> Result<Item, ObjectError> {
    let language = words::language(context.making.language);
    let head = context.head().ok_or(ObjectError::NoSource)?;
    let reported: Vec<Concept> = match head.study.procedures.as_slice() {
        [] => vec![codes::MAMMOGRAPHY],
        procedures => procedures.iter().map(Concept::from).collect(),
    };
    let library = Item::new(Contains, codes::LIBRARY_GROUP, Value::Container(None))
        .with([
            Item::new(Acquisition, codes::MODALITY, Value::Code(codes::MODALITY_MG)),
            Item::new(Acquisition, codes::TARGET_REGION, Value::Code(codes::BREAST)),
        ])
        .with(reading.library().map(|(source, sure)| library_entry(source, sure, false)));
    let mut root = Item::new(Contains, codes::MEASUREMENT_REPORT, Value::Container(Some("1500")))
        .with([Item::new(Modifier, codes::LANGUAGE, Value::Code(language))])
        .with(observer(context)?)
        .with(reported.into_iter().map(|code| Item::new(Modifier, codes::PROCEDURE_REPORTED, Value::Code(code))));
    if !reading.images.is_empty() {
        let libraries = Item::new(Contains, codes::IMAGE_LIBRARY, Value::Container(None)).with([library]);
        root = root.with([libraries]);
    }
    let groups = groups(context, reading)?;
    if !groups.is_empty() {
        root = root.with([Item::new(Contains, codes::MEASUREMENTS, Value::Container(None)).with(groups)]);
    }
    Ok(root.with([evaluations(context)]))
}

/// TID 1004: this program as the observer.
pub(super) fn observer(context: &Context<'_>) -> Result<Vec<Item>, ObjectError> {
    let package = &context.report.package;
    let text = |name: Concept, value: &str| Item::new(Observation, name, Value::Text(value.to_owned()));
    Ok(vec![
        Item::new(Observation, codes::OBSERVER_TYPE, Value::Code(codes::DEVICE)),
        Item::new(Observation, codes::DEVICE_UID, Value::Uid(device(context)?)),
        text(codes::DEVICE_NAME, &format!("{} {}", package.name, package.version)),
        text(codes::DEVICE_MANUFACTURER, "Uvid"),
        text(codes::DEVICE_MODEL, "Uvid"),
        text(codes::DEVICE_SERIAL, &package.digest),
    ])
}

/// TID 1410 for each region; TID 1501 for the exam, each breast and each image of which something is said.
fn groups(context: &Context<'_>, reading: &Reading<'_>) -> Result<Vec<Item>, ObjectError> {
    let mut groups = reading.marks.iter().map(|mark| region(context, reading, mark)).collect::<Result<Vec<_>, _>>()?;
    let Ok(scores) = &context.report.outcome else { return Ok(groups) };
    let mut said = |name: String, side: Option<Laterality>, images: Vec<Item>, outputs: &[Output]| {
        // Categories are among the evaluations: a group measures something.
        if quantities(context, outputs).is_empty() {
            return Ok(());
        }
        let group = group(context, &name)?
            .with([Item::new(Contains, codes::FINDING, Value::Code(codes::MODEL_OUTPUT))])
            .with([site(side)])
            .with(algorithm(context, Modifier))
            .with(images)
            .with(quantities(context, outputs));
        groups.push(group);
        Ok::<(), ObjectError>(())
    };
    said("exam".to_owned(), None, Vec::new(), &scores.exam)?;
    for breast in &scores.breasts {
        said(format!("breast {}", breast.laterality), Some(breast.laterality), Vec::new(), &breast.outputs)?;
    }
    for image in &scores.images {
        let source = context.source(&image.sop_instance);
        let value = source.map(|s| Value::Image(s.sop_class.to_string(), s.sop_instance.to_string()));
        let of = value.map(|value| Item::new(Contains, codes::SOURCE_OF_MEASUREMENT, value));
        said(format!("image {}", image.slot), Some(image.slot.laterality()), of.into_iter().collect(), &image.outputs)?;
    }
    Ok(groups)
}

/// TID 1410.
fn region(context: &Context<'_>, reading: &Reading<'_>, mark: &Mark<'_>) -> Result<Item, ObjectError> {
    let source = reading.images.get(mark.image).ok_or(ObjectError::NoSource)?;
    let name = format!("{} {} of {}", mark.region.name, mark.number, source.sop_instance);
    let image = Value::Image(source.sop_class.to_string(), source.sop_instance.to_string());
    let score = codes::own(&format!("region {}", mark.region.name), &format!("Region score, {}", mark.region.name));
    Ok(group(context, &name)?
        .with([Item::new(Contains, codes::FINDING, Value::Code(codes::MODEL_REGION)), site(source.laterality)])
        .with(algorithm(context, Modifier))
        .with([
            Item::new(Contains, codes::IMAGE_REGION, Value::Outline(mark.outline.clone()))
                .with([Item::unnamed(Selected, image)]),
            Item::new(Contains, score, Value::Number(mark.region.score.get(), codes::NO_UNITS)),
        ]))
}

fn group(context: &Context<'_>, name: &str) -> Result<Item, ObjectError> {
    Ok(Item::new(Contains, codes::MEASUREMENT_GROUP, Value::Container(None)).with([
        Item::new(Observation, codes::TRACKING_ID, Value::Text(name.to_owned())),
        Item::new(Observation, codes::TRACKING_UID, Value::Uid(uid(context, ObjectKind::Sr, name)?)),
    ]))
}

fn site(laterality: Option<Laterality>) -> Item {
    Item::new(Modifier, codes::FINDING_SITE, Value::Code(codes::BREAST))
        .with(laterality.map(|l| Item::new(Modifier, codes::LATERALITY, Value::Code(codes::side(l)))))
}

/// A category as a qualitative evaluation: the concept of CID 6000 where it is a density, else one of ours.
fn letter(context: &Context<'_>, output: &Output) -> Option<Item> {
    let category = category(&output.value)?;
    let density = codes::density(category).filter(|_| output.name == "density");
    Some(match density {
        Some(code) => Item::new(Contains, codes::BREAST_COMPOSITION, Value::Code(code)),
        None => {
            let meaning = format!("{} {category}", output.name);
            Item::new(Contains, concept(context, output), Value::Code(codes::own(category, &meaning)))
        }
    })
}

/// TID 1500, Qualitative Evaluations: the result in words, categories of the exam and of each breast, what operating points say, why there is no score.
fn evaluations(context: &Context<'_>) -> Item {
    let mut items = vec![Item::new(Contains, codes::COMMENT, Value::Text(words::impression(context)))];
    match &context.report.outcome {
        Ok(scores) => {
            items.extend(scores.exam.iter().filter_map(|output| letter(context, output)));
            for breast in &scores.breasts {
                let side = Item::new(Modifier, codes::LATERALITY, Value::Code(codes::side(breast.laterality)));
                let letters = breast.outputs.iter().filter_map(|output| letter(context, output));
                items.extend(letters.map(|item| item.with([side.clone()])));
            }
            items.extend(scores.flags.iter().map(|flag| {
                let name = match flag.laterality {
                    Some(laterality) => format!("{} {laterality}", flag.point),
                    None => flag.point.clone(),
                };
                let said = if flag.flagged { codes::FLAGGED } else { codes::NOT_FLAGGED };
                Item::new(Contains, codes::own(&name, &format!("Operating point {name}")), Value::Code(said))
            }));
        }
        Err(reasons) => items.extend(reasons.iter().map(|reason| {
            let why = codes::own(reason.code(), &reason.code().replace('-', " "));
            Item::new(Contains, codes::NO_SCORE, Value::Code(why))
        })),
    }
    Item::new(Contains, codes::QUALITATIVE_EVALUATIONS, Value::Container(None)).with(items)
}
