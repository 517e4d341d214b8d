"""Photographs: what becomes of pixels, transparency and metadata, in both directions, and what is refused."""

import errno
import io
import struct
import subprocess
import sys
import threading
import time
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms

from pconv_jax.errors import InputError
from pconv_jax.image_files import luma
from pconv_jax.photographs import (
    OUTPUT_FORMATS,
    Photograph,
    exif,
    opening,
    read_mask_picture,
    read_photograph,
    write_photograph,
    writing,
)

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


@pytest.fixture
def saved(tmp_path):
    def save(content, name="photo.png"):
        (tmp_path / name).write_bytes(content)
        return tmp_path / name

    return save


class TestPixels:
    @pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP", "BMP", "PPM", "GIF"])
    @pytest.mark.parametrize("colours", ["grey", "rgb"])
    def test_8_bits_are_what_pillow_decodes(self, saved, kind, colours):
        path = saved(encoded(layers(colours, np.uint8), kind), "photo.any")
        read = read_photograph(path)
        expected = opened(path)
        expected = expected.convert("RGB") if kind == "GIF" else expected  # a palette
        assert read.format == kind and read.alpha is None and read.exif is None and read.icc is None
        assert read.pixels.dtype == np.uint8 and np.array_equal(read.pixels, np.asarray(expected))

    @pytest.mark.parametrize("kind", SHAPES)
    @pytest.mark.parametrize("container", ["PNG", "TIFF"])
    @pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
    def test_depth_and_alpha_are_those_of_the_file(self, saved, kind, container, dtype):
        array = layers(kind, dtype)
        write = {"TIFF": tiff, "PNG": png16 if dtype == np.uint16 else lambda array: encoded(array, "PNG")}[container]
        read = read_photograph(saved(write(array)))
        pixels, alpha = split(array)
        assert read.format == container and same(read.pixels, pixels) and same(read.alpha, alpha)

    @pytest.mark.parametrize("kind", SHAPES)
    @pytest.mark.parametrize(
        "options",
        [
            {"byteorder": ">"},
            {"compression": "zlib"},
            {"compression": "zlib", "predictor": True, "byteorder": ">"},
            {"rowsperstrip": 2},
            {"tile": (16, 16)},
            {"planarconfig": "separate"},
            {"planarconfig": "separate", "compression": "zlib", "byteorder": ">"},
        ],
        ids=str,
    )
    def test_16_bit_tiff_in_all_layouts(self, saved, kind, options):
        if kind == "grey":  # one channel has no planes
            options = {name: value for name, value in options.items() if name != "planarconfig"}
        pixels, alpha = split(layers(kind, np.uint16))
        read = read_photograph(saved(tiff(layers(kind, np.uint16), **options)))
        assert same(read.pixels, pixels) and same(read.alpha, alpha)

    @pytest.mark.parametrize("kind", ["grey", "rgb", "rgba"])
    def test_16_bit_tiff_with_a_compression_that_tifffile_does_not_know(self, saved, kind):
        array = layers(kind, np.uint16)
        bgr = array if kind == "grey" else array[..., [2, 1, 0, 3][: array.shape[-1]]]
        content = cv2.imencode(".tif", bgr, [cv2.IMWRITE_TIFF_COMPRESSION, 5])[1].tobytes()  # LZW
        assert Image.open(io.BytesIO(content)).info["compression"] == "tiff_lzw"
        read = read_photograph(saved(content))
        assert same(read.pixels, split(array)[0])

    def test_premultiplied_16_bits_are_divided(self, saved):
        straight = np.array([[[60000, 30000, 100, 65535], [65535, 20000, 2, 32768], [0, 0, 0, 0]]], np.uint16)
        stored = np.rint(straight[..., :3] * (straight[..., 3:] / 65535)).astype(np.uint16)
        array = np.concatenate([stored, straight[..., 3:]], axis=-1)
        for layout in ("contig", "separate"):
            read = read_photograph(saved(tiff(array, extrasamples=["assocalpha"], planarconfig=layout)))
            assert np.abs(read.pixels.astype(int) - straight[..., :3]).max() <= 1
            assert same(read.alpha, straight[..., 3])

    def test_a_fourth_channel_of_unknown_meaning_is_no_alpha(self, saved):
        array = layers("rgba", np.uint16)
        for layout in ("contig", "separate"):
            read = read_photograph(saved(tiff(array, extrasamples=["unspecified"], planarconfig=layout)))
            assert read.alpha is None and same(read.pixels, array[..., :3])

    @pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
    def test_tiff_in_which_0_is_white(self, saved, dtype):
        grey = layers("grey", dtype)
        assert same(read_photograph(saved(tiff(grey, photometric="miniswhite"))).pixels, ~grey)

    def test_16_bit_grey_pnm(self, saved):
        grey = np.array([[0, 1, 258, 65535]], np.uint16)
        assert same(read_photograph(saved(b"P5 4 1 65535\n" + grey.astype(">u2").tobytes(), "a.pgm")).pixels, grey)

    def test_16_bit_colours_that_pillow_cuts_are_no_secret(self, saved):
        with pytest.warns(UserWarning, match=r"a\.ppm: its 16-bit colours are read with 8 bits"):
            read = read_photograph(saved(b"P6 1 1\n# why\n65535\n" + b"\xff\xff\0\0\x80\x80", "a.ppm"))
        assert read.pixels.tolist() == [[[255, 0, 128]]]
        ink = tiff(layers("rgba", np.uint16), photometric="separated", extrasamples=None)
        with pytest.warns(UserWarning, match="16-bit colours are read with 8 bits"):
            assert read_photograph(saved(ink)).pixels.dtype == np.uint8

    def test_gamma_and_the_like_do_not_change_16_bits(self, saved):
        array = layers("rgb", np.uint16)
        more = [
            chunk(b"gAMA", struct.pack(">I", 100000)),
            chunk(b"sBIT", b"\x0c\x0c\x0c"),
            chunk(b"bKGD", bytes(6)),
            chunk(b"eXIf", block(orientation=3)),
        ]
        assert same(read_photograph(saved(png16(array, *more))).pixels, array[::-1, ::-1])


