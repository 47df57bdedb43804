//! Lossless compression of one 16-bit frame: RLE and JPEG here, JPEG-LS by CharLS.
//!
//! Invariant: integer arithmetic only, so the same pixels give the same bytes everywhere.

use std::borrow::Cow;

use dicom_encoding::adapters::{EncodeOptions, PixelDataObject, RawPixelData};
use dicom_encoding::transfer_syntax::Codec;
use dicom_transfer_syntax_registry::entries;

use super::PhantomError;
use super::spec::TransferSyntax;
use super::wrap::{Wrap, report};

/// Compresses a frame, its values within the bits stored, in the transfer syntax of `wrap`.
pub(super) fn compress(values: &[u16], wrap: &Wrap) -> Result<Vec<u8>, PhantomError> {
    match wrap.transfer_syntax {
        TransferSyntax::RleLossless => Ok(rle(values, wrap.columns)),
        TransferSyntax::JpegLossless => Ok(jpeg_lossless(values, wrap)),
        TransferSyntax::JpegLsLossless => jpeg_ls(values, wrap),
        TransferSyntax::ImplicitLittle
        | TransferSyntax::ExplicitLittle
        | TransferSyntax::ExplicitBig
        | TransferSyntax::Deflated => Ok(values.iter().flat_map(|v| v.to_le_bytes()).collect()),
    }
}

/// PS3.5 annex G: a header of 16 numbers, then the high bytes and the low bytes, each row of them in PackBits.
fn rle(values: &[u16], columns: usize) -> Vec<u8> {
    let mut out = vec![0u8; 64];
    let mut header = [0u32; 16];
    header[0] = 2;
    for (segment, shift) in [8, 0].into_iter().enumerate() {
        header[segment + 1] = out.len() as u32;
        for row in values.chunks_exact(columns) {
            let bytes: Vec<u8> = row.iter().map(|v| (v >> shift & 0xff) as u8).collect();
            pack_bits(&bytes, &mut out);
        }
        if out.len() % 2 == 1 {
            out.push(0);
        }
    }
    for (place, number) in out.chunks_exact_mut(4).zip(header) {
        place.copy_from_slice(&number.to_le_bytes());
    }
    out
}

fn pack_bits(mut bytes: &[u8], out: &mut Vec<u8>) {
    let run_at = |b: &[u8]| b.iter().take(128).take_while(|x| Some(*x) == b.first()).count();
    while !bytes.is_empty() {
        let run = run_at(bytes);
        if run >= 2 {
            out.extend([(257 - run) as u8, bytes[0]]);
            bytes = &bytes[run..];
            continue;
        }
        // Literals up to the next run of three, which alone is worth breaking them for.
        let mut literal = 1;
        while literal < bytes.len().min(128) && run_at(&bytes[literal..]) < 3 {
            literal += 1;
        }
        out.push((literal - 1) as u8);
        out.extend_from_slice(&bytes[..literal]);
        bytes = &bytes[literal..];
    }
}

/// Huffman code lengths: how many codes have 1, 2, … 16 bits. All ones is left unused, as JPEG demands.
const LENGTHS: [u8; 16] = [0, 1, 5, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0];
/// Difference categories by code, the shortest first: air gives 0, tissue 3 to 7.
const CATEGORIES: [u8; 17] = [0, 3, 4, 5, 6, 7, 2, 8, 1, 9, 10, 11, 12, 13, 14, 15, 16];

/// Bits, the first the highest, with a zero byte stuffed after each 0xff.
struct Bits {
    out: Vec<u8>,
    pending: u64,
    count: u32,
}

impl Bits {
    fn push(&mut self, value: u32, count: u32) {
        self.pending = self.pending << count | u64::from(value);
        self.count += count;
        while self.count >= 8 {
            self.count -= 8;
            let byte = (self.pending >> self.count & 0xff) as u8;
            self.out.push(byte);
            if byte == 0xff {
                self.out.push(0);
            }
        }
    }

    fn finish(mut self) -> Vec<u8> {
        let fill = (8 - self.count % 8) % 8;
        self.push((1 << fill) - 1, fill);
        self.out
    }
}

