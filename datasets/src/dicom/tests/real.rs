//! Real files, where they lie beside the repository; each test that finds none says so.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use dicom_pixeldata::PixelDecoder;
use uvid_exam::{Acquisition, Implant, Intent, Laterality, Lossy, Side, View, Window, WindowFunction};

use super::super::Missing;
use super::super::pixels::{Frame, Layout};
use super::super::record::Record;
use super::super::syntax::Packing;
use super::super::voi::display;
use super::*;

const SHARED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared");

/// A file or folder of the shared data, or a printed reason why there is none.
pub(super) fn shared(path: &str) -> Option<PathBuf> {
    let path = Path::new(SHARED).join(path);
    if path.exists() {
        return Some(path);
    }
    assert!(std::env::var_os("TEST_SHARED").is_none(), "{} is absent", path.display());
    println!("skipped: {} is absent", path.display());
    None
}

pub(super) fn bytes(path: &str) -> Option<Vec<u8>> {
    Some(fs::read(shared(path)?).expect("readable"))
}

/// The stored values of a single-frame file of any modality.
pub(super) fn stored(bytes: &[u8], limits: &Limits) -> Result<Vec<i32>, ReadError> {
    let Object { file, mut place, .. } = Object::of(bytes, limits)?;
    let data = file.data_set(limits);
    let layout = Layout::new(&data, limits)?;
    let mut record = Record::new("1.2".parse().expect("a UID"));
    let frame = Frame::only(&data, &mut place, &file.syntax, &layout, limits, &mut record)?;
    let lo = *frame.layout.range().start();
    let values = frame.values(0, Missing::Refuse, None)?.values;
    Ok(values.into_iter().map(|v| i32::from(v) + lo).collect())
}

#[test]
fn ge_with_tables_and_windows() {
    let Some(bytes) = bytes("data/dicom/GH133.dcm") else { return };
    let started = Instant::now();
    let received = read(&bytes, &Limits::default()).expect("readable");
    println!("GH133.dcm, 3062 x 2394, JPEG lossless: {:?}", started.elapsed());
    let Content::Mammogram(image) = received.content else { panic!("listed") };
    assert_eq!((image.laterality, image.view), (Some(Laterality::Right), Some(View::MedioLateralOblique)));
    assert_eq!((image.intent, image.acquisition), (Some(Intent::ForPresentation), Acquisition::Ffdm));
    assert_eq!((image.chest_wall, image.seen_chest_wall), (Some(Side::Right), Some(Side::Right)));
    assert_eq!((image.implant, image.lossy), (Implant::Absent, Lossy::No));
    assert_eq!(image.file_size, (3062, 2394));
    assert_eq!(image.padding, Some(0..=30));
    assert_eq!(image.magnification, Some(1.0));
    assert_eq!(image.acquired.map(|t| t.to_string()).as_deref(), Some("2015-09-29 12:10:02.0"));
    assert_eq!(image.contradictions, []);
    assert_eq!(image.notes, ["Field of View Rotation (0018,7032) is not 0: the sender has rotated the pixels already"]);
    let names: Vec<(&str, bool)> = image
        .windows
        .iter()
        .map(|w| match w {
            Window::Table { explanation, bits: 12, .. } => (explanation.as_deref().unwrap_or(""), true),
            Window::Function { explanation, function: WindowFunction::Sigmoid, .. } => {
                (explanation.as_deref().unwrap_or(""), false)
            }
            other => panic!("{other:?}"),
        })
        .collect();
    let expected =
        [("NORMAL", true), ("HARDER", true), ("SOFTER", true), ("NORMAL", false), ("HARDER", false), ("SOFTER", false)];
    assert_eq!(names, expected);
    // The same stored values as dicom-rs by itself.
    let object = dicom_object::from_reader(&bytes[..]).expect("readable");
    let theirs = object.decode_pixel_data().expect("decoded");
    let ours: Vec<u8> = image.pixels.values().iter().flat_map(|v| v.to_le_bytes()).collect();
    assert!(theirs.data() == ours);
    // The table and the window of one name show much the same picture, dark outside the breast.
    let (table, function) = (display(&image, Some(0)), display(&image, Some(3)));
    let mean = |v: &[u8]| v.iter().map(|&x| f64::from(x)).sum::<f64>() / v.len() as f64;
    assert!((mean(&table) - mean(&function)).abs() < 5.0, "{} {}", mean(&table), mean(&function));
    assert_eq!(table[0], 0);
}

