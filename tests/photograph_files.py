"""What the tests of image files share: files of many kinds, made by hand where no library writes them."""

import io
import struct
import zlib

import cv2
import numpy as np
import tifffile
from PIL import Image, ImageCms

from pconv_jax.imaging import Photograph, exif

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
SHAPES = {"grey": (13, 7), "grey+alpha": (13, 7, 2), "rgb": (13, 7, 3), "rgba": (13, 7, 4)}


def layers(kind, dtype, seed=0):
    return np.random.default_rng(seed).integers(0, np.iinfo(dtype).max + 1, SHAPES[kind], dtype)


def split(array):
    """Pixels and alpha."""
    if array.ndim == 2 or array.shape[-1] == 3:
        return array, None
    return (array[..., 0] if array.shape[-1] == 2 else array[..., :3]), array[..., -1]


def photograph(kind, dtype, **known):
    pixels, alpha = split(layers(kind, dtype))
    return Photograph(pixels, alpha, **{"exif": None, "icc": None, "dpi": None, "format": "PNG", **known})


def same(a, b):
    return (a is None and b is None) or (a.dtype == b.dtype and np.array_equal(a, b))


def opened(path):
    return Image.open(io.BytesIO(path.read_bytes()))


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width, height, depth, colour, lines, *more):
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    body = [chunk(b"IHDR", header), *more, chunk(b"IDAT", zlib.compress(lines)), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(body)


def png16(array, *more):
    """By hand, as neither Pillow nor OpenCV writes all kinds."""
    lines = b"".join(b"\0" + line.astype(">u2").tobytes() for line in array)
    colour = {1: 0, 2: 4, 3: 2, 4: 6}[1 if array.ndim == 2 else array.shape[-1]]
    return png(array.shape[1], array.shape[0], 16, colour, lines, *more)


def tiff(array, **options):
    stream = io.BytesIO()
    extra = {"extrasamples": ["unassalpha"]} if array.ndim == 3 and array.shape[-1] in (2, 4) else {}
    grey = array.ndim == 2 or array.shape[-1] == 2
    given = {"photometric": "minisblack" if grey else "rgb", "planarconfig": None if array.ndim == 2 else "contig"}
    if options.get("planarconfig") == "separate":
        array = np.moveaxis(array, -1, 0).copy()
    tifffile.imwrite(stream, array, metadata=None, software=False, **{**given, **extra, **options})
    return stream.getvalue()


def tiff12(grey):
    """Grey of 12 bits, two pixels in three bytes; rows of an even length."""
    first, second = grey.reshape(-1, 2).astype(np.uint16).T
    packed = np.stack([first >> 4, (first & 15) << 4 | second >> 8, second & 255], axis=-1).astype(np.uint8).tobytes()
    (height, width), start = grey.shape, 8 + 2 + 12 * 9 + 4
    entries = [(256, 3, width), (257, 3, height), (258, 3, 12), (259, 3, 1), (262, 3, 1), (273, 4, start)]
    entries += [(277, 3, 1), (278, 3, height), (279, 4, len(packed))]
    directory = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in entries)
    return b"II*\0" + struct.pack("<IH", 8, len(entries)) + directory + bytes(4) + packed


def encoded(image, kind, **options):
    stream = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(stream, kind, **options)
    return stream.getvalue()


def tags(orientation=None):
    """Tags in four directories, one of them known to its maker only."""
    found = Image.Exif()
    found[271], found[305] = "Maker", "Scanner 1.0"
    if orientation:
        found[274] = orientation
    found[0x8769] = {36867: "2020:02:03 04:05:06", 37500: b"MAKERNOTE\0\1\2\3\xff" * 3, 33434: (1, 250)}
    found[0x8825] = {1: "N", 2: (48.0, 51.0, 29.0), 29: "2020:02:03"}
    return found


def block(orientation=None):
    return tags(orientation).tobytes().removeprefix(exif.PREFIX)


def known(image):
    """What `tags` has, as Pillow reads it from an image."""
    found = image.getexif()
    inner, place = found.get_ifd(0x8769), found.get_ifd(0x8825)
    return found[271], found[305], inner[36867], inner[37500], place[1], tuple(map(float, place[2]))


KNOWN = ("Maker", "Scanner 1.0", "2020:02:03 04:05:06", b"MAKERNOTE\0\1\2\3\xff" * 3, "N", (48.0, 51.0, 29.0))


def frames(count):
    return [Image.new("RGB", (4, 4), (60 * i, 0, 0)) for i in range(count)]


def animated(kind, count=3):
    first, *rest = frames(count)
    return encoded(first, kind, save_all=True, append_images=rest)


def picture(height=40, width=60, seed=0):
    """A smooth random image, uint8 [H, W, 3]."""
    noise = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return cv2.GaussianBlur(noise, (9, 9), 0)


def difference(a, b):
    assert a.shape == b.shape
    return np.abs(a.astype(int) - b.astype(int))
