//! Which bytes are which frame's: offset tables that are right, wrong or absent, and fragments of every kind.

use uvid_exam::{Window, WindowFunction};

use super::super::Missing;
use super::super::frame::{Form, FrameError};
use super::*;

/// The plain image's file with this encapsulated Pixel Data (7FE0,0010), written by hand.
#[derive(Clone)]
struct Coded {
    number_of_frames: Option<&'static str>,
    table: Vec<u32>,
    /// Extended Offset Table (7FE0,0001) and its Lengths (7FE0,0002).
    extended: Option<(Vec<u64>, Vec<u64>)>,
    fragments: Vec<Vec<u8>>,
    delimiter: bool,
}

/// What a JPEG-LS stream begins and ends with.
const START: [u8; 4] = [0xFF, 0xD8, 0xFF, 0xF7];
const END: [u8; 2] = [0xFF, 0xD9];

/// A stream that is told from others by `name`.
fn whole(name: u8) -> Vec<u8> {
    [&START[..], &[name; 2], &END].concat()
}

/// The same in two parts.
fn parts(name: u8) -> [Vec<u8>; 2] {
    [[&START[..], &[name; 2]].concat(), [&[name; 2], &END[..]].concat()]
}

impl Coded {
    fn new(number_of_frames: &'static str, fragments: Vec<Vec<u8>>) -> Self {
        let number_of_frames = Some(number_of_frames).filter(|text| !text.is_empty());
        Self { number_of_frames, table: vec![], extended: None, fragments, delimiter: true }
    }

    fn table(self, table: &[u32]) -> Self {
        Self { table: table.to_vec(), ..self }
    }

    fn extended(self, offsets: &[u64], lengths: &[u64]) -> Self {
        Self { extended: Some((offsets.to_vec(), lengths.to_vec())), ..self }
    }

    fn bytes(&self) -> Vec<u8> {
        let mut o = plain();
        o.remove_element(tags::PIXEL_DATA);
        if let Some(number) = self.number_of_frames {
            text(&mut o, tags::NUMBER_OF_FRAMES, VR::IS, number);
        }
        let mut bytes = file(&o, uids::JPEGLS_LOSSLESS);
        let words = |words: &[u64]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>();
        let element = |element: u16, vr: &[u8; 2], length: u32| {
            [&[0xE0, 0x7F][..], &element.to_le_bytes(), vr, &[0, 0], &length.to_le_bytes()].concat()
        };
        if let Some((offsets, lengths)) = &self.extended {
            for (number, values) in [(1, offsets), (2, lengths)] {
                bytes.extend(element(number, b"OV", values.len() as u32 * 8));
                bytes.extend(words(values));
            }
        }
        bytes.extend(element(0x10, b"OB", u32::MAX));
        let table = self.table.iter().flat_map(|offset| offset.to_le_bytes()).collect();
        for item in std::iter::once(&table).chain(&self.fragments) {
            bytes.extend([0xFE, 0xFF, 0x00, 0xE0]);
            bytes.extend((item.len() as u32).to_le_bytes());
            bytes.extend(item);
        }
        if self.delimiter {
            bytes.extend([0xFE, 0xFF, 0xDD, 0xE0, 0, 0, 0, 0]);
        }
        bytes
    }

    /// Every frame's bytes, or what is said instead.
    fn frames(&self) -> Result<Vec<Vec<u8>>, String> {
        let bytes = self.bytes();
        let mut object = Object::of(&bytes, &Limits::default()).expect("readable");
        (1..=object.frames())
            .map(|n| object.frame(n, Form::Stored))
            .collect::<Result<_, FrameError>>()
            .map_err(|e| e.to_string())
    }

    /// What is noted when its only frame is decoded.
    fn notes(&self) -> Vec<String> {
        match read(&self.bytes(), &Limits::default()).expect("readable").content {
            Content::Listed(listed) => listed.notes,
            Content::Mammogram(image) => image.notes,
        }
    }
}

