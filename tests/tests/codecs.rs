//! Round trips: what we encode, decoded by dcmtk, gdcm, pylibjpeg, CharLS, OpenJPEG and OpenJPH; what they encode,
//! decoded by us. Lossless: every sample comes back.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use dicom_core::value::PixelFragmentSequence;
use dicom_core::value::fragments::Fragments;
use dicom_core::{DataElement, PrimitiveValue, VR};
use dicom_dictionary_std::tags;
use serde_json::{Value, json};
use uvid_codecs::{CodecError, Decoding, Encoding, Format, Frame, Shape, jpeg_lossless};
use uvid_datasets::dicom::{Limits, read};
use uvid_datasets::phantom::{Spec, TransferSyntax, Wrap, encode};
use uvid_exam::{Content, Slot};

use super::support::{installed, python_with, shared};

const NATIVE: &str = "1.2.840.10008.1.2.1";
const RLE: &str = "1.2.840.10008.1.2.5";
const LOSSLESS_57: &str = "1.2.840.10008.1.2.4.57";
const LOSSLESS_SV1: &str = "1.2.840.10008.1.2.4.70";
const JPEG_LS: &str = "1.2.840.10008.1.2.4.80";
const JPEG_2000: &str = "1.2.840.10008.1.2.4.90";
const HTJ2K: &str = "1.2.840.10008.1.2.4.201";
const HTJ2K_RPCL: &str = "1.2.840.10008.1.2.4.202";
const DEFLATED_FRAME: &str = "1.2.840.10008.1.2.8.1";

/// A mammogram as an uncompressed file.
struct Picture {
    name: String,
    native: PathBuf,
    shape: Shape,
    samples: Vec<u16>,
}

/// A phantom, and every real mammogram that is there.
fn pictures(folder: &Path) -> Vec<Picture> {
    let phantom = Spec { transfer_syntax: TransferSyntax::ExplicitLittle, ..Spec::small(31) };
    let phantom = uvid_datasets::phantom::exam(&phantom).expect("phantom");
    let mut files = vec![("phantom".to_owned(), phantom[0].bytes.clone())];
    if let Some(path) = shared("data/dicom/GH133.dcm") {
        files.push(("GH133".into(), std::fs::read(path).expect("readable")));
    }
    for slot in Slot::ALL {
        let Some(path) = shared(&format!("data/exam0/0_{slot}.png")) else { continue };
        let picture = image::open(path).expect("PNG").into_luma16();
        let wrap = Wrap::new(slot, picture.height() as usize, picture.width() as usize, 32);
        files.push((slot.to_string(), encode(&picture.into_raw(), &wrap).expect("encodes")));
    }
    let picture = |(name, bytes): (String, Vec<u8>)| {
        let (shape, samples) = stored(&bytes).expect("a mammogram");
        let native = folder.join(format!("{name}.dcm"));
        let pixels = DataElement::new(tags::PIXEL_DATA, VR::OW, PrimitiveValue::U16(samples.as_slice().into()));
        save(&bytes, NATIVE, pixels, &native);
        Picture { name, native, shape, samples }
    };
    files.into_iter().map(picture).collect()
}

/// What our reader makes of a file.
fn stored(bytes: &[u8]) -> Result<(Shape, Vec<u16>), String> {
    let object = dicom_object::from_reader(bytes).map_err(|e| e.to_string())?;
    let bits = object.element(tags::BITS_STORED).map_err(|e| e.to_string())?.to_int().map_err(|e| e.to_string())?;
    match read(bytes, &Limits::default()).map_err(|e| e.to_string())?.content {
        Content::Mammogram(image) => {
            let samples = image.pixels.values().iter().map(|p| image.pixels.stored(*p) as u16).collect();
            Ok((Shape::grey(image.file_size.0, image.file_size.1, bits), samples))
        }
        Content::Listed(listed) => Err(format!("{:?}", listed.fate)),
    }
}

/// Writes a file's attributes with other pixels; icons, which would be in the wrong syntax, are left out.
fn save(bytes: &[u8], syntax: &str, pixels: DataElement<dicom_object::InMemDicomObject>, path: &Path) {
    let mut object = dicom_object::from_reader(bytes).expect("a DICOM file");
    let has_pixels = |item: &dicom_object::InMemDicomObject| item.element(tags::PIXEL_DATA).is_ok();
    let icons = object.iter().filter(|e| e.items().is_some_and(|items| items.iter().any(has_pixels)));
    for tag in icons.map(|e| e.header().tag).collect::<Vec<_>>() {
        object.remove_element(tag);
    }
    object.put(pixels);
    object.update_meta(|meta| meta.transfer_syntax = syntax.to_owned());
    object.write_to_file(path).expect("written");
}

