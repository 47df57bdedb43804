//! Several models at once: shadows, results made again, differences, costs.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sqlx::{Connection, Row, SqliteConnection};

use super::support::{Server, output, run, score, small_exam, stderr, stdout, timeless, write};

/// A copy of the bundled package under the name `tried`, with another threshold and a recipe that gives other numbers.
fn tried(folder: &Path) -> String {
    let source = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../model/packages/density-v0"));
    let manifest = std::fs::read_to_string(source.join("package.toml")).unwrap();
    std::fs::create_dir_all(folder.join("golden")).unwrap();
    for line in manifest.lines().skip_while(|line| *line != "[files]").skip(1) {
        let file = line.split('"').nth(1).unwrap();
        std::fs::copy(source.join(file), folder.join(file)).unwrap();
    }
    let altered = manifest
        .replace("name = \"density-v0\"", "name = \"tried\"")
        .replace("threshold = 0.5", "threshold = 2.0")
        .replace("stretch_percentiles = [2.0, 99.5]", "stretch_percentiles = [1.0, 99.0]");
    std::fs::write(folder.join("package.toml"), altered).unwrap();
    folder.display().to_string()
}

/// Runs `uvid` and gives what it says as JSON; the exit code must be as expected.
fn said(arguments: &[&str], code: i32) -> Value {
    let result = run(arguments);
    assert_eq!(result.status.code(), Some(code), "{arguments:?}: {}{}", stdout(&result), stderr(&result));
    serde_json::from_slice(&result.stdout).unwrap_or_else(|e| panic!("{e}: {}", stdout(&result)))
}

fn verdicts(checked: &Value) -> Vec<(String, String)> {
    let text = |run: &Value, key: &str| run[key].as_str().unwrap().to_owned();
    checked["runs"].as_array().unwrap().iter().map(|run| (text(run, "role"), text(run, "verdict"))).collect()
}

/// Changes a number of a stored report by its last bit, as no rounding would show.
fn tamper(data: &Path, role: &str) {
    let url = format!("sqlite://{}", data.join("uvid.sqlite").display());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut database = SqliteConnection::connect(&url).await.unwrap();
        let query = sqlx::query("SELECT report FROM run WHERE role = ?").bind(role);
        let report: String = query.fetch_one(&mut database).await.unwrap().get(0);
        let value = output(&serde_json::from_str::<Value>(&report).unwrap()["exam"], "p_dense");
        let name = "\"name\":\"p_dense\",\"kind\":\"probability\",\"value\":";
        let altered = report.replacen(&format!("{name}{value}"), &format!("{name}{}", value.next_down()), 1);
        assert_ne!(altered, report);
        let update = sqlx::query("UPDATE run SET report = ? WHERE role = ?").bind(altered).bind(role);
        update.execute(&mut database).await.unwrap();
        database.close().await.unwrap();
    });
}

/// Changes the words of the stored reports, as another version would have put them.
fn reword(data: &Path) {
    let url = format!("sqlite://{}", data.join("uvid.sqlite").display());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut database = SqliteConnection::connect(&url).await.unwrap();
        let update = "UPDATE run SET report = json_set(report, '$.disclaimer', 'Other words.')";
        // `json_set` writes numbers back as they were.
        assert_eq!(sqlx::query(update).execute(&mut database).await.unwrap().rows_affected(), 1);
        database.close().await.unwrap();
    });
}

