//! Streams that end too early.

use super::*;

/// Cuts `stream` at every length: refused, or, from the first SOT segment on, kept in part.
pub(crate) fn check_cuts(format: Format, stream: &[u8]) {
    let codec = format.codec();
    let (whole, _, _) = decoded(format, stream, &Decoding::default()).expect("decoded");
    let keep = Decoding { missing: Missing::Keep, ..threads(2) };
    let mut kept = 0;
    for length in 0..stream.len() {
        let part = &stream[..length];
        match decoded(format, part, &Decoding::default()) {
            Err(CodecError::BreaksOff(_) | CodecError::Other(_)) => {}
            other => panic!("cut at {length} of {}: {other:?}", stream.len()),
        }
        match codec.inspect(part, &whole.shape) {
            Ok(header) => {
                assert_eq!(header, whole);
                let (_, _, extent) =
                    decoded(format, part, &keep).unwrap_or_else(|e| panic!("cut at {length} of {}: {e}", stream.len()));
                assert_eq!(extent, Extent::Part);
                kept += 1;
            }
            Err(CodecError::BreaksOff(_) | CodecError::Other(_)) => assert_eq!(kept, 0),
            Err(other) => panic!("cut at {length}: {other}"),
        }
    }
    let sot = stream.windows(4).position(|w| w == [0xFF, 0x90, 0, 10]).expect("SOT");
    assert_eq!(kept, stream.len() - (sot + 12));
}

#[test]
fn anywhere() {
    for (shape, how) in [
        (Shape::grey(40, 50, 12), Encoding::Lossless),
        (Shape { components: 3, ..Shape::grey(33, 35, 8) }, Encoding::Lossy(4)),
    ] {
        let samples = samples(&shape, Content::Ramp, 3);
        let stream = Jpeg2000.encode(&Frame { shape, samples: &samples }, &how).expect("encoded");
        check_cuts(Format::Jpeg2000, &stream);
    }
    for name in ["tile_parts.j2k", "pcrl_tiles.j2k", "irreversible_layers.j2k", "rpcl_precincts.j2k"] {
        check_cuts(Format::Jpeg2000, &streams::stream(name));
    }
}

#[test]
fn resolutions_that_came_whole() {
    // Tile-parts by resolution: what came first is the whole frame, blurred.
    for (format, name) in [(Format::Jpeg2000, "tile_parts.j2k"), (Format::Htj2k, "ht_tile_parts.j2c")] {
        let stream = streams::stream(name);
        let last = stream.windows(4).rposition(|w| w == [0xFF, 0x90, 0, 10]).expect("SOT");
        let keep = Decoding { missing: Missing::Keep, ..Decoding::default() };
        let (_, whole, _) = decoded(format, &stream, &keep).expect("decoded");
        let (_, part, extent) = decoded(format, &stream[..last + 20], &keep).expect("kept");
        assert_eq!(extent, Extent::Part);
        assert!(part != whole && part.iter().any(|sample| *sample > 0), "{name}");
    }
}

#[test]
fn what_came_is_right() {
    // Resolution by resolution, with code-blocks one after the other: what lacks is detail, or some blocks of it.
    let shape = Shape::grey(200, 200, 12);
    let noise = samples(&shape, Content::Noise, 1);
    let stream = Jpeg2000.encode(&Frame { shape, samples: &noise }, &Encoding::Lossless).expect("encoded");
    let keep = Decoding { missing: Missing::Keep, ..Decoding::default() };
    let wrong = |length: usize| {
        let (_, back, _) = decoded(Format::Jpeg2000, &stream[..length], &keep).expect("kept");
        back.iter().zip(&noise).filter(|(a, b)| a != b).count()
    };
    // The last block is of 36 by 36 coefficients, each of which tells on some 3 by 3 samples twice as dense.
    let [eighth, last_block, all] = [stream.len() / 8, stream.len() - 3, stream.len() - 2].map(wrong);
    assert!(eighth > 39_000, "{eighth}");
    assert!((1..=80 * 80).contains(&last_block), "{last_block}");
    assert_eq!(all, 0);
}

#[test]
fn padding_behind_the_end_is_no_cut() {
    for (format, name) in [(Format::Jpeg2000, "block_styles.j2k"), (Format::Htj2k, "ht_lrcp.j2c")] {
        let mut stream = streams::stream(name);
        let (_, expected, _) = decoded(format, &stream, &Decoding::default()).expect("decoded");
        for _ in 0..3 {
            stream.push(0);
            let (_, back, extent) = decoded(format, &stream, &Decoding::default()).expect("decoded");
            assert!((back, extent) == (expected.clone(), Extent::Whole));
        }
        // Psot of 0: up to the end.
        let at = stream.windows(4).position(|w| w == [0xFF, 0x90, 0, 10]).expect("SOT");
        stream[at + 6..at + 10].fill(0);
        let (_, back, extent) = decoded(format, &stream, &Decoding::default()).expect("decoded");
        assert!((back, extent) == (expected, Extent::Whole));
        let cut = &stream[..stream.len() - 4];
        let refused = decoded(format, cut, &Decoding::default()).expect_err("refused");
        assert_eq!(refused, CodecError::BreaksOff("before its end marker"));
    }
}
