//! The reference against arithmetic written out, over random shapes and values.

use proptest::prelude::*;

use super::*;
use crate::trial::noise;
use crate::{Builder, Features, GraphError};

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

fn double(values: &[f32]) -> Vec<f64> {
    values.iter().copied().map(f64::from).collect()
}

fn padding() -> impl Strategy<Value = Padding> {
    prop::array::uniform4(0usize..3).prop_map(|[top, bottom, left, right]| Padding { top, bottom, left, right })
}

/// Where the windows over a padded plane begin, row by row; negative in the padding.
fn corners((h, w): (usize, usize), k: usize, stride: usize, p: Padding) -> Vec<(i64, i64)> {
    let places = |size: usize| (0..=size - k).step_by(stride);
    let rows = places(h + p.top + p.bottom).map(move |r| r as i64 - p.top as i64);
    let columns = move || places(w + p.left + p.right).map(move |c| c as i64 - p.left as i64);
    rows.flat_map(|r| columns().map(move |c| (r, c))).collect()
}

/// The values of a plane under a window, with their places in it; those outside the plane are left out.
fn under(x: &[f32], w: usize, k: usize, (top, left): (i64, i64)) -> Vec<(usize, f64)> {
    let h = x.len() / w;
    let inside = |i: usize| {
        let (r, c) = (top + (i / k) as i64, left + (i % k) as i64);
        let within = (0..h as i64).contains(&r) && (0..w as i64).contains(&c);
        within.then(|| (i, f64::from(x[r as usize * w + c as usize])))
    };
    (0..k * k).filter_map(inside).collect()
}

/// `exp(x)` over the sum of all.
fn softmax(x: &[f64]) -> Vec<f64> {
    let sum: f64 = x.iter().map(|v| v.exp()).sum();
    x.iter().map(|v| v.exp() / sum).collect()
}

/// The integral of the Gaussian, by its series.
fn erf(x: f64) -> f64 {
    let mut term = x;
    let mut sum = x;
    for n in 1..60 {
        term *= -x * x / f64::from(n);
        sum += term / f64::from(2 * n + 1);
    }
    sum * 2.0 / std::f64::consts::PI.sqrt()
}

