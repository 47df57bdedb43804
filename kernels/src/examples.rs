//! Small networks for tests: every operation, every fusion, odd sizes.

use crate::{Builder, Graph, GraphError, Padding};

type Named = (&'static str, Graph);

fn graph(name: &'static str, describe: impl Fn(&Builder<'_>) -> Result<(), GraphError>) -> Named {
    (name, Graph::build(&describe).expect(name))
}

/// All of them.
pub(crate) fn all() -> Vec<Named> {
    [fusions(), vectors(), inputs()].concat()
}

/// Networks of maps: every fusion, and what must not be fused.
pub(crate) fn fusions() -> Vec<Named> {
    vec![
        graph("conv, norm, relu, sum", |b| {
            let x = b.pp("a").conv(b.input_maps(1, 5, 11, 9), 20, 3, 1, 1, true)?;
            let x = b.relu(b.pp("n").batch_norm(x));
            let y = b.pp("m").batch_norm(b.pp("b").conv(x, 20, 3, 1, 1, false)?);
            let x = b.pp("sum").mark(b.relu(b.add(y, x)?));
            b.output("y", x);
            Ok(())
        }),
        graph("pre-activation", |b| {
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
        }),
        graph("grey for colour, stem, pool", |b| {
            let x = b.repeat_channels(b.input_maps(2, 1, 33, 31), 3);
            let x = b.relu(b.pp("bn").batch_norm(b.pp("conv").conv(x, 32, 7, 2, 3, false)?));
            b.output("y", b.max_pool(x, 3, 2, 1)?);
            Ok(())
        }),
        graph("a sum between convolution and pool", |b| {
            let x = b.input_maps(1, 3, 20, 24);
            let y = b.pp("c").conv(x, 3, 3, 1, 1, false)?;
            b.output("y", b.max_pool(b.relu(b.add(y, x)?), 2, 2, 0)?);
            b.output("wider", b.max_pool(b.add(b.pp("d").conv(x, 3, 3, 1, 1, true)?, x)?, 2, 1, 1)?);
            Ok(())
        }),
        graph("repeated otherwise", |b| {
            let x = b.repeat_channels(b.input_maps(1, 3, 5, 4), 2);
            b.output("y", b.relu(x));
            Ok(())
        }),
        graph("densely connected", |b| {
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
        }),
        graph("depthwise, layer norm, gelu, scale", |b| {
            let x = b.pp("stem").conv(b.input_maps(1, 3, 26, 22), 24, 4, 4, 0, true)?;
            let x = b.pp("norm0").layer_norm(x, 1e-6);
            let y = b.pp("norm").layer_norm(b.pp("dw").depthwise_conv(x, 7, 1, 3, true)?, 1e-6);
            let y = b.pp("fc2").linear(b.gelu(b.pp("fc1").linear(y, 96, true)), 24, true);
            let x = b.add(b.pp("scale").scale_channels(y, "gamma"), x)?;
            b.output("y", b.pp("head").layer_norm(b.mean_over_map(x), 1e-6));
            Ok(())
        }),
        graph("squeeze and excitation", |b| {
            let odd = Padding { top: 0, bottom: 1, left: 0, right: 1 };
            let x =
                b.silu(b.pp("bn").batch_norm(b.pp("stem").conv(b.input_maps(1, 1, 20, 17), 19, 3, 2, odd, false)?));
            let y = b.silu(b.pp("bn2").batch_norm(b.pp("dw").depthwise_conv(x, 5, 1, 2, false)?));
            let s = b.silu(b.pp("reduce").conv(b.as_pixel(b.mean_over_map(y)), 5, 1, 1, 0, true)?);
            let s = b.as_features(b.sigmoid(b.pp("expand").conv(s, 19, 1, 1, 0, true)?))?;
            let y = b.pp("bn3").batch_norm(b.pp("pw").conv(b.mul_channels(y, s)?, 19, 1, 1, 0, false)?);
            b.output("y", b.add(y, x)?);
            Ok(())
        }),
    ]
}

/// Networks of vectors: every operation.
pub(crate) fn vectors() -> Vec<Named> {
    vec![
        graph("attention", |b| {
            let x = b.concat(b.pp("t").table(b.input_features(4, 7), "rows", 16), b.input_features(4, 20))?;
            let project = |name: &str| b.pp(name).linear(x, 24, true);
            let y = b.attention(project("q"), project("k"), project("v"), 3)?;
            b.output("y", b.pp("norm").layer_norm(b.add(b.pp("o").linear(y, 36, true), x)?, 1e-5));
            b.output("joined", b.pp("j").linear(b.join_item(x), 5, true));
            b.output("max", b.max_over_item(x));
            b.output("mean", b.mean_over_item(x));
            Ok(())
        }),
        graph("gated attention over patches", |b| {
            let h = b.input_features(6, 32);
            let gate = b.sigmoid(b.pp("u").linear(h, 16, false));
            let value = b.tanh(b.pp("v").linear(h, 16, false));
            let alpha = b.softmax_over_item(b.pp("w").linear(b.mul(gate, value)?, 1, false));
            let z = b.weighted_sum_over_item(alpha, h)?;
            b.output("alpha", alpha);
            b.output("y", b.sigmoid(b.pp("f").linear(b.concat(b.input_features(1, 48), z)?, 2, true)));
            Ok(())
        }),
        graph("pairs of a slice", |b| {
            let x = b.relu(b.pp("fc1").linear(b.join_item(b.input_features(2, 32)), 40, true));
            let x = b.pp("fc2").linear(x, 40, true);
            b.output("low", b.softmax_over_channels(b.slice_channels(x, 0, 4)?, 2)?);
            b.output("mid", b.slice_channels(x, 16, 20)?);
            b.output("odd", b.slice_channels(x, 3, 5)?);
            Ok(())
        }),
    ]
}

/// Inputs that are outputs, and that are used twice.
pub(crate) fn inputs() -> Vec<Named> {
    vec![graph("inputs", |b| {
        let x = b.input_maps(1, 3, 6, 5);
        let y = b.pp("c").conv(x, 3, 3, 1, 1, false)?;
        b.output("x", x);
        b.output("y", b.add(y, x)?);
        b.output("twice", b.add(y, y)?);
        b.output("both", b.concat(x, x)?);
        Ok(())
    })]
}
