//! `uvid evaluate`, `uvid stats`, `uvid dataset`: as a researcher at a terminal.

use std::path::Path;

use serde_json::Value;

use super::support::{run, shared, stderr, stdout};

/// The findings of `uvid stats … --format json`.
fn findings(arguments: &[&str]) -> Vec<Value> {
    let output = run(&[&["stats"], arguments, &["--format", "json"]].concat());
    serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {}", stderr(&output)))
}

fn value(findings: &[Value], subject: &str, measure: &str) -> f64 {
    let found = findings.iter().find(|f| f["subject"] == subject && f["measure"] == measure);
    found.and_then(|f| f["value"].as_f64()).unwrap_or_else(|| panic!("no {measure} of {subject}"))
}

#[test]
fn the_published_figures_of_the_reader_study() {
    let Some(table) = shared("data/reader_study/results.csv") else { return };
    let table = table.to_str().unwrap();
    let check = |model: &str, measure: &str, published: &str| {
        let command = if measure == "AUC" { "roc" } else { "precision-recall" };
        let common = ["--label", "label", "--score", model, "--cluster", "case_ID", "--resamples", "0"];
        let found = findings(&[&[command, table], &common[..]].concat());
        assert_eq!(format!("{:.4}", value(&found, model, measure)), published, "{measure} of {model}");
    };
    for (model, area, precision) in [
        ("AI_GMIC_top5_POM", "0.8812", "0.4070"),
        ("AI_GMIC_top1_POM", "0.8567", "0.3529"),
        ("AI_GLAM_POM", "0.8532", "0.2362"),
        ("AI_DMVCNN_POM", "0.7788", "0.1667"),
        ("AI_frcnn_POM", "0.7145", "0.2312"),
    ] {
        check(model, "AUC", area);
        check(model, "average precision", precision);
    }
    let readers: Vec<String> = (1..=14).map(|i| format!("Reader{i:02}_POM")).collect();
    let mut arguments =
        vec!["readers", table, "--label", "label", "--cluster", "case_ID", "--score", "AI_GMIC_top5_POM"];
    arguments.extend(readers.iter().flat_map(|reader| ["--reader", reader]));
    let found = findings(&arguments);
    let areas: Vec<f64> = readers.iter().map(|reader| value(&found, reader, "AUC")).collect();
    let (lowest, highest) = areas.iter().fold((1.0_f64, 0.0_f64), |(l, h), area| (l.min(*area), h.max(*area)));
    assert_eq!((format!("{lowest:.4}"), format!("{highest:.4}")), ("0.7045".into(), "0.8598".into()));
    let mean = areas.iter().sum::<f64>() / 14.0;
    assert!((value(&found, "mean of readers", "AUC") - mean).abs() < 1e-12);
}

#[test]
fn a_table_of_risks() {
    let Some(table) = shared("data/risk_table/general_eval_demo_data.csv") else { return };
    let mut arguments = vec!["survival", table.to_str().unwrap(), "--per-year", "365", "--resamples", "0"];
    arguments.extend(["--event", "Days_to_Cancer", "--followed", "Days_Followup"]);
    arguments.extend(["--risk", "Year1=1", "--risk", "Year2=2", "--risk", "Year5=5"]);
    let found = findings(&arguments);
    // As scikit-survival has them: the comparison to the last place is among the tests of uvid-metrics.
    assert_eq!(format!("{:.4}", value(&found, "Year1", "concordance")), "0.7444");
    assert_eq!(format!("{:.4}", value(&found, "Year2", "AUC of those followed")), "0.8491");
    assert_eq!(format!("{:.4}", value(&found, "Year5", "AUC of those followed")), "0.7500");
}