#[test]
fn siemens_stereo_is_listed() {
    let Some(bytes) = bytes("data/dicom/OutOfBoundsOverlay.dcm") else { return };
    let Content::Listed(listed) = read(&bytes, &Limits::default()).expect("readable").content else {
        panic!("a mammogram")
    };
    assert_eq!(listed.what, "stereotactic image");
    assert!(matches!(listed.fate, Fate::NotAnalysed(_)));
    // Its pixels can be decoded all the same, the overlay outside the image notwithstanding.
    let object = dicom_object::from_reader(&bytes[..]).expect("readable");
    let theirs = object.decode_pixel_data().expect("decoded");
    let ours: Vec<u8> = stored(&bytes, &Limits::default())
        .expect("decoded")
        .iter()
        .flat_map(|&v| u16::try_from(v).expect("unsigned").to_le_bytes())
        .collect();
    assert!(theirs.data() == ours);
}

#[test]
fn tomosynthesis_is_listed() {
    let Some(bytes) = bytes("data/dicom/dbt_j2k_4frames.dcm") else { return };
    let Content::Listed(listed) = read(&bytes, &Limits::default()).expect("readable").content else {
        panic!("a mammogram")
    };
    assert_eq!(listed.what, "tomosynthesis of 4 frames");
    let header = read_header(&bytes, &Limits::default()).expect("readable");
    assert_eq!(header.transfer_syntax, "1.2.840.10008.1.2.4.90");
    assert_eq!(header.modality.as_deref(), Some("MG"));
}

/// How far the lossy WG04 files are from their references at most, as other decoders of them are: CharLS's bound for the
/// near-lossless ones, which it states; for the others, what these gave once:
///
/// ```text
/// dcmdjpeg MR1_JPLY out.dcm                 # dcmtk 3.6.7, its pixels against those of the reference
/// opj_decompress -i frame.j2k -o out.raw    # OpenJPEG 2.5.0, the one fragment of CT1_J2KI; .raw is little endian here
/// ```
const FURTHEST: [(&str, u32); 14] = [
    ("MR1_JPLY", 128),
    ("MR3_JPLY", 55),
    ("MR4_JPLY", 40),
    ("NM1_JPLY", 36),
    ("CT1_J2KI", 352),
    ("CT2_J2KI", 402),
    ("MR1_J2KI", 396),
    ("MR3_J2KI", 296),
    ("MR4_J2KI", 29),
    ("NM1_J2KI", 101),
    ("US1_J2KI", 124),
    ("VL1_J2KI", 44),
    ("VL2_J2KI", 66),
    ("VL3_J2KI", 40),
];

/// What [`FURTHEST`] says, and one more: decoders may round differently.
fn furthest_allowed(name: &str) -> u32 {
    match name.split_once('_').map(|(_, kind)| kind) {
        Some("JLSN") => 4,
        Some("J2KI" | "JPLY") => FURTHEST.iter().find(|(of, _)| *of == name).expect("measured").1 + 1,
        _ => 0,
    }
}

/// The WG04 files: every lossless syntax gives the values of the uncompressed reference; the lossy ones are no further
/// from it than other decoders. Colour is that of pictures.
#[test]
fn codecs_against_their_references() {
    let Some(folder) = shared("data/codecs") else { return };
    let limits = Limits::default();
    let picture = |bytes: &[u8]| -> Vec<i32> {
        let mut object = Object::of(bytes, &limits).expect("readable");
        let picture = object.picture(1, None, Missing::Refuse).expect("shown");
        assert_eq!(picture.samples, 3);
        picture.bytes.into_iter().map(i32::from).collect()
    };
    let mut seen = 0;
    for kind in ["JPLL", "JLSL", "RLE", "J2KR", "J2KI", "JLSN", "JPLY"] {
        let mut files: Vec<PathBuf> =
            fs::read_dir(folder.join(kind)).expect("a folder").map(|f| f.expect("a file").path()).collect();
        files.sort();
        for path in files {
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            let bytes = fs::read(&path).expect("readable");
            let reference = folder.join("REF").join(format!("{}_UNC.zst", &name[..3]));
            let packed = fs::File::open(reference).expect("readable");
            let mut unpacked = ruzstd::decoding::StreamingDecoder::new(packed).expect("zstd");
            let mut reference = Vec::new();
            std::io::Read::read_to_end(&mut unpacked, &mut reference).expect("zstd");
            let (decoded, reference) = if name.starts_with("US") || name.starts_with("VL") {
                assert_eq!(
                    stored(&bytes, &limits).expect_err("colour").to_string(),
                    "SamplesPerPixel (0028,0002) is not 1"
                );
                (picture(&bytes), picture(&reference))
            } else {
                let decoded = stored(&bytes, &limits).unwrap_or_else(|e| panic!("{name}: {e}"));
                (decoded, stored(&reference, &limits).expect("the reference"))
            };
            assert_eq!(decoded.len(), reference.len(), "{name}");
            let furthest = decoded.iter().zip(&reference).map(|(a, b)| a.abs_diff(*b)).max().expect("pixels");
            println!("{name}: furthest {furthest}");
            assert!(furthest <= furthest_allowed(&name), "{name}: {furthest}");
            seen += 1;
        }
    }
    assert_eq!(seen, 52);
}

