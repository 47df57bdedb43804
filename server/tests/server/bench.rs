//! `uvid bench` on a simulated GPU: everything is there, whatever it is worth.

use std::process::Command;

use serde_json::Value;

fn bench(words: &[&str]) -> Value {
    let mut command = Command::new(env!("CARGO_BIN_EXE_uvid"));
    command.args(["bench", "--seconds", "0.01", "--format", "json", "--device", "cuda"]).args(words);
    let output = command.env("LD_LIBRARY_PATH", uvid_cuda_simulator::directory()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {said}"))
}

#[track_caller]
fn positive(value: &Value, names: &[&str]) {
    for name in names {
        let found = value.pointer(name).and_then(Value::as_f64);
        assert!(found.is_some_and(|n| n.is_finite() && n > 0.0), "{name} is {found:?} in {value:#}");
    }
}

#[test]
fn a_device_is_measured_with_its_own_clock_and_ceilings() {
    let found = bench(&["--network", "density", "--precision", "bf16,f16", "--batch", "4"]);
    let rates = ["copy_bytes", "f32_flops", "bf16_flops", "f16_flops", "up_bytes", "down_bytes"];
    for rate in rates {
        positive(&found, &[&format!("/ceilings/{rate}_per_second")]);
    }
    positive(&found, &["/gpu/memory_bytes", "/gpu/processors"]);
    let rows = found["rows"].as_array().unwrap();
    assert_eq!((rows.len(), found["skipped"].as_array().map(Vec::len)), (2, Some(0)));
    for row in rows {
        positive(row, &["/device/up", "/device/network", "/device/down", "/ms/median", "/images_per_second"]);
        positive(row, &["/share_of_flops", "/share_of_copy", "/share_of_roofline", "/roofline_ms"]);
        // There is no NVML for a simulated card.
        assert!(row["joules_per_image"].is_null());
    }
    assert_ne!(rows[0]["digest"], rows[1]["digest"], "two precisions");
}

#[test]
fn a_model_is_measured_by_exams_on_a_device() {
    let found = bench(&["--batch", "1,2"]);
    positive(&found["exams"][0], &["/images", "/exams", "/exams_per_second", "/prepare/median", "/predict/median"]);
    assert_eq!(found["exams"][0]["backend"], "uvid-cuda-f32-sm90");
    let rows = found["rows"].as_array().unwrap();
    assert_eq!((rows.len(), &rows[0]["digest"]), (2, &rows[1]["digest"]), "the same bits in every batch");
}
