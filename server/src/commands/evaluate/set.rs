//! Scoring a set: exams through packages, into tables.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::Context;
use uvid_datasets::sets::{Cohort, Image};
use uvid_evaluation::analysis::{Lesions, Marks};
use uvid_evaluation::table::{Column, Table, Values, digest};
use uvid_model::{Package, Predictor};

use super::material::{CANCER, material};
use super::{Args, Material};
use crate::commands::dataset;
use crate::commands::progress::{Log, bar};
use crate::commands::{Ended, compute};
use crate::config::{self, Config, Flags};
use crate::devices::Devices;
use crate::evaluation::{self, Level, Places, Ran, Running, Shown, Tables, phantoms};
use crate::pipeline::Limits;

/// A set with what was found in it.
pub(super) struct OnDisk {
    pub(super) cohort: Cohort,
    pub(super) places: Places,
    pub(super) lesions: Lesions,
    pub(super) marks: Vec<Marks>,
    pub(super) limits: Limits,
}

impl OnDisk {
    pub(super) fn shown(&self) -> Shown<'_> {
        let Self { cohort, places, lesions, marks, limits } = self;
        Shown { cohort, places, lesions, marks, limits }
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
    let exams_of_set = evaluation::units(&cohort).len();
    let places = Places::of(&cohort, root.clone()).with_context(|| format!("listing {}", root.display()))?;
    if let Some(most) = args.exams_max {
        keep(&mut cohort, most.get());
    }
    let names = if args.model.is_empty() { vec![config.model.clone()] } else { args.model.clone() };
    let packages = names.iter().map(|name| crate::commands::package(name)).collect::<anyhow::Result<Vec<_>>>()?;
    for (at, package) in packages.iter().enumerate() {
        let name = &package.manifest().name;
        anyhow::ensure!(
            packages[..at].iter().all(|other| other.manifest().name != *name),
            "two packages are called {name:?}, and their scores would stand in one column: give one another name in its package.toml"
        );
    }
    columns_are_there(args, &cohort, &packages)?;
    let devices = load(&packages, &config)?;
    let limits = config.limits();
    let journal = out.join("journal");
    let running = Running {
        cohort: &cohort,
        places: &places,
        journal: &journal,
        shard: args.shard,
        devices: &devices,
        limits: &limits,
    };
    let own = evaluation::units(&cohort).iter().filter(|unit| args.shard.has(&unit.patient)).count();
    let (progress, log) = (bar("scoring", own, "exams"), Log::new(own));
    let mut ran = evaluation::run(&running, &|fresh| {
        // What was done before must not make what is left look quick.
        match fresh {
            true => progress.inc(1),
            false => progress.set_length(progress.length().unwrap_or_default().saturating_sub(1)),
        }
        log.done(fresh);
    })?;
    progress.finish_and_clear();
    ran.faults.iter().for_each(|fault| eprintln!("a device was given up, others took its exams: {fault}"));
    print!("{} exams of {} scored now, {} done before", ran.fresh, own, own - ran.fresh);
    match ran.partly {
        0 => println!(),
        partly => println!("; {partly} of them only by the packages that had not"),
    }
    if ran.open() > 0 {
        println!("{} exams are left to other processes: run this again when they are done", ran.open());
        return Ok((None, Ended::Well));
    }
    let misplaced = evaluation::place(&mut cohort, &mut ran);
    anyhow::ensure!(misplaced == 0, "{misplaced} scored images show another breast or view than the set's tables say");
    let tables = evaluation::tables(&cohort, &ran.units, &ran.lines)?;
    let whole = tables.not_scored.rows() == 0;
    tables.not_scored.write_csv(&out.join("not-scored.csv"))?;
    let mut material = material(args, &config, cohort, places, &ran, &tables, &devices, exams.is_some())?;
    write(&tables, &devices, &ran, out)?;
    if !whole {
        let rows = tables.not_scored.rows();
        println!(
            "{rows} reasons why exams were not scored or files not read: {}",
            out.join("not-scored.csv").display()
        );
    }
    if let Some(most) = args.exams_max.filter(|most| most.get() < exams_of_set) {
        material.first.push(format!("Only the first {most} of {exams_of_set} exams of the set were taken."));
    }
    Ok((Some(material), if whole { Ended::Well } else { Ended::NotAll }))
}

