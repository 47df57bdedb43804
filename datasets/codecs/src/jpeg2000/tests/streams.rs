//! Streams that other encoders made of [`samples`] with seed 7: progressions, tiles, precincts, layers, tile-parts.
//!
//! Made with opj_compress 2.5.0 (`.j2k`), ojph_compress 0.9 and imagecodecs 2026 with OpenJPH 0.26.3 (`.j2c`). The options:
//!
//! ```text
//! rlcp_layers              -p RLCP -r 20,10,4,1 -n 4
//! rpcl_precincts           -p RPCL -c [32,32],[16,16] -b 16,16 -n 4 -SOP -EPH
//! pcrl_tiles               -p PCRL -t 32,24 -n 3
//! cprl_colour              -p CPRL -n 5 -c [64,64]
//! block_styles             -M 63 -n 5
//! tile_parts               -p RLCP -TP R -t 64,64 -n 4 -PLT
//! offset                   -d 13,7 -T 5,3 -t 40,40 -n 3
//! irreversible_layers      -I -r 8,4,2 -n 6
//! irreversible_colour      -I -q 30,45 -n 4 -t 32,32
//! order_changes            -n 4 -POC T1=0,0,1,2,1,RLCP/T1=2,0,1,4,1,CPRL
//! ht_lrcp                  -reversible true -prog_order LRCP
//! ht_rpcl_precincts        -reversible true -prog_order RPCL -num_decomps 3 -precincts {32,32},{16,16} -block_size {16,16}
//! ht_cprl_tiles            -reversible true -prog_order CPRL -tile_size {32,24} -num_decomps 2
//! ht_pcrl_colour           -reversible true -prog_order PCRL -num_decomps 4
//! ht_irreversible          -qstep 0.0001 -num_decomps 5
//! ht_irreversible_colour   -qstep 0.001 -num_decomps 3
//! ht_tile_parts            htj2k_encode(reversible=True, tile=(64, 64), tilepart=1, resolutions=4)
//! ht_16_bits and the rest  htj2k_encode(reversible=True)
//! ```

use super::*;

pub(crate) struct Case {
    pub(crate) name: &'static str,
    shape: Shape,
    content: Content,
    /// The largest difference; 0 for what is reversible.
    apart: u16,
    reductions: u8,
}

const fn case(name: &'static str, shape: Shape, content: Content, apart: u16, reductions: u8) -> Case {
    Case { name, shape, content, apart, reductions }
}

const fn shape(rows: usize, columns: usize, components: usize, precision: u16, signed: bool) -> Shape {
    Shape { rows, columns, components, precision, signed }
}

const RAMP: Shape = shape(70, 90, 1, 12, false);
const NOISE: Shape = shape(40, 50, 1, 12, false);
const COLOUR: Shape = shape(40, 50, 3, 8, false);

pub(crate) const JPEG2000: &[Case] = &[
    case("rlcp_layers.j2k", RAMP, Content::Ramp, 0, 3),
    case("rpcl_precincts.j2k", RAMP, Content::Ramp, 0, 3),
    case("pcrl_tiles.j2k", RAMP, Content::Ramp, 0, 2),
    case("cprl_colour.j2k", COLOUR, Content::Ramp, 0, 4),
    case("block_styles.j2k", NOISE, Content::Noise, 0, 4),
    case("tile_parts.j2k", RAMP, Content::Ramp, 0, 3),
    // Columns 13 to 103, halved twice: 4 to 26, one less than of 90.
    case("offset.j2k", RAMP, Content::Ramp, 0, 1),
    case("order_changes.j2k", NOISE, Content::Noise, 0, 3),
    case("irreversible_layers.j2k", RAMP, Content::Ramp, 2, 5),
    case("irreversible_colour.j2k", COLOUR, Content::Ramp, 8, 3),
];

pub(crate) const HTJ2K: &[Case] = &[
    case("ht_lrcp.j2c", NOISE, Content::Noise, 0, 5),
    case("ht_rpcl_precincts.j2c", RAMP, Content::Ramp, 0, 3),
    case("ht_cprl_tiles.j2c", RAMP, Content::Ramp, 0, 2),
    case("ht_pcrl_colour.j2c", COLOUR, Content::Ramp, 0, 4),
    case("ht_tile_parts.j2c", shape(70, 90, 1, 16, false), Content::Ramp, 0, 4),
    case("ht_16_bits.j2c", shape(40, 50, 1, 16, false), Content::Noise, 0, 5),
    case("ht_signed.j2c", shape(40, 50, 1, 16, true), Content::Noise, 0, 5),
    case("ht_16_bits_colour.j2c", shape(40, 50, 3, 16, false), Content::Noise, 0, 5),
    case("ht_1_row.j2c", shape(1, 300, 1, 16, false), Content::Noise, 0, 5),
    case("ht_1_sample.j2c", shape(1, 1, 1, 16, false), Content::Noise, 0, 5),
    case("ht_irreversible.j2c", RAMP, Content::Ramp, 2, 5),
    case("ht_irreversible_colour.j2c", COLOUR, Content::Ramp, 2, 3),
];

pub(crate) fn stream(name: &str) -> Vec<u8> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/jpeg2000/tests/streams/");
    std::fs::read(format!("{folder}{name}")).expect(name)
}

fn check(format: Format, case: &Case) {
    let Case { name, shape, content, apart, reductions } = *case;
    let stream = stream(name);
    let expected = samples(&shape, content, 7);
    let header = Header { format, shape, lossy: apart > 0, reductions };
    let mut first = None;
    for count in [1, 2, 7] {
        let (said, back, extent) = decoded(format, &stream, &threads(count)).expect(name);
        assert_eq!((said, extent), (header, Extent::Whole), "{name}");
        let furthest = back.iter().zip(&expected).map(|(a, b)| a.abs_diff(*b)).max();
        assert!(furthest <= Some(apart), "{name}: {furthest:?}");
        assert!(*first.get_or_insert_with(|| back.clone()) == back, "{name} with {count} threads");
    }
    for reduce in 1..=reductions {
        let how = Decoding { reduce, ..threads(2) };
        let (_, back, extent) = decoded(format, &stream, &how).expect(name);
        assert_eq!((back.len(), extent), (shape.reduced(reduce).samples().expect("small"), Extent::Whole), "{name}");
    }
}

#[test]
fn of_other_encoders() {
    for case in JPEG2000 {
        check(Format::Jpeg2000, case);
    }
    for case in HTJ2K {
        check(Format::Htj2k, case);
    }
}

#[test]
fn by_a_second_decoder() {
    for case in JPEG2000 {
        let stream = stream(case.name);
        let (_, back, _) = decoded(Format::Jpeg2000, &stream, &threads(2)).expect(case.name);
        let apart = back.iter().zip(by_hayro(&stream, &case.shape)).map(|(a, b)| a.abs_diff(b)).max();
        assert!(apart <= Some(u16::from(case.apart > 0)), "{}: {apart:?}", case.name);
    }
}
