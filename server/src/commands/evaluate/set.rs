//! Scoring a set: exams through packages, into tables.

use std::path::{Path, PathBuf};

use anyhow::Context;
use uvid_datasets::sets::{Cohort, Files, Reference};
use uvid_evaluation::analysis::{self, Grid, Lesions, Marks, Part, Risk, Roles, Section};
use uvid_evaluation::table::{Column, Table, Values, digest};
use uvid_model::{Package, Predictor};

use super::{Args, Material};
use crate::commands::dataset;
use crate::commands::progress::bar;
use crate::commands::{Ended, compute};
use crate::config::{self, Config, Flags};
use crate::devices::Devices;
use crate::evaluation::{self, Level, Ran, Running, Shown, Tables, phantoms};
use crate::pipeline::Limits;

/// A set with what was found in it.
pub(super) struct OnDisk {
    cohort: Cohort,
    root: PathBuf,
    files: Files,
    lesions: Lesions,
    marks: Vec<Marks>,
    limits: Limits,
}

impl OnDisk {
    pub(super) fn shown(&self) -> Shown<'_> {
        let Self { cohort, root, files, lesions, marks, limits } = self;
        Shown { cohort, root, files, lesions, marks, limits }
    }
}

/// Scores what is left to do and writes the tables; nothing to report while other processes are at it.
pub(super) fn score(
    args: &Args,
    root: Option<&Path>,
    exams: Option<u64>,
    out: &Path,
) -> anyhow::Result<(Option<Material>, Ended)> {
    let flags = Flags { config: args.config.clone(), ..Flags::default() };
    let mut config = config::load(&flags)?.config;
    config.compute = args.compute.over(&config.compute);
    let (root, name) = match (root, exams) {
        (Some(root), _) => (root.to_path_buf(), args.set_name.clone()),
        (None, exams) => (made(&out.join("phantoms"), exams.unwrap_or_default())?, Some("generic".to_owned())),
    };
    let mut cohort = dataset::read(&root, name.as_deref())?;
    if let Some(most) = args.exams_max {
        keep(&mut cohort, most);
    }
    let files = Files::scan(&root).with_context(|| format!("listing {}", root.display()))?;
    let names = if args.model.is_empty() { vec![config.model.clone()] } else { args.model.clone() };
    let packages = names.iter().map(|name| crate::commands::package(name)).collect::<anyhow::Result<Vec<_>>>()?;
    let devices = load(&packages, &config)?;
    let limits = config.limits();
    let journal = out.join("journal");
    let running = Running {
        cohort: &cohort,
        root: &root,
        files: &files,
        journal: &journal,
        shard: args.shard,
        devices: &devices,
        limits: &limits,
    };
    let own = evaluation::units(&cohort).iter().filter(|unit| args.shard.has(&unit.patient)).count();
    let progress = bar("scoring", own, "exams");
    let ran = evaluation::run(&running, &|fresh| {
        // What was done before must not make what is left look quick.
        if fresh {
            progress.inc(1)
        } else {
            progress.set_length(progress.length().unwrap_or_default().saturating_sub(1))
        }
    })?;
    progress.finish_and_clear();
    println!("{} exams of {} scored now, {} done before", ran.fresh, own, own - ran.fresh);
    if ran.open() > 0 {
        println!("{} exams are left to other processes: run this again when they are done", ran.open());
        return Ok((None, Ended::Well));
    }
    let misplaced = evaluation::place(&mut cohort, &ran);
    anyhow::ensure!(misplaced == 0, "{misplaced} scored images show another breast or view than the set's tables say");
    let tables = evaluation::tables(&cohort, &ran.units, &ran.lines)?;
    write(&tables, &devices, out)?;
    let ended = if tables.not_scored.rows() > 0 { Ended::NotAll } else { Ended::Well };
    let material = material(args, &config, cohort, root, files, &ran, tables, &devices, exams.is_some())?;
    Ok((Some(material), ended))
}

/// Phantoms in a folder, made unless they are there.
fn made(folder: &Path, exams: u64) -> anyhow::Result<PathBuf> {
    let marker = folder.join("exams");
    if std::fs::read_to_string(&marker).is_ok_and(|text| text == exams.to_string()) {
        return Ok(folder.to_path_buf());
    }
    std::fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
    let progress = bar("making phantoms", exams as usize, "exams");
    phantoms::write(folder, exams, 1, &|| progress.inc(1))?;
    progress.finish_and_clear();
    std::fs::write(&marker, exams.to_string()).with_context(|| format!("writing {}", marker.display()))?;
    Ok(folder.to_path_buf())
}

/// The first exams only.
fn keep(cohort: &mut Cohort, most: usize) {
    let kept = evaluation::units(cohort);
    let kept: std::collections::BTreeSet<usize> = kept.iter().take(most).flat_map(|unit| unit.images.clone()).collect();
    let mut place = 0;
    cohort.images.retain(|_| {
        place += 1;
        kept.contains(&(place - 1))
    });
}

