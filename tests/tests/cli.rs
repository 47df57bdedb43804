//! Every subcommand, its formats and exit codes.

use super::support::{output, run, score, small_exam, stderr, stdout, timeless, write};

#[test]
fn the_demo_walks_the_whole_road() {
    let folder = tempfile::tempdir().unwrap();
    let demo = folder.path().join("demo");
    let result = run(&["demo", "--folder", demo.to_str().unwrap()]);
    assert_eq!(result.status.code(), Some(0), "{}", stderr(&result));
    let text = stdout(&result);
    for expected in [
        "chosen for L-CC",
        "chosen for L-MLO",
        "chosen for R-CC",
        "chosen for R-MLO",
        "L breast",
        "R breast",
        "exam",
        "p_dense",
        "Published relative risk",
        "package  sha256:",
        "Time    read",
        "Heat maps",
        "uvid serve",
        "uvid score",
        "Not for diagnosis",
    ] {
        assert!(text.contains(expected), "{expected:?} is not in\n{text}");
    }
    let maps = std::fs::read_dir(demo.join("heatmaps")).unwrap().next().unwrap().unwrap().path();
    for view in ["L-CC", "L-MLO", "R-CC", "R-MLO"] {
        let map = image::open(maps.join(format!("{view}_dense-tissue.png"))).unwrap();
        assert_eq!((map.width(), map.height()), (1914, 2294), "in the file's own coordinates");
    }
}

#[test]
fn files_folders_and_archives_give_the_same_report() {
    let folder = tempfile::tempdir().unwrap();
    let exam = folder.path().join("exam");
    let files = small_exam(5);
    write(&exam, &files);
    std::fs::write(exam.join("readme.txt"), "not DICOM").unwrap();
    let whole = score(&[exam.to_str().unwrap()]);
    assert_eq!(whole.len(), 1);
    assert_eq!(whole[0]["state"], "scored");

    let mut paths: Vec<String> = files.iter().map(|f| exam.join(&f.file_name).display().to_string()).collect();
    paths.reverse();
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    assert_eq!(timeless(&score(&paths)[0]), timeless(&whole[0]), "in another order");

    let archive = folder.path().join("exam.zip");
    zip(&archive, &files);
    assert_eq!(timeless(&score(&[archive.to_str().unwrap()])[0]), timeless(&whole[0]), "from an archive");

    // Named twice is received twice and scored once.
    let twice = score(&[exam.to_str().unwrap(), archive.to_str().unwrap()]);
    assert_eq!(twice.len(), 1);
    assert_eq!(twice[0]["exam"], whole[0]["exam"]);
    let fates = twice[0]["received"].as_array().unwrap();
    assert_eq!(fates.len(), 8);
    assert_eq!(fates.iter().filter(|f| f["fate"].as_str().unwrap().contains("more than once")).count(), 4);
}

/// An archive of stored (not compressed) entries, by hand.
fn zip(path: &std::path::Path, files: &[uvid_datasets::phantom::PhantomFile]) {
    let (mut body, mut directory) = (Vec::new(), Vec::new());
    for file in files {
        let (name, size) = (file.file_name.as_bytes(), u32::try_from(file.bytes.len()).unwrap());
        let mut common = vec![10, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        common.extend(crc32(&file.bytes).to_le_bytes());
        common.extend([size.to_le_bytes(), size.to_le_bytes()].concat());
        common.extend(u16::try_from(name.len()).unwrap().to_le_bytes());
        common.extend([0, 0]);
        let offset = u32::try_from(body.len()).unwrap();
        body.extend([b"PK\x03\x04".as_slice(), &common, name, &file.bytes].concat());
        directory.extend([b"PK\x01\x02\x0a\x00".as_slice(), &common, &[0; 10], &offset.to_le_bytes(), name].concat());
    }
    let count = u16::try_from(files.len()).unwrap().to_le_bytes();
    let at = u32::try_from(body.len()).unwrap().to_le_bytes();
    let size = u32::try_from(directory.len()).unwrap().to_le_bytes();
    let end = [b"PK\x05\x06\0\0\0\0".as_slice(), &count, &count, &size, &at, &[0, 0]].concat();
    std::fs::write(path, [body, directory, end].concat()).unwrap();
}

fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, byte: &u8| {
        (0..8).fold(crc ^ u32::from(*byte), |c, _| if c & 1 == 1 { (c >> 1) ^ 0xEDB8_8320 } else { c >> 1 })
    };
    !bytes.iter().fold(!0, step)
}

