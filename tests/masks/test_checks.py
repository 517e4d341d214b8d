"""What masks are drawn from is checked, and hole statistics."""

import numpy as np
import pytest

from pconv_jax import masks
from pconv_jax.common.errors import InputError
from pconv_jax.masks.film_damage import FilmDamage
from pconv_jax.masks.regions import random_blocks, random_region


@pytest.mark.parametrize("wrong", [0, np.random.RandomState(0), None])
@pytest.mark.parametrize(
    "draw",
    [
        lambda rng: masks.random_lines(rng, 32, 32),
        lambda rng: masks.random_strokes(rng, 32, 32),
        lambda rng: masks.random_strokes_by_ratio(rng, 32, 32, ratio=(0.1, 0.2), border=True),
        lambda rng: random_region(rng, 32, 32),
        lambda rng: random_blocks(rng, 32, 32),
        lambda rng: FilmDamage()(rng, np.zeros((32, 32, 3), np.uint8)),
    ],
    ids=["lines", "strokes", "ratio", "region", "blocks", "film damage"],
)
def test_a_seed_instead_of_a_generator_is_refused(draw, wrong):
    with pytest.raises(InputError, match=r"default_rng\(SEED\)"):
        draw(wrong)


def test_hole_ratio():
    mask = np.ones((2, 4, 5, 1), np.float32)
    mask[1, 0] = 0
    assert masks.hole_ratio(mask).tolist() == [0.0, 0.25]
    assert float(masks.hole_ratio(mask[1])) == 0.25
    with pytest.raises(InputError, match="H, W, 1"):
        masks.hole_ratio(mask[..., 0])


@pytest.mark.parametrize("draw", [masks.random_lines, masks.random_strokes])
@pytest.mark.parametrize("name", ["count", "thickness"])
def test_ranges_that_nobody_can_draw_are_refused(draw, name):
    for bounds in ((1, 2**64), (10**12, 10**12)):
        with pytest.raises(InputError, match=rf"{name}=.*must be two whole numbers .* high <= 1,000,000"):
            draw(np.random.default_rng(0), 32, 32, **{name: bounds})
