//! A real four-view exam, wrapped as DICOM in the guises that hospitals send it in: always one score, by command line
//! and by server.

use serde_json::Value;
use uvid_datasets::phantom::{Photometric, TransferSyntax, Wrap, encode};
use uvid_exam::{Rescale, Slot};

use super::support::{Server, output, score, shared, timeless};

/// A view's rows, columns and stored values, 12 bits.
type Picture = (Slot, usize, usize, Vec<u16>);

/// The real exam.
fn pictures() -> Option<Vec<Picture>> {
    let read = |slot: Slot| {
        let picture = image::open(shared(&format!("data/exam0/0_{slot}.png"))?).expect("PNG").into_luma16();
        let (columns, rows) = (picture.width() as usize, picture.height() as usize);
        Some((slot, rows, columns, picture.into_raw()))
    };
    Slot::ALL.into_iter().map(read).collect()
}

/// The exam as DICOM files; `disguise` may change the attributes and the pixels with them.
pub(crate) fn exam(disguise: impl Fn(&mut Wrap, &mut Vec<u16>)) -> Option<Vec<(Slot, Vec<u8>)>> {
    let wrap = |(slot, rows, columns, mut pixels): Picture| {
        let mut wrap = Wrap::new(slot, rows, columns, 100);
        wrap.padding = None;
        disguise(&mut wrap, &mut pixels);
        (slot, encode(&pixels, &wrap).expect("encodes"))
    };
    Some(pictures()?.into_iter().map(wrap).collect())
}

fn write(folder: &std::path::Path, files: &[(Slot, Vec<u8>)], name: impl Fn(Slot) -> String) {
    std::fs::create_dir_all(folder).expect("folder");
    for (slot, bytes) in files {
        std::fs::write(folder.join(name(*slot)), bytes).expect("written");
    }
}

fn score_of(files: &[(Slot, Vec<u8>)]) -> Value {
    let folder = tempfile::tempdir().expect("folder");
    write(folder.path(), files, |slot| format!("{slot}.dcm"));
    score(&[folder.path().to_str().expect("UTF-8")]).remove(0)
}

/// Everything that is said of the exam, its breasts and its images.
fn said(report: &Value) -> [Value; 3] {
    assert_eq!(report["state"], "scored", "{report}");
    [report["exam"].clone(), report["breasts"].clone(), report["images"].clone()]
}

#[test]
fn command_line_and_server_say_the_same() {
    let Some(files) = exam(|_, _| ()) else { return };
    let by_command = score_of(&files);
    // The mean of what the training code says of these four images.
    if let Some(path) = shared("models/density-v0/fixtures.json") {
        let fixtures: Value = serde_json::from_slice(&std::fs::read(path).expect("readable")).expect("JSON");
        let images = fixtures["images"].as_array().expect("images").iter();
        let ours = images.filter(|i| i["name"].as_str().is_some_and(|n| n.starts_with("gmic_exam0")));
        let scores: Vec<f64> = ours.map(|i| i["score"].as_f64().expect("number")).collect();
        assert_eq!(scores.len(), 4);
        let (found, expected) = (output(&by_command["exam"], "density_score"), scores.iter().sum::<f64>() / 4.0);
        assert!((found - expected).abs() <= 1e-4, "{found}, expected {expected}");
    }

    let data = tempfile::tempdir().expect("folder");
    let server = Server::start(data.path());
    let bytes: Vec<Vec<u8>> = files.into_iter().map(|(_, bytes)| bytes).rev().collect();
    let (status, answer) = server.store(&bytes);
    assert_eq!(status, 200, "{answer}");
    let study = by_command["study"].as_str().expect("uid");
    assert_eq!(timeless(&server.report(study)), timeless(&by_command));

    // The heat map is a picture of the file's size.
    let image = &by_command["images"][0];
    let uid = image["sop_instance"].as_str().expect("uid");
    let png = server.get_bytes(&format!("/api/v1/studies/{study}/images/{uid}/heatmaps/dense-tissue.png"));
    let picture = image::load_from_memory(&png).expect("PNG");
    assert_eq!(serde_json::json!([picture.height(), picture.width()]), image["file_size"]);
}

#[test]
fn the_order_of_the_files_does_not_matter() {
    let Some(files) = exam(|_, _| ()) else { return };
    let plain = said(&score_of(&files));
    let folder = tempfile::tempdir().expect("folder");
    write(folder.path(), &files, |slot| format!("{}.dcm", 9 - Slot::ALL.iter().position(|s| *s == slot).unwrap_or(0)));
    assert_eq!(said(&score(&[folder.path().to_str().expect("UTF-8")]).remove(0)), plain);
}

#[test]
fn monochrome1_does_not_matter() {
    let Some(files) = exam(|wrap, pixels| {
        wrap.photometric = Photometric::Monochrome1;
        pixels.iter_mut().for_each(|p| *p = 4095 - *p);
    }) else {
        return;
    };
    assert_eq!(said(&score_of(&files)), said(&score_of(&exam(|_, _| ()).expect("there"))));
}

#[test]
fn the_transfer_syntax_does_not_matter() {
    let Some(plain) = exam(|_, _| ()) else { return };
    let plain = said(&score_of(&plain));
    for syntax in TransferSyntax::ALL {
        let files = exam(|wrap, _| wrap.transfer_syntax = syntax).expect("there");
        assert_eq!(said(&score_of(&files)), plain, "{syntax:?}");
    }
}

#[test]
fn rescale_does_not_matter() {
    let Some(files) = exam(|wrap, _| wrap.rescale = Rescale { slope: 2.5, intercept: -1000.0 }) else { return };
    assert_eq!(said(&score_of(&files)), said(&score_of(&exam(|_, _| ()).expect("there"))));
}

#[test]
fn padding_does_not_matter() {
    // Air at the far edge becomes padding, brighter than any tissue; the air in between stays.
    let Some(files) = exam(|wrap, pixels| {
        wrap.bits_stored = 13;
        wrap.padding = Some((8191, None));
        let columns = wrap.columns;
        for row in pixels.chunks_exact_mut(columns) {
            let far = if wrap.laterality == uvid_exam::Laterality::Left { columns - 12..columns } else { 0..12 };
            row[far].iter_mut().filter(|p| **p == 0).for_each(|p| *p = 8191);
        }
    }) else {
        return;
    };
    let mut padded = 0;
    for (_, bytes) in &files {
        let limits = uvid_datasets::dicom::Limits::default();
        let received = uvid_datasets::dicom::read(bytes, &limits).expect("reads");
        let uvid_exam::Content::Mammogram(image) = received.content else { panic!("a mammogram") };
        padded += image.pixels.values().iter().filter(|v| **v == 8191).count();
    }
    assert!(padded > 10_000, "only {padded} pixels are padding: the test says nothing");
    assert_eq!(said(&score_of(&files)), said(&score_of(&exam(|_, _| ()).expect("there"))));
}

#[test]
fn signed_values_do_not_matter() {
    // Shifted by a constant: equal up to rounding, which the recipe promises.
    let Some(files) = exam(|wrap, _| {
        wrap.bits_stored = 13;
        wrap.signed = true;
    }) else {
        return;
    };
    let (signed, plain) = (score_of(&files), score_of(&exam(|_, _| ()).expect("there")));
    for name in ["p_dense", "p_a", "p_b", "p_c", "p_d", "density_score"] {
        let (a, b) = (output(&signed["exam"], name), output(&plain["exam"], name));
        assert!((a - b).abs() <= 1e-5, "{name}: {a}, expected {b}");
    }
}