#[test]
fn offset_tables() {
    let check = |coded: Coded, expected: &[&[u8]]| {
        let expected: Vec<Vec<u8>> = expected.iter().map(|frame| frame.to_vec()).collect();
        assert_eq!(coded.frames(), Ok(expected));
    };
    let (one, two) = (whole(1), whole(2));
    let [a, b] = parts(3);
    let long = [&a[..], &b].concat();
    // Each fragment is 8 bytes, behind a head of 8.
    let three = || Coded::new("2", vec![one.clone(), a.clone(), b.clone()]);
    check(three().table(&[0, 16]), &[&one, &long]);
    check(three().extended(&[0, 16], &[8, 12]), &[&one, &long]);
    // No more than a byte of padding.
    check(three().extended(&[0, 16], &[8, 11]), &[&one, &long]);
    // A table counts before the code streams, which would not do here.
    let plain = || Coded::new("2", vec![vec![1; 4], vec![2; 4], vec![3; 4]]);
    check(plain().table(&[0, 24]), &[&[1, 1, 1, 1, 2, 2, 2, 2], &[3; 4]]);
    check(plain().extended(&[0, 12], &[4, 8]), &[&[1; 4], &[2, 2, 2, 2, 3, 3, 3, 3]]);
    // Tables that are wrong: out of order, not where a fragment begins, too few or too many, not from the first.
    for wrong in
        [&[16, 0][..], &[0, 17], &[0, 15], &[0, 1 << 30], &[0], &[0, 16, 30], &[16, 30], &[0, 0], &[u32::MAX; 2]]
    {
        check(three().table(wrong), &[&one, &long]);
        let nothing = "PixelData (7FE0,0010) has fragments that nothing assigns to frames: no offset table, another \
                       number, no certain beginnings";
        assert_eq!(plain().table(wrong).frames(), Err(nothing.to_owned()), "{wrong:?}");
        let wide: Vec<u64> = wrong.iter().map(|offset| u64::from(*offset)).collect();
        check(three().extended(&wide, &[8, 12]), &[&one, &long]);
        assert_eq!(plain().extended(&wide, &[4, 8]).frames(), Err(nothing.to_owned()), "{wrong:?}");
    }
    for lengths in [&[][..], &[4], &[4, 9], &[3, 6], &[u64::MAX, 8]] {
        assert!(plain().extended(&[0, 12], lengths).frames().is_err(), "{lengths:?}");
    }
    // Two that say the same, or not; the code streams may tell which is right.
    check(plain().table(&[0, 24]).extended(&[0, 24], &[8, 4]), &[&[1, 1, 1, 1, 2, 2, 2, 2], &[3; 4]]);
    assert!(plain().table(&[0, 24]).extended(&[0, 12], &[4, 8]).frames().is_err());
    check(three().table(&[0, 30]).extended(&[0, 16], &[8, 10]), &[&one, &long]);
    check(three().table(&[0, 16]).extended(&[0, 30], &[14, 4]), &[&one, &long]);
    // The Extended Offset Table where the Basic one is wrong.
    check(plain().table(&[0, 5]).extended(&[0, 12], &[4, 8]), &[&[1; 4], &[2, 2, 2, 2, 3, 3, 3, 3]]);
    check(Coded::new("2", vec![one.clone(), two.clone()]).table(&[7, 9]), &[&one, &two]);
}

/// Frames of two fragments each, and where each fragment begins.
fn halves(streams: &[Vec<u8>]) -> (Vec<Vec<u8>>, Vec<u32>) {
    let fragments: Vec<Vec<u8>> = streams
        .iter()
        .flat_map(|stream| {
            let (a, b) = stream.split_at(stream.len() / 4 * 2);
            [a.to_vec(), b.to_vec()]
        })
        .collect();
    let at = |n: usize| fragments[..n].iter().map(|fragment| 8 + fragment.len() as u32).sum();
    let offsets = (0..fragments.len()).map(at).collect();
    (fragments, offsets)
}

