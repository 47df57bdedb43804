//! Reports as CSV: one row for each value, so that any model fits one table.

use std::borrow::Cow;
use std::io::Write;

use super::json::{FlagJson, OutputJson, ReportJson, State, ValueJson};

/// The columns.
pub const HEADER: [&str; 18] = [
    "study",
    "state",
    "level",
    "item",
    "output",
    "kind",
    "value",
    "interval_low",
    "interval_high",
    "reference",
    "source",
    "images",
    "missing",
    "package",
    "package_digest",
    "recipe_digest",
    "recalibrated",
    "disclaimer",
];

/// One value, or one reason why there is none.
#[derive(Default)]
struct Row<'a> {
    state: &'a str,
    level: &'a str,
    item: &'a str,
    output: &'a str,
    kind: &'a str,
    value: String,
    interval: Option<[f64; 2]>,
    reference: Cow<'a, str>,
    source: &'a str,
}

impl<'a> Row<'a> {
    fn of(level: &'a str, item: &'a str, output: &'a OutputJson) -> Self {
        let row = Self { state: "scored", level, item, output: &output.name, ..Self::default() };
        match &output.value {
            ValueJson::Score { value } => Self { kind: "score", value: value.to_string(), ..row },
            ValueJson::Probability { value } => Self { kind: "probability", value: value.to_string(), ..row },
            ValueJson::Risk { value, .. } => Self { kind: "risk", value: value.to_string(), ..row },
            ValueJson::Percentile { value } => Self { kind: "percentile", value: value.to_string(), ..row },
            ValueJson::Category { value } => Self { kind: "category", value: value.clone(), ..row },
            ValueJson::RelativeRisk { value, interval, reference, source } => {
                let reference = Cow::Borrowed(reference.as_str());
                Self { kind: "relative-risk", value: value.to_string(), interval: *interval, reference, source, ..row }
            }
        }
    }
}

impl<'a> Row<'a> {
    /// An operating point: 1 where it flags, 0 where not; what it cuts where as `reference`, who set it as `source`.
    fn flag(flag: &'a FlagJson) -> Self {
        Self {
            state: "scored",
            level: if flag.laterality.is_some() { "breast" } else { "exam" },
            item: flag.laterality.as_deref().unwrap_or(""),
            output: &flag.point,
            kind: "flag",
            value: u8::from(flag.flagged).to_string(),
            reference: format!("{} >= {}", flag.output, flag.threshold).into(),
            source: flag.set_by.as_deref().unwrap_or(""),
            ..Self::default()
        }
    }
}

/// Writes a report's rows; a study without scores gives one row for each reason. What became of each file is in the
/// JSON only.
pub fn write<W: Write>(csv: &mut csv::Writer<W>, report: &ReportJson) -> csv::Result<()> {
    let package = &report.package;
    // On how many of the four views a value rests: an exam of one view looks like any other else.
    let (images, missing) = (report.images.len().to_string(), report.missing.join(" "));
    let mut write = |row: Row<'_>| {
        let end = |i: usize| row.interval.map(|ends| ends[i].to_string()).unwrap_or_default();
        csv.write_record([
            report.study.as_deref().unwrap_or(""),
            row.state,
            row.level,
            row.item,
            row.output,
            row.kind,
            &row.value,
            &end(0),
            &end(1),
            &row.reference,
            row.source,
            &images,
            &missing,
            &package.name,
            &package.digest,
            &package.recipe_digest,
            package.recalibrated.as_deref().unwrap_or(""),
            &report.disclaimer,
        ])
    };
    if report.state == State::NotScored {
        return report.reasons.iter().try_for_each(|r| {
            let row = Row { state: "not-scored", level: "exam", kind: "reason", ..Row::default() };
            write(Row { output: &r.code, value: r.text.clone(), ..row })
        });
    }
    report.exam.iter().try_for_each(|o| write(Row::of("exam", "", o)))?;
    report.flags.iter().try_for_each(|f| write(Row::flag(f)))?;
    for breast in &report.breasts {
        breast.outputs.iter().try_for_each(|o| write(Row::of("breast", &breast.laterality, o)))?;
    }
    for image in &report.images {
        image.outputs.iter().try_for_each(|o| write(Row::of("image", &image.slot, o)))?;
    }
    Ok(())
}