#[test]
fn what_is_no_number_is_no_result() {
    let check = |describe: fn(&Builder<'_>) -> Result<(), GraphError>, fits: bool| {
        let graph = Graph::build(describe).expect("graph");
        let network = Reference::new(graph, Weights::default()).expect("serves");
        for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            assert_eq!(network.run(&[tensor(&[1.0, value], &[1, 2])]).is_ok(), fits, "{value}");
        }
        assert!(network.run(&[tensor(&[1.0, 2.0], &[1, 2])]).is_ok());
    };
    check(
        |b| {
            b.output("y", b.input_features(1, 2));
            Ok(())
        },
        false,
    );
    check(
        |b| {
            b.output("y", b.sigmoid(b.input_features(1, 2)));
            Ok(())
        },
        false,
    );
    check(
        |b| {
            b.output("y", b.softmax_over_channels(b.input_features(1, 2), 2)?);
            Ok(())
        },
        false,
    );
    check(
        |b| {
            b.output("y", b.softmax_over_item(b.input_features(1, 2)));
            Ok(())
        },
        false,
    );
    // What nobody reads may be anything.
    check(
        |b| {
            b.output("y", b.slice_channels(b.input_features(1, 2), 0, 1)?);
            Ok(())
        },
        true,
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn convolution_is_a_sum_of_products(
        n in 1usize..3, c in 1usize..4, o in 1usize..4, h in 3usize..9, w in 3usize..9,
        k in 1usize..4, stride in 1usize..3, p in padding(), seed: u64,
    ) {
        let x = noise(seed, n * c * h * w);
        let (found, weights) = run(
            |b| { b.output("y", b.pp("conv").conv(b.input_maps(1, c, h, w), o, k, stride, p, true)?); Ok(()) },
            &[tensor(&x, &[n, c, h, w])],
        );
        let (kernel, bias) = (values(&weights, "conv.weight"), values(&weights, "conv.bias"));
        let mut expected = Vec::new();
        for (item, out) in (0..n).flat_map(|item| (0..o).map(move |out| (item, out))) {
            expected.extend(corners((h, w), k, stride, p).into_iter().map(|at| {
                let plane = |ch: usize| under(&x[(item * c + ch) * h * w..][..h * w], w, k, at);
                let product = |ch: usize, (i, v): (usize, f64)| v * f64::from(kernel[(out * c + ch) * k * k + i]);
                let sum: f64 = (0..c).flat_map(|ch| plane(ch).into_iter().map(move |v| product(ch, v))).sum();
                sum + f64::from(bias[out])
            }));
        }
        assert_close(&found, &expected);
    }

    #[test]
    fn depthwise_convolution_keeps_to_its_channel(
        n in 1usize..3, c in 1usize..5, h in 3usize..9, w in 3usize..9,
        k in 1usize..4, stride in 1usize..3, p in padding(), seed: u64,
    ) {
        let x = noise(seed, n * c * h * w);
        let (found, weights) = run(
            |b| { b.output("y", b.pp("dw").depthwise_conv(b.input_maps(1, c, h, w), k, stride, p, true)?); Ok(()) },
            &[tensor(&x, &[n, c, h, w])],
        );
        let (kernel, bias) = (values(&weights, "dw.weight"), values(&weights, "dw.bias"));
        let mut expected = Vec::new();
        for (plane, ch) in x.chunks(h * w).zip((0..c).cycle()) {
            expected.extend(corners((h, w), k, stride, p).into_iter().map(|at| {
                let products = under(plane, w, k, at).into_iter().map(|(i, v)| v * f64::from(kernel[ch * k * k + i]));
                products.sum::<f64>() + f64::from(bias[ch])
            }));
        }
        assert_close(&found, &expected);
    }

    #[test]
    fn pools_take_the_largest_and_the_mean(
        h in 3usize..9, w in 3usize..9, k in 2usize..4, stride in 1usize..3, p in padding(), seed: u64,
    ) {
        // All values negative: a padding of zeros would win.
        let x: Vec<f32> = noise(seed, 2 * h * w).iter().map(|v| v - 2.0).collect();
        // A window that lies in the padding alone has no largest value.
        prop_assume!([p.top, p.bottom, p.left, p.right].iter().all(|n| *n < k));
        let pooled = |p: Padding, of: &dyn Fn(Vec<f64>) -> f64| -> Vec<f64> {
            let at = |plane, at| of(under(plane, w, k, at).into_iter().map(|(_, v)| v).collect());
            let corners = corners((h, w), k, stride, p);
            x.chunks(h * w).flat_map(|plane| corners.iter().map(move |c| at(plane, *c))).collect()
        };
        let input = [tensor(&x, &[1, 2, h, w])];
        let (found, _) =
            run(|b| { b.output("y", b.max_pool(b.input_maps(1, 2, h, w), k, stride, p)?); Ok(()) }, &input);
        assert_close(&found, &pooled(p, &|v| v.into_iter().fold(f64::NEG_INFINITY, f64::max)));
        let (found, _) = run(|b| { b.output("y", b.mean_pool(b.input_maps(1, 2, h, w), k, stride)?); Ok(()) }, &input);
        assert_close(&found, &pooled(Padding::default(), &|v| v.iter().sum::<f64>() / v.len() as f64));
    }

    #[test]
    fn same_padding_has_as_many_places_as_strides(size in 1usize..40, kernel in 1usize..8, stride in 1usize..4) {
        let p = Padding::same(size, size, kernel, stride);
        prop_assert!(p.bottom - p.top <= 1 && (p.top, p.bottom) == (p.left, p.right));
        // A kernel shorter than the stride may leave the last one without; nothing is ever cut off.
        if kernel >= stride {
            prop_assert_eq!((size + p.top + p.bottom - kernel) / stride + 1, size.div_ceil(stride));
        }
    }

    #[test]
    fn batch_norm_uses_the_stored_statistics(
        n in 1usize..3, c in 1usize..5, h in 1usize..4, w in 1usize..4, seed: u64,
    ) {
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
    fn layer_norm_and_linear_look_at_one_pixel(
        n in 1usize..3, c in 1usize..5, o in 1usize..4, h in 1usize..4, w in 1usize..4, seed: u64,
    ) {
        let x = noise(seed, n * c * h * w);
        let at = |item: usize, ch: usize, i: usize| f64::from(x[(item * c + ch) * h * w + i]);
        let pixels: Vec<Vec<f64>> = (0..n)
            .flat_map(|item| (0..h * w).map(move |i| (item, i)))
            .map(|(item, i)| (0..c).map(|ch| at(item, ch, i)).collect())
            .collect();
        // The pixels' vectors, in the order of a map.
        let as_map = |vectors: &[Vec<f64>]| -> Vec<f64> {
            let items = vectors.chunks(h * w);
            items.flat_map(|item| (0..item[0].len()).flat_map(|ch| item.iter().map(move |v| v[ch]))).collect()
        };
        let vectors: Vec<f32> = pixels.iter().flatten().map(|v| *v as f32).collect();
        let inputs = [tensor(&x, &[n, c, h, w]), tensor(&vectors, &[n * h * w, c])];

        let normed = |p: &dyn Fn(&str) -> Vec<f32>| -> Vec<Vec<f64>> {
            let (weight, bias) = (double(&p("weight")), double(&p("bias")));
            let norm = |v: &Vec<f64>| {
                let mean = v.iter().sum::<f64>() / c as f64;
                let var = v.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / c as f64;
                (0..c).map(|ch| (v[ch] - mean) / (var + 1e-3).sqrt() * weight[ch] + bias[ch]).collect()
            };
            pixels.iter().map(norm).collect()
        };
        let (found, weights) = run(
            |b| { b.output("y", b.pp("p").layer_norm(b.input_maps(1, c, h, w), 1e-3)); Ok(()) }, &inputs[..1],
        );
        let expected = normed(&|name| values(&weights, &format!("p.{name}")));
        assert_close(&found, &as_map(&expected));
        let (found, _) = run(
            |b| { b.output("y", b.pp("p").layer_norm(b.input_features(1, c), 1e-3)); Ok(()) }, &inputs[1..],
        );
        assert_close(&found, &expected.concat());

        let (found, weights) = run(
            |b| { b.output("y", b.pp("p").linear(b.input_maps(1, c, h, w), o, true)); Ok(()) }, &inputs[..1],
        );
        let (weight, bias) = (double(&values(&weights, "p.weight")), double(&values(&weights, "p.bias")));
        let dot = |v: &[f64], out: usize| v.iter().zip(&weight[out * c..]).map(|(a, b)| a * b).sum::<f64>();
        let expected: Vec<Vec<f64>> =
            pixels.iter().map(|v| (0..o).map(|out| dot(v, out) + bias[out]).collect()).collect();
        assert_close(&found, &as_map(&expected));
        let (found, _) = run(
            |b| { b.output("y", b.pp("p").linear(b.input_features(1, c), o, true)); Ok(()) }, &inputs[1..],
        );
        assert_close(&found, &expected.concat());
    }

    #[test]
    fn channels_are_scaled_joined_and_cut(n in 1usize..3, c in 1usize..5, h in 1usize..4, w in 1usize..4, seed: u64) {
        let (x, f) = (noise(seed, n * c * h * w), noise(!seed, n * c));
        let channel = |i: usize| i / (h * w) % c;
        let maps = [tensor(&x, &[n, c, h, w])];
        let (found, weights) =
            run(|b| { b.output("y", b.scale_channels(b.input_maps(1, c, h, w), "gamma")); Ok(()) }, &maps);
        let gamma = double(&values(&weights, "gamma"));
        assert_close(&found, &x.iter().enumerate().map(|(i, v)| f64::from(*v) * gamma[channel(i)]).collect::<Vec<_>>());

        let both = [maps[0].clone(), tensor(&f, &[n, c])];
        let (found, _) = run(
            |b| { b.output("y", b.mul_channels(b.input_maps(1, c, h, w), b.input_features(1, c))?); Ok(()) }, &both,
        );
        let of = |i: usize| f64::from(f[i / (h * w)]);
        assert_close(&found, &x.iter().enumerate().map(|(i, v)| f64::from(*v) * of(i)).collect::<Vec<_>>());

        let (found, _) = run(
            |b| { let x = b.input_maps(1, c, h, w); b.output("y", b.concat(x, b.relu(x))?); Ok(()) }, &maps,
        );
        let joined = |item: &[f32]| {
            let item = double(item);
            item.iter().copied().chain(item.iter().map(|v| v.max(0.0))).collect::<Vec<f64>>()
        };
        assert_close(&found, &x.chunks(c * h * w).flat_map(joined).collect::<Vec<_>>());

        let from = seed as usize % c;
        let (found, _) = run(
            |b| { b.output("y", b.slice_channels(b.input_features(1, c), from, c - from)?); Ok(()) }, &both[1..],
        );
        assert_close(&found, &f.chunks(c).flat_map(|v| double(&v[from..])).collect::<Vec<_>>());

        // A vector as a pixel and back is the vector.
        let (found, _) = run(
            |b| { b.output("y", b.as_features(b.as_pixel(b.input_features(1, c)))?); Ok(()) }, &both[1..],
        );
        assert_close(&found, &double(&f));
    }

    #[test]
    fn curves_are_their_formulas(n in 1usize..20, seed: u64) {
        let x: Vec<f32> = noise(seed, n).iter().map(|v| 4.0 * v).collect();
        let check = |describe: fn(&Builder<'_>, Features) -> Features, formula: &dyn Fn(f64) -> f64| {
            let (found, _) =
                run(|b| { b.output("y", describe(b, b.input_features(1, n))); Ok(()) }, &[tensor(&x, &[1, n])]);
            assert_close(&found, &x.iter().map(|v| formula(f64::from(*v))).collect::<Vec<_>>());
        };
        check(|b, x| b.relu(x), &|x| if x > 0.0 { x } else { 0.0 });
        check(|b, x| b.sigmoid(x), &|x| 1.0 / (1.0 + (-x).exp()));
        check(|b, x| b.tanh(x), &|x| (x.exp() - (-x).exp()) / (x.exp() + (-x).exp()));
        check(|b, x| b.silu(x), &|x| x / (1.0 + (-x).exp()));
        check(|b, x| b.gelu(x), &|x| x * (1.0 + erf(x / 2f64.sqrt())) / 2.0);
    }

    #[test]
    fn a_table_is_weighed_by_its_rows(n in 1usize..4, rows in 1usize..5, c in 1usize..4, seed: u64) {
        let x = noise(seed, n * rows);
        let (found, weights) =
            run(|b| { b.output("y", b.table(b.input_features(1, rows), "t", c)); Ok(()) }, &[tensor(&x, &[n, rows])]);
        let t = double(&values(&weights, "t"));
        let weighed = |v: &[f64], ch: usize| v.iter().enumerate().map(|(r, x)| x * t[r * c + ch]).sum::<f64>();
        let sums = |v: &[f32]| (0..c).map(|ch| weighed(&double(v), ch)).collect::<Vec<f64>>();
        assert_close(&found, &x.chunks(rows).flat_map(sums).collect::<Vec<_>>());
    }

    #[test]
    fn softmax_sums_to_1_in_each_group(n in 1usize..4, groups in 1usize..4, group in 1usize..5, seed: u64) {
        let x = noise(seed, n * groups * group);
        let (found, _) = run(
            |b| { b.output("y", b.softmax_over_channels(b.input_features(1, groups * group), group)?); Ok(()) },
            &[tensor(&x, &[n, groups * group])],
        );
        assert_close(&found, &x.chunks(group).flat_map(|g| softmax(&double(g))).collect::<Vec<_>>());
    }

    #[test]
    fn an_items_vectors_become_one(batch in 1usize..4, k in 1usize..5, c in 1usize..5, seed: u64) {
        let x = noise(seed, batch * k * c);
        let input = [tensor(&x, &[batch * k, c])];
        let check = |describe: fn(&Builder<'_>, Features) -> Features, of: &dyn Fn(Vec<f64>) -> f64| {
            let (found, _) = run(|b| { b.output("y", describe(b, b.input_features(k, c))); Ok(()) }, &input);
            let channel = |item: &[f32], ch: usize| of(double(item).into_iter().skip(ch).step_by(c).collect());
            let expected: Vec<f64> =
                x.chunks(k * c).flat_map(|item| (0..c).map(|ch| channel(item, ch)).collect::<Vec<_>>()).collect();
            assert_close(&found, &expected);
        };
        check(|b, x| b.mean_over_item(x), &|v| v.iter().sum::<f64>() / v.len() as f64);
        check(|b, x| b.max_over_item(x), &|v| v.into_iter().fold(f64::NEG_INFINITY, f64::max));
        // One after the other is how they lie; what counts is the shape that the next layer sees.
        let (found, weights) = run(
            |b| { b.output("y", b.pp("p").linear(b.join_item(b.input_features(k, c)), 1, false)); Ok(()) }, &input,
        );
        let weight = double(&values(&weights, "p.weight"));
        let dot = |item: &[f32]| double(item).iter().zip(&weight).map(|(a, b)| a * b).sum::<f64>();
        assert_close(&found, &x.chunks(k * c).map(dot).collect::<Vec<_>>());
    }

    #[test]
    fn attention_is_by_heads_within_each_item(
        batch in 1usize..3, k in 1usize..5, heads in 1usize..4, part in 1usize..4, seed: u64,
    ) {
        let c = heads * part;
        let [q, key, v] = [1, 2, 3].map(|i| noise(seed.wrapping_mul(i), batch * k * c));
        let (found, _) = run(
            |b| {
                let [q, key, v] = [(); 3].map(|()| b.input_features(k, c));
                b.output("y", b.attention(q, key, v, heads)?);
                Ok(())
            },
            &[&q, &key, &v].map(|x| tensor(x, &[batch * k, c])),
        );
        let mut expected = Vec::new();
        for (item, of, ch) in (0..batch).flat_map(|i| (0..k).flat_map(move |of| (0..c).map(move |ch| (i, of, ch)))) {
            let at = |x: &[f32], vector: usize, ch: usize| f64::from(x[(item * k + vector) * c + ch]);
            let head = ch / part * part..ch / part * part + part;
            let likeness = |other: usize| {
                head.clone().map(|j| at(&q, of, j) * at(&key, other, j)).sum::<f64>() / (part as f64).sqrt()
            };
            let weights = softmax(&(0..k).map(likeness).collect::<Vec<_>>());
            expected.push((0..k).map(|other| weights[other] * at(&v, other, ch)).sum());
        }
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
