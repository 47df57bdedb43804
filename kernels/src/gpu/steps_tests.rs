//! Every kernel by itself, over random shapes, beside the processor's: outputs full of NaN before, whole blocks of finite
//! values after, an image the same alone and among others.

use proptest::prelude::*;

use super::constants::Constants;
use super::ends::{Bound, Operand};
use super::launch::{Target, kernel};
use super::*;
use crate::compile::{Activation, ConvShape, Copying, Epilogue, Of, Second, Size, Step, Tail, Take, Window, Work};
use crate::cpu::run_step;
use crate::op::Padding;
use crate::trial::noise;

/// Of a convolution in a property test.
const FLOPS_MAX: u64 = 8_000_000;
const PRECISIONS: [Precision; 3] = [Precision::F32, Precision::Bf16, Precision::F16];

fn size(rows: usize, columns: usize, channels: usize) -> Size {
    Size { rows, columns, channels }
}

fn rounded(values: &[f32], precision: Precision) -> Vec<f32> {
    let round = |v: &f32| match precision {
        Precision::F32 => *v,
        Precision::Bf16 => half::bf16::from_f32(*v).to_f32(),
        Precision::F16 => half::f16::from_f32(*v).to_f32(),
    };
    values.iter().map(round).collect()
}

/// Pixels of `size.padded()` values, the rest of each being something finite that must not count.
fn spread(dense: &[f32], size: Size) -> Vec<f32> {
    let pixels = dense.chunks_exact(size.channels);
    pixels.flat_map(|p| p.iter().copied().chain(std::iter::repeat_n(1.5, size.padded() - size.channels))).collect()
}

/// A value on the device, narrow or wide.
fn upload(device: &Arc<Device>, values: &[f32], precision: Precision) -> Buffer {
    let mut bytes = Constants::default();
    bytes.values(values, precision);
    let buffer = device.allocate(bytes.bytes().len()).expect("memory");
    device.stream().expect("stream").upload_now(bytes.bytes(), &buffer).expect("upload");
    buffer
}

fn download(device: &Arc<Device>, from: &Buffer, precision: Precision) -> Vec<f32> {
    let stream = device.stream().expect("stream");
    let mut pinned = device.pinned(from.bytes()).expect("memory");
    // SAFETY: both live, and are waited for.
    unsafe { stream.download(from.address(), &mut pinned, 0, from.bytes()) }.expect("download");
    stream.wait().expect("waits");
    let shorts = || pinned.bytes().as_chunks().0.iter().map(|two| u16::from_le_bytes(*two));
    match precision {
        Precision::F32 => pinned.bytes().as_chunks().0.iter().map(|four| f32::from_le_bytes(*four)).collect(),
        Precision::Bf16 => shorts().map(|bits| half::bf16::from_bits(bits).to_f32()).collect(),
        Precision::F16 => shorts().map(|bits| half::f16::from_bits(bits).to_f32()).collect(),
    }
}

