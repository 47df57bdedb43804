//! The compiled executor beside the reference: every operation, every fusion, every instruction set.

use candle_core::{Device, Tensor};

use super::*;
use crate::{Builder, GraphError, Padding, Reference, trial};

fn tensor(values: &[f32], shape: &[usize]) -> Tensor {
    Tensor::from_slice(values, shape, &Device::Cpu).expect("tensor")
}

fn doubles(t: &Tensor) -> Vec<f64> {
    trial::doubles(t).expect("values")
}

/// Every set, with marks and without, batches of 1 to 9: not much further from f64 than the reference in f32 is; and
/// an item's bits are the same in every batch.
fn check(name: &str, describe: impl Fn(&Builder<'_>) -> Result<(), GraphError>) {
    let graph = Graph::build(&describe).expect(name);
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
    check("conv, norm, relu, sum", |b| {
        let x = b.pp("a").conv(b.input_maps(1, 5, 11, 9), 20, 3, 1, 1, true)?;
        let x = b.relu(b.pp("n").batch_norm(x));
        let y = b.pp("m").batch_norm(b.pp("b").conv(x, 20, 3, 1, 1, false)?);
        let x = b.pp("sum").mark(b.relu(b.add(y, x)?));
        b.output("y", x);
        Ok(())
    });
    check("pre-activation", |b| {
        let stem = b.pp("stem");
        let x = stem.mark(stem.conv(b.input_maps(1, 1, 37, 29), 16, 7, 2, 3, false)?);
        let mut x = b.pp("pool").mark(b.max_pool(x, 3, 2, 0)?);
        for (i, (out, stride)) in [(16, 1), (24, 2), (24, 1)].into_iter().enumerate() {
            let b = b.pp(i);
            let a = b.relu(b.pp("bn1").batch_norm(x));
            let shortcut = if i < 2 { b.pp("down").conv(a, out, 1, stride, 0, false)? } else { x };
            let y = b.relu(b.pp("bn2").batch_norm(b.pp("conv1").conv(a, out, 3, stride, 1, false)?));
            x = b.mark(b.add(b.pp("conv2").conv(y, out, 3, 1, 1, false)?, shortcut)?);
        }
        let x = b.relu(b.pp("final").batch_norm(x));
        b.output("map", b.sigmoid(b.pp("last").conv(x, 2, 1, 1, 0, false)?));
        b.output("max", b.max_over_map(x));
        b.output("mean", b.mean_over_map(x));
        Ok(())
    });
    check("grey for colour, stem, pool", |b| {
        let x = b.repeat_channels(b.input_maps(2, 1, 33, 31), 3);
        let x = b.relu(b.pp("bn").batch_norm(b.pp("conv").conv(x, 32, 7, 2, 3, false)?));
        b.output("y", b.max_pool(x, 3, 2, 1)?);
        Ok(())
    });
    check("a sum between convolution and pool", |b| {
        let x = b.input_maps(1, 3, 20, 24);
        let y = b.pp("c").conv(x, 3, 3, 1, 1, false)?;
        b.output("y", b.max_pool(b.relu(b.add(y, x)?), 2, 2, 0)?);
        b.output("wider", b.max_pool(b.add(b.pp("d").conv(x, 3, 3, 1, 1, true)?, x)?, 2, 1, 1)?);
        Ok(())
    });
    check("repeated otherwise", |b| {
        let x = b.repeat_channels(b.input_maps(1, 3, 5, 4), 2);
        b.output("y", b.relu(x));
        Ok(())
    });
    check("densely connected", |b| {
        let mut x = b.max_pool(b.pp("stem").conv(b.input_maps(1, 3, 18, 22), 16, 3, 1, 1, false)?, 2, 2, 0)?;
        for (i, growth) in [16, 16, 5, 7].into_iter().enumerate() {
            let b = b.pp(i);
            let y = b.relu(b.pp("norm").batch_norm(x));
            x = b.concat(x, b.pp("conv").conv(y, growth, 3, 1, 1, false)?)?;
        }
        let y = b.relu(b.pp("last").batch_norm(x));
        b.output("y", b.mean_pool(b.pp("t").conv(y, 8, 1, 1, 0, false)?, 2, 2)?);
        b.output("x", x);
        Ok(())
    });
    check("depthwise, layer norm, gelu, scale", |b| {
        let x = b.pp("stem").conv(b.input_maps(1, 3, 26, 22), 24, 4, 4, 0, true)?;
        let x = b.pp("norm0").layer_norm(x, 1e-6);
        let y = b.pp("norm").layer_norm(b.pp("dw").depthwise_conv(x, 7, 1, 3, true)?, 1e-6);
        let y = b.pp("fc2").linear(b.gelu(b.pp("fc1").linear(y, 96, true)), 24, true);
        let x = b.add(b.pp("scale").scale_channels(y, "gamma"), x)?;
        b.output("y", b.pp("head").layer_norm(b.mean_over_map(x), 1e-6));
        Ok(())
    });
    check("squeeze and excitation", |b| {
        let odd = Padding { top: 0, bottom: 1, left: 0, right: 1 };
        let x = b.silu(b.pp("bn").batch_norm(b.pp("stem").conv(b.input_maps(1, 1, 20, 17), 19, 3, 2, odd, false)?));
        let y = b.silu(b.pp("bn2").batch_norm(b.pp("dw").depthwise_conv(x, 5, 1, 2, false)?));
        let s = b.silu(b.pp("reduce").conv(b.as_pixel(b.mean_over_map(y)), 5, 1, 1, 0, true)?);
        let s = b.as_features(b.sigmoid(b.pp("expand").conv(s, 19, 1, 1, 0, true)?))?;
        let y = b.pp("bn3").batch_norm(b.pp("pw").conv(b.mul_channels(y, s)?, 19, 1, 1, 0, false)?);
        b.output("y", b.add(y, x)?);
        Ok(())
    });
}

#[test]
fn every_operation_on_vectors_gives_what_the_reference_gives() {
    check("attention", |b| {
        let x = b.concat(b.pp("t").table(b.input_features(4, 7), "rows", 16), b.input_features(4, 20))?;
        let project = |name: &str| b.pp(name).linear(x, 24, true);
        let y = b.attention(project("q"), project("k"), project("v"), 3)?;
        b.output("y", b.pp("norm").layer_norm(b.add(b.pp("o").linear(y, 36, true), x)?, 1e-5));
        b.output("joined", b.pp("j").linear(b.join_item(x), 5, true));
        b.output("max", b.max_over_item(x));
        b.output("mean", b.mean_over_item(x));
        Ok(())
    });
    check("gated attention over patches", |b| {
        let h = b.input_features(6, 32);
        let gate = b.sigmoid(b.pp("u").linear(h, 16, false));
        let value = b.tanh(b.pp("v").linear(h, 16, false));
        let alpha = b.softmax_over_item(b.pp("w").linear(b.mul(gate, value)?, 1, false));
        let z = b.weighted_sum_over_item(alpha, h)?;
        b.output("alpha", alpha);
        b.output("y", b.sigmoid(b.pp("f").linear(b.concat(b.input_features(1, 48), z)?, 2, true)));
        Ok(())
    });
    check("pairs of a slice", |b| {
        let x = b.relu(b.pp("fc1").linear(b.join_item(b.input_features(2, 32)), 40, true));
        let x = b.pp("fc2").linear(x, 40, true);
        b.output("low", b.softmax_over_channels(b.slice_channels(x, 0, 4)?, 2)?);
        b.output("mid", b.slice_channels(x, 16, 20)?);
        b.output("odd", b.slice_channels(x, 3, 5)?);
        Ok(())
    });
}

#[test]
fn an_input_that_is_an_output_and_one_that_is_used_twice() {
    check("inputs", |b| {
        let x = b.input_maps(1, 3, 6, 5);
        let y = b.pp("c").conv(x, 3, 3, 1, 1, false)?;
        b.output("x", x);
        b.output("y", b.add(y, x)?);
        b.output("twice", b.add(y, y)?);
        b.output("both", b.concat(x, x)?);
        Ok(())
    });
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
