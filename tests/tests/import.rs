//! `uvid model import`: published containers of Mirai and of NYU's classifier become packages.

use std::path::Path;

use super::support::{output, run, score, shared, stderr, stdout};

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// The path of a sample checkpoint.
fn sample(name: &str) -> Option<String> {
    Some(text(&shared(&format!("models/fixtures/checkpoints/{name}"))?).to_owned())
}

#[test]
fn mirai_is_the_same_from_every_container() {
    // As saved by today's torch, by torch 1.x on a GPU, and within a dictionary in a zip archive.
    let containers = [
        ("legacy.p", "legacy.p", Some("npy_proto3.p")),
        ("torch1x_cuda.p", "torch1x_cuda.p", Some("float_proto4.p")),
        ("legacy.p", "zip.pt", None),
    ];
    let folder = tempfile::tempdir().expect("folder");
    let mut written: Vec<[Vec<u8>; 2]> = Vec::new();
    for (i, (encoder, aggregator, calibrator)) in containers.into_iter().enumerate() {
        let in_dict = if aggregator == "zip.pt" { "in_dict_" } else { "" };
        let (Some(encoder), Some(aggregator)) = (
            sample(&format!("mirai_encoder_dataparallel_narrow8_{encoder}")),
            sample(&format!("mirai_transformer_{in_dict}narrow8_{aggregator}")),
        ) else {
            return;
        };
        let package = folder.path().join(i.to_string());
        let mut arguments = vec!["model", "import", "mirai", "--encoder", &encoder, "--aggregator", &aggregator];
        let calibrator = calibrator.and_then(|name| sample(&format!("mirai_calibrator_{name}")));
        if let Some(file) = &calibrator {
            arguments.extend(["--calibrator", file]);
        }
        let result = run(&[&arguments[..], &["-o", text(&package)]].concat());
        assert!(result.status.success(), "{}", stderr(&result));
        for part in ["heads 8", "layers 1", "channels 64", "risk factors 34", "years 5", "MIT"] {
            assert!(stdout(&result).contains(part), "{part}: {}", stdout(&result));
        }
        let read = |name: &str| std::fs::read(package.join(name)).expect("written");
        written.push([read("encoder.safetensors"), read("aggregator.safetensors")]);
        let manifest = String::from_utf8(read("package.toml")).expect("UTF-8");
        let constant = if calibrator.is_some() { "base_slope = -5.202204577500693" } else { "a = 5.202204577500693" };
        assert!(manifest.contains(constant), "{manifest}");
        let verified = run(&["model", "verify", text(&package)]);
        assert!(verified.status.success(), "{}", stdout(&verified));
    }
    assert!(written.windows(2).all(|pair| pair[0] == pair[1]), "one model, one set of weights");
    known_risk_factors(folder.path());
}

/// What is known of the woman is refused as published, and used and recorded where the recipe says so.
fn known_risk_factors(folder: &Path) {
    let (package, exam) = (folder.join("0"), folder.join("exam"));
    assert!(run(&["phantom", "--rows", "416", "--columns", "320", text(&exam)]).status.success());
    let known = ["--model", text(&package), "--risk-factor", "density=2"];
    let refused = run(&[&["score", text(&exam)], &known[..]].concat());
    assert!(stderr(&refused).contains("takes no known risk factors"), "{}", stderr(&refused));

    let (Some(encoder), Some(aggregator)) =
        (sample("mirai_encoder_dataparallel_narrow8_legacy.p"), sample("mirai_transformer_narrow8_legacy.p"))
    else {
        return;
    };
    let package = folder.join("known");
    let files = ["--encoder", &encoder, "--aggregator", &aggregator, "--known-risk-factors", "-o", text(&package)];
    let result = run(&[&["model", "import", "mirai"], &files[..]].concat());
    assert!(result.status.success(), "{}", stderr(&result));
    let known = ["--model", text(&package), "--risk-factor", "density=2"];
    let plain = score(&[text(&exam), "--model", text(&package)]).remove(0);
    let informed = score(&[&[text(&exam)], &known[..]].concat()).remove(0);
    assert_ne!(output(&informed["exam"], "risk_year_5"), output(&plain["exam"], "risk_year_5"));
    let given = informed["exam"].as_array().expect("outputs").iter().find(|o| o["name"] == "given_density");
    assert_eq!(given.expect("recorded")["value"], "class 2 of 0 to 3");
}