#[test]
fn csv_has_one_row_for_each_value() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &small_exam(6));
    let path = folder.path().to_str().unwrap();
    let result = run(&["score", "--format", "csv", path]);
    assert_eq!(result.status.code(), Some(0), "{}", stderr(&result));
    let text = stdout(&result);
    assert!(
        text.starts_with("study,state,level,item,output,kind,value,interval_low,interval_high,reference,"),
        "{text}"
    );
    assert!(text.lines().skip(1).all(|l| l.contains("Not for diagnosis")), "{text}");
    let p_dense = output(&score(&[path])[0]["exam"], "p_dense");
    let row = text.lines().find(|l| l.contains(",exam,,p_dense,probability,")).expect("a row");
    assert_eq!(row.split(',').nth(6).unwrap().parse::<f64>().unwrap(), p_dense);
    assert_eq!(text.lines().filter(|l| l.contains(",p_dense,")).count(), 4 + 2 + 1);
}

#[test]
fn exit_codes_tell_not_scored_from_failed() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let check = |arguments: &[&str], code: i32, on_stderr: &str| {
        let result = run(arguments);
        assert_eq!(result.status.code(), Some(code), "{arguments:?}: {}{}", stdout(&result), stderr(&result));
        assert!(stderr(&result).contains(on_stderr), "{arguments:?}: {}", stderr(&result));
    };
    write(&folder.path().join("exam"), &small_exam(7));
    check(&["score", &path("exam")], 0, "");
    check(&["score", &path("nowhere")], 1, "does not exist");
    check(&["score"], 2, "Usage");
    check(&["score", &path("exam"), "--model", "cancer-v9"], 1, "there is no model package");

    std::fs::create_dir(folder.path().join("empty")).unwrap();
    check(&["score", &path("empty")], 1, "no DICOM file found");

    // For processing: the bundled model does not take it, and the report says why.
    let raw = path("raw");
    check(&["phantom", &raw, "--for-processing", "--rows", "288", "--columns", "240", "--spacing-mm", "0.8"], 0, "");
    check(&["score", &raw], 3, "");
    let report = &score(&[&raw])[0];
    assert_eq!(report["state"], "not-scored");
    assert_eq!(report["reasons"][0]["code"], "none-taken");
    assert!(report["reasons"][0]["text"].as_str().unwrap().contains("for processing (4)"), "{report}");
    assert!(report["received"][0]["fate"].as_str().unwrap().contains("for processing"));

    // A truncated file beside a good exam: the exam is scored, the file is named.
    let bytes = std::fs::read(folder.path().join("exam/L-CC.dcm")).unwrap();
    std::fs::write(folder.path().join("cut.dcm"), &bytes[..200]).unwrap();
    check(&["score", &path("exam"), &path("cut.dcm")], 3, "");
    let reports = score(&[&path("exam"), &path("cut.dcm")]);
    assert_eq!(reports.len(), 2);
    assert_eq!(reports[0]["state"], "scored");
    assert_eq!(
        (&reports[1]["study"], &reports[1]["reasons"][0]["code"]),
        (&serde_json::Value::Null, &"unreadable".into())
    );
    assert!(reports[1]["received"][0]["file"].as_str().unwrap().ends_with("cut.dcm"));

    // A file whose pixels are cut off is named, and what can be scored is.
    let cut = folder.path().join("exam-with-a-cut-view");
    write(&cut, &small_exam(7));
    std::fs::write(cut.join("L-CC.dcm"), &bytes[..bytes.len() - 5000]).unwrap();
    check(&["score", &cut.display().to_string()], 3, "");
    let report = &score(&[&cut.display().to_string()])[0];
    assert_eq!((&report["state"], &report["missing"]), (&"scored".into(), &serde_json::json!(["L-CC"])));
    let incomplete = report["received"].as_array().unwrap().iter().find(|r| r["code"] == "pixels-incomplete").unwrap();
    assert!(incomplete["fate"].as_str().unwrap().contains("L-CC.dcm"), "{incomplete}");

    check(&["model", "verify"], 0, "");
}

