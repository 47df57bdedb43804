//! The files.
#![allow(clippy::expect_used, reason = "a test that cannot go on fails")]

use std::path::Path;
use std::process::Command;

use dicom_dictionary_std::tags;
use dicom_pixeldata::PixelDecoder;
use uvid_exam::{Intent, Laterality, Lossy, View};

use super::tests::with_lesions;
use super::*;

fn open(bytes: &[u8]) -> dicom_object::DefaultDicomObject {
    dicom_object::from_reader(bytes).expect("a DICOM file")
}

/// Exams in many guises, small.
fn guises() -> Vec<(String, Spec)> {
    let mut all = Vec::new();
    for (k, style) in Style::all().into_iter().enumerate() {
        for intent in [Intent::ForPresentation, Intent::ForProcessing] {
            let spec = with_lesions(Spec { style: style.clone(), intent, ..Spec::small(k as u64) });
            all.push((format!("{} {intent}", style.model), spec));
        }
    }
    for syntax in TransferSyntax::ALL {
        all.push((format!("{syntax:?}"), Spec { transfer_syntax: syntax, ..Spec::small(7) }));
    }
    all.push(("implants".into(), Spec { implants: Implants::Present, ..Spec::small(8) }));
    all.push(("displaced".into(), Spec { implants: Implants::Displaced, ..Spec::small(8) }));
    all.push(("lossy".into(), Spec { lossy: Lossy::Yes, ..Spec::small(9) }));
    for (set, name) in [("ISO_IR 144", "Фантом^Љиљана"), ("ISO_IR 101", "Fantom^Đurđa"), ("", "Phantom^Eve")]
    {
        let patient = PhantomPatient { name: name.into(), character_set: set.into(), ..PhantomPatient::default() };
        all.push((format!("name in {set:?}"), Spec { patient, ..Spec::small(10) }));
    }
    all
}

/// Runs a checker, and gives the lines that complain; `None` if it is not installed.
fn complaints(program: &str, arguments: &[&str], file: &Path) -> Option<Vec<String>> {
    let output = Command::new(program).args(arguments).arg(file).output().ok()?;
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    assert!(text.contains("MammographyImage") || program != "dciodvfy", "{text}");
    Some(
        text.lines()
            .filter(|l| l.starts_with("Error") || l.starts_with("no:") || l.starts_with("E:"))
            .map(String::from)
            .collect(),
    )
}

#[test]
fn objects_are_valid() {
    let folder = tempfile::tempdir().expect("a folder");
    for (guise, spec) in guises() {
        for file in exam(&spec).expect("a phantom") {
            let path = folder.path().join(&file.file_name);
            std::fs::write(&path, &file.bytes).expect("written");
            for (program, arguments) in
                [("dciodvfy", &[][..]), ("dciodvfy", &["-profile", "IHEMammo"][..]), ("dcmftest", &[][..])]
            {
                if program == "dciodvfy" && spec.transfer_syntax == TransferSyntax::Deflated {
                    // It cannot inflate; the data set is that of ExplicitLittle.
                    continue;
                }
                let Some(lines) = complaints(program, arguments, &path) else {
                    println!("{program} is not installed: {guise} is not checked with it");
                    continue;
                };
                assert!(lines.is_empty(), "{guise}, {}, {program} {arguments:?}: {lines:#?}", file.file_name);
            }
        }
    }
}

#[test]
fn every_transfer_syntax_keeps_the_stored_values() {
    for bits_stored in [10, 11, 12, 14, 16] {
        let style = Style { bits_stored, ..Style::alfa() };
        let spec = with_lesions(Spec { rows: 151, columns: 97, spacing_mm: 1.5, style, ..Spec::default() });
        for signed in [false, true] {
            for transfer_syntax in TransferSyntax::ALL {
                let drawn = super::image(&spec, Slot::RightMlo).expect("a phantom");
                let wrap = Wrap { transfer_syntax, signed, ..wrap_of(&spec, Slot::RightMlo).expect("valid") };
                let file = open(&encode(&drawn.pixels, &wrap).expect("written"));
                assert_eq!(file.meta().transfer_syntax(), transfer_syntax.uid());
                let decoded = file.decode_pixel_data().expect("decoded");
                let mask = u16::MAX >> (16 - bits_stored);
                let values: Vec<u16> =
                    decoded.data().chunks_exact(2).map(|b| u16::from_ne_bytes([b[0], b[1]]) & mask).collect();
                let expected: Vec<u16> = drawn
                    .pixels
                    .iter()
                    .map(|p| if signed { p.wrapping_sub(1 << (bits_stored - 1)) & mask } else { *p })
                    .collect();
                assert!(values == expected, "{transfer_syntax:?}, {bits_stored} bits, signed {signed}");
            }
        }
    }
}

#[test]
fn any_values_survive_the_codecs_written_here() {
    // Extremes in every neighbourhood: steps of the whole range, runs of all lengths, incompressible noise.
    let mut pixels: Vec<u16> =
        (0..300u32).flat_map(|k| vec![(k.wrapping_mul(40503) >> 3) as u16; k as usize % 7 + 1]).collect();
    pixels.extend([0, u16::MAX, 0, 0x8000, 0, 0x7fff, u16::MAX, 0xff00, 0x00ff]);
    pixels.extend(vec![0xabcd; 700]);
    let columns = 211;
    pixels.truncate(pixels.len() / columns * columns);
    let rows = pixels.len() / columns;
    for transfer_syntax in TransferSyntax::ALL {
        let wrap = Wrap { transfer_syntax, bits_stored: 16, ..Wrap::new(Slot::LeftCc, rows, columns, 1) };
        let file = open(&encode(&pixels, &wrap).expect("written"));
        let decoded = file.decode_pixel_data().expect("decoded");
        let values: Vec<u16> = decoded.data().chunks_exact(2).map(|b| u16::from_ne_bytes([b[0], b[1]])).collect();
        assert!(values == pixels, "{transfer_syntax:?}");
    }
}

