//! The network: a stem, six residual blocks, a score for every 8 x 8 cell of the input.
//!
//! | layer | channels | output of a 256 x 160 input |
//! |---|---|---|
//! | stem: 3x3 stride 2, BN, ReLU | 1 -> 16 | 128 x 80 |
//! | stages.0.0, stride 2 | 16 -> 32 | 64 x 40 |
//! | stages.1.0, stride 2; stages.1.1 | 32 -> 64 | 32 x 20 |
//! | stages.2.0, stages.2.1 | 64 -> 96 | 32 x 20 |
//! | head: 1x1 with bias | 96 -> 1 | 32 x 20 |

use candle_core::DType;
use uvid_kernels::{Builder, Graph, GraphError, Map, Shape, Weights, WeightsError};

/// The network for an input of these rows and columns; its output is `map`.
///
/// # Errors
///
/// The input is too small.
pub fn graph([rows, columns]: [usize; 2]) -> Result<Graph, GraphError> {
    Graph::build(|b| {
        let x = b.input_maps(1, 1, rows, columns);
        let stem = b.pp("stem");
        let x = stem.pp("conv").conv(x, 16, 3, 2, 1, false)?;
        let x = b.relu(stem.pp("bn").batch_norm(x));
        let stages = b.pp("stages");
        let x = block(&stages.pp(0).pp(0), x, 32, 2)?;
        let x = block(&stages.pp(1).pp(0), x, 64, 2)?;
        let x = block(&stages.pp(1).pp(1), x, 64, 1)?;
        let x = block(&stages.pp(2).pp(0), x, 96, 1)?;
        let x = block(&stages.pp(2).pp(1), x, 96, 1)?;
        b.output("map", b.pp("head").conv(x, 1, 1, 1, 0, true)?);
        Ok(())
    })
}

/// `ReLU(bn2(conv2(ReLU(bn1(conv1(x))))) + d(x))`, d a 1x1 convolution with BN where the shape changes, else nothing.
fn block(b: &Builder<'_>, x: Map, out: usize, stride: usize) -> Result<Map, GraphError> {
    let channels = match b.shape(x) {
        Shape::Map { channels, .. } | Shape::Features { channels, .. } => channels,
    };
    let y = b.pp("conv1").conv(x, out, 3, stride, 1, false)?;
    let y = b.relu(b.pp("bn1").batch_norm(y));
    let y = b.pp("conv2").conv(y, out, 3, 1, 1, false)?;
    let y = b.pp("bn2").batch_norm(y);
    let shortcut = if stride != 1 || channels != out {
        let down = b.pp("down");
        down.pp("bn").batch_norm(down.pp("conv").conv(x, out, 1, stride, 0, false)?)
    } else {
        x
    };
    Ok(b.relu(b.add(y, shortcut)?))
}

/// The three fitted thresholds that the weights carry.
pub(super) fn thresholds(weights: &Weights) -> Result<[f64; 3], WeightsError> {
    let missing = || WeightsError::Missing(vec!["thresholds".into()]);
    let tensor = weights.get("thresholds").ok_or_else(missing)?;
    let values = tensor.to_dtype(DType::F64)?.flatten_all()?.to_vec1::<f64>()?;
    values.try_into().map_err(|_| missing())
}

/// Small networks, of odd sizes, for the test that runs every architecture on every backend.
#[cfg(test)]
pub(crate) fn examples() -> Vec<Graph> {
    vec![graph([64, 40]).expect("fits"), graph([51, 37]).expect("fits")]
}
