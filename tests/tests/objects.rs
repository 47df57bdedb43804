//! Reports as DICOM objects, before what others wrote: dciodvfy, PixelMed's validator of templates, dsrdump, highdicom,
//! pydicom, dcmjs.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use time::macros::datetime;
use uvid_datasets::dicom::{Limits, Source, read_source};
use uvid_datasets::phantom::{PhantomPatient, Spec, exam};
use uvid_exam::{
    BreastScores, Fate, Flag, ImageScores, Laterality, Output, PackageId, Percentile, Probability, RawScore, Reason,
    Region, Scores, Slot, SopInstanceUid, Value, View,
};
use uvid_model::{Level, Manifest, OperatingPoint, OutputCalibration, Package};
use uvid_server::config::{Language, ObjectKind};
use uvid_server::pipeline::{Stages, Unreadable};
use uvid_server::report::Report;
use uvid_server::report::dicom::{Making, ResultObject, objects};

use super::support::python_with;

const PIXELMED: &str = "/usr/share/java/pixelmed.jar";

fn package() -> PackageId {
    PackageId {
        name: "narrow".into(),
        version: "1.0.0".into(),
        digest: "0123456789abcdef".repeat(4),
        recipe_digest: "fedcba9876543210".repeat(4),
        recalibrated: None,
    }
}

fn making(language: Language) -> Making {
    let kinds = [ObjectKind::CadSr, ObjectKind::Sr, ObjectKind::Gsps, ObjectKind::Sc, ObjectKind::Pdf];
    Making {
        kinds: BTreeSet::from(kinds),
        language,
        uid_root: None,
        at: datetime!(2024-03-15 10:20:30.123456 UTC),
        charsets: vec![],
        supersedes: vec![],
    }
}

fn sources(patient: PhantomPatient) -> Vec<Source> {
    let files = exam(&Spec { patient, ..Spec::small(31) }).unwrap();
    files.iter().map(|file| read_source(&file.bytes, &Limits::default(), None).unwrap()).collect()
}

fn source(sources: &[Source], slot: Slot) -> &Source {
    let fills = |s: &&Source| s.laterality == Some(slot.laterality()) && s.view == Some(slot.view());
    sources.iter().find(fills).unwrap()
}

fn score(name: &str, value: f64) -> Output {
    Output { name: name.into(), value: Value::Score(RawScore::new(value).unwrap()) }
}

fn probability(name: &str, value: f64) -> Output {
    Output { name: name.into(), value: Value::Probability(Probability::new(value).unwrap()) }
}

fn region(name: &str, value: f64, (row, column): (f64, f64)) -> Region {
    let corners = [(0.0, 0.0), (0.0, 30.0), (20.0, 30.0), (20.0, 0.0)];
    let outline = corners.iter().map(|(r, c)| (row + r, column + c)).collect();
    Region { name: name.into(), score: RawScore::new(value).unwrap(), outline }
}

/// What an image of a detector says: a mark for each of these.
fn image(sources: &[Source], slot: Slot, outputs: Vec<Output>, regions: Vec<Region>) -> ImageScores {
    let source = source(sources, slot);
    ImageScores {
        slot,
        sop_instance: source.sop_instance.clone(),
        file_size: (usize::from(source.rows), usize::from(source.columns)),
        outputs,
        heatmaps: vec![],
        regions,
    }
}

fn report(sources: &[Source], outcome: Result<Scores, Vec<Reason>>) -> Report {
    let fates = Slot::ALL.iter().map(|slot| (source(sources, *slot).sop_instance.clone(), Fate::Chosen(*slot)));
    Report {
        study: Some(sources[0].study_uid.clone()),
        package: package(),
        fates: fates.collect(),
        notes: vec![],
        unreadable: vec![],
        missing: vec![],
        outcome,
        stages: Stages::default(),
    }
}

