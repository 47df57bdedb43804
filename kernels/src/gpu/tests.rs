//! The executor for GPUs beside the reference: on a card where there is one, else on the simulated driver.

use candle_core::{Device as Processor, Tensor};

use super::*;
use crate::{Reference, examples, trial};

/// Batches of 1 to 9 items.
const BATCHES: [usize; 4] = [1, 2, 3, 9];

fn doubles(t: &Tensor) -> Vec<f64> {
    trial::doubles(t).expect("values")
}

fn run(cuda: &Cuda, inputs: &[Tensor]) -> candle_core::Result<Outputs> {
    let images: Vec<Images> = inputs.iter().map(|tensor| tensor.clone().into()).collect();
    cuda.run(&images.iter().collect::<Vec<_>>())
}

fn network(graph: &Graph, precision: Precision, marks: bool) -> Cuda {
    uvid_cuda_simulator::load_unless_real();
    let weights = trial::weights(graph).expect("weights");
    Cuda::new(graph.clone(), &weights, CudaOptions { ordinal: 0, precision, marks }).expect("compiles")
}

/// How far a value of a precision may be from the exact one, of the largest value: some roundings on its way.
fn allowed(precision: Precision, exact: &[f64], single: &[f64]) -> f64 {
    let size = exact.iter().fold(0f64, |m, v| m.max(v.abs()));
    match precision {
        Precision::F32 => trial::tolerance(exact, single),
        Precision::Bf16 => 0.1 * size,
        Precision::F16 => 0.02 * size,
    }
}

#[test]
fn every_fusion_gives_what_the_reference_gives() {
    for (name, graph) in examples::all() {
        let weights = trial::weights(&graph).expect(name);
        let single = Reference::new(graph.clone(), weights.clone()).expect(name);
        let double = Reference::in_f64(graph.clone(), &weights).expect(name);
        for (precision, marks) in
            [Precision::F32, Precision::Bf16, Precision::F16].into_iter().flat_map(|p| [(p, false), (p, true)])
        {
            let cuda = network(&graph, precision, marks);
            for batch in BATCHES {
                let what = format!("{name} {precision} batch {batch}");
                let inputs = trial::inputs(&graph, batch).expect(name);
                let (single, double) = (single.run(&inputs).expect(name), double.run(&inputs).expect(name));
                let found = run(&cuda, &inputs).unwrap_or_else(|error| panic!("{what}: {error}"));
                assert_eq!(found.len(), if marks { single.len() + graph.marks().len() } else { single.len() });
                for (output, exact) in &double {
                    let (exact, single, found) = (doubles(exact), doubles(&single[output]), doubles(&found[output]));
                    let (off, allowed) = (trial::distance(&found, &exact), allowed(precision, &exact, &single));
                    assert!(off <= allowed, "{what} {output}: {off:e} of {allowed:e}");
                }
                let first = trial::first(&inputs, 1, batch).expect(name);
                for (output, alone) in run(&cuda, &first).expect(name) {
                    let (alone, among) = (doubles(&alone), doubles(&found[&output]));
                    assert_eq!(alone, among[..alone.len()], "{what} {output}: neighbours in a batch");
                }
            }
        }
    }
}

#[test]
fn what_is_no_number_is_no_result() {
    let graph = Graph::build(|b| {
        let x = b.input_features(1, 2);
        b.output("y", b.sigmoid(x));
        b.output("z", b.tanh(x));
        Ok(())
    })
    .expect("graph");
    let cuda = network(&graph, Precision::F32, false);
    let tensor = |values: [f32; 2]| Tensor::from_slice(&values, (1, 2), &Processor::Cpu).expect("tensor");
    for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        assert!(run(&cuda, &[tensor([1.0, value])]).is_err(), "{value}");
        assert!(run(&cuda, &[tensor([1.0, 2.0])]).is_ok());
    }
}

#[test]
fn what_is_prepared_on_the_device_is_what_the_host_prepares() {
    use crate::prepare::{Air, Frame, Source as Pixels, Steps};
    let graph = Graph::build(|b| {
        let x = b.relu(b.pp("a").conv(b.input_maps(1, 1, 40, 36), 8, 3, 2, 1, true)?);
        b.output("y", b.mean_over_map(x));
        Ok(())
    })
    .expect("graph");
    let patches = Graph::build(|b| {
        let x = b.pp("a").conv(b.input_maps(3, 1, 9, 9), 8, 3, 1, 1, true)?;
        b.output("y", b.max_over_item(b.max_over_map(x)));
        Ok(())
    })
    .expect("graph");
    let (whole, cut) = (network(&graph, Precision::F32, false), network(&patches, Precision::F32, false));
    let preparation = |seed: usize| {
        let stored: Vec<u16> = (0..60 * 50).map(|i| ((i * 7919 + seed * 131) % 4096) as u16).collect();
        let source = Pixels::new(Arc::new(stored), 50, 3..58, 2..49, seed % 2 == 1).expect("inside");
        let air = Air { value: 100, padding: (1, 0) };
        Preparation::new(source, Steps::Window { air, frame: Frame { size: [40, 36], at: [2, 5] } })
    };
    let preparations: Vec<Preparation> = (0..3).filter_map(|seed| preparation(seed).ok()).collect();
    assert!(!preparations.is_empty(), "no preparation is sound");
    let preparations: Vec<&Preparation> = preparations.iter().collect();
    let shape = preparations[0].shape();
    let there = Images(Where::Device(whole.prepare(&preparations, shape).expect("prepares").expect("fits")));
    let here = Images::on_host(&preparations).expect("prepares");
    assert_eq!(there.dims(), here.dims());
    let result = |network: &Cuda, images: &Images| doubles(&network.run(&[images]).expect("runs")["y"]);
    assert_eq!(result(&whole, &there), result(&whole, &here));
    let places: Vec<Vec<(usize, usize)>> =
        (0..preparations.len()).map(|i| vec![(i, 2), (31, 27), (7 * i, 5 * i + 1)]).collect();
    let (there, here) = (there.patches(&places, 9).expect("inside"), here.patches(&places, 9).expect("inside"));
    assert_eq!(there.dims(), here.dims());
    assert_eq!(result(&cut, &there), result(&cut, &here));
    assert!(
        Images::on_host(&preparations).expect("prepares").patches(&places, 33).is_err(),
        "patches leave the images"
    );
}
