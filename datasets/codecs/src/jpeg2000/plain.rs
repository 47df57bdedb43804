//! Which code streams are plain enough for a decoder that is not ours.
//!
//! Invariant: of a stream that passes, every marker segment of every header is one of [`KNOWN`], so that nothing in it
//! bears on the samples but its sizes (SIZ), one coding style (COD) and its exponents (QCD).

use super::header::{word16, word32};
use super::{ending, read};
use crate::{Format, Header};

const SIZ: u8 = 0x51;
const COD: u8 = 0x52;
const SOT: u8 = 0x90;
const SOD: u8 = 0x93;
const EOC: u8 = 0xD9;
/// SIZ, CAP, COD, TLM, PLM, PLT, QCD, COM (ISO 15444-1 table A.2). Without COC, QCC, RGN, POC and packed headers.
const KNOWN: [u8; 8] = [SIZ, 0x50, COD, 0x55, 0x57, 0x58, 0x5C, 0x64];

/// The bare code stream of a frame that any decoder gives alike, if nothing was cut short when it was coded: whole, with
/// every packet, reversible, unsigned, of one component, on a grid that begins at 0, in headers without surprises.
pub(crate) fn plain<'a>(stream: &'a [u8], header: &Header) -> Option<&'a [u8]> {
    if !matches!(header.format, Format::Jpeg2000 | Format::Htj2k) {
        return None;
    }
    let codestream = read(stream, header.format).ok()?;
    let shape = codestream.shape;
    let alike = shape == header.shape && shape.components == 1 && !shape.signed && !codestream.lossy;
    if !alike || codestream.breaks_off.is_some() || !is_plain(codestream.all()) {
        return None;
    }
    ending::has_every_packet(&codestream).then(|| codestream.all())
}

/// Whether the headers of a stream that [`super::header::read`] takes are plain.
fn is_plain(bytes: &[u8]) -> bool {
    segments(bytes).unwrap_or(false)
}

/// `None` where the stream is not as [`super::header::read`] has found it.
fn segments(bytes: &[u8]) -> Option<bool> {
    let mut at = 2;
    let mut styles = 0;
    // Where the tile-part ends that `at` is in; in the main header nowhere.
    let mut end = 0;
    loop {
        let [0xFF, marker] = *bytes.get(at..)?.first_chunk()? else { return None };
        match marker {
            EOC => return Some(styles == 1),
            SOD if end > at => {
                at = end;
                continue;
            }
            SOD => return None,
            _ => {}
        }
        let length = usize::from(word16(bytes, at + 2)?);
        let body = bytes.get(at + 4..at + 2 + length)?;
        let plain = match marker {
            SIZ => origin_is_zero(body)?,
            COD => {
                styles += 1;
                is_plain_style(body)?
            }
            SOT => {
                let part = usize::try_from(word32(body, 2)?).ok()?;
                // 0: up to EOC, whose two bytes are the last.
                end = if part == 0 { bytes.len().checked_sub(2)? } else { at.checked_add(part)? };
                true
            }
            other => KNOWN.contains(&other),
        };
        if !plain {
            return Some(false);
        }
        at += 2 + length;
    }
}

/// SIZ (A.5.1) has XOsiz, YOsiz behind four numbers, and XTOsiz, YTOsiz two numbers later.
fn origin_is_zero(siz: &[u8]) -> Option<bool> {
    let at = |offset| word32(siz, offset);
    Some([at(10)?, at(14)?, at(26)?, at(30)?] == [0; 4])
}