#[test]
fn a_table_that_the_code_streams_contradict() {
    let streams: Vec<Vec<u8>> = (1..=3).map(whole).collect();
    let (fragments, at) = halves(&streams);
    let check = |fragments: &[Vec<u8>], offsets: &[usize], expected: Option<&[Vec<u8>]>| {
        let offsets: Vec<u32> = offsets.iter().map(|n| at[*n]).collect();
        let coded = Coded::new("3", fragments.to_vec());
        let wide: Vec<u64> = offsets.iter().map(|offset| u64::from(*offset)).collect();
        let ends = wide.iter().skip(1).copied().chain([u64::from(at[5]) + 8 + fragments[5].len() as u64]);
        let starts = wide.iter().map(|n| at.iter().position(|at| u64::from(*at) == *n).expect("a fragment"));
        let last = starts.clone().skip(1).chain([6]);
        let heads = starts.zip(last).map(|(from, to)| 8 * (to - from) as u64);
        let lengths: Vec<u64> = wide.iter().zip(ends).zip(heads).map(|((from, to), heads)| to - from - heads).collect();
        for coded in [coded.clone().table(&offsets), coded.extended(&wide, &lengths)] {
            assert_eq!(coded.frames().ok().as_deref(), expected, "{offsets:?}");
        }
    };
    check(&fragments, &[0, 2, 4], Some(&streams));
    // The streams themselves say where they begin.
    check(&fragments, &[0, 1, 2], Some(&streams));
    check(&fragments, &[0, 2, 3], Some(&streams));
    check(&fragments, &[0, 4, 5], Some(&streams));
    // They do no more where one has no end, and a frame still begins with one.
    let mut cut = fragments.clone();
    cut[1] = vec![7; 4];
    let first = [&cut[0][..], &cut[1]].concat();
    check(&cut, &[0, 2, 4], Some(&[first, streams[1].clone(), streams[2].clone()]));
    check(&cut, &[0, 1, 2], None);
    check(&cut, &[0, 4, 5], None);
    // Four streams are not three frames.
    let four: Vec<Vec<u8>> = (1..=4).map(whole).collect();
    let ends: Vec<u32> = vec![0, 16, 32];
    assert!(Coded::new("3", four).table(&ends).frames().is_err());
}

#[test]
fn no_offset_table() {
    let check = |number: &'static str, fragments: &[&[u8]], expected: Result<&[&[u8]], &str>| {
        let coded = Coded::new(number, fragments.iter().map(|f| f.to_vec()).collect());
        for coded in [Coded { delimiter: false, ..coded.clone() }, coded] {
            let expected = expected.map(|frames| frames.iter().map(|f| f.to_vec()).collect::<Vec<_>>());
            match (coded.frames(), expected) {
                (Err(said), Err(expected)) => assert!(said.contains(expected), "{said}"),
                (found, expected) => assert_eq!(found, expected.map_err(str::to_owned), "{number} {fragments:?}"),
            }
        }
    };
    let (one, two) = (&whole(1)[..], &whole(2)[..]);
    let [a, b] = &parts(3);
    let [c, d] = &parts(4);
    let (long, longer) = (&[&a[..], b].concat()[..], &[&c[..], d].concat()[..]);
    const NOTHING: &str = "nothing assigns to frames";
    check("2", &[one, two], Ok(&[one, two]));
    check("2", &[b"ab", b"cd"], Ok(&[b"ab", b"cd"]));
    // Empty fragments do not count where that helps, and an odd one needs no padding.
    check("2", &[b"", b"ab", b"", b"cde"], Ok(&[b"ab", b"cde"]));
    check("2", &[b"ab", b""], Ok(&[b"ab", b""]));
    // By code streams: starts, each behind an end, which a zero may pad.
    check("2", &[a, b, c, d], Ok(&[long, longer]));
    check("2", &[a, b, b"", c, d], Ok(&[&[&a[..], b].concat(), longer]));
    let padded = &[&b[..], &[0]].concat()[..];
    check("2", &[a, padded, c, d], Ok(&[&[&a[..], padded].concat(), longer]));
    check("2", &[a, a, c, d], Err(NOTHING));
    check("2", &[b, a, b, one], Err(NOTHING));
    check("3", &[a, b, c, d], Err(NOTHING));
    check("2", &[b"ab", b"cd", b"ef"], Err(NOTHING));
    check("2", &[long], Err(NOTHING));
    check("2", &[], Err(NOTHING));
    // One frame is all fragments, however many, unless they are evidently several.
    for number in ["", "0", "1", "-3", "many", "1.5"] {
        check(number, &[one], Ok(&[one]));
        check(number, &[a, b], Ok(&[long]));
        check(number, &[a, b"", b], Ok(&[long]));
        check(number, &[b"ab", b"cd", b"ef"], Ok(&[b"abcdef"]));
        check(number, &[], Ok(&[b""]));
        let several = "holds several code streams where Number of Frames (0028,0008) is 1";
        check(number, &[one, two], Err(several));
        check(number, &[a, one], Err(several));
        // Whatever a table says.
        let coded = Coded::new(number, vec![one.to_vec(), two.to_vec()]);
        for coded in [coded.clone().table(&[0]), coded.extended(&[0], &[16])] {
            assert!(coded.frames().is_err_and(|said| said.contains(several)));
        }
    }
}

