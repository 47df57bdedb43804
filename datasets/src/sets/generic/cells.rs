//! The cells of a generic row, as an image and as a lesion.

use std::path::PathBuf;

use crate::sets::cohort::{Image, Labels, Outcome};
use crate::sets::lesion::{Lesion, LesionKind, Shape};
use crate::sets::table::Row;
use crate::sets::values::{inside, lesion_kind, projection, side_of, yes};
use crate::sets::{SetError, covariate, values};

pub(super) fn image(row: &Row) -> Result<Image, SetError> {
    let id = |column| row.id(column)?.ok_or_else(|| row.wrong(column, "is empty"));
    let mut image = Image::new(id("patient")?, row.id("exam")?.unwrap_or("1"), id("image")?);
    image.laterality = side_of(row, "laterality")?;
    image.view = row.text("view")?.map(projection);
    image.file = path(row, "file")?;
    if let (Some(height), Some(width)) = (row.whole("height", 1, 1 << 20)?, row.whole("width", 1, 1 << 20)?) {
        image.size = Some([height, width]);
    }
    image.labels = Labels {
        image: row.flag("cancer_image")?,
        breast: row.flag("cancer_breast")?,
        exam: row.flag("cancer_exam")?,
        patient: row.flag("cancer_patient")?,
    };
    let days = |column| match row.number(column)? {
        Some(days) if days < 0.0 => Err(row.wrong(column, "is negative")),
        days => Ok(days),
    };
    let (cancer, breast) = (days("days_to_cancer")?, days("breast_days_to_cancer")?);
    if let Some(days_followed) = days("days_followed")? {
        image.outcome = Some(Outcome { days_to_cancer: cancer, days_followed, grain_days: 1.0 });
        // Cancer in an unknown breast says nothing of this one.
        if breast.is_some() || cancer.is_none() {
            image.breast_outcome = Some(Outcome { days_to_cancer: breast, days_followed, grain_days: 1.0 });
        }
    } else if cancer.is_some() || breast.is_some() {
        return Err(row.wrong("days_followed", "is empty where days to cancer are given"));
    }
    image.weight = row.number("weight")?;
    if image.weight.is_some_and(|weight| weight <= 0.0) {
        return Err(row.wrong("weight", "is not above 0"));
    }
    for &name in covariate::ALL {
        if let Some(value) = known(row, name)? {
            image.note(name, value);
        }
    }
    Ok(image)
}

/// The value of a covariate as [`covariate`] wants it.
fn known(row: &Row, name: &'static str) -> Result<Option<String>, SetError> {
    let Some(text) = row.text(name)? else { return Ok(None) };
    match name {
        covariate::DENSITY => {
            let letter = values::density(text).ok_or_else(|| row.wrong(name, "is no density A to D"))?;
            Ok(Some(letter.to_owned()))
        }
        covariate::BIRADS => values::birads(text).map(Some).ok_or_else(|| row.wrong(name, "is no BI-RADS category")),
        covariate::INVASIVE | covariate::IMPLANT | covariate::BIOPSY | covariate::RECALL | covariate::DIFFICULT => {
            Ok(row.flag(name)?.map(yes))
        }
        _ => Ok(Some(row.id(name)?.unwrap_or(text).to_owned())),
    }
}

fn path(row: &Row, column: &'static str) -> Result<Option<PathBuf>, SetError> {
    let Some(text) = row.text(column)? else { return Ok(None) };
    inside(text).map(Some).ok_or_else(|| row.wrong(column, "is no path below the set's folder"))
}

/// The lesion of a row, if one of its columns is filled; without a name it has an empty one.
pub(super) fn lesion(row: &Row) -> Result<Option<Lesion>, SetError> {
    let corners = [row.number("left")?, row.number("top")?, row.number("right")?, row.number("bottom")?];
    let (id, kind, mask) = (row.id("lesion_id")?, row.text("lesion_kind")?, path(row, "mask")?);
    let malignant = row.flag("lesion_malignant")?;
    let shape = match (corners, mask) {
        ([Some(left), Some(top), Some(right), Some(bottom)], None) => Shape::Box { left, top, right, bottom },
        ([None, None, None, None], Some(mask)) => Shape::MaskFile { candidates: vec![mask], series: Vec::new() },
        ([None, None, None, None], None) => Shape::None,
        (_, Some(_)) => return Err(row.wrong("mask", "stands beside a box")),
        (_, None) => return Err(row.wrong("left", "and the other three make no box")),
    };
    if id.is_none() && kind.is_none() && malignant.is_none() && shape == Shape::None {
        return Ok(None);
    }
    let kind = kind.map_or_else(|| LesionKind::Other("lesion".into()), lesion_kind);
    Ok(Some(Lesion { id: id.unwrap_or_default().to_owned(), kind, malignant, shape }))
}
