//! BCC as a model package, from DICOM files: image-wise to the numbers of its authors' code, view-wise with everything
//! that a recipe can ask for.

use std::path::Path;

use serde_json::Value;
use uvid_exam::Slot;
use uvid_kernels::Weights;

use super::support::{output, score, shared};
use super::{exam0, packages, recipe_weights};

const SHARED_KEYS: &str = r#"
architecture = "nyu-bcc"
weights = "model.safetensors"
crop = { iterations = 100, buffer = 50, search_divisor = 3, air_share_min = 0.01 }
windows = { cc = [2677, 1942], mlo = [2974, 1748] }
"#;

fn json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).expect("readable")).expect("JSON")
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

fn shape(value: &Value) -> Vec<usize> {
    let size = |v: &Value| usize::try_from(v.as_u64().expect("size")).expect("size");
    value.as_array().expect("shape").iter().map(size).collect()
}

/// Exam 0 as files; only these views.
fn files(folder: &Path, views: &[Slot]) -> Option<()> {
    std::fs::create_dir(folder).expect("folder");
    for (slot, bytes) in exam0::exam(|_, _| ())?.into_iter().filter(|(slot, _)| views.contains(slot)) {
        std::fs::write(folder.join(format!("{slot}.dcm")), bytes).expect("written");
    }
    Some(())
}

#[test]
#[ignore = "full width: minutes"]
fn image_wise_dicom_in_the_authors_numbers_out() {
    let Some(fixture) = shared("models/fixtures/nyu_bcc/nyu_bcc.json") else { return };
    let list = &json(&fixture.with_file_name("weights_manifest.json"))["image_wise_image"]["keys"];
    let list = list.as_array().expect("list").iter().filter(|t| t[2] == "torch.float32");
    let list: Vec<_> = list.map(|t| (t[0].as_str().expect("name").to_owned(), shape(&t[1]))).collect();
    let weights = recipe_weights::fill(&list, "", |_| 1.0);

    let folder = tempfile::tempdir().expect("folder");
    let (package, exam) = (folder.path().join("package"), folder.path().join("exam"));
    // The fixture's MLO views are those of exam 0.
    let Some(()) = files(&exam, &[Slot::LeftMlo, Slot::RightMlo]) else { return };
    let recipe = format!("{SHARED_KEYS}model = \"image-wise\"\ncombine = {{ breast = \"mean\", exam = \"max\" }}");
    packages::write(&package, &recipe, &[], &["malignant", "benign"], &[("model.safetensors", &weights)]);
    let report = score(&[text(&exam), "--model", text(&package)]).remove(0);
    assert_eq!(report["state"], "scored", "{}", report["reasons"]);

    let expected = &json(&fixture)["results"]["single_image_exam0"];
    assert_eq!(report["images"].as_array().expect("images").len(), 2);
    for image in report["images"].as_array().expect("images") {
        let slot = image["slot"].as_str().expect("slot");
        for name in ["benign", "malignant"] {
            let (found, expected) = (output(&image["outputs"], name), expected[slot][name].as_f64().expect("number"));
            assert!((found - expected).abs() <= 1e-5, "{slot} {name}: {found}, expected {expected}");
        }
    }
}

/// A narrow checkpoint by formula.
fn narrow(file: &str, prefix: &str) -> Option<Weights> {
    let list = &json(&shared("models/fixtures/checkpoints/expected.json")?)[file]["tensors"];
    let list = list.as_object().expect("tensors").iter().filter(|(_, t)| t["dtype"] == "float32");
    let list: Vec<_> = list.map(|(name, t)| (name.clone(), shape(&t["shape"]))).collect();
    Some(recipe_weights::fill(&list, prefix, |_| 1.0))
}

#[test]
fn view_wise_with_heat_maps_and_random_windows() {
    let Some(classifier) = narrow("nyu_view_split_imageheatmaps_narrow8_legacy.p", "ckpt.nyu3.") else { return };
    let Some(patches) = narrow("nyu_patch_densenet_narrow16_legacy.p", "ckpt.patch.") else { return };
    let folder = tempfile::tempdir().expect("folder");
    let (exam, maps) = (folder.path().join("exam"), folder.path().join("maps"));
    let Some(()) = files(&exam, &Slot::ALL) else { return };

    // Patches that hardly overlap, to be quick.
    let recipe = |position: Option<usize>| {
        let augmentation = position.map_or(String::new(), |position| {
            format!(
                "augmentation = {{ epochs = 1, seed = 0, crop_noise = [100, 100], size_noise = 100, \
                 exam_position = {position} }}"
            )
        });
        format!(
            "{SHARED_KEYS}model = \"view-wise\"\ncombine = {{ breast = \"mean\", exam = \"max\" }}\n\
             heatmaps = {{ weights = \"patches.safetensors\", patch = 256, stride = 250, seed = 0 }}\n{augmentation}"
        )
    };
    let scored = |name: &str, position: Option<usize>, more: &[&str]| {
        let package = folder.path().join(name);
        let files = [("model.safetensors", &classifier), ("patches.safetensors", &patches)];
        packages::write(&package, &recipe(position), &Slot::ALL, &["malignant", "benign"], &files);
        let report = score(&[&[text(&exam), "--model", text(&package)], more].concat()).remove(0);
        assert_eq!(report["state"], "scored", "{}", report["reasons"]);
        report
    };
    let plain = scored("plain", None, &["--heatmaps", text(&maps)]);
    for name in ["malignant", "benign"] {
        let breasts = plain["breasts"].as_array().expect("breasts");
        let breasts: Vec<f64> = breasts.iter().map(|b| output(&b["outputs"], name)).collect();
        assert_eq!(breasts.len(), 2);
        assert!(breasts.iter().all(|p| *p > 0.0 && *p < 1.0), "{breasts:?}");
        assert_eq!(output(&plain["exam"], name), breasts[0].max(breasts[1]));
    }
    for image in plain["images"].as_array().expect("images") {
        assert_eq!(image["outputs"], serde_json::json!([]));
        for map in ["malignant-patches", "benign-patches"] {
            let slot = image["slot"].as_str().expect("slot");
            let path = maps.join(plain["study"].as_str().expect("uid")).join(format!("{slot}_{map}.png"));
            let picture = image::open(&path).expect("a heat map");
            assert_eq!(serde_json::json!([picture.height(), picture.width()]), image["file_size"]);
        }
    }

    // Other windows, another score.
    let (first, second) = (scored("first", Some(0), &[]), scored("second", Some(1), &[]));
    assert_ne!(first["breasts"], second["breasts"]);
    assert_ne!(first["breasts"], plain["breasts"]);
}
