"""PyTorch on the networks that `uvid bench --export FOLDER` writes: the same graph, weights and inputs, on the same card.

    peer.py FOLDER [--network KEY]... [--batch 1,2,4] [--seconds 0.3] [--limit 40] [--device cuda]

A line of JSON for each network, variant and batch: milliseconds with inputs and results on the device (`device_ms`, by its
events) and from pinned host memory to host memory (`host_ms`), and the furthest of the outputs from ours in f32 as a share
of the largest (`difference`). Who fails says so in `error`. After `limit` seconds no further variant is begun.

Each variant is used as those who know it would: batch norms folded, channels last, inference mode, cuDNN's benchmark on,
inputs that are on the device already in the variant's precision; `compiled` by max-autotune, which records CUDA graphs itself.
"""

import argparse
import json
import statistics
import sys
import time
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch.fx.experimental.optimization import fuse

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[2] / "model/benches/networks")]
import peers  # noqa: E402

# Name, precision, whether products of f32 may be of tf32, how it is run.
VARIANTS = [
    ("eager", torch.float32, False, "eager"),
    ("eager", torch.float32, True, "eager"),
    ("eager", torch.bfloat16, True, "eager"),
    ("graph", torch.float32, True, "graph"),
    ("graph", torch.bfloat16, True, "graph"),
    ("graph", torch.float16, True, "graph"),
    ("compiled", torch.bfloat16, True, "compiled"),
]
KEYS = {"gmic": "GMIC", "nyu-bcc": "NYU-BCC", "mirai": "Mirai", "density": "density-v0", "resnet18": "ResNet-18"}


class Clock:
    """Milliseconds of work that was put on the device."""

    def __init__(self, device):
        self.cuda = device.type == "cuda"

    def wait(self):
        if self.cuda:
            torch.cuda.synchronize()

    def of(self, work, seconds):
        work()
        self.wait()
        times, end = [], time.perf_counter() + seconds
        while len(times) < 3 or time.perf_counter() < end:
            if self.cuda:
                begun, done = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
                begun.record()
                work()
                done.record()
                done.synchronize()
                times.append(begun.elapsed_time(done))
            else:
                begun = time.perf_counter()
                work()
                times.append((time.perf_counter() - begun) * 1e3)
        return statistics.median(times)

    def of_host(self, work, seconds):
        times, end = [], time.perf_counter() + seconds
        while len(times) < 3 or time.perf_counter() < end:
            begun = time.perf_counter()
            work()
            self.wait()
            times.append((time.perf_counter() - begun) * 1e3)
        return statistics.median(times)


def placed(x, device, dtype):
    layout = torch.channels_last if x.dim() == 4 else torch.preserve_format
    return x.to(device=device, dtype=dtype, memory_format=layout, non_blocking=True)


def recorded(module, inputs):
    """The module as one CUDA graph over inputs that stay where they are."""
    aside = torch.cuda.Stream()
    aside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(aside):
        for _ in range(3):
            module(*inputs)
    torch.cuda.current_stream().wait_stream(aside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        outputs = module(*inputs)

    def replay(*given):
        for ours, theirs in zip(inputs, given):
            if ours is not theirs:
                ours.copy_(theirs)
        graph.replay()
        return outputs

    return replay


def difference(outputs, expected, units):
    furthest = 0.0
    for name, exact in expected.items():
        found = outputs[name].float().cpu()
        apart = ((found[: found.shape[0] // units] - exact).abs().max() / exact.abs().max()).item()
        # A NaN is the furthest.
        furthest = apart if apart != apart else max(furthest, apart)
    return furthest


def measure(folder, variant, units, seconds, device):
    name, dtype, tf32, how = variant
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = tf32
    torch.backends.cudnn.benchmark = True
    clock = Clock(device)
    module = fuse(peers.pytorch_module(folder, in_place=how != "compiled"), inplace=True, no_trace=True)
    module = module.to(device=device, dtype=dtype).to(memory_format=torch.channels_last)
    tiled = [x.repeat(units, *[1] * (x.dim() - 1)) for x in peers.inputs_of(folder, load_file)]
    host = [x.pin_memory() if clock.cuda else x for x in tiled]
    there = [placed(x, device, dtype) for x in host]
    run = module
    if how == "compiled":
        run = torch.compile(module, mode="max-autotune")
    elif how == "graph":
        run = recorded(module, there)
    outputs = {name: y.clone() for name, y in run(*there).items()}
    device_ms = clock.of(lambda: run(*there), seconds)
    back = lambda: {name: y.float().cpu() for name, y in run(*(placed(x, device, dtype) for x in host)).items()}  # noqa: E731
    host_ms = clock.of_host(back, seconds)
    return device_ms, host_ms, difference(outputs, load_file(folder / "outputs.safetensors"), units)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--network", action="append", choices=KEYS)
    parser.add_argument("--batch", default="1,2,4,8,16,32")
    parser.add_argument("--seconds", type=float, default=0.3)
    parser.add_argument("--limit", type=float, default=40)
    parser.add_argument("--device", default="cuda")
    given = parser.parse_args()
    device, end = torch.device(given.device), time.perf_counter() + given.limit
    card = torch.cuda.get_device_name() if device.type == "cuda" else "a processor"
    for key in given.network or KEYS:
        folder = given.folder / f"{KEYS[key]}-1"
        if not (folder / "outputs.safetensors").exists():
            print(json.dumps({"network": KEYS[key], "error": f"there is no {folder}"}), flush=True)
            continue
        images = json.loads((folder / "network.json").read_text())["images"]
        units = sorted({-(-int(batch) // images) for batch in given.batch.split(",")})
        for variant in VARIANTS:
            name, dtype, tf32, how = variant
            if device.type != "cuda" and how == "graph":
                continue
            # Compiling takes long: one batch in the middle tells.
            for count in [units[len(units) // 2]] if how == "compiled" else units:
                row = {"network": KEYS[key], "variant": name, "precision": str(dtype).removeprefix("torch."), "tf32": tf32}
                row |= {"images": count * images, "torch": torch.__version__, "card": card}
                if time.perf_counter() > end:
                    print(json.dumps(row | {"error": "no time left"}), flush=True)
                    continue
                try:
                    with torch.inference_mode():
                        device_ms, host_ms, off = measure(folder, variant, count, given.seconds, device)
                    rate = count * images * 1e3
                    row |= {"device_ms": device_ms, "host_ms": host_ms, "difference": off}
                    row |= {"images_per_second": rate / device_ms, "images_per_second_host": rate / host_ms}
                except Exception as error:  # whatever it does not manage is its answer
                    row["error"] = f"{type(error).__name__}: {error}".splitlines()[0]
                print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
