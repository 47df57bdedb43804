//! Streams of OpenJPH, cut, changed and reduced.

use super::*;
use crate::jpeg2000::tests::cut::check_cuts;
use crate::jpeg2000::tests::hostile::check_mutations;
use crate::jpeg2000::tests::streams::{HTJ2K, stream};
use crate::jpeg2000::tests::{decoded, threads};
use crate::{Encoding, Frame};

#[test]
fn cut_anywhere() {
    for name in ["ht_rpcl_precincts.j2c", "ht_tile_parts.j2c", "ht_1_row.j2c"] {
        check_cuts(Format::Htj2k, &stream(name));
    }
}

#[test]
fn changed_bytes() {
    let streams: Vec<Vec<u8>> = HTJ2K.iter().map(|case| stream(case.name)).collect();
    check_mutations(Format::Htj2k, &streams);
}

#[test]
fn neither_is_the_other() {
    let shape = Shape::grey(9, 9, 8);
    let frame = Frame { shape, samples: &[7; 81] };
    let plain = Format::Jpeg2000.codec().encode(&frame, &Encoding::Lossless).expect("encoded");
    for (other, stream) in [(Format::Htj2k, plain), (Format::Jpeg2000, stream("ht_1_sample.j2c"))] {
        let refused = other.codec().inspect(&stream, &shape);
        assert_eq!(refused, Err(CodecError::Other(other.codec().name())));
    }
    assert_eq!(Htj2k.encode(&frame, &Encoding::Lossless), Err(CodecError::NoEncoder));
}

/// Illegal bytes anywhere are refused, or not, for any number of threads.
#[test]
fn threads_agree() {
    let mut refused = 0;
    for name in ["ht_rpcl_precincts.j2c", "ht_1_row.j2c", "ht_1_sample.j2c", "ht_cprl_tiles.j2c"] {
        let whole = stream(name);
        for at in 100..whole.len() - 3 {
            let mut stream = whole.clone();
            stream[at..at + 2].fill(0xFF);
            let result = |count| decoded(Format::Htj2k, &stream, &threads(count)).map_err(|_| ());
            let (one, many) = (result(1), result(5));
            refused += usize::from(one.is_err());
            assert!(one == many, "{name} at {at}");
        }
    }
    assert!(refused > 100, "{refused}");
}
