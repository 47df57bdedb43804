//! Pictures of a report, as validators and viewers of others see them: dciodvfy, dcmtk, pydicom.

use std::path::{Path, PathBuf};
use std::process::Command;

use dicom_core::{DataElement, PrimitiveValue, Tag, VR};
use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;
use tempfile::TempDir;
use time::macros::datetime;
use uvid_datasets::dicom::{Limits, Object, Source, read_source};
use uvid_datasets::phantom::{self, Edit, PhantomPatient, Photometric, Spec, Style};
use uvid_exam::{Affine, Content, Exam, Heatmap, Laterality, RawScore, Reason, Region, Rescale, Slot, View};
use uvid_model::Manifest;
use uvid_server::config::Language;
use uvid_server::pipeline::{self, NoBytes};
use uvid_server::report::dicom::{Context, Making, ResultObject, gsps, pdf, secondary_capture};
use uvid_server::report::{Report, sheet};

use super::support::MODEL;

struct Bytes<'a>(usize, &'a [u8]);

impl pipeline::Source for Bytes<'_> {
    fn name(&self) -> String {
        self.0.to_string()
    }
    fn open(&self, limits: &Limits) -> Result<Object<'_>, NoBytes> {
        Object::of(self.1, limits).map_err(|error| self.unread(&error))
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
    manifest: Manifest,
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
        let manifest = MODEL.manifest().clone();
        Self { folder: tempfile::tempdir().unwrap(), files, report, exam, sources, making, manifest }
    }

    fn in_language(mut self, language: Language) -> Self {
        self.making.language = language;
        self
    }

    /// With a heat map and regions over every image, of a package without operating points; the first region is `marked`, as (row, column) corners in the file.
    fn marked(mut self, marked: [(f64, f64); 2]) -> Self {
        self.manifest.operating_points.clear();
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
            manifest: &self.manifest,
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

/// An exam of a style with a bright rectangle drawn at [`BRIGHT`] in every file; where `upside_down`, oblique views lie
/// so in their files, which say so.
fn bright_exam(style: Style, upside_down: bool) -> Vec<Vec<u8>> {
    let spec = Spec { style, ..Spec::small(31) };
    let file = |slot: Slot| {
        let mut pixels = phantom::image(&spec, slot).unwrap().pixels;
        let mut wrap = phantom::wrap_of(&spec, slot).unwrap();
        if upside_down && slot.view() == View::MedioLateralOblique {
            pixels = pixels.chunks(spec.columns).rev().flatten().copied().collect();
            let row = if slot.laterality() == Laterality::Left { "A" } else { "P" };
            let orientation = PrimitiveValue::from(format!("{row}\\H"));
            wrap.edits.push(Edit::Put(DataElement::new(tags::PATIENT_ORIENTATION, VR::CS, orientation)));
        }
        let brightest = match spec.style.photometric {
            Photometric::Monochrome1 => 0,
            Photometric::Monochrome2 => spec.style.max(),
        };
        let [(top, left), (bottom, right)] = BRIGHT.map(|(row, column)| (row as usize, column as usize));
        for row in top..bottom {
            pixels[row * spec.columns + left..row * spec.columns + right].fill(brightest);
        }
        phantom::encode(&pixels, &wrap).unwrap()
    };
    Slot::ALL.into_iter().map(file).collect()
}

/// A rectangle within each breast, as (row, column) corners.
const BRIGHT: [(f64, f64); 2] = [(130.0, 100.0), (160.0, 140.0)];

#[test]
fn every_outcome_gives_valid_pictures() {
    let spec = Spec::small(30);
    let all = || Made::of(phantom(&spec));
    let check = |name: &str, made: Made, states: usize| {
        assert_eq!(made.pictures().0.len(), states, "{name}");
    };
    check("density, no regions", all(), 2);
    check("regions and heat maps", all().marked(BRIGHT), 2);
    check("Serbian", all().marked(BRIGHT).in_language(Language::SrLatn), 2);
    check("Serbian in Cyrillic", all().marked(BRIGHT).in_language(Language::SrCyrl), 2);
    for style in Style::all() {
        let name = style.model.clone();
        check(&name, Made::of(phantom(&Spec { style, ..spec.clone() })).marked(BRIGHT), 2);
    }
    let mut one_breast = all();
    let scores = one_breast.report.outcome.as_mut().unwrap();
    scores.images.retain(|image| image.slot.laterality() == Laterality::Right);
    check("one breast", one_breast, 1);
    let mut no_score = all();
    no_score.report.outcome = Err((0..40).map(Reason::TooManyPixels).collect());
    check("no score, with more reasons than there is room for", no_score, 0);
    let mut no_pixels = all();
    no_pixels.exam = None;
    check("no pixels at hand", no_pixels, 2);
    let three = phantom(&spec).split_off(1);
    let three = Made::of(three);
    let states = if three.report.outcome.is_ok() { 2 } else { 0 };
    check("one view missing", three, states);
    let unlike = Rescale { slope: 2.0, intercept: -10.0 };
    let rescaled = Slot::ALL.map(|slot| {
        let wrap = phantom::wrap_of(&spec, slot).unwrap();
        let rescale = if slot == Slot::LeftCc { unlike } else { wrap.rescale };
        phantom::encode(&phantom::image(&spec, slot).unwrap().pixels, &phantom::Wrap { rescale, ..wrap }).unwrap()
    });
    check("one image of a breast with another rescale", Made::of(rescaled.to_vec()), 3);
}

/// Every text and the number of outlines of the presentation states.
fn said(made: &Made) -> (Vec<String>, usize) {
    let (mut texts, mut outlines) = (vec![], 0);
    for state in gsps::presentation_states(&made.context()).unwrap() {
        let state = dicom_object::from_reader(state.bytes.as_slice()).unwrap();
        for item in state.element(tags::GRAPHIC_ANNOTATION_SEQUENCE).unwrap().items().unwrap() {
            let of = |tag| item.element(tag).ok().and_then(|e| e.items()).unwrap_or_default();
            texts.extend(of(tags::TEXT_OBJECT_SEQUENCE).iter().map(|o| text(o, tags::UNFORMATTED_TEXT_VALUE)));
            outlines += of(tags::GRAPHIC_OBJECT_SEQUENCE).len();
        }
    }
    (texts, outlines)
}

#[test]
fn a_density_is_not_written_as_a_probability_of_cancer() {
    let (texts, _) = said(&Made::of(phantom(&Spec::small(36))));
    let densities: Vec<_> = texts.iter().filter(|text| text.starts_with("density ")).collect();
    assert!(densities.iter().any(|text| text.ends_with(" %") && text.contains(": ")), "{texts:?}");
    assert!(
        !texts.iter().any(|text| ["p a", "p b", "p c", "p d"]
            .iter()
            .any(|p| text.starts_with(p) && !text.starts_with("p dense"))),
        "{texts:?}"
    );
    assert_eq!(texts.iter().filter(|text| *text == "not a cancer detector").count(), 4, "{texts:?}");
    let document =
        bytes_of(&pdf::document(&Made::of(phantom(&Spec::small(36))).context()).unwrap(), tags::ENCAPSULATED_DOCUMENT);
    assert!(String::from_utf8_lossy(&document).contains("not a cancer detector"));
}

#[test]
fn what_is_not_for_presentation_is_not_drawn() {
    let mut made = Made::of(phantom(&Spec::small(37))).marked(BRIGHT);
    // Four images with a mark of a malignant and one of a benign finding each.
    let (texts, outlines) = said(&made);
    assert_eq!(outlines, 4, "{texts:?}");
    assert!(texts.iter().any(|text| text == "malignant saliency 0.83 (raw)"), "{texts:?}");
    let shown = bytes_of(&secondary_capture::sheet(&made.context()).unwrap(), tags::PIXEL_DATA);
    // With operating points of which none is reached, none is shown.
    made.manifest.operating_points = MODEL.manifest().operating_points.clone();
    assert!(!made.manifest.operating_points.is_empty());
    made.report.outcome.as_mut().unwrap().flags.iter_mut().for_each(|flag| flag.flagged = false);
    assert_eq!(said(&made).1, 0);
    assert!(bytes_of(&secondary_capture::sheet(&made.context()).unwrap(), tags::PIXEL_DATA) != shown);
}

#[test]
fn a_state_is_inverse_where_the_image_says_so() {
    let mut made = Made::of(phantom(&Spec::small(38)));
    for source in &mut made.sources {
        source.photometric = Some("MONOCHROME2".into());
        source.presentation_lut_shape = Some("INVERSE".into());
    }
    for state in gsps::presentation_states(&made.context()).unwrap() {
        let state = dicom_object::from_reader(state.bytes.as_slice()).unwrap();
        assert_eq!(text(&state, tags::PRESENTATION_LUT_SHAPE), "INVERSE");
    }
}

#[test]
fn the_sheet_says_what_its_images_say_of_loss_and_of_letters() {
    let mut made = Made::of(phantom(&Spec::small(39)));
    let said = |made: &Made| {
        let sheet = secondary_capture::sheet(&made.context()).unwrap();
        let sheet = dicom_object::from_reader(sheet.bytes.as_slice()).unwrap();
        [tags::LOSSY_IMAGE_COMPRESSION, tags::BURNED_IN_ANNOTATION].map(|tag| text(&sheet, tag))
    };
    assert_eq!(said(&made), ["00", "NO"]);
    made.sources[1].lossy = true;
    made.sources[2].burned_in = None;
    assert_eq!(said(&made), ["01", "YES"]);
}

#[test]
fn without_a_source_there_is_no_object() {
    let mut made = Made::of(phantom(&Spec::small(33)));
    made.sources.clear();
    let context = made.context();
    assert_eq!(secondary_capture::sheet(&context).unwrap_err().code(), "no-source");
    assert_eq!(pdf::document(&context).unwrap_err().code(), "no-source");
    assert_eq!(gsps::presentation_states(&context).unwrap(), []);
}

#[test]
fn nobody_is_named_in_the_pixels_or_the_document() {
    let spec = Spec::small(34);
    let patient = PhantomPatient { name: "Other^Woman".into(), id: Some("OTHER".into()), ..PhantomPatient::default() };
    let other = Made::of(phantom(&Spec { patient, ..spec.clone() }));
    let made = Made::of(phantom(&spec));
    let pixels = |made: &Made| bytes_of(&secondary_capture::sheet(&made.context()).unwrap(), tags::PIXEL_DATA);
    assert!(pixels(&made) == pixels(&other));
    let document = |made: &Made| bytes_of(&pdf::document(&made.context()).unwrap(), tags::ENCAPSULATED_DOCUMENT);
    assert!(document(&made) == document(&other));
    assert!(document(&made).starts_with(b"%PDF-"));
}

fn bytes_of(object: &ResultObject, tag: Tag) -> Vec<u8> {
    let object = dicom_object::from_reader(object.bytes.as_slice()).unwrap();
    object.element(tag).unwrap().to_bytes().unwrap().into_owned()
}

#[test]
fn dcmtk_shows_the_sheet_as_it_was_drawn() {
    if !installed("dcm2pnm") {
        return;
    }
    let made = Made::of(bright_exam(Style::alfa(), false)).marked(BRIGHT);
    let (_, sheet, _) = made.pictures();
    let out = made.folder.path().join("sheet.ppm");
    let output = Command::new("dcm2pnm").arg("+op").arg(&sheet).arg(&out).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let (rows, columns, shown) = netpbm(&std::fs::read(out).unwrap());
    assert_eq!((rows, columns), (sheet::HEIGHT, sheet::WIDTH));
    let drawn = bytes_of(&secondary_capture::sheet(&made.context()).unwrap(), tags::PIXEL_DATA);
    assert!(shown == drawn);
}

/// What dcmtk makes of an image under a presentation state: rows and columns, and grey values.
fn rendered(made: &Made, state: &Path, image: usize) -> (usize, usize, Vec<u8>) {
    let (input, out) = (made.keep("image.dcm", &made.files[image]), made.folder.path().join("image.pgm"));
    let output = Command::new("dcmp2pgm").arg("-p").arg(state).arg(&input).arg(&out).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    netpbm(&std::fs::read(out).unwrap())
}

/// A raw PGM or PPM: its kind, columns, rows, the largest value, each behind white space, comments between; then bytes.
fn netpbm(bytes: &[u8]) -> (usize, usize, Vec<u8>) {
    let mut at = 0;
    let mut words = Vec::new();
    while words.len() < 4 {
        let end = at + bytes[at..].iter().position(u8::is_ascii_whitespace).unwrap();
        let word = String::from_utf8_lossy(&bytes[at..end]).into_owned();
        at = end + 1;
        if word.starts_with('#') {
            at = end + 1 + bytes[end..].iter().position(|b| *b == b'\n').unwrap();
        } else if !word.is_empty() {
            words.push(word);
        }
    }
    let (columns, rows) = (words[1].parse().unwrap(), words[2].parse().unwrap());
    (rows, columns, bytes[at..].to_vec())
}

/// Under the presentation state, dcmtk shows what the image itself asks for, and the first outline of each image lies
/// around what it was drawn around.
fn check_marks(style: Style, upside_down: bool) {
    let name = format!("{} {upside_down}", style.model);
    let made = Made::of(bright_exam(style, upside_down)).marked(BRIGHT);
    for path in made.pictures().0 {
        let state = dicom_object::open_file(&path).unwrap();
        for item in state.element(tags::GRAPHIC_ANNOTATION_SEQUENCE).unwrap().items().unwrap() {
            let Ok(objects) = item.element(tags::GRAPHIC_OBJECT_SEQUENCE) else { continue };
            assert_eq!(text(item, tags::GRAPHIC_LAYER), "UVID MARKS");
            let of = &item.element(tags::REFERENCED_IMAGE_SEQUENCE).unwrap().items().unwrap()[0];
            let uid = text(of, tags::REFERENCED_SOP_INSTANCE_UID);
            let image = made.sources.iter().position(|s| s.sop_instance.as_str() == uid).unwrap();
            let points = objects.items().unwrap()[0].element(tags::GRAPHIC_DATA).unwrap().to_multi_float32().unwrap();
            let [(top, left), (bottom, right)] = BRIGHT.map(|(row, column)| (row as f32, column as f32));
            assert_eq!(points, [left, top, right, top, right, bottom, left, bottom, left, top], "{name}");
            if !installed("dcmp2pgm") {
                continue;
            }
            let (rows, columns, grey) = rendered(&made, &path, image);
            let within = |row: usize, column: usize| {
                (top..bottom).contains(&(row as f32 + 0.5)) && (left..right).contains(&(column as f32 + 0.5))
            };
            let at = |row: usize, column: usize| grey[row * columns + column];
            let (mut inside, mut outside) = (vec![], vec![]);
            for row in top as usize - 4..bottom as usize + 4 {
                for column in left as usize - 4..right as usize + 4 {
                    if within(row, column) { &mut inside } else { &mut outside }.push(at(row, column));
                }
            }
            assert!(inside.iter().all(|v| *v >= 250), "{name}: {:?}", inside.iter().min());
            let bright = outside.iter().filter(|v| **v >= 250).count();
            assert!(bright * 4 < outside.len(), "{name}: {bright} of {}", outside.len());
            compare(&name, &made, image, (rows, columns), &grey);
        }
    }
}

/// dcmtk's picture under the presentation state is what the image itself asks for.
fn compare(name: &str, made: &Made, image: usize, size: (usize, usize), grey: &[u8]) {
    let Content::Mammogram(read) = uvid_datasets::dicom::read(&made.files[image], &Limits::default()).unwrap().content
    else {
        panic!("no mammogram");
    };
    assert_eq!(read.file_size, size);
    let curve = read.seen_through(&read.windows[0]);
    let from_file = read.to_file.inverse().unwrap();
    let (mut off, mut worst) = (0, 0.0f64);
    for (i, shown) in grey.iter().enumerate() {
        let (row, column) = from_file.apply((i / size.1) as f64 + 0.5, (i % size.1) as f64 + 0.5);
        let pixel = read.pixels.values()[row as usize * read.pixels.columns() + column as usize];
        if read.padding.as_ref().is_some_and(|padding| padding.contains(&pixel)) {
            continue;
        }
        let difference = (curve[usize::from(pixel)] * 255.0 - f64::from(*shown)).abs();
        worst = worst.max(difference);
        off += usize::from(difference > 2.0);
    }
    assert!(off == 0, "{name}: {off} pixels of {} differ, by {worst} at most", grey.len());
}

fn text(object: &InMemDicomObject, tag: Tag) -> String {
    object.element(tag).unwrap().to_str().unwrap().trim_end_matches(['\0', ' ']).to_owned()
}

#[test]
fn marks_lie_where_the_file_has_what_they_mark() {
    check_marks(Style::alfa(), false);
    check_marks(Style::beta(), false);
    check_marks(Style::gama(), false);
    check_marks(Style::alfa(), true);
}

/// On the sheet, the outline lies around the rectangle, whichever way the file has the image.
#[test]
fn outlines_on_the_sheet_follow_the_image() {
    for upside_down in [false, true] {
        let mut made = Made::of(bright_exam(Style::beta(), upside_down)).marked(BRIGHT);
        for image in &mut made.report.outcome.as_mut().unwrap().images {
            image.heatmaps.clear();
            image.regions.truncate(1);
        }
        let object = secondary_capture::sheet(&made.context()).unwrap();
        let rgb = bytes_of(&object, tags::PIXEL_DATA);
        let at = |x: usize, y: usize| &rgb[(y * sheet::WIDTH + x) * 3..][..3];
        // Beneath the band at the top and above the one at the foot; a view to either side of the middle.
        for (first, last) in [(104, 894), (894, 1684)] {
            for x0 in [sheet::WIDTH / 2 - 590, sheet::WIDTH / 2 + 10] {
                let edge = |y: usize| {
                    let line: Vec<usize> = (x0..x0 + 580).filter(|x| at(*x, y) == [86, 180, 233]).collect();
                    (line.len() > 60).then(|| (line[0], line[line.len() - 1], y))
                };
                let edges: Vec<_> = (first..last).filter_map(edge).collect();
                let ((left, right, top), (.., bottom)) = (edges[0], edges[edges.len() - 1]);
                let inside = (top + 5..bottom - 5).flat_map(|y| (left + 5..right - 5).map(move |x| (x, y)));
                let dark = inside.filter(|(x, y)| at(*x, *y)[0] < 250).count();
                assert_eq!(dark, 0, "{upside_down} {first} {x0}: {left}-{right} {top}-{bottom}");
                let ring = (top..bottom).flat_map(|y| [(left - 6, y), (right + 6, y)]);
                let bright = ring.filter(|(x, y)| at(*x, *y)[0] >= 250).count();
                assert!(bright < bottom - top, "{upside_down} {first} {x0}: {bright}");
            }
        }
    }
}

/// pydicom reads all of them.
#[test]
fn pydicom_reads_the_pictures() {
    let python = std::env::var("TEST_PEERS_PYTHON").unwrap_or_else(|_| "python3".into());
    let has = Command::new(&python).args(["-c", "import pydicom, numpy"]).output();
    if !has.is_ok_and(|o| o.status.success()) {
        eprintln!("skipped: {python} has no pydicom with numpy (TEST_PEERS_PYTHON)");
        return;
    }
    let made = Made::of(phantom(&Spec::small(35))).marked(BRIGHT).in_language(Language::SrCyrl);
    let (states, sheet, document) = made.pictures();
    let script = r#"
import sys, pydicom
sheet, document, *states = [pydicom.dcmread(path) for path in sys.argv[1:]]
assert sheet.pixel_array.shape == (2000, 1600, 3), sheet.pixel_array.shape
assert len(sheet.SourceImageSequence) == 4 and "PixelSpacing" not in sheet
assert bytes(document.EncapsulatedDocument[:document.EncapsulatedDocumentLength]).rstrip().endswith(b"%%EOF")
seen = []
for state in states:
    assert str(state.PatientName) == str(sheet.PatientName)
    assert [layer.GraphicLayer for layer in state.GraphicLayerSequence] == ["UVID MARKS", "UVID TEXT"]
    seen += [i.ReferencedSOPInstanceUID for s in state.ReferencedSeriesSequence for i in s.ReferencedImageSequence]
    texts = [t.UnformattedTextValue for a in state.GraphicAnnotationSequence for t in a.get("TextObjectSequence", [])]
    assert any("САМО ЗА ИСТРАЖИВАЊЕ" in text for text in texts), texts
assert sorted(seen) == sorted(i.ReferencedSOPInstanceUID for i in sheet.SourceImageSequence)
"#;
    let output = Command::new(&python).args(["-c", script]).arg(sheet).arg(document).args(states).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
