//! A comparison of two models for people at a terminal, and as CSV.

use std::fmt::Write as _;

use super::DISCLAIMER;
use crate::compare::{ComparisonJson, PairedOutputJson};

/// A comparison as text, ready to print.
pub fn table(c: &ComparisonJson) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = write_table(&mut out, c);
    out
}

fn write_table(out: &mut String, c: &ComparisonJson) -> std::fmt::Result {
    for (letter, package) in [("A", &c.a), ("B", &c.b)] {
        writeln!(out, "{letter}  {} {}  package sha256:{}", package.name, package.version, package.digest)?;
        writeln!(out, "   recipe sha256:{}", package.recipe_digest)?;
        if let Some(who) = &package.recalibrated {
            writeln!(out, "   calibrated at this site by {who}")?;
        }
    }
    writeln!(
        out,
        "\n{} exams scored by both, {} by A alone, {} by B alone, {} by neither",
        c.exams, c.only_a, c.only_b, c.neither
    )?;
    if c.other_images > 0 {
        writeln!(out, "from other images in {} of them, which breast and exam differences include", c.other_images)?;
    }
    writeln!(out)?;
    writeln!(
        out,
        "  {:<7}{:<18}{:>6}{:>11}{:>11}{:>11}  {:<24}{:>10}  {:<24}{:>9}{:>10}",
        "level",
        "output",
        "n",
        "mean A",
        "mean B",
        "B - A",
        "95 % interval",
        "SD",
        "limits of agreement",
        "Spearman",
        "largest"
    )?;
    for o in &c.outputs {
        write_output(out, o)?;
    }
    if c.outputs.is_empty() {
        writeln!(out, "  nothing to compare: no number of the same name, kind and level is given by both")?;
    }
    if !c.operating_points.is_empty() {
        writeln!(
            out,
            "\n  {:<7}{:<18}{:>12}{:>12}{:>8}{:>8}{:>8}{:>9}",
            "level", "operating point", "threshold A", "threshold B", "both", "only A", "only B", "neither"
        )?;
    }
    for p in &c.operating_points {
        writeln!(
            out,
            "  {:<7}{:<18}{:>12}{:>12}{:>8}{:>8}{:>8}{:>9}",
            p.level.name(),
            p.point,
            p.threshold_a,
            p.threshold_b,
            p.both,
            p.only_a,
            p.only_b,
            p.neither
        )?;
    }
    writeln!(out, "\n  {}\n  {DISCLAIMER}\n", c.how.replace(". ", ".\n  "))
}

fn write_output(out: &mut String, o: &PairedOutputJson) -> std::fmt::Result {
    let one = |value: Option<f64>| value.map_or("-".to_owned(), short);
    let two = |ends: Option<[f64; 2]>| {
        ends.map_or("-".to_owned(), |[low, high]| format!("{} to {}", short(low), short(high)))
    };
    writeln!(
        out,
        "  {:<7}{:<18}{:>6}{:>11}{:>11}{:>11}  {:<24}{:>10}  {:<24}{:>9}{:>10}  {} {}",
        o.level.name(),
        o.output,
        o.n,
        short(o.mean_a),
        short(o.mean_b),
        short(o.mean_difference),
        two(o.interval),
        one(o.sd),
        two(o.limits_of_agreement),
        one(o.spearman),
        short(o.largest.difference),
        o.largest.study,
        o.largest.item
    )
}

/// A number in ten characters at most, with three digits that mean something or more.
fn short(value: f64) -> String {
    let size = value.abs();
    if size == 0.0 || (0.01..1e4).contains(&size) { format!("{value:.4}") } else { format!("{value:.2e}") }
}

/// Comparisons as CSV: one row for each output, and one for each operating point.
pub fn csv(out: &mut impl std::io::Write, comparisons: &[ComparisonJson]) -> ::csv::Result<()> {
    let mut csv = ::csv::Writer::from_writer(out);
    csv.write_record([
        "package_a",
        "recipe_a",
        "package_b",
        "recipe_b",
        "level",
        "name",
        "kind",
        "n",
        "exams",
        "mean_a",
        "mean_b",
        "mean_difference",
        "interval_low",
        "interval_high",
        "sd",
        "limits_low",
        "limits_high",
        "largest_difference",
        "largest_study",
        "largest_item",
        "spearman",
        "threshold_a",
        "threshold_b",
        "both",
        "only_a",
        "only_b",
        "neither",
        "exams_other_images",
    ])?;
    let one = |value: Option<f64>| value.map(|v| v.to_string()).unwrap_or_default();
    for c in comparisons {
        let models =
            || [&c.a.digest, &c.a.recipe_digest, &c.b.digest, &c.b.recipe_digest].map(Clone::clone).into_iter();
        let other = || std::iter::once(c.other_images.to_string());
        for o in &c.outputs {
            let end = |ends: Option<[f64; 2]>, i: usize| one(ends.map(|ends| ends[i]));
            let values = [
                o.level.name().to_owned(),
                o.output.clone(),
                o.kind.to_owned(),
                o.n.to_string(),
                o.exams.to_string(),
                o.mean_a.to_string(),
                o.mean_b.to_string(),
                o.mean_difference.to_string(),
                end(o.interval, 0),
                end(o.interval, 1),
                one(o.sd),
                end(o.limits_of_agreement, 0),
                end(o.limits_of_agreement, 1),
                o.largest.difference.to_string(),
                o.largest.study.clone(),
                o.largest.item.clone(),
                one(o.spearman),
            ];
            csv.write_record(models().chain(values).chain(std::iter::repeat_n(String::new(), 6)).chain(other()))?;
        }
        for p in &c.operating_points {
            let n = p.both + p.only_a + p.only_b + p.neither;
            let head =
                [p.level.name().to_owned(), p.point.clone(), "flag".to_owned(), n.to_string(), c.exams.to_string()];
            let counts = [p.both, p.only_a, p.only_b, p.neither].map(|count| count.to_string());
            let thresholds = [p.threshold_a.to_string(), p.threshold_b.to_string()];
            let empty = std::iter::repeat_n(String::new(), 12);
            csv.write_record(models().chain(head).chain(empty).chain(thresholds).chain(counts).chain(other()))?;
        }
    }
    Ok(csv.flush()?)
}
