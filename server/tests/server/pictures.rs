//! Pictures of a report, as validators and viewers of others see them: dciodvfy, dcmtk, pydicom.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;
use time::macros::datetime;
use uvid_datasets::dicom::{Limits, Source, read_source};
use uvid_datasets::phantom::{self, Edit, Spec, Style};
use uvid_exam::{Affine, Exam, Fate, Heatmap, RawScore, Reason, Region, Slot};
use uvid_server::config::Language;
use uvid_server::pipeline::{self, NoBytes};
use uvid_server::report::Report;
use uvid_server::report::dicom::{Context, Making, ResultObject, gsps, pdf, secondary_capture};

use super::support::MODEL;

struct Bytes<'a>(usize, &'a [u8]);

impl pipeline::Source for Bytes<'_> {
    fn name(&self) -> String {
        self.0.to_string()
    }
    fn bytes(&self) -> Result<Vec<u8>, NoBytes> {
        Ok(self.1.to_vec())
    }
}

/// A study with its result, and the pictures of it in a folder.
struct Made {
    folder: TempDir,
    files: Vec<Vec<u8>>,
    report: Report,
    exam: Option<Exam>,
    sources: Vec<Source>,
    making: Making,
}

impl Made {
    fn of(files: Vec<Vec<u8>>) -> Self {
        let named: Vec<_> = files.iter().enumerate().map(|(i, bytes)| Bytes(i, bytes)).collect();
        let (report, exam) = pipeline::score(&named, &MODEL, &pipeline::Limits::default()).unwrap();
        let sources = files.iter().map(|bytes| read_source(bytes, &Limits::default(), None).unwrap()).collect();
        let making = Making {
            kinds: Default::default(),
            language: Language::En,
            uid_root: None,
            at: datetime!(2026-11-22 01:02:03 UTC),
            charsets: vec![],
            supersedes: vec![],
        };
        Self { folder: tempfile::tempdir().unwrap(), files, report, exam, sources, making }
    }

    fn in_language(mut self, language: Language) -> Self {
        self.making.language = language;
        self
    }

    /// With a heat map and regions over every image; the first region is `marked`, as (row, column) corners in the file.
    fn marked(mut self, marked: [(f64, f64); 2]) -> Self {
        let scores = self.report.outcome.as_mut().unwrap();
        for image in &mut scores.images {
            let [(top, left), (bottom, right)] = marked;
            let outline = vec![(top, left), (top, right), (bottom, right), (bottom, left)];
            let score = |v| RawScore::new(v).unwrap();
            let (rows, columns) = (image.file_size.0 as f64, image.file_size.1 as f64);
            let second = (0..40).map(|i| {
                let (sin, cos) = (f64::from(i) / 40.0 * std::f64::consts::TAU).sin_cos();
                (rows * (0.62 + 0.05 * sin), columns * (0.5 + 0.07 * cos))
            });
            image.regions = vec![
                Region { name: "malignant-saliency".into(), score: score(0.83), outline },
                Region { name: "benign-saliency".into(), score: score(0.31), outline: second.collect() },
            ];
            let place = |k: usize| {
                let (r, c) = ((k / 20) as f64 / 24.0 * rows, (k % 20) as f64 / 20.0 * columns);
                let near = |a: f64, b: f64, s: f64| (-((r - a).powi(2) + (c - b).powi(2)) / s).exp();
                let (a, b) = (0.9 * near((top + bottom) / 2.0, (left + right) / 2.0, rows * rows / 90.0), 0.4);
                (a + b * near(rows * 0.62, columns * 0.5, rows * rows / 160.0)) as f32
            };
            image.heatmaps = vec![Heatmap {
                name: "malignant-saliency".into(),
                rows: 24,
                columns: 20,
                values: (0..480).map(place).collect(),
                to_file: Affine::scale_then_move(rows / 24.0, columns / 20.0, 0.0, 0.0),
            }];
        }
        self
    }

    fn context(&self) -> Context<'_> {
        Context {
            making: &self.making,
            sources: &self.sources,
            report: &self.report,
            exam: self.exam.as_ref(),
            manifest: MODEL.manifest(),
        }
    }

    fn keep(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    /// Makes all the pictures; every one is valid, and the same when made again.
    fn pictures(&self) -> (Vec<PathBuf>, PathBuf, PathBuf) {
        let context = self.context();
        let states = gsps::presentation_states(&context).unwrap();
        let (sheet, document) = (secondary_capture::sheet(&context).unwrap(), pdf::document(&context).unwrap());
        assert!(gsps::presentation_states(&context).unwrap() == states);
        assert!(secondary_capture::sheet(&context).unwrap() == sheet && pdf::document(&context).unwrap() == document);
        let written = |object: &ResultObject, name: String| {
            let path = self.keep(&name, &object.bytes);
            valid(&path);
            path
        };
        let states = states.iter().enumerate().map(|(i, s)| written(s, format!("gsps-{i}.dcm"))).collect();
        (states, written(&sheet, "sheet.dcm".into()), written(&document, "document.dcm".into()))
    }
}

fn installed(program: &str) -> bool {
    let found = std::env::var_os("PATH").is_some_and(|p| std::env::split_paths(&p).any(|d| d.join(program).is_file()));
    if !found {
        eprintln!("skipped: {program} is not installed");
    }
    found
}

/// dciodvfy finds nothing wrong and nothing odd.
fn valid(path: &Path) {
    if !installed("dciodvfy") {
        return;
    }
    let output = Command::new("dciodvfy").arg("-new").arg(path).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    let wrong: Vec<&str> = said.lines().filter(|l| l.starts_with("Error") || l.starts_with("Warning")).collect();
    assert!(wrong.is_empty(), "{}: {wrong:#?}", path.display());
}

fn phantom(spec: &Spec) -> Vec<Vec<u8>> {
    phantom::exam(spec).unwrap().into_iter().map(|file| file.bytes).collect()
}

#[test]
fn look() {
    let spec = Spec { rows: 2294, columns: 1914, ..Spec::default() };
    let made = Made::of(phantom(&spec)).marked([(900.0, 500.0), (1100.0, 760.0)]);
    let out = PathBuf::from("/tmp/gsps-look");
    std::fs::create_dir_all(&out).unwrap();
    for (i, language) in [Language::En, Language::SrLatn, Language::SrCyrl].into_iter().enumerate() {
        let mut made = Made { folder: tempfile::tempdir().unwrap(), files: vec![], report: made.report.clone(), exam: made.exam.clone(), sources: made.sources.clone(), making: made.making.clone() }.in_language(language);
        if i == 1 { made.report.outcome = Err(vec![Reason::ViewMissing(uvid_exam::Laterality::Left, uvid_exam::View::CranioCaudal), Reason::TooManyPixels(77)]); made.report.fates.pop(); }
        let context = made.context();
        std::fs::write(out.join(format!("sheet-{i}.dcm")), &secondary_capture::sheet(&context).unwrap().bytes).unwrap();
        std::fs::write(out.join(format!("doc-{i}.dcm")), &pdf::document(&context).unwrap().bytes).unwrap();
        for (k, s) in gsps::presentation_states(&context).unwrap().iter().enumerate() {
            std::fs::write(out.join(format!("gsps-{i}-{k}.dcm")), &s.bytes).unwrap();
        }
    }
    for (i, f) in made.files.iter().enumerate() { std::fs::write(out.join(format!("im-{i}.dcm")), f).unwrap(); }
}
