//! Files from real equipment: read, classified and listed rightly. (Their damaged copies are tried where the reader
//! is, in `datasets`.)

use super::support::{score, shared};

/// The report of one file of `data/dicom`.
fn report_of(name: &str) -> Option<serde_json::Value> {
    let path = shared(&format!("data/dicom/{name}"))?;
    Some(score(&[path.to_str().expect("UTF-8")]).remove(0))
}

#[test]
fn a_jpeg_lossless_view_is_scored() {
    // GE, right MLO, for presentation, VOI LUT sequence and three windows.
    let Some(report) = report_of("GH133.dcm") else { return };
    assert_eq!(report["state"], "scored", "{report}");
    assert_eq!(report["images"][0]["slot"], "R-MLO");
    assert_eq!(report["missing"], serde_json::json!(["L-CC", "L-MLO", "R-CC"]));
    assert_eq!(report["breasts"].as_array().expect("breasts").len(), 1, "no breast is made up");
}

#[test]
fn a_stereotactic_image_and_a_tomosynthesis_are_listed_not_scored() {
    for (name, word) in [("OutOfBoundsOverlay.dcm", "stereo"), ("dbt_j2k_4frames.dcm", "tomosynthesis")] {
        let Some(report) = report_of(name) else { return };
        assert_eq!(report["state"], "not-scored", "{name}");
        assert_eq!(report["reasons"][0]["code"], "no-mammogram", "{name}");
        let fate = report["received"][0]["fate"].as_str().expect("fate").to_lowercase();
        assert!(fate.contains(word), "{name}: {fate}");
    }
}
