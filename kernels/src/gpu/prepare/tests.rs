//! Every kernel against the host's loops, on a device.

mod made;

use proptest::prelude::*;

use self::made::{air, around, axis, four, margins, noise, source};
use super::gather::Gather;
use super::*;
use crate::device::{Buffer, Device, Stream};

/// An open device with its kernels.
struct Bench {
    device: Arc<Device>,
    stream: Stream,
    kernels: Kernels,
}

impl Bench {
    /// `None` where there is no device.
    fn open() -> Option<Self> {
        uvid_cuda_simulator::load_unless_real();
        if let Err(none) = crate::gpus() {
            eprintln!("skipped: {none}");
            return None;
        }
        let device = Device::open(0).expect("opens");
        let (stream, kernels) = (device.stream().expect("stream"), Kernels::of(&device).expect("kernels"));
        Some(Self { device, stream, kernels })
    }

    /// Device memory full of NaN.
    fn poisoned(&self, bytes: usize) -> Buffer {
        let buffer = self.device.allocate(bytes).expect("memory");
        // SAFETY: it lives until the stream was waited for.
        unsafe { self.stream.fill(buffer.address(), 0xFF, bytes).expect("fills") };
        buffer
    }

    fn read(&self, buffer: &Buffer) -> Vec<f32> {
        let mut pinned = self.device.pinned(buffer.bytes()).expect("memory");
        // SAFETY: both live until the stream was waited for.
        unsafe { self.stream.download(buffer.address(), &mut pinned, 0, buffer.bytes()).expect("downloads") };
        self.stream.wait().expect("waits");
        pinned.bytes().chunks_exact(4).map(|b| f32::from_ne_bytes([b[0], b[1], b[2], b[3]])).collect()
    }

    /// What the device makes of it; twice, with staging memory that begins elsewhere.
    fn run(&self, preparation: &Preparation) -> Vec<f32> {
        let [channels, rows, columns] = preparation.shape();
        let run = |at: usize| {
            let out = self.poisoned(4 * channels * rows * columns);
            let scratch = self.poisoned(preparation.scratch_bytes());
            let mut staging = self.device.pinned(at + preparation.staging_bytes()).expect("memory");
            // SAFETY: all of it lives until `read` has waited.
            unsafe {
                let (to, scratch) = (out.address(), scratch.address());
                preparation.enqueue(&self.kernels, &self.stream, (&mut staging, at), to, scratch).expect("enqueues");
            }
            self.read(&out)
        };
        let (first, second) = (run(0), run(512));
        assert_eq!(bits(&first), bits(&second), "not the same from run to run");
        first
    }
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|v| v.to_bits()).collect()
}

fn check(bench: &Bench, preparation: &Preparation) {
    let (found, expected) = (bench.run(preparation), preparation.on_host());
    assert_eq!(found.len(), expected.len());
    match &preparation.steps {
        Steps::Cubic { air, frame, rows, columns } => {
            let values = host::cubic(&host::framed(&preparation.source, *air, *frame), rows, columns);
            check_within_a_place(&found, &expected, host::moments_of_fractions(&values));
        }
        Steps::Window { .. } | Steps::Triangle { .. } | Steps::Canvas { .. } => {
            let off = bits(&found).iter().zip(bits(&expected)).position(|(f, e)| *f != e);
            let off = off.map(|at| (at, found[at], expected[at]));
            assert_eq!(off, None, "place, found, expected; {preparation:?}");
        }
    }
}