/// Evaluates a set in `root` into `out`.
fn evaluate(root: &Path, out: &Path, more: &[&str]) -> std::process::Output {
    let (root, out) = (root.to_str().unwrap(), out.to_str().unwrap());
    run(&[&["evaluate", "--set", root, "--set-name", "generic", "--out", out, "--resamples", "50"], more].concat())
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

#[test]
fn phantoms_are_evaluated_once_however_often_it_is_asked() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("whole");
    let arguments = ["evaluate", "--phantoms", "6", "--out", out.to_str().unwrap(), "--resamples", "50"];
    let first = run(&arguments);
    assert_eq!(first.status.code(), Some(0), "{}", stderr(&first));
    assert!(stdout(&first).contains("6 exams of 6 scored now"), "{}", stdout(&first));
    let report = read(&out.join("report.html"));
    for expected in ["synthetic", "FROC", "Worst misses", "STARD-AI", "sha256:", "not a cancer detector"] {
        assert!(report.contains(expected), "{expected:?} is not in the report");
    }
    assert!(std::fs::read(out.join("report.pdf")).unwrap().starts_with(b"%PDF-"));
    let breasts = read(&out.join("scores-breast.csv"));
    assert_eq!(breasts.lines().count(), 13, "a header and twelve breasts");
    assert!(breasts.starts_with("patient,exam,breast,cancer,"), "{breasts}");

    // A process that was killed in the middle of a line leaves half of one.
    let journal = out.join("journal/1-of-1.jsonl");
    let written = read(&journal);
    std::fs::write(&journal, &written[..written.len() - 100]).unwrap();
    let again = run(&arguments);
    assert!(stdout(&again).contains("1 exams of 6 scored now, 5 done before"), "{}", stdout(&again));
    assert_eq!(read(&out.join("report.html")), report, "the same bytes");
    assert_eq!(read(&out.join("scores-breast.csv")), breasts);

    // A mistake costs neither hours nor the report that is there.
    let typo = run(&[&arguments[..], &["--subgroup", "denisty"]].concat());
    assert_eq!(typo.status.code(), Some(1));
    assert!(stderr(&typo).contains("no column \"denisty\"; there are: breast, "), "{}", stderr(&typo));
    assert_eq!(read(&out.join("report.html")), report);

    // Two processes share the work; whoever ends last has all of it.
    let (set, shared) = (out.join("phantoms"), folder.path().join("shared"));
    let one = evaluate(&set, &shared, &["--shard", "1/2"]);
    assert_eq!(one.status.code(), Some(0), "{}", stderr(&one));
    assert!(stdout(&one).contains("left to other processes"), "{}", stdout(&one));
    assert!(!shared.join("report.html").exists());
    let two = evaluate(&set, &shared, &["--shard", "2/2"]);
    assert_eq!(two.status.code(), Some(0), "{}", stderr(&two));
    assert_eq!(read(&shared.join("scores-breast.csv")), breasts, "whoever scored what");
}