class TestModes:
    def palette(self):
        image = Image.new("P", (4, 1))
        image.putpalette([200, 0, 0, 0, 200, 0, 0, 0, 200, 10, 20, 30])
        image.putdata([0, 1, 2, 3])
        return image

    COLOURS = ((200, 0, 0), (0, 200, 0), (0, 0, 200), (10, 20, 30))

    @pytest.mark.parametrize("kind", ["PNG", "GIF", "TIFF", "BMP"])
    def test_palettes_are_looked_up(self, saved, kind):
        read = read_photograph(saved(encoded(self.palette(), kind)))
        assert read.alpha is None and read.pixels.tolist() == [list(map(list, self.COLOURS))]

    @pytest.mark.parametrize(
        ("kind", "transparency", "alpha"),
        [("PNG", 1, [255, 0, 255, 255]), ("GIF", 2, [255, 255, 0, 255]), ("PNG", b"\xff\0\xff\x33", [255, 0, 255, 51])],
    )
    def test_palettes_with_transparency(self, saved, kind, transparency, alpha):
        read = read_photograph(saved(encoded(self.palette(), kind, transparency=transparency)))
        assert read.alpha.tolist() == [alpha] and read.pixels.tolist() == [list(map(list, self.COLOURS))]

    @pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP"])
    def test_two_levels(self, saved, kind):
        image = Image.fromarray(np.array([[0, 255, 255]], np.uint8)).convert("1")
        read = read_photograph(saved(encoded(image, kind)))
        assert read.pixels.tolist() == [[0, 255, 255]] and read.pixels.dtype == np.uint8

    @pytest.mark.parametrize(
        ("depth", "line", "key", "pixels", "alpha"),
        [
            (1, b"\xa0", 1, [255, 0, 255], [0, 255, 0]),
            (1, b"\xa0", 0, [255, 0, 255], [255, 0, 255]),
            (2, b"\x18", 1, [0, 85, 170], [255, 0, 255]),
            (4, b"\x12\xf0", 15, [17, 34, 255], [255, 255, 0]),
            (8, b"\1\2\3", 2, [1, 2, 3], [255, 0, 255]),
            (16, b"\1\0\1\1\2\1", 257, [256, 257, 513], [65535, 0, 65535]),
        ],
    )
    def test_a_transparent_grey(self, saved, depth, line, key, pixels, alpha):
        read = read_photograph(saved(png(3, 1, depth, 0, b"\0" + line, chunk(b"tRNS", struct.pack(">H", key)))))
        assert read.pixels.tolist() == [pixels] and read.alpha.tolist() == [alpha]
        assert read.pixels.dtype == read.alpha.dtype == (np.uint16 if depth == 16 else np.uint8)

    def test_a_transparent_colour(self, saved):
        key = chunk(b"tRNS", struct.pack(">HHH", 1, 2, 3))
        read = read_photograph(saved(png(2, 1, 8, 2, b"\0\1\2\3\1\2\4", key)))
        assert read.pixels.tolist() == [[[1, 2, 3], [1, 2, 4]]] and read.alpha.tolist() == [[0, 255]]
        deep = np.array([[[257, 2, 3], [1, 2, 3]]], np.uint16)  # the same high bytes
        read = read_photograph(saved(png16(deep, key)))
        assert same(read.pixels, deep) and read.alpha.tolist() == [[65535, 0]]

    def test_cmyk_without_a_profile_is_what_pillow_makes_of_it(self, saved):
        ink = Image.new("CMYK", (8, 8), (0, 255, 255, 0))
        read = read_photograph(saved(encoded(ink, "JPEG", quality=100, dpi=(72, 72)), "ink.jpg"))
        assert read.pixels[4, 4].tolist() == [255, 0, 0] and read.icc is None and read.dpi == (72, 72)

    def test_cmyk_goes_through_its_profile_and_loses_it(self, saved):
        ink = Image.new("CMYK", (8, 8), (255, 0, 0, 0))
        for kind in ("JPEG", "TIFF"):
            read = read_photograph(saved(encoded(ink, kind, icc_profile=black_ink_only()), "ink.jpg"))
            assert read.icc is None and read.pixels.min() >= 254  # Pillow alone would make it cyan

    def test_a_broken_cmyk_profile_is_named(self, saved):
        ink = encoded(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "JPEG", quality=100, icc_profile=b"no profile")
        with pytest.warns(UserWarning, match=r"ink\.jpg: its CMYK profile cannot be used"):
            read = read_photograph(saved(ink, "ink.jpg"))
        assert read.pixels[4, 4].tolist() == [255, 0, 0] and read.icc is None

    def test_lab(self, saved):
        lab = Image.merge("LAB", [Image.new("L", (2, 2), value) for value in (255, 128, 128)])
        content = encoded(lab, "TIFF", icc_profile=ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes())
        read = read_photograph(saved(content))
        assert read.pixels.shape == (2, 2, 3) and read.pixels.min() >= 254 and read.icc is None

    def test_ycbcr_tiff(self, saved):
        image = Image.new("RGB", (16, 16), (200, 100, 50))
        path = saved(encoded(image.convert("YCbCr"), "TIFF"))
        assert opened(path).tag_v2[262] == 6
        assert np.abs(read_photograph(path).pixels.astype(int) - (200, 100, 50)).max() <= 2


