"""Classical baselines: worked by hand, no look into the holes, what OpenCV and scikit-image return."""

import cv2
import numpy as np
import pytest
from damaged_images import gradient, lines

from pconv_jax.common.errors import InputError
from pconv_jax.evaluation import baselines
from pconv_jax.evaluation.classical import CLASSICAL_METHODS
from pconv_jax.evaluation.extra_baselines import EXTRA

BASIC = {name: method for name, method in CLASSICAL_METHODS.items() if name not in EXTRA}
FILLING = {name: CLASSICAL_METHODS[name] for name in ("ns", "telea", "biharmonic", "fill")}


def test_mean_fill_worked_by_hand():
    image = np.array([[0.2, 0.4], [np.nan, 0.9]], np.float32)[None, ..., None] * np.ones(3, np.float32)
    mask = np.array([[1, 1], [0, 1]], np.float32)[None, ..., None]
    np.testing.assert_allclose(baselines.mean_fill(image, mask), np.full((1, 2, 2, 3), 0.5), rtol=1e-6)
    image[0, 1, 1] = [0.6, 0.9, 0.0]
    np.testing.assert_allclose(baselines.mean_fill(image, mask)[0, 0, 0], [0.4, 0.5, 0.2], rtol=1e-6)


@pytest.mark.parametrize("method", BASIC.values(), ids=BASIC)
def test_classical_methods_ignore_holes(method):
    image, mask = np.random.default_rng(1).random((4, 24, 24, 3), np.float32), lines(4, 24)
    found = method(image, mask)
    assert found.shape == image.shape
    assert found.dtype == np.float32
    for content in (0.0, 1.0, np.nan):
        np.testing.assert_array_equal(method(np.where(mask == 1, image, np.float32(content)), mask), found)


@pytest.mark.parametrize("method", FILLING.values(), ids=FILLING)
def test_filling_methods_continue_what_is_around_a_hole(method):
    image, mask = gradient(), lines()
    found = method(np.where(mask == 1, image, np.float32(np.nan)), mask)
    valid = np.broadcast_to(mask == 1, image.shape)
    np.testing.assert_allclose(found[valid], image[valid], atol=0.5 / 255 + 1e-6)  # OpenCV's are bytes
    assert np.abs(found - image)[~valid].mean() < 0.02
    # All hole: nothing to continue. No hole: nothing to do.
    np.testing.assert_array_equal(method(image, np.zeros_like(mask)), np.full(image.shape, 0.5, np.float32))
    np.testing.assert_allclose(method(image, np.ones_like(mask)), image, atol=0.5 / 255 + 1e-6)


def test_biharmonic_is_exact_on_a_ramp():
    image, mask = gradient(), lines()
    mask[:, :, :4] = mask[:, :, -4:] = 1  # away from the border, where scikit-image cuts the equation's window short
    np.testing.assert_allclose(baselines.biharmonic(image * mask, mask), image, atol=1e-5)


@pytest.mark.parametrize(("name", "flag"), [("ns", cv2.INPAINT_NS), ("telea", cv2.INPAINT_TELEA)])
def test_opencv_methods_are_opencvs(name, flag):
    image, mask = gradient(1), lines(1)
    shown = np.rint(image[0] * mask[0] * 255).astype(np.uint8)
    expected = cv2.inpaint(shown, (mask[0, ..., 0] == 0).astype(np.uint8), 3, flag)
    np.testing.assert_array_equal(np.rint(FILLING[name](image, mask)[0] * 255), expected)


@pytest.mark.parametrize("method", [*FILLING.values(), baselines.mean_fill], ids=[*FILLING, "mean"])
def test_bytes_are_refused(method):
    with pytest.raises(InputError, match=r"images must hold floats in \[0, 1\], not uint8: divide 8-bit images by 255"):
        method(np.full((1, 24, 24, 3), 90, np.uint8), lines(1, 24))