#[test]
fn fixtures_of_the_models() {
    for folder in ["models/fixtures/mirai/dicom_small", "models/fixtures/mirai/dicom_cases"] {
        let Some(folder) = shared(folder) else { continue };
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("a file").path();
            if path.extension().is_none_or(|e| e != "dcm") {
                continue;
            }
            let bytes = fs::read(&path).expect("readable");
            let error = read(&bytes, &Limits::default()).expect_err("they have no Study Instance UID");
            assert_eq!(error.to_string(), "StudyInstanceUID (0020,000D) is missing");
            let mut object = dicom_object::from_reader(&bytes[..]).expect("readable").into_inner();
            text(&mut object, tags::STUDY_INSTANCE_UID, VR::UI, "1.2.3");
            text(&mut object, tags::SERIES_INSTANCE_UID, VR::UI, "1.2.3.1");
            let bytes = explicit(&object);
            let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
            let Content::Mammogram(image) = read(&bytes, &Limits::default()).expect("readable").content else {
                panic!("{name} is listed")
            };
            let (side, view) = match name.as_str() {
                "ccr" => (Laterality::Right, View::CranioCaudal),
                "mlol" => (Laterality::Left, View::MedioLateralOblique),
                "mlor" => (Laterality::Right, View::MedioLateralOblique),
                _ => (Laterality::Left, View::CranioCaudal),
            };
            assert_eq!((image.laterality, image.view), (Some(side), Some(view)), "{name}");
            assert_eq!(image.pixels.inverted(), name.contains("mono1"), "{name}");
            let tables = image.windows.iter().filter(|w| matches!(w, Window::Table { .. })).count();
            assert_eq!(tables, usize::from(name.contains("voi_lut") && !name.contains("no_voi_lut")), "{name}");
            let functions = image.windows.len() - tables;
            assert_eq!(functions, usize::from(name.contains("window_tags")), "{name}");
            assert_eq!(image.contradictions, [], "{name}");
        }
    }
}

/// Our reader against dicom-rs's, element by element, on a real file's top level.
#[test]
fn elements_are_where_dicom_rs_finds_them() {
    for path in ["data/dicom/GH133.dcm", "data/dicom/OutOfBoundsOverlay.dcm", "data/dicom/dbt_j2k_4frames.dcm"] {
        let Some(bytes) = bytes(path) else { continue };
        let limits = Limits::default();
        let Object { file, .. } = Object::of(&bytes, &limits).expect("readable");
        let data = file.data_set(&limits);
        assert_eq!(data.broken, None);
        assert_ne!(file.syntax.packing, Packing::Native);
        let object = dicom_object::from_reader(&bytes[..]).expect("readable");
        let mut compared = 0;
        for element in object.iter() {
            let tag = element.header().tag;
            let ours = data.get(tag).unwrap_or_else(|| panic!("{tag} is not found"));
            if let Some(items) = element.items() {
                assert_eq!(data.items(tag).len(), items.len(), "{tag}");
            } else if let (Ok(theirs), Some(vr)) = (element.to_str(), ours.vr)
                && matches!(&vr, b"CS" | b"DA" | b"DS" | b"IS" | b"TM" | b"UI")
            {
                let trimmed: Vec<&str> = theirs.split('\\').map(|v| v.trim_matches(['\0', ' '])).collect();
                let ours = data.codes(tag);
                assert!(ours == trimmed || (ours.is_empty() && theirs.is_empty()), "{tag} {ours:?} {trimmed:?}");
            }
            compared += 1;
        }
        assert!(compared > 50, "{path}");
    }
}
