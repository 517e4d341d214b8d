"""Photographs that cannot be written, and files that cannot be replaced: one sentence, and nothing lost."""

import dataclasses
import errno

import jax.numpy as jnp
import numpy as np
import pytest
from photograph_files import layers, photograph, same, tiff

from pconv_jax.common.errors import InputError
from pconv_jax.imaging import Photograph, read_photograph, write_photograph, writing


def refused(path, words, given, **options):
    with pytest.raises(InputError, match=words) as caught:
        write_photograph(path, given, **options)
    message = str(caught.value)
    assert message.startswith(str(path)) and not message.endswith(".") and "\n" not in message


@pytest.mark.parametrize("name", ["a", "a.bmp", "a.heic", ".png"])
def test_suffixes_that_cannot_be_written(tmp_path, name):
    words = r"must have a suffix that can be written: \.png, \.jpg, \.jpeg, \.jpe, \.jfif, \.tif, \.tiff, \.webp$"
    refused(tmp_path / name, words, photograph("rgb", np.uint8))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "kind", "dtype", "words"),
    [
        ("a.jpg", "rgb", np.uint16, "would lose depth, as the photograph has 16 bits: write PNG or TIFF"),
        ("a.webp", "rgba", np.uint16, "would lose depth, as the photograph has 16 bits: write PNG or TIFF"),
        ("a.JPEG", "rgba", np.uint8, "would lose the photograph's transparency: write PNG, TIFF or WebP"),
        ("a.jpg", "grey+alpha", np.uint8, "would lose the photograph's transparency: write PNG, TIFF or WebP"),
    ],
)
def test_what_a_format_cannot_hold(tmp_path, name, kind, dtype, words):
    refused(tmp_path / name, words, photograph(kind, dtype))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("suffix", [".png", ".tif", ".jpg", ".webp"])
@pytest.mark.parametrize(
    ("layer", "array", "words"),
    [
        ("pixels", np.ones((4, 5, 3)), r"pixels of float64 \[4, 5, 3\] must be uint8 or uint16, \[H, W\] or"),
        ("pixels", np.ones((4, 5), np.int32), r"pixels of int32 \[4, 5\] must be"),
        ("pixels", np.ones((4, 5, 1), np.uint8), r"pixels of uint8 \[4, 5, 1\] must be"),
        ("pixels", np.ones((4, 5, 4), np.uint8), r"pixels of uint8 \[4, 5, 4\] must be"),
        ("pixels", np.ones(4, np.uint8), r"pixels of uint8 \[4\] must be"),
        ("pixels", np.ones((0, 5), np.uint8), r"as pixels of \[0, 5\] are none"),
        ("pixels", np.ones((4, 0, 3), np.uint16), r"as pixels of \[4, 0, 3\] are none"),
        ("alpha", np.ones((4, 6), np.uint8), r"alpha of uint8 \[4, 6\] must be .* \[H, W\] as the pixels"),
        ("infrared", np.ones((4, 5), np.uint16), r"infrared of uint16 \[4, 5\] must be"),
    ],
)
def test_what_no_reader_would_make(tmp_path, suffix, layer, array, words):
    path = tmp_path / f"a{suffix}"
    path.write_bytes(b"before")
    given = Photograph(np.ones((4, 5), np.uint8), None, exif=None, icc=None, dpi=None, format="PNG")
    with pytest.raises(InputError, match=f"a{suffix} cannot be written[:,] {words}"):
        write_photograph(path, dataclasses.replace(given, **{layer: array}))
    assert path.read_bytes() == b"before"


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_jax_arrays(tmp_path, suffix):
    given = photograph("rgb", np.uint16)
    write_photograph(tmp_path / f"a{suffix}", dataclasses.replace(given, pixels=jnp.asarray(given.pixels)))
    assert same(read_photograph(tmp_path / f"a{suffix}").pixels, given.pixels)


def test_sides_too_long(tmp_path):
    long = Photograph(np.zeros((1, 70000), np.uint8), None, None, None, None, "PNG")
    refused(tmp_path / "a.jpg", "can have 65500 pixels a side, .* write PNG or TIFF", long)
    refused(tmp_path / "a.webp", "can have 16383 pixels a side", long)
    for name in ("a.png", "a.tif"):
        write_photograph(tmp_path / name, long)
        assert same(read_photograph(tmp_path / name).pixels, long.pixels)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".jpg", ".webp"])
@pytest.mark.parametrize("dpi", [(float("nan"), 1), (1e9, 1e9), (0, 300), (-1, 300), (300,), "ab"])
def test_resolutions_that_no_reader_would_find(tmp_path, suffix, dpi):
    given = photograph("rgb", np.uint8, dpi=dpi)
    refused(tmp_path / f"a{suffix}", "cannot be written with the resolution .* up to 65535, or None", given)


def test_a_resolution_that_jpeg_cannot_say_counts_as_none(saved, tmp_path):
    """70,000 pixels an inch, given by the centimetre."""
    scan = tiff(layers("rgb", np.uint8), resolution=(27_559, 27_559), resolutionunit=3)
    read = read_photograph(saved(scan))
    assert read.dpi is None
    write_photograph(tmp_path / "a.jpg", read)
    assert read_photograph(tmp_path / "a.jpg").dpi is None


@pytest.mark.parametrize("quality", [0, 101, -5, 95.5, "95"])
def test_quality(tmp_path, quality):
    words = rf"quality {quality!r}: it must be a whole number between 1 and 100"
    refused(tmp_path / "a.jpg", words, photograph("rgb", np.uint8), quality=quality)


def test_more_than_a_tiff_file_can_hold(tmp_path):
    huge = Photograph(np.broadcast_to(np.uint16(0), (40000, 20000, 3)), None, None, None, None, "PNG")
    refused(tmp_path / "a.tif", "more than the 4 GiB that a TIFF file can hold: write PNG", huge)
    half = Photograph(np.broadcast_to(np.uint16(0), (22000, 25000, 3)), None, None, None, None, "PNG")
    infrared = np.broadcast_to(np.uint16(0), (22000, 25000))
    writing.check_held(tmp_path / "a.tif", half)
    refused(tmp_path / "a.tif", "more than the 4 GiB", dataclasses.replace(half, infrared=infrared))


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".webp"])
def test_a_place_that_cannot_be_written(tmp_path, suffix):
    (tmp_path / "file").write_text("")
    (tmp_path / f"folder{suffix}").mkdir()
    given = photograph("rgb", np.uint8)
    refused(tmp_path / "file" / f"a{suffix}", r"cannot be written \((Not a directory|File exists)\)", given)
    refused(tmp_path / f"folder{suffix}", "is a folder, where a file is to be written", given)
    refused(tmp_path / ("x" * 300 + suffix), r"cannot be written \(File name too long\)", given)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", f"folder{suffix}"]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_a_full_disk_leaves_the_old_file_and_no_other(tmp_path, monkeypatch, code):
    (tmp_path / "a.png").write_text("old")

    def full(stream, *_):
        stream.write(b"half")
        raise OSError(code, "No space, or so")

    monkeypatch.setitem(writing._WRITERS, "PNG", full)
    refused(tmp_path / "a.png", r"cannot be written \(No space, or so\)", photograph("rgb", np.uint8))
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]
    assert (tmp_path / "a.png").read_text() == "old"
