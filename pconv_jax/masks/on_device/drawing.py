"""Drawing lines by JAX, in the integers of `masks.drawing`: the same pixels."""

import itertools

import jax
import jax.numpy as jnp

from pconv_jax.common.errors import InputError

_MOST = 2**14  # thickness x side; above, the squares of int32 overflow


def check_drawable(size: int, thickness: int) -> None:
    """Refuses lines whose arithmetic would overflow.

    Args:
        size: S, the side of the mask in pixels.
        thickness: of the thickest line, px.

    Raises:
        InputError: thickness times size is above 2^14.
    """
    if size * thickness > _MOST:
        raise InputError(
            f"lines of {thickness} px cannot be drawn on the device at {size}x{size} px, where {_MOST // size} px is "
            "the most: give a smaller --line-thickness, or leave out --augment-on-device"
        )


def drawn(points: jax.Array, thickness: jax.Array, count: jax.Array, enough: jax.Array, *, size: int) -> jax.Array:
    """Draws strokes one after the other, up to a number, or until enough of the image is covered.

    Args:
        points: ends (x, y) of the straight segments of each stroke, int32 `[K, P, 2]`, inside the image.
        thickness: of each stroke, px, int32 `[K]`.
        count: number of strokes to draw, at least 1, at most K.
        enough: number of covered pixels after which no other stroke is begun.
        size: S, the side of the image in pixels.

    Returns:
        bool `[S, S]`, True on the strokes.
    """

    def more(state: tuple[jax.Array, jax.Array]) -> jax.Array:
        number, hole = state
        return (number < count) & (jnp.sum(hole) < enough)

    def stroke(state: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        number, hole = state
        return number + 1, hole | covered(points[number], thickness[number], size=size)

    return jax.lax.while_loop(more, stroke, (jnp.zeros((), jnp.int32), jnp.zeros((size, size), bool)))[1]


def covered(points: jax.Array, thickness: jax.Array, *, size: int) -> jax.Array:
    """The pixels nearer than thickness / 2 to a chain of straight segments.

    Args:
        points: the ends (x, y) of the segments, int32 `[P, 2]`; equal ones, one after the other, are one point.
        thickness: in pixels, int32 scalar.
        size: S, the side of the image in pixels.

    Returns:
        bool `[S, S]`.
    """
    places = 2 * jnp.arange(size, dtype=jnp.int32) - (1 - thickness % 2)  # half pixels, as in `masks.drawing`
    ends = [(places - 2 * x, places - 2 * y) for x, y in points]
    hole = jnp.zeros((size, size), bool)
    for x, y in ends:
        hole |= (x**2)[None, :] + (y**2)[:, None] < thickness**2
    for (start, end), (x, y) in zip(itertools.pairwise(points), ends[:-1], strict=True):
        dx, dy = 2 * (end - start)
        length = dx**2 + dy**2  # squared
        along = (x * dx)[None, :] + (y * dy)[:, None]
        across = (x * dy)[None, :] - (y * dx)[:, None]
        limit = jnp.where(length > 0, _integer_root(jnp.maximum(thickness**2 * length - 1, 0)), -1)
        hole |= (along >= 0) & (along <= length) & (jnp.abs(across) <= limit)
    return hole


def _integer_root(number: jax.Array) -> jax.Array:
    """The largest integer whose square is not above a number, int32 of at least 0."""
    root = jnp.sqrt(number.astype(jnp.float32)).astype(jnp.int32)  # off by one at most
    root -= root**2 > number
    return root + (number - root**2 > 2 * root)