def black_ink_only():
    """A CMYK profile in which only black darkens: a table of two steps per ink, from inks to Lab."""
    ramp = bytes(range(256))
    corners = b"".join(bytes([0 if corner & 1 else 255, 128, 128]) for corner in range(16))
    identity = struct.pack(">9i", *(65536 * (i % 4 == 0) for i in range(9)))
    table = b"mft1" + bytes(4) + bytes([4, 3, 2, 0]) + identity + ramp * 4 + corners + ramp * 3
    table += bytes(-len(table) % 4)
    size = 128 + 16 + len(table)
    head = struct.pack(">I4xI4s4s4s12x4s", size, 0x02400000, b"prtr", b"CMYK", b"Lab ", b"acsp")
    head = head.ljust(68, b"\0") + struct.pack(">3i", 63190, 65536, 54061)
    return head.ljust(128, b"\0") + struct.pack(">I4sII", 1, b"A2B0", 144, len(table)) + table


class TestOrientation:
    UPRIGHT = (  # of [[1, 2, 3], [4, 5, 6]], by the value of the tag
        [[1, 2, 3], [4, 5, 6]],
        [[3, 2, 1], [6, 5, 4]],
        [[6, 5, 4], [3, 2, 1]],
        [[4, 5, 6], [1, 2, 3]],
        [[1, 4], [2, 5], [3, 6]],
        [[4, 1], [5, 2], [6, 3]],
        [[6, 3], [5, 2], [4, 1]],
        [[3, 6], [2, 5], [1, 4]],
    )

    def contents(self, orientation):
        stored = np.array([[1, 2, 3], [4, 5, 6]], np.uint8)
        la = np.stack([stored, 7 - stored], axis=-1)
        rgba = np.stack([stored, stored + 10, stored + 20, 7 - stored], axis=-1)
        note, tag = tags(orientation), [(274, "H", 1, orientation, True)]
        eXIf = chunk(b"eXIf", block(orientation))
        yield encoded(rgba, "PNG", exif=note)
        yield encoded(la, "PNG", exif=note)
        yield encoded(rgba, "WEBP", exif=note, lossless=True, exact=True)
        for dtype in (np.uint8, np.uint16):
            for array in (la.astype(dtype), rgba.astype(dtype)):
                yield tiff(array, extratags=tag)
                yield tiff(array, extratags=tag, compression="zlib", byteorder=">")
            yield tiff(rgba.astype(dtype), extratags=tag, planarconfig="separate", compression="zlib")
        for array in (la, rgba):
            yield png16(array.astype(np.uint16), eXIf)

    @pytest.mark.parametrize("orientation", range(1, 9))
    def test_pixels_and_alpha_are_turned_and_the_tag_says_so(self, saved, orientation):
        upright = np.array(self.UPRIGHT[orientation - 1])
        for number, content in enumerate(self.contents(orientation)):
            read = read_photograph(saved(content))
            first = read.pixels if read.pixels.ndim == 2 else read.pixels[..., 0]
            assert np.array_equal(first, upright), (number, read.format)
            assert np.array_equal(read.alpha, 7 - upright)
            assert read.pixels.flags.c_contiguous and read.alpha.flags.c_contiguous
            found = Image.Exif()
            found.load(read.exif or b"")
            assert found.get(274, 1) == 1

    @pytest.mark.parametrize("orientation", range(1, 9))
    @pytest.mark.parametrize("deep", [False, True])
    def test_grey_and_jpeg(self, saved, orientation, deep):
        stored = np.array([[1, 2, 3], [4, 5, 6]], np.uint16 if deep else np.uint8)
        tag = [(274, "H", 1, orientation, True)]
        image = Image.fromarray(np.repeat(np.repeat(stored * 40, 8, 0), 8, 1).astype(np.uint8))
        contents = {
            "TIFF": tiff(stored, extratags=tag),
            "PNG": png16(stored, chunk(b"eXIf", block(orientation))),
            "JPEG": encoded(image, "JPEG", exif=tags(orientation), quality=95),
        }
        for kind, content in contents.items():
            found = read_photograph(saved(content)).pixels
            found = np.rint(found[4::8, 4::8] / 40) if kind == "JPEG" else found
            assert found.tolist() == self.UPRIGHT[orientation - 1], kind

    def test_a_big_endian_block_and_one_without_the_tag(self):
        small, big = (struct.pack(order + "2sHIHHHIHHI", mark, 42, 8, 1, 274, 3, 1, 6, 0, 99) for order, mark in ENDS)
        for content in (small, big):
            found = Image.Exif()
            found.load(exif.upright(content))
            assert found[274] == 1 and len(exif.upright(content)) == len(content)
            assert exif.upright(content)[-4:] == bytes(4)  # no preview
        assert exif.upright(block()) == block()
        assert exif.upright(small[:-4]) == exif.upright(small)[:-4]  # some writers end here
        with pytest.raises(ValueError, match="damaged"):
            exif.upright(small[:-5])

    def test_damaged_exif_data_is_named_and_the_photograph_read(self, saved):
        for bad in (b"Exif\0\0II*\0\xff\xff\0\0", b"Exif\0\0nonsense of some length"):
            path = saved(encoded(layers("rgb", np.uint8), "JPEG", exif=bad, dpi=(72, 72)), "bad.jpg")
            with pytest.warns(UserWarning, match=r"bad\.jpg: its EXIF data is damaged and not kept"):
                read = read_photograph(path)
            assert read.exif is None and same(read.pixels, np.asarray(opened(path)))