/// A detector's manifest: the bundled one's card with GMIC's recipe and operating points on `malignant` of a breast.
fn detector() -> Manifest {
    let mut manifest = Package::bundled().unwrap().manifest().clone();
    let point = |name: &str, threshold: f64, sensitivity: f64, specificity: f64| OperatingPoint {
        name: name.into(),
        output: "malignant".into(),
        level: Level::Breast,
        threshold,
        sensitivity,
        specificity,
        source: "synthetic".into(),
    };
    let recipe = serde_json::json!({
        "architecture": "gmic", "members": [], "window": [2944, 1920], "patches": 6, "patch_size": 256,
        "crop": { "iterations": 100, "buffer": 50, "search_divisor": 3, "air_share_min": 0.01 },
        "combine": { "breast": "mean", "exam": "max" }, "regions": { "threshold": 0.5, "count_max": 8 },
    });
    manifest.recipe = serde_json::from_value(recipe).unwrap();
    manifest.summary = "Malignant findings in each view".into();
    manifest.outputs.clear();
    manifest.operating_points =
        vec![point("recall", 0.5, 0.85, 0.9), point("sure", 0.9, 0.5, 0.99), point("sensitive", 0.2, 0.95, 0.6)];
    manifest.calibrated = vec![OutputCalibration {
        output: "malignant".into(),
        gives: "p_malignant".into(),
        levels: vec![Level::Exam],
        slope: 1.0,
        intercept: 0.0,
        source: "synthetic".into(),
    }];
    manifest
}

/// What a detector says: left flagged at the recommended point, right at the sensitive one.
fn detected(sources: &[Source]) -> Scores {
    let flag = |point: &str, laterality, threshold: f64, flagged| Flag {
        point: point.into(),
        output: "malignant".into(),
        laterality: Some(laterality),
        threshold,
        flagged,
        set_by: None,
    };
    let breast = |laterality, value: f64| BreastScores {
        laterality,
        outputs: vec![score("malignant", value), score("benign", 0.125)],
    };
    let malignant = |value| vec![score("malignant", value)];
    Scores {
        package: package(),
        backend: "candle".into(),
        images: vec![
            image(
                sources,
                Slot::LeftCc,
                malignant(0.7),
                vec![
                    region("malignant", 0.75, (100.0, 60.0)),
                    region("malignant", 0.25, (40.0, 20.5)),
                    region("benign", 0.5, (10.0, 10.0)),
                ],
            ),
            image(sources, Slot::LeftMlo, malignant(0.6), vec![region("malignant", 0.625, (120.0, 50.0))]),
            image(sources, Slot::RightCc, malignant(0.3), vec![region("malignant", 0.3125, (90.0, 90.0))]),
            image(sources, Slot::RightMlo, malignant(0.1), vec![]),
        ],
        breasts: vec![breast(Laterality::Left, 0.65), breast(Laterality::Right, 0.21)],
        exam: vec![
            score("malignant", 0.65),
            probability("p_malignant", 0.123_456_789_012_345_68),
            Output {
                name: "malignant_percentile".into(),
                value: Value::Percentile(Percentile::among(RawScore::new(0.65).unwrap(), &[0.0, 0.5, 1.0]).unwrap()),
            },
            Output {
                name: "risk_year_5".into(),
                value: Value::Risk { years: 5, probability: Probability::new(0.021).unwrap() },
            },
        ],
        flags: vec![
            flag("recall", Laterality::Left, 0.5, true),
            flag("recall", Laterality::Right, 0.5, false),
            flag("sure", Laterality::Left, 0.9, false),
            flag("sure", Laterality::Right, 0.9, false),
            flag("sensitive", Laterality::Left, 0.2, true),
            flag("sensitive", Laterality::Right, 0.2, true),
        ],
    }
}

fn dense(sources: &[Source]) -> Scores {
    let outputs = || {
        vec![
            probability("p_dense", 0.83),
            Output { name: "density".into(), value: Value::Category("C".into()) },
            probability("p_c", 0.62),
            score("density_score", 1.25),
            Output {
                name: "relative_risk_vs_a".into(),
                value: Value::RelativeRisk {
                    ratio: 2.1,
                    interval: None,
                    reference: "BI-RADS A".into(),
                    source: "a paper".into(),
                },
            },
        ]
    };
    Scores {
        package: package(),
        backend: "candle".into(),
        images: Slot::ALL.iter().map(|slot| image(sources, *slot, outputs(), vec![])).collect(),
        breasts: Laterality::ALL.iter().map(|l| BreastScores { laterality: *l, outputs: outputs() }).collect(),
        exam: outputs(),
        flags: vec![],
    }
}

