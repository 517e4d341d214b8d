"""What is refused by its size, from the header alone, and what of its size is read."""

import io
import struct
import time

import numpy as np
import pytest
import tifffile
from photograph_files import encoded, layers, png
from PIL import Image

from pconv_jax.common import memory
from pconv_jax.common.errors import InputError
from pconv_jax.data.decode import decode_image
from pconv_jax.imaging import limits, read_hole, read_photograph, read_size

DOORS = [read_photograph, read_hole, read_size, decode_image]
SIDE = 4200  # 17.6 megapixels, a little more than what is not checked


def jpeg_claiming(width, height, **options):
    """A small JPEG file whose header claims other sides."""
    content = encoded(np.zeros((64, 64, 3), np.uint8), "JPEG", **options)
    marker = b"\xff\xc2" if options.get("progressive") else b"\xff\xc0"
    at = content.index(marker) + 5
    return content[:at] + struct.pack(">HH", height, width) + content[at + 4 :]


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("kind", ["baseline", "progressive", "png", "png16"])
def test_a_file_too_short_for_its_header_is_not_decoded(saved, door, kind):
    content = {
        "baseline": lambda: jpeg_claiming(22000, 22000),
        "progressive": lambda: jpeg_claiming(22000, 22000, progressive=True),
        "png": lambda: png(22000, 22000, 8, 2, bytes(100_000)),
        "png16": lambda: png(22000, 22000, 16, 6, bytes(100_000)),
    }[kind]()
    path = saved(content)
    start = time.perf_counter()
    with pytest.raises(
        InputError, match=r"its [\d,]+ bytes cannot hold the 22000 x 22000 pixels of its header"
    ) as caught:
        door(path)
    assert time.perf_counter() - start < 1
    assert str(caught.value).startswith(str(path))


@pytest.mark.parametrize(("kind", "options"), [("JPEG", {}), ("JPEG", {"progressive": True}), ("PNG", {})])
def test_the_shortest_files_that_are_whole_are_accepted(saved, kind, options):
    path = saved(encoded(Image.new("L", (SIDE, SIDE), 128), kind, **options))
    assert path.stat().st_size < SIDE * SIDE / 50
    assert read_size(path) == (SIDE, SIDE)


def test_what_needs_more_memory_than_there_is(saved, monkeypatch):
    path = saved(encoded(Image.new("L", (SIDE, SIDE), 128), "PNG"))
    monkeypatch.setattr(limits, "available_memory", lambda: 80_000_000)
    words = r"has 4200 x 4200 = 17,640,000 pixels, which need about 0\.1 GB of memory, and 0\.1 GB are available: make"
    for door in (read_photograph, read_hole, decode_image):
        with pytest.raises(InputError, match=words):
            door(path)
    assert read_photograph(path, max_pixels=SIDE**2).pixels.shape == (SIDE, SIDE)
    for enough in (90_000_000, None):
        monkeypatch.setattr(limits, "available_memory", lambda enough=enough: enough)
        assert read_photograph(path).pixels.shape == (SIDE, SIDE)


@pytest.mark.parametrize("kind", ["channel", "page"])
def test_the_memory_of_infrared_light_counts(tmp_path, monkeypatch, kind):
    monkeypatch.setattr(limits, "_SMALL", 0)
    path, colours = tmp_path / "a.tif", layers("rgb", np.uint16)
    with tifffile.TiffWriter(path) as writer:
        if kind == "channel":
            scan = np.dstack([colours, colours[..., :1]])
            writer.write(scan, photometric="rgb", extrasamples=["unspecified"], metadata=None)
        else:
            writer.write(colours, photometric="rgb", metadata=None)
            writer.write(colours[..., 0].copy(), photometric="minisblack", metadata=None)
    needed = 5 * 13 * 7 * 8  # bytes: four channels of two
    monkeypatch.setattr(limits, "available_memory", lambda: needed - 1)
    with pytest.raises(InputError, match="are available: make it smaller"):
        read_photograph(path)
    monkeypatch.setattr(limits, "available_memory", lambda: needed)
    assert read_photograph(path).infrared is not None


def test_a_limit_above_the_usual_one(saved):
    content = encoded(Image.new("L", (4, 4)), "BMP")
    path = saved(content[:18] + struct.pack("<II", 24000, 21000) + content[26:])
    with pytest.raises(InputError, match=r"504,000,000 pixels, and 500,000,000 are allowed: .*--max-megapixels"):
        read_size(path)
    assert read_size(path, max_pixels=504_000_000) == (24000, 21000)


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF", "grey+alpha"])
def test_the_size_in_the_header_is_that_of_the_upright_image(saved, kind, orientation):
    if kind == "grey+alpha":
        stream = io.BytesIO()
        extra = [(274, "H", 1, orientation, True)]
        pixels = np.zeros((20, 30, 2), np.uint16)
        tifffile.imwrite(stream, pixels, photometric="minisblack", extrasamples=["unassalpha"], extratags=extra)
        content = stream.getvalue()
    else:
        turned = Image.Exif()
        turned[274] = orientation
        content = encoded(np.zeros((20, 30, 3), np.uint8), kind, exif=turned)
    path = saved(content)
    height, width = read_photograph(path).pixels.shape[:2]
    assert (width, height) == ((20, 30) if orientation in (6, 8) else (30, 20))
    assert read_size(path) == (width, height)


class TestMemory:
    def test_available_memory_is_that_of_meminfo(self, tmp_path, monkeypatch):
        monkeypatch.setattr(memory, "_GROUPS", ())
        monkeypatch.setattr(memory.psutil, "PROCFS_PATH", str(tmp_path))
        assert memory.available_memory() is None
        (tmp_path / "meminfo").write_text(
            "MemTotal:       24601640 kB\nMemFree:  9 kB\nMemAvailable:   1000 kB\n"
            "Buffers: 1 kB\nCached: 1 kB\nActive: 1 kB\nInactive: 1 kB\nShmem: 1 kB\nSReclaimable: 1 kB\nSlab: 1 kB\n"
        )
        assert memory.available_memory() == 1_024_000

    def test_a_control_group_limits_it(self, tmp_path):
        limit, used, statistics = (tmp_path / name for name in ("max", "current", "stat"))
        assert memory._of_group(limit, used, statistics) is None
        limit.write_text("max\n")
        used.write_text("700\n")
        assert memory._of_group(limit, used, statistics) is None
        limit.write_text("1000\n")
        assert memory._of_group(limit, used, statistics) == 300
        statistics.write_text("anon 500\ninactive_file 200\n")
        assert memory._of_group(limit, used, statistics) == 500

    def test_the_lower_one_counts(self, monkeypatch, tmp_path):
        for name, content in (("max", "1000\n"), ("current", "700\n")):
            (tmp_path / name).write_text(content)
        monkeypatch.setattr(memory, "_GROUPS", ([tmp_path / name for name in ("max", "current", "stat")],))
        assert memory.available_memory() == 300

    def test_this_machine_tells_it(self):
        available = memory.available_memory()
        if available is None:
            pytest.skip("this system does not tell how much memory is available")
        assert 0 < available <= memory.psutil.virtual_memory().total
