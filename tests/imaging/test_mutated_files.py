"""Files in which bytes have changed, moved or gone: a picture or one sentence, through every way in."""

import struct
import warnings

import numpy as np
import pytest
from photograph_files import encoded, picture, png16, tiff
from PIL import Image

from pconv_jax.common.errors import InputError
from pconv_jax.data.decode import decode_image
from pconv_jax.imaging import read_hole, read_photograph, read_size

RGB = picture(24, 32)
DEEP = RGB.astype(np.uint16) * 257
FILES = {
    "jpeg": encoded(RGB, "JPEG"),
    "progressive": encoded(RGB, "JPEG", progressive=True),
    "png": encoded(RGB, "PNG"),
    "palette": encoded(Image.fromarray(RGB).quantize(16), "PNG"),
    "png16": png16(DEEP),
    "tiff": tiff(RGB),
    "bigtiff": tiff(RGB, bigtiff=True),
    "deflate": tiff(DEEP, compression="deflate"),
    "planes": tiff(DEEP, planarconfig="separate"),
    "alpha": tiff(np.dstack([DEEP, DEEP[..., 0]]), compression="deflate", tile=(16, 16)),
    "lzw": encoded(RGB, "TIFF", compression="tiff_lzw"),
    "fax": encoded(Image.fromarray(RGB).convert("1"), "TIFF", compression="group4"),
    "webp": encoded(RGB, "WEBP", lossless=True),
    "ppm": encoded(RGB, "PPM"),
    "pgm16": b"P5\n32 24\n65535\n" + DEEP[..., 0].astype(">u2").tobytes(),
    "bmp": encoded(RGB, "BMP"),
    "gif": encoded(Image.fromarray(RGB).convert("P"), "GIF"),
}
SIDES = [(kind, side) for kind in ("<H", ">H", "<I", ">I") for side in (32, 24)]


def mutated(rng, content):
    """Flipped bits, other bytes, an end that is missing, parts that changed places, or a huge size."""
    changed, size = bytearray(content), len(content)
    way = rng.integers(5)
    if way == 0:
        for place in rng.integers(size, size=rng.integers(1, 9)):
            changed[place] ^= 1 << rng.integers(8)
    elif way == 1:
        for place in rng.integers(min(64, size), size=rng.integers(1, 5)):
            changed[place] = rng.integers(256)
    elif way == 2:
        del changed[rng.integers(size) :]
    elif way == 3:
        length = size // 6
        first, second = sorted(rng.integers(0, size - length, 2))
        part = changed[second : second + length]
        del changed[second : second + length]
        changed[first:first] = part
    else:
        for kind, side in SIDES:
            old, new = struct.pack(kind, side), struct.pack(kind, 65535)
            changed = changed.replace(old, new, 1) if rng.random() < 0.5 else changed
    return bytes(changed)


@pytest.mark.parametrize("kind", FILES)
def test_what_is_left_of_a_file_is_read_or_refused(kind, saved):
    rng, said = np.random.default_rng(list(FILES).index(kind)), []
    for _ in range(12):
        path = saved(mutated(rng, FILES[kind]))
        for read in (read_size, read_photograph, read_hole, decode_image):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of Pillow, about damaged tags
                try:
                    read(path)
                except InputError as error:
                    said.append(str(error))
    assert all(message.startswith(str(path)) and "\n" not in message for message in said)


@pytest.mark.parametrize("tag", [256, 257])
def test_a_tiff_file_without_a_size_is_refused(saved, tag):
    content = tiff(np.dstack([DEEP[..., 0]] * 2), compression="deflate")
    place = content.index(struct.pack("<HHI", tag, 4, 1))
    path = saved(content[:place] + struct.pack("<H", tag - 10) + content[place + 2 :])
    for read in (read_size, read_photograph):
        with pytest.raises(InputError, match="not an image"):
            read(path)