/// Every outcome by name: sources, report, manifest, how it is made.
fn outcomes() -> Vec<(&'static str, Vec<Source>, Report, Manifest, Making)> {
    let serbian = || PhantomPatient { name: "Јовановић^Љиљана".into(), ..PhantomPatient::default() };
    let cyrillic = || PhantomPatient { character_set: "ISO_IR 144".into(), ..serbian() };
    let latin = || PhantomPatient {
        name: "ĐORĐEVIĆ^Žaklina".into(),
        character_set: "ISO_IR 101".into(),
        ..PhantomPatient::default()
    };
    let bundled = || Package::bundled().unwrap().manifest().clone();
    let mut all = Vec::new();
    let mut add = |name, patient: PhantomPatient, manifest: Manifest, language, make: &dyn Fn(&[Source]) -> Report| {
        let sources = sources(patient);
        let report = make(&sources);
        let mut making = making(language);
        // What this one replaces.
        let earlier = |n: &str| n.parse().unwrap();
        if name == "several-regions" {
            making.supersedes = vec![
                ("1.2.840.10008.5.1.4.1.1.88.50".parse().unwrap(), "2.25.7".parse().unwrap(), earlier("2.25.71")),
                ("1.2.840.10008.5.1.4.1.1.88.34".parse().unwrap(), "2.25.8".parse().unwrap(), earlier("2.25.81")),
            ];
        }
        all.push((name, sources, report, manifest, making));
    };
    add("several-regions", serbian(), detector(), Language::En, &|s| report(s, Ok(detected(s))));
    add("no-findings", cyrillic(), detector(), Language::SrCyrl, &|s| {
        let mut scores = detected(s);
        scores.images.iter_mut().for_each(|image| image.regions.clear());
        scores.flags.iter_mut().for_each(|flag| flag.flagged = false);
        report(s, Ok(scores))
    });
    add("no-points", latin(), bundled(), Language::SrLatn, &|s| {
        let mut scores = detected(s);
        scores.flags.clear();
        report(s, Ok(scores))
    });
    add("density", serbian(), bundled(), Language::En, &|s| report(s, Ok(dense(s))));
    add("partial", serbian(), detector(), Language::En, &|s| {
        let mut scores = detected(s);
        scores.images.retain(|image| image.slot != Slot::RightMlo);
        let mut report = report(s, Ok(scores));
        let lost = &source(s, Slot::RightMlo).sop_instance;
        for (uid, fate) in &mut report.fates {
            if uid == lost {
                *fate = Fate::Unreadable("the pixels break off".into());
            }
        }
        report.missing = vec![Slot::RightMlo];
        report.unreadable = vec![Unreadable { name: "x".into(), problem: "is not DICOM".into() }];
        report
    });
    add("failed", serbian(), detector(), Language::En, &|s| report(s, Err(vec![Reason::ModelFailed("NaN".into())])));
    add("no-breast", serbian(), bundled(), Language::SrLatn, &|s| {
        let reason = Reason::NoBreastFound { slot: Slot::LeftCc.to_string(), detail: "gate: contrast".into() };
        report(s, Err(vec![reason]))
    });
    add("not-attempted", serbian(), detector(), Language::SrCyrl, &|s| {
        let mut report = report(s, Err(vec![Reason::ViewMissing(Laterality::Left, View::CranioCaudal)]));
        report.missing = vec![Slot::LeftCc];
        report
    });
    add("contradiction", serbian(), bundled(), Language::En, &|s| {
        let uid: SopInstanceUid = s[0].sop_instance.clone();
        report(s, Err(vec![Reason::Contradiction { uid, what: "laterality", detail: "L and R".into() }]))
    });
    all
}

fn made() -> Vec<(&'static str, Vec<ResultObject>)> {
    let make = |(name, sources, report, manifest, making): (_, Vec<Source>, Report, Manifest, Making)| {
        let made = objects(&making, &sources, &report, None, &manifest);
        assert!(made.problems.is_empty(), "{name}: {:?}", made.problems);
        (name, made.objects)
    };
    outcomes().into_iter().map(make).collect()
}

