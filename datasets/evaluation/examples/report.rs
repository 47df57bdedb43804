//! From a table to a report: `cargo run -p uvid-evaluation --example report -- FOLDER TABLE LABEL SCORES [READERS [CLUSTER [SUBGROUPS]]]`,
//! where SCORES, READERS and SUBGROUPS are columns with commas between them, and `-` is none.
//!
//! Writes `report.html`, `report.pdf`, `findings.csv` and the figures with their data into the folder. For example:
//!
//! ```text
//! cargo run -p uvid-evaluation --example report -- out scores.csv cancer new,old reader1,reader2 patient density
//! ```

use std::error::Error;
use std::path::{Path, PathBuf};

use uvid_evaluation::analysis::{self, Aim, Options, Roles, Study};
use uvid_evaluation::report::Report;
use uvid_evaluation::table::Table;
use uvid_metrics::operating_point::Aim as Reaching;

/// A reader's score from which on it counts as a recall.
const RECALL: f64 = 0.05;

fn main() -> Result<(), Box<dyn Error>> {
    let given: Vec<String> = std::env::args().skip(1).collect();
    let [folder, table, label, scores, rest @ ..] = given.as_slice() else {
        return Err("FOLDER TABLE LABEL SCORES [READERS [CLUSTER [SUBGROUPS]]]".into());
    };
    let columns = |text: Option<&String>| -> Vec<String> {
        text.filter(|text| *text != "-").map(|text| text.split(',').map(str::to_owned).collect()).unwrap_or_default()
    };
    let roles = Roles {
        label: label.clone(),
        scores: columns(Some(scores)),
        readers: columns(rest.first()),
        cluster: columns(rest.get(1)).pop(),
        subgroups: columns(rest.get(2)),
        ..Roles::default()
    };
    let path = PathBuf::from(table);
    write(&Study::new(&Table::read(&path)?, &roles)?, &roles, &path, Path::new(folder))
}

fn write(study: &Study, roles: &Roles, table: &Path, folder: &Path) -> Result<(), Box<dyn Error>> {
    let options = Options::default();
    let aims = [Reaching::Specificity(0.9), Reaching::Sensitivity(0.9)].map(Aim::Reaching);
    let mut sections = vec![analysis::rows(study, &roles.subgroups)?, analysis::discrimination(study, &options)?];
    if roles.scores.len() > 1 {
        sections.push(analysis::comparison(study, &options)?);
    }
    if let [first, second, ..] = roles.readers.as_slice() {
        sections.push(analysis::readers(study, &options)?);
        sections.push(analysis::agreement(study, RECALL, &options)?);
        sections.push(analysis::workflow(study, first, second, RECALL, &options)?);
    }
    sections.push(analysis::precision(study, &options)?);
    sections.push(analysis::operating(study, &aims, &options)?);
    sections.push(analysis::scores(study));
    if study.models().any(Study::is_probability) {
        sections.push(analysis::calibration(study, &options)?);
        sections.push(analysis::benefit(study, &options)?);
    }
    if !roles.subgroups.is_empty() {
        sections.push(analysis::subgroups(study, &roles.subgroups, &options)?);
    }
    std::fs::create_dir_all(folder)?;
    let findings: Vec<_> = sections.iter().flat_map(|section| section.findings.iter().cloned()).collect();
    analysis::findings_table(&findings)?.write_csv(&folder.join("findings.csv"))?;
    let report = Report {
        title: "Evaluation of scores".into(),
        subtitle: table.display().to_string(),
        about: vec![("Outcome".into(), roles.label.clone())],
        sections,
        provenance: vec![
            ("command".into(), std::env::args().collect::<Vec<_>>().join(" ")),
            ("seed".into(), options.seed.to_string()),
            ("resamples".into(), options.resamples.to_string()),
        ],
        ..Report::default()
    };
    report.write(folder)?;
    println!("{}", folder.join("report.html").display());
    Ok(())
}
