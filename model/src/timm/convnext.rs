//! ConvNeXt (Liu et al., arXiv 2201.03545), tiny to large, under timm's names.
//!
//! | layer | rows and columns | |
//! |---|---|---|
//! | stem | / 4 | 4 x 4 convolution, norm |
//! | stages.0 | / 4 | `depths[0]` blocks of `widths[0]` channels |
//! | stages.1, 2, 3 | / 8, / 16, / 32 | norm, 2 x 2 convolution; `depths[i]` blocks of `widths[i]` channels |
//! | head | 1 | mean, norm, linear |
//!
//! Norms are layer norms over the channels of a pixel. What is left over at the end of a row or column that no stride
//! divides is not looked at. The norm between mean and linear layer is why no class activation map is drawn: the score
//! is no sum over places.

use uvid_kernels::{Builder, Graph, GraphError, Map};

use super::Network;

/// Added to every variance.
const EPS: f64 = 1e-6;

/// The network for an input of these channels, rows and columns; its output is `logits`.
pub(crate) fn describe(
    network: &Network,
    classes: usize,
    channels: usize,
    [rows, columns]: [usize; 2],
) -> Result<Graph, GraphError> {
    Graph::build(|b| {
        let mut x = b.input_maps(1, channels, rows, columns);
        for (stage, (depth, width)) in network.depths.iter().zip(&network.widths).enumerate() {
            let here = b.pp("stages").pp(stage);
            x = if stage == 0 {
                let stem = b.pp("stem");
                stem.mark(stem.pp(1).layer_norm(stem.pp(0).conv(x, *width, 4, 4, 0, true)?, EPS))
            } else {
                let down = here.pp("downsample");
                down.pp(1).conv(down.pp(0).layer_norm(x, EPS), *width, 2, 2, 0, true)?
            };
            for i in 0..*depth {
                x = block(&here.pp("blocks").pp(i), x)?;
            }
            here.mark(x);
        }
        let head = b.pp("head");
        let pooled = head.pp("norm").layer_norm(network.pool.of(b, x), EPS);
        b.output("logits", head.pp("fc").linear(pooled, classes, true));
        Ok(())
    })
}

/// `x + gamma * mlp(norm(depthwise 7 x 7 (x)))`, the hidden layer four times as wide.
fn block(b: &Builder<'_>, x: Map) -> Result<Map, GraphError> {
    let width = b.shape(x).channels();
    let y = b.pp("conv_dw").depthwise_conv(x, 7, 1, 3, true)?;
    let y = b.pp("norm").layer_norm(y, EPS);
    let mlp = b.pp("mlp");
    let y = b.gelu(mlp.pp("fc1").linear(y, 4 * width, true));
    let y = mlp.pp("fc2").linear(y, width, true);
    b.add(b.scale_channels(y, "gamma"), x)
}

/// Small networks, of odd sizes, for the test that runs every architecture on every backend.
#[cfg(test)]
pub(crate) fn examples() -> Vec<Graph> {
    let network = |widths: [usize; 4]| Network {
        family: super::Family::Convnext,
        depths: vec![1, 1, 2, 1],
        widths: widths.to_vec(),
        pool: super::Pool::Mean,
    };
    let graph = |widths, channels| describe(&network(widths), 3, channels, [69, 78]).expect("fits");
    vec![graph([16, 32, 48, 64], 3), graph([5, 9, 18, 20], 1)]
}
