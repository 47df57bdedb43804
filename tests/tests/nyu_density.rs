//! NYU's histogram model of breast density: its published weights, four published images, its published output.

use uvid_datasets::phantom::{Wrap, encode};
use uvid_exam::{Laterality, Slot};

use super::support::{output, run, score, shared, stderr, stdout};

#[test]
fn dicom_in_the_published_probabilities_out() {
    let Some(checkpoint) = shared("data/density/histogram_model.p") else { return };
    let folder = tempfile::tempdir().expect("folder");
    let (package, exam) = (folder.path().join("package"), folder.path().join("exam"));
    let text = |path: &std::path::Path| path.to_str().expect("UTF-8").to_owned();
    let imported = run(&["model", "import", "nyu-density", &text(&checkpoint), "-o", &text(&package)]);
    assert!(imported.status.success(), "{}", stderr(&imported));
    let verified = run(&["model", "verify", &text(&package)]);
    assert!(verified.status.success(), "{}", stdout(&verified));

    std::fs::create_dir(&exam).expect("folder");
    for slot in Slot::ALL {
        let picture = image::open(checkpoint.with_file_name(format!("{slot}.png"))).expect("PNG").into_luma8();
        let mut wrap = Wrap::new(slot, picture.height() as usize, picture.width() as usize, 100);
        wrap.padding = None;
        let mut pixels: Vec<u16> = picture.into_raw().into_iter().map(u16::from).collect();
        // The published pictures all have the chest wall on the left; files of right breasts have not.
        if slot.laterality() == Laterality::Right {
            pixels.chunks_exact_mut(wrap.columns).for_each(<[u16]>::reverse);
        }
        std::fs::write(exam.join(format!("{slot}.dcm")), encode(&pixels, &wrap).expect("encodes")).expect("written");
    }
    let report = score(&[&text(&exam), "--model", &text(&package)]).remove(0);
    assert_eq!(report["state"], "scored", "{}", report["reasons"]);
    let published = [("p_a", 0.081_944_4), ("p_b", 0.783_04), ("p_c", 0.133_503), ("p_d", 0.001_512_65)];
    for (name, expected) in published {
        let found = output(&report["exam"], name);
        // Six digits are published.
        assert!((found - expected).abs() <= 2e-6, "{name}: {found}, published {expected}");
    }
    let density = report["exam"].as_array().expect("outputs").iter().find(|o| o["name"] == "density").expect("there");
    assert!(density.to_string().contains("\"B\""), "{density}");

    // Without a view there is no score.
    std::fs::remove_file(exam.join("R-CC.dcm")).expect("removed");
    let report = score(&[&text(&exam), "--model", &text(&package)]).remove(0);
    assert_ne!(report["state"], "scored");
}