/// `(y - mean) / deviation`, where each of these may be off by a unit in its last place: what that, and rounding, can do.
fn check_within_a_place(found: &[f32], expected: &[f32], (mean, deviation): (f32, f32)) {
    let allowed = |v: f32| (mean.abs() / deviation + 4.0 * v.abs()) * f32::EPSILON;
    let within = |(f, e): (&f32, &f32)| (f - e).abs() <= allowed(*e);
    let off = found.iter().zip(expected).position(|pair| !within(pair));
    assert_eq!(off.map(|at| (at, found[at], expected[at])), None, "place, found, expected");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn windows_are_the_hosts(source in source(), air in air(), margins in margins()) {
        let Some(bench) = Bench::open() else { return Ok(()) };
        let frame = around([source.rows(), source.columns()], margins);
        check(&bench, &Preparation::new(source, Steps::Window { air, frame }).expect("sound"));
    }

    #[test]
    fn windows_at_random_places_are_the_hosts(
        source in source(), air in air(), margins in margins(), rows in 1usize..50, columns in 1usize..50, seed in any::<u64>(),
    ) {
        let Some(bench) = Bench::open() else { return Ok(()) };
        let frame = around([source.rows(), source.columns()], margins);
        let (rows, columns) = (four(frame.size[0], rows, seed), four(frame.size[1], columns, !seed));
        check(&bench, &Preparation::new(source, Steps::Cubic { air, frame, rows, columns }).expect("sound"));
    }

    #[test]
    fn triangles_are_the_hosts(
        source in source(), rows in 1usize..50, columns in 1usize..50, seed in any::<u64>(), mean in -1e4f32..1e4,
        deviation in 1f32..1e4,
    ) {
        let Some(bench) = Bench::open() else { return Ok(()) };
        let (rows, columns) = (axis(source.rows(), rows, seed, true), axis(source.columns(), columns, !seed, true));
        let curve = noise(1 << 16, seed ^ 1).collect();
        let steps = Steps::Triangle { curve, rows, columns, mean, deviation };
        check(&bench, &Preparation::new(source, steps).expect("sound"));
    }

    #[test]
    fn canvases_are_the_hosts(
        source in source(), rows in 1usize..50, columns in 1usize..50, seed in any::<u64>(), margins in margins(),
        rows_first in any::<bool>(), white in prop_oneof![Just(1.0), Just(255.0), Just(1e9)], truncate in any::<bool>(),
        channels in prop::collection::vec((-1e3f32..1e3, 0.1f32..1e3), 1..=CHANNELS_MAX),
    ) {
        let Some(bench) = Bench::open() else { return Ok(()) };
        let frame = around([rows, columns], margins);
        let (rows, columns) = (axis(source.rows(), rows, seed, false), axis(source.columns(), columns, !seed, false));
        let curve = noise(1 << 16, seed ^ 1).map(|v| f32::from(v) / 65535.0).collect();
        let filter = if rows_first { Filter::RowsFirst } else { Filter::ColumnsFirst };
        let steps = Steps::Canvas { curve, filter, rows, columns, frame, white, truncate, channels };
        check(&bench, &Preparation::new(source, steps).expect("sound"));
    }

    #[test]
    fn patches_are_copies(
        rows in 1usize..60, columns in 1usize..60, size in 1usize..60,
        places in prop::collection::vec(any::<[prop::sample::Index; 2]>(), 0..70),
    ) {
        let Some(bench) = Bench::open() else { return Ok(()) };
        let (rows, columns) = (rows.max(size), columns.max(size));
        let places: Vec<_> =
            places.iter().map(|[r, c]| (r.index(rows - size + 1), c.index(columns - size + 1))).collect();
        let plane: Vec<f32> = (0..rows * columns).map(|v| v as f32).collect();
        let bytes: Vec<u8> = plane.iter().flat_map(|v| v.to_ne_bytes()).collect();
        let from = bench.poisoned(bytes.len());
        bench.stream.upload_now(&bytes, &from).expect("uploads");
        let to = bench.poisoned(4 * places.len() * size * size);
        let gather = Gather { plane: [rows, columns], places: &places, size };
        // SAFETY: both live until `read` has waited.
        unsafe { gather.enqueue(&bench.kernels, &bench.stream, from.address(), to.address()).expect("enqueues") };
        let line = |(row, column): (usize, usize), r: usize| &plane[(row + r) * columns + column..][..size];
        let expected = places.iter().flat_map(|place| (0..size).flat_map(move |r| line(*place, r)));
        prop_assert_eq!(bench.read(&to), expected.copied().collect::<Vec<_>>());
        let beyond = Gather { places: &[(rows - size + 1, 0)], ..gather };
        // SAFETY: nothing is launched.
        let refused = unsafe { beyond.enqueue(&bench.kernels, &bench.stream, 0, 0) };
        prop_assert!(refused.is_err());
    }
}

/// The number of pixels times the sum of squares exceeds 64 bits, and blocks share the sums.
#[test]
fn a_large_window_is_the_hosts() {
    let Some(bench) = Bench::open() else { return };
    let (rows, columns) = (701, 1003);
    for (pixels, mirrored) in [(noise(rows * columns, 7).collect(), false), (vec![65535; rows * columns], true)] {
        let source = Source::new(Arc::new(pixels), columns, 0..rows, 1..columns, mirrored).expect("in the image");
        let (air, frame) = (Air { value: 0, padding: (1, 0) }, around([rows, columns - 1], [3, 2, 0, 1]));
        check(&bench, &Preparation::new(source, Steps::Window { air, frame }).expect("sound"));
    }
}

/// One order of sums keeps what the other loses.
#[test]
fn a_canvas_is_summed_in_the_order_that_is_asked_for() {
    let Some(bench) = Bench::open() else { return };
    for (filter, expected) in [(Filter::RowsFirst, 2.0), (Filter::ColumnsFirst, 0.0)] {
        let source = Source::new(Arc::new(vec![1, 0, 2, 0]), 2, 0..2, 0..2, false).expect("all of it");
        let mut curve = vec![0.0; 1 << 16];
        curve[..3].copy_from_slice(&[1.0, 1e17, -1e17]);
        let both = || Axis::new(2, [(0, vec![1.0, 1.0])]).expect("both");
        let (frame, channels) = (Frame { size: [1, 1], at: [0, 0] }, vec![(0.0, 1.0)]);
        let (rows, columns, white, truncate) = (both(), both(), 1.0, false);
        let curve = curve.into();
        let steps = Steps::Canvas { curve, filter, rows, columns, frame, white, truncate, channels };
        let preparation = Preparation::new(source, steps).expect("sound");
        assert_eq!(preparation.on_host(), [expected]);
        check(&bench, &preparation);
    }
}

