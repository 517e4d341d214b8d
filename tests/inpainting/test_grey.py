"""Photographs that are grey in all valid pixels become grey in their holes."""

import numpy as np
import pytest
from inpainter_examples import damaged

from pconv_jax.inpainting.grey import kept_grey

HOLE = np.array([[False, True, True], [False, False, False]])


def grey_image(channels=3, dtype=np.uint8):
    """Grey but for the holes."""
    image = np.repeat(np.arange(6, dtype=dtype).reshape(2, 3, 1) * 10, channels, axis=2)
    image[0, 1] = 200, 0, 100, *[7] * (channels - 3)
    return image


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_holes_get_the_mean_of_their_channels(dtype):
    image = grey_image(dtype=dtype)
    inpainted = image.copy()
    inpainted[0, 1:] = [[10, 11, 14], [250, 255, 255]]
    kept = kept_grey(inpainted, image, HOLE)
    assert kept[0, 1:].tolist() == [[12] * 3, [253] * 3]  # of 11.67 and 253.33
    np.testing.assert_array_equal(kept[~HOLE], image[~HOLE])
    assert inpainted[0, 1].tolist() == [10, 11, 14]


def test_one_valid_pixel_of_colour_is_enough():
    image = grey_image()
    image[1, 2, 2] += 1
    assert kept_grey(image, image, HOLE) is image


def test_colours_that_do_not_show_are_none():
    image = grey_image(4)
    image[..., 3] = 255
    image[1, 2] = 1, 2, 3, 0
    kept = kept_grey(image, image, HOLE)
    assert kept[0, 1].tolist() == [100, 100, 100, 255] and kept[1, 2].tolist() == [1, 2, 3, 0]
    image[..., 3] = 0
    assert kept_grey(image, image, HOLE) is image


@pytest.mark.parametrize("image", [grey_image() / 255, grey_image()[..., :2], grey_image()[..., 0]])
def test_other_kinds_are_as_they_were(image):
    assert kept_grey(image, image, HOLE) is image


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_no_tint_is_left_in_a_grey_photograph(inpainter, dtype):
    image, mask = damaged(64, 80, channels=1, dtype=dtype)
    image = np.repeat(image, 3, axis=2)
    filled = inpainter(image, mask)[mask == 0]
    assert (np.ptp(filled, axis=1) == 0).all()
    tints = np.ptp(inpainter(image / np.float32(np.iinfo(dtype).max), mask)[mask == 0], axis=1)
    assert tints.max() > 0.01  # of this network, where nothing is done about it


def test_a_colour_photograph_is_what_the_network_makes_of_it(inpainter, monkeypatch):
    image, mask = damaged(64, 80)
    result = inpainter(image, mask)
    monkeypatch.setattr("pconv_jax.inpainting.inpainter.kept_grey", lambda inpainted, *_: inpainted)
    np.testing.assert_array_equal(result, inpainter(image, mask))