#[test]
fn what_lies_beside_an_exam_does_not_keep_it_from_being_scored() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    write(path, &small_exam(8));
    std::fs::write(path.join("broken.zip"), "PK\x03\x04 and no more").unwrap();
    std::fs::write(path.join("empty.dcm"), "").unwrap();
    std::fs::write(path.join("notes.txt"), "nothing").unwrap();
    std::fs::write(path.join("a name \x1b[31m in red.dcm"), vec![0; 300]).unwrap();
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("nowhere", path.join("dangling.dcm")).unwrap();
        std::os::unix::fs::symlink(path, path.join("loop")).unwrap();
    }
    let result = run(&["score", "--format", "json", path.to_str().unwrap()]);
    assert_eq!(result.status.code(), Some(3), "{}", stderr(&result));
    let reports: serde_json::Value = serde_json::from_slice(&result.stdout).unwrap();
    assert_eq!(reports[0]["state"], "scored");
    let unreadable: Vec<_> = reports[1]["received"].as_array().unwrap().iter().map(|r| r["file"].to_string()).collect();
    for name in ["broken.zip", "empty.dcm", "dangling.dcm", "loop", "in red.dcm"] {
        assert!(unreadable.iter().any(|u| u.contains(name)), "{name} is not in {unreadable:?}");
    }
    let table = stdout(&run(&["score", path.to_str().unwrap()]));
    assert!(!table.contains('\x1b'), "a file's name steers the terminal");
    assert!(stderr(&result).contains("1 file is not DICOM"), "{}", stderr(&result));
}

#[test]
fn a_study_with_too_many_pixels_is_not_scored() {
    let folder = tempfile::tempdir().unwrap();
    let exam = folder.path().join("exam");
    write(&exam, &small_exam(8));
    let config = folder.path().join("uvid.toml");
    std::fs::write(&config, "[dicom]\nstudy_pixels_max = 100000\n").unwrap();
    let report = score(&[exam.to_str().unwrap(), "--config", config.to_str().unwrap()]).remove(0);
    assert_eq!(report["reasons"][0]["code"], "too-many-pixels", "{report}");
}

/// What a package holds besides its texts.
const PICTURES: [&str; 5] =
    ["weights.safetensors", "golden/L-CC.png", "golden/L-MLO.png", "golden/R-CC.png", "golden/R-MLO.png"];

#[test]
fn a_package_that_was_touched_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/../model/packages/density-v0");
    let package = folder.path().join("package");
    std::fs::create_dir_all(package.join("golden")).unwrap();
    for file in ["package.toml", "golden/cases.toml"].iter().chain(&PICTURES) {
        std::fs::copy(format!("{source}/{file}"), package.join(file)).unwrap();
    }
    let path = package.to_str().unwrap();
    let result = run(&["model", "verify", path]);
    assert_eq!(result.status.code(), Some(0), "{}", stderr(&result));
    assert!(stdout(&result).contains("golden values agree"));

    let weights = package.join("weights.safetensors");
    let mut bytes = std::fs::read(&weights).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(&weights, bytes).unwrap();
    let result = run(&["model", "verify", path]);
    assert_eq!(result.status.code(), Some(1));
    assert!(stderr(&result).contains("weights.safetensors has the digest"), "{}", stderr(&result));
}

