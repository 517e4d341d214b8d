"""Files in which bytes have changed, moved or gone: a picture or one sentence, through every way in."""

import struct
import warnings

import numpy as np
import pytest
from photograph_files import encoded, picture, png16, tiff
from PIL import Image

from experiments.hostile.mutations import mutated
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


@pytest.mark.parametrize("kind", FILES)
def test_what_is_left_of_a_file_is_read_or_refused(kind, saved):
    rng, said = np.random.default_rng(list(FILES).index(kind)), []
    for _ in range(12):
        path = saved(mutated(rng, FILES[kind], sides=(32, 24)))
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