/// Every package on every device.
fn load(packages: &[Package], config: &Config) -> anyhow::Result<Vec<Vec<Predictor>>> {
    let (devices, site) = (Devices::of(&config.compute)?, config.site());
    let one = |package: &Package, ordinal: Option<usize>| -> anyhow::Result<Predictor> {
        let name = &package.manifest().name;
        let loaded = match ordinal {
            None => compute::load(package, &site, &devices),
            Some(ordinal) => {
                let compute = uvid_model::Compute { gpu: Some(ordinal), ..site.compute };
                Predictor::load(package, &uvid_model::Site { compute, ..site.clone() })
            }
        };
        loaded.with_context(|| format!("loading the model package {name}"))
    };
    let ordinals: Vec<Option<usize>> = match devices.gpus() {
        [] | [_] => vec![None],
        several => several.iter().map(|gpu| Some(gpu.ordinal)).collect(),
    };
    let on = |ordinal: &Option<usize>| packages.iter().map(|package| one(package, *ordinal)).collect();
    ordinals.iter().map(on).collect()
}

/// Tables as CSV and Parquet, with the packages' digests in the latter; all digests once more in `digests.csv`.
fn write(tables: &Tables, devices: &[Vec<Predictor>], out: &Path) -> anyhow::Result<()> {
    let packages = devices.iter().take(1).flatten().flat_map(|package| {
        let id = package.id();
        [
            (format!("{}.digest", id.name), id.digest.clone()),
            (format!("{}.recipe_digest", id.name), id.recipe_digest.clone()),
            (format!("{}.backend", id.name), package.backend().to_string()),
        ]
    });
    let mut digests: Vec<(String, String)> = packages.collect();
    let about = digests.clone();
    let about: Vec<(&str, &str)> = about.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    let named = tables.scores.iter().map(|(level, table)| (format!("scores-{}", level.name()), table));
    for (name, table) in
        named.chain([("marks".to_owned(), &tables.marks), ("not-scored".to_owned(), &tables.not_scored)])
    {
        let (csv, parquet) = (format!("{name}.csv"), format!("{name}.parquet"));
        table.write_csv(&out.join(&csv))?;
        table.write_parquet(&out.join(&parquet), &about)?;
        for file in [csv, parquet] {
            let sha256 = digest(&out.join(&file))?;
            digests.push((file, sha256));
        }
    }
    let (names, values) = digests.into_iter().map(|(name, value)| (Some(name), Some(value))).unzip();
    let column = |name: &str, values| Column { name: name.to_owned(), values: Values::Text(values) };
    Table::new("digests", vec![column("of", names), column("is", values)])?.write_csv(&out.join("digests.csv"))?;
    Ok(())
}

#[expect(clippy::too_many_arguments, reason = "everything that is known of a run comes together here, once")]
fn material(
    args: &Args,
    config: &Config,
    cohort: Cohort,
    root: PathBuf,
    files: Files,
    ran: &Ran,
    tables: Tables,
    devices: &[Vec<Predictor>],
    phantoms: bool,
) -> anyhow::Result<Material> {
    let limits = config.limits();
    let packages: Vec<&Predictor> = devices.iter().take(1).flatten().collect();
    let table = tables.scores.iter().find(|(level, _)| *level == args.level).map(|(_, table)| table.clone());
    let table = table.context("there is no table of this level")?;
    let scores = match args.columns.score.is_empty() {
        true => outputs(&packages, &args.output, &table)?,
        false => args.columns.score.clone(),
    };
    let row = ["exam", "breast", "image"].into_iter().filter(|name| table.has(name));
    let roles = Roles {
        scores,
        cluster: Some(args.columns.cluster.clone().unwrap_or_else(|| "patient".to_owned())),
        row: std::iter::once("patient").chain(row).map(str::to_owned).collect(),
        ..args.columns.roles()
    };
    let lesions = evaluation::lesions(&cohort, &root, &files, &ran.lines, &ran.units, &limits.dicom)?;
    let marks = evaluation::marks(&ran.lines);
    let options = args.settings.options()?;
    let mut extra = Vec::new();
    if !lesions.of_image.is_empty() && !marks.is_empty() {
        extra.push(analysis::localisation(&lesions, &marks, args.hit.rule(), &options)?);
    }
    extra.extend(risk(&tables, &packages, args)?);
    let before = before(&cohort, &tables);
    let mut about = vec![
        ("Set".to_owned(), if phantoms { "phantoms, made on the spot".to_owned() } else { cohort.set.clone() }),
        ("Labels".to_owned(), reference(cohort.reference).to_owned()),
        ("Judged".to_owned(), format!("each {}", args.level.name())),
    ];
    let mut provenance = Vec::new();
    for package in &packages {
        let id = package.id();
        about.push(("Model".into(), format!("{} {}", id.name, id.version)));
        provenance.push((format!("{}, package", id.name), format!("sha256:{}", id.digest)));
        provenance.push((format!("{}, recipe in force", id.name), format!("sha256:{}", id.recipe_digest)));
        provenance.push((format!("{}, computed by", id.name), package.backend().to_string()));
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
        first: first(&packages, &cohort, phantoms),
        table,
        roles,
        before: Some(before),
        extra,
        on_disk: Some(OnDisk { cohort, root, files, lesions, marks, limits }),
        provenance,
    })
}

