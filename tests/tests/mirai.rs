//! Mirai from DICOM files to the numbers of its authors' code.
//!
//! The published weights are for users to download; here the weights are made by the fixtures' formula, with which the
//! authors' code was run.

use std::path::Path;

use candle_core::Tensor;
use serde_json::Value;
use sha2::Digest;
use uvid_datasets::dicom::{self, Limits};
use uvid_exam::{Content, Exam, Mammogram, Output, Reason, Received, Scores, Slot};
use uvid_kernels::Weights;
use uvid_model::mirai::RiskFactorError;
use uvid_model::mirai::decode::{Route, decode};
use uvid_model::mirai::prepare::{align, normalise};
use uvid_model::mirai::resize::resize;
use uvid_model::{Package, Predictor, Prepared, Site, Unscored};

use super::recipe_weights;
use super::support::shared;

const ROUTES: [(&str, Route); 2] = [("dcmtk", Route::Dcmtk), ("pydicom", Route::Pydicom)];

fn json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).expect("readable")).expect("JSON")
}

fn sha256(bytes: impl Iterator<Item = u8>) -> String {
    let digest = sha2::Sha256::digest(bytes.collect::<Vec<u8>>());
    digest.iter().map(|b| format!("{b:02x}")).collect()
}

fn sha256_u16le(values: &[u16]) -> String {
    sha256(values.iter().flat_map(|v| v.to_le_bytes()))
}

/// The fixtures' files name no study and no series, which no DICOM file may leave out and our reader insists on.
/// Both are put in, before Image Laterality (0020,0062).
fn with_study(file: &[u8]) -> Vec<u8> {
    let place = file.windows(6).position(|w| w == b"\x20\x00\x62\x00CS").expect("Image Laterality");
    let uid = |element: u8, uid: &[u8; 6]| [b"\x20\x00", &[element, 0][..], b"UI", &[6, 0], uid].concat();
    [&file[..place], &uid(0x0d, b"1.2.30"), &uid(0x0e, b"1.2.31"), &file[place..]].concat()
}

fn received(path: &Path) -> Received {
    let bytes = with_study(&std::fs::read(path).expect("readable"));
    dicom::read(&bytes, &Limits::default()).expect("reads")
}

fn mammogram(path: &Path) -> Mammogram {
    match received(path).content {
        Content::Mammogram(image) => *image,
        Content::Listed(listed) => panic!("{}: {:?}", path.display(), listed.fate),
    }
}

#[test]
fn both_decoders_are_reproduced_bit_for_bit() {
    let Some(file) = shared("models/fixtures/mirai/dicom_cases/expected.json") else { return };
    let cases = json(&file);
    let cases = cases.as_object().expect("cases");
    assert_eq!(cases.len(), 18);
    for (name, case) in cases {
        let image = mammogram(&file.with_file_name(format!("{name}.dcm")));
        for (decoder, route) in ROUTES {
            // There the authors' code overflows with numpy 2.
            if (name.as_str(), route) == ("bits16_full", Route::Pydicom) {
                let off = decode(&image, route).iter().zip(image.pixels.values()).map(|(d, p)| d.abs_diff(*p)).max();
                assert!(off.is_some_and(|off| off <= 1), "{name}: a full range of 16 bits stays as it is");
                continue;
            }
            let expected = case[decoder]["sha256_u16le"].as_str().expect("digest");
            assert_eq!(sha256_u16le(&decode(&image, route)), expected, "{name} by {decoder}");
        }
    }
}

#[test]
fn preparation_is_exact() {
    let Some(file) = shared("models/fixtures/mirai/mirai.json") else { return };
    let fixture = json(&file);
    let folder = file.with_file_name("dicom_small");
    for (decoder, route) in ROUTES {
        for expected in fixture["cases"][format!("small/{decoder}")]["images"].as_array().expect("images") {
            let text = |key: &str| expected[key].as_str().expect("text");
            let name = format!("{}{}.dcm", text("view"), text("side")).to_lowercase();
            let image = mammogram(&folder.join(&name));
            let decoded = decode(&image, route);
            assert_eq!(sha256_u16le(&decoded), text("png16_sha256_u16le"), "{name} by {decoder}");
            let mut pixels = resize(&decoded, image.pixels.columns(), (2048, 1664));
            assert_eq!(sha256_u16le(&pixels), text("resized_sha256_u16le"), "{name} by {decoder}");
            assert_eq!(align(&mut pixels, 1664), expected["flipped"].as_bool().expect("bool"), "{name} by {decoder}");
            assert_eq!(sha256_u16le(&pixels), text("aligned_sha256_u16le"), "{name} by {decoder}");
            let input = normalise(&pixels, 7047.99, 12005.5);
            let digest = sha256(input.iter().flat_map(|v| v.to_le_bytes()));
            assert_eq!(digest, text("tensor_sha256_chan0_f32le"), "{name} by {decoder}");
        }
    }
}

