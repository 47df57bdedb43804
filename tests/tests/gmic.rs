//! GMIC as a model package: from DICOM files to the numbers of its authors' code.
//!
//! The published weights are for users to download; here the weights are made by the fixtures' formula, with which the
//! authors' code was run.

use std::path::Path;

use serde_json::Value;

use super::recipe_weights;
use super::support::{output, run, score, shared, stderr};

/// Writes a package of one member into the folder.
fn package(folder: &Path, manifest: &Value) {
    let size = |v: &Value| usize::try_from(v.as_u64().expect("size")).expect("size");
    let entry = |t: &Value| {
        let shape = t[1].as_array().expect("shape").iter().map(size).collect();
        (t[0].as_str().expect("name").to_owned(), shape)
    };
    let list = manifest["state_dict"].as_array().expect("list").iter();
    let tensors: Vec<(String, Vec<usize>)> = list.filter(|t| t[2] == "torch.float32").map(entry).collect();
    let weights = recipe_weights::fill(&tensors, "", |name| if name == "mil_attn_w.weight" { 8.0 } else { 1.0 });
    let named = weights.names().map(|name| (name.to_owned(), weights.get(name).expect("named").clone()));
    let tensors: std::collections::HashMap<String, candle_core::Tensor> = named.collect();
    let file = folder.join("model_1.safetensors");
    candle_core::safetensors::save(&tensors, &file).expect("written");
    let weights = std::fs::read(&file).expect("readable");
    let digest: String = {
        use sha2::Digest;
        sha2::Sha256::digest(&weights).iter().map(|b| format!("{b:02x}")).collect()
    };
    let manifest = format!(
        r#"
name = "gmic-formula"
version = "0"
summary = "GMIC with weights by formula, for tests"
intended_use = "Tests."
limits = ["It knows nothing."]
licence = "none needed"
training_data = "none"

[input]
required_views = []
acquisitions = ["ffdm"]
intents = ["for-presentation"]
implants = false
lossy = false
burned_in_annotation = false
magnification_max = 1.1

[recipe]
architecture = "gmic"
members = [{{ weights = "model_1.safetensors", top_share = 0.02 }}]
window = [2944, 1920]
crop_iterations = 100
crop_buffer = 50
crop_search_divisor = 3
patches = 6
patch_size = 256
air_share_min = 0.01
combine = {{ breast = "mean", exam = "max" }}

[outputs.malignant]
meaning = "Probability of a malignant finding."
unit = "probability"

[outputs.benign]
meaning = "Probability of a benign finding."
unit = "probability"

[files]
"model_1.safetensors" = "{digest}"
"#
    );
    std::fs::write(folder.join("package.toml"), manifest).expect("written");
}

#[test]
fn dicom_in_the_authors_numbers_out() {
    let Some(fixture) = shared("models/fixtures/gmic/gmic_exam0.json") else { return };
    let Some(files) = super::exam0::exam(|_, _| ()) else { return };
    let json =
        |path: &Path| -> Value { serde_json::from_slice(&std::fs::read(path).expect("readable")).expect("JSON") };
    let folder = tempfile::tempdir().expect("folder");
    package(folder.path(), &json(&fixture.with_file_name("weights_manifest.json")));
    let (exam, maps) = (folder.path().join("exam"), folder.path().join("maps"));
    std::fs::create_dir(&exam).expect("folder");
    for (slot, bytes) in &files {
        std::fs::write(exam.join(format!("{slot}.dcm")), bytes).expect("written");
    }
    let text = |path: &Path| path.to_str().expect("UTF-8").to_owned();
    let report = score(&[&text(&exam), "--model", &text(folder.path()), "--heatmaps", &text(&maps)]).remove(0);
    assert_eq!(report["state"], "scored", "{}", report["reasons"]);

    let expected = &json(&fixture)["results"];
    let mut by_breast = std::collections::BTreeMap::<String, Vec<f64>>::new();
    for image in report["images"].as_array().expect("images") {
        let slot = image["slot"].as_str().expect("slot");
        let y = &expected[slot]["model1"]["y_fusion"];
        for (class, name) in [(0, "benign"), (1, "malignant")] {
            let (found, expected) = (output(&image["outputs"], name), y[class].as_f64().expect("number"));
            assert!((found - expected).abs() <= 1e-5, "{slot} {name}: {found}, expected {expected}");
        }
        by_breast.entry(slot[..1].to_owned()).or_default().push(output(&image["outputs"], "malignant"));
        for map in ["malignant-saliency", "benign-saliency"] {
            let path = maps.join(report["study"].as_str().expect("uid")).join(format!("{slot}_{map}.png"));
            let picture = image::open(&path).expect("a heat map");
            assert_eq!(serde_json::json!([picture.height(), picture.width()]), image["file_size"]);
        }
    }
    // Breast: mean of its views; exam: the larger breast, as the package says.
    let mut largest = f64::MIN;
    for breast in report["breasts"].as_array().expect("breasts") {
        let views = &by_breast[breast["laterality"].as_str().expect("side")];
        let mean = views.iter().sum::<f64>() / views.len() as f64;
        assert!((output(&breast["outputs"], "malignant") - mean).abs() <= 1e-12);
        largest = largest.max(mean);
    }
    assert!((output(&report["exam"], "malignant") - largest).abs() <= 1e-12);

    // A package without golden cases cannot be verified, and says so.
    let result = run(&["model", "verify", &text(folder.path())]);
    assert_eq!(result.status.code(), Some(1));
    assert!(stderr(&result).contains("golden/cases.toml"), "{}", stderr(&result));
}
