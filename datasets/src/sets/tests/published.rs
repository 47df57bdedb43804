//! The real tables, where they lie beside the checkout. Counts were taken with pandas from the same files:
//! `len`, `nunique` of ids, `groupby(...).max()` of labels.

use std::path::{Path, PathBuf};

use crate::sets::summary::Labelled;
use crate::sets::{Checks, Cohort, LesionKind, Shape, recognise};

/// The folder of real tables, or a reason on the terminal.
fn shared(folder: &str) -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data").join(folder);
    if !root.is_dir() {
        eprintln!("skipped: {} is not there", root.display());
        return None;
    }
    Some(root)
}

fn labelled(positive: u64, negative: u64, unknown: u64) -> Labelled {
    Labelled { positive, negative, unknown }
}

fn ids(cohort: &Cohort, root: &Path, code: &str) -> usize {
    let found = cohort.check(root, Checks::default()).unwrap();
    found.iter().find(|finding| finding.code == code).map_or(0, |finding| finding.ids.len())
}

#[test]
fn cbis_ddsm_as_published() {
    let Some(root) = shared("tables") else { return };
    let cohort = crate::sets::read("cbis-ddsm", &root).unwrap();
    let summary = cohort.summary();
    assert_eq!(summary.rows, 3568);
    assert_eq!(summary.total.lesions, 3568);
    assert_eq!(summary.total.images.all(), 3103);
    assert_eq!(summary.total.patients, labelled(752, 1566 - 752, 0));
    assert_eq!(summary.total.breasts, labelled(761, 1708 - 761, 0));
    assert!(cohort.exclusions.is_empty());
    let of = |split: &str| {
        (summary.splits[split].images, summary.splits[split].patients.all(), summary.splits[split].lesions)
    };
    let ((train, train_patients, train_lesions), (test, test_patients, test_lesions)) = (of("train"), of("test"));
    assert_eq!((train.all(), train_patients, train_lesions), (2458, 1248, 2864));
    assert_eq!((test.all(), test_patients, test_lesions), (645, 349, 704));
    let lesions = || cohort.images.iter().flat_map(|image| &image.lesions);
    assert_eq!(lesions().filter(|lesion| lesion.kind == LesionKind::Calcification).count(), 1872);
    assert_eq!(lesions().filter(|lesion| lesion.malignant == Some(true)).count(), 1457);
    assert_eq!(ids(&cohort, &root, "patient-in-two-splits"), 31);
    let films: std::collections::BTreeMap<_, _> =
        cohort.images.iter().map(|i| ((&i.patient, i.laterality, i.view.clone()), i.labels.image)).collect();
    assert_eq!((films.len(), films.values().filter(|label| **label == Some(true)).count()), (3032, 1347));
    // Two rows have density 0.
    let without = cohort.images.iter().filter(|image| !image.covariates.contains_key("density")).count();
    assert!((1..=2).contains(&without), "{without}");
    let of_two = |shape: &Shape| matches!(shape, Shape::MaskFile { series, .. } if series.len() == 2);
    assert_eq!(lesions().filter(|lesion| of_two(&lesion.shape)).count(), 104);
    let found = cohort.check(&root, Checks::default()).unwrap();
    assert_eq!(found.iter().map(|f| f.code).collect::<Vec<_>>(), ["patient-in-two-splits"]);
}

#[test]
fn cbis_ddsm_without_half_of_its_tables_knows_no_negatives() {
    let Some(root) = shared("tables") else { return };
    let part = tempfile::tempdir().unwrap();
    for name in ["mass_case_description_train_set.csv", "mass_case_description_test_set.csv"] {
        std::fs::copy(root.join(name), part.path().join(name)).unwrap();
    }
    let total = crate::sets::read("cbis-ddsm", part.path()).unwrap().summary().total;
    for level in [total.images, total.breasts, total.exams, total.patients] {
        assert!(level.negative == 0 && level.positive > 0 && level.unknown > 0, "{level:?}");
    }
}

#[test]
fn cmmd_as_published() {
    let Some(root) = shared("tables") else { return };
    let cohort = crate::sets::read("cmmd", &root).unwrap();
    let summary = cohort.summary();
    assert_eq!(summary.rows, 1872 + 1775);
    assert_eq!(cohort.sides.len(), 1872);
    assert_eq!(summary.total.images.all(), 5202);
    assert_eq!(summary.total.patients.all(), 1775);
    assert_eq!(summary.total.patients.positive, 1310);
    assert_eq!(cohort.sides.iter().filter(|side| side.cancer == Some(true)).count(), 1316);
    assert!(cohort.exclusions.is_empty());
    assert_eq!(ids(&cohort, &root, "image-twice"), 0);
}

#[test]
fn mirai_sample_as_published() {
    let Some(root) = shared("tables") else { return };
    let cohort = crate::sets::read("mirai", &root).unwrap();
    assert_eq!((cohort.images.len(), cohort.exclusions.len()), (32, 0));
    let splits = cohort.summary().splits;
    let images: Vec<_> = splits.iter().map(|(split, counts)| (split.as_str(), counts.images.all())).collect();
    assert_eq!(images, [("dev", 8), ("test", 12), ("train", 12)]);
}

#[test]
fn screening640_as_it_lies_there() {
    let Some(root) = shared("screening640") else { return };
    assert_eq!(recognise(&root).unwrap().name, "screening640");
    let cohort = crate::sets::read("screening640", &root).unwrap();
    let summary = cohort.summary();
    assert_eq!((summary.rows, cohort.images.len(), cohort.exclusions.len()), (3383, 3382, 1));
    assert_eq!(summary.total.patients, labelled(486, 963 - 486, 0));
    assert_eq!(summary.total.breasts, labelled(492, 1464 - 492, 0));
    assert_eq!((summary.splits["0"].patients.all(), summary.splits["4"].patients.all()), (194, 193));
    assert_eq!(summary.splits.len(), 5);
    assert_eq!(ids(&cohort, &root, "patient-in-two-splits"), 0);
}