/// Every object of every outcome as a file, named by outcome and kind.
fn written(folder: &Path) -> Vec<(String, ObjectKind, PathBuf)> {
    let mut files = Vec::new();
    for (name, objects) in made() {
        for (n, object) in objects.iter().enumerate() {
            let named = format!("{name}-{n}-{:?}", object.kind).to_lowercase();
            let path = folder.join(format!("{named}.dcm"));
            std::fs::write(&path, &object.bytes).unwrap();
            files.push((named, object.kind, path));
        }
    }
    files
}

/// Where files go: a folder that stays, for people who want to look, or one that does not.
fn folder() -> (Option<tempfile::TempDir>, PathBuf) {
    match std::env::var_os("TEST_OBJECTS_DIR") {
        Some(kept) => {
            std::fs::create_dir_all(&kept).unwrap();
            (None, kept.into())
        }
        None => {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().to_owned();
            (Some(folder), path)
        }
    }
}

fn has(program: &str) -> bool {
    let there = Command::new("which").arg(program).output().is_ok_and(|o| o.status.success());
    if !there {
        eprintln!("skipped: {program} is not installed");
    }
    there
}

#[test]
fn dciodvfy_finds_nothing() {
    if !has("dciodvfy") {
        return;
    }
    let (_kept, folder) = folder();
    let mut found = String::new();
    for (name, kind, path) in written(&folder) {
        let output = Command::new("dciodvfy").arg(&path).output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said).into_owned();
        for line in said.lines().filter(|l| l.starts_with("Error") || l.starts_with("Warning")) {
            // A scheme of our own is allowed (PS3.16 section 8.2), and the CAD report has none of it.
            if kind != ObjectKind::CadSr && line.contains("Unrecognized defined term <99UVID>") {
                continue;
            }
            found.push_str(&format!("{name}: {line}\n"));
        }
    }
    assert!(found.is_empty(), "{found}");
}

#[test]
fn pixelmed_finds_nothing() {
    if !has("java") || !Path::new(PIXELMED).exists() {
        eprintln!("skipped: {PIXELMED} is not installed");
        return;
    }
    let (_kept, folder) = folder();
    let mut found = String::new();
    for (name, kind, path) in written(&folder) {
        if !matches!(kind, ObjectKind::CadSr | ObjectKind::Sr | ObjectKind::Rejection) {
            continue;
        }
        let output = Command::new("java")
            .args(["-Djdk.xml.xpathExprGrpLimit=0", "-Djdk.xml.xpathExprOpLimit=0", "-Djdk.xml.xpathTotalOpLimit=0"])
            .args(["-cp", PIXELMED, "com.pixelmed.validate.DicomSRValidator"])
            .arg(&path)
            .output()
            .unwrap();
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said).into_owned();
        assert!(said.contains("Validation Complete"), "{name}: {said}");
        // Slips of that edition: it looks for the value of a quality finding in its name, so that the image which row
        // 18 of TID 4006 wants counts as one too many; and it has two spaces in two names. Its context group 100, a
        // baseline that may be extended, knows no mammography. TID 1500 may be extended, too: that an evaluation is of
        // one breast is such an extension.
        let slip = |l: &&str| {
            l.contains("[Row 18] IMAGE *") && l.contains("condition not satisfied")
                || l.contains("has different code meaning")
                    && (l.contains("\"Failed  Analyses\"") || l.contains("\"Failed  Detections\""))
                || l.contains("(71651007,SCT,\"Mammography\") not found in context group 100")
                || l.contains("\"Qualitative Evaluations\"")
                    && l.ends_with("/CODE (272741003,SCT,\"Laterality\"): Content Item not in template")
        };
        for line in said.lines().filter(|l| (l.contains("Error") || l.contains("Warning")) && !slip(l)) {
            found.push_str(&format!("{name}: {line}\n"));
        }
    }
    assert!(found.is_empty(), "{found}");
}