type Shapes = Vec<(String, Vec<usize>)>;

fn integers(value: &Value) -> Vec<usize> {
    let size = |v: &Value| usize::try_from(v.as_u64().expect("size")).expect("size");
    value.as_array().expect("sizes").iter().map(size).collect()
}

/// What a test package is made of.
struct Parts<'a> {
    encoder: Weights,
    aggregator: Weights,
    /// Rows and columns of the input.
    size: [usize; 2],
    decoder: &'a str,
    risk_factors: &'a str,
}

/// Writes a package into the folder and loads it.
fn predictor(folder: &Path, samples: &Value, parts: &Parts<'_>) -> Predictor {
    let written = |name: &str, weights: &Weights| {
        let named = weights.names().map(|n| (n.to_owned(), weights.get(n).expect("named").clone()));
        let tensors: std::collections::HashMap<String, Tensor> = named.collect();
        let file = folder.join(name);
        candle_core::safetensors::save(&tensors, &file).expect("written");
        sha256(std::fs::read(&file).expect("readable").into_iter())
    };
    let digests =
        [written("encoder.safetensors", &parts.encoder), written("aggregator.safetensors", &parts.aggregator)];
    let shape = |name: &str| parts.aggregator.get(name).expect("named").dims().to_vec();
    let keys = &samples["mirai_transformer_narrow8_legacy.p"]["args"]["risk_factor_keys"];
    let factors = keys.as_array().expect("keys").iter().map(|key| {
        let key = key.as_str().expect("key");
        format!("{{ key = \"{key}\", classes = {} }}", shape(&format!("pool.{key}_fc.bias"))[0])
    });
    let manifest = format!(
        r#"
name = "mirai-formula"
version = "0"
summary = "Mirai with weights by formula, for tests"
intended_use = "Tests."
limits = ["It knows nothing."]
licence = "none needed"
training_data = "none"

[input]
required_views = ["L-CC", "L-MLO", "R-CC", "R-MLO"]
acquisitions = ["ffdm"]
intents = ["for-presentation"]
implants = false
lossy = false
burned_in_annotation = false
magnification_max = 1.1
manufacturers = ["hologic"]

[recipe]
architecture = "mirai"
encoder_weights = "encoder.safetensors"
aggregator_weights = "aggregator.safetensors"
decoder = "{decoder}"
size = {size:?}
mean = 7047.99
deviation = 12005.5
air_share_min = 0.02
risk_factors = "{risk_factors}"
calibration = [
    {{ a = 5.202204577500693, b = -6.941708811474186 }},
    {{ a = 4.719061780284344, b = -6.1189816713625085 }},
    {{ a = 4.276177460151399, b = -5.45589794861255 }},
    {{ a = 4.218360381892917, b = -5.119448091633599 }},
    {{ base_slope = 3.90438404034106, base_offset = -4.776621706974411, calibrator_slope = -1.0, calibrator_offset = 0.0 }},
]

[recipe.aggregator]
heads = 8
layers = 1
hidden = {hidden}
pool = "Simple_AttentionPool"
years = 5
risk_factors = [{factors}]

[outputs]

[files]
"encoder.safetensors" = "{}"
"aggregator.safetensors" = "{}"
"#,
        digests[0],
        digests[1],
        decoder = parts.decoder,
        size = parts.size,
        risk_factors = parts.risk_factors,
        hidden = shape("projection_layer.bias")[0],
        factors = factors.collect::<Vec<_>>().join(", "),
    );
    std::fs::write(folder.join("package.toml"), manifest).expect("written");
    Predictor::load(&Package::open(folder).expect("opens"), &Site::default()).expect("loads")
}

