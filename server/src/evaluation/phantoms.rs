//! A set of phantoms with known lesions, in the generic layout: what an evaluation can be tried on without any data.
//!
//! Invariant: the same number of exams and the same seed give the same bytes.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Context;
use image::{GrayImage, ImageFormat, Luma};
use sha2::{Digest, Sha256};
use uvid_datasets::phantom::{self, Lesion, LesionKind, LesionTruth, PhantomFile, Position, Spec, Style};
use uvid_exam::Laterality;

/// What the table says of the images.
const HEADER: &str = "patient,exam,image,laterality,view,file,height,width,cancer_breast,reference,density,vendor,\
lesion_id,lesion_kind,lesion_malignant,mask\n";

/// Writes `exams` exams into a folder with a table, `cohort.csv`; every second woman has a lesion in one breast. `tick` is told of
/// each exam.
///
/// # Errors
///
/// A file cannot be written.
pub fn write(folder: &Path, exams: u64, seed: u64, tick: &impl Fn()) -> anyhow::Result<()> {
    let mut table = HEADER.to_owned();
    for number in 0..exams {
        let spec = spec(seed.wrapping_add(number));
        let name = format!("phantom-{:04}", number + 1);
        let place = folder.join(&name);
        std::fs::create_dir_all(&place).with_context(|| format!("creating {}", place.display()))?;
        for file in phantom::exam(&spec)? {
            let path = place.join(&file.file_name);
            std::fs::write(&path, &file.bytes).with_context(|| format!("writing {}", path.display()))?;
            rows(&mut table, &name, &spec, &file, &place)?;
        }
        tick();
    }
    let path = folder.join("cohort.csv");
    std::fs::write(&path, table).with_context(|| format!("writing {}", path.display()))
}

/// A row for each lesion of an image, or one without.
fn rows(table: &mut String, name: &str, spec: &Spec, file: &PhantomFile, place: &Path) -> anyhow::Result<()> {
    let slot = file.slot;
    let ill = spec.lesions.iter().any(|lesion| lesion.laterality == slot.laterality());
    let about = format!(
        "{name},1,{name}-{slot},{},{},{name}/{},{},{},{},stated,{},{}",
        slot.laterality(),
        slot.view().short(),
        file.file_name,
        spec.rows,
        spec.columns,
        u8::from(ill),
        letter(spec.density),
        spec.style.manufacturer,
    );
    if file.truth.lesions.is_empty() {
        writeln!(table, "{about},,,,")?;
    }
    for (at, lesion) in file.truth.lesions.iter().enumerate() {
        let mask = format!("{slot}-lesion-{}.png", at + 1);
        picture(lesion, spec).save_with_format(place.join(&mask), ImageFormat::Png).context("writing a mask")?;
        let kind = match lesion.lesion.kind {
            LesionKind::Mass | LesionKind::SpiculatedMass => "mass",
            LesionKind::Calcifications => "calcification",
        };
        writeln!(table, "{about},{},{kind},1,{name}/{mask}", at + 1)?;
    }
    Ok(())
}

fn picture(lesion: &LesionTruth, spec: &Spec) -> GrayImage {
    GrayImage::from_fn(spec.columns as u32, spec.rows as u32, |column, row| {
        Luma([if lesion.mask.contains(row as usize, column as usize) { u8::MAX } else { 0 }])
    })
}

/// A woman, drawn from her seed.
fn spec(seed: u64) -> Spec {
    let digest = Sha256::digest(format!("phantom set {seed}").as_bytes());
    let share = |at: usize| f64::from(digest[at]) / 255.0;
    let styles = [Style::alfa(), Style::beta(), Style::gama(), Style::delta()];
    let style = styles[usize::from(digest[0]) % styles.len()].clone();
    let lesion = || Lesion {
        kind: [LesionKind::Mass, LesionKind::SpiculatedMass, LesionKind::Calcifications][usize::from(digest[1]) % 3],
        laterality: if digest[2] % 2 == 0 { Laterality::Left } else { Laterality::Right },
        position: Position { depth: 0.25 + 0.4 * share(3), lateral: share(4) - 0.5, superior: share(5) - 0.5 },
        diameter_mm: 8.0 + 14.0 * share(6),
        contrast: 0.5 + 0.9 * share(7),
    };
    // Half of the usual resolution: enough for every mark, and four times as quick to make.
    Spec {
        seed,
        rows: 1148,
        columns: 956,
        spacing_mm: 0.2,
        density: 0.08 + 0.7 * share(8),
        lesions: if seed.is_multiple_of(2) { vec![lesion()] } else { Vec::new() },
        style,
        ..Spec::default()
    }
}

/// A category for the share of dense tissue that was asked for: thirds are not BI-RADS, but divide the set.
fn letter(density: f64) -> &'static str {
    match density {
        d if d < 0.25 => "A",
        d if d < 0.45 => "B",
        d if d < 0.65 => "C",
        _ => "D",
    }
}
