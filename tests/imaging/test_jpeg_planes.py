"""JPEG files that were changed in places: elsewhere they stay as they were."""

import dataclasses

import numpy as np
import pytest
import skimage.data
from photograph_files import encoded
from PIL import Image

from pconv_jax.imaging import read_photograph, write_photograph
from pconv_jax.imaging.jpeg_planes import _before_it_was_enlarged, planes_of

SIZES = [(96, 128), (75, 101), (17, 1), (1, 1), (2, 3)]


def photograph(height, width):
    return skimage.data.coffee()[100 : 100 + height, 150 : 150 + width]


@pytest.fixture
def read(saved):
    def read(pixels, *, orientation=1, **options):
        exif = Image.Exif()
        exif[274] = orientation
        return read_photograph(saved(encoded(pixels, "JPEG", quality=85, exif=exif, **options)))

    return read


def again(path, given):
    write_photograph(path, given)
    return read_photograph(path).pixels.astype(int)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("sampling", [0, 1, 2])
def test_what_is_not_changed_stays(read, tmp_path, size, sampling):
    given = read(photograph(*size), subsampling=sampling)
    change = np.abs(again(tmp_path / "a.jpg", given) - given.pixels).max(axis=2)
    whole = change[: size[0] // 16 * 16, : size[1] // 16 * 16]  # blocks, but for those that reach beyond the edge
    assert change.mean() < 2 and (not whole.size or (whole.max() <= 6 and (whole > 0).mean() < 0.05))
    if size == (96, 128) and sampling:
        without = dataclasses.replace(given, source=None)
        assert (np.abs(again(tmp_path / "b.jpg", without) - given.pixels).max(axis=2) > 0).mean() > 0.1


@pytest.mark.parametrize("sampling", [0, 1, 2])
def test_what_is_changed_is_written(read, tmp_path, sampling):
    given = read(photograph(96, 128), subsampling=sampling)
    pixels = given.pixels.copy()
    pixels[32:48, 64:96] = 60, 120, 180  # whole blocks
    written = again(tmp_path / "a.jpg", dataclasses.replace(given, pixels=pixels))
    assert np.abs(written[34:46, 66:94] - (60, 120, 180)).max() <= 4
    change = np.abs(written - given.pixels).max(axis=2)
    change[24:56, 56:104] = 0  # as far as smoothly enlarged chroma reaches
    assert change.max() <= 6 and (change > 0).mean() < 0.05


def test_a_changed_pixel_takes_the_average_with_it(read):
    given = read(np.full((6, 8, 3), 120, np.uint8), subsampling=2)
    assert (given.pixels == 120).all()
    pixels = given.pixels.copy()
    pixels[2, 5] = 255, 0, 0
    planes = planes_of(pixels, given.source, 2, orientation=1)
    expected = np.tile(np.uint8([120, 128, 128]), (6, 8, 1))
    expected[2, 5] = 76, 85, 255  # 0.299 * 255; 128 - 0.169 * 255; 128 + 0.5 * 255
    np.testing.assert_array_equal(planes, expected)


@pytest.mark.parametrize("orientation", range(2, 9))
@pytest.mark.parametrize("sampling", [0, 1, 2])
def test_what_lay_on_a_side_is_turned(read, tmp_path, orientation, sampling):
    given = read(photograph(96, 128), orientation=orientation, subsampling=sampling)
    change = np.abs(again(tmp_path / "a.jpg", given) - given.pixels)
    before = np.abs(again(tmp_path / "b.jpg", dataclasses.replace(given, source=None)) - given.pixels)
    assert (change**2).mean() < (before**2).mean()


def test_what_cannot_be_known_is_left_to_the_encoder(read, tmp_path):
    odd = read(photograph(75, 100), orientation=3, subsampling=2)
    assert planes_of(odd.pixels, odd.source, 2, orientation=3) is None
    assert planes_of(odd.pixels[:50], odd.source, 2, orientation=3) is None
    line = read(photograph(1, 40), subsampling=2)
    assert planes_of(line.pixels, line.source, 2, orientation=1) is None
    assert np.abs(again(tmp_path / "a.jpg", odd) - odd.pixels).mean() < 3
    assert read(photograph(30, 40)[..., 0]).source is None
    assert read(photograph(30, 40), keep_rgb=True).jpeg.rgb
    given = read(photograph(30, 40), keep_rgb=True)
    assert np.abs(again(tmp_path / "b.jpg", given) - given.pixels).max() <= 8


@pytest.mark.parametrize("width", [2, 3, 8, 9])
def test_enlarged_chroma_is_made_small_again(width):
    rng = np.random.default_rng(0)
    count = -(-width // 2)
    chroma = rng.integers(0, 256, (5, count, 2)).astype(np.uint8)
    before, after = (np.pad(chroma.astype(int), ((0, 0), ends, (0, 0)), "edge") for ends in ((1, 0), (0, 1)))
    enlarged = np.empty((5, 2 * count, 2), np.uint8)  # as jdsample.c of libjpeg does
    enlarged[:, ::2] = (3 * chroma.astype(int) + before[:, :-1] + 1) >> 2
    enlarged[:, 1::2] = (3 * chroma.astype(int) + after[:, 1:] + 2) >> 2
    found = _before_it_was_enlarged(enlarged[:, :width])
    assert found.shape == chroma.shape and np.abs(found.astype(int) - chroma).max() <= 1
    np.testing.assert_array_equal(_before_it_was_enlarged(enlarged[:, :1]), chroma[:, :1])
