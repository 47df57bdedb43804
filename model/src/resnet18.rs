//! The block that ResNet-18 is built of, as GMIC's local network and Mirai's encoder use it.

use uvid_kernels::{Builder, GraphError, Map};

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