#[test]
fn a_table_that_is_not_used_is_noted() {
    let noted = |coded: Coded| coded.notes().join("; ");
    let one = || Coded::new("1", parts(1).to_vec());
    assert_eq!(noted(one()), "");
    assert_eq!(noted(one().table(&[0])), "");
    assert_eq!(noted(one().table(&[0, 14])), "the Basic Offset Table does not fit the fragments and is not used");
    assert_eq!(noted(one().table(&[4])), "the Basic Offset Table does not fit the fragments and is not used");
    let extended = "Extended Offset Table (7FE0,0001) does not fit the fragments and is not used";
    assert_eq!(noted(one().extended(&[2], &[10])), extended);
    assert_eq!(noted(one().extended(&[0], &[10])), "");
}

#[test]
fn fragments_are_bounded() {
    let bytes = Coded::new("1", vec![vec![0; 10]; 5]).bytes();
    let check = |limits: Limits, expected: &str| {
        let mut object = Object::of(&bytes, &limits).expect("readable");
        let said = object.frame(1, Form::Stored).expect_err("too many").to_string();
        assert_eq!(said, expected);
    };
    check(Limits { fragments_max: 4, ..Limits::default() }, "PixelData (7FE0,0010) asks for 5, 4 are allowed");
    check(Limits { frame_bytes_max: 49, ..Limits::default() }, "PixelData (7FE0,0010) asks for 50, 49 are allowed");
}

#[test]
fn pixels_that_are_there_twice() {
    let pixels = |bytes: &[u8]| {
        let head = [&[0xE0, 0x7F, 0x10, 0, b'O', b'W', 0, 0][..], &(bytes.len() as u32).to_le_bytes()].concat();
        [&head, bytes].concat()
    };
    let own: Vec<u8> = (0..ROWS).flat_map(|r| (0..COLUMNS).flat_map(move |c| stored_at(r, c).to_le_bytes())).collect();
    let said = |more: &[&[u8]]| {
        let bytes = [&explicit(&plain())[..], &more.concat()].concat();
        match read(&bytes, &Limits::default()) {
            Ok(Received { content: Content::Mammogram(image), .. }) => image.notes.join("; "),
            Ok(other) => panic!("{other:?}"),
            Err(error) => error.to_string(),
        }
    };
    let different = "PixelData (7FE0,0010) occurs twice with different values";
    assert_eq!(said(&[]), "");
    assert_eq!(said(&[&pixels(&own)]), "PixelData (7FE0,0010) occurs twice with the same value");
    assert_eq!(said(&[&pixels(&own), &pixels(&own)]), "PixelData (7FE0,0010) occurs twice with the same value");
    assert_eq!(said(&[&pixels(&own[2..])]), different);
    assert_eq!(said(&[&pixels(&[&own[..own.len() - 1], &[9]].concat())]), different);
    // What comes behind counts, and an offset in it is one in the file.
    let at = explicit(&plain()).len();
    let broken = [&[0x10, 0, 0x10, 0][..], b"PN", &[200, 0], b"x"].concat();
    let expected =
        format!("the data set is broken at byte {}, in PatientName (0010,0010): a length runs past the end", at + 8);
    assert_eq!(said(&[&broken]), expected);
    let side = [&[0x20, 0, 0x62, 0][..], b"CS", &[2, 0], b"R "].concat();
    assert_eq!(said(&[&side]), "ImageLaterality (0020,0062) occurs twice with different values");
}

