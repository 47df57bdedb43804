//! From scores to a report.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context;
use uvid_evaluation::analysis::{self, Finding, Part, Section, Study, StudyError, findings_table};
use uvid_evaluation::report::Report;

use super::{Args, Material};
use crate::commands::stats::computed_by;
use crate::evaluation::misses;

/// Computes all sections that the material allows, and writes the report with everything beside it.
pub(super) fn write(
    args: &Args,
    material: Material,
    stated: BTreeMap<String, String>,
    out: &Path,
) -> anyhow::Result<()> {
    let options = args.settings.options()?;
    let study = Study::new(&material.table, &material.roles)?;
    let aims = args.aims.aims()?;
    let subgroups = &material.roles.subgroups;
    let mut sections: Vec<Section> = material.before.into_iter().collect();
    sections.push(analysis::rows(&study, subgroups)?);
    let mut add = |section: Result<Section, StudyError>| -> anyhow::Result<()> {
        sections.push(section?);
        Ok(())
    };
    add(analysis::discrimination(&study, &options))?;
    if study.models().count() > 1 {
        add(analysis::comparison(&study, &options))?;
    }
    if study.readers().count() > 1 {
        add(analysis::readers(&study, &options))?;
        add(analysis::agreement(&study, args.recall, &options))?;
        if let Ok([first, second]) = args.columns.first_readers() {
            add(analysis::workflow(&study, first, second, args.recall, &options))?;
        }
    }
    add(analysis::precision(&study, &options))?;
    add(analysis::operating(&study, &aims, &options))?;
    add(Ok(analysis::scores(&study)))?;
    if study.models().any(Study::is_probability) {
        add(analysis::calibration(&study, &options))?;
        add(analysis::benefit(&study, &options))?;
    }
    if !subgroups.is_empty() {
        add(analysis::subgroups(&study, subgroups, &options))?;
    }
    sections.extend(material.extra);
    let shown = material.on_disk.as_ref().map(super::set::OnDisk::shown);
    sections.push(misses(&study, &material.roles.row, shown.as_ref()));

    // An old report beside new scores would be believed.
    remove(out);
    let findings: Vec<Finding> = sections.iter().flat_map(|section| section.findings.iter().cloned()).collect();
    let table = findings_table(&findings)?;
    table.write_csv(&out.join("findings.csv"))?;
    if let Some(not_judged) = &material.not_judged {
        not_judged.write_csv(&out.join("images-not-judged.csv"))?;
    }
    std::fs::write(out.join("findings.json"), uvid_evaluation::text::json(&findings))
        .context("writing findings.json")?;
    let mut provenance = material.provenance;
    provenance.extend(computed_by(&options));
    let report = Report {
        title: material.title,
        subtitle: material.subtitle,
        about: material.about,
        first: material.first,
        key_numbers: key_numbers(&study, &findings),
        sections,
        provenance,
        stated,
    };
    let parts = report.sections.iter().flat_map(|section| &section.parts);
    let ids = parts.filter_map(|part| if let Part::Figure(figure, _) = part { Some(figure.id()) } else { None });
    let list = ids.map(|id| format!("{id}\n")).collect::<String>();
    report.write(out)?;
    std::fs::write(out.join("figures").join(LIST), list).context("writing the list of figures")?;
    println!("report:  {}", out.join("report.html").display());
    println!("as PDF:  {}", out.join("report.pdf").display());
    println!("numbers: {}", out.join("findings.csv").display());
    Ok(())
}

/// In the folder of figures, the names of those that a report wrote.
const LIST: &str = "list.txt";

/// Takes away the report that is there, with its figures.
pub(super) fn remove(out: &Path) {
    for old in ["report.html", "report.pdf", "findings.csv", "findings.json"] {
        let _ = std::fs::remove_file(out.join(old));
    }
    // Only what the last report wrote there: the folder may hold others' files.
    let figures = out.join("figures");
    let list = std::fs::read_to_string(figures.join(LIST)).unwrap_or_default();
    for id in list.lines().filter(|id| !id.contains(['/', '\\'])) {
        for name in [format!("{id}.svg"), format!("{id}.csv")] {
            let _ = std::fs::remove_file(figures.join(name));
        }
    }
    let _ = std::fs::remove_file(figures.join(LIST));
}

/// The areas of the models that come first.
fn key_numbers(study: &Study, findings: &[Finding]) -> Vec<(String, String, String)> {
    const SHOWN: usize = 3;
    let area = |name: &str| {
        let found = findings.iter().find(|f| f.section == "roc" && f.subject == name && f.measure == "AUC")?;
        let text = found.text();
        let (value, interval) = text.split_once(' ').unwrap_or((&text, ""));
        Some((format!("AUC of {name}"), value.to_owned(), interval.to_owned()))
    };
    let rows = (format!("{}", study.rows()), format!("{} with the outcome", study.positives()));
    let first = ("rows analysed".to_owned(), rows.0, rows.1);
    std::iter::once(first).chain(study.models().take(SHOWN).filter_map(|model| area(&model.name))).collect()
}
