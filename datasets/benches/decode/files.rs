//! A frame in a transfer syntax: the code stream, and the DICOM file around it.

use std::path::{Path, PathBuf};

use dicom_core::value::fragments::Fragments;
use dicom_core::value::{PixelFragmentSequence, PrimitiveValue};
use dicom_core::{DataElement, VR};
use dicom_dictionary_std::tags;
use dicom_object::DefaultDicomObject;
use serde_json::json;
use uvid_codecs::{CodecError, Frame, Shape};

use crate::inputs::Input;
use crate::python::Python;
use crate::syntaxes::Syntax;

/// A file to decode.
pub(crate) struct File {
    pub(crate) input: String,
    pub(crate) syntax: &'static Syntax,
    pub(crate) shape: Shape,
    /// What went in.
    pub(crate) samples: Vec<u16>,
    /// The code stream; empty where the frame is not compressed by itself.
    pub(crate) frame: Vec<u8>,
    pub(crate) frame_path: PathBuf,
    pub(crate) path: PathBuf,
    /// The same object uncompressed, until the next file is written.
    pub(crate) native_path: PathBuf,
    /// Who made the code stream.
    pub(crate) encoder: &'static str,
}

/// Writes a frame in a syntax; an error says why it cannot be.
pub(crate) fn write(
    input: &Input,
    syntax: &'static Syntax,
    folder: &Path,
    python: Option<&mut Python>,
) -> Result<File, String> {
    if syntax.thorough && !input.thorough {
        return Err("tried on one frame only".into());
    }
    if syntax.bits_max == 12 && input.bits > 12 {
        return Err("the process has 12 bits".into());
    }
    let bits = input.bits.min(syntax.bits_max);
    let samples: Vec<u16> = input.samples.iter().map(|s| s >> (input.bits - bits)).collect();
    let shape = Shape::grey(input.rows, input.columns, bits);
    let stem = format!("{} {}", input.name, syntax.name).replace(|c: char| !c.is_alphanumeric(), "-");
    let place = |end: &str| folder.join(format!("{stem}{end}"));

    let object = dicom_object::from_reader(input.object.as_slice()).map_err(|e| e.to_string())?;
    let (frame, encoder) = if syntax.as_received() {
        let element = object.element(tags::PIXEL_DATA).map_err(|e| e.to_string())?;
        (element.fragments().ok_or("not compressed")?.concat(), "its sender")
    } else {
        encode(syntax, shape, &samples, folder, python)?
    };
    let object = without_icons(object);
    let native_path = folder.join("native.dcm");
    save(object.clone(), "1.2.840.10008.1.2.1", shape, native_pixels(&samples, bits), &native_path)?;
    let path = place(".dcm");
    if syntax.format.is_none() {
        save(object, syntax.uid, shape, native_pixels(&samples, bits), &path)?;
    } else {
        let mut object = object;
        if syntax.lossy() {
            let ratio = samples.len() as f64 * f64::from(bits) / 8.0 / frame.len() as f64;
            object.put(DataElement::new(tags::LOSSY_IMAGE_COMPRESSION, VR::CS, "01"));
            object.put(DataElement::new(tags::LOSSY_IMAGE_COMPRESSION_RATIO, VR::DS, format!("{ratio:.1}")));
        }
        let fragment = Fragments::new(frame.clone(), 0);
        let pixels = DataElement::new(tags::PIXEL_DATA, VR::OB, PixelFragmentSequence::from(vec![fragment]));
        save(object, syntax.uid, shape, pixels, &path)?;
    }
    let frame_path = place(".frame");
    std::fs::write(&frame_path, &frame).map_err(|e| e.to_string())?;
    Ok(File { input: input.name.clone(), syntax, shape, samples, frame, frame_path, path, native_path, encoder })
}

/// By our encoder, else by a peer's.
fn encode(
    syntax: &Syntax,
    shape: Shape,
    samples: &[u16],
    folder: &Path,
    python: Option<&mut Python>,
) -> Result<(Vec<u8>, &'static str), String> {
    let Some(format) = syntax.format else { return Ok((Vec::new(), "nobody")) };
    // Predictors other than 1 are others' alone.
    if !syntax.thorough {
        match format.codec().encode(&Frame { shape, samples }, &syntax.encoding) {
            Ok(frame) => return Ok((frame, "Uvid")),
            Err(CodecError::NoEncoder | CodecError::Unsupported(_)) => {}
            Err(why) => return Err(format!("our encoder: {why}")),
        }
    }
    let name = syntax.peer_encoder.ok_or("there is no encoder")?;
    let python = python.ok_or("no encoder of ours, no peer")?;
    let bytes: Vec<u8> = samples.iter().flat_map(|s| s.to_le_bytes()).collect();
    let (raw, out) = (folder.join("peer.raw"), folder.join("peer.encoded"));
    std::fs::write(&raw, bytes).map_err(|e| e.to_string())?;
    let Shape { rows, columns, precision: bits, .. } = shape;
    python.ask(&json!({
        "do": "encode", "with": name, "samples": raw, "rows": rows, "columns": columns, "bits": bits, "out": out,
    }))?;
    Ok((std::fs::read(out).map_err(|e| e.to_string())?, "imagecodecs"))
}

fn native_pixels(samples: &[u16], bits: u16) -> DataElement<dicom_object::InMemDicomObject> {
    if bits > 8 {
        return DataElement::new(tags::PIXEL_DATA, VR::OW, PrimitiveValue::U16(samples.into()));
    }
    let bytes: Vec<u8> = samples.iter().map(|s| *s as u8).collect();
    DataElement::new(tags::PIXEL_DATA, VR::OB, PrimitiveValue::U8(bytes.into()))
}

/// Icons are compressed like the frame; in a file of another syntax they would be in the wrong one.
fn without_icons(mut object: DefaultDicomObject) -> DefaultDicomObject {
    let has_pixels = |item: &dicom_object::InMemDicomObject| item.element(tags::PIXEL_DATA).is_ok();
    let icons: Vec<_> = object.iter().filter(|e| e.items().is_some_and(|i| i.iter().any(has_pixels))).collect();
    for tag in icons.iter().map(|e| e.header().tag).collect::<Vec<_>>() {
        object.remove_element(tag);
    }
    object
}

/// Writes an object with other pixels and another transfer syntax.
fn save(
    mut object: DefaultDicomObject,
    uid: &str,
    shape: Shape,
    pixels: DataElement<dicom_object::InMemDicomObject>,
    path: &Path,
) -> Result<(), String> {
    if shape.precision == 8 {
        for (tag, word) in [(tags::BITS_ALLOCATED, 8u16), (tags::BITS_STORED, 8), (tags::HIGH_BIT, 7)] {
            object.put(DataElement::new(tag, VR::US, PrimitiveValue::from(word)));
        }
        object.remove_element(tags::PIXEL_PADDING_VALUE);
        object.remove_element(tags::PIXEL_PADDING_RANGE_LIMIT);
    }
    object.put(pixels);
    object.update_meta(|meta| meta.transfer_syntax = uid.to_owned());
    object.write_to_file(path).map_err(|e| e.to_string())
}
