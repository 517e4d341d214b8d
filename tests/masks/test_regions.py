"""Regions: where they lie, how much they cover, their distribution, the same for a seed, mistakes."""

import hashlib

import numpy as np
import pytest

from pconv_jax.common.errors import InputError
from pconv_jax.masks import hole_ratio
from pconv_jax.masks.regions import centre_region, random_blocks, random_region


def rng(seed=0):
    return np.random.default_rng(seed)


def test_the_centre_is_the_middle_half():
    mask = centre_region(128, 128)
    expected = np.ones((128, 128, 1), np.float32)
    expected[32:96, 32:96] = 0
    np.testing.assert_array_equal(mask, expected)
    assert mask.dtype == np.float32


def test_the_rim_of_the_centre_stays_valid():
    for overlap in (4, 7):
        mask = centre_region(128, 64, overlap=overlap)
        holes = np.argwhere(mask[..., 0] == 0)
        np.testing.assert_array_equal(holes.min(0), [32 + overlap, 16 + overlap])
        np.testing.assert_array_equal(holes.max(0), [95 - overlap, 47 - overlap])
        assert len(holes) == (64 - 2 * overlap) * (32 - 2 * overlap)


@pytest.mark.parametrize(("height", "width"), [(128, 128), (64, 96), (8, 8), (33, 20)])
@pytest.mark.parametrize("draw", [random_region, random_blocks])
def test_every_mask_is_one(draw, height, width):
    for seed in range(5):
        mask = draw(rng(seed), height, width)
        assert mask.shape == (height, width, 1) and mask.dtype == np.float32
        assert set(np.unique(mask)) == {0, 1}


def test_random_regions_cover_20_to_30_percent():
    ratios = hole_ratio(np.stack([random_region(rng(seed), 128, 128) for seed in range(40)]))
    assert ratios.min() > 0.2 and ratios.max() < 0.3
    ratios = hole_ratio(np.stack([random_region(rng(seed), 64, 64, ratio=(0.1, 0.15)) for seed in range(10)]))
    assert ratios.min() > 0.1 and ratios.max() < 0.15


def test_random_regions_are_the_pattern_of_the_release():
    """Against noise enlarged as a whole, in floating point: same share of holes, same length of their edges."""
    size, cells = 600, 36  # 16.67 px a cell, as 10,000 px of 600
    t = np.linspace(0, cells, size, endpoint=False)[:, None] - np.arange(-1, cells + 3)
    x = np.abs(t)
    taps = np.where(x <= 1, 1.5 * x**3 - 2.5 * x**2 + 1, np.where(x < 2, -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2, 0))
    patterns = [taps @ rng(seed).random((cells + 4, cells + 4)) @ taps.T < 0.25 for seed in range(4)]
    share = np.mean(patterns)
    edges = np.mean([np.mean(p[1:] != p[:-1]) for p in patterns])

    any_ratio = (1e-9, 1 - 1e-9)
    ours = [random_region(rng(seed), 128, 128, ratio=any_ratio)[..., 0] == 0 for seed in range(60)]
    np.testing.assert_allclose(np.mean(ours), share, rtol=0.05)
    np.testing.assert_allclose(np.mean([np.mean(p[1:] != p[:-1]) for p in ours]), edges, rtol=0.05)
    # At half the size all is half as large.
    half = [random_region(rng(seed), 64, 64, ratio=any_ratio)[..., 0] == 0 for seed in range(60)]
    np.testing.assert_allclose(np.mean([np.mean(p[1:] != p[:-1]) for p in half]), 2 * edges, rtol=0.05)


def test_random_blocks_cover_up_to_a_quarter():
    masks = np.stack([random_blocks(rng(seed), 64, 64, count=(8, 8)) for seed in range(50)])
    ratios = hole_ratio(masks)
    assert ratios.min() > 0 and 0.2 < ratios.max() <= 0.25
    # Each is a union of rectangles: a single one is a full rectangle.
    for seed in range(20):
        hole = random_blocks(rng(seed), 64, 96, count=(1, 1))[..., 0] == 0
        rows, columns = hole.any(1), hole.any(0)
        assert 8 <= rows.sum() <= 32 and 12 <= columns.sum() <= 48
        np.testing.assert_array_equal(hole, rows[:, None] & columns)


@pytest.mark.parametrize(("draw", "digest"), [(random_region, "4d7a581247b0f6ab"), (random_blocks, "1ec89787f2ebb63e")])
def test_a_seed_gives_the_same_mask_everywhere(draw, digest):
    mask = draw(rng(3), 96, 128)
    assert hashlib.sha256(mask.astype(np.uint8).tobytes()).hexdigest()[:16] == digest


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (
            lambda: centre_region(7, 9),
            "of 9 x 7 px cannot be drawn: both sides must be whole numbers, at least 8",
        ),
        (lambda: centre_region(16, 16, overlap=4), "overlap=4 must be a whole number of at least 0 and leave a hole"),
        (lambda: centre_region(16, 16, overlap=-1), "overlap=-1 must be a whole number of at least 0 and leave a hole"),
        (lambda: random_region(rng(), 0, 9), "a mask of 9 x 0 px cannot be drawn"),
        (lambda: random_region(rng(), 16, 16, ratio=(0.3, 0.2)), r"ratio=\(0.3, 0.2\) must be \(low, high\)"),
        (lambda: random_region(rng(), 16, 16, ratio=0.3), r"ratio=0.3 must be \(low, high\)"),
        (lambda: random_blocks(rng(), 64, 64, most="x"), "most=x must be a share"),
        (lambda: centre_region(32, 32, overlap=0.5), "overlap=0.5 must be a whole number"),
        (lambda: random_region(rng(), 64, 64, ratio=(0.99, 1.0)), "no random region of 64x64 px .* in 1000 tries"),
        (lambda: random_blocks(rng(), 64, 64, count=(0, 2)), r"count=\(0, 2\) must be two whole numbers"),
        (lambda: random_blocks(rng(), 64, 64, most=0.01), "most=0.01 must be a share of the image from 1/16 to 1"),
    ],
)
def test_mistakes_are_refused(wrong, message):
    with pytest.raises(InputError, match=message):
        wrong()