/// Walks a content tree: `[code, value]` of every NUM, the graphic data of every SCOORD, and the patient's name.
const PYDICOM: &str = r#"
import json, sys, pydicom, highdicom
def walk(item, out):
    if getattr(item, "ValueType", "") == "NUM":
        value = item.MeasuredValueSequence[0]
        number = value.get("FloatingPointValue", float(value.NumericValue))
        name, unit = item.ConceptNameCodeSequence[0], value.MeasurementUnitsCodeSequence[0]
        out["numbers"].append([name.CodeValue, name.CodingSchemeDesignator, name.CodeMeaning, unit.CodeValue, number])
    if getattr(item, "ValueType", "") == "SCOORD":
        below = item.ContentSequence[0]
        if "ReferencedSOPSequence" in below:
            of = below.ReferencedSOPSequence[0].ReferencedSOPInstanceUID
        else:
            # By reference, to an item of the image library.
            target = ds
            for n in list(below.ReferencedContentItemIdentifier)[1:]:
                target = target.ContentSequence[n - 1]
            of = target.ReferencedSOPSequence[0].ReferencedSOPInstanceUID
        out["graphics"].append([of, [float(v) for v in item.GraphicData]])
    for below in item.get("ContentSequence", []):
        walk(below, out)
out = {"numbers": [], "graphics": []}
ds = pydicom.dcmread(sys.argv[1])
out["name"] = str(ds.PatientName)
walk(ds, out)
if ds.SOPClassUID == "1.2.840.10008.5.1.4.1.1.88.34":
    report = highdicom.sr.srread(sys.argv[1])
    content = report.content
    out["regions"] = len(content.get_planar_roi_measurement_groups())
    out["groups"] = len(content.get_image_measurement_groups())
print(json.dumps(out))
"#;

const DCMJS: &str = r#"
const dcmjs = require("dcmjs"), fs = require("fs");
const file = fs.readFileSync(process.argv[1]);
const data = dcmjs.data.DicomMessage.readFile(file.buffer.slice(file.byteOffset, file.byteOffset + file.length));
const ds = dcmjs.data.DicomMetaDictionary.naturalizeDataset(data.dict);
const list = (x) => (x === undefined ? [] : Array.isArray(x) ? x : [x]);
const out = { numbers: [], graphics: [] };
const walk = (item) => {
  if (item.ValueType === "NUM") {
    const value = list(item.MeasuredValueSequence)[0];
    const number = value.FloatingPointValue === undefined ? Number(value.NumericValue) : value.FloatingPointValue;
    const name = list(item.ConceptNameCodeSequence)[0], unit = list(value.MeasurementUnitsCodeSequence)[0];
    out.numbers.push([name.CodeValue, name.CodingSchemeDesignator, name.CodeMeaning, unit.CodeValue, number]);
  }
  if (item.ValueType === "SCOORD") {
    let target = list(item.ContentSequence)[0];
    if (target.ReferencedSOPSequence === undefined) {
      // By reference, to an item of the image library.
      const path = list(target.ReferencedContentItemIdentifier).slice(1);
      target = path.reduce((at, n) => list(at.ContentSequence)[n - 1], ds);
    }
    out.graphics.push([list(target.ReferencedSOPSequence)[0].ReferencedSOPInstanceUID, list(item.GraphicData)]);
  }
  list(item.ContentSequence).forEach(walk);
};
const name = list(ds.PatientName)[0];
out.name = typeof name === "string" ? name : name.Alphabetic;
walk(ds);
console.log(JSON.stringify(out));
"#;

/// What a reader says of each structured report, as JSON.
fn read_by(mut command: impl FnMut(&Path) -> Command) -> Vec<(String, ObjectKind, serde_json::Value)> {
    let (_kept, folder) = folder();
    let mut all = Vec::new();
    for (name, kind, path) in written(&folder) {
        if matches!(kind, ObjectKind::CadSr | ObjectKind::Sr) {
            let output = command(&path).output().unwrap();
            assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
            let said = serde_json::from_slice(&output.stdout).unwrap();
            all.push((name, kind, said));
        }
    }
    all
}