/// COD (A.6.1): neither SOP nor EPH, no transform of components, code-blocks in no style but that of ISO 15444-15 and of
/// 32 or 64 samples a side, the 5-3 transform.
fn is_plain_style(cod: &[u8]) -> Option<bool> {
    let [scod, _order, _, _, components, _levels, width, height, blocks, transform] = *cod.first_chunk()?;
    let side = |exponent: u8| matches!(exponent, 3 | 4);
    let plain_blocks = blocks & !0x40 == 0 && side(width) && side(height);
    Some(scod & !1 == 0 && components == 0 && plain_blocks && transform == 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::jpeg2000::tests::streams::stream;
    use crate::{Encoding, Frame, Shape};

    fn encoded(shape: Shape, how: Encoding) -> Vec<u8> {
        let samples: Vec<u16> = (0..shape.samples().expect("small")).map(|i| (i * 5 % 251) as u16).collect();
        Format::Jpeg2000.codec().encode(&Frame { shape, samples: &samples }, &how).expect("encoded")
    }

    fn asked(format: Format, stream: &[u8]) -> bool {
        let header = format.codec().inspect(stream, &Shape::grey(0, 0, 0)).expect("a header");
        plain(stream, &header).is_some()
    }

    #[test]
    fn coding_styles() {
        // Scod, order, layers, component transform; levels, width, height, style, transform.
        let check = |cod: &[u8], expected: Option<bool>| assert_eq!(is_plain_style(cod), expected, "{cod:?}");
        check(&[0, 0, 0, 1, 0, 5, 4, 4, 0, 1], Some(true));
        check(&[1, 2, 0, 3, 0, 0, 3, 4, 0, 1, 0x77], Some(true));
        check(&[0, 0, 0, 1, 0, 5, 4, 4, 0x40, 1], Some(true));
        check(&[0, 0, 0, 1, 0, 5, 4, 4, 0, 0], Some(false)); // 9-7
        check(&[0, 0, 0, 1, 0, 5, 4, 4, 0, 2], Some(false));
        check(&[2, 0, 0, 1, 0, 5, 4, 4, 0, 1], Some(false)); // SOP
        check(&[4, 0, 0, 1, 0, 5, 4, 4, 0, 1], Some(false)); // EPH
        check(&[0, 0, 0, 1, 1, 5, 4, 4, 0, 1], Some(false));
        for style in [1, 2, 4, 8, 16, 32, 0x80, 0xC0] {
            check(&[0, 0, 0, 1, 0, 5, 4, 4, style, 1], Some(false));
        }
        check(&[0, 0, 0, 1, 0, 5, 2, 2, 0, 1], Some(false)); // code-blocks of 16 x 16
        check(&[0, 0, 0, 1, 0, 5, 4, 4, 0], None);
        check(&[], None);
    }

    #[test]
    fn streams_of_encoders() {
        let check = |format, name: &str, expected| assert_eq!(asked(format, &stream(name)), expected, "{name}");
        for name in ["rlcp_layers.j2k", "pcrl_tiles.j2k", "tile_parts.j2k"] {
            check(Format::Jpeg2000, name, true);
        }
        for name in [
            "rpcl_precincts.j2k",
            "cprl_colour.j2k",
            "block_styles.j2k",
            "offset.j2k",
            "order_changes.j2k",
            "irreversible_layers.j2k",
        ] {
            check(Format::Jpeg2000, name, false);
        }
        for name in ["ht_lrcp.j2c", "ht_16_bits.j2c", "ht_1_row.j2c", "ht_tile_parts.j2c"] {
            check(Format::Htj2k, name, true);
        }
        for name in ["ht_signed.j2c", "ht_irreversible.j2c", "ht_16_bits_colour.j2c", "ht_rpcl_precincts.j2c"] {
            check(Format::Htj2k, name, false);
        }
        let shape = Shape::grey(70, 90, 12);
        assert!(asked(Format::Jpeg2000, &encoded(shape, Encoding::Lossless)));
        assert!(!asked(Format::Jpeg2000, &encoded(shape, Encoding::Lossy(4))));
        assert!(!asked(Format::Jpeg2000, &encoded(Shape { signed: true, ..shape }, Encoding::Lossless)));
        assert!(!asked(Format::Jpeg2000, &encoded(Shape { components: 3, ..shape }, Encoding::Lossless)));
    }

    #[test]
    fn a_stream_that_is_cut_is_not_asked_for() {
        let whole = encoded(Shape::grey(70, 90, 12), Encoding::Lossless);
        let header = Format::Jpeg2000.codec().inspect(&whole, &Shape::grey(0, 0, 0)).expect("a header");
        assert!(plain(&whole, &header).is_some());
        for end in 0..whole.len() {
            assert!(plain(&whole[..end], &header).is_none(), "{end}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_taken_or_not(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = (segments(&bytes), is_plain_style(&bytes), origin_is_zero(&bytes));
        }

        #[test]
        fn changed_headers_end(at in 0_usize..120, value in any::<u8>(), end in 0_usize..400) {
            let mut bytes = stream("tile_parts.j2k");
            bytes[at] = value;
            let _ = segments(&bytes);
            let _ = segments(&bytes[..end]);
        }
    }
}