/// Runs a step in a precision, all that it reads and writes being narrow, or wide if they are vectors or `wide`.
fn run(
    step: &Step,
    images: usize,
    x: &[(Vec<f32>, Size)],
    y: &[Size],
    precision: Precision,
    wide: bool,
) -> Vec<Vec<f32>> {
    uvid_cuda_simulator::load_unless_real();
    let device = Device::open(0).expect("a device");
    let mut target = Target { device: &device, precision, constants: Constants::default() };
    let planes = matches!(step.work, Work::Stem(..) | Work::Import);
    let is_wide = |size: &Size| wide || size.pixels() == 1;
    let reads_wide = planes || x.first().is_some_and(|(_, size)| is_wide(size));
    let kernel = kernel(&mut target, step, reads_wide).expect("a kernel");
    let constants = upload_bytes(&device, target.constants.bytes());
    let of = |wide: bool| if wide { Precision::F32 } else { precision };
    let mut operands = Vec::new();
    let mut held = Vec::new();
    for (at, (dense, size)) in x.iter().enumerate() {
        if planes && at == 0 {
            held.push(upload(&device, dense, Precision::F32));
            operands.push(Operand::plain(held[at].address()));
        } else {
            held.push(upload(&device, &spread(dense, *size), of(is_wide(size))));
            let pixel = super::ends::int(size.padded());
            operands.push(Operand { start: held[at].address(), pixel, wide: i32::from(is_wide(size)) });
        }
    }
    let stream = device.stream().expect("stream");
    let results: Vec<Buffer> = y
        .iter()
        .map(|size| {
            let width = of(is_wide(size)).bytes();
            device.allocate(images * size.pixels() * size.padded() * width).expect("memory")
        })
        .collect();
    let target = |(buffer, size): (&Buffer, &Size)| {
        // SAFETY: it is as long.
        unsafe { stream.fill(buffer.address(), 0xff, buffer.bytes()) }.expect("fills");
        let pixel = super::ends::int(size.padded());
        Operand { start: buffer.address(), pixel, wide: i32::from(is_wide(size)) }
    };
    let y_operands = results.iter().zip(y).map(target).collect();
    let bound = Bound { images, x: operands, y: y_operands, constants: constants.address() };
    let launch = kernel.launch(&bound);
    // SAFETY: the operands are of the step's sizes.
    unsafe { stream.launch_bytes(launch.function, launch.grid, launch.params.as_ptr().cast()) }.expect("launches");
    stream.wait().expect("runs");
    let dense = |(buffer, size): (&Buffer, &Size)| {
        let values = download(&device, buffer, of(is_wide(size)));
        // A copy writes a part.
        let whole = !matches!(step.work, Work::Copy(_));
        assert!(!whole || values.iter().all(|v| v.is_finite()), "{:?} {precision}: a block is not whole", step.work);
        values.chunks_exact(size.padded()).flat_map(|pixel| pixel[..size.channels].to_vec()).collect()
    };
    results.iter().zip(y).map(dense).collect()
}

fn upload_bytes(device: &Arc<Device>, bytes: &[u8]) -> Buffer {
    let buffer = device.allocate(bytes.len()).expect("memory");
    device.stream().expect("stream").upload_now(bytes, &buffer).expect("upload");
    buffer
}

/// Roundings of the largest value that a result may be off; those of values and weights were made before.
fn allowed(precision: Precision) -> f64 {
    match precision {
        Precision::F32 => 1e-5,
        Precision::Bf16 => 1.0 / 128.0,
        Precision::F16 => 1.0 / 1024.0,
    }
}

/// A step in every precision against the processor's, over so many images; `x` are the sizes of what it reads.
fn check(step: &Step, images: usize, x: &[(Size, usize)], y: &[Size], seed: u64) {
    // What is f32 is wide already.
    let narrow = [(Precision::Bf16, true), (Precision::F16, true)];
    for (precision, wide) in PRECISIONS.map(|p| (p, false)).into_iter().chain(narrow) {
        let value = |(at, (size, per_output)): (usize, &(Size, usize))| {
            let count = images * per_output * size.pixels() * size.channels;
            (rounded(&noise(seed + at as u64, count), precision), *size)
        };
        let values: Vec<(Vec<f32>, Size)> = x.iter().enumerate().map(value).collect();
        let mut step = step.clone();
        if let Work::Conv(_, weight) = &mut step.work {
            *weight = rounded(weight, precision);
        }
        let found = run(&step, images, &values, y, precision, wide);
        let expected = run_step(&step, images, &values, y);
        for (found, expected) in found.iter().zip(&expected) {
            let size = expected.iter().fold(1f64, |m, v| m.max(f64::from(v.abs())));
            assert_eq!(found.len(), expected.len());
            for (at, (f, e)) in found.iter().zip(expected).enumerate() {
                let off = (f64::from(*f) - f64::from(*e)).abs();
                let allowed = allowed(precision) * size;
                assert!(off <= allowed, "{precision} wide {wide}: value {at} is {f}, expected {e}: {:?}", step.work);
            }
        }
        let last: Vec<(Vec<f32>, Size)> = values
            .iter()
            .map(|(values, size)| (values[values.len() / images * (images - 1)..].to_vec(), *size))
            .collect();
        for (alone, among) in run(&step, 1, &last, y, precision, wide).iter().zip(&found) {
            assert_eq!(alone[..], among[among.len() - alone.len()..], "{:?} {precision}: a batch", step.work);
        }
    }
}

