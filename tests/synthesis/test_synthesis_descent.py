"""The objective and its descent: against plain NumPy, scale by scale."""

import dataclasses
import itertools

import jax
import numpy as np
import pytest
from synthesis_reference import TINY, objective, tiny_vgg

from pconv_jax.synthesis.descent import descend
from pconv_jax.synthesis.objective import all_votes, weights_of
from pconv_jax.synthesis.objective import objective as of_the_library
from pconv_jax.synthesis.scales import refine_window, steps_of, window_parts

BOTH = dataclasses.replace(
    TINY, layers=("block1_conv2", "block2_conv1"), texture=0.7, content=3.0, total_variation=2.0, iterations=6
)


@pytest.fixture(scope="module")
def example():
    """An image of 16 px, a hole of 5 x 4 in it, and its only part."""
    rng = np.random.default_rng(0)
    image, hole = rng.random((16, 16, 3), np.float32), np.zeros((16, 16), bool)
    hole[6:11, 7:11] = True
    (part,) = window_parts(image, hole, hole, BOTH)
    return image, hole, part


def test_the_objective_is_that_of_plain_numpy(example):
    image, hole, part = example
    vgg, rng = tiny_vgg(), np.random.default_rng(1)
    moved = np.where(hole[..., None], rng.random(image.shape, np.float32), image)
    value = jax.jit(lambda moved: of_the_library(moved, vgg, part, all_votes(vgg, image, part), weights_of(BOTH)))(
        moved
    )
    expected = objective(vgg, moved, image, image, hole, BOTH)
    np.testing.assert_allclose(value, expected, rtol=1e-5)
    assert expected > 0.5


def test_every_step_descends_and_only_the_hole_moves(example):
    image, hole, part = example
    vgg = tiny_vgg()
    image_after, values = descend(vgg, image, part, steps=6, settings=BOTH)
    assert len(values) == 7 and all(later < sooner for sooner, later in itertools.pairwise(values))
    np.testing.assert_allclose(values[0], objective(vgg, image, image, image, hole, BOTH), rtol=1e-5)
    image_after = np.asarray(image_after)
    np.testing.assert_array_equal(image_after[~hole], image[~hole])
    assert (image_after[hole] != image[hole]).mean() > 0.9
    assert image_after.min() >= 0 and image_after.max() <= 1


def test_without_texture_the_start_is_the_minimum(example):
    image, _, part = example
    settings = dataclasses.replace(BOTH, texture=0.0, total_variation=0.0)
    after, values = descend(tiny_vgg(), image, part, steps=5, settings=settings)
    assert values == [0.0]
    np.testing.assert_array_equal(after, image)


def test_total_variation_alone_is_the_harmonic_surface():
    """Between a black and a white half the solution is a ramp: known in closed form."""
    image = np.zeros((32, 32, 3), np.float32)
    image[:, 16:] = 1
    hole = np.zeros((32, 32), bool)
    hole[:, 12:20] = True  # columns 11 and 20 hold 0 and 1
    settings = dataclasses.replace(TINY, texture=0.0, content=0.0, total_variation=1.0)
    (part,) = window_parts(image, hole, hole, settings)
    after, _ = descend(tiny_vgg("block1_conv1"), image, part, steps=40, settings=settings)
    np.testing.assert_allclose(after[:, 11:21], np.broadcast_to(np.arange(10)[:, None] / 9, (32, 10, 3)), atol=2e-3)


def test_parts_keep_thin_lines_and_pad_what_is_no_multiple():
    settings = dataclasses.replace(TINY, scales=3, layers=("block2_conv1",), window=64)
    image, hole = np.full((20, 32, 1), 0.5, np.float32), np.zeros((20, 32), bool)
    hole[:, 13] = True
    core = hole.copy()
    core[10:] = False
    parts = window_parts(image, core, hole, settings)
    assert [part.start.shape for part in parts] == [(6, 8, 1), (12, 16, 1), (24, 32, 1)]
    for part, column in zip(parts, (3, 6, 13), strict=True):
        rows = -(-10 * len(part.hole) // 24)
        np.testing.assert_array_equal(np.argwhere(part.hole[..., 0]), [[row, column] for row in range(rows)])
        assert (part.start == 0.5).all()
        for role in part.roles.values():
            assert not (role.targets & role.candidates).any()
            assert not role.candidates[-1].any()  # beyond the image
    assert not parts[0].roles  # 3 x 4 cells: the line leaves nothing to copy


def test_all_scales_are_run_and_reported():
    settings = dataclasses.replace(TINY, scales=2, iterations=5, match_every=2)
    image, hole = np.random.default_rng(2).random((32, 32, 3), np.float32), np.zeros((32, 32), bool)
    hole[12:20, 12:18] = True
    parts, calls = window_parts(image, hole, hole, settings), []
    vgg = tiny_vgg("block1_conv1")
    found = refine_window(parts, vgg, settings, progress=lambda: calls.append(0))
    assert len(calls) == steps_of(settings) == 6
    np.testing.assert_array_equal(found[~hole], image[~hole])
    # A single scale begins elsewhere, so it ends elsewhere.
    one = dataclasses.replace(settings, scales=1)
    alone = refine_window(window_parts(image, hole, hole, one), vgg, one, progress=lambda: None)
    assert np.abs(found - alone)[hole].max() > 0.01


def test_a_flat_image_stays_flat():
    image, hole = np.full((32, 32, 3), 0.4, np.float32), np.zeros((32, 32), bool)
    hole[12:20, 12:18] = True
    parts = window_parts(image, hole, hole, TINY)
    found = refine_window(parts, tiny_vgg("block1_conv1"), TINY, progress=lambda: None)
    np.testing.assert_allclose(found, image, atol=1e-3)