ENDS = (("<", b"II"), (">", b"MM"))


DEEP = (".png", ".tif", ".TIFF")


class TestRoundTrip:
    @pytest.mark.parametrize(
        ("suffix", "kind", "dtype"),
        [(suffix, kind, dtype) for suffix in DEEP for kind in SHAPES for dtype in (np.uint8, np.uint16)]
        + [(".webp", kind, np.uint8) for kind in ("rgb", "rgba")],
    )
    def test_lossless_formats_give_back_everything(self, tmp_path, suffix, kind, dtype):
        profile = None if kind.startswith("grey") else SRGB
        given = photograph(kind, dtype, exif=block(), icc=profile, dpi=(300.0, 150.5))
        path = tmp_path / f"photo{suffix}"
        write_photograph(path, given, quality=100)
        read = read_photograph(path)
        assert same(read.pixels, given.pixels) and same(read.alpha, given.alpha)
        assert read.icc == profile and read.dpi == pytest.approx((300, 150.5), abs=0.02)
        found = Image.Exif()
        found.load(read.exif)
        assert found.get_ifd(0x8769)[37500] == KNOWN[3] and found.get_ifd(0x8825)[1] == "N"
        again = tmp_path / f"again{suffix}"
        write_photograph(again, read, quality=100)
        assert again.read_bytes() == path.read_bytes() or suffix.lower().startswith(".tif")
        read_again = read_photograph(again)
        assert (read_again.exif, read_again.icc, read_again.dpi) == (read.exif, read.icc, read.dpi)
        assert list(tmp_path.iterdir()) == [path, again] or list(tmp_path.iterdir()) == [again, path]

    @pytest.mark.parametrize(
        ("suffix", "dtype"),
        [(suffix, np.uint8) for suffix in OUTPUT_FORMATS] + [(suffix, np.uint16) for suffix in DEEP],
    )
    def test_others_find_what_was_written(self, tmp_path, suffix, dtype):
        path = tmp_path / f"photo{suffix}"
        given = photograph("rgb", dtype, exif=block(), icc=SRGB, dpi=(300.0, 200.0))
        write_photograph(path, given)
        with Image.open(path) as image:
            image.load()
            assert image.format == OUTPUT_FORMATS[suffix.lower()] and image.info["icc_profile"] == SRGB
            assert known(image) == KNOWN
            if suffix == ".webp":
                assert (image.getexif()[282], image.getexif()[283], image.getexif()[296]) == (300, 200, 2)
            else:
                assert image.info["dpi"] == pytest.approx((300, 200), abs=0.02)
        if suffix not in (".webp", ".jpg", ".jpeg"):
            seen = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_UNCHANGED)
            assert same(seen[..., ::-1], given.pixels)

    @pytest.mark.parametrize("kind", SHAPES)
    @pytest.mark.parametrize("order", ["<", ">"])
    def test_tiff_files_are_as_tifffile_reads_them_and_keep_the_exif_block_in_its_place(self, tmp_path, kind, order):
        note = tags()
        note.endian = order
        content = note.tobytes().removeprefix(exif.PREFIX)
        given = photograph(kind, np.uint16, exif=content, icc=SRGB, dpi=(72.0, 72.0))
        write_photograph(tmp_path / "a.tif", given)
        written = (tmp_path / "a.tif").read_bytes()
        assert written[:4] == content[:4] and written[8 : len(content)] == content[8:]
        with tifffile.TiffFile(tmp_path / "a.tif") as found:
            page = found.pages[0]
            assert np.array_equal(page.asarray(), layers(kind, np.uint16))
            assert page.tags[34665].value["MakerNote"] == KNOWN[3]
            assert page.compression == 8 and page.predictor == 2 and page.tags[34675].value == SRGB
            assert list(page.extrasamples) == ([2] if "a" in kind[4:] or kind == "rgba" else [])

    @pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp"])
    def test_the_exif_block_is_the_same_byte_for_byte(self, saved, tmp_path, name):
        image = encoded(layers("rgb", np.uint8), "JPEG", exif=tags(6), icc_profile=SRGB, dpi=(240, 240))
        read = read_photograph(saved(image, "source.jpg"))
        expected = block(6)
        assert len(read.exif) == len(expected) and sum(a != b for a, b in zip(read.exif, expected, strict=True)) == 1
        write_photograph(tmp_path / name, read)
        again = read_photograph(tmp_path / name)
        assert again.exif.startswith(read.exif[8:]) or again.exif[8 : len(read.exif)] == read.exif[8:]
        assert again.icc == SRGB and again.dpi == pytest.approx((240, 240), abs=0.02)
        assert again.pixels.shape == (7, 13, 3)

    def test_the_preview_of_the_old_pixels_is_left_out(self, saved):
        content = struct.pack("<2sHIHHHIHHI", b"II", 42, 8, 1, 274, 3, 1, 1, 0, 26)  # and a second directory
        content += struct.pack("<HHHIII", 1, 513, 4, 1, 99, 0)
        read = read_photograph(saved(encoded(layers("rgb", np.uint8), "JPEG", exif=exif.PREFIX + content), "a.jpg"))
        found = Image.Exif()
        found.load(read.exif)
        assert found[274] == 1 and not found.get_ifd(1)

    def test_what_a_tiff_file_says_about_its_layout_is_no_exif_data(self, saved, tmp_path):
        extra = [(305, "s", 0, "Scanner 1.0", True), (700, "B", 3, b"<x>", True), (50000, "H", 1, 7, True)]
        read = read_photograph(
            saved(tiff(layers("rgb", np.uint16), extratags=extra, resolution=(118, 118), resolutionunit=3))
        )
        found = Image.Exif()
        found.load(read.exif)
        assert dict(found) == {305: "Scanner 1.0", 50000: 7}
        assert read.dpi == pytest.approx((299.72, 299.72))
        write_photograph(tmp_path / "a.png", read)
        assert read_photograph(tmp_path / "a.png").exif == read.exif

    def test_jpeg_has_full_chroma_the_quality_given_and_whole_dots(self, tmp_path):
        image = np.zeros((32, 32, 3), np.uint8)
        image[:, ::2] = 255, 0, 0  # lines as fine as can be, which 4:2:0 would smear
        given = Photograph(image, None, None, None, (299.9994, 300.2), "PNG")
        errors, sizes = [], []
        for quality in (60, 95):
            write_photograph(tmp_path / "a.jpg", given, quality=quality)
            read = read_photograph(tmp_path / "a.jpg")
            errors.append(np.abs(read.pixels.astype(int) - image).mean())
            sizes.append((tmp_path / "a.jpg").stat().st_size)
            assert read.dpi == (300, 300) and read.format == "JPEG"
        with Image.open(tmp_path / "a.jpg") as written:
            assert [layer[1:3] for layer in written.layer] == [(1, 1)] * 3
        assert errors[1] < min(errors[0], 3) and sizes[0] < sizes[1]

    def test_grey_jpeg_stays_grey(self, tmp_path):
        write_photograph(tmp_path / "a.jpeg", photograph("grey", np.uint8))
        assert read_photograph(tmp_path / "a.jpeg").pixels.shape == (13, 7)

    def test_webp_is_lossless_at_100_only(self, tmp_path):
        given = photograph("rgba", np.uint8)
        write_photograph(tmp_path / "a.webp", given, quality=100)
        assert same(read_photograph(tmp_path / "a.webp").pixels, given.pixels)  # also where alpha is 0
        write_photograph(tmp_path / "a.webp", given)
        read = read_photograph(tmp_path / "a.webp")
        assert not same(read.pixels, given.pixels) and same(read.alpha, given.alpha)

    @pytest.mark.parametrize("suffix", [".png", ".tif", ".jpg", ".webp"])
    def test_nothing_is_made_up(self, tmp_path, suffix):
        path = tmp_path / f"a{suffix}"
        write_photograph(path, photograph("rgb", np.uint8))
        read = read_photograph(path)
        assert (read.exif, read.icc, read.dpi) == (None, None, None)

    def test_several_strips_and_blocks_of_lines(self, tmp_path):
        rng = np.random.default_rng(0)
        smooth = np.cumsum(rng.integers(0, 9, (700, 300, 3)), axis=0).astype(np.uint16)
        for name in ("a.png", "a.tif"):
            write_photograph(tmp_path / name, Photograph(smooth, None, None, None, None, "PNG"))
            assert same(read_photograph(tmp_path / name).pixels, smooth)
            assert (tmp_path / name).stat().st_size < 0.7 * smooth.nbytes

    def test_exif_data_too_big_for_jpeg_is_no_secret(self, tmp_path):
        note = tags()
        note[0x8769] = {37500: bytes(70_000)}
        given = photograph("rgb", np.uint8, exif=note.tobytes().removeprefix(exif.PREFIX))
        with pytest.warns(UserWarning, match=r"a\.jpg: the EXIF data, 70,\d+ bytes, is more than JPEG can hold"):
            write_photograph(tmp_path / "a.jpg", given)
        assert read_photograph(tmp_path / "a.jpg").exif is None
        write_photograph(tmp_path / "a.png", given)
        assert read_photograph(tmp_path / "a.png").exif == given.exif

    def test_damaged_exif_data_is_not_written_and_named(self, tmp_path):
        with pytest.warns(UserWarning, match=r"a\.tif: the EXIF data is damaged and not written"):
            write_photograph(tmp_path / "a.tif", photograph("rgb", np.uint8, exif=b"II*\0\xff\xff\xff\0"))
        assert read_photograph(tmp_path / "a.tif").exif is None

    @pytest.mark.parametrize("suffix", OUTPUT_FORMATS)
    def test_names_with_spaces_and_other_letters(self, tmp_path, suffix):
        path = tmp_path / "Fotos von früher" / f"été 1 – фото{suffix}"
        given = photograph("rgb", np.uint16 if suffix in (".png", ".tif") else np.uint8)
        write_photograph(str(path), given)  # the folder is made
        assert read_photograph(str(path)).pixels.shape == given.pixels.shape
        assert list(path.parent.iterdir()) == [path]