/// What is wrong with the command must not show itself after hours of scoring.
fn columns_are_there(args: &Args, cohort: &Cohort, packages: &[Package]) -> anyhow::Result<()> {
    let by_image = |image: &Image| image.labels.exam.or(image.labels.breast).or(image.labels.image).is_some();
    let labelled = cohort.images.iter().any(by_image) || cohort.sides.iter().any(|side| side.cancer.is_some());
    anyhow::ensure!(
        args.columns.label != CANCER || labelled,
        "the set says of no image, breast or exam whether there is cancer (uvid dataset show counts it): name the column of another \
         outcome with --label COLUMN:VALUES, or see docs/datasets.md for the names of columns"
    );
    let own = ["patient", "exam", "cancer", "days_to_cancer", "days_followed", "weight"];
    let of_level: &[&str] = match args.level {
        Level::Exam => &[],
        Level::Breast => &["breast"],
        Level::Image => &["breast", "image", "view"],
    };
    let mut known: BTreeSet<&str> = own.into_iter().chain(of_level.iter().copied()).collect();
    known.extend(cohort.images.iter().flat_map(|image| image.covariates.keys()).map(String::as_str));
    known.extend(cohort.sides.iter().flat_map(|side| side.covariates.keys()).map(String::as_str));
    // Of a package's outputs only the package's name is known yet.
    let given: BTreeSet<&str> = packages.iter().map(|package| package.manifest().name.as_str()).collect();
    let is = |column: &str, name: &str| {
        column == name || column.strip_prefix(name).is_some_and(|rest| rest.starts_with(':'))
    };
    let columns = &args.columns;
    let named = std::iter::once(&columns.label).chain(&columns.cluster).chain(&columns.weight);
    for column in named.chain(&columns.subgroup).chain(&columns.score).chain(&columns.reader) {
        anyhow::ensure!(
            known.iter().chain(&given).any(|name| is(column, name)),
            "the set has no column {column:?}; there are: {}, and the outputs of {}",
            known.iter().copied().collect::<Vec<_>>().join(", "),
            given.iter().copied().collect::<Vec<_>>().join(", ")
        );
    }
    Ok(())
}

/// Phantoms in a folder, made unless they are there.
fn made(folder: &Path, exams: u64) -> anyhow::Result<PathBuf> {
    let marker = folder.join("exams");
    let there = || std::fs::read_to_string(&marker).is_ok_and(|text| text == exams.to_string());
    if there() {
        return Ok(folder.to_path_buf());
    }
    // Made beside it, and put there whole: of several processes one is first, and its phantoms are everybody's.
    let new = folder.with_extension(format!("being-made-{}", std::process::id()));
    std::fs::create_dir_all(&new).with_context(|| format!("creating {}", new.display()))?;
    let progress = bar("making phantoms", exams as usize, "exams");
    phantoms::write(&new, exams, 1, &|| progress.inc(1))?;
    progress.finish_and_clear();
    std::fs::write(new.join("exams"), exams.to_string()).with_context(|| format!("writing {}", new.display()))?;
    if !there() {
        let _ = std::fs::remove_dir_all(folder);
    }
    match std::fs::rename(&new, folder) {
        Err(_) if there() => std::fs::remove_dir_all(&new).with_context(|| format!("removing {}", new.display()))?,
        renamed => renamed.with_context(|| format!("writing {}", folder.display()))?,
    }
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
fn write(tables: &Tables, devices: &[Vec<Predictor>], ran: &Ran, out: &Path) -> anyhow::Result<()> {
    super::report::remove(out);
    let packages = devices.iter().take(1).flatten().flat_map(|package| {
        let id = package.id();
        [
            (format!("{}.digest", id.name), id.digest.clone()),
            (format!("{}.recipe_digest", id.name), id.recipe_digest.clone()),
            (format!("{}.backend", id.name), ran.backends(&id.name)),
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
