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

#[cfg(test)]
mod tests {
    use super::*;

    fn grid(header: &[&str], rows: &[&[&str]]) -> Section {
        let texts = |row: &[&str]| row.iter().map(|cell| (*cell).to_owned()).collect::<Vec<_>>();
        let rows = rows.iter().map(|row| texts(row)).collect();
        let grid = Grid { title: "Areas".into(), header: texts(header), rows, note: "Note.".into() };
        Section { id: "roc", title: "Title".into(), parts: vec![Part::Grid(grid)], findings: Vec::new() }
    }

    #[test]
    fn a_table_has_columns_of_equal_width() {
        let check = |of: &Section, expected: &str| assert_eq!(section(of), expected);
        check(
            &grid(&["score", "AUC"], &[&["a", "0.9 (0.8 to 1.0)"], &["longer", "x"]]),
            "Title\n=====\n\nAreas\n  score                AUC\n  ------------------------\n  a       0.9 (0.8 to 1.0)\n  longer                 x\n\n  Note.\n",
        );
        // A row that is too short ends early, one that is too long keeps its cells.
        check(&grid(&["a"], &[&["1", "2"], &[]]), "Title\n=====\n\nAreas\n  a\n  ----\n  1  2\n\n\n  Note.\n");
    }

    #[test]
    fn text_is_filled_and_keeps_every_word() {
        let words: Vec<String> = (0..200).map(|at| format!("word{at}")).collect();
        let parts = vec![Part::Words(format!("**{}**", words.join(" "))), Part::Warning(words.join("\n"))];
        let text = section(&Section { id: "roc", title: "Title".into(), parts, findings: Vec::new() });
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
        assert!(!text.contains('*'));
        let found: Vec<&str> = text.split_whitespace().filter(|word| word.starts_with("word")).collect();
        assert_eq!(found, words.iter().chain(&words).map(String::as_str).collect::<Vec<_>>());
    }

    #[test]
    fn json_has_numbers_or_reasons() {
        let none = uvid_metrics::Undefined::Empty("rows");
        let findings = [Finding::new("roc", "a", "AUC", Ok(0.1 + 0.2)), Finding::new("roc", "b", "AUC", Err(none))];
        let read: serde_json::Value = serde_json::from_str(&json(&findings)).unwrap();
        assert_eq!(read[0]["value"], 0.1 + 0.2);
        assert!(read[0]["no_value_because"].is_null() && read[1]["value"].is_null());
        assert_eq!(read[1]["no_value_because"], "there are no rows");
    }
}
