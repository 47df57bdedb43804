//! Reports as CSV: one row for each value, so that any model fits one table.

use std::io::Write;

use super::json::{OutputJson, ReportJson, State, ValueJson};

/// The columns.
pub const HEADER: [&str; 12] = [
    "study",
    "state",
    "level",
    "item",
    "output",
    "kind",
    "value",
    "images",
    "package",
    "package_digest",
    "recipe_digest",
    "disclaimer",
];

/// Writes a report's rows; a study without scores gives one row for each reason.
pub fn write<W: Write>(csv: &mut csv::Writer<W>, report: &ReportJson) -> csv::Result<()> {
    let study = report.study.as_deref().unwrap_or("");
    let package = &report.package;
    // On how many of the four views a value rests: an exam of one view looks like any other else.
    let images = report.images.len().to_string();
    let mut row = |state: &str, level: &str, item: &str, name: &str, kind: &str, value: &str| {
        let of = [&package.name, &package.digest, &package.recipe_digest, &report.disclaimer];
        let fields = [study, state, level, item, name, kind, value, &images];
        csv.write_record(fields.into_iter().chain(of.into_iter().map(String::as_str)))
    };
    if report.state == State::NotScored {
        return report.reasons.iter().try_for_each(|r| row("not-scored", "exam", "", &r.code, "reason", &r.text));
    }
    let mut rows = |level: &str, item: &str, outputs: &[OutputJson]| {
        outputs.iter().try_for_each(|output| {
            let (kind, value) = match &output.value {
                ValueJson::Score { value } => ("score", value.to_string()),
                ValueJson::Probability { value } => ("probability", value.to_string()),
                ValueJson::Category { value } => ("category", value.clone()),
                ValueJson::RelativeRisk { value, .. } => ("relative-risk", value.to_string()),
            };
            row("scored", level, item, &output.name, kind, &value)
        })
    };
    rows("exam", "", &report.exam)?;
    report.breasts.iter().try_for_each(|b| rows("breast", &b.laterality, &b.outputs))?;
    report.images.iter().try_for_each(|i| rows("image", &i.slot, &i.outputs))
}