fn small_exam(folder: &Path) -> Vec<Received> {
    ["ccl", "ccr", "mlol", "mlor"].map(|name| received(&folder.join(format!("{name}.dcm")))).into()
}

fn prepared(predictor: &Predictor, files: Vec<Received>) -> Prepared {
    let exam = Exam::assemble(files, predictor.rules()).exam.expect("an exam");
    predictor.prepare(&exam).expect("prepares")
}

fn number(outputs: &[Output], name: &str) -> f64 {
    let found = outputs.iter().find(|o| o.name == name).unwrap_or_else(|| panic!("no {name} in {outputs:?}"));
    found.value.number().expect("a number")
}

fn numbers(scores: &Scores, kind: &str) -> Vec<f64> {
    (1..=5).map(|year| number(&scores.exam, &format!("{kind}_year_{year}"))).collect()
}

/// Checkpoint samples of a narrow Mirai, and its package.
fn narrow(folder: &Path, risk_factors: &str) -> Option<Predictor> {
    let samples = json(&shared("models/fixtures/checkpoints/expected.json")?);
    let shapes = |file: &str| -> Shapes {
        let all = samples[file]["tensors"].as_object().expect("tensors").iter();
        let name = |name: &str| name.trim_start_matches("module.").to_owned();
        all.filter(|(_, t)| t["dtype"] == "float32").map(|(n, t)| (name(n), integers(&t["shape"]))).collect()
    };
    let encoder = shapes("mirai_encoder_dataparallel_narrow8_legacy.p");
    let aggregator = shapes("mirai_transformer_narrow8_legacy.p");
    let parts = Parts {
        encoder: recipe_weights::fill(&encoder, "ckpt.image_encoder.", |_| 1.0),
        aggregator: recipe_weights::fill_mirai_aggregator(&aggregator, "ckpt.transformer.", |_| 1.0),
        size: [512, 416],
        decoder: "dcmtk",
        risk_factors,
    };
    Some(predictor(folder, &samples, &parts))
}

#[test]
fn an_exam_gets_a_risk_for_each_year() {
    let Some(files) = shared("models/fixtures/mirai/dicom_small") else { return };
    let folder = tempfile::tempdir().expect("folder");
    let Some(predictor) = narrow(folder.path(), "predicted") else { return };
    let exam = prepared(&predictor, small_exam(&files));
    let scores = predictor.predict(&exam).expect("scores");
    let (raw, risk) = (numbers(&scores, "raw"), numbers(&scores, "risk"));
    assert!(raw.is_sorted(), "{raw:?}");
    for ((raw, risk), calibrator) in raw.iter().zip(&risk).zip(uvid_model::mirai::calibration::Calibrator::published())
    {
        assert!((calibrator.of(*raw) - risk).abs() <= 1e-15, "{raw} became {risk}");
    }
    let weights: f64 = scores.images.iter().map(|image| number(&image.outputs, "attention")).sum();
    assert!((weights - 1.0).abs() <= 1e-6, "{weights}");
    assert_eq!(scores.images.iter().map(|i| i.slot).collect::<Vec<_>>(), Slot::ALL);
    // The corners of the input are those of the file, wherever the chest wall lies.
    for (slot, image) in &exam.images {
        let (rows, columns) = image.file_size;
        let mut corners = [image.to_file.apply(0.0, 0.0), image.to_file.apply(512.0, 416.0)];
        corners.sort_by(|a, b| a.1.total_cmp(&b.1));
        let expected = [0.0, columns as f64];
        assert!(corners.iter().zip(expected).all(|(c, e)| (c.1 - e).abs() <= 1e-9), "{slot}: {corners:?}");
        assert!(corners.iter().any(|c| (c.0 - rows as f64).abs() <= 1e-9), "{slot}: {corners:?}");
    }

    // Three views are no exam for this model, and another maker's images none at all.
    let three = Exam::assemble(small_exam(&files).into_iter().skip(1).collect(), predictor.rules());
    assert!(matches!(three.exam.expect_err("stopped")[..], [Reason::ViewMissing(..)]));
    let mut incomplete = exam.clone();
    incomplete.images.remove(&Slot::RightCc);
    assert!(matches!(predictor.predict(&incomplete), Err(Unscored::Because(Reason::ViewMissing(..)))));
    let mut others = small_exam(&files);
    for file in &mut others {
        let Content::Mammogram(image) = &mut file.content else { panic!("a mammogram") };
        image.manufacturer = Some("GE MEDICAL SYSTEMS".into());
    }
    let assembly = Exam::assemble(others, predictor.rules());
    assert!(assembly.fates.iter().all(|(_, fate)| fate.code() == "manufacturer-not-taken"), "{:?}", assembly.fates);

    // The published model predicts all risk factors.
    assert_eq!(predictor.risk_factors([("density", "1")]).expect_err("refused"), RiskFactorError::NotTaken);
    let elsewhere = tempfile::tempdir().expect("folder");
    let open = narrow(elsewhere.path(), "known-where-given").expect("there");
    let known = open.risk_factors([("density", "1"), ("parous", "no")]).expect("taken");
    let refused = predictor.predict(&exam.clone().with_risk_factors(known.clone()));
    assert!(matches!(refused, Err(Unscored::Because(Reason::ModelFailed(_)))), "{refused:?}");

    assert_eq!(open.predict(&exam).expect("scores").exam, scores.exam, "nothing is known: everything is predicted");
    let informed = open.predict(&exam.with_risk_factors(known)).expect("scores");
    assert_ne!(numbers(&informed, "raw"), raw);
    let given: Vec<String> = informed.exam[10..].iter().map(|o| format!("{}: {:?}", o.name, o.value)).collect();
    assert_eq!(
        given,
        [
            "given_density: Category(\"class 1 of 0 to 3\")",
            "given_parous: Category(\"no (to this model the same as unknown: predicted)\")"
        ]
    );
}

