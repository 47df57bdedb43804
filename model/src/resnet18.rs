//! ResNet-18 as torchvision names it, and the block that it is built of: GMIC's local network is its trunk, Mirai's
//! encoder is built of its blocks.
//!
//! | layer | channels (`width` = 64) | rows and columns |
//! |---|---|---|
//! | `conv1`: 7x7, stride 2; `bn1`, ReLU | 64 | 1/2 |
//! | `maxpool`: 3x3, stride 2 | 64 | 1/4 |
//! | `layer1` | 64 | the same |
//! | `layer2` to `layer4`, stride 2 each | 128, 256, 512 | down to 1/32 |

use uvid_kernels::{Builder, GraphError, Map};

/// The trunk: all but the mean over the map and the last linear layer.
///
/// # Errors
///
/// The map is too small.
pub fn trunk(b: &Builder<'_>, x: Map, width: usize) -> Result<Map, GraphError> {
    let stem = b.pp("conv1");
    let x = stem.mark(stem.conv(x, width, 7, 2, 3, false)?);
    let x = b.relu(b.pp("bn1").batch_norm(x));
    let mut x = b.pp("maxpool").mark(b.max_pool(x, 3, 2, 1)?);
    for layer in 1..=4 {
        let (b, stride) = (b.pp(format!("layer{layer}")), if layer == 1 { 1 } else { 2 });
        x = basic(&b.pp(0), x, width << (layer - 1), stride)?;
        x = b.mark(basic(&b.pp(1), x, width << (layer - 1), 1)?);
    }
    Ok(x)
}

/// A post-activation basic block.
pub(crate) fn basic(b: &Builder<'_>, x: Map, out: usize, stride: usize) -> Result<Map, GraphError> {
    let y = b.pp("conv1").conv(x, out, 3, stride, 1, false)?;
    let y = b.relu(b.pp("bn1").batch_norm(y));
    let y = b.pp("conv2").conv(y, out, 3, 1, 1, false)?;
    let y = b.pp("bn2").batch_norm(y);
    let shortcut = if stride == 1 {
        x
    } else {
        let down = b.pp("downsample");
        down.pp(1).batch_norm(down.pp(0).conv(x, out, 1, stride, 0, false)?)
    };
    Ok(b.relu(b.add(y, shortcut)?))
}
