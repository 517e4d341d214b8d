"""Dark photographs, which the detector sees brighter."""

import numpy as np
import pytest
from skimage import data

from pconv_jax.detection.seen import Whole

ALL = np.s_[:], np.s_[:]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_dark_photographs_are_seen_as_bright_as_others(dtype):
    image = data.chelsea().astype(np.float32) / 255
    top = np.iinfo(dtype).max if dtype != np.float32 else 1
    white = np.percentile(image[::4, ::4], 99.9)
    for factor, expected in ((1, image), (0.9, image * 0.9), (0.2, np.clip(image / white, 0, 1))):
        pixels = image * factor * top
        pixels = pixels if dtype == np.float32 else np.rint(pixels).astype(dtype)
        values, shows = Whole(pixels, linear=False).part(*ALL)
        assert shows.all() and values.dtype == np.float32
        np.testing.assert_allclose(values, expected, atol=0.03 if dtype == np.uint8 else 0.002)


def test_bright_damage_on_a_dark_photograph_keeps_its_tone():
    pixels = np.full((80, 80, 3), 20, np.uint8)
    pixels[40:42] = 250
    values, _ = Whole(pixels, linear=False).part(*ALL)
    np.testing.assert_allclose(values, pixels / 255, atol=1e-6)
    nearly_black = np.zeros((400, 400, 3), np.uint8)
    nearly_black[::7] = 1  # rounding, not a picture
    assert Whole(nearly_black, linear=False).part(*ALL)[0].max() < 0.1
    assert not Whole(np.zeros((4, 4, 3), np.uint8), linear=False).part(*ALL)[0].any()


def test_there_is_a_slope_between_dark_and_bright():
    whites = {0.4: 1, 0.55: 1, 0.6: 0.6 / 0.8, 0.625: 0.625 / (0.625 * 0.25 + 0.75), 0.65: 0.65, 0.8: 0.8}
    for white, expected in whites.items():
        values, _ = Whole(np.full((8, 8, 3), white, np.float32), linear=False).part(*ALL)
        np.testing.assert_allclose(values, expected, rtol=1e-5)