#[test]
#[ignore = "full width: minutes"]
fn dicom_in_the_authors_report_out() {
    let Some(file) = shared("models/fixtures/mirai/mirai.json") else { return };
    let Some(samples) = shared("models/fixtures/checkpoints/expected.json") else { return };
    let (fixture, samples) = (json(&file), json(&samples));
    let manifest = json(&file.with_file_name("weights_manifest.json"));
    let shapes = |key: &str| -> Shapes {
        let list = manifest[key].as_array().expect("list").iter().filter(|t| t[2] == "torch.float32");
        list.map(|t| (t[0].as_str().expect("name").to_owned(), integers(&t[1]))).collect()
    };
    let gained = ["query.weight", "key.weight", "attention_fc.weight"];
    let gain = |name: &str| if gained.iter().any(|end| name.ends_with(end)) { 4.0 } else { 1.0 };
    for (decoder, _) in ROUTES {
        let folder = tempfile::tempdir().expect("folder");
        let parts = Parts {
            encoder: recipe_weights::fill(&shapes("encoder_keys"), "image_encoder.", gain),
            aggregator: recipe_weights::fill_mirai_aggregator(&shapes("transformer_keys"), "transformer.", gain),
            size: [2048, 1664],
            decoder,
            risk_factors: "predicted",
        };
        let predictor = predictor(folder.path(), &samples, &parts);
        let exam = prepared(&predictor, small_exam(&file.with_file_name("dicom_small")));
        let scores = predictor.predict(&exam).expect("scores");
        let case = &fixture["cases"][format!("small/{decoder}")];
        let (raw, risk) = (numbers(&scores, "raw"), numbers(&scores, "risk"));
        let mut worst = [0.0f64; 3];
        for year in 0..5 {
            let number = |key: &str| case[key][year].as_f64().expect("number");
            let logit = (raw[year] / (1.0 - raw[year])).ln();
            let off = [logit - number("logit"), raw[year] - number("raw_probs"), risk[year] - number("calibrated")];
            for ((off, tolerance), worst) in off.into_iter().zip([1e-4, 1e-5, 1e-5]).zip(&mut worst) {
                assert!(off.abs() <= tolerance, "{decoder}, year {}: off by {off:e}", year + 1);
                *worst = worst.max(off.abs());
            }
            let report = &case["run_model_report_rounded4"]["predictions"][format!("Year {}", year + 1)];
            assert_eq!((risk[year] * 1e4).round() / 1e4, report.as_f64().expect("number"), "{decoder}");
        }
        eprintln!("{decoder}: logits off by {:e}, scores by {:e}, risks by {:e}", worst[0], worst[1], worst[2]);
    }
}
