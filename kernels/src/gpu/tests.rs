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