def frames(count):
    return [Image.new("RGB", (4, 4), (60 * i, 0, 0)) for i in range(count)]


def animated(kind, count=3):
    first, *rest = frames(count)
    return encoded(first, kind, save_all=True, append_images=rest)


class TestRefusedFiles:
    def refused(self, path, words, read=read_photograph, **options):
        with pytest.raises(InputError, match=words) as caught:
            read(path, **options)
        message = str(caught.value)
        assert message.startswith(str(path)) and message.endswith(".") and "\n" not in message

    @pytest.mark.parametrize("read", [read_photograph, read_mask_picture])
    def test_what_is_no_file_to_read(self, tmp_path, saved, monkeypatch, read):
        self.refused(tmp_path / "gone.png", "does not exist; check its name", read)
        self.refused(tmp_path, "is a folder; name an image file in it", read)
        self.refused(saved(b"", "empty.png"), "is empty", read)
        self.refused(
            saved(b"not an image at all"), "is no image, or of a kind that cannot be read; save it as PNG", read
        )
        self.refused(saved(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "a.eps"), "is no image", read)
        self.refused(saved(b"x") / "b.png", r"cannot be read \(Not a directory\)", read)
        self.refused(Path("/dev/null"), "is no file", read)
        path = saved(encoded(layers("rgb", np.uint8), "PNG"))

        def closed(*args, **options):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))

        monkeypatch.setattr(Path, "open", closed)  # root, who runs this in a container, may read everything
        self.refused(path, r"cannot be read \(Permission denied\); make it readable", read)

    @pytest.mark.parametrize("part", [0.5, 0.9, -1])
    @pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP", "GIF", "BMP", "PPM", "JPEG2000", "AVIF"])
    def test_8_bits_cut_off(self, saved, kind, part):
        content = encoded(np.random.default_rng(0).integers(0, 256, (64, 48, 3), np.uint8), kind)
        read_photograph(saved(content))
        cut = content[: int(part * len(content)) if part > 0 else -20]
        self.refused(saved(cut), "is damaged or cut off .*copy it again|is no image")
        if kind != "AVIF":
            self.refused(saved(cut), "is damaged or cut off", read_mask_picture)

    @pytest.mark.parametrize("part", [0.3, 0.9, -1])
    @pytest.mark.parametrize("kind", SHAPES)
    def test_16_bits_cut_off(self, saved, kind, part):
        shape = (64, 48, *SHAPES[kind][2:])
        array = np.random.default_rng(0).integers(0, 65536, shape, np.uint16)
        contents = [png16(array), tiff(array), tiff(array, compression="zlib")]
        if len(shape) == 3:
            contents += [tiff(array, planarconfig="separate", compression=way) for way in (None, "zlib")]
        for content in contents:
            read_photograph(saved(content))
            cut = content[: int(part * len(content)) if part > 0 else -20]
            self.refused(saved(cut), "is damaged or cut off")

    def test_damage_in_the_middle(self, saved):
        content = bytearray(encoded(layers("rgb", np.uint8), "PNG"))
        content[60] ^= 255
        self.refused(saved(bytes(content)), "is damaged or cut off")
        content = bytearray(png16(layers("rgb", np.uint16)))
        content[80] ^= 255
        self.refused(saved(bytes(content)), "is damaged or cut off")

    @pytest.mark.parametrize("read", [read_photograph, read_mask_picture])
    @pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF", "AVIF"])
    def test_several_frames(self, saved, kind, read):
        words = "has 3 frames; save the one to restore as a file of its own"
        self.refused(saved(animated(kind)), words, read)

    def test_several_pages_of_16_bits(self, saved):
        for kind in SHAPES:
            stream = io.BytesIO()
            with tifffile.TiffWriter(stream) as writer:
                for seed in range(2):
                    array = layers(kind, np.uint16, seed)
                    grey = kind.startswith("grey")
                    writer.write(
                        array, photometric="minisblack" if grey else "rgb", planarconfig="contig", metadata=None
                    )
            self.refused(saved(stream.getvalue()), "has 2 frames")

    @pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF"])
    def test_one_frame_is_a_photograph(self, saved, kind):
        assert read_photograph(saved(animated(kind, 1))).pixels.shape[:2] == (4, 4)

    def test_a_jpeg_with_a_second_picture_inside_is_one(self, saved):
        content = animated("MPO", 2)
        with pytest.warns(UserWarning, match=r"a\.jpg: the first of its 2 pictures is read; the others are not kept"):
            read = read_photograph(saved(content, "a.jpg"))
        assert read.format == "JPEG" and read.pixels.max() <= 2

    @pytest.mark.parametrize("kind", ["int32", "uint32", "float32"])
    def test_32_bits(self, saved, kind):
        self.refused(saved(tiff(np.ones((4, 4), kind))), "do not say which value is white; save 8 or 16 bits|no image")
        if kind == "float32":
            self.refused(saved(tiff(np.ones((4, 4), kind))), "32-bit float pixels", read_mask_picture)

    def test_12_bits(self, saved):
        content = bytearray(encoded(np.zeros((2, 2), np.uint16), "TIFF"))
        at = content.index(struct.pack("<HHIH", 258, 3, 1, 16))
        content[at + 8] = 12
        self.refused(saved(bytes(content)), "has 12-bit pixels; save 8 or 16 bits")

    def test_rare_compression_of_two_channels(self, saved):
        content = bytearray(tiff(layers("grey+alpha", np.uint16)))
        at = content.index(struct.pack("<HHIH", 259, 3, 1, 1))
        content[at + 8] = 5
        self.refused(saved(bytes(content)), "compressed in a rare way; save it without compression")

    def test_the_threshold_of_a_mask(self, saved):
        path = saved(encoded(layers("grey", np.uint8), "PNG"))
        for threshold in (0, 256):
            self.refused(path, r"threshold \d+; it must be in 1\.\.255", read_mask_picture, threshold=threshold)


