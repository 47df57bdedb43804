//! What a report on a set is made of.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context;
use uvid_datasets::sets::{Cohort, Reference};
use uvid_evaluation::analysis::{self, Grid, Part, Risk, Roles, Section};
use uvid_evaluation::table::{Column, Table, Values};
use uvid_model::Predictor;

use super::set::OnDisk;
use super::{Args, Material};
use crate::config::Config;
use crate::evaluation::{self, Level, Places, Ran, Tables};
use crate::report::json::{OutputJson, ValueJson};

#[expect(clippy::too_many_arguments, reason = "everything that is known of a run comes together here, once")]
pub(super) fn material(
    args: &Args,
    config: &Config,
    cohort: Cohort,
    places: Places,
    ran: &Ran,
    tables: &Tables,
    devices: &[Vec<Predictor>],
    phantoms: bool,
) -> anyhow::Result<Material> {
    let limits = config.limits();
    let packages: Vec<&Predictor> = devices.iter().take(1).flatten().collect();
    let table = tables.scores.iter().find(|(level, _)| *level == args.level).map(|(_, table)| table.clone());
    let table = table.context("there is no table of this level")?;
    let scores = match args.columns.score.is_empty() {
        true => outputs(&packages, args, &table, ran)?,
        false => args.columns.score.clone(),
    };
    let judged = |package: &str| scores.iter().any(|score| score.starts_with(&format!("{package}:")));
    let names = packages.iter().map(|package| package.id().name.as_str());
    let silent: Vec<&str> = names.filter(|name| args.columns.score.is_empty() && !judged(name)).collect();
    let row = ["exam", "breast", "image"].into_iter().filter(|name| table.has(name));
    let roles = Roles {
        scores,
        cluster: Some(args.columns.cluster.clone().unwrap_or_else(|| "patient".to_owned())),
        row: std::iter::once("patient").chain(row).map(str::to_owned).collect(),
        ..args.columns.roles()
    };
    let evaluation::Located { lesions, left_out } =
        evaluation::lesions(&cohort, &places, &ran.lines, &ran.units, &limits.dicom);
    let marks = evaluation::marks(&ran.lines, &lesions);
    let (images, why): (Vec<_>, Vec<_>) = left_out.iter().map(|(i, why)| (Some(i.clone()), Some(why.clone()))).unzip();
    let column = |name: &str, values| Column { name: name.to_owned(), values: Values::Text(values) };
    let not_judged = Table::new("images not judged", vec![column("image", images), column("reason", why)])?;
    let options = args.settings.options()?;
    let mut extra = Vec::new();
    if !lesions.of_image.is_empty() && !marks.is_empty() {
        let mut section = analysis::localisation(&lesions, &marks, args.hit.rule(), &options)?;
        section.parts.extend(reasons("Images that are not judged here", &left_out, "images-not-judged.csv"));
        extra.push(section);
    }
    extra.extend(risk(tables, ran, &packages, args)?);
    let before = before(&cohort, tables, ran);
    let mut about = vec![
        ("Set".to_owned(), if phantoms { "phantoms, made on the spot".to_owned() } else { cohort.set.clone() }),
        ("Outcome".to_owned(), args.columns.label.clone()),
        ("Cancer by".to_owned(), if phantoms { "drawn lesions" } else { reference(cohort.reference) }.to_owned()),
        ("Judged".to_owned(), format!("each {}", args.level.name())),
    ];
    let mut provenance = Vec::new();
    for package in &packages {
        let id = package.id();
        about.push(("Model".into(), format!("{} {}", id.name, id.version)));
        provenance.push((format!("{}, package", id.name), format!("sha256:{}", id.digest)));
        provenance.push((format!("{}, recipe in force", id.name), format!("sha256:{}", id.recipe_digest)));
        provenance.push((format!("{}, computed by", id.name), ran.backends(&id.name)));
        provenance.push((format!("{}, licence", id.name), package.manifest().licence.clone()));
    }
    for table in &cohort.tables {
        provenance.push((format!("{}, {} rows", table.path.display(), table.rows), format!("sha256:{}", table.sha256)));
    }
    Ok(Material {
        title: format!(
            "Evaluation of {}",
            packages.iter().map(|p| p.id().name.as_str()).collect::<Vec<_>>().join(" and ")
        ),
        subtitle: if phantoms {
            "On phantoms: synthetic images with drawn lesions".into()
        } else {
            format!("On {}", cohort.set)
        },
        about,
        first: first(args, &packages, &silent, &cohort, phantoms),
        table,
        roles,
        before: Some(before),
        extra,
        not_judged: Some(not_judged),
        on_disk: Some(OnDisk { cohort, places, lesions, marks, limits }),
        provenance,
    })
}