/// What labels stand on.
fn reference(reference: Reference) -> &'static str {
    match reference {
        Reference::Pathology => "pathology; negatives by follow-up",
        Reference::Proxy => "a reader's category stands for the truth",
        Reference::Stated => "as the table states them",
    }
}

/// What must be known before any number is read.
fn first(packages: &[&Predictor], cohort: &Cohort, phantoms: bool) -> Vec<String> {
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
        format!("**{}**: {} {}", manifest.name, manifest.summary, manifest.intended_use)
    }));
    if cohort.reference == Reference::Proxy {
        first.push(
            "Labels are a reader's category, **not cancer**: agreement with readers is what is measured here.".into(),
        );
    }
    first
}

/// The columns of the outputs that are judged.
fn outputs(packages: &[&Predictor], wanted: &[String], table: &Table) -> anyhow::Result<Vec<String>> {
    let mut columns = Vec::new();
    for package in packages {
        let manifest = package.manifest();
        let own = |output: &str| format!("{}:{output}", manifest.name);
        let given: Vec<String> = wanted.iter().map(|output| own(output)).filter(|column| table.has(column)).collect();
        let cut = manifest.operating_points.first().map(|point| own(&point.output)).filter(|column| table.has(column));
        let first = || {
            let numbers = |column: &&str| column.starts_with(&own("")) && table.numbers(column).is_ok();
            table.names().find(numbers).map(str::to_owned)
        };
        let chosen = if given.is_empty() { cut.or_else(first).into_iter().collect() } else { given };
        anyhow::ensure!(
            !chosen.is_empty(),
            "{} gives no number at this level; see scores-*.csv, and --output",
            manifest.name
        );
        columns.extend(chosen);
    }
    Ok(columns)
}

/// What the set left out, and what was not scored.
fn before(cohort: &Cohort, tables: &Tables) -> Section {
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
    let grid = |title: &str, header: [&str; 2], rows: Vec<Vec<String>>, note: &str| Grid {
        title: title.to_owned(),
        header: header.map(str::to_owned).to_vec(),
        rows,
        note: note.to_owned(),
    };
    let steps = summary.excluded.iter().map(|step| {
        vec![format!("{}: {} ({})", step.stage.name(), step.reason, step.unit.name()), step.count.to_string()]
    });
    let steps: Vec<Vec<String>> = steps.collect();
    if !steps.is_empty() {
        parts.push(Part::Grid(grid("Left out when the set was read", ["step and reason", "how many"], steps, "")));
    }
    let mut reasons: std::collections::BTreeMap<(String, String), usize> = std::collections::BTreeMap::new();
    if let (Ok(packages), Ok(codes)) = (tables.not_scored.texts("package"), tables.not_scored.texts("code")) {
        for (package, code) in packages.into_iter().zip(codes) {
            *reasons.entry((package.unwrap_or_default(), code.unwrap_or_default())).or_default() += 1;
        }
    }
    if !reasons.is_empty() {
        let rows =
            reasons.into_iter().map(|((package, code), count)| vec![format!("{package}: {code}"), count.to_string()]);
        let note = "Each exam with each of its reasons in not-scored.csv.";
        parts.push(Part::Grid(grid(
            "Exams that were not scored",
            ["model and reason", "how many"],
            rows.collect(),
            note,
        )));
    }
    Section { id: "set", title: "The set".into(), parts, findings: Vec::new() }
}

/// Risk over years, where the set follows its patients and a package gives risks.
fn risk(tables: &Tables, packages: &[&Predictor], args: &Args) -> anyhow::Result<Vec<Section>> {
    let Some((_, table)) = tables.scores.iter().find(|(level, _)| *level == Level::Exam) else { return Ok(Vec::new()) };
    if !table.has("days_followed") || !table.has("days_to_cancer") {
        return Ok(Vec::new());
    }
    let mut sections = Vec::new();
    for package in packages {
        // Mirai names its outputs by the year: risk_1y.
        let year = |column: &str| {
            let output = column.strip_prefix(&format!("{}:", package.id().name))?;
            let digits: String = output.chars().filter(char::is_ascii_digit).collect();
            (output.contains("risk") && !output.contains("relative")).then(|| digits.parse::<f64>().ok()).flatten()
        };
        let mut risks: Vec<(String, f64)> =
            table.names().filter_map(|column| Some((column.to_owned(), year(column)?))).collect();
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
        };
        sections.push(analysis::risk(table, &roles, &args.settings.options()?)?);
    }
    Ok(sections)
}