/// A picture of what is there of a mammogram is as bright as that of all of it, whatever says which values are bright.
#[test]
fn a_picture_has_the_polarity_of_the_mammogram() {
    let asked = Window::Function { center: 1900.0, width: 3000.0, function: WindowFunction::Linear, explanation: None };
    let check = |photometric: &str, shape: &str, slope: &str, windowed: bool, window: Option<&Window>| {
        let case = format!("{photometric} {shape} {slope} {windowed} {}", window.is_some());
        let mut o = plain();
        text(&mut o, tags::PHOTOMETRIC_INTERPRETATION, VR::CS, photometric);
        text(&mut o, tags::RESCALE_SLOPE, VR::DS, slope);
        text(&mut o, tags::RESCALE_INTERCEPT, VR::DS, if slope == "-1" { "4095" } else { "0" });
        if !shape.is_empty() {
            text(&mut o, tags::PRESENTATION_LUT_SHAPE, VR::CS, shape);
        }
        if windowed {
            text(&mut o, tags::WINDOW_CENTER, VR::DS, "1500");
            text(&mut o, tags::WINDOW_WIDTH, VR::DS, "2500");
        }
        let Content::Mammogram(mut image) = received(&o).content else { panic!("{case}: no mammogram") };
        image.windows.splice(0..0, window.cloned());
        let whole = super::super::voi::display(&image, (!image.windows.is_empty()).then_some(0));
        assert!(whole[0] != whole[COLUMNS - 1], "{case}: it tells bright from dark");
        let half: Vec<u16> = (0..ROWS / 2).flat_map(|r| (0..COLUMNS).map(move |c| stored_at(r, c))).collect();
        let there = half.len();
        let all = Object::of(&explicit(&o), &Limits::default()).expect("opened").picture(1, window, Missing::Refuse);
        o.put(DataElement::new(tags::PIXEL_DATA, VR::OW, PrimitiveValue::U16(half.into())));
        let part = Object::of(&explicit(&o), &Limits::default()).expect("opened").picture(1, window, Missing::Keep);
        let (all, part) = (all.expect("a picture"), part.expect("a picture"));
        assert!(all.bytes == whole && !part.whole, "{case}: {:?} {:?}", all.bytes, whole);
        // Without a window, the largest value that there is counts, and the half has not quite that of all.
        let near = part.bytes[..there].iter().zip(&whole).all(|(a, b)| a.abs_diff(*b) <= 1);
        assert!(near, "{case}: {:?} {:?}", &part.bytes[..COLUMNS], &whole[..COLUMNS]);
    };
    for (photometric, shape) in
        [("MONOCHROME1", ""), ("MONOCHROME1", "INVERSE"), ("MONOCHROME2", ""), ("MONOCHROME2", "INVERSE")]
    {
        for slope in ["1", "-1"] {
            for windowed in [false, true] {
                check(photometric, shape, slope, windowed, None);
                check(photometric, shape, slope, windowed, Some(&asked));
            }
        }
    }
}
