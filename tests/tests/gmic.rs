//! GMIC from published checkpoints: import, verification, and from DICOM files to the numbers of its authors' code.
//!
//! The published weights are for users to download. The fixtures' checkpoints are narrow, in the authors' containers; at
//! full width the weights are made by the fixtures' formula, with which the authors' code was run.

use std::path::Path;

use serde_json::Value;

use super::recipe_weights;
use super::support::{output, run, score, shared, stderr, stdout};

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// Writes a checkpoint of model 1 at full width.
fn checkpoint(file: &Path, manifest: &Value) {
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
    candle_core::safetensors::save(&tensors, file).expect("written");
}

#[test]
fn published_containers_become_packages_that_verify_and_score() {
    let containers = ["legacy_cpu.p", "legacy_cuda0.p", "zip.pt", "dataparallel_prefix_zip.pt"];
    let folder = tempfile::tempdir().expect("folder");
    let mut weights = Vec::new();
    for container in containers {
        let Some(file) = shared(&format!("models/fixtures/checkpoints/gmic_narrow8_{container}")) else { return };
        let package = folder.path().join(container);
        let result = run(&["model", "import", "gmic", text(&file), "-o", text(&package), "--name", "narrow"]);
        assert!(result.status.success(), "{container}: {}", stderr(&result));
        assert!(stdout(&result).contains("217 tensors"), "{}", stdout(&result));
        weights.push(std::fs::read(package.join("model_1.safetensors")).expect("written"));
    }
    assert!(weights.windows(2).all(|pair| pair[0] == pair[1]), "one checkpoint, one file of weights");

    let package = folder.path().join("zip.pt");
    let verified = run(&["model", "verify", text(&package)]);
    assert!(verified.status.success(), "{}", stdout(&verified));
    let shown = run(&["model", "show", text(&package)]);
    assert!(stdout(&shown).contains("top_share = 0.02") && stdout(&shown).contains("AGPL"), "{}", stdout(&shown));

    let exam = folder.path().join("exam");
    assert!(run(&["phantom", "--rows", "832", "--columns", "640", text(&exam)]).status.success());
    let report = score(&[text(&exam), "--model", text(&package)]).remove(0);
    assert_eq!(report["state"], "scored", "{}", report["reasons"]);
    assert_eq!(report["package"]["name"], "narrow");
    let mut regions = 0;
    for image in report["images"].as_array().expect("images") {
        assert_eq!(image["outputs"][0]["kind"], "score", "a raw score is not called a probability");
        for region in image["regions"].as_array().expect("regions") {
            regions += 1;
            assert!(region["score"].as_f64().expect("score") >= 0.5);
            for point in region["outline"].as_array().expect("outline") {
                let (row, column) = (point[0].as_f64().expect("row"), point[1].as_f64().expect("column"));
                assert!((0.0..=832.0).contains(&row) && (0.0..=640.0).contains(&column), "{point}");
            }
        }
    }
    assert!(regions > 0);

    // The package's folder is not written over; a changed file is noticed.
    let again = run(&["model", "import", "gmic", text(&package.join("model_1.safetensors")), "-o", text(&package)]);
    assert!(stderr(&again).contains("no empty folder"), "{}", stderr(&again));
    weights[2][5000] ^= 1;
    std::fs::write(package.join("model_1.safetensors"), &weights[2]).expect("written");
    let refused = run(&["score", text(&exam), "--model", text(&package)]);
    assert!(stderr(&refused).contains("has the digest"), "{}", stderr(&refused));
}

#[test]
fn another_models_checkpoint_is_refused_with_all_that_is_missing() {
    let Some(file) = shared("models/fixtures/checkpoints/nyu_view_split_image_narrow8_legacy.p") else { return };
    let folder = tempfile::tempdir().expect("folder");
    let result = run(&["model", "import", "gmic", text(&file), "-o", text(&folder.path().join("p"))]);
    assert_eq!(result.status.code(), Some(1));
    for part in
        ["nyu_view_split_image_narrow8_legacy.p", "ds_net.first_conv.weight", "fusion_dnn.bias", "import nyu-bcc"]
    {
        assert!(stderr(&result).contains(part), "{part}: {}", stderr(&result));
    }
    assert!(!folder.path().join("p").exists());
}

#[test]
#[ignore = "full width: minutes"]
fn dicom_in_the_authors_numbers_out() {
    let Some(fixture) = shared("models/fixtures/gmic/gmic_exam0.json") else { return };
    let Some(files) = super::exam0::exam(|_, _| ()) else { return };
    let json =
        |path: &Path| -> Value { serde_json::from_slice(&std::fs::read(path).expect("readable")).expect("JSON") };
    let folder = tempfile::tempdir().expect("folder");
    let [package, exam, maps] = ["package", "exam", "maps"].map(|name| folder.path().join(name));
    let published = folder.path().join("sample_model_1.p");
    checkpoint(&published, &json(&fixture.with_file_name("weights_manifest.json")));
    let result = run(&["model", "import", "gmic", text(&published), "-o", text(&package)]);
    assert!(result.status.success(), "{}", stderr(&result));
    std::fs::create_dir(&exam).expect("folder");
    for (slot, bytes) in &files {
        std::fs::write(exam.join(format!("{slot}.dcm")), bytes).expect("written");
    }
    let report = score(&[text(&exam), "--model", text(&package), "--heatmaps", text(&maps)]).remove(0);
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

    let verified = run(&["model", "verify", text(&package)]);
    assert!(verified.status.success(), "{}", stdout(&verified));
}