#[test]
fn stored_results_are_made_again_bit_for_bit() {
    let folder = tempfile::tempdir().unwrap();
    let (data, package) = (folder.path().join("data"), tried(&folder.path().join("tried")));
    let shadows = format!("shadows=[\"{package}\"]");
    let data_dir = data.to_str().unwrap();
    let check = ["rescore", "--check", "--format", "json", "--data-dir", data_dir];
    let with_package = [&check[..], &["--model", &package]].concat();
    let config = folder.path().join("uvid.toml");
    std::fs::write(&config, shadows.replace('=', " = ")).unwrap();
    {
        let server = Server::with(&data, &[&shadows, "jobs.quiet_seconds=0.2"]);
        let files = small_exam(20);
        let study = uvid_datasets::dicom::read_header(&files[0].bytes, &Default::default()).unwrap().study.to_string();
        assert_eq!(server.store(&files.iter().map(|f| f.bytes.clone()).collect::<Vec<_>>()).0, 200);
        let (production, shadow) = (server.report(&study), server.shadow_report(&study));
        assert_ne!(production["exam"], shadow["exam"]);
        // The server runs on.
        let checked = said(&with_package, 0);
        let equal = |role: &str| (role.to_owned(), "equal".to_owned());
        assert_eq!(verdicts(&checked), [equal("production"), equal("shadow:tried")]);
        assert_eq!((&checked["equal"], &checked["differ"], &checked["unchecked"]), (&json!(2), &json!(0), &json!(0)));
        assert_eq!(said(&[&check[..], &["--config", config.to_str().unwrap()]].concat(), 0)["equal"], 2);

        // Without the package there is nothing to compare with.
        let checked = said(&check, 3);
        assert_eq!(verdicts(&checked)[1].1, "unchecked");
        assert!(checked["runs"][1]["reason"].as_str().unwrap().contains("is not at hand"), "{checked}");

        // The same exam, compared from what is stored and from the files.
        let stored = said(&["model", "compare", "--stored", "--data-dir", data_dir, "--format", "json"], 0);
        let exam = folder.path().join("exam");
        write(&exam, &files);
        let compared =
            said(&["model", "compare", "density-v0", &package, exam.to_str().unwrap(), "--format", "json"], 0);
        assert_eq!(stored, compared);
        let table = stdout(&run(&["model", "compare", "--stored", "--data-dir", data_dir]));
        assert!(table.contains("1 exams scored by both"), "{table}");

        let result = run(&["rescore", "--data-dir", data_dir]);
        assert_eq!(result.status.code(), Some(1));
        assert!(stderr(&result).contains("in use by another uvid process"), "{}", stderr(&result));
    }
    tamper(&data, "production");
    let checked = said(&with_package, 4);
    assert_eq!(verdicts(&checked)[0].1, "differs");
    assert_eq!((&checked["runs"][0]["differing"], &checked["equal"]), (&json!(1), &json!(1)));
    assert_eq!(checked["runs"][0]["differences"][0]["place"], "exam.p_dense.value");

    // A file that is gone, and a study that is not there.
    std::fs::remove_dir_all(data.join("objects")).unwrap();
    let checked = said(&with_package, 3);
    assert_eq!(checked["unchecked"], 2);
    assert!(checked["runs"][0]["reason"].as_str().unwrap().contains("cannot be read"), "{checked}");
    let result = run(&[&check[..], &["--study", "1.2.3"]].concat());
    assert_eq!(result.status.code(), Some(1));
    assert!(stderr(&result).contains("no stored result of the study 1.2.3"), "{}", stderr(&result));
    let result = run(&["rescore", "--study", "1.2.3", "--data-dir", data_dir]);
    assert_eq!(result.status.code(), Some(1));
    assert!(stderr(&result).contains("there is no study 1.2.3 in"), "{}", stderr(&result));
}