#[test]
fn what_a_table_says_of_a_file_is_believed_unless_the_file_says_otherwise() {
    let folder = tempfile::tempdir().unwrap();
    let (root, out) = (folder.path().join("set"), folder.path().join("out"));
    std::fs::create_dir_all(&root).unwrap();
    let exam = uvid_datasets::phantom::exam(&uvid_datasets::phantom::Spec::small(3)).unwrap();
    for file in &exam {
        std::fs::write(root.join(&file.file_name), &file.bytes).unwrap();
    }
    // A picture knows neither side nor view: the table says both.
    let picture = image::ImageBuffer::from_fn(240_u32, 288_u32, |x, y| {
        let inside = (f64::from(x) / 160.0).powi(2) + ((f64::from(y) - 144.0) / 110.0).powi(2) < 1.0;
        image::Luma([if inside { 20_000 + ((x * 37 + y * 91) % 9000) as u16 } else { 0 }])
    });
    picture.save(root.join("picture.png")).unwrap();
    let header = "patient,exam,image,laterality,view,file,cancer_breast\n";
    let rows = "a,1,a-l,L,CC,L-CC.dcm,1\na,1,a-r,R,CC,R-CC.dcm,0\nb,1,b-l,L,CC,picture.png,0\n\
                c,1,c-wrong,R,CC,L-MLO.dcm,1\nd,1,d-missing,L,CC,nowhere.dcm,1\n";
    std::fs::write(root.join("cohort.csv"), [header, rows].concat()).unwrap();
    let result = evaluate(&root, &out, &[]);
    assert_eq!(result.status.code(), Some(3), "{}{}", stdout(&result), stderr(&result));
    let not_scored = read(&out.join("not-scored.csv"));
    assert!(not_scored.contains("density-v0,c,1,contradiction"), "{not_scored}");
    assert!(not_scored.contains("density-v0,d,1,unreadable"), "{not_scored}");
    let breasts = read(&out.join("scores-breast.csv"));
    assert!(stdout(&result).contains("not-scored.csv"), "{}", stdout(&result));
    let scored: Vec<&str> =
        breasts.lines().filter(|line| !line.contains("contradiction") && !line.contains("unreadable")).collect();
    assert_eq!(scored.len(), 4, "a header and the breasts of a and b:\n{breasts}");
    assert!(scored[3].starts_with("b,1,L,0,"), "{breasts}");

    let check = run(&["dataset", "check", root.to_str().unwrap()]);
    assert_eq!(check.status.code(), Some(4), "{}", stdout(&check));
    assert!(stdout(&check).contains("d-missing"), "{}", stdout(&check));
}

#[test]
fn a_file_that_was_mended_is_scored_again() {
    let folder = tempfile::tempdir().unwrap();
    let (root, out) = (folder.path().join("set"), folder.path().join("out"));
    std::fs::create_dir_all(&root).unwrap();
    let mut table = "patient,exam,image,laterality,view,file,cancer_breast\n".to_owned();
    for seed in 1..=2 {
        let exam = uvid_datasets::phantom::exam(&uvid_datasets::phantom::Spec::small(seed)).unwrap();
        std::fs::write(root.join(format!("{seed}.dcm")), &exam[0].bytes).unwrap();
        table += &format!("p{seed},1,i{seed},L,CC,{seed}.dcm,{}\n", seed % 2);
    }
    std::fs::write(root.join("cohort.csv"), table).unwrap();
    let (path, bytes) = (root.join("1.dcm"), std::fs::read(root.join("1.dcm")).unwrap());
    let check = |bytes: &[u8], code: i32, said: &str| {
        std::fs::write(&path, bytes).unwrap();
        let result = evaluate(&root, &out, &[]);
        assert_eq!(result.status.code(), Some(code), "{}", stderr(&result));
        assert!(stdout(&result).contains(said), "{}", stdout(&result));
    };
    check(&vec![0; bytes.len()], 3, "2 exams of 2 scored now");
    check(&bytes, 0, "1 exams of 2 scored now, 1 done before");
}