#[test]
fn a_package_with_other_golden_values_differs() {
    let folder = tempfile::tempdir().unwrap();
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/../model/packages/density-v0");
    std::fs::create_dir_all(folder.path().join("golden")).unwrap();
    for file in PICTURES {
        std::fs::copy(format!("{source}/{file}"), folder.path().join(file)).unwrap();
    }
    let cases = std::fs::read_to_string(format!("{source}/golden/cases.toml")).unwrap();
    let altered = cases.replacen("density = \"B\"", "density = \"C\"", 1);
    assert_ne!(altered, cases);
    std::fs::write(folder.path().join("golden/cases.toml"), &altered).unwrap();
    let manifest = std::fs::read_to_string(format!("{source}/package.toml")).unwrap();
    let digest = |text: &str| {
        use sha2::Digest;
        sha2::Sha256::digest(text).iter().map(|b| format!("{b:02x}")).collect::<String>()
    };
    let manifest = manifest.replace(&digest(&cases), &digest(&altered));
    std::fs::write(folder.path().join("package.toml"), manifest).unwrap();
    let result = run(&["model", "verify", folder.path().to_str().unwrap()]);
    assert_eq!(result.status.code(), Some(4), "{}", stderr(&result));
    assert!(stdout(&result).contains("DIFFERS"), "{}", stdout(&result));
}

#[test]
fn help_teaches() {
    for (arguments, expected) in [
        (vec!["--help"], "mammography"),
        (vec!["score", "--help"], "Examples:"),
        (vec!["phantom", "--help"], "Examples:"),
        (vec!["serve", "--help"], "127.0.0.1:8642"),
        (vec!["echo", "--help"], "uvid echo 10.1.2.3:104"),
        (vec!["send", "--help"], "--associations"),
        (vec!["simulate-pacs", "--help"], "--late-commit-seconds"),
        (vec!["rescore", "--help"], "bit for bit"),
        (vec!["model", "compare", "--help"], "--stored"),
        (vec!["model", "show"], "never be used for a decision"),
        (vec!["model", "list"], "density-v0"),
        (vec!["config"], "listen"),
    ] {
        let result = run(&arguments);
        assert_eq!(result.status.code(), Some(0), "{arguments:?}: {}", stderr(&result));
        assert!(stdout(&result).contains(expected), "{arguments:?}: {}", stdout(&result));
    }
}

#[test]
fn no_identity_is_printed() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &small_exam(9));
    let path = folder.path().to_str().unwrap();
    let patient = uvid_datasets::phantom::PhantomPatient::default();
    let secrets = ["PHANTOM-", "Фантом", "Ува", &patient.issuer, &patient.birth_date];
    for format in ["table", "json", "csv"] {
        let result = run(&["score", "--format", format, path]);
        let printed = stdout(&result) + &stderr(&result);
        for secret in secrets {
            assert!(!printed.contains(secret), "--format {format} prints {secret:?}");
        }
    }
}

#[test]
fn a_calibration_of_the_site_is_used_and_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let exam = folder.path().join("exam");
    write(&exam, &small_exam(10));
    let (exam, config) = (exam.to_str().unwrap(), folder.path().join("uvid.toml"));
    let calibration =
        "[calibration]\nscale = 0.5\nthresholds = [-3.0, 1.0, 4.0]\nby = \"Dr P\"\nreason = \"200 exams of 2026\"\n";
    std::fs::write(&config, calibration).unwrap();
    let own = score(&[exam]).remove(0);
    let site = score(&[exam, "--config", config.to_str().unwrap()]).remove(0);
    // The network's score is the same, what is made of it is not, and the record says that another recipe was in force.
    let s = output(&own["exam"], "density_score");
    assert_eq!(output(&site["exam"], "density_score"), s);
    assert!((output(&site["exam"], "p_dense") - 1.0 / (1.0 + (1.0 - 0.5 * s).exp())).abs() < 1e-12);
    assert_eq!(own["package"]["digest"], site["package"]["digest"]);
    assert_eq!(site["package"]["recalibrated"], "Dr P: 200 exams of 2026");
    assert_ne!(own["package"]["recipe_digest"], site["package"]["recipe_digest"]);

    std::fs::write(&config, calibration.replace("-3.0, 1.0", "1.0, -3.0")).unwrap();
    let result = run(&["score", exam, "--config", config.to_str().unwrap()]);
    assert_eq!(result.status.code(), Some(1));
    assert!(stderr(&result).contains("rising thresholds"), "{}", stderr(&result));
}
