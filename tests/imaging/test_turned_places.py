"""Faces and subjects that metadata name lie where they lay, when an image is turned upright."""

import re
import shutil
import subprocess
import time

import numpy as np
import pytest
from photograph_files import encoded, opened
from PIL import Image

from pconv_jax.imaging import read_photograph, write_photograph
from pconv_jax.imaging.exif import PREFIX, upright
from pconv_jax.imaging.turned_places import turned_place, turned_xmp

WIDTH, HEIGHT, X, Y = 40, 24, 31, 5  # as stored; a red pixel at X, Y
ATTRIBUTES = (
    b'<mwg-rs:Area stArea:x="0.7875" stArea:y="0.229167" stArea:w="0.2" stArea:h="0.1" stArea:unit="normalized"/>'
)
ELEMENTS = b"""<mwg-rs:Area rdf:parseType="Resource">
 <stArea:h>0.1</stArea:h> <stArea:w>0.2</stArea:w> <stArea:x>0.7875</stArea:x>
 <stArea:y>0.229167</stArea:y></mwg-rs:Area>"""
DIMENSIONS = b'<mwg-rs:AppliedToDimensions stDim:w="40" stDim:h="24" stDim:unit="pixel"/>'
RECTANGLE = b'<rdf:li MPReg:Rectangle="0.7, 0.2, 0.1, 0.05" MPReg:PersonDisplayName="A"/>'
SIDES = b'exif:PixelXDimension="40" exif:PixelYDimension="24"'


def stored(orientation, *, area=ATTRIBUTES, order="<"):
    """A JPEG file with a red pixel, which EXIF and XMP name."""
    pixels = np.full((HEIGHT, WIDTH, 3), 40, np.uint8)
    pixels[Y, X] = (250, 40, 40)
    exif = Image.Exif()
    exif.endian = order
    exif[274] = orientation
    exif[0x8769] = {0xA002: WIDTH, 0xA003: HEIGHT, 0x9214: (X, Y, 8, 2), 0xA214: (X, Y)}
    xmp = b"<x:xmpmeta %s>%s%s%s</x:xmpmeta>" % (SIDES, DIMENSIONS, area, RECTANGLE)
    return encoded(pixels, "PNG", exif=exif.tobytes().removeprefix(PREFIX), pnginfo=_with_xmp(xmp))


def _with_xmp(xmp):
    from PIL import PngImagePlugin

    info = PngImagePlugin.PngInfo()
    info.add_itxt("XML:com.adobe.xmp", xmp.decode())
    return info


def red(pixels):
    (row,), (column,) = np.nonzero(pixels[..., 0] > 200)
    return column.item(), row.item()


def number(xmp, name):
    return float(re.search(rb"(?<!/)" + name + rb'(?:="|>)([-\d.]+)', xmp)[1])


@pytest.mark.parametrize("area", [ATTRIBUTES, ELEMENTS], ids=["attributes", "elements"])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_what_is_named_is_where_it_was(saved, tmp_path, orientation, order, area):
    read = read_photograph(saved(stored(orientation, area=area, order=order)))
    height, width = read.pixels.shape[:2]
    x, y = red(read.pixels)
    write_photograph(tmp_path / "a.png", read)
    written = opened(tmp_path / "a.png")
    inside = written.getexif().get_ifd(0x8769)
    lies = orientation > 4
    assert (inside[0xA002], inside[0xA003]) == (width, height) == ((HEIGHT, WIDTH) if lies else (WIDTH, HEIGHT))
    assert inside[0x9214] == (x, y, *((2, 8) if lies else (8, 2))) and inside[0xA214] == (x, y)
    xmp = read.texts.xmp
    assert (number(xmp, b"stArea:x"), number(xmp, b"stArea:y")) == pytest.approx(
        ((x + 0.5) / width, (y + 0.5) / height), abs=2e-6
    )
    assert (number(xmp, b"stArea:w"), number(xmp, b"stArea:h")) == ((0.1, 0.2) if lies else (0.2, 0.1))
    assert (number(xmp, b"stDim:w"), number(xmp, b"stDim:h")) == (width, height)
    assert (number(xmp, b"exif:PixelXDimension"), number(xmp, b"exif:PixelYDimension")) == (width, height)
    left, top, across, down = map(float, re.search(rb'Rectangle="([^"]*)"', xmp)[1].split(b","))
    assert (across, down) == pytest.approx((0.05, 0.1) if lies else (0.1, 0.05))
    assert (left + across / 2, top + down / 2) == pytest.approx(turned_place(0.75, 0.225, 1, 1, orientation))


def test_upright_packets_and_others_stay_byte_for_byte():
    xmp = b"<x>" + ATTRIBUTES + RECTANGLE + DIMENSIONS + b"</x>"
    assert turned_xmp(xmp, 1) == xmp
    for other in (
        b"",
        b"stArea:x",
        b'<mwg-rs:Area stArea:x="1.2.3" stArea:y="1"/>',
        b'MPReg:Rectangle="1, 2"',
        b"<a>1</a>",
    ):
        assert turned_xmp(other, 6) == other


@pytest.mark.parametrize(
    "piece", [b"<mwg-rs:Area ", b"<mwg-rs:Area>", b"<mwg-rs:AppliedToDimensions>", b'MPReg:Rectangle="']
)
def test_packets_made_to_take_time_do_not(piece):
    began = time.process_time()
    for count in (9_000, 1_000_000):
        turned_xmp(piece * count, 6)
    assert time.process_time() - began < 20  # of hours, if each looked through the rest


def test_two_regions_are_turned_each_by_itself():
    both = b'<mwg-rs:Area stArea:x="0.1" stArea:y="0.2"/><mwg-rs:Area stArea:x="0.3" stArea:y="0.4"/>'
    expected = b'<mwg-rs:Area stArea:x="0.8" stArea:y="0.1"/><mwg-rs:Area stArea:x="0.6" stArea:y="0.3"/>'
    assert turned_xmp(both, 6) == expected


@pytest.mark.parametrize("cut", [20, 40, 60, 80])
def test_damaged_directories_stay(cut):
    exif = Image.Exif()
    exif[274] = 6
    exif[0x8769] = {0xA002: WIDTH, 0xA003: HEIGHT, 0x9214: (X, Y, 8, 2)}
    block = bytearray(exif.tobytes().removeprefix(PREFIX))
    block[cut : cut + 8] = b"\xff" * 8
    try:
        assert len(upright(bytes(block))) == len(block)
    except ValueError:  # its first directory
        assert cut < 40


@pytest.mark.skipif(shutil.which("exiftool") is None, reason="exiftool is not installed")
def test_exiftool_sees_the_same(saved, tmp_path):
    read = read_photograph(saved(stored(6, area=ELEMENTS)))
    write_photograph(tmp_path / "a.jpg", read)
    x, y = red(read.pixels)
    names = ("SubjectArea", "ExifImageWidth", "ExifImageHeight")
    told = subprocess.run(
        ["exiftool", "-s3", "-n", *(f"-{name}" for name in names), tmp_path / "a.jpg"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert told.stdout.splitlines() == [f"{x} {y} 2 8", "24", "40"]