#[test]
fn what_is_no_mirai_is_refused() {
    let Some(encoder) = sample("mirai_encoder_dataparallel_narrow8_legacy.p") else { return };
    let Some(aggregator) = sample("mirai_transformer_narrow8_legacy.p") else { return };
    let Some(gmic) = sample("gmic_narrow8_zip.pt") else { return };
    let folder = tempfile::tempdir().expect("folder");
    let package = folder.path().join("package");
    let check = |encoder: &str, aggregator: &str, calibrator: &str, expected: &[&str]| {
        let files = ["--encoder", encoder, "--aggregator", aggregator, "--calibrator", calibrator];
        let result = run(&[&["model", "import", "mirai"], &files[..], &["-o", text(&package)]].concat());
        assert_eq!(result.status.code(), Some(1), "{expected:?}");
        for part in expected {
            assert!(stderr(&result).contains(part), "{part}: {}", stderr(&result));
        }
        assert!(!package.exists());
    };
    check(
        &gmic,
        &aggregator,
        &gmic,
        &["gmic_narrow8_zip.pt is no checkpoint of this model", "_model.layer4_1.bn2.bias"],
    );
    check(&encoder, &gmic, &gmic, &["gmic_narrow8_zip.pt: its args have no"]);
    check(&encoder, &aggregator, &gmic, &["gmic_narrow8_zip.pt: it has no year 0"]);
    check(&encoder, "/nowhere.p", &gmic, &["/nowhere.p"]);
}

#[test]
fn nyu_classifiers_say_themselves_what_they_are() {
    let Some(one) = sample("nyu_view_split_image_narrow8_legacy.p") else { return };
    let Some(three) = sample("nyu_view_split_imageheatmaps_narrow8_legacy.p") else { return };
    let Some(image_wise) = sample("nyu_image_wise_narrow8_legacy.p") else { return };
    let Some(patches) = sample("nyu_patch_densenet_narrow16_legacy.p") else { return };
    let folder = tempfile::tempdir().expect("folder");
    let import = |name: &str, arguments: &[&str]| {
        let package = folder.path().join(name);
        let result = run(&[&["model", "import", "nyu-bcc"], arguments, &["-o", text(&package)]].concat());
        (package, result)
    };
    for (name, classifier, says) in
        [("view", &one, "scores four views at once"), ("image", &image_wise, "scores each image by itself")]
    {
        let (package, result) = import(name, &[classifier]);
        assert!(stdout(&result).contains(says), "{}{}", stdout(&result), stderr(&result));
        let verified = run(&["model", "verify", text(&package)]);
        assert!(verified.status.success(), "{}", stdout(&verified));
    }
    let refused = |name: &str, arguments: &[&str], says: &str| {
        let (package, result) = import(name, arguments);
        assert!(stderr(&result).contains(says), "{says}: {}", stderr(&result));
        assert!(!package.exists());
    };
    refused("a", &[&three], "give the patch classifier");
    refused("b", &[&one, "--patches", &patches], "leave the patch classifier out");
    refused("c", &[&three, "--patches", &one], "features.conv0.weight");
    refused("d", &[&patches], "four_view_resnet.cc.first_conv.weight");
    refused("e", &[&patches], "import nyu-bcc --patches");
    refused("f", &[&one, "--name", "density-v0"], "no name for a package");
    refused("g", &[&one, "--name", "a/../b"], "no name for a package");
}