/// Every number and every outline of the report is in what a reader says.
fn holds(all: &[(String, ObjectKind, serde_json::Value)]) {
    let outcomes = outcomes();
    assert_eq!(all.len(), 2 * outcomes.len());
    for (name, kind, said) in all {
        let (_, sources, report, ..) = outcomes.iter().find(|(of, ..)| name.starts_with(*of)).unwrap();
        let expected = sources[0].patient.name.as_deref().unwrap();
        assert_eq!(said["name"].as_str().unwrap(), expected, "{name}");
        let Ok(scores) = &report.outcome else { continue };
        // The CAD report has no codes of our own, hence no such numbers.
        let own = *kind == ObjectKind::Sr;
        let numbers: Vec<(String, String, String, String, f64)> =
            serde_json::from_value(said["numbers"].clone()).unwrap();
        let outputs = scores.exam.iter().chain(scores.breasts.iter().flat_map(|b| &b.outputs));
        for output in outputs.filter(|_| own) {
            let Some((meaning, unit, value)) = expected_number(output) else {
                // Categories are evaluations, ratios are the literature's.
                assert!(!numbers.iter().any(|n| n.0 == code_of(&output.name)), "{name}: {}", output.name);
                continue;
            };
            let expected =
                (code_of(&output.name).to_owned(), "99UVID".to_owned(), meaning.to_owned(), unit.to_owned(), value);
            assert!(numbers.contains(&expected), "{name}: {expected:?} in {numbers:?}");
        }
        let graphics: Vec<(String, Vec<f64>)> = serde_json::from_value(said["graphics"].clone()).unwrap();
        for (image, region) in scores.images.iter().flat_map(|image| image.regions.iter().map(move |r| (image, r))) {
            let closed = region.outline.iter().chain(region.outline.first());
            let points = closed.flat_map(|(row, column)| [*column, *row]).collect();
            let expected: (String, Vec<f64>) = (image.sop_instance.to_string(), points);
            assert!(graphics.contains(&expected), "{name}: {expected:?} in {graphics:?}");
        }
    }
}

/// Meaning, unit and value of an output as a measurement; these are all that [`detected`] and [`dense`] have.
fn expected_number(output: &Output) -> Option<(&'static str, &'static str, f64)> {
    let (meaning, unit) = match output.name.as_str() {
        "malignant" => ("malignant", "1"),
        "benign" => ("benign", "1"),
        "p_malignant" => ("p_malignant", "{0:1}"),
        "malignant_percentile" => ("malignant_percentile", "{percentile}"),
        "risk_year_5" => ("Risk, 5 years: risk_year_5", "{0:1}"),
        "p_dense" => ("Probability of a dense category, C or D", "{0:1}"),
        "p_c" => ("Probability of category C", "{0:1}"),
        "density_score" => ("Continuous density score", "1"),
        "density" | "relative_risk_vs_a" => return None,
        other => panic!("{other} is expected nowhere"),
    };
    Some((meaning, unit, output.value.number().unwrap()))
}

/// The code of an output's name: itself, or its beginning and that of its SHA-256.
fn code_of(name: &str) -> &str {
    match name {
        "malignant_percentile" => "malignant-cfc8cc",
        "relative_risk_vs_a" => "relative_-c0282d",
        short => short,
    }
}

#[test]
fn pydicom_and_highdicom_read_the_same_numbers() {
    let Some(python) = python_with("pydicom, highdicom") else { return };
    let all = read_by(|path| {
        let mut command = Command::new(&python);
        command.args(["-c", PYDICOM]).arg(path);
        command
    });
    holds(&all);
    let (_, _, said) =
        all.iter().find(|(name, kind, _)| name.starts_with("several") && *kind == ObjectKind::Sr).unwrap();
    assert_eq!((said["regions"].as_u64(), said["groups"].as_u64()), (Some(5), Some(7)), "{said}");
}

#[test]
fn dcmjs_reads_the_same_numbers() {
    let modules = std::env::var("TEST_PEERS_NODE").unwrap_or_default();
    let node = |script: &str| {
        let mut command = Command::new("node");
        command.env("NODE_PATH", &modules).args(["-e", script]);
        command
    };
    if !node("require('dcmjs')").output().is_ok_and(|o| o.status.success()) {
        return eprintln!("skipped: node has no dcmjs (npm install dcmjs; TEST_PEERS_NODE)");
    }
    holds(&read_by(|path| {
        let mut command = node(DCMJS);
        command.arg(path);
        command
    }));
}
