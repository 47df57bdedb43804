//! What lies around the samples: markers, intervals, components, and what is left over.

use super::*;

#[test]
fn odd_layouts_of_markers() {
    let shape = Shape::grey(5, 9, 12);
    let original = samples(4, &shape, 3);
    let plain = encode(&Frame { shape, samples: &original }, &Options::default()).expect("encodes");
    let check = |stream: &[u8], what: &str| {
        let decoded = decode(Format::JpegLossless, stream, &shape, &Decoding::default(), SAMPLES_MAX);
        assert_eq!(decoded.map(|d| d.1), Ok(original.clone()), "{what}");
    };
    let spliced = |at: usize, bytes: &[u8]| [&plain[..at], bytes, &plain[at..]].concat();
    check(&plain, "as it is");
    check(&plain[..plain.len() - 2], "no EOI");
    check(&spliced(plain.len(), &[0]), "padding behind EOI");
    check(&spliced(plain.len() - 2, &[0xFF, 0xFF]), "fill before EOI");
    check(&spliced(2, &[0xFF, 0xE0, 0, 4, 0xFF, 0xD8]), "an APP0 with a marker in it");
    check(&spliced(2, &[0xFF, 0xFF, 0xFF, 0xFE, 0, 2]), "fill before an empty comment");
    check(&spliced(2, &[0, 0]), "zeros between segments");
    check(&spliced(plain.len() - 2, &[0, 0, 0]), "zeros before EOI");
    // Rows by DNL, behind the scan.
    let mut later = plain.clone();
    let frame = later.windows(2).position(|w| w == [0xFF, 0xC3]).expect("SOF3");
    later[frame + 5..frame + 7].fill(0);
    later.splice(later.len() - 2..later.len() - 2, [0xFF, 0xDC, 0, 4, 0, 5]);
    check(&later, "DNL");
    later.splice(2..2, [0xFF, 0xFE, 0, 8, 0xFF, 0xDC, 0, 4, 0, 3]);
    check(&later, "DNL, and what looks like it in a comment");
}

/// The restart interval 4 of 12 is lost, stands elsewhere, or there is one too many.
#[test]
fn restart_markers_count() {
    let shape = Shape::grey(12, 50, 12);
    let original = samples(4, &shape, 9);
    let options = Options { restart_rows: 1, ..Options::default() };
    let plain = encode(&Frame { shape, samples: &original }, &options).expect("encodes");
    let restarts: Vec<usize> =
        (0..plain.len() - 1).filter(|&at| plain[at] == 0xFF && (0xD0..=0xD7).contains(&plain[at + 1])).collect();
    let (a, b, c) = (restarts[3], restarts[4], restarts[5]);
    let lost = [&plain[..a], &plain[b..]].concat();
    let swapped = [&plain[..a], &plain[b..c], &plain[a..b], &plain[c..]].concat();
    let twice = [&plain[..b], &plain[a..]].concat();
    let behind = [&plain[..plain.len() - 2], &[0xFF, 0xD3], &plain[plain.len() - 2..]].concat();
    let bomb = [&plain[..plain.len() - 2], &[0xFF, 0xD3].repeat(9)[..], &plain[plain.len() - 2..]].concat();
    let run = |stream: &[u8], missing| {
        let how = Decoding { missing, ..Decoding::default() };
        decode(Format::JpegLossless, stream, &shape, &how, SAMPLES_MAX).map(|(_, samples, extent)| (samples, extent))
    };
    let check = |stream: &[u8], refused: &str, rows: Option<usize>| {
        let error = run(stream, Missing::Refuse).expect_err(refused);
        assert_eq!(error.to_string(), refused);
        let kept = rows.map(|rows| {
            let there = original[..rows * 50].iter().copied().chain(std::iter::repeat(0));
            (there.take(original.len()).collect(), Extent::Part)
        });
        assert_eq!(run(stream, Missing::Keep).ok(), kept, "{refused}");
    };
    check(&lost, "the restart markers are not in order", Some(3));
    check(&swapped, "the restart markers are not in order", Some(3));
    check(&twice, "the restart markers are not in order", Some(4));
    check(&bomb, "the code stream has more restart intervals than rows", None);
    assert_eq!(run(&behind, Missing::Refuse), Ok((original.clone(), Extent::Whole)));
}

