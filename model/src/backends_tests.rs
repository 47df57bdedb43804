//! Every architecture on every backend.

use candle_core::{DType, Device, Tensor};
use uvid_kernels::{Executor, Graph, Reference, Shape, Weights};

use crate::{Backend, density, gmic, mirai, nyu_bcc, nyu_density, timm};

/// The largest batch.
const BATCH_MAX: usize = 9;

/// A stream of numbers in [-1, 1): splitmix64.
fn noise(seed: u64, n: usize) -> Vec<f32> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    };
    (0..n).map(|_| next()).collect()
}

/// Weights from noise, so scaled that values neither grow nor vanish.
fn weights(graph: &Graph) -> Weights {
    let drawn = graph.parameters().into_iter().enumerate().map(|(i, p)| {
        let terms = p.shape[1..].iter().product::<usize>().max(1);
        let near_one = p.shape.len() == 1 && (p.name.ends_with("weight") || p.name.ends_with("running_var"));
        let value = |v: f32| match (p.shape.len() > 1, near_one) {
            (true, _) => v * (3.0 / terms as f32).sqrt(),
            (false, true) => 1.0 + 0.5 * v,
            (false, false) => 0.3 * v,
        };
        let values: Vec<f32> = noise(i as u64 + 1, p.shape.iter().product()).into_iter().map(value).collect();
        (p.name.clone(), Tensor::from_vec(values, p.shape.as_slice(), &Device::Cpu).expect("tensor"))
    });
    Weights::from_tensors(drawn.collect::<Vec<_>>()).expect("weights")
}

fn inputs(graph: &Graph) -> Vec<Tensor> {
    let shapes = graph.inputs().map(|shape| match shape {
        Shape::Map { per_item, channels, rows, columns } => vec![BATCH_MAX * per_item, channels, rows, columns],
        Shape::Features { per_item, channels } => vec![BATCH_MAX * per_item, channels],
    });
    let tensor = |(i, s): (usize, Vec<usize>)| {
        Tensor::from_vec(noise(1000 + i as u64, s.iter().product()), s, &Device::Cpu).expect("tensor")
    };
    shapes.enumerate().map(tensor).collect()
}

/// The first items of a batch.
fn first(inputs: &[Tensor], batch: usize) -> Vec<Tensor> {
    let part = |t: &Tensor| t.narrow(0, 0, t.dim(0)? / BATCH_MAX * batch)?.contiguous();
    inputs.iter().map(|t| part(t).expect("part")).collect()
}

fn doubles(t: &Tensor) -> Vec<f64> {
    t.to_dtype(DType::F64).expect("f64").flatten_all().expect("flat").to_vec1().expect("f64")
}

/// The greatest distance; what is no number is infinitely far.
fn distance(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    let off = a.iter().zip(b).map(|(a, b)| (a - b).abs());
    off.fold(0.0, |worst, off| if off.is_nan() { f64::INFINITY } else { worst.max(off) })
}

/// No backend is much further from f64 than the reference in f32 is, and none looks at an item's neighbours.
fn check(name: &str, graph: &Graph) {
    let (weights, inputs) = (weights(graph), inputs(graph));
    let double = Reference::in_f64(graph.clone(), &weights).expect(name).run(&inputs).expect(name);
    let single = Reference::new(graph.clone(), weights.clone()).expect(name).run(&inputs).expect(name);
    for backend in Backend::all().filter(|backend| *backend != Backend::Reference) {
        let executor = Executor::new(graph.clone(), &weights, backend).expect(name);
        let whole = executor.run(&inputs).expect(name);
        for (output, exact) in &double {
            let (exact, single, found) = (doubles(exact), doubles(&single[output]), doubles(&whole[output]));
            let size = exact.iter().fold(0f64, |m, v| m.max(v.abs()));
            let allowed = 8.0 * distance(&single, &exact) + 32.0 * f64::from(f32::EPSILON) * size;
            let off = distance(&found, &exact);
            assert!(off <= allowed, "{name} {backend} {output}: {off:e} of {allowed:e}");
        }
        for batch in 1..BATCH_MAX {
            for (output, part) in executor.run(&first(&inputs, batch)).expect(name) {
                let part = doubles(&part);
                assert_eq!(part, doubles(&whole[&output])[..part.len()], "{name} {backend} {output} batch {batch}");
            }
        }
    }
}

#[test]
fn every_architecture_gives_on_every_backend_what_the_reference_gives() {
    let histograms = Weights::from_tensors([]).expect("none");
    let families = [
        ("density", density::network::examples()),
        ("gmic", gmic::network::examples()),
        ("mirai encoder", mirai::encoder::examples()),
        ("mirai aggregator", mirai::aggregator::examples()),
        ("nyu_bcc", nyu_bcc::network::examples()),
        ("nyu_bcc heat maps", nyu_bcc::heatmap::examples()),
        ("nyu_density", vec![nyu_density::describe(&histograms, 37).expect("fits")]),
        ("convnext", timm::convnext::examples()),
        ("efficientnet", timm::efficientnet::examples()),
    ];
    for (name, graphs) in families {
        graphs.iter().for_each(|graph| check(name, graph));
    }
}