/// The outcome that labels are of.
pub(super) const CANCER: &str = "cancer";

/// What labels stand on.
fn reference(reference: Reference) -> &'static str {
    match reference {
        Reference::Pathology => "pathology; negatives by follow-up",
        Reference::Proxy => "a reader's category stands for the truth",
        Reference::Stated => "as the table states them",
    }
}

/// What must be known before any number is read.
fn first(args: &Args, packages: &[&Predictor], silent: &[&str], cohort: &Cohort, phantoms: bool) -> Vec<String> {
    let mut first = Vec::new();
    if phantoms {
        first.push(
            "The images are **synthetic**. They show that reading, coordinates, statistics and report work; they say nothing about a model's \
             value on women."
                .into(),
        );
    }
    first.extend(packages.iter().map(|package| {
        let manifest = package.manifest();
        format!("**{}**: {}. {}", manifest.name, manifest.summary.trim_end_matches('.'), manifest.intended_use)
    }));
    first.extend(silent.iter().map(|package| {
        format!(
            "**{package}** says nothing of a single {}, and is not judged here: another `--level` does.",
            args.level.name()
        )
    }));
    if args.columns.weight.is_none() && cohort.images.iter().any(|image| image.weight.is_some()) {
        first.push(
            "The set says how many of the population each patient stands for, and this report **does not weigh** by that: `--weight weight` does."
                .into(),
        );
    }
    if args.columns.label != CANCER {
        first.push(format!(
            "The outcome here is **{}** of the set's table, not cancer: wherever it says \"with the outcome\", that is meant.",
            args.columns.label
        ));
    } else if cohort.reference == Reference::Proxy {
        first.push(
            "Labels are a reader's category, **not cancer**: agreement with readers is what is measured here.".into(),
        );
    }
    first
}

/// The columns of the outputs that are judged. A package that says nothing at this level is passed over if another one does.
fn outputs(packages: &[&Predictor], args: &Args, table: &Table, ran: &Ran) -> anyhow::Result<Vec<String>> {
    for output in &args.output {
        let has = |package: &&Predictor| table.has(&format!("{}:{output}", package.id().name));
        let there: Vec<&str> = table.names().filter(|name| name.contains(':')).collect();
        anyhow::ensure!(
            packages.iter().any(has),
            "no package gives {output:?} at this level; there are: {}",
            there.join(", ")
        );
    }
    let mut columns = Vec::new();
    for package in packages {
        let manifest = package.manifest();
        let own = |output: &str| format!("{}:{output}", manifest.name);
        let wanted = args.output.iter().map(|output| own(output)).filter(|column| table.has(column));
        let given: Vec<String> = wanted.collect();
        let cut = manifest.operating_points.first().map(|point| own(&point.output)).filter(|column| table.has(column));
        let number = |output: &&OutputJson| !matches!(output.value, ValueJson::Category { .. });
        let first = || ran.outputs(&manifest.name, args.level).iter().find(number).map(|output| own(&output.name));
        columns.extend(if given.is_empty() { cut.or_else(first).into_iter().collect() } else { given });
    }
    anyhow::ensure!(
        !columns.is_empty(),
        "there is no score of any {}: not-scored.csv says why no exam has one, where that is so; else try another --level",
        args.level.name()
    );
    Ok(columns)
}