#[test]
fn what_is_left_over() {
    let (shape, fewer) = (Shape::grey(64, 50, 12), Shape::grey(32, 50, 12));
    for restart_rows in [0, 8] {
        let options = Options { restart_rows, ..Options::default() };
        let mut stream = encode(&Frame { shape, samples: &samples(2, &shape, 5) }, &options).expect("encodes");
        let frame = stream.windows(2).position(|w| w == [0xFF, 0xC3]).expect("SOF3");
        stream[frame + 6] = 32;
        let error = decode(Format::JpegLossless, &stream, &fewer, &Decoding::default(), SAMPLES_MAX).expect_err("rows");
        let expected = [
            "the code stream has more samples than its header says",
            "the code stream has more restart intervals than rows",
        ][usize::from(restart_rows > 0)];
        assert_eq!(error.to_string(), expected);
    }
}

/// Components by name: each once, in the frame's order.
#[test]
fn components() {
    let shape = Shape { components: 3, ..Shape::grey(4, 9, 8) };
    let original = samples(4, &shape, 3);
    let plain = encode(&Frame { shape, samples: &original }, &Options::default()).expect("encodes");
    let frame = plain.windows(2).position(|w| w == [0xFF, 0xC3]).expect("SOF3") + 10;
    let scan = plain.windows(2).position(|w| w == [0xFF, 0xDA]).expect("SOS") + 5;
    let check = |names: [u8; 3], scanned: [u8; 3], expected: &str| {
        let mut stream = plain.clone();
        for at in 0..3 {
            stream[frame + 3 * at] = names[at];
            stream[scan + 2 * at] = scanned[at];
        }
        let decoded = decode(Format::JpegLossless, &stream, &shape, &Decoding::default(), SAMPLES_MAX);
        let outcome =
            decoded.map_or_else(|e| e.to_string(), |d| if d.1 == original { "right" } else { "wrong" }.to_owned());
        assert_eq!(outcome, expected, "{names:?} {scanned:?}");
    };
    let order = "a scan has no component, or components that are not in order";
    check([1, 2, 3], [1, 2, 3], "right");
    check([82, 71, 66], [82, 71, 66], "right");
    check([1, 1, 1], [1, 1, 1], "the code stream has two components of one name");
    check([1, 2, 3], [1, 2, 1], order);
    check([1, 2, 3], [3, 2, 1], order);
    check([1, 2, 3], [2, 2, 3], order);
    check([1, 2, 3], [1, 2, 4], "a scan names a component that the frame does not have");
}

#[test]
fn what_is_no_lossless_stream() {
    let shape = Shape::grey(2, 2, 8);
    let plain = encode(&Frame { shape, samples: &[1, 2, 3, 4] }, &Options::default()).expect("encodes");
    let frame = plain.windows(2).position(|w| w == [0xFF, 0xC3]).expect("SOF3");
    let scan = plain.windows(2).position(|w| w == [0xFF, 0xDA]).expect("SOS");
    let check = |at: usize, byte: u8, expected: &str| {
        let mut stream = plain.clone();
        stream[at] = byte;
        let error =
            decode(Format::JpegLossless, &stream, &shape, &Decoding::default(), SAMPLES_MAX).expect_err(expected);
        assert_eq!(error.to_string(), expected);
    };
    check(1, 0, "the frame is no JPEG lossless stream");
    check(frame + 1, 0xC0, "the frame is no JPEG lossless stream");
    check(frame + 4, 17, "the precision is none of 2 to 16 bits");
    check(frame + 8, 0, "the code stream has no columns");
    check(frame + 9, 0, "the code stream has no component");
    check(scan + 5, 0x30, "a scan names a component that the frame does not have");
    check(scan + 6, 0x30, "a scan names a Huffman table that is not defined");
    check(scan + 7, 8, "the prediction is none of the seven");
    check(scan + 9, 9, "the point transform leaves no bits");
    check(frame + 5, 0xFF, "the code stream breaks off in its samples");
    let huge = [&plain[..frame + 5], &[0xFF; 4], &plain[frame + 9..]].concat();
    let error = decode(Format::JpegLossless, &huge, &shape, &Decoding::default(), SAMPLES_MAX).expect_err("a bomb");
    assert_eq!(error, CodecError::Limit { samples_max: SAMPLES_MAX });
}