#[test]
fn a_result_in_doubt_is_made_again_and_superseded() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let data_dir = data.to_str().unwrap();
    let files = small_exam(29);
    let study = uvid_datasets::dicom::read_header(&files[0].bytes, &Default::default()).unwrap().study.to_string();
    let first = {
        let server = Server::with(&data, &["jobs.quiet_seconds=0.2"]);
        server.store(&files.iter().map(|f| f.bytes.clone()).collect::<Vec<_>>());
        server.report(&study)
    };
    reword(&data);
    let check = ["rescore", "--check", "--format", "json", "--data-dir", data_dir];
    let checked = said(&check, 0);
    assert_eq!((&checked["wording"], &checked["runs"][0]["verdict"]), (&json!(1), &json!("equal-but-for-wording")));
    tamper(&data, "production");
    said(&check, 4);
    let rescore = |more: &[&str]| {
        let result = run(&[&["rescore", "--data-dir", data_dir, "--study", &study], more].concat());
        assert_eq!(result.status.code(), Some(0), "{}", stderr(&result));
        stdout(&result)
    };
    // It is by the configured package and recipe.
    assert!(rescore(&[]).contains("production: 0 studies"));
    assert!(rescore(&["--force"]).contains("production: 1 studies"));
    {
        let server = Server::with(&data, &["jobs.quiet_seconds=0.2"]);
        // Until it is scored again, the old result stands.
        let start = Instant::now();
        while timeless(&server.report(&study)) != timeless(&first) {
            assert!(start.elapsed() < Duration::from_secs(60), "the old result stands");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
    assert_eq!(said(&check, 0)["equal"], 1);
    // The wrong one is on record.
    let checked = said(&[&check[..], &["--all"]].concat(), 4);
    assert_eq!((&checked["equal"], &checked["differ"]), (&json!(1), &json!(1)));
    assert_eq!((&checked["runs"][0]["superseded"], &checked["runs"][0]["differing"]), (&json!(true), &json!(2)));
}

#[test]
fn what_another_model_scored_is_scored_again() {
    let folder = tempfile::tempdir().unwrap();
    let (data, package) = (folder.path().join("data"), tried(&folder.path().join("tried")));
    let files = small_exam(21);
    let study = uvid_datasets::dicom::read_header(&files[0].bytes, &Default::default()).unwrap().study.to_string();
    {
        let server = Server::with(&data, &["jobs.quiet_seconds=0.2"]);
        server.store(&files.iter().map(|f| f.bytes.clone()).collect::<Vec<_>>());
        server.report(&study);
    }
    let config = folder.path().join("uvid.toml");
    std::fs::write(&config, format!("shadows = [{package:?}]\n")).unwrap();
    let result = run(&["rescore", "--config", config.to_str().unwrap(), "--data-dir", data.to_str().unwrap()]);
    assert_eq!(result.status.code(), Some(0), "{}", stderr(&result));
    let text = stdout(&result);
    assert!(text.contains("production: 0 studies") && text.contains("shadow:tried: 1 studies"), "{text}");
    let server = Server::with(&data, &[&format!("shadows=[\"{package}\"]")]);
    assert_eq!(server.shadow_report(&study)["package"]["name"], "tried");
}

#[test]
fn paired_differences_are_those_of_the_scores() {
    let folder = tempfile::tempdir().unwrap();
    let package = tried(&folder.path().join("tried"));
    let mut differences = Vec::new();
    let exams = folder.path().join("exams");
    for seed in 22..25 {
        let exam = exams.join(seed.to_string());
        write(&exam, &small_exam(seed));
        let exam = exam.to_str().unwrap();
        let of = |model: &str| output(&score(&[exam, "--model", model])[0]["exam"], "density_score");
        differences.push(of(&package) - of("density-v0"));
    }
    let compare = ["model", "compare", "density-v0", &package, exams.to_str().unwrap()];
    let compared = &said(&[&compare[..], &["--format", "json"]].concat(), 0)[0];
    let found = compared["outputs"].as_array().unwrap().iter().find(|o| o["output"] == "density_score").unwrap();
    assert_eq!((&found["level"], &found["n"], &found["kind"]), (&json!("exam"), &json!(3), &json!("score")));
    let mean = differences.iter().sum::<f64>() / 3.0;
    let difference = (found["mean_difference"].as_f64().unwrap() - mean).abs();
    assert!(difference <= 1e-12, "{found}, {mean}");
    let largest = differences.iter().map(|d| d.abs()).fold(0.0, f64::max);
    assert_eq!(found["largest"]["difference"], largest);
    assert!(found["interval"][0].as_f64().unwrap() <= mean && mean <= found["interval"][1].as_f64().unwrap());
    // No probability reaches the threshold of the copy.
    let point = &compared["operating_points"][0];
    assert_eq!((&point["threshold_a"], &point["threshold_b"]), (&json!(0.5), &json!(2.0)));
    assert_eq!((&point["both"], &point["only_b"]), (&json!(0), &json!(0)));
    assert_eq!(point["only_a"].as_u64().unwrap() + point["neither"].as_u64().unwrap(), 3);

    let csv = stdout(&run(&[&compare[..], &["--format", "csv"]].concat()));
    let columns: Vec<usize> = csv.lines().map(|line| line.split(',').count()).collect();
    assert!(columns.len() > 10 && columns.iter().all(|count| *count == 28), "{csv}");
    let same =
        &said(&["model", "compare", "density-v0", "density-v0", exams.to_str().unwrap(), "--format", "json"], 0)[0];
    assert!(same["outputs"].as_array().unwrap().iter().all(|o| o["largest"]["difference"] == 0.0), "{same}");
    let result = run(&["model", "compare", "density-v0", &package]);
    assert_eq!(result.status.code(), Some(2), "{}", stderr(&result));
}

#[test]
fn timings_are_printed_when_asked_for_and_change_no_report() {
    let folder = tempfile::tempdir().unwrap();
    for seed in [26, 27] {
        write(&folder.path().join(seed.to_string()), &small_exam(seed));
    }
    let path = folder.path().to_str().unwrap();
    let result = run(&["score", path, "--timings"]);
    assert_eq!(result.status.code(), Some(0));
    let text = stderr(&result);
    for expected in ["Timings: density-v0 1.0.0, ", "threads", "predict", "CPU ms", "peak MiB", "mean", "most"] {
        assert!(text.contains(expected), "{expected:?} is not in\n{text}");
    }
    assert!(!stdout(&result).contains("CPU ms"));
    let timed = score(&[path, "--timings"]);
    let plain = score(&[path]);
    for (timed, plain) in timed.iter().zip(&plain) {
        let cost = &timed["timings"];
        assert!(cost["wall_milliseconds"].as_f64().unwrap() > 0.0 && cost["cpu_milliseconds"].as_f64().unwrap() > 0.0);
        #[cfg(target_os = "linux")]
        assert!(cost["peak_resident_bytes"].as_u64().unwrap() > 1 << 20);
        let mut report = timeless(timed);
        report.as_object_mut().unwrap().remove("timings");
        assert_eq!(report, timeless(plain));
    }
}

#[test]
fn a_threshold_of_the_site_is_used_and_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let (exam, config) = (folder.path().join("exam"), folder.path().join("uvid.toml"));
    write(&exam, &small_exam(28));
    let (exam, config_path) = (exam.to_str().unwrap(), config.to_str().unwrap());
    let set = |name: &str| {
        let point = format!("name = \"{name}\"\nthreshold = 2.0\nby = \"Dr P\"\nreason = \"200 exams of 2026\"\n");
        std::fs::write(&config, format!("[[operating_points]]\n{point}")).unwrap();
    };
    set("dense");
    // A configuration's thresholds are its own model's.
    let result = run(&["score", exam, "--config", config_path, "--model", "elsewhere/"]);
    assert_eq!(result.status.code(), Some(1));
    assert!(stderr(&result).contains("was set for the model \"density-v0\""), "{}", stderr(&result));
    let own = score(&[exam]).remove(0);
    let site = score(&[exam, "--config", config_path]).remove(0);
    assert_eq!((&site["flags"][0]["flagged"], &site["flags"][0]["threshold"]), (&json!(false), &json!(2.0)));
    assert_eq!(site["flags"][0]["set_by"], "Dr P: 200 exams of 2026");
    assert_eq!(own["exam"], site["exam"]);
    assert_ne!(own["package"]["recipe_digest"], site["package"]["recipe_digest"]);
    let result = run(&["score", exam, "--config", config_path]);
    let said = "set at this site: operating point dense = 2 for density-v0 1.0.0, by Dr P: 200 exams of 2026";
    assert!(stderr(&result).contains(said), "{}", stderr(&result));
    let table = stdout(&result);
    assert!(table.contains("is below 2 (operating point dense; set here by Dr P: 200 exams of 2026)"), "{table}");
    set("very dense");
    let result = run(&["score", exam, "--config", config_path]);
    assert_eq!(result.status.code(), Some(1));
    assert!(stderr(&result).contains("the operating point very dense is not among the package's: dense"));
}