class TestSize:
    @pytest.mark.parametrize("read", [read_photograph, read_mask_picture])
    def test_a_bomb_is_refused_by_its_header(self, saved, read):
        contents = [png(60000, 60000, depth, colour, b"") for depth, colour in ((8, 2), (16, 6), (1, 0))]
        gif = b"GIF89a" + struct.pack("<HH", 60000, 60000) + bytes([0x80, 0, 0]) + bytes(6)
        contents.append(gif + b"," + struct.pack("<HHHHB", 0, 0, 60000, 60000, 0) + b"\x02\x01\x44\0;")
        empty = tiff(np.zeros((1, 1), np.uint16))
        for tag in (256, 257):
            entry = struct.pack("<HHII", tag, 4, 1, 1)
            assert entry in empty
            empty = empty.replace(entry, struct.pack("<HHII", tag, 4, 1, 60000))
        contents.append(empty)
        for content in contents:
            start = time.perf_counter()
            with pytest.raises(InputError, match=r"has 60000 x 60000 = 3,600,000,000 pixels, and 500,000,000 are"):
                read(saved(content))
            assert time.perf_counter() - start < 1

    def test_grey_with_alpha_as_well(self, saved):
        with pytest.raises(InputError, match=r"has 7 x 13 = 91 pixels, and 90 are allowed; make it smaller"):
            read_photograph(saved(tiff(layers("grey+alpha", np.uint16))), max_pixels=90)

    def test_the_limit_is_the_one_given(self, saved):
        path = saved(encoded(layers("rgb", np.uint8), "PNG"))
        assert read_photograph(path, max_pixels=91).pixels.shape == (13, 7, 3)
        assert read_mask_picture(path, max_pixels=91).shape == (13, 7)
        for read in (read_photograph, read_mask_picture):
            with pytest.raises(InputError, match="91 pixels, and 90 are allowed"):
                read(path, max_pixels=90)

    @pytest.mark.parametrize("kind", ["PNG", "TIFF"])
    def test_100_megapixels_are_read_without_a_warning(self, saved, kind):
        options = {"compression": "group4"} if kind == "TIFF" else {}
        path = saved(encoded(Image.new("1", (10000, 10000), 1), kind, **options))
        assert Image.MAX_IMAGE_PIXELS < 10**8  # a warning, which is an error here
        read = read_photograph(path)
        assert read.pixels.shape == (10000, 10000) and read.pixels[::999].min() == 255

    def test_pillows_own_limit_comes_back(self, saved, monkeypatch):
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 50)
        path = saved(encoded(layers("rgb", np.uint16)[..., 0], "PNG"))
        expected = layers("rgb", np.uint16)[..., 0]
        faults = []

        def work():
            for _ in range(20):
                if not same(read_photograph(path).pixels, expected):
                    faults.append("pixels")
                with pytest.raises(InputError):
                    read_photograph(path, max_pixels=1)

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not faults and Image.MAX_IMAGE_PIXELS == 50 and opening._readers == 0


