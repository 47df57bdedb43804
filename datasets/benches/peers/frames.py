"""Decodes and encodes frames with the codecs of others: a line of JSON in, a line of JSON out.

  {"do": "versions"}                                            the modules that are there
  {"do": "encode", "with": NAME, "samples": FILE, "rows", "columns", "bits", "out": FILE}
  {"do": "transcode", "with": PLUGIN, "file": DICOM, "syntax": UID, "out": FILE}  by gdcm, or by an encoder of pydicom
  {"do": "frame", "with": FUNCTION, "file": FRAME, "count"}              imagecodecs, from memory to memory
  {"do": "file", "with": PLUGIN, "file": DICOM}                 pydicom, from disk to memory; "" is its own choice
  {"do": "batch", "with": FUNCTION, "files": [FRAME], "counts", "threads": N}

"count" is the number of samples. An answer has "seconds", or "error". With "out", samples are written as 16-bit little endian, after the time is taken.
Samples are 16-bit little endian everywhere.
"""

import importlib.metadata
import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

try:
    import imagecodecs as ic
except ImportError:
    ic = None
try:
    from pydicom import dcmread
    from pydicom.pixels import get_decoder
except ImportError:
    get_decoder = None

PACKAGES = ["pydicom", "pylibjpeg", "pylibjpeg-libjpeg", "pylibjpeg-openjpeg", "pylibjpeg-rle", "python-gdcm", "imagecodecs"]


def versions():
    found = {}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            pass
    if ic is not None:
        parts = [v for v in ic.version().split(", ") if v.startswith(("libjpeg_turbo", "charls", "openjpeg", "openjph", "libjxl", "liblj92", "libdeflate"))]
        found["imagecodecs"] += " (" + ", ".join(parts) + ")"
    return found


ENCODERS = {
    "deflate": lambda a, bits: ic.deflate_encode(a.tobytes(), raw=True),
    "jpegls": lambda a, bits: ic.jpegls_encode(a, level=0),
    "jpegls_near": lambda a, bits: ic.jpegls_encode(a, level=2),
    "jpeg2k": lambda a, bits: ic.jpeg2k_encode(a, bitspersample=bits, reversible=True, codecformat="j2k"),
    "jpeg2k_lossy": lambda a, bits: ic.jpeg2k_encode(a, level=70, bitspersample=bits, reversible=False, codecformat="j2k"),
    "htj2k": lambda a, bits: ic.htj2k_encode(a, reversible=True),
    "htj2k_rpcl": lambda a, bits: ic.htj2k_encode(a, reversible=True, tlm=True),
    "htj2k_lossy": lambda a, bits: ic.htj2k_encode(a, level=0.001, reversible=False),
    "jpegxl": lambda a, bits: ic.jpegxl_encode(a, lossless=True, bitspersample=bits, usecontainer=False),
    "jpegxl_lossy": lambda a, bits: ic.jpegxl_encode(a, distance=1.0, bitspersample=bits, usecontainer=False),
    "jpeg_8": lambda a, bits: ic.jpeg8_encode(a.astype(np.uint8), level=90),
    "jpeg_12": lambda a, bits: ic.jpeg8_encode(a, level=90, bitspersample=12),
}
for sv in range(1, 8):
    ENCODERS[f"jpeg_lossless_{sv}"] = lambda a, bits, sv=sv: ic.jpeg8_encode(a, lossless=True, predictor=sv, bitspersample=bits)


def encode(ask):
    samples = np.fromfile(ask["samples"], "<u2").reshape(ask["rows"], ask["columns"])
    return ENCODERS[ask["with"]](samples, ask["bits"])


def transcode(plugin, path, syntax, out):
    if plugin != "gdcm":
        dataset = dcmread(path)
        dataset.compress(syntax, encoding_plugin=plugin, generate_instance_uid=False)
        dataset.save_as(out)
        return
    import gdcm

    reader, change, writer = gdcm.ImageReader(), gdcm.ImageChangeTransferSyntax(), gdcm.ImageWriter()
    reader.SetFileName(path)
    if not reader.Read():
        raise ValueError("gdcm does not read it")
    change.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.GetTSType(syntax)))
    change.SetInput(reader.GetImage())
    if not change.Change():
        raise ValueError("gdcm does not encode it")
    writer.SetFile(reader.GetFile())
    writer.SetImage(change.GetOutput())
    writer.SetFileName(out)
    if not writer.Write():
        raise ValueError("gdcm does not write it")


def decode(function, frame, count):
    if function == "dicomrle_decode":
        return np.frombuffer(ic.dicomrle_decode(frame, "<u2"), "<u2")
    if function == "deflate_decode":
        return np.frombuffer(ic.deflate_decode(frame, raw=True, out=2 * count), "<u2")
    if function == "jpegxl_decode":
        return ic.jpegxl_decode(frame, numthreads=1)
    if function == "jpeg2k_decode":
        return ic.jpeg2k_decode(frame, numthreads=1)
    return getattr(ic, function)(frame)


def decode_file(plugin, path):
    dataset = dcmread(path)
    syntax = dataset.file_meta.TransferSyntaxUID
    if syntax.is_encapsulated and plugin not in (*get_decoder(syntax).available_plugins, ""):
        raise LookupError("no decoder")
    return get_decoder(syntax).as_array(dataset, raw=True, decoding_plugin=plugin)[0]


def batch(function, frames, counts, threads):
    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(lambda frame, count: decode(function, frame, count), frames, counts):
            pass


def answer(ask):
    match ask["do"]:
        case "versions":
            return versions()
        case "encode":
            Path(ask["out"]).write_bytes(encode(ask))
            return {}
        case "transcode":
            transcode(ask["with"], ask["file"], ask["syntax"], ask["out"])
            return {}
        case "frame":
            argument = Path(ask["file"]).read_bytes()
            work = lambda: decode(ask["with"], argument, ask["count"])
        case "file":
            work = lambda: decode_file(ask["with"], ask["file"])
        case "batch":
            frames = [Path(file).read_bytes() for file in ask["files"]]
            work = lambda: batch(ask["with"], frames, ask["counts"], ask["threads"])
    start = time.perf_counter()
    samples = work()
    seconds = time.perf_counter() - start
    if ask.get("out"):
        np.ascontiguousarray(samples).astype("<u2").tofile(ask["out"])
    return {"seconds": seconds}


for line in sys.stdin:
    try:
        result = answer(json.loads(line))
    except Exception as error:  # whatever a peer does not manage is its answer
        result = {"error": f"{type(error).__name__}: {error}".splitlines()[0]}
    print(json.dumps(result), flush=True)