fn step(work: Work, epilogue: Epilogue, input: Size, output: Size) -> Step {
    Step {
        name: String::new(),
        work,
        epilogue,
        input,
        output,
        x: vec![],
        y: vec![],
        per_item: 1,
        hides_infinity: false,
    }
}

/// Epilogues of `size`, told apart by a number.
fn epilogue(size: Size, kind: usize) -> Epilogue {
    let activations = [Activation::None, Activation::Relu, Activation::Gelu, Activation::Silu, Activation::Sigmoid];
    let padded = |seed: u64, scale: f32| {
        let mut values: Vec<f32> = noise(seed, size.channels).iter().map(|v| v * scale).collect();
        values.resize(size.padded(), 0.0);
        values
    };
    let second = (!(kind / 2).is_multiple_of(3)).then(|| Second {
        scale: padded(91, 0.7),
        shift: padded(92, 0.3),
        activation: activations[kind % 3],
    });
    let first = second.is_none() || kind / 2 % 3 == 1;
    Epilogue { bias: padded(90, 0.5), residual: kind % 2 == 1, activation: activations[kind % 5], first, second }
}

/// What an epilogue stores.
fn stored(epilogue: &Epilogue, size: Size) -> Vec<Size> {
    vec![size; usize::from(epilogue.first) + usize::from(epilogue.second.is_some())]
}

fn places(size: usize, pad: usize, kernel: usize, stride: usize) -> usize {
    (size + pad - kernel) / stride + 1
}

/// A convolution's shape, if its kernel fits the map.
fn shape(input: Size, out: usize, kernel: usize, stride: usize, p: (usize, usize, usize, usize)) -> Option<ConvShape> {
    let padding = Padding { top: p.0, bottom: p.1, left: p.2, right: p.3 };
    let fits = input.rows + p.0 + p.1 >= kernel && input.columns + p.2 + p.3 >= kernel;
    fits.then(|| {
        let rows = places(input.rows, p.0 + p.1, kernel, stride);
        let columns = places(input.columns, p.2 + p.3, kernel, stride);
        ConvShape { input, output: size(rows, columns, out), kernel, stride, padding }
    })
}

fn weights(shape: &ConvShape, inputs: usize) -> Vec<f32> {
    let terms = inputs * shape.kernel * shape.kernel;
    noise(77, shape.output.channels * terms).iter().map(|w| w * (3.0 / terms as f32).sqrt()).collect()
}

fn with_residual(x: Size, epilogue: &Epilogue, output: Size) -> Vec<(Size, usize)> {
    let mut sizes = vec![(x, 1)];
    sizes.extend(epilogue.residual.then_some((output, 1)));
    sizes
}

