//! Where the statistics go: the terminal, a program, a report.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Args, ValueEnum};
use uvid_evaluation::analysis::{Options, Part, Section, findings_table};
use uvid_evaluation::report::Report;
use uvid_evaluation::table::digest;
use uvid_evaluation::text;

use super::args::Settings;
use crate::commands::Ended;

/// Where results go.
#[derive(Debug, Args)]
pub(super) struct Output {
    /// How they are printed.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Write report.html, report.pdf and the figures into this folder.
    #[arg(long, value_name = "DIR")]
    report: Option<PathBuf>,
}

/// Output formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Tables for people.
    Text,
    /// Findings, a row each, at full precision.
    Csv,
    /// The same as an array of objects.
    Json,
}

impl Output {
    /// Prints a section on a table, and writes a report of it if one is wanted. `rows` says which rows it is of: a report begins
    /// with it, and on a terminal its table of subgroups is shown where some were named.
    pub(super) fn print(
        &self,
        rows: Option<Section>,
        section: Section,
        settings: &Settings,
        table: &Path,
    ) -> anyhow::Result<Ended> {
        let options = settings.options()?;
        // Whoever reads only the beginning of the output gets the report all the same.
        if let Some(folder) = &self.report {
            std::fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
            let report = Report {
                title: section.title.clone(),
                subtitle: table.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default(),
                about: vec![("table".into(), format!("sha256:{}", digest(table)?))],
                sections: rows.iter().chain([&section]).cloned().collect(),
                provenance: computed_by(&options).into(),
                ..Report::default()
            };
            report.write(folder)?;
            eprintln!("report: {}", folder.join("report.html").display());
        }
        let out = &mut std::io::stdout().lock();
        match self.format {
            Format::Text => {
                if let Some(rows) = rows.as_ref().and_then(grids) {
                    writeln!(out, "{}", text::section(&rows))?;
                }
                writeln!(out, "{}", text::section(&section))?;
            }
            Format::Json => writeln!(out, "{}", text::json(&section.findings))?,
            Format::Csv => {
                let text = findings_table(&section.findings)?.csv()?;
                write!(out, "{text}")?;
            }
        }
        Ok(Ended::Well)
    }
}

/// The tables of a section, if it has some.
fn grids(section: &Section) -> Option<Section> {
    let parts: Vec<Part> = section.parts.iter().filter(|part| matches!(part, Part::Grid(_))).cloned().collect();
    (!parts.is_empty()).then(|| Section { parts, ..section.clone() })
}

/// What computes the numbers again: the command line as it was given, the program, what is drawn.
pub(in crate::commands) fn computed_by(options: &Options) -> [(String, String); 3] {
    let bootstrap = match options.resamples {
        0 => "none".to_owned(),
        resamples => format!("{resamples} resamples, seed {}", options.seed),
    };
    [
        ("command".into(), command()),
        ("uvid".into(), concat!(env!("CARGO_PKG_VERSION"), ", Apache-2.0").into()),
        ("bootstrap".into(), bootstrap),
    ]
}

fn command() -> String {
    let quoted = |word: String| match word.chars().all(|c| c.is_ascii_alphanumeric() || "-_./:=,".contains(c)) {
        true => word,
        false => format!("'{}'", word.replace('\'', r"'\''")),
    };
    std::iter::once("uvid".to_owned()).chain(std::env::args().skip(1).map(quoted)).collect::<Vec<_>>().join(" ")
}
