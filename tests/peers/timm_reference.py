"""Prints the numbers in model/tests/fixtures/timm.rs: timm's own networks on weights and an input made by formula.

    pip install torch timm numpy
    python tests/peers/timm_reference.py

Weights: fnv1a64 of a tensor's name seeds a splitmix64 stream of u in [-1, 1). A matrix or kernel is
u * gain * sqrt(3 / fan_in), a norm's weight and running_var are 1 + 0.25 u, everything else is 0.1 u.
Input: 2 sin(y / 97) cos(x / 131) + 0.5 u, the same in each of three channels but for a factor.
"""

import numpy as np
import timm
import torch
from timm.models.convnext import ConvNeXt
from timm.models.efficientnet import _gen_efficientnet

M64 = (1 << 64) - 1


def fnv1a64(text):
    h = 0xCBF29CE484222325
    for byte in text.encode():
        h = (h ^ byte) * 0x100000001B3 & M64
    return h


def u(tag, n):
    z = np.arange(n, dtype=np.uint64) + np.uint64((fnv1a64(tag) + 0x9E3779B97F4A7C15) & M64)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z ^= z >> np.uint64(31)
    return (z >> np.uint64(11)).astype(np.float64) * 2.0**-53 * 2 - 1


def fill(model, gain):
    for name, tensor in model.state_dict().items():
        if not tensor.is_floating_point():
            continue
        values = u(name, tensor.numel())
        if name.endswith("weight") and tensor.dim() > 1:
            values = values * (gain * np.sqrt(3 / tensor[0].numel()))
        elif name.endswith(("weight", "running_var")):
            values = 1 + 0.25 * values
        else:
            values = 0.1 * values
        tensor.copy_(torch.from_numpy(values.astype(np.float32)).reshape(tensor.shape))


def image(rows, columns):
    y, x = np.mgrid[:rows, :columns]
    grey = 2 * np.sin(y / 97) * np.cos(x / 131) + 0.5 * u("timm", rows * columns).reshape(rows, columns)
    grey = torch.from_numpy(grey.astype(np.float32))
    return torch.stack([grey, 0.5 * grey, -grey])[None]


def report(name, model, layers, rows, columns, gain=1.0):
    model.eval()
    with torch.no_grad():
        fill(model, gain)
        seen = {}
        for layer in layers:
            keep = lambda _, __, y, layer=layer: seen.__setitem__(layer, y)
            model.get_submodule(layer).register_forward_hook(keep)
        logits = model(image(rows, columns))[0]
        exact = model.double()(image(rows, columns).double())[0]
    print(f"{name} {rows} x {columns}, gain {gain}: logits {[float(f'{v:.7g}') for v in logits]}")
    print(f"  off from f64 by {float((logits.double() - exact).abs().max()):.1e}")
    for layer, y in seen.items():
        flat = y.double().flatten()
        at = [int(fnv1a64(f"{layer}.{i}") % flat.numel()) for i in range(4)]
        mean, rms = float(flat.mean()), float(flat.square().mean().sqrt())
        values = [float(f"{flat[i]:.6g}") for i in at]
        print(f"  {layer} {tuple(y.shape[1:])}: mean {mean:.6g}, rms {rms:.6g}, at {at}: {values}")


if __name__ == "__main__":
    print("timm", timm.__version__, "torch", torch.__version__)
    stages = ["stem", "stages.0", "stages.1", "stages.2", "stages.3"]
    blocks = ["bn1"] + [f"blocks.{i}" for i in range(6)] + ["bn2"]
    narrow = ConvNeXt(depths=(1, 1, 2, 1), dims=(8, 16, 24, 32), num_classes=2, in_chans=3)
    report("narrow convnext", narrow, stages, 100, 75)
    # As the RSNA 2022 winner pools.
    most = ConvNeXt(depths=(1, 1, 2, 1), dims=(8, 16, 24, 32), num_classes=2, in_chans=3, global_pool="max")
    report("narrow convnext, global_pool max", most, stages, 100, 75)
    v2 = dict(num_classes=2, channel_multiplier=0.25, depth_multiplier=0.34)
    for name in ["tf_efficientnetv2_s", "efficientnetv2_rw_s"]:
        report(f"narrow {name}", timm.create_model(name, **v2), blocks, 101, 76)
    most = timm.create_model("tf_efficientnetv2_s", global_pool="max", **v2)
    report("narrow tf_efficientnetv2_s, global_pool max", most, blocks, 101, 76)
    b0 = _gen_efficientnet("tf_efficientnet_b0", channel_multiplier=0.25, num_classes=2, pad_type="same", bn_eps=1e-3)
    report("narrow tf_efficientnet_b0", b0, blocks, 101, 76)
    for name in ["convnext_small", "convnext_base"]:
        report(name, timm.create_model(name, num_classes=1), stages, 256, 192)
    for name in ["tf_efficientnetv2_s", "efficientnetv2_rw_s", "tf_efficientnetv2_b0"]:
        report(name, timm.create_model(name, num_classes=1), blocks, 256, 192)
    # The size at which the RSNA 2022 winner's folds are run.
    report("convnext_small", timm.create_model("convnext_small", num_classes=1), stages, 2048, 1024)
