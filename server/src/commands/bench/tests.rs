//! What is measured is there and above 0; how fast it is, no test says.

use clap::Parser;
use serde_json::Value;

use super::*;

#[derive(Debug, Parser)]
struct Line {
    #[command(flatten)]
    args: Args,
}

fn measured_by(words: &[&str]) -> Value {
    let quick = ["uvid", "--seconds", "0.01", "--batch", "1,5"];
    let line = Line::try_parse_from(quick.iter().chain(words)).expect("arguments");
    let results = measured(&line.args).expect("measured");
    assert_eq!(measure::differing(&results.rows), None);
    let (mut table, mut markdown) = (Vec::new(), Vec::new());
    print::table(&mut table, &results).expect("printed");
    print::markdown(&mut markdown, &results).expect("printed");
    for text in [table, markdown] {
        assert!(String::from_utf8(text).expect("UTF-8").contains("density"));
    }
    print::json(&results)
}

fn positive(value: &Value, names: &[&str]) {
    for name in names {
        let found = value.pointer(name).and_then(Value::as_f64);
        assert!(found.is_some_and(|n| n.is_finite() && n > 0.0), "{name} is {found:?} in {value:#}");
    }
}

const OF_A_ROW: [&str; 17] = [
    "/images",
    "/units",
    "/in_flight",
    "/runs",
    "/images_per_second",
    "/exams_per_second",
    "/ms/median",
    "/ms/p5",
    "/ms/p95",
    "/flops",
    "/value_bytes",
    "/weight_bytes",
    "/gflops_per_second",
    "/gb_per_second",
    "/share_of_copy",
    "/share_of_flops",
    "/share_of_roofline",
];

#[test]
fn the_bundled_model_is_measured_on_the_processor() {
    let found = measured_by(&["--device", "cpu", "--layers", "--in-flight", "2"]);
    positive(&found, &["/ceilings/copy_bytes_per_second", "/ceilings/f32_flops_per_second", "/exam_images"]);
    assert_eq!((found["gpu"].is_null(), found["rows"].as_array().map(Vec::len)), (true, Some(2)));
    for row in found["rows"].as_array().expect("rows") {
        positive(row, &OF_A_ROW);
        assert!(row["device"].is_null() && row["digest"].as_str().is_some_and(|d| d.len() == 64), "{row}");
    }
    positive(&found["exams"][0], &["/exams", "/exams_per_second", "/prepare/median", "/predict/median"]);
    positive(&found["layers"][0], &["/parts/0/arena_bytes", "/parts/0/steps/0/ms", "/parts/0/steps/0/value_bytes"]);
}

#[test]
fn a_published_network_is_measured_and_written_for_others() {
    let folder = tempfile::tempdir().expect("folder");
    let place = folder.path().to_str().expect("UTF-8");
    let found = measured_by(&["--device", "cpu", "--network", "density", "--precision", "f32,f16", "--export", place]);
    // An exam at a time: one image and five are one exam and two.
    let rows = found["rows"].as_array().expect("rows");
    let images: Vec<_> = rows.iter().map(|row| row["images"].as_u64()).collect();
    assert_eq!(images, [Some(4), Some(8)]);
    rows.iter().for_each(|row| positive(row, &OF_A_ROW));
    assert!(found["skipped"][0].as_str().is_some_and(|why| why.contains("f16")), "{found:#}");
    for file in ["network.json", "weights.safetensors", "inputs.safetensors", "outputs.safetensors"] {
        assert!(folder.path().join("density-v0-1").join(file).is_file(), "{file}");
    }
}

#[test]
fn what_cannot_be_measured_is_refused() {
    let check = |words: &[&str], expected: &str| {
        let line = Line::try_parse_from(["uvid"].iter().chain(words));
        let said = match line {
            Err(error) => error.to_string(),
            Ok(line) => format!("{:#}", run(&line.args).expect_err("refused")),
        };
        assert!(said.contains(expected), "{words:?}: {said}");
    };
    check(&["--device", "tpu"], "`auto`, `cpu`");
    check(&["--device", "cpu", "--network", "unheard-of"], "nyu-bcc");
    check(&["--device", "cpu", "--model", "unheard-of"], "no model package");
    check(&["--seconds", "0"], "--seconds");
    check(&["--seconds", "NaN"], "--seconds");
    check(&["--batch", "0"], "--batch");
    check(&["--in-flight", "99"], "--in-flight");
}
