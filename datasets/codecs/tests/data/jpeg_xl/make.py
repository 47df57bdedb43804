"""Makes the code streams of this folder: pip install imagecodecs numpy pillow; cjxl of libjxl-tools.

Each `name_bits.jxl` is of the picture that `tests/jpeg_xl.rs` draws; `name_bits.raw` is what libjxl decodes of one that
lost something, words little endian.
"""

import subprocess
import tempfile

import imagecodecs
import numpy as np
from PIL import Image

ROWS, COLUMNS = 45, 37


def picture(bits, component=0):
    y, x = np.mgrid[0:ROWS, 0:COLUMNS].astype(np.int64)
    most = (1 << bits) - 1
    ramp = x * most // (2 * COLUMNS) + y * most // (3 * ROWS)
    grain = (x * 7919 + y * 104729 + component * 31) % 61 * (most >> 5) // 61
    return np.minimum(ramp + grain, most).astype(np.uint8 if bits <= 8 else np.uint16)


def colour(bits):
    return np.stack([picture(bits, component) for component in range(3)], -1)


def keep(name, pixels, reference=False, **how):
    stream = imagecodecs.jpegxl_encode(pixels, **how)
    with open(f"{name}.jxl", "wb") as file:
        file.write(stream)
    if reference:
        imagecodecs.jpegxl_decode(stream).astype("<u2").tofile(f"{name}.raw")


for bits in (8, 10, 12, 16):
    keep(f"lossless_{bits}", picture(bits), bitspersample=bits, lossless=True)
    keep(f"lossy_{bits}", picture(bits), bitspersample=bits, distance=1.0, reference=True)
keep("fast_12", picture(12), bitspersample=12, lossless=True, effort=1)
keep("slow_12", picture(12), bitspersample=12, lossless=True, effort=9)
keep("container_12", picture(12), bitspersample=12, lossless=True, usecontainer=True)
keep("colour_8", colour(8), lossless=True)
keep("colour_12", colour(12), bitspersample=12, lossless=True)
keep("colourlossy_8", colour(8), distance=1.0, reference=True)

# What is refused.
keep("alpha", np.dstack([colour(8), picture(8)]), lossless=True)
keep("float", picture(8).astype(np.float32) / 255, lossless=True)
with tempfile.TemporaryDirectory() as folder:
    def cjxl(path, name, *how):
        subprocess.run(["cjxl", path, f"{name}.jxl", *how], check=True, capture_output=True)

    jpeg, film = f"{folder}/turned.jpg", f"{folder}/film.gif"
    grey = Image.fromarray(picture(8))
    exif = Image.Exif()
    exif[0x0112] = 6
    grey.save(jpeg, exif=exif)
    cjxl(jpeg, "turned", "--lossless_jpeg=0", "-d", "1")
    grey.save(film, save_all=True, append_images=[grey.transpose(Image.Transpose.FLIP_LEFT_RIGHT)], duration=100)
    cjxl(film, "film", "-d", "0")
    grey.save(jpeg)
    cjxl(jpeg, "recompressed", "--lossless_jpeg=1")
    imagecodecs.jpegxl_decode(open("recompressed.jxl", "rb").read()).astype("<u2").tofile("recompressed.raw")
