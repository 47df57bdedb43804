//! The "ResNet-22" of NYU's classifiers: pre-activation blocks of two 3x3 convolutions, 16 to 256 channels.
//!
//! | layer | channels (`width` = 16) | rows and columns |
//! |---|---|---|
//! | `first_conv`: 7x7, stride 2 | 16 | about 1/2 |
//! | `first_pool`: max 3x3, stride 2 | 16 | about 1/4 |
//! | `layer_list.0` | 16 | the same |
//! | `layer_list.1` to `.4`, stride 2 each | 32, 64, 128, 256 | down to about 1/64 |
//! | `final_bn`, ReLU | 256 | the same |
//!
//! GMIC and BCC differ in the padding of the first convolution and in the channels that go in.

use uvid_kernels::{Builder, GraphError, Map};

/// The network under the names of `net`: `width` channels after the first convolution, 16 times as many in the end.
pub(crate) fn resnet22(net: &Builder<'_>, x: Map, width: usize, first_padding: usize) -> Result<Map, GraphError> {
    let first = net.pp("first_conv");
    let x = first.mark(first.conv(x, width, 7, 2, first_padding, false)?);
    // Neither norm nor activation between convolution and pool.
    let mut x = net.pp("first_pool").mark(net.max_pool(x, 3, 2, 0)?);
    let layers = net.pp("layer_list");
    for layer in 0..5 {
        let (b, stride) = (layers.pp(layer), if layer == 0 { 1 } else { 2 });
        let out = width << layer;
        x = pre_activation(&b.pp(0), x, out, stride, true)?;
        x = b.mark(pre_activation(&b.pp(1), x, out, 1, false)?);
    }
    Ok(net.pp("relu").mark(net.relu(net.pp("final_bn").batch_norm(x))))
}

/// A "V2" block: norm and activation before each convolution, none after the sum. The shortcut's convolution, where
/// there is one, reads the activated tensor; the bare shortcut is the raw input.
fn pre_activation(b: &Builder<'_>, x: Map, out: usize, stride: usize, down: bool) -> Result<Map, GraphError> {
    let a = b.relu(b.pp("bn1").batch_norm(x));
    let shortcut = if down { b.pp("downsample").pp(0).conv(a, out, 1, stride, 0, false)? } else { x };
    let y = b.pp("conv1").conv(a, out, 3, stride, 1, false)?;
    let y = b.relu(b.pp("bn2").batch_norm(y));
    let y = b.pp("conv2").conv(y, out, 3, 1, 1, false)?;
    b.add(y, shortcut)
}
