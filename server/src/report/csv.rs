//! Reports as CSV: one row for each value, so that any model fits one table.

use std::io::Write;

use super::json::{OutputJson, ReportJson, State, ValueJson};

/// The columns.
pub const HEADER: [&str; 9] =
    ["study", "state", "level", "item", "output", "kind", "value", "package", "package_digest"];

/// Writes a report's rows; a study without scores gives one row for each reason.
pub fn write<W: Write>(csv: &mut csv::Writer<W>, report: &ReportJson) -> csv::Result<()> {
    let study = report.study.as_deref().unwrap_or("");
    let (name, digest) = (report.package.name.as_str(), report.package.digest.as_str());
    if report.state == State::NotScored {
        for reason in &report.reasons {
            csv.write_record([study, "not-scored", "exam", "", &reason.code, "reason", &reason.text, name, digest])?;
        }
        return Ok(());
    }
    let mut rows = |level: &str, item: &str, outputs: &[OutputJson]| -> csv::Result<()> {
        for output in outputs {
            let (kind, value) = match &output.value {
                ValueJson::Score { value } => ("score", value.to_string()),
                ValueJson::Probability { value } => ("probability", value.to_string()),
                ValueJson::Category { value } => ("category", value.clone()),
                ValueJson::RelativeRisk { value, .. } => ("relative-risk", value.to_string()),
            };
            csv.write_record([study, "scored", level, item, &output.name, kind, &value, name, digest])?;
        }
        Ok(())
    };
    rows("exam", "", &report.exam)?;
    for breast in &report.breasts {
        rows("breast", &breast.laterality, &breast.outputs)?;
    }
    for image in &report.images {
        rows("image", &image.slot, &image.outputs)?;
    }
    Ok(())
}
