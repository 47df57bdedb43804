//! Sections for a terminal, and findings for programs.

use std::fmt::Write as _;

use crate::analysis::{Finding, Grid, Part, Section};

/// Columns of a terminal up to which text is filled.
const WIDTH: usize = 110;

/// What a person reads, without the figures.
pub fn section(section: &Section) -> String {
    let mut text = format!("{}\n{}\n", section.title, "=".repeat(section.title.chars().count()));
    for part in &section.parts {
        match part {
            Part::Words(words) => paragraph(&mut text, "", words),
            Part::Warning(words) => paragraph(&mut text, "! ", words),
            Part::Grid(grid) => table(&mut text, grid),
            Part::Figure(..) => {}
        }
    }
    text
}

/// Filled to the width, each line after the prefix.
fn paragraph(text: &mut String, prefix: &str, words: &str) {
    let plain = words.replace("**", "");
    let mut line = String::new();
    text.push('\n');
    for word in plain.split_whitespace() {
        if !line.is_empty() && prefix.len() + line.chars().count() + 1 + word.chars().count() > WIDTH {
            let _ = writeln!(text, "{prefix}{line}");
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    let _ = writeln!(text, "{prefix}{line}");
}

fn table(text: &mut String, grid: &Grid) {
    let columns = grid.rows.iter().map(Vec::len).chain([grid.header.len()]).max().unwrap_or(0);
    let cell = |row: &[String], at: usize| row.get(at).map_or(0, |cell| cell.chars().count());
    let all = || std::iter::once(&grid.header).chain(&grid.rows);
    let widths: Vec<usize> = (0..columns).map(|at| all().map(|row| cell(row, at)).max().unwrap_or(0)).collect();
    let _ = writeln!(text, "\n{}", grid.title);
    for (number, row) in all().enumerate() {
        let mut line = String::from("  ");
        for (at, width) in widths.iter().enumerate() {
            let value = row.get(at).map_or("", String::as_str);
            let _ = match at {
                0 => write!(line, "{value:<width$}"),
                _ => write!(line, "  {value:>width$}"),
            };
        }
        let _ = writeln!(text, "{}", line.trim_end());
        if number == 0 {
            let _ = writeln!(text, "  {}", "-".repeat(widths.iter().sum::<usize>() + 2 * columns.saturating_sub(1)));
        }
    }
    if !grid.note.is_empty() {
        paragraph(text, "  ", &grid.note);
    }
}

/// Findings as a JSON array, numbers at full precision.
pub fn json(findings: &[Finding]) -> String {
    let value = |finding: &Finding| {
        let interval = finding.interval.map(|interval| [interval.lower, interval.upper]);
        serde_json::json!({
            "section": finding.section,
            "subject": finding.subject,
            "measure": finding.measure,
            "stratum": finding.stratum,
            "value": finding.value.as_ref().ok(),
            "interval": interval,
            "p": finding.p,
            "n": finding.n,
            "positives": finding.positives,
            "method": finding.method,
            "remarks": finding.remarks,
            "no_value_because": finding.value.as_ref().err(),
        })
    };
    let all: Vec<serde_json::Value> = findings.iter().map(value).collect();
    format!("{:#}", serde_json::Value::Array(all))
}
