"""Whole numbers of NumPy that are small: they overflow where they are multiplied, and must give what Python's give."""

import jax.numpy as jnp
import numpy as np
import pytest

import pconv_jax
from pconv_jax.masks.ratio import random_strokes_by_ratio
from pconv_jax.masks.regions import centre_region, random_blocks, random_region

SIZES = [(np.uint8(200), np.uint8(200)), (np.int16(300), np.uint16(300)), (np.int8(64), np.int8(100))]


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize(
    "draw",
    [
        lambda rng, h, w: pconv_jax.random_lines(rng, h, w, count=(1, 1), thickness=(60, 60)),
        lambda rng, h, w: pconv_jax.random_strokes(rng, h, w),
        lambda rng, h, w: random_strokes_by_ratio(rng, h, w, ratio=(0.1, 0.2), border=True),
        random_region,
        random_blocks,
        lambda rng, h, w: centre_region(h, w, overlap=np.uint8(4)),
    ],
    ids=["lines", "strokes", "by ratio", "region", "blocks", "centre"],
)
def test_masks_of_numpys_sizes(size, draw):
    found = draw(np.random.default_rng(0), *size)
    np.testing.assert_array_equal(found, draw(np.random.default_rng(0), *map(int, size)))


def test_groups_of_partial_convolutions():
    x, mask, kernel = jnp.ones((1, 4, 4, 300)), jnp.ones((1, 4, 4, 2)), jnp.ones((3, 3, 300, 2))
    found = pconv_jax.partial_conv(x, mask, kernel, mask_groups=(np.uint8(200), np.uint8(100)))
    expected = pconv_jax.partial_conv(x, mask, kernel, mask_groups=(200, 100))
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    kernel = jnp.ones((3, 3, 3, 100))
    found, _ = pconv_jax.partial_conv(x, mask[..., :1], kernel, feature_groups=np.uint8(100))
    np.testing.assert_array_equal(found, pconv_jax.partial_conv(x, mask[..., :1], kernel, feature_groups=100)[0])