fn encapsulate(picture: &Picture, syntax: &str, frame: Vec<u8>, path: &Path) {
    let fragments = PixelFragmentSequence::from(vec![Fragments::new(frame, 0)]);
    let native = std::fs::read(&picture.native).expect("readable");
    save(&native, syntax, DataElement::new(tags::PIXEL_DATA, VR::OB, fragments), path);
}

/// Compares, and says where the first difference is.
fn check(what: &str, found: &[u16], expected: &[u16]) {
    assert_eq!(found.len(), expected.len(), "{what}: the number of samples");
    let first = found.iter().zip(expected).position(|(a, b)| a != b);
    let differ = found.iter().zip(expected).filter(|(a, b)| a != b).count();
    assert_eq!(first, None, "{what}: {differ} of {} samples differ, the first is here", expected.len());
}

/// `datasets/benches/peers/frames.py`, running.
struct Peers {
    process: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

impl Peers {
    fn start(modules: &str) -> Option<Self> {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../datasets/benches/peers/frames.py");
        let mut process = Command::new(python_with(modules)?)
            .arg(script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("Python starts");
        let (to, from) = (process.stdin.take().expect("piped"), process.stdout.take().expect("piped"));
        Some(Self { process, to, from: BufReader::new(from) })
    }

    fn ask(&mut self, what: &Value) -> Result<(), String> {
        writeln!(self.to, "{what}").expect("Python listens");
        let mut line = String::new();
        self.from.read_line(&mut line).expect("Python answers");
        let answer: Value = serde_json::from_str(&line).map_err(|_| "Python has ended".to_owned())?;
        answer["error"].as_str().map_or(Ok(()), |why| Err(why.to_owned()))
    }

    /// Decodes to samples.
    fn decode(&mut self, mut what: Value, folder: &Path) -> Result<Vec<u16>, String> {
        let out = folder.join("samples");
        what["out"] = json!(out);
        self.ask(&what)?;
        let bytes = std::fs::read(out).expect("readable");
        Ok(bytes.as_chunks::<2>().0.iter().map(|b| u16::from_le_bytes(*b)).collect())
    }
}

impl Drop for Peers {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Our lossless encoders, each with the syntaxes that its frames may be sent in.
const OURS: [(Format, &[&str]); 6] = [
    (Format::Rle, &[RLE]),
    (Format::JpegLossless, &[LOSSLESS_SV1, LOSSLESS_57]),
    (Format::JpegLs, &[JPEG_LS]),
    (Format::Jpeg2000, &[JPEG_2000]),
    (Format::Htj2k, &[HTJ2K]),
    (Format::DeflatedFrame, &[DEFLATED_FRAME]),
];

/// What our lossless encoders make of a picture, by what it may be sent as.
fn encoded(picture: &Picture) -> Vec<(Format, &'static str, Vec<u8>)> {
    let frame = Frame { shape: picture.shape, samples: &picture.samples };
    let mut all = Vec::new();
    for (format, syntaxes) in OURS {
        match format.codec().encode(&frame, &Encoding::Lossless) {
            Ok(stream) => all.extend(syntaxes.iter().map(|syntax| (format, *syntax, stream.clone()))),
            Err(CodecError::NoEncoder) => eprintln!("skipped: {format:?} has no encoder"),
            Err(error) => panic!("{}, {format:?}: {error}", picture.name),
        }
    }
    for selection in 2..=7 {
        let options = jpeg_lossless::Options { selection, ..Default::default() };
        let stream = jpeg_lossless::encode(&frame, &options).expect("encodes");
        all.push((Format::JpegLossless, LOSSLESS_57, stream));
    }
    all
}

/// Writes every picture in every lossless syntax of ours: what it is, which picture, the syntax and the path.
fn written<'a>(pictures: &'a [Picture], folder: &Path) -> Vec<(String, &'a Picture, &'static str, PathBuf)> {
    let mut files = Vec::new();
    for picture in pictures {
        for (number, (format, syntax, stream)) in encoded(picture).into_iter().enumerate() {
            let path = folder.join(format!("{}-{number}.dcm", picture.name));
            encapsulate(picture, syntax, stream, &path);
            files.push((format!("{}, {format:?} {number} in {syntax}", picture.name), picture, syntax, path));
        }
    }
    files
}

#[test]
fn what_we_encode_comes_back_to_us() {
    let folder = tempfile::tempdir().unwrap();
    let pictures = pictures(folder.path());
    for (what, picture, _, path) in written(&pictures, folder.path()) {
        let (_, samples) = stored(&std::fs::read(path).unwrap()).unwrap_or_else(|e| panic!("{what}: {e}"));
        check(&what, &samples, &picture.samples);
    }
}

#[test]
fn pydicom_decodes_what_we_encode() {
    let Some(mut peers) = Peers::start("pydicom, gdcm, libjpeg, openjpeg, rle") else { return };
    let folder = tempfile::tempdir().unwrap();
    let pictures = pictures(folder.path());
    let mut compared = 0;
    for (what, picture, syntax, path) in written(&pictures, folder.path()) {
        let plugins: &[&str] = match syntax {
            // pydicom 3 has no decoder for it.
            DEFLATED_FRAME => continue,
            RLE => &["pylibjpeg", "pydicom"],
            HTJ2K => &["pylibjpeg"],
            _ => &["pylibjpeg", "gdcm"],
        };
        for plugin in plugins {
            let what = format!("{what} by {plugin}");
            let ask = json!({"do": "file", "with": plugin, "file": path});
            let samples = peers.decode(ask, folder.path()).unwrap_or_else(|e| panic!("{what}: {e}"));
            check(&what, &samples, &picture.samples);
            compared += 1;
        }
    }
    eprintln!("{compared} files compared");
    assert!(compared > 0, "nothing was compared");
}

#[test]
fn imagecodecs_decodes_what_we_encode() {
    let Some(mut peers) = Peers::start("imagecodecs") else { return };
    let folder = tempfile::tempdir().unwrap();
    let functions = |format| -> &[&str] {
        match format {
            Format::JpegLossless => &["jpeg8_decode", "ljpeg_decode", "jpegsof3_decode"],
            Format::JpegLs => &["jpegls_decode"],
            Format::Jpeg2000 => &["jpeg2k_decode"],
            Format::Htj2k => &["htj2k_decode", "jpeg2k_decode"],
            Format::Rle => &["dicomrle_decode"],
            Format::DeflatedFrame => &["deflate_decode"],
            Format::JpegDct | Format::JpegXl | _ => panic!("{format:?} is not encoded"),
        }
    };
    for picture in pictures(folder.path()) {
        for (number, (format, _, frame)) in encoded(&picture).into_iter().enumerate() {
            let path = folder.path().join("frame");
            std::fs::write(&path, frame).unwrap();
            for function in functions(format) {
                let what = format!("{}, {format:?} {number} by {function}", picture.name);
                let ask = json!({"do": "frame", "with": function, "file": path, "count": picture.samples.len()});
                let found = peers.decode(ask, folder.path()).unwrap_or_else(|e| panic!("{what}: {e}"));
                check(&what, &found, &picture.samples);
            }
        }
    }
}

/// Runs a program of dcmtk and gives our reading of what it wrote.
fn by_dcmtk(program: &str, arguments: &[&str], from: &Path, folder: &Path) -> Result<Vec<u16>, String> {
    let out = folder.join("dcmtk.dcm");
    let output = Command::new(program).args(arguments).arg(from).arg(&out).output().expect(program);
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    stored(&std::fs::read(out).expect("readable")).map(|(_, samples)| samples)
}

#[test]
fn dcmtk_decodes_what_we_encode() {
    if !installed("dcmdjpeg") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let pictures = pictures(folder.path());
    for (what, picture, syntax, path) in written(&pictures, folder.path()) {
        let program = match syntax {
            RLE => "dcmdrle",
            LOSSLESS_57 | LOSSLESS_SV1 => "dcmdjpeg",
            JPEG_LS => "dcmdjpls",
            _ => continue,
        };
        let what = format!("{what} by {program}");
        let samples = by_dcmtk(program, &[], &path, folder.path()).unwrap_or_else(|e| panic!("{what}: {e}"));
        check(&what, &samples, &picture.samples);
    }
}

#[test]
fn we_decode_what_dcmtk_encodes() {
    if !installed("dcmcjpeg") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut encoders: Vec<(&str, Vec<String>)> =
        vec![("dcmcrle", vec![]), ("dcmcjpls", vec![]), ("dcmcjpeg", vec!["+e1".into()])];
    let predictors = (1..=7).map(|sv| ("dcmcjpeg", vec!["+el".to_owned(), "+sv".to_owned(), sv.to_string()]));
    encoders.extend(predictors);
    for picture in pictures(folder.path()) {
        for (program, arguments) in &encoders {
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            let what = format!("{} by {program} {arguments:?}", picture.name);
            let samples = by_dcmtk(program, &arguments, &picture.native, folder.path());
            check(&what, &samples.unwrap_or_else(|e| panic!("{what}: {e}")), &picture.samples);
        }
    }
}

#[test]
fn we_decode_what_gdcm_and_pydicom_encode() {
    let Some(mut peers) = Peers::start("pydicom, gdcm, openjpeg, rle, jpeg_ls") else { return };
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("peer.dcm");
    for picture in pictures(folder.path()) {
        for (plugin, syntax) in [
            ("gdcm", RLE),
            ("gdcm", LOSSLESS_57),
            ("gdcm", LOSSLESS_SV1),
            ("gdcm", JPEG_LS),
            ("gdcm", JPEG_2000),
            ("pylibjpeg", RLE),
            ("pylibjpeg", JPEG_2000),
            ("pydicom", RLE),
            ("pyjpegls", JPEG_LS),
        ] {
            let what = format!("{} in {syntax} by {plugin}", picture.name);
            let ask = json!({"do": "transcode", "with": plugin, "file": picture.native, "syntax": syntax, "out": out});
            peers.ask(&ask).unwrap_or_else(|e| panic!("{what}: {e}"));
            let (_, samples) = stored(&std::fs::read(&out).unwrap()).unwrap_or_else(|e| panic!("{what}: {e}"));
            check(&what, &samples, &picture.samples);
        }
    }
}

#[test]
fn we_decode_what_imagecodecs_encodes() {
    let Some(mut peers) = Peers::start("imagecodecs") else { return };
    let folder = tempfile::tempdir().unwrap();
    let [raw, out, path] = ["raw", "frame", "file.dcm"].map(|name| folder.path().join(name));
    for picture in pictures(folder.path()) {
        let Shape { rows, columns, precision, .. } = picture.shape;
        std::fs::write(&raw, picture.samples.iter().flat_map(|s| s.to_le_bytes()).collect::<Vec<_>>()).unwrap();
        let predictors = (1..=7).map(|sv| (format!("jpeg_lossless_{sv}"), Format::JpegLossless, LOSSLESS_57));
        let others = [
            ("jpegls", Format::JpegLs, JPEG_LS),
            ("jpeg2k", Format::Jpeg2000, JPEG_2000),
            ("htj2k", Format::Htj2k, HTJ2K),
            ("htj2k_rpcl", Format::Htj2k, HTJ2K_RPCL),
            ("jpegxl", Format::JpegXl, "1.2.840.10008.1.2.4.110"),
            ("deflate", Format::DeflatedFrame, DEFLATED_FRAME),
        ];
        let others = others.into_iter().map(|(name, format, syntax)| (name.to_owned(), format, syntax));
        for (encoder, format, syntax) in predictors.chain(others) {
            let what = format!("{}, {encoder}", picture.name);
            let ask = json!({
                "do": "encode", "with": encoder, "samples": raw, "rows": rows, "columns": columns, "bits": precision,
                "out": out,
            });
            peers.ask(&ask).unwrap_or_else(|e| panic!("{what}: {e}"));
            let frame = std::fs::read(&out).unwrap();
            let decoded =
                uvid_codecs::decode(format, &frame, &picture.shape, &Decoding::default(), picture.samples.len());
            let (_, samples, _) = decoded.unwrap_or_else(|e| panic!("{what}: {e}"));
            check(&what, &samples, &picture.samples);
            encapsulate(&picture, syntax, frame, &path);
            let (_, samples) = stored(&std::fs::read(&path).unwrap()).unwrap_or_else(|e| panic!("{what}, file: {e}"));
            check(&what, &samples, &picture.samples);
        }
    }
}
