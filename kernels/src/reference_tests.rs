//! The reference against arithmetic written out, over random shapes and values.

use proptest::prelude::*;

use super::*;
use crate::{Builder, GraphError};

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

fn tensor(values: &[f32], shape: &[usize]) -> Tensor {
    Tensor::from_slice(values, shape, &Device::Cpu).expect("tensor")
}

/// Runs the network on `inputs` with weights drawn from noise (variances positive).
fn run(describe: impl FnOnce(&Builder<'_>) -> Result<(), GraphError>, inputs: &[Tensor]) -> (Vec<f32>, Weights) {
    let graph = Graph::build(describe).expect("graph");
    let drawn = graph.parameters().into_iter().enumerate().map(|(i, p)| {
        let mut values = noise(i as u64 + 1, p.shape.iter().product());
        if p.name.ends_with("running_var") {
            values.iter_mut().for_each(|v| *v = 1.0 + 0.5 * *v);
        }
        (p.name.clone(), tensor(&values, &p.shape))
    });
    let weights = Weights::from_tensors(drawn.collect::<Vec<_>>()).expect("weights");
    let outputs = Reference::new(graph, weights.clone()).expect("serves").run(inputs).expect("runs");
    (outputs["y"].flatten_all().expect("flat").to_vec1().expect("f32"), weights)
}

fn values(weights: &Weights, name: &str) -> Vec<f32> {
    weights.get(name).expect(name).flatten_all().expect("flat").to_vec1().expect("f32")
}

/// Fails on NaN.
fn assert_close(found: &[f32], expected: &[f64]) {
    assert_eq!(found.len(), expected.len());
    for (i, (f, e)) in found.iter().zip(expected).enumerate() {
        let off = (f64::from(*f) - e).abs();
        assert!(off <= 1e-5 * (1.0 + e.abs()), "value {i}: {f}, expected {e}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn convolution_is_a_sum_of_products(
        n in 1usize..3, c in 1usize..4, o in 1usize..4, h in 3usize..9, w in 3usize..9,
        k in 1usize..4, stride in 1usize..3, padding in 0usize..3, seed: u64,
    ) {
        let x = noise(seed, n * c * h * w);
        let (found, weights) = run(
            |b| { b.output("y", b.pp("conv").conv(b.input_maps(1, c, h, w), o, k, stride, padding, true)?); Ok(()) },
            &[tensor(&x, &[n, c, h, w])],
        );
        let (kernel, bias) = (values(&weights, "conv.weight"), values(&weights, "conv.bias"));
        let (oh, ow) = ((h + 2 * padding - k) / stride + 1, (w + 2 * padding - k) / stride + 1);
        let mut expected = Vec::new();
        for item in 0..n {
            for out in 0..o {
                for (i, j) in (0..oh).flat_map(|i| (0..ow).map(move |j| (i, j))) {
                    let mut sum = f64::from(bias[out]);
                    for (ch, di, dj) in (0..c).flat_map(|a| (0..k).flat_map(move |b| (0..k).map(move |d| (a, b, d)))) {
                        let (r, q) = ((i * stride + di).wrapping_sub(padding), (j * stride + dj).wrapping_sub(padding));
                        if r < h && q < w {
                            let x = f64::from(x[((item * c + ch) * h + r) * w + q]);
                            sum += x * f64::from(kernel[((out * c + ch) * k + di) * k + dj]);
                        }
                    }
                    expected.push(sum);
                }
            }
        }
        assert_close(&found, &expected);
    }

    #[test]
    fn max_pool_ignores_what_is_outside(
        h in 2usize..9, w in 2usize..9, k in 2usize..4, stride in 1usize..3, padding in 0usize..2, seed: u64,
    ) {
        prop_assume!(h + 2 * padding >= k && w + 2 * padding >= k);
        // All values negative: a padding of zeros would win.
        let x: Vec<f32> = noise(seed, h * w).iter().map(|v| v - 2.0).collect();
        let (found, _) = run(
            |b| { b.output("y", b.max_pool(b.input_maps(1, 1, h, w), k, stride, padding)?); Ok(()) },
            &[tensor(&x, &[1, 1, h, w])],
        );
        let (oh, ow) = ((h + 2 * padding - k) / stride + 1, (w + 2 * padding - k) / stride + 1);
        let mut expected = Vec::new();
        for (i, j) in (0..oh).flat_map(|i| (0..ow).map(move |j| (i, j))) {
            let window = (0..k).flat_map(|di| (0..k).map(move |dj| (i * stride + di, j * stride + dj)));
            let inside = window.filter_map(|(r, q)| {
                let (r, q) = (r.checked_sub(padding)?, q.checked_sub(padding)?);
                (r < h && q < w).then(|| f64::from(x[r * w + q]))
            });
            expected.push(inside.fold(f64::NEG_INFINITY, f64::max));
        }
        assert_close(&found, &expected);
    }

    #[test]
    fn batch_norm_uses_the_stored_statistics(n in 1usize..3, c in 1usize..5, h in 1usize..4, w in 1usize..4, seed: u64) {
        let x = noise(seed, n * c * h * w);
        let (found, weights) = run(
            |b| { b.output("y", b.pp("bn").batch_norm(b.input_maps(1, c, h, w))); Ok(()) },
            &[tensor(&x, &[n, c, h, w])],
        );
        let p = |name: &str| values(&weights, &format!("bn.{name}"));
        let (weight, bias, mean, var) = (p("weight"), p("bias"), p("running_mean"), p("running_var"));
        let expected: Vec<f64> = x.iter().enumerate().map(|(i, v)| {
            let ch = i / (h * w) % c;
            let f = |p: &[f32]| f64::from(p[ch]);
            (f64::from(*v) - f(&mean)) / (f(&var) + 1e-5).sqrt() * f(&weight) + f(&bias)
        }).collect();
        assert_close(&found, &expected);
    }

    #[test]
    fn attention_weighs_the_vectors_of_each_item_alone(batch in 1usize..4, k in 1usize..6, c in 1usize..5, seed: u64) {
        let x = noise(seed, batch * k * c);
        let (found, weights) = run(
            |b| {
                let x = b.mean_over_map(b.input_maps(k, c, 1, 1));
                let alpha = b.softmax_over_item(b.pp("w").linear(x, 1, false));
                b.output("y", b.weighted_sum_over_item(alpha, x)?);
                Ok(())
            },
            &[tensor(&x, &[batch * k, c, 1, 1])],
        );
        let w = values(&weights, "w.weight");
        let mut expected = Vec::new();
        for item in x.chunks(k * c) {
            let exp: Vec<f64> = item.chunks(c)
                .map(|v| v.iter().zip(&w).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>().exp()).collect();
            let total: f64 = exp.iter().sum();
            for ch in 0..c {
                expected.push((0..k).map(|i| exp[i] / total * f64::from(item[i * c + ch])).sum());
            }
        }
        assert_close(&found, &expected);
    }
}

#[test]
fn a_batch_of_the_wrong_shape_is_an_error() {
    let graph = Graph::build(|b| {
        b.output("y", b.mean_over_map(b.input_maps(2, 1, 3, 3)));
        Ok(())
    })
    .expect("graph");
    let reference = Reference::new(graph, Weights::default()).expect("needs none");
    for (shape, fits) in [
        (vec![2, 1, 3, 3], true),
        (vec![4, 1, 3, 3], true),
        (vec![3, 1, 3, 3], false),
        (vec![2, 1, 3, 4], false),
        (vec![0, 1, 3, 3], false),
    ] {
        let x = Tensor::zeros(shape.clone(), candle_core::DType::F32, &Device::Cpu).expect("zeros");
        assert_eq!(reference.run(&[x]).is_ok(), fits, "{shape:?}");
    }
    assert!(reference.run(&[]).is_err());
}
