"""Masks drawn by JAX: the pixels of the same lines are NumPy's, and random masks have their distributions."""

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from pconv_jax import masks
from pconv_jax.common.errors import InputError
from pconv_jax.masks import on_device, regions, strokes
from pconv_jax.masks.drawing import disc_radius, draw_line, empty_canvas
from pconv_jax.masks.on_device import drawing, lines
from pconv_jax.masks.on_device.regions import cells, region

SIZE, MASKS = 32, 400
COUNT, THICKNESS = (2, 6), (1, 5)


def by_numpy(points, thickness, size):
    hole, inner = empty_canvas(size, size, thickness)
    margin = disc_radius(thickness)
    for start, end in itertools.pairwise((points + margin).tolist()):
        draw_line(hole, start, end, thickness)
    return inner


@pytest.mark.parametrize(("size", "thickest", "corners"), [(40, 12, 4), (512, 32, 2)])
def test_a_chain_of_lines_has_the_pixels_that_numpy_draws(size, thickest, corners):
    rng = np.random.default_rng(0)
    points = rng.integers(0, size, (60, corners, 2)).astype(np.int32)
    points[::5] = points[::5, :1]  # a dot
    points[1::5, :, 0] = points[1::5, :1, 0]  # along an axis
    thickness = rng.integers(1, thickest + 1, 60).astype(np.int32)
    drawn = jax.jit(jax.vmap(functools.partial(drawing.covered, size=size)))(points, thickness)
    expected = [by_numpy(*each, size) for each in zip(points, thickness.tolist(), strict=True)]
    np.testing.assert_array_equal(drawn, expected)


def test_roots_are_whole_numbers_without_error():
    roots = np.array([0, 1, 2, 3, 1000, 4097, 46339, 46340], np.int64)
    around = np.concatenate([roots**2, roots**2 + 1, (roots + 1) ** 2 - 1])
    numbers = np.array([*around[around < 2**31], 2**31 - 1])
    expected = np.floor(np.sqrt(numbers.astype(np.longdouble))).astype(int)
    np.testing.assert_array_equal(drawing._integer_root(numbers.astype(np.int32)), expected)


def test_drawing_stops_after_the_last_stroke_or_when_enough_is_covered():
    points = jnp.array([[[0, y], [7, y]] for y in (0, 2, 4)])
    draw = functools.partial(drawing.drawn, points, jnp.ones(3, jnp.int32), size=8)
    assert [int(draw(jnp.array(count), jnp.array(99.0)).sum()) for count in (1, 3)] == [8, 24]
    assert [int(draw(jnp.array(3), jnp.array(enough)).sum()) for enough in (0.5, 8.0, 8.5)] == [8, 8, 16]


def test_bent_strokes_move_by_up_to_half_the_image():
    bent = jax.vmap(functools.partial(lines._bent, size=33), in_axes=(0, None))
    first = np.asarray(bent(jax.random.split(jax.random.key(0), MASKS), jnp.array([16, 16])))[:, 1]
    assert first.min() == 0 and first.max() == 32
    assert np.abs(first - 16).mean() == pytest.approx(16 * 17 / 33, abs=0.7)  # uniform over 33 places


def test_curves_have_the_points_that_numpy_rounds_to():
    controls = np.random.default_rng(0).integers(0, 200, (50, 4, 2))
    t = np.linspace(0, 1, strokes.SEGMENTS + 1)[:, None]
    bernstein = ((1 - t) ** 3, 3 * (1 - t) ** 2 * t, 3 * (1 - t) * t**2, t**3)
    for four in controls:
        expected = np.rint(sum(weight * control for weight, control in zip(bernstein, four, strict=True)))
        np.testing.assert_array_equal(lines._curved(jnp.asarray(four, jnp.int32)), expected)


def test_a_region_of_the_same_noise_has_the_pixels_of_numpys():
    rng, count = np.random.default_rng(0), cells(SIZE)
    for top, left in ((0, 0), (63, 17)):
        noise = rng.integers(0, regions._NOISE, (count, count))
        rows, columns = (
            regions._cubic_taps(type("Offset", (), {"integers": lambda self, _, at=at: at})(), SIZE, SIZE)
            for at in (top, left)
        )
        pattern = regions._enlarged(regions._enlarged(noise, *rows).T, *columns).T
        expected = 4 * pattern < regions._NOISE * (2 * regions.UNITS**3) ** 2
        found = region(jnp.array(top), jnp.array(left), jnp.asarray(noise / regions._NOISE, jnp.float32), size=SIZE)
        np.testing.assert_array_equal(found, expected)


LINES = {"count": COUNT, "thickness": THICKNESS}
KINDS = {
    "lines": (functools.partial(on_device.random_lines, **LINES), functools.partial(masks.random_lines, **LINES)),
    "strokes": (functools.partial(on_device.random_strokes, **LINES), functools.partial(masks.random_strokes, **LINES)),
    "region": (on_device.random_region, regions.random_region),
    "blocks": (on_device.random_blocks, regions.random_blocks),
}


@pytest.mark.parametrize("kind", KINDS)
def test_random_masks_have_the_distributions_of_numpys(kind):
    ours, numpys = KINDS[kind]
    holes = jax.jit(jax.vmap(lambda key: ours(key, SIZE)))(jax.random.split(jax.random.key(1), MASKS))
    rng = np.random.default_rng(1)
    expected = np.stack([numpys(rng, SIZE, SIZE)[..., 0] == 0 for _ in range(MASKS)])
    found = np.asarray(holes)
    assert found.any((1, 2)).all()

    def edges(hole):  # pixels at an edge: of thin damage many, of broad damage few, for one ratio
        return (hole[:, 1:] != hole[:, :-1]).mean((1, 2))

    for measure in (lambda hole: hole.mean((1, 2)), edges, lambda hole: hole[:, 0].mean(1)):
        assert stats.ks_2samp(measure(found), measure(expected)).pvalue > 1e-3
    # Where holes are: the share of each of sixteen parts of the image.
    parts = [each.reshape(MASKS, 4, 8, 4, 8).mean((2, 4)) for each in (found, expected)]
    gap = (parts[0].mean(0) - parts[1].mean(0)) / np.sqrt((parts[0].var(0) + parts[1].var(0)) / MASKS)
    assert np.abs(gap).max() < 4


def test_numbers_and_widths_are_uniform_within_their_ranges(monkeypatch):
    monkeypatch.setattr(lines, "drawn", lambda points, thickness, count, enough, *, size: (points, thickness, count))
    keys = jax.random.split(jax.random.key(2), MASKS)
    ends, widths, count = jax.vmap(lambda key: on_device.random_lines(key, SIZE, **LINES))(keys)
    for values, low, high in ((count, *COUNT), (widths, *THICKNESS), (ends, 0, SIZE - 1)):
        found = np.bincount(np.ravel(values), minlength=high + 1)
        assert found[:low].sum() == 0 and len(found) == high + 1
        assert stats.chisquare(found[low:]).pvalue > 1e-3


def test_lines_that_overflow_are_refused():
    with pytest.raises(InputError, match="lines of 65 px cannot be drawn on the device at 256x256 px, where 64 px is"):
        drawing.check_drawable(256, 65)
    drawing.check_drawable(256, 64)