class TestRefusedWriting:
    def refused(self, path, words, given, **options):
        with pytest.raises(InputError, match=words) as caught:
            write_photograph(path, given, **options)
        message = str(caught.value)
        assert message.startswith(str(path)) and message.endswith(".") and "\n" not in message

    @pytest.mark.parametrize("name", ["a", "a.bmp", "a.heic", ".png"])
    def test_suffixes_that_cannot_be_written(self, tmp_path, name):
        words = r"must have a suffix that can be written: \.png, \.jpg, \.jpeg, \.tif, \.tiff, \.webp"
        self.refused(tmp_path / name, words, photograph("rgb", np.uint8))
        assert not list(tmp_path.iterdir())

    @pytest.mark.parametrize(
        ("name", "kind", "dtype", "words"),
        [
            ("a.jpg", "rgb", np.uint16, "would lose depth, as the photograph has 16 bits; write PNG or TIFF"),
            ("a.webp", "rgba", np.uint16, "would lose depth, as the photograph has 16 bits; write PNG or TIFF"),
            ("a.JPEG", "rgba", np.uint8, "would lose the photograph's transparency; write PNG, TIFF or WebP"),
            ("a.jpg", "grey+alpha", np.uint8, "would lose the photograph's transparency; write PNG, TIFF or WebP"),
        ],
    )
    def test_what_a_format_cannot_hold(self, tmp_path, name, kind, dtype, words):
        self.refused(tmp_path / name, words, photograph(kind, dtype))
        assert not list(tmp_path.iterdir())

    def test_sides_too_long(self, tmp_path):
        long = Photograph(np.zeros((1, 70000), np.uint8), None, None, None, None, "PNG")
        self.refused(tmp_path / "a.jpg", "can have 65500 pixels a side, .* write PNG or TIFF", long)
        self.refused(tmp_path / "a.webp", "can have 16383 pixels a side", long)
        for name in ("a.png", "a.tif"):
            write_photograph(tmp_path / name, long)
            assert same(read_photograph(tmp_path / name).pixels, long.pixels)

    @pytest.mark.parametrize("quality", [0, 101, -5])
    def test_quality(self, tmp_path, quality):
        words = rf"quality {quality}; it must be in 1\.\.100"
        self.refused(tmp_path / "a.jpg", words, photograph("rgb", np.uint8), quality=quality)

    def test_more_than_a_tiff_file_can_hold(self, tmp_path):
        huge = Photograph(np.broadcast_to(np.uint16(0), (40000, 20000, 3)), None, None, None, None, "PNG")
        self.refused(tmp_path / "a.tif", "more than the 4 GiB that a TIFF file can hold; write PNG", huge)

    @pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".webp"])
    def test_a_place_that_cannot_be_written(self, tmp_path, suffix):
        (tmp_path / "file").write_text("")
        (tmp_path / f"folder{suffix}").mkdir()
        given = photograph("rgb", np.uint8)
        self.refused(tmp_path / "file" / f"a{suffix}", r"cannot be written \((Not a directory|File exists)\)", given)
        self.refused(tmp_path / f"folder{suffix}", r"cannot be written \(Is a directory\)", given)
        self.refused(tmp_path / ("x" * 300 + suffix), r"cannot be written \(File name too long\)", given)
        assert sorted(path.name for path in tmp_path.iterdir()) == ["file", f"folder{suffix}"]

    @pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EACCES])
    def test_a_full_disk_leaves_the_old_file_and_no_other(self, tmp_path, monkeypatch, code):
        (tmp_path / "a.png").write_text("old")

        def full(stream, *_):
            stream.write(b"half")
            raise OSError(code, "No space, or so")

        monkeypatch.setitem(writing._WRITERS, "PNG", full)
        self.refused(tmp_path / "a.png", r"cannot be written \(No space, or so\)", photograph("rgb", np.uint8))
        assert [path.name for path in tmp_path.iterdir()] == ["a.png"]
        assert (tmp_path / "a.png").read_text() == "old"


