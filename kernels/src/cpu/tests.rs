//! The compiled executor beside the reference: every operation, every fusion, every instruction set.

use candle_core::{Device, Tensor};

use super::*;
use crate::{Reference, examples, trial};

fn tensor(values: &[f32], shape: &[usize]) -> Tensor {
    Tensor::from_slice(values, shape, &Device::Cpu).expect("tensor")
}

fn doubles(t: &Tensor) -> Vec<f64> {
    trial::doubles(t).expect("values")
}

/// Every set, with marks and without, batches of 1 to 9: not much further from f64 than the reference in f32 is; and
/// an item's bits are the same in every batch.
fn check(name: &str, graph: Graph) {
    let weights = trial::weights(&graph).expect("weights");
    let (single, double) = (
        Reference::new(graph.clone(), weights.clone()).expect(name),
        Reference::in_f64(graph.clone(), &weights).expect(name),
    );
    for batch in [1, 2, 3, 9] {
        let inputs = trial::inputs(&graph, batch).expect(name);
        let (single, double) = (single.run(&inputs).expect(name), double.run(&inputs).expect(name));
        for set in InstructionSet::ALL.into_iter().filter(|set| set.is_available()) {
            for marks in [false, true] {
                let options = Options { set, marks, ..Options::default() };
                let cpu = Cpu::new(graph.clone(), &weights, options).expect(name);
                let found = cpu.run(&inputs).expect(name);
                assert_eq!(found.len(), if marks { single.len() + graph.marks().len() } else { single.len() });
                for (output, exact) in &double {
                    let (exact, single, found) = (doubles(exact), doubles(&single[output]), doubles(&found[output]));
                    let (off, allowed) = (trial::distance(&found, &exact), trial::tolerance(&exact, &single));
                    assert!(off <= allowed, "{name} {set} batch {batch} {output}: {off:e} of {allowed:e}");
                }
                let first = trial::first(&inputs, 1, batch).expect(name);
                for (output, alone) in cpu.run(&first).expect(name) {
                    let (alone, among) = (doubles(&alone), doubles(&found[&output]));
                    assert_eq!(alone, among[..alone.len()], "{name} {set} {output}: neighbours in a batch");
                }
            }
        }
    }
}

#[test]
fn every_fusion_gives_what_the_reference_gives() {
    examples::all().into_iter().for_each(|(name, graph)| check(name, graph));
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
    for set in InstructionSet::ALL.into_iter().filter(|set| set.is_available()) {
        let options = Options { set, ..Options::default() };
        let network = Cpu::new(graph.clone(), &Weights::default(), options).expect("compiles");
        for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            assert!(network.run(&[tensor(&[1.0, value], &[1, 2])]).is_err(), "{set} {value}");
        }
        assert!(network.run(&[tensor(&[1.0, 2.0], &[1, 2])]).is_ok());
    }
}

#[test]
fn what_is_no_number_is_not_forgotten_by_a_pool() {
    let graph = |stem: bool| {
        Graph::build(|b| {
            let x = b.input_maps(1, if stem { 1 } else { 5 }, 4, 4);
            let x = b.pp("c").conv(x, 3, 1, 1, 0, false)?;
            b.output("y", b.max_pool(x, 2, 2, 0)?);
            Ok(())
        })
        .expect("graph")
    };
    for (set, stem) in InstructionSet::ALL.into_iter().flat_map(|set| [(set, false), (set, true)]) {
        let Ok(cpu) = Cpu::new(
            graph(stem),
            &trial::weights(&graph(stem)).expect("weights"),
            Options { set, ..Options::default() },
        ) else {
            continue;
        };
        let inputs = trial::inputs(&graph(stem), 1).expect("inputs");
        assert!(cpu.run(&inputs).is_ok());
        let values = inputs[0].flatten_all().and_then(|t| t.to_vec1::<f32>()).expect("values");
        for at in 0..16 {
            let mut values = values.clone();
            values[at] = f32::NAN;
            assert!(cpu.run(&[tensor(&values, inputs[0].dims())]).is_err(), "{set} stem {stem} {at}");
        }
    }
}

#[test]
fn bits_do_not_depend_on_threads() {
    let graph = Graph::build(|b| {
        let x = b.relu(b.pp("a").conv(b.input_maps(1, 1, 200, 150), 32, 7, 2, 3, true)?);
        let x = b.relu(b.pp("b").conv(x, 32, 3, 1, 1, true)?);
        b.output("y", b.mean_over_map(b.pp("c").conv(x, 64, 3, 2, 1, true)?));
        Ok(())
    })
    .expect("graph");
    let weights = trial::weights(&graph).expect("weights");
    let cpu = Cpu::new(graph.clone(), &weights, Options::default()).expect("compiles");
    let inputs = trial::inputs(&graph, 2).expect("inputs");
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("pool");
        doubles(&pool.install(|| cpu.run(&inputs)).expect("runs")["y"])
    };
    let one = run(1);
    for threads in [2, 3, 7] {
        assert_eq!(run(threads), one, "{threads}");
    }
}
