//! `uvid dataset`: what is known of public sets, and whether a copy of one is whole.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Args as ClapArgs, Subcommand};
use uvid_datasets::sets::{self, Checks, Cohort, Counts, Severity};

use super::Ended;

/// Public mammography sets: which are known, what a copy holds, what is wrong with it.
#[derive(Debug, ClapArgs)]
#[command(after_long_help = "\
Examples:
  uvid dataset list                         the sets that can be read, with their tables, labels and licences
  uvid dataset show /data/cbis-ddsm         counts of patients, exams, images, cancers; what is left out
  uvid dataset check /data/rsna --digests   missing and double files, contradictions

docs/datasets.md describes every set, and the generic layout for a set of your own.")]
pub struct Args {
    #[command(subcommand)]
    which: Which,
}

#[derive(Debug, Subcommand)]
enum Which {
    /// The sets that can be read.
    List,
    /// What a set holds.
    Show(Set),
    /// What is wrong with a set: exit code 4 if results would be.
    Check {
        #[command(flatten)]
        set: Set,
        /// Read the tables only, look for no files.
        #[arg(long)]
        tables_only: bool,
        /// Read every file, to find two names for the same bytes. Takes as long as reading the set.
        #[arg(long, conflicts_with = "tables_only")]
        digests: bool,
        /// How many names are printed of each finding.
        #[arg(long, default_value_t = 10)]
        names_max: usize,
    },
}

/// A set on disk.
#[derive(Debug, Clone, ClapArgs)]
pub(super) struct Set {
    /// The folder that holds its tables and images.
    #[arg(value_name = "DIR")]
    pub(super) root: PathBuf,
    /// Which set it is [default: recognised by its tables].
    #[arg(long, value_name = "SET")]
    pub(super) set: Option<String>,
}

impl Set {
    pub(super) fn read(&self) -> anyhow::Result<Cohort> {
        read(&self.root, self.set.as_deref())
    }
}

/// Reads a set, recognised by its tables if it is not named.
pub(super) fn read(root: &Path, name: Option<&str>) -> anyhow::Result<Cohort> {
    const NAME_IT: &str = "name the set, and it is said what its tables lack: --set of uvid dataset, --set-name of uvid evaluate; \
                           uvid dataset list has the names";
    anyhow::ensure!(root.is_dir(), "{}: there is no such folder", root.display());
    let name = match name {
        Some(name) => name,
        None => sets::recognise(root).context(NAME_IT)?.name,
    };
    Ok(sets::read(name, root)?)
}

/// Runs the command.
pub fn run(args: &Args) -> anyhow::Result<Ended> {
    let out = &mut std::io::stdout().lock();
    match &args.which {
        Which::List => list(out)?,
        Which::Show(set) => show(out, &set.read()?)?,
        Which::Check { set, tables_only, digests, names_max } => {
            let checks = Checks { files: !tables_only, digests: *digests };
            return check(out, set, checks, *names_max);
        }
    }
    Ok(Ended::Well)
}

fn list(out: &mut impl Write) -> io::Result<()> {
    for reader in sets::readers() {
        writeln!(out, "{}\n  {}\n  source:  {}", reader.name, reader.title, reader.source)?;
        writeln!(out, "  licence: {}\n  labels:  {}", reader.licence, reader.labels)?;
        for table in reader.tables {
            let needed = if table.required { "" } else { " (if there)" };
            writeln!(out, "  table:   {}{needed}", table.names.join(" or "))?;
        }
        writeln!(out)?;
    }
    Ok(())
}

fn show(out: &mut impl Write, cohort: &Cohort) -> io::Result<()> {
    let summary = cohort.summary();
    writeln!(out, "{}: labels by {}", cohort.set, cohort.reference.name())?;
    for table in &cohort.tables {
        writeln!(out, "  {}: {} rows, sha256 {}", table.path.display(), table.rows, table.sha256)?;
    }
    counts(out, "all", &summary.total)?;
    for (split, part) in summary.splits.iter().filter(|(split, _)| !split.is_empty()) {
        counts(out, &format!("split {split}"), part)?;
    }
    if !summary.excluded.is_empty() {
        writeln!(out, "\nleft out:")?;
        for step in &summary.excluded {
            writeln!(out, "  {:>7} {}  {} ({})", step.count, step.unit.name(), step.reason, step.stage.name())?;
        }
    }
    Ok(())
}

fn counts(out: &mut impl Write, name: &str, counts: &Counts) -> io::Result<()> {
    writeln!(out, "\n{name}: {:>22} {:>9} {:>9} {:>9}", "", "cancer", "none", "unknown")?;
    let levels = [
        ("patients", counts.patients),
        ("exams", counts.exams),
        ("breasts", counts.breasts),
        ("images", counts.images),
    ];
    for (what, of) in levels {
        writeln!(out, "  {what:<10} {:>9} {:>9} {:>9} {:>9}", of.all(), of.positive, of.negative, of.unknown)?;
    }
    writeln!(out, "  {:<10} {:>9}", "lesions", counts.lesions)
}

fn check(out: &mut impl Write, set: &Set, checks: Checks, names_max: usize) -> anyhow::Result<Ended> {
    let cohort = set.read()?;
    let findings = cohort.check(&set.root, checks)?;
    for finding in &findings {
        let severity = severity(finding.severity);
        writeln!(out, "{severity} {}: {} ({})", finding.code, finding.message, finding.ids.len())?;
        for id in finding.ids.iter().take(names_max) {
            writeln!(out, "    {id}")?;
        }
        if finding.ids.len() > names_max {
            writeln!(out, "    and {} more (--names-max)", finding.ids.len() - names_max)?;
        }
        writeln!(out, "  -> {}", finding.advice)?;
    }
    let images = cohort.images.len();
    if findings.is_empty() {
        writeln!(out, "{}: {images} images, nothing wrong found", cohort.set)?;
    }
    Ok(if findings.iter().any(|finding| finding.severity == Severity::Error) { Ended::Differs } else { Ended::Well })
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    }
}