#[test]
fn instructions_and_precision_are_chosen_and_named() {
    let folder = tempfile::tempdir().expect("folder");
    let exam = folder.path().join("exam");
    let exam = exam.to_str().expect("UTF-8");
    assert!(run(&["phantom", "--rows", "832", "--columns", "640", exam]).status.success());
    let score_of = |report: &serde_json::Value| report["images"][0]["outputs"][0]["value"].as_f64();
    let best = score(&[exam]).remove(0);
    assert!(score_of(&best).is_some(), "{best}");
    for set in uvid_kernels::InstructionSet::ALL {
        let name = set.to_string();
        if !set.is_available() {
            let result = run(&["score", exam, "--instructions", &name]);
            assert!(
                !result.status.success() && stderr(&result).contains("this processor has no"),
                "{}",
                stderr(&result)
            );
            continue;
        }
        let report = score(&[exam, "--instructions", &name]).remove(0);
        assert_eq!(report["backend"], format!("uvid-cpu-f32-{name}"));
        let off = (score_of(&report).expect("number") - score_of(&best).expect("number")).abs();
        assert!(off < 1e-5, "{name}: {off}");
        let again = score(&[exam, "--instructions", &name]).remove(0);
        assert_eq!(again["images"], report["images"], "{name}: the same bits from run to run");
    }
    // density-v0 does not allow it.
    let refused = run(&["score", exam, "--precision", "bf16"]);
    assert!(!refused.status.success() && stderr(&refused).contains("may not be run in bf16"), "{}", stderr(&refused));
    let plan = run(&["model", "show", "--plan"]);
    for word in ["stem 3x3/2", "winograd 4x4", "GFLOP/s", "stages.2.1.conv2"] {
        assert!(stdout(&plan).contains(word), "{word}: {}", stdout(&plan));
    }
}