/// The brighter three quarters come to the right; a tie stays.
#[test]
fn a_tie_is_not_mirrored() {
    let Some(bench) = Bench::open() else { return };
    let check_line = |pixels: [u16; 4], expected: [f32; 4]| {
        let source = Source::new(Arc::new(pixels.to_vec()), 4, 0..1, 0..4, false).expect("all of it");
        let same = |n: usize| Axis::new(n, (0..n).map(|i| (i as i64, vec![1.0]))).expect("one for one");
        let curve = (0..=u16::MAX).collect();
        let steps = Steps::Triangle { curve, rows: same(1), columns: same(4), mean: 0.0, deviation: 1.0 };
        let preparation = Preparation::new(source, steps).expect("sound");
        assert_eq!(preparation.on_host(), expected);
        check(&bench, &preparation);
    };
    check_line([9, 0, 0, 1], [1.0, 0.0, 0.0, 9.0]);
    check_line([1, 0, 0, 9], [1.0, 0.0, 0.0, 9.0]);
    check_line([3, 9, 0, 3], [3.0, 9.0, 0.0, 3.0]);
}

/// A window beside its picture is one value, which its deviation, at least 1e-5, does not make infinite.
#[test]
fn an_empty_window_is_zero() {
    let source = Source::new(Arc::new(vec![9; 6]), 3, 0..0, 0..0, true).expect("nothing");
    let (air, frame) = (Air { value: 0, padding: (1, 0) }, Frame { size: [5, 6], at: [0, 0] });
    let window = Preparation::new(source, Steps::Window { air, frame }).expect("sound");
    assert_eq!(window.on_host(), [0.0; 30]);
    if let Some(bench) = Bench::open() {
        check(&bench, &window);
    }
}

#[test]
fn what_cannot_be_carried_out_is_refused() {
    let pixels = || Arc::new(vec![0u16; 12]);
    assert!(Source::new(pixels(), 4, 0..4, 0..4, false).is_err());
    assert!(Source::new(pixels(), 4, 0..3, 1..5, false).is_err());
    assert!(Source::new(pixels(), usize::MAX, 0..3, 0..4, false).is_err());
    let source = || Source::new(pixels(), 4, 0..3, 0..4, false).expect("all of it");
    assert!(source().part(0..4, 0..4).is_err());
    assert!(Axis::new(3, []).is_err());
    assert!(Axis::new(3, [(0, vec![])]).is_err());
    assert!(Axis::new(3, [(0, vec![f64::NAN])]).is_err());
    assert!(Axis::new(3, [(-8, vec![1.0])]).is_err());
    assert!(Axis::new(3, [(i64::MAX, vec![1.0])]).is_err());
    let check = |steps: Steps| assert!(Preparation::new(source(), steps.clone()).is_err(), "{steps:?}");
    let air = Air { value: 0, padding: (1, 0) };
    for frame in [Frame { size: [3, 4], at: [0, 1] }, Frame { size: [1 << 17, 4], at: [0, 0] }] {
        check(Steps::Window { air, frame });
    }
    check(Steps::Window { air, frame: Frame { size: [3, 4], at: [usize::MAX, 0] } });
    let one = |n: usize| Axis::new(n, [(0, vec![1.0])]).expect("one");
    let triangle = |curve: Vec<u16>, rows, deviation| Steps::Triangle {
        curve: curve.into(),
        rows,
        columns: one(4),
        mean: 0.0,
        deviation,
    };
    check(triangle(vec![0; 4096], one(3), 1.0));
    check(triangle(vec![0; 65536], one(2), 1.0));
    check(triangle(vec![0; 65536], one(3), 0.0));
    check(triangle(vec![0; 65536], one(3), f32::NAN));
    check(triangle(vec![0; 65536], Axis::new(3, [(0, vec![2.0])]).expect("two"), 1.0));
    let frame = Frame { size: [3, 4], at: [0, 0] };
    check(Steps::Cubic { air, frame, rows: one(3), columns: one(4) });
    let canvas = |y: f32, white: f64, channels| Steps::Canvas {
        curve: vec![y; 65536].into(),
        filter: Filter::RowsFirst,
        rows: one(3),
        columns: one(4),
        frame,
        white,
        truncate: false,
        channels,
    };
    check(canvas(f32::NAN, 1.0, vec![(0.0, 1.0)]));
    check(canvas(1.0, f64::NAN, vec![(0.0, 1.0)]));
    check(canvas(1.0, 1e300, vec![(0.0, 1.0)]));
    check(canvas(1.0, 1.0, vec![]));
    check(canvas(1.0, 1.0, vec![(0.0, 1e-45)]));
    check(canvas(1.0, 1.0, vec![(0.0, 1.0); CHANNELS_MAX + 1]));
}
