"""The same networks in PyTorch, ONNX Runtime and OpenVINO: a line of JSON in, a line of JSON out.

    peers.py export FOLDER             network.json and weights.safetensors of FOLDER as network.onnx, by PyTorch
    peers.py CONTESTANT THREADS        obeys {"do": "load", "folder"}, {"do": "run"}, {"do": "write", "file"}

A process is one contestant, so that its peak memory is its own; it says {"version"} when its library is loaded. A run takes
the inputs as they lie in memory (f32, N C H W) and ends with f32 outputs in memory; its answer has "ms".

Each is used as those who know it would: PyTorch with batch norms folded into the convolutions before them, in-place
activations and sums, inference mode, and besides that compiled, with frozen weights; ONNX Runtime with every optimisation
of graphs; OpenVINO for latency, from the same file, with static shapes. None spins for long while another one computes.
"""

import json
import operator
import sys
import time
from collections import Counter
from pathlib import Path


def nodes_of(folder):
    return json.loads((Path(folder) / "network.json").read_text())


def by_item(x, vectors):
    return x.reshape(-1, vectors, x.shape[1])


def pytorch_module(folder, in_place=True):
    """The graph as a torch.fx module: what a person would write by hand, without the names."""
    import torch
    from safetensors.torch import load_file
    from torch import fx, nn
    from torch.nn import functional as F

    class Do(nn.Module):
        def __init__(self, do):
            super().__init__()
            self.do = do

        def forward(self, *x):
            return self.do(*x)

    def attention(q, k, v, vectors, heads):
        q, k, v = (x.reshape(-1, vectors, heads, x.shape[1] // heads).transpose(1, 2) for x in (q, k, v))
        return F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(-1, heads * q.shape[-1])

    def function(op, n, own):
        return {
            "sigmoid": torch.sigmoid,
            "tanh": torch.tanh,
            "repeat_channels": lambda x: torch.cat([x] * n[0], 1),
            "mean_over_map": lambda x: x.mean((2, 3)),
            "max_over_map": lambda x: x.amax((2, 3)),
            "add": operator.iadd if own else operator.add,
            "mul": operator.mul,
            "concat": lambda a, b: torch.cat([a, b], 1),
            "slice_channels": lambda x: x[:, n[0] : n[0] + n[1]],
            "softmax_over_channels": lambda x: x.reshape(-1, n[0]).softmax(1).reshape(x.shape),
            "softmax_over_item": lambda x: by_item(x, n[0]).softmax(1).reshape(x.shape),
            "weighted_sum_over_item": lambda w, x: by_item(w * x, n[0]).sum(1),
            "join_item": lambda x: x.reshape(-1, n[0] * x.shape[1]),
            "attention": lambda q, k, v: attention(q, k, v, *n),
        }[op]

    network, weights = nodes_of(folder), load_file(Path(folder) / "weights.safetensors")
    uses = Counter(i for node in network["nodes"] for i in node["inputs"]) + Counter(network["outputs"].values())
    root, graph, values = nn.ModuleDict(), fx.Graph(), []
    for place, node in enumerate(network["nodes"]):
        op, n, x = node["op"], node["numbers"], [values[i] for i in node["inputs"]]
        p = [weights[name] for name in node["parameters"]]
        biased = len(p) == 2
        # What nobody else reads may be overwritten, unless it came from outside.
        own = in_place and x and uses[node["inputs"][0]] == 1 and network["nodes"][node["inputs"][0]]["op"] != "input"
        match op:
            case "input":
                values.append(graph.placeholder(f"x{n[0]}"))
                continue
            case "conv":
                out, channels, kernel, _ = p[0].shape
                module = nn.Conv2d(channels, out, kernel, stride=n[0], padding=n[1], bias=biased)
            case "linear":
                module = nn.Linear(p[0].shape[1], p[0].shape[0], bias=biased)
            case "batch_norm":
                module = nn.BatchNorm2d(len(p[0]), eps=n[0])
                module.running_mean.copy_(p.pop(2))
                module.running_var.copy_(p.pop(2))
            case "layer_norm":
                module = nn.LayerNorm(len(p[0]), eps=n[0])
            case "relu":
                module = nn.ReLU(inplace=bool(own))
            case "max_pool":
                module = nn.MaxPool2d(n[0], stride=n[1], padding=n[2])
            case "table":
                module = nn.Linear(p[0].shape[0], p[0].shape[1], bias=False)
                p = [p[0].T]
            case _:
                module = Do(function(op, n, own))
        for name, value in zip(["weight", "bias"], p):
            getattr(module, name).data.copy_(value)
        root[str(place)] = module
        values.append(graph.call_module(str(place), tuple(x)))
    graph.output({name: values[i] for name, i in network["outputs"].items()})
    return fx.GraphModule(root, graph).eval()


def inputs_of(folder, load):
    tensors = load(Path(folder) / "inputs.safetensors")
    return [tensors[str(i)] for i in range(len(tensors))]


def export(folder):
    import torch

    from safetensors.torch import load_file

    network, module = nodes_of(folder), pytorch_module(folder, in_place=False)
    inputs = inputs_of(folder, load_file)
    with torch.inference_mode():
        torch.onnx.export(
            module, tuple(inputs), Path(folder) / "network.onnx", dynamo=False, opset_version=17,
            input_names=[f"x{i}" for i in range(len(inputs))], output_names=list(network["outputs"]),
        )


class PyTorch:
    def __init__(self, variant, threads):
        import torch

        self.torch, self.version, self.compiled = torch, torch.__version__, "compiled" in variant
        torch.set_num_threads(threads)
        self.dtype = torch.bfloat16 if "bf16" in variant else torch.float32
        self.layout = torch.contiguous_format if "NCHW" in variant else torch.channels_last

    def load(self, folder):
        from safetensors.torch import load_file
        from torch.fx.experimental.optimization import fuse

        module = pytorch_module(folder, in_place=not self.compiled)
        module = fuse(module, inplace=True, no_trace=True).to(self.dtype).to(memory_format=self.layout)
        if self.compiled:
            from torch._inductor import config

            config.freezing = True
            module = self.torch.compile(module)
        self.module, self.inputs = module, inputs_of(folder, load_file)

    def placed(self, x):
        return x.to(self.dtype, memory_format=self.layout if x.dim() == 4 else self.torch.preserve_format)

    def run(self):
        with self.torch.inference_mode():
            outputs = self.module(*map(self.placed, self.inputs))
            return {name: y.float().numpy() for name, y in outputs.items()}


class OnnxRuntime:
    def __init__(self, variant, threads):
        import onnxruntime

        self.ort, self.version, self.threads = onnxruntime, onnxruntime.__version__, threads

    def load(self, folder):
        from safetensors.numpy import load_file

        options = self.ort.SessionOptions()
        options.graph_optimization_level = self.ort.GraphOptimizationLevel.ORT_ENABLE_ALL
        options.intra_op_num_threads, options.inter_op_num_threads = self.threads, 1
        # Its threads spin within a run, not after it.
        options.add_session_config_entry("session.force_spinning_stop", "1")
        file = str(Path(folder) / "network.onnx")
        self.session = self.ort.InferenceSession(file, options, providers=["CPUExecutionProvider"])
        self.inputs = {f"x{i}": x for i, x in enumerate(inputs_of(folder, load_file))}
        self.names = [output.name for output in self.session.get_outputs()]

    def run(self):
        return dict(zip(self.names, self.session.run(None, self.inputs)))


class OpenVino:
    def __init__(self, variant, threads):
        import openvino

        self.ov, self.version = openvino, openvino.get_version().split("-")[0]
        self.options = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": threads}
        if "f32" in variant:
            self.options["INFERENCE_PRECISION_HINT"] = "f32"

    def load(self, folder):
        from safetensors.numpy import load_file

        compiled = self.ov.Core().compile_model(Path(folder) / "network.onnx", "CPU", self.options)
        self.request = compiled.create_infer_request()
        self.inputs = {f"x{i}": x for i, x in enumerate(inputs_of(folder, load_file))}
        self.names = [output.any_name for output in compiled.outputs]
        return {"precision": compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name()}

    def run(self):
        outputs = self.request.infer(self.inputs, share_inputs=True, share_outputs=True)
        return dict(zip(self.names, outputs.values()))


def obey(who, ask):
    match ask["do"]:
        case "load":
            return who.load(ask["folder"]) or {}
        case "run":
            start = time.perf_counter()
            who.outputs = who.run()
            return {"ms": (time.perf_counter() - start) * 1e3}
        case "write":
            import numpy as np
            from safetensors.numpy import save_file

            save_file({name: np.ascontiguousarray(y, np.float32) for name, y in who.outputs.items()}, ask["file"])
            return {}


def main():
    if sys.argv[1] == "export":
        return export(sys.argv[2])
    variant, threads = sys.argv[1], int(sys.argv[2])
    kinds = {"PyTorch": PyTorch, "ONNX": OnnxRuntime, "OpenVINO": OpenVino}
    who = kinds[variant.split()[0]](variant, threads)
    print(json.dumps({"version": who.version}), flush=True)
    for line in sys.stdin:
        try:
            answer = obey(who, json.loads(line))
        except Exception as error:  # whatever a peer does not manage is its answer
            answer = {"error": f"{type(error).__name__}: {error}".splitlines()[0]}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