#[test]
fn lesions_that_cannot_be_judged_are_left_out_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let (root, out) = (folder.path().join("set"), folder.path().join("out"));
    std::fs::create_dir_all(&root).unwrap();
    let mut table =
        "patient,exam,image,laterality,view,file,height,cancer_image,lesion_id,lesion_malignant,left,top,right,bottom,mask,width\n"
            .to_owned();
    let lesions = [
        ("found", "1,1,1,10,10,60,60,"),
        ("benign", "0,1,0,10,10,60,60,"),
        ("nowhere", "1,1,1,,,,,"),
        ("reversed", "1,1,1,60,60,10,10,"),
        ("no-mask", "1,1,1,,,,,mask.png"),
        ("other-size", "1,1,1,,,,,small.png"),
        ("unknown", ",,,,,,,"),
        // Nobody says that what is outlined is benign, but the image is without cancer.
        ("unsaid", "0,1,,10,10,60,60,"),
        ("elsewhere", "1,1,1,10,10,60,4000,"),
        ("twice", "1,1,1,10,10,60,60,"),
        ("twice", "1,2,1,10,10,60,60,"),
        ("enlarged", "1,1,1,10,10,60,60,"),
    ];
    image::GrayImage::from_pixel(20, 20, image::Luma([255])).save(root.join("small.png")).unwrap();
    for (seed, (name, lesion)) in lesions.iter().enumerate() {
        let exam = uvid_datasets::phantom::exam(&uvid_datasets::phantom::Spec::small(seed as u64 + 1)).unwrap();
        if !root.join(format!("{name}.dcm")).exists() {
            std::fs::write(root.join(format!("{name}.dcm")), &exam[0].bytes).unwrap();
        }
        let size = if *name == "enlarged" { ("2294", "1914") } else { ("", "") };
        table += &format!("{name},1,{name},L,CC,{name}.dcm,{},{lesion},{}\n", size.0, size.1);
    }
    std::fs::write(root.join("cohort.csv"), table).unwrap();
    let result = evaluate(&root, &out, &["--level", "image"]);
    assert_eq!(result.status.code(), Some(0), "{}", stderr(&result));
    let report = read(&out.join("report.html"));
    for expected in [
        "4 images, 2 of them with 2 lesion",
        "reaches out of its image",
        "another size than its file",
        "does not say where a lesion",
        "area is not a positive finite number",
        "the file of a mask is not there",
        "not of the image&#39;s size",
        "not known to be without cancer",
    ] {
        let plain = expected.replace("&#39;", "'");
        assert!(report.contains(expected) || report.contains(&plain), "{expected:?} is not in the report");
    }
}

#[test]
fn what_cannot_be_evaluated_says_why_and_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let check = |arguments: &[&str], expected: &str| {
        let result = run(arguments);
        assert_eq!(result.status.code(), Some(1), "{arguments:?}");
        assert!(stderr(&result).contains(expected), "{arguments:?}: {}", stderr(&result));
    };
    let table = write("scores.csv", "p,s,y\na,0.1,0\nb,0.2,1\nc,x,1\n");
    check(
        &["stats", "roc", &table, "--score", "s", "--label", "y"],
        "row 3, column \"s\": \"x\" is not a finite number",
    );
    check(&["stats", "roc", &table, "--score", "t", "--label", "y"], "there is no column \"t\"; there are: p, s, y");
    check(&["stats", "roc", &table, "--label", "y"], "--score");
    check(&["stats", "roc", &table, "--score", "s", "--label", "p"], "is not 1 or 0");
    check(&["stats", "roc", "nowhere.csv", "--score", "s"], "nowhere.csv");
    let empty = folder.path().join("empty");
    std::fs::create_dir(&empty).unwrap();
    let (empty, out) = (empty.to_str().unwrap(), folder.path().join("out").display().to_string());
    check(&["evaluate", "--set", empty, "--out", &out], "uvid dataset list");
    check(&["evaluate", "--out", &out], "--set, --phantoms or --table");
    check(&["dataset", "show", "nowhere"], "nowhere: there is no such folder");
    let unlabelled = folder.path().join("unlabelled");
    std::fs::create_dir(&unlabelled).unwrap();
    std::fs::write(unlabelled.join("cohort.csv"), "patient,image,laterality,view,cancer\np,i,L,CC,1\n").unwrap();
    let unlabelled = unlabelled.to_str().unwrap();
    check(&["evaluate", "--set", unlabelled, "--set-name", "generic", "--out", &out], "--label COLUMN:VALUES");
    let twice = ["evaluate", "--phantoms", "1", "--out", &out, "--model", "density-v0", "--model", "density-v0"];
    check(&twice, "two packages are called \"density-v0\"");
    check(&["evaluate", "--phantoms", "1", "--out", &out, "--output", "cancr"], "no package gives \"cancr\"");
    for option in [["--model", "density-v0"], ["--hit-radius", "3"], ["--device", "cpu"], ["--level", "exam"]] {
        let result = run(&[&["evaluate", "--table", &table, "--score", "s", "--out", &out], &option[..]].concat());
        assert_eq!(result.status.code(), Some(2), "{option:?} with a table: {}", stderr(&result));
        assert!(stderr(&result).contains(option[0]), "{}", stderr(&result));
    }

    // One class: there is no area, and no number in its place.
    let one = write("one.csv", "s,y\n0.1,0\n0.2,0\n");
    let found = findings(&["roc", &one, "--score", "s", "--label", "y"]);
    let area = found.iter().find(|f| f["measure"] == "AUC").unwrap();
    assert!(area["value"].is_null());
    assert_eq!(area["no_value_because"], "0 positive and 2 negative: both are needed");
}

