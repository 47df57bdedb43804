//! What the targets for code streams share.
//!
//! An input is five bytes and a code stream: rows and columns (16 bits each, little endian), then a byte with the
//! precision less one (bits 0 to 3), colour (4), sign (5) and how often to halve (6 and 7).

use std::num::NonZeroUsize;

use uvid_codecs::{CodecError, Decoding, Extent, Format, Header, Missing, Shape, decode};

/// The most samples of a frame.
pub const SAMPLES_MAX: usize = 4 << 20;

/// Frames of no more samples are decoded a second time, by two threads.
const TWICE_MAX: usize = 1 << 16;

/// The five bytes.
pub fn prefix(shape: &Shape, reduce: u8) -> [u8; 5] {
    let [rows, columns] = [shape.rows, shape.columns].map(|n| (n as u16).to_le_bytes());
    let flags = (shape.precision - 1) as u8 | u8::from(shape.components == 3) << 4 | u8::from(shape.signed) << 5;
    [rows[0], rows[1], columns[0], columns[1], flags | reduce << 6]
}

/// What is declared, how often to halve (0 to 2), and the code stream.
pub fn parts(input: &[u8]) -> Option<(Shape, u8, &[u8])> {
    let ([r0, r1, c0, c1, flags], stream) = input.split_first_chunk()?;
    let shape = Shape {
        rows: usize::from(u16::from_le_bytes([*r0, *r1])),
        columns: usize::from(u16::from_le_bytes([*c0, *c1])),
        components: if flags & 0x10 == 0 { 1 } else { 3 },
        precision: u16::from(flags & 15) + 1,
        signed: flags & 0x20 != 0,
    };
    Some((shape, (flags >> 6).min(2), stream))
}

type Decoded = Result<(Header, Vec<u16>, Extent), CodecError>;

/// Any bytes as a frame: samples of the length and precision that were said, or an error; the same for any number of
/// threads; and a whole frame is the same frame whether missing parts would have been refused or kept.
pub fn frame(format: Format, input: &[u8]) {
    let Some((declared, reduce, stream)) = parts(input) else { return };
    let one = NonZeroUsize::MIN;
    let run = |missing, threads| -> Decoded {
        decode(format, stream, &declared, &Decoding { threads, reduce, missing }, SAMPLES_MAX).map_err(|e| match e {
            // Which of several faults a library names first is a matter of its threads.
            CodecError::Library(_) => CodecError::Library(String::new()),
            e => e,
        })
    };
    let refused = run(Missing::Refuse, one);
    let kept = run(Missing::Keep, one);
    for decoded in [&refused, &kept].into_iter().flatten() {
        let (header, samples, _) = decoded;
        let shape = header.shape.reduced(reduce);
        assert_eq!(Some(samples.len()), shape.samples());
        assert_eq!(header.format, format);
        assert!((1..=16).contains(&shape.precision), "{} bits", shape.precision);
        let above = u32::from(u16::MAX) << shape.precision;
        assert!(samples.iter().all(|s| u32::from(*s) & above == 0), "a sample of more than {} bits", shape.precision);
        assert_eq!(format.codec().inspect(stream, &declared).as_ref(), Ok(header));
    }
    match (&refused, &kept) {
        (Ok((_, _, extent)), _) => {
            assert_eq!(*extent, Extent::Whole, "a part of a frame was not refused");
            assert!(refused == kept, "a whole frame differs by what would be done with a part");
        }
        (Err(_), Ok((_, _, extent))) => assert_eq!(*extent, Extent::Part, "a whole frame was refused"),
        (Err(_), Err(_)) => {}
    }
    let small = kept.as_ref().map_or(true, |(_, samples, _)| samples.len() <= TWICE_MAX);
    if small {
        let two = one.saturating_add(1);
        assert!(run(Missing::Refuse, two) == refused, "two threads give something else than one");
        assert!(run(Missing::Keep, two) == kept, "two threads give something else than one");
    }
}
