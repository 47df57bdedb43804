//! A picture as PNG, of the kinds that SVG and PDF both take without decoding: grey or RGB, 8 bits, not interlaced.

use bytes::Bytes;
use miniz_oxide::deflate::compress_to_vec_zlib;

use super::error::FigureError;

const SIGNATURE: [u8; 8] = [0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a];
/// The longest side, pixels.
const SIDE_MAX: u32 = 16_384;

/// A PNG that was looked at: its header is one that both writers can use, its chunks are whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    png: Bytes,
    width: u32,
    height: u32,
    channels: u8,
}

impl Picture {
    /// Refuses what is not a PNG, has transparency, a palette, 16 bits or interlacing, or is longer than 16,384 pixels. Pixels
    /// are not decoded.
    pub fn new(png: impl Into<Bytes>) -> Result<Self, FigureError> {
        let png = png.into();
        let refused = |why| Err(FigureError::Picture(why));
        if png.get(..8) != Some(&SIGNATURE) || png.get(12..16) != Some(b"IHDR") {
            return refused("is not a PNG");
        }
        let Some(header) = png.get(16..29) else { return refused("ends in its header") };
        let number =
            |from: usize| u32::from_be_bytes([header[from], header[from + 1], header[from + 2], header[from + 3]]);
        let (width, height) = (number(0), number(4));
        if width == 0 || height == 0 || width > SIDE_MAX || height > SIDE_MAX {
            return refused("is empty or too large");
        }
        let channels = match (header[8], header[9], header[12]) {
            (8, 0, 0) => 1,
            (8, 2, 0) => 3,
            _ => return refused("is neither grey nor RGB with 8 bits, or is interlaced"),
        };
        let picture = Self { png, width, height, channels };
        if picture.data().is_empty() { refused("has no pixels or ends too early") } else { Ok(picture) }
    }

    /// From grey pixels, row by row from the top, 0 black.
    pub fn grey(width: u32, height: u32, pixels: &[u8]) -> Result<Self, FigureError> {
        let expected = u64::from(width) * u64::from(height);
        if expected == 0 || width > SIDE_MAX || height > SIDE_MAX || expected != pixels.len() as u64 {
            return Err(FigureError::Picture("has not width times height pixels, or is empty or too large"));
        }
        // Every row begins with its filter; 1 (Sub) suits smooth grey better than none.
        let mut rows = Vec::with_capacity(pixels.len() + height as usize);
        for row in pixels.chunks(width as usize) {
            rows.push(1);
            let left = std::iter::once(0).chain(row.iter().copied());
            rows.extend(row.iter().zip(left).map(|(pixel, left)| pixel.wrapping_sub(left)));
        }
        let mut header = Vec::from(width.to_be_bytes());
        header.extend(height.to_be_bytes());
        header.extend([8, 0, 0, 0, 0]);
        let mut png = SIGNATURE.to_vec();
        chunk(&mut png, *b"IHDR", &header);
        chunk(&mut png, *b"IDAT", &compress_to_vec_zlib(&rows, 6));
        chunk(&mut png, *b"IEND", &[]);
        Self::new(png)
    }

    /// The file.
    pub fn png(&self) -> &Bytes {
        &self.png
    }

    /// Pixels of a row.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Rows.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// 1 for grey, 3 for RGB.
    pub(crate) fn channels(&self) -> u8 {
        self.channels
    }

    /// The pixels as PDF has them under FlateDecode with PNG predictors (ISO 32000-1, 7.4.4.4): the chunks IDAT.
    pub(crate) fn data(&self) -> Vec<u8> {
        let mut data = Vec::new();
        let mut rest = self.png.get(8..).unwrap_or_default();
        while let Some((length, behind)) = rest.split_first_chunk::<4>() {
            let length = u32::from_be_bytes(*length) as usize;
            let Some(body) = behind.get(4..length.saturating_add(4)) else { return Vec::new() };
            if behind.starts_with(b"IDAT") {
                data.extend_from_slice(body);
            }
            rest = behind.get(length.saturating_add(8)..).unwrap_or_default();
        }
        data
    }
}

fn chunk(png: &mut Vec<u8>, kind: [u8; 4], body: &[u8]) {
    png.extend(u32::try_from(body.len()).unwrap_or(u32::MAX).to_be_bytes());
    let from = png.len();
    png.extend(kind);
    png.extend(body);
    let sum = crc(&png[from..]);
    png.extend(sum.to_be_bytes());
}

/// The check sum of PNG (ISO 15948, annex D), bit by bit: pictures here are small.
fn crc(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
    !bytes.iter().fold(u32::MAX, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), step))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grey_pixels_come_back() {
        let pixels: Vec<u8> = (0..12).map(|i| i * 20).collect();
        let picture = Picture::grey(4, 3, &pixels).unwrap();
        assert_eq!((picture.width(), picture.height(), picture.channels()), (4, 3, 1));
        let rows = miniz_oxide::inflate::decompress_to_vec_zlib(&picture.data()).unwrap();
        assert_eq!(rows[..5], [1, 0, 20, 20, 20]);
        assert_eq!(crc(b"IEND"), 0xae42_6082);
    }

    #[test]
    fn what_is_no_usable_png_is_refused() {
        let good = Picture::grey(2, 2, &[0; 4]).unwrap().png().to_vec();
        let check = |change: &dyn Fn(&mut Vec<u8>)| {
            let mut png = good.clone();
            change(&mut png);
            assert!(Picture::new(png).is_err());
        };
        check(&|png| png.clear());
        check(&|png| png[0] = 0);
        check(&|png| png[24] = 16);
        check(&|png| png[25] = 6);
        check(&|png| png[28] = 1);
        check(&|png| png[19] = 0);
        check(&|png| png.truncate(45));
        assert!(Picture::grey(2, 2, &[0; 5]).is_err());
    }
}
