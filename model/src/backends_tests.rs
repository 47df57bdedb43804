//! Every architecture on every backend.

use candle_core::Tensor;
use uvid_kernels::{CudaOptions, Executor, Graph, Options, Precision, Reference, Weights, trial};

use crate::{Backend, density, gmic, mirai, nyu_bcc, nyu_density, timm};

/// The largest batch.
const BATCH_MAX: usize = 9;
/// The largest batch on the simulated GPU, which computes some thousand times as slowly as one.
const SIMULATED_BATCH_MAX: usize = 2;

/// The largest batch for a backend.
fn batch_max(backend: Backend) -> usize {
    let real = std::env::var_os("TEST_GPU").is_some_and(|gpu| gpu == "real");
    if matches!(backend, Backend::Cuda(_)) && !real { SIMULATED_BATCH_MAX } else { BATCH_MAX }
}

fn doubles(t: &Tensor) -> Vec<f64> {
    trial::doubles(t).expect("values")
}

/// No backend is much further from f64 than the reference in f32 is, and none looks at an item's neighbours.
fn check(name: &str, graph: &Graph) {
    let weights = trial::weights(graph).expect(name);
    let inputs = trial::inputs(graph, BATCH_MAX).expect(name);
    let double = Reference::in_f64(graph.clone(), &weights).expect(name).run(&inputs).expect(name);
    let single = Reference::new(graph.clone(), weights.clone()).expect(name).run(&inputs).expect(name);
    for backend in Backend::all().filter(|backend| *backend != Backend::Reference) {
        let executor = Executor::new(graph.clone(), &weights, backend).expect(name);
        let items = batch_max(backend);
        let inputs = trial::first(&inputs, items, BATCH_MAX).expect(name);
        let whole = executor.run(&inputs).expect(name);
        for (output, exact) in &double {
            let part = |t: &Tensor| doubles(&t.narrow(0, 0, t.dims()[0] / BATCH_MAX * items).expect(name));
            let (exact, single, found) = (part(exact), part(&single[output]), doubles(&whole[output]));
            let (off, allowed) = (trial::distance(&found, &exact), trial::tolerance(&exact, &single));
            assert!(off <= allowed, "{name} {backend} {output}: {off:e} of {allowed:e}");
        }
        for batch in 1..items {
            for (output, part) in executor.run(&trial::first(&inputs, batch, items).expect(name)).expect(name) {
                let part = doubles(&part);
                assert_eq!(part, doubles(&whole[&output])[..part.len()], "{name} {backend} {output} batch {batch}");
            }
        }
    }
}

/// In 16 bits, where there is a backend for it: near the reference, and no item looks at its neighbours.
fn check_16_bits(name: &str, graph: &Graph, backend: Backend) {
    let weights = trial::weights(graph).expect(name);
    let items = batch_max(backend);
    let inputs = trial::inputs(graph, items).expect(name);
    let Ok(executor) = Executor::new(graph.clone(), &weights, backend) else {
        return eprintln!("skipped: there is nothing here that computes in {backend}");
    };
    let reference = Reference::new(graph.clone(), weights).expect(name).run(&inputs).expect(name);
    let whole = executor.run(&inputs).expect(name);
    for (output, expected) in &reference {
        let (expected, found) = (doubles(expected), doubles(&whole[output]));
        let size = expected.iter().fold(0f64, |m, v| m.max(v.abs()));
        let off = trial::distance(&found, &expected);
        assert!(off <= 0.1 * size, "{name} {output}: {off:e} of {size:e}");
    }
    for (output, part) in executor.run(&trial::first(&inputs, 1, items).expect(name)).expect(name) {
        let part = doubles(&part);
        assert_eq!(part, doubles(&whole[&output])[..part.len()], "{name} {output}");
    }
}

#[test]
fn every_architecture_gives_on_every_backend_what_the_reference_gives() {
    uvid_cuda_simulator::load_unless_real();
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
        for graph in &graphs {
            check(name, graph);
            check_16_bits(name, graph, Backend::Cpu(Options { precision: Precision::Bf16, ..Options::default() }));
            for precision in [Precision::Bf16, Precision::F16] {
                check_16_bits(name, graph, Backend::Cuda(CudaOptions { ordinal: 0, precision, marks: false }));
            }
        }
    }
}