proptest! {
    #![proptest_config(ProptestConfig { cases: crate::trial::cases(8), ..ProptestConfig::default() })]

    #[test]
    fn convolutions(
        (rows, columns, inputs, outputs) in (1usize..20, 1usize..20, 1usize..70, 1usize..140),
        (kernel, stride) in (1usize..6, 1usize..3),
        padding in (0usize..3, 0usize..3, 0usize..3, 0usize..3),
        (kind, images, seed) in (0usize..30, 1usize..4, 0u64..1000),
    ) {
        let Some(shape) = shape(size(rows, columns, inputs), outputs, kernel, stride, padding) else { return Ok(()) };
        // The simulator makes some tens of millions of multiply-adds a second.
        prop_assume!(shape.flops() * images as u64 <= FLOPS_MAX);
        let epilogue = epilogue(shape.output, kind);
        let (x, y) = (with_residual(shape.input, &epilogue, shape.output), stored(&epilogue, shape.output));
        let work = Work::Conv(shape, weights(&shape, inputs));
        check(&step(work, epilogue, shape.input, shape.output), images, &x, &y, seed);
    }

    #[test]
    fn depthwise_convolutions(
        (rows, columns, channels) in (1usize..20, 1usize..20, 1usize..40),
        (kernel, stride) in (1usize..8, 1usize..4),
        padding in (0usize..4, 0usize..4, 0usize..4, 0usize..4),
        (kind, images, seed) in (0usize..30, 1usize..4, 0u64..1000),
    ) {
        let Some(shape) = shape(size(rows, columns, channels), channels, kernel, stride, padding) else { return Ok(()) };
        let epilogue = epilogue(shape.output, kind);
        let (x, y) = (with_residual(shape.input, &epilogue, shape.output), stored(&epilogue, shape.output));
        let work = Work::Depthwise(shape, weights(&shape, 1));
        check(&step(work, epilogue, shape.input, shape.output), images, &x, &y, seed);
    }

    #[test]
    fn stems(
        (rows, columns, inputs, outputs) in (3usize..34, 3usize..34, 1usize..5, 1usize..36),
        (kernel, stride) in (1usize..8, 1usize..5),
        padding in (0usize..4, 0usize..4, 0usize..4, 0usize..4),
        (window, step_, pad) in (0usize..4, 1usize..3, 0usize..2),
        (relu, images, seed) in (any::<bool>(), 1usize..3, 0u64..1000),
    ) {
        let Some(shape) = shape(size(rows, columns, inputs), outputs, kernel, stride, padding) else { return Ok(()) };
        let window = (window > pad).then_some(Window { kernel: window, stride: step_, padding: Padding::from(pad) });
        let output = match window {
            Some(w) if shape.output.rows + 2 * pad < w.kernel || shape.output.columns + 2 * pad < w.kernel => return Ok(()),
            Some(w) => {
                let of = |n: usize| places(n, 2 * pad, w.kernel, w.stride);
                size(of(shape.output.rows), of(shape.output.columns), outputs)
            }
            None => shape.output,
        };
        let epilogue = Epilogue { residual: false, ..epilogue(output, usize::from(relu)) };
        let planes = Size { rows: 1, columns: 1, channels: shape.input.pixels() * inputs };
        let y = stored(&epilogue, output);
        let work = Work::Stem(shape, weights(&shape, inputs), window);
        check(&step(work, epilogue, shape.input, output), images, &[(planes, 1)], &y, seed);
    }

    #[test]
    fn pools(
        (rows, columns, channels) in (1usize..20, 1usize..20, 1usize..40),
        (kernel, stride, pad, mean) in (1usize..5, 1usize..4, 0usize..2, any::<bool>()),
        (kind, images, seed) in (0usize..30, 1usize..4, 0u64..1000),
    ) {
        let pad = if mean || pad >= kernel { 0 } else { pad };
        if rows + 2 * pad < kernel || columns + 2 * pad < kernel {
            return Ok(());
        }
        let (input, padding) = (size(rows, columns, channels), Padding::from(pad));
        let of = |n: usize| places(n, 2 * pad, kernel, stride);
        let output = size(of(rows), of(columns), channels);
        let epilogue = Epilogue { residual: false, ..epilogue(output, kind) };
        let y = stored(&epilogue, output);
        let work = Work::Pool(Window { kernel, stride, padding }, if mean { Take::Mean } else { Take::Max });
        check(&step(work, epilogue, input, output), images, &[(input, 1)], &y, seed);
    }

    #[test]
    fn what_looks_at_one_pixel(
        (rows, columns, channels) in (1usize..9, 1usize..9, 2usize..150),
        (of, kind, images, seed) in (0usize..3, 0usize..30, 1usize..4, 0u64..1000),
    ) {
        let input = size(rows, columns, channels);
        let of = [Of::Itself, Of::Factors, Of::Normed(1e-5)][of];
        let mut epilogue = epilogue(input, kind);
        let mut x = vec![(input, 1)];
        match of {
            Of::Factors => x.push((size(1, 1, channels), 1)),
            Of::Normed(_) => epilogue.residual = false,
            Of::Itself => {}
        }
        x.extend(epilogue.residual.then_some((input, 1)));
        let y = stored(&epilogue, input);
        check(&step(Work::Pointwise(of), epilogue, input, input), images, &x, &y, seed);
    }

    #[test]
    fn reductions(
        (vectors, heads, part, items) in (1usize..9, 1usize..4, 1usize..12, 1usize..4),
        (which, rows, columns, seed) in (0usize..10, 1usize..9, 1usize..9, 0u64..1000),
    ) {
        let channels = heads * part;
        let (vector, map) = (size(1, 1, channels), size(rows, columns, channels));
        let one = size(1, 1, 1);
        // The tail, its inputs with how many images of each there are for one of the output, and the output.
        let (tail, x, output, images) = match which {
            0 => (Tail::Tanh, vec![(map, 1)], map, items),
            1 => (Tail::Mul, vec![(map, 1), (map, 1)], map, items),
            2 => (Tail::MeanOverMap, vec![(map, 1)], vector, items),
            3 => (Tail::MaxOverMap, vec![(map, 1)], vector, items),
            4 => (Tail::SoftmaxOverChannels(part), vec![(vector, 1)], vector, items),
            5 => (Tail::SoftmaxOverItem(vectors), vec![(vector, 1)], vector, items * vectors),
            6 => (Tail::WeightedSumOverItem(vectors), vec![(one, vectors), (vector, vectors)], vector, items),
            7 => (Tail::MeanOverItem(vectors), vec![(vector, vectors)], vector, items),
            8 => (Tail::MaxOverItem(vectors), vec![(vector, vectors)], vector, items),
            _ => (Tail::Attention { vectors, heads }, vec![(vector, 1); 3], vector, items * vectors),
        };
        let input = x[0].0;
        let plain = Epilogue {
            bias: vec![0.0; output.padded()],
            residual: false,
            activation: Activation::None,
            first: true,
            second: None,
        };
        check_items(&step(Work::Reduce(tail), plain, input, output), images, &x, &[output], seed);
    }

    #[test]
    fn copies(
        (rows, columns, channels) in (1usize..9, 1usize..9, 1usize..40),
        (from, to, times, among) in (0usize..20, 0usize..20, 1usize..3, 1usize..4),
        (more, images, seed) in (0usize..3, 1usize..4, 0u64..1000),
    ) {
        let (input, written) = (size(rows, columns, from + channels), channels * times * among);
        let (among, input) = if rows * columns > 1 { (1, input) } else { (among, input) };
        let written = if rows * columns > 1 { channels * times } else { written };
        let output = size(rows, columns, to + written + more);
        let copying = Copying { from, to, count: channels, times, joined: among };
        let plain = epilogue(output, 0);
        let step = step(Work::Copy(copying), plain, input, output);
        // What is not written keeps what was there: only what is written is compared.
        for precision in PRECISIONS {
            let values = rounded(&noise(seed, images * among * input.pixels() * input.channels), precision);
            let found = run(&step, images, &[(values.clone(), input)], &[output], precision, false).remove(0);
            let expected = run_step(&step, images, &[(values, input)], &[output]).remove(0);
            for (found, expected) in found.chunks_exact(output.channels).zip(expected.chunks_exact(output.channels)) {
                prop_assert_eq!(&found[to..to + written], &expected[to..to + written]);
            }
        }
    }
}

/// As [`check`], of what joins images: without the last one alone.
fn check_items(step: &Step, images: usize, x: &[(Size, usize)], y: &[Size], seed: u64) {
    for precision in PRECISIONS {
        let value = |(at, (size, per_output)): (usize, &(Size, usize))| {
            let count = images * per_output * size.pixels() * size.channels;
            (rounded(&noise(seed + at as u64, count), precision), *size)
        };
        let values: Vec<(Vec<f32>, Size)> = x.iter().enumerate().map(value).collect();
        let found = run(step, images, &values, y, precision, false).remove(0);
        let expected = run_step(step, images, &values, y).remove(0);
        assert_eq!(found.len(), expected.len());
        for (f, e) in found.iter().zip(&expected) {
            let off = (f64::from(*f) - f64::from(*e)).abs();
            let size = f64::from(e.abs()).max(1.0);
            assert!(off <= allowed(precision) * size, "{:?} {precision}: {f}, expected {e}", step.work);
        }
    }
}