/// ITU-T T.81 process 14 with selection value 1: each value is predicted by its left neighbour (annex H).
fn jpeg_lossless(values: &[u16], wrap: &Wrap) -> Vec<u8> {
    // Annex C: codes of each length count upwards.
    let mut codes = [(0u32, 0u32); 17];
    let (mut code, mut next) = (0u32, CATEGORIES.iter());
    for (length, count) in (1u32..).zip(LENGTHS) {
        for category in next.by_ref().take(usize::from(count)) {
            codes[usize::from(*category)] = (code, length);
            code += 1;
        }
        code <<= 1;
    }
    let mut bits = Bits { out: jpeg_header(wrap), pending: 0, count: 0 };
    let mut above = 1u16 << (wrap.bits_stored - 1);
    for row in values.chunks_exact(wrap.columns) {
        let mut prediction = above;
        for &value in row {
            let difference = value.wrapping_sub(prediction) as i16;
            prediction = value;
            let size = 16 - difference.unsigned_abs().leading_zeros();
            let (code, length) = codes[size as usize];
            bits.push(code, length);
            // Category 16 is -32768 alone and has no bits.
            if (1..16).contains(&size) {
                let low = i32::from(difference) - i32::from(difference < 0);
                bits.push(low as u32 & ((1 << size) - 1), size);
            }
        }
        above = row.first().copied().unwrap_or(above);
    }
    let mut out = bits.finish();
    out.extend([0xff, 0xd9]);
    out
}

/// SOI, SOF3, DHT and SOS.
fn jpeg_header(wrap: &Wrap) -> Vec<u8> {
    let [rows, columns] = [wrap.rows, wrap.columns].map(|n| (n as u16).to_be_bytes());
    let mut out = vec![0xff, 0xd8];
    out.extend([0xff, 0xc3, 0, 11, wrap.bits_stored as u8, rows[0], rows[1], columns[0], columns[1], 1, 1, 0x11, 0]);
    out.extend([0xff, 0xc4, 0, 19 + CATEGORIES.len() as u8, 0]);
    out.extend(LENGTHS);
    out.extend(CATEGORIES);
    out.extend([0xff, 0xda, 0, 8, 1, 1, 0, 1, 0, 0]);
    out
}

/// A frame as the registry's encoders want to see it.
struct Frame<'a> {
    bytes: Vec<u8>,
    wrap: &'a Wrap,
}

impl PixelDataObject for Frame<'_> {
    fn transfer_syntax_uid(&self) -> &str {
        TransferSyntax::ExplicitLittle.uid()
    }
    fn rows(&self) -> Option<u16> {
        u16::try_from(self.wrap.rows).ok()
    }
    fn cols(&self) -> Option<u16> {
        u16::try_from(self.wrap.columns).ok()
    }
    fn samples_per_pixel(&self) -> Option<u16> {
        Some(1)
    }
    fn bits_allocated(&self) -> Option<u16> {
        Some(16)
    }
    fn bits_stored(&self) -> Option<u16> {
        Some(self.wrap.bits_stored)
    }
    fn photometric_interpretation(&self) -> Option<&str> {
        Some("MONOCHROME2")
    }
    fn number_of_frames(&self) -> Option<u32> {
        Some(1)
    }
    fn number_of_fragments(&self) -> Option<u32> {
        None
    }
    fn fragment(&self, _: usize) -> Option<Cow<'_, [u8]>> {
        None
    }
    fn offset_table(&self) -> Option<Cow<'_, [u32]>> {
        None
    }
    fn raw_pixel_data(&self) -> Option<RawPixelData> {
        None
    }
    fn frame_pixel_data(&self, frame: u32) -> Option<Cow<'_, [u8]>> {
        (frame == 0).then_some(Cow::Borrowed(self.bytes.as_slice()))
    }
}

fn jpeg_ls(values: &[u16], wrap: &Wrap) -> Result<Vec<u8>, PhantomError> {
    let frame = Frame { bytes: values.iter().flat_map(|v| v.to_ne_bytes()).collect(), wrap };
    let mut out = Vec::new();
    let syntax = entries::JPEG_LS_LOSSLESS_IMAGE_COMPRESSION.erased();
    let Codec::EncapsulatedPixelData(_, Some(writer)) = syntax.codec() else {
        return Err(PhantomError::Write("no encoder for JPEG-LS".into()));
    };
    writer.encode_frame(&frame, 0, EncodeOptions::default(), &mut out).map_err(|e| PhantomError::Write(report(&e)))?;
    Ok(out)
}