/// What the set left out, and what was not scored.
fn before(cohort: &Cohort, tables: &Tables, ran: &Ran) -> Section {
    let summary = cohort.summary();
    let counts = summary.total;
    let words = format!(
        "The tables of the set have {} rows; from them come {} patients with {} exams and {} images, {} of the breasts with cancer, {} without, {} \
         not known.",
        summary.rows,
        counts.patients.all(),
        counts.exams.all(),
        counts.images.all(),
        counts.breasts.positive,
        counts.breasts.negative,
        counts.breasts.unknown
    );
    let mut parts = vec![Part::Words(words)];
    let steps = summary.excluded.iter().map(|step| {
        vec![format!("{}: {} ({})", step.stage.name(), step.reason, step.unit.name()), step.count.to_string()]
    });
    let steps: Vec<Vec<String>> = steps.collect();
    parts.extend(grid("Left out when the set was read", "step and reason", steps, ""));
    let text =
        |column: &str| tables.not_scored.texts(column).unwrap_or_default().into_iter().map(Option::unwrap_or_default);
    // Those of a file are of exams that were scored.
    let of_file = text("image").map(|image| !image.is_empty());
    let rows = text("package").zip(text("code")).zip(text("patient").zip(text("exam"))).zip(of_file);
    let exams: BTreeSet<_> = rows.filter(|(_, of_file)| !of_file).map(|(row, _)| row).collect();
    let exams: Vec<_> =
        exams.into_iter().map(|((package, code), exam)| (format!("{exam:?}"), format!("{package}: {code}"))).collect();
    parts.extend(reasons("Exams that were not scored", &exams, "not-scored.csv"));
    let images = ran.lines.iter().flatten().flatten().filter(|line| line.report.reasons.is_empty()).flat_map(|line| {
        let left = line.report.received.iter().filter(|received| received.code != "chosen");
        left.map(|received| (received.file.clone(), format!("{}: {}", line.report.package.name, received.code)))
    });
    let names = "scores-image.csv; not-scored.csv for files that could not be read";
    parts.extend(reasons("Images of scored exams that fill no view", &images.collect::<Vec<_>>(), names));
    Section { id: "set", title: "The set".into(), parts, findings: Vec::new() }
}

/// How many for which reason.
fn reasons(title: &str, left_out: &[(String, String)], names: &str) -> Option<Part> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    left_out.iter().for_each(|(_, why)| *counts.entry(why).or_default() += 1);
    let rows = counts.into_iter().map(|(why, count)| vec![why.to_owned(), count.to_string()]);
    grid(
        title,
        "reason",
        rows.collect(),
        &format!("One with several reasons counts under each of them. Names: {names}."),
    )
}

fn grid(title: &str, what: &str, rows: Vec<Vec<String>>, note: &str) -> Option<Part> {
    let header = vec![what.to_owned(), "how many".to_owned()];
    (!rows.is_empty()).then(|| Part::Grid(Grid { title: title.to_owned(), header, rows, note: note.to_owned() }))
}

/// Risk over years, where the set follows its patients and a package gives risks.
fn risk(tables: &Tables, ran: &Ran, packages: &[&Predictor], args: &Args) -> anyhow::Result<Vec<Section>> {
    let Some((_, table)) = tables.scores.iter().find(|(level, _)| *level == Level::Exam) else { return Ok(Vec::new()) };
    if !table.has("days_followed") || !table.has("days_to_cancer") {
        return Ok(Vec::new());
    }
    let mut sections = Vec::new();
    for package in packages {
        let name = &package.id().name;
        let year = |output: &OutputJson| match output.value {
            ValueJson::Risk { years, .. } => Some((format!("{name}:{}", output.name), f64::from(years))),
            ValueJson::Score { .. }
            | ValueJson::Probability { .. }
            | ValueJson::Percentile { .. }
            | ValueJson::Category { .. }
            | ValueJson::RelativeRisk { .. } => None,
        };
        let mut risks: Vec<(String, f64)> = ran.outputs(name, Level::Exam).iter().filter_map(year).collect();
        risks.sort_by(|a, b| a.1.total_cmp(&b.1));
        if risks.is_empty() {
            continue;
        }
        let roles = Risk {
            event: "days_to_cancer".into(),
            followed: "days_followed".into(),
            per_year: 365.25,
            risks,
            cluster: Some("patient".into()),
            whose: Some((sections.len() + 1, name.clone())),
        };
        sections.push(analysis::risk(table, &roles, &args.settings.options()?)?);
    }
    Ok(sections)
}
