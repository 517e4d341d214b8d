"""Photographs from files: what becomes of pixels and transparency."""

import contextlib
import io
import struct
import subprocess
import sys
import warnings

import cv2
import numpy as np
import pytest
from photograph_files import (
    SHAPES,
    block,
    chunk,
    encoded,
    layers,
    opened,
    picture,
    png,
    png16,
    same,
    split,
    tiff,
)
from PIL import Image, ImageCms

from pconv_jax.imaging import (
    read_photograph,
)

AVIF_DEPTH = {depth: [cv2.IMWRITE_AVIF_DEPTH, depth] for depth in (8, 10, 12)}


def multiplied(channels):
    """All pairs of alpha and a colour of 8 bits that is multiplied by it."""
    alpha, colour = np.mgrid[:256, :256].astype(np.uint8)
    return np.dstack([*[np.minimum(colour, alpha)] * (channels - 1), alpha])


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
        said = pytest.warns(UserWarning, match="its last channel, of which the file says nothing, is taken for transp")
        with said if kind == "rgba" else contextlib.nullcontext():
            read = read_photograph(saved(content))
        assert same(read.pixels, split(array)[0]) and same(read.alpha, split(array)[1])

    def test_premultiplied_16_bits_are_divided(self, saved):
        straight = np.array([[[60000, 30000, 100, 65535], [65535, 20000, 2, 32768], [0, 0, 0, 0]]], np.uint16)
        stored = np.rint(straight[..., :3] * (straight[..., 3:] / 65535)).astype(np.uint16)
        array = np.concatenate([stored, straight[..., 3:]], axis=-1)
        for layout in ("contig", "separate"):
            read = read_photograph(saved(tiff(array, extrasamples=["assocalpha"], planarconfig=layout)))
            assert np.abs(read.pixels.astype(int) - straight[..., :3]).max() <= 1
            assert same(read.alpha, straight[..., 3])

    @pytest.mark.parametrize("channels", [2, 4])
    @pytest.mark.parametrize(
        "options", [{}, {"planarconfig": "separate"}, {"compression": "zlib", "predictor": True}, {"bigtiff": True}]
    )
    def test_premultiplied_8_bits_come_back_when_they_are_multiplied_again(self, saved, channels, options):
        stored = multiplied(channels)
        read = read_photograph(saved(tiff(stored, extrasamples=["assocalpha"], **options)))
        assert same(read.alpha, stored[..., -1])
        again = np.rint(read.pixels.reshape(256, 256, -1) * (stored[..., -1:] / 255))
        np.testing.assert_array_equal(again, stored[..., :-1])

    @pytest.mark.parametrize("compression", ["tiff_lzw", "packbits"])
    def test_premultiplied_8_bits_that_libtiff_decompresses(self, saved, compression):
        stored = multiplied(4)
        content = encoded(stored, "TIFF", compression=compression)
        straight, associated = (struct.pack("<HHII", 338, 3, 1, meaning) for meaning in (2, 1))
        assert content.count(straight) == 1
        read = read_photograph(saved(content.replace(straight, associated)))
        np.testing.assert_array_equal(np.rint(read.pixels * (stored[..., -1:] / 255)), stored[..., :-1])
        assert same(read.alpha, stored[..., -1])

    def test_premultiplied_8_bits_behind_64_bit_offsets(self, saved):
        entries = [(256, 3, 1, 2), (257, 3, 1, 1), (258, 3, 4, 0x8000800080008), (259, 3, 1, 32773), (262, 3, 1, 2)]
        entries += [(273, 3, 1, 16), (277, 3, 1, 4), (278, 3, 1, 1), (279, 3, 1, 9), (338, 3, 1, 1)]
        directory = b"".join(struct.pack("<HHQQ", *each) for each in entries)
        pixels = b"\x07" + bytes([10, 20, 30, 100, 50, 0, 255, 255])
        content = b"II+\0\x08\0\0\0" + struct.pack("<Q", 32) + pixels.ljust(16, b"\0")
        content += struct.pack("<Q", len(entries)) + directory + bytes(8)
        read = read_photograph(saved(content))
        assert read.pixels.tolist() == [[[26, 51, 77], [50, 0, 255]]] and read.alpha.tolist() == [[100, 255]]

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
        with pytest.warns(UserWarning, match="16-bit colours are read with 8 bits|CMYK colours are converted") as said:
            assert read_photograph(saved(ink)).pixels.dtype == np.uint8
        assert len(said) == 2

    @pytest.mark.parametrize("kind", ["jp2", "j2k", "avif"])
    @pytest.mark.parametrize("depth", [8, 10, 12, 16])
    def test_jpeg_2000_and_avif_say_how_deep_they_were(self, saved, kind, depth):
        if kind == "avif" and depth == 16:
            pytest.skip("AVIF has no 16 bits")
        array = picture().astype(np.uint16) << depth - 8
        if kind == "avif":
            content = cv2.imencode(".avif", array.astype(np.uint8 if depth == 8 else np.uint16), AVIF_DEPTH[depth])[1]
        else:
            content = cv2.imencode(".jp2", array.astype(np.uint8 if depth == 8 else np.uint16))[1]
        content = content.tobytes()
        if kind != "avif" and depth in (10, 12):  # which no library here writes: said in both headers
            content = content.replace(b"\x0f\7\0\0", bytes([depth - 1, 7, 0, 0]), 1)
            content = content.replace(b"\0\3\x0f\1\1\x0f\1\1\x0f\1\1", b"\0\3" + bytes([depth - 1, 1, 1]) * 3)
        if kind == "j2k":
            content = content[content.index(b"\xff\x4f\xff\x51") :]
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            read = read_photograph(saved(content, f"a.{kind}"))
        assert read.pixels.dtype == np.uint8 and read.pixels.shape == array.shape
        note = f"its {depth}-bit colours are read with 8 bits; save it as PNG or RGB TIFF to keep them"
        assert read.notes == (() if depth == 8 else (note,)) and len(said) == len(read.notes)

    def test_channels_of_jpeg_2000_that_differ_in_depth(self, saved):
        content = encoded(layers("rgb", np.uint8), "JPEG2000")
        head = content.index(b"jp2h") - 4
        place = content.index(b"ihdr")
        assert content[place + 14] == 7  # bits less one
        size, more = int.from_bytes(content[head : head + 4], "big"), struct.pack(">I", 11) + b"bpcc\7\x09\7"
        header = content[head + 4 : place + 14] + b"\xff" + content[place + 15 : place + 18] + more
        header += content[place + 18 : head + size]
        content = content[:head] + struct.pack(">I", size + 11) + header + content[head + size :]
        with pytest.warns(UserWarning, match="its 10-bit colours are read with 8 bits"):
            assert same(read_photograph(saved(content, "a.jp2")).pixels, layers("rgb", np.uint8))

    def test_16_bit_grey_jpeg_2000(self, saved):
        grey = picture()[..., 0].astype(np.uint16) * 257
        content = cv2.imencode(".jp2", grey)[1]
        expected = cv2.imdecode(content, cv2.IMREAD_UNCHANGED)
        assert expected.dtype == np.uint16
        assert same(read_photograph(saved(content.tobytes(), "a.jp2")).pixels, expected)

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
        with pytest.warns(
            UserWarning, match=r"ink\.jpg: its CMYK colours are converted to sRGB, and so are those of the"
        ):
            read = read_photograph(saved(encoded(ink, "JPEG", quality=100, dpi=(72, 72)), "ink.jpg"))
        assert read.pixels[4, 4].tolist() == [255, 0, 0] and read.icc is None and read.dpi == (72, 72)

    def test_cmyk_goes_through_its_profile_and_loses_it(self, saved):
        ink = Image.new("CMYK", (8, 8), (255, 0, 0, 0))
        for kind in ("JPEG", "TIFF"):
            with pytest.warns(UserWarning, match="its CMYK colours are converted to sRGB"):
                read = read_photograph(saved(encoded(ink, kind, icc_profile=black_ink_only()), "ink.jpg"))
            assert read.icc is None and read.pixels.min() >= 254  # Pillow alone would make it cyan

    def test_a_broken_cmyk_profile_is_named(self, saved):
        ink = encoded(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "JPEG", quality=100, icc_profile=b"no profile")
        with pytest.warns(UserWarning, match=r"ink\.jpg: its CMYK") as said:
            read = read_photograph(saved(ink, "ink.jpg"))
        assert read.pixels[4, 4].tolist() == [255, 0, 0] and read.icc is None
        assert "ink.jpg: its CMYK profile cannot be used" in str(said[0].message)
        assert "ink.jpg: its CMYK colours are converted to sRGB" in str(said[1].message)

    def test_lab(self, saved):
        lab = Image.merge("LAB", [Image.new("L", (2, 2), value) for value in (255, 128, 128)])
        content = encoded(lab, "TIFF", icc_profile=ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes())
        with pytest.warns(UserWarning, match="its LAB colours are converted to sRGB"):
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


def test_importing_the_package_loads_no_heavy_library():
    heavy = ["cv2", "PIL", "tifffile", "skimage", "jax"]
    code = f"import sys, pconv_jax.imaging; print(sorted(set({heavy}) & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