#[test]
fn the_header_says_what_the_image_shows() {
    let text =
        |file: &PhantomFile, tag| open(&file.bytes).element(tag).expect("there").to_str().expect("text").into_owned();
    let presented = exam(&Spec::small(20)).expect("a phantom");
    let raw = exam(&Spec { intent: Intent::ForProcessing, ..Spec::small(20) }).expect("a phantom");
    let expected = [("L", "A\\R"), ("L", "A\\FR"), ("R", "P\\L"), ("R", "P\\FL")];
    for ((file, raw), (letter, orientation)) in presented.iter().zip(&raw).zip(expected) {
        assert_eq!(file.file_name, format!("{}.dcm", file.slot.name()));
        assert_eq!(text(file, tags::IMAGE_LATERALITY), letter);
        assert_eq!(text(file, tags::PATIENT_ORIENTATION), orientation);
        assert_eq!(text(file, tags::PATIENT_NAME), "Фантом^Ува");
        assert_eq!(text(file, tags::STUDY_INSTANCE_UID), text(raw, tags::STUDY_INSTANCE_UID));
        let object = open(&file.bytes);
        let items = object.element(tags::SOURCE_IMAGE_SEQUENCE).expect("there").items().expect("items").to_vec();
        let source =
            items[0].element(tags::REFERENCED_SOP_INSTANCE_UID).expect("there").to_str().expect("text").into_owned();
        assert_eq!(source, text(raw, tags::SOP_INSTANCE_UID));
        for tag in [tags::STUDY_INSTANCE_UID, tags::SERIES_INSTANCE_UID, tags::SOP_INSTANCE_UID] {
            assert!(
                text(file, tag).parse::<uvid_exam::SopInstanceUid>().is_ok() && text(file, tag).starts_with("2.25.")
            );
        }
    }
    let mut instances: Vec<String> = presented.iter().chain(&raw).map(|f| text(f, tags::SOP_INSTANCE_UID)).collect();
    instances.sort();
    instances.dedup();
    assert_eq!(instances.len(), 8);
}

#[test]
fn names_are_written_in_their_character_set() {
    for (set, name) in [("ISO_IR 144", "Фантом^Љиљана"), ("ISO_IR 101", "Fantom^Đurđa"), ("ISO_IR 192", "Čč^Ћ")]
    {
        let patient = PhantomPatient { name: name.into(), character_set: set.into(), ..PhantomPatient::default() };
        let wrap = Wrap { patient, ..Wrap::new(Slot::LeftCc, 2, 2, 1) };
        let file = open(&encode(&[0; 4], &wrap).expect("written"));
        assert_eq!(file.element(tags::PATIENT_NAME).expect("there").to_str().expect("text"), name);
    }
    let patient = PhantomPatient { character_set: "ISO_IR 666".into(), ..PhantomPatient::default() };
    let wrap = Wrap { patient, ..Wrap::new(Slot::LeftCc, 2, 2, 1) };
    assert_eq!(encode(&[0; 4], &wrap), Err(PhantomError::CharacterSet("ISO_IR 666".into())));
}

#[test]
fn any_pixels_can_be_wrapped_and_bent() {
    let element =
        dicom_core::DataElement::new(tags::IMAGE_LATERALITY, dicom_core::VR::CS, dicom_core::PrimitiveValue::from("B"));
    let wrap = Wrap {
        view: View::MedioLateral,
        laterality: Laterality::Right,
        rescale: Rescale { slope: -0.5, intercept: 1024.0 },
        padding: Some((0, Some(15))),
        signed: true,
        partial_view: true,
        burned_in_annotation: true,
        edits: vec![Edit::Put(element), Edit::Remove(tags::VIEW_POSITION)],
        ..Wrap::new(Slot::LeftCc, 1, 3, 5)
    };
    let file = open(&encode(&[0, 2048, 4095], &wrap).expect("written"));
    let text = |tag| file.element(tag).expect("there").to_str().expect("text").into_owned();
    assert_eq!(text(tags::IMAGE_LATERALITY), "B");
    assert!(file.element(tags::VIEW_POSITION).is_err());
    assert_eq!(text(tags::RESCALE_SLOPE).trim(), "-0.5");
    assert_eq!(file.element(tags::PIXEL_PADDING_VALUE).expect("there").to_int::<i16>().expect("a number"), -2048);
    assert_eq!(
        file.element(tags::PIXEL_DATA).expect("there").to_multi_int::<u16>().expect("numbers"),
        [63488, 0, 2047]
    );
    let too_bright = encode(&[0, 2048, 4096], &Wrap::new(Slot::LeftCc, 1, 3, 5));
    assert_eq!(too_bright, Err(PhantomError::Range { name: "pixel", value: 4096.0, lo: 0.0, hi: 4095.0 }));
}