#[test]
fn a_second_package_is_a_second_column() {
    let folder = tempfile::tempdir().unwrap();
    let (set, package, out) = (folder.path().join("set"), folder.path().join("other"), folder.path().join("out"));
    let bundled = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../model/packages/density-v0"));
    copy(bundled, &package);
    let manifest = read(&package.join("package.toml")).replacen("name = \"density-v0\"", "name = \"other\"", 1);
    std::fs::write(package.join("package.toml"), manifest).unwrap();
    let mut table = "patient,exam,image,laterality,view,file,cancer_breast\n".to_owned();
    for seed in 1..=4 {
        let exam = set.join(format!("{seed}"));
        std::fs::create_dir_all(&exam).unwrap();
        for file in uvid_datasets::phantom::exam(&uvid_datasets::phantom::Spec::small(seed)).unwrap() {
            std::fs::write(exam.join(&file.file_name), &file.bytes).unwrap();
            let (side, view) = (file.slot.laterality(), file.slot.name().split_once('-').unwrap().1);
            let ill = u8::from(seed % 2 == 0 && side == uvid_exam::Laterality::Left);
            table += &format!("p{seed},1,{seed}-{},{side},{view},{seed}/{},{ill}\n", file.slot, file.file_name);
        }
    }
    std::fs::write(set.join("cohort.csv"), table).unwrap();
    let one = evaluate(&set, &out, &["--model", "density-v0"]);
    assert_eq!(one.status.code(), Some(0), "{}", stderr(&one));
    let journal = read(&out.join("journal/1-of-1.jsonl"));
    let two = evaluate(&set, &out, &["--model", "density-v0", "--model", package.to_str().unwrap()]);
    assert_eq!(two.status.code(), Some(0), "{}", stderr(&two));
    let added = read(&out.join("journal/1-of-1.jsonl"));
    let added = added.strip_prefix(&journal).expect("what was done is not done again");
    assert_eq!(added.lines().filter(|line| line.contains("\"name\":\"other\"")).count(), 4);
    let breasts = read(&out.join("scores-breast.csv"));
    let mut rows = csv(&breasts);
    let header = rows.remove(0);
    let column =
        |name: &str| header.iter().position(|column| column == name).unwrap_or_else(|| panic!("{name}: {header:?}"));
    let (a, b) = (column("density-v0:p_dense"), column("other:p_dense"));
    assert_eq!(rows.len(), 8);
    assert!(rows.iter().all(|row| row[a] == row[b]), "the same weights, the same score");
    assert!(read(&out.join("report.html")).contains("Comparison of models"));
}

/// Rows of a table without quotes.
fn csv(text: &str) -> Vec<Vec<String>> {
    text.lines().map(|line| line.split(',').map(str::to_owned).collect()).collect()
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &target),
            false => drop(std::fs::copy(entry.path(), target).unwrap()),
        }
    }
}

#[test]
fn a_table_survives_parquet() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(path("a.csv"), "patient,score,cancer\nЖ,0.30000000000000004,1\nč,,0\nx,1e-300,0\n").unwrap();
    for (from, to) in [("a.csv", "a.parquet"), ("a.parquet", "b.csv")] {
        let result = run(&["stats", "convert", &path(from), &path(to)]);
        assert_eq!(result.status.code(), Some(0), "{}", stderr(&result));
    }
    assert_eq!(read(&folder.path().join("b.csv")), read(&folder.path().join("a.csv")));
}