class TestMaskPicture:
    VALUES = np.array([[0, 127, 128, 255]], np.uint8)

    @pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP", "GIF", "PPM"])
    def test_white_is_the_hole(self, saved, kind):
        holes = read_mask_picture(saved(encoded(self.VALUES, kind)))
        assert holes.dtype == bool and holes.tolist() == [[False, False, True, True]]
        assert read_mask_picture(saved(encoded(self.VALUES, kind)), threshold=1).tolist() == [[False, True, True, True]]
        assert read_mask_picture(saved(encoded(self.VALUES, kind)), threshold=255).tolist() == [[False] * 3 + [True]]

    def test_16_bits_are_scaled_and_colours_become_luma(self, saved):
        deep = np.array([[0, 32767, 32896, 65535, 1000]], np.uint16)
        assert read_mask_picture(saved(png16(deep))).tolist() == [[False, False, True, True, False]]
        colours = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]]], np.uint8)
        expected = [[False, True, False, True]]
        assert read_mask_picture(saved(encoded(colours, "PNG"))).tolist() == expected
        assert read_mask_picture(saved(png16(colours.astype(np.uint16) * 257))).tolist() == expected

    def test_palettes_two_levels_and_transparency(self, saved):
        palette = Image.new("P", (2, 1))
        palette.putpalette([255, 255, 255, 0, 0, 0])
        palette.putdata([0, 1])
        assert read_mask_picture(saved(encoded(palette, "PNG", transparency=b"\0\xff"))).tolist() == [[True, False]]
        clear = np.array([[[255, 255, 255, 0], [0, 0, 0, 0]]], np.uint8)
        assert read_mask_picture(saved(encoded(clear, "PNG"))).tolist() == [[True, False]]
        image = Image.fromarray(np.array([[0, 255]], np.uint8)).convert("1")
        assert read_mask_picture(saved(encoded(image, "TIFF"))).tolist() == [[False, True]]

    @pytest.mark.parametrize("orientation", range(1, 9))
    def test_the_orientation_is_applied(self, saved, orientation):
        stored = np.array([[255, 0, 0], [0, 255, 255]], np.uint8)
        upright = np.array(TestOrientation.UPRIGHT[orientation - 1])
        expected = np.isin(upright, (1, 5, 6))
        tag = [(274, "H", 1, orientation, True)]
        for content in (encoded(stored, "PNG", exif=tags(orientation)), tiff(stored, extratags=tag)):
            assert np.array_equal(read_mask_picture(saved(content)), expected)

    def test_the_rules_are_those_of_the_mask_sets(self, saved):
        from pconv_jax.mask_sets.files import read_mask

        for content in (encoded(layers("rgba", np.uint8), "PNG"), png16(layers("grey", np.uint16)), animated("GIF", 1)):
            path = saved(content)
            assert np.array_equal(read_mask_picture(path, threshold=77), read_mask(path, threshold=77)[..., 0] == 0)

    def test_luma(self):
        assert luma(Image.new("RGB", (1, 1), (0, 255, 0))).tolist() == [[150]]


def test_importing_the_package_loads_no_heavy_library():
    heavy = ["cv2", "PIL", "tifffile", "skimage", "jax"]
    code = f"import sys, pconv_jax.photographs; print(sorted(set({heavy}) & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
