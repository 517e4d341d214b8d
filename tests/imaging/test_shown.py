"""Photographs as a screen shows them."""

import dataclasses

import numpy as np
import pytest
from photograph_files import SRGB, photograph

from pconv_jax.imaging.profiles import made_profile
from pconv_jax.imaging.shown import shown


@pytest.mark.parametrize("kind", ["grey", "rgb", "grey+alpha", "rgba"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_colours_of_eight_bits_over_white(kind, dtype):
    given = photograph(kind, dtype, icc=SRGB, dpi=(300, 200))
    seen = shown(given, given, linear=False)
    assert seen.pixels.dtype == np.uint8 and seen.pixels.shape == (*given.pixels.shape[:2], 3) and seen.alpha is None
    assert (seen.icc, seen.dpi) == (SRGB, (300, 200))
    values = given.layers / (1 if dtype == np.uint8 else 257)
    alpha = values[..., -1:] / 255 if given.alpha is not None else 1.0
    colours = values[..., :-1] if given.alpha is not None else values
    np.testing.assert_allclose(
        seen.pixels, np.broadcast_to(255 + alpha * (colours - 255), seen.pixels.shape), atol=1.51
    )
    if given.alpha is None:  # rounded, not cut off
        np.testing.assert_array_equal(seen.pixels, np.broadcast_to(np.rint(colours), seen.pixels.shape))


def test_both_are_brightened_by_the_tones_of_the_original():
    pixels = np.full((80, 80, 3), 1000, np.uint16)
    straight = made_profile((0.3127, 0.3290, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06), (1.0,), 3)
    before = dataclasses.replace(
        photograph("rgb", np.uint16, icc=straight, colour=((b"gAMA", bytes(4)),)), pixels=pixels
    )
    after = dataclasses.replace(before, pixels=pixels // 2)
    seen = [shown(each, before, linear=True) for each in (before, after)]
    assert (seen[0].pixels == 255).all() and (seen[1].pixels == round(255 * 0.5 ** (1 / 2.2))).all()
    assert seen[0].colour == () and seen[0].icc not in (None, straight)
