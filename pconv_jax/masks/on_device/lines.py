"""Random straight lines and strokes drawn by JAX: the distributions of `masks.lines` and `masks.strokes`."""

import functools

import jax
import jax.numpy as jnp

from pconv_jax.masks.checks import check_range
from pconv_jax.masks.on_device.drawing import check_drawable, drawn
from pconv_jax.masks.strokes import ENOUGH, MAX_CORNERS, SEGMENTS, SPREAD


def random_lines(key: jax.Array, size: int, *, count: tuple[int, int], thickness: tuple[int, int]) -> jax.Array:
    """The holes of `masks.random_lines`: straight lines with end points anywhere in the image.

    Args:
        key: random key.
        size: S, the side in pixels.
        count: smallest and largest number of lines, both included; uniform.
        thickness: smallest and largest thickness in pixels, both included; uniform, drawn for each line.

    Returns:
        bool `[S, S]`, True on the lines.

    Raises:
        InputError: a range that is not two whole numbers 1 <= low <= high, or lines too thick for the size.
    """
    fewest, most = check_range("count", count)
    thinnest, thickest = check_range("thickness", thickness)
    check_drawable(size, thickest)
    number, ends, widths = jax.random.split(key, 3)
    return drawn(
        jax.random.randint(ends, (most, 2, 2), 0, size),
        jax.random.randint(widths, (most,), thinnest, thickest + 1),
        jax.random.randint(number, (), fewest, most + 1),
        jnp.array(size**2 + 1),  # never
        size=size,
    )


def random_strokes(key: jax.Array, size: int, *, count: tuple[int, int], thickness: tuple[int, int]) -> jax.Array:
    """The holes of `masks.random_strokes`: straight, bent and curved strokes of similar thickness.

    Args:
        key: random key.
        size: S, the side in pixels.
        count: smallest and largest number of strokes, both included; fewer if drawing stops early.
        thickness: smallest and largest thickness in pixels, both included.

    Returns:
        bool `[S, S]`, True on the strokes.

    Raises:
        InputError: a range that is not two whole numbers 1 <= low <= high, or strokes too thick for the size.
    """
    fewest, most = check_range("count", count)
    thinnest, thickest = check_range("thickness", thickness)
    check_drawable(size, thickest)
    number, middle, share, spread, points = jax.random.split(key, 5)
    typical = thinnest * ((thickest + 1) / thinnest) ** jax.random.uniform(middle)
    widths = typical * SPREAD ** jax.random.uniform(spread, (most,), minval=-1.0, maxval=1.0)
    low, high = ENOUGH
    return drawn(
        jax.vmap(functools.partial(_points, size=size))(jax.random.split(points, most)),
        jnp.clip(widths.astype(jnp.int32), thinnest, thickest),
        jax.random.randint(number, (), fewest, most + 1),
        jax.random.uniform(share, minval=low, maxval=high) * size**2,
        size=size,
    )


def _points(key: jax.Array, *, size: int) -> jax.Array:
    """Ends (x, y) of the straight segments of a stroke, int32 `[P, 2]`; the last is repeated where there are fewer."""
    shape, ends, steps = jax.random.split(key, 3)
    anywhere = jax.random.randint(ends, (4, 2), 0, size)
    straight = anywhere[jnp.minimum(jnp.arange(SEGMENTS + 1), 1)]
    return jnp.stack([straight, _bent(steps, anywhere[0], size=size), _curved(anywhere)])[
        jax.random.randint(shape, (), 0, 3)
    ]


def _bent(key: jax.Array, start: jax.Array, *, size: int) -> jax.Array:
    number, moves = jax.random.split(key)
    reach = size // 2
    steps = jax.random.randint(moves, (MAX_CORNERS + 1, 2), -reach, reach + 1)
    steps *= (jnp.arange(MAX_CORNERS + 1) < jax.random.randint(number, (), 2, MAX_CORNERS + 2))[:, None]
    corners = [start]
    for step in steps:
        corners.append(jnp.clip(corners[-1] + step, 0, size - 1))
    return jnp.stack(corners)[jnp.minimum(jnp.arange(SEGMENTS + 1), len(steps))]


def _curved(controls: jax.Array) -> jax.Array:
    """Points of a cubic Bézier curve, rounded half to even, as NumPy rounds."""
    t = jnp.arange(SEGMENTS + 1, dtype=jnp.int32)[:, None]
    rest = SEGMENTS - t
    bernstein = (rest**3, 3 * rest**2 * t, 3 * rest * t**2, t**3)
    sums = sum(weight * control[None, :] for weight, control in zip(bernstein, controls, strict=True))
    assert isinstance(sums, jax.Array)
    whole, part = sums // SEGMENTS**3, sums % SEGMENTS**3
    return whole + (2 * part + whole % 2 > SEGMENTS**3)
