"""Resizing squares of stored images, by area when smaller and by cubic interpolation when larger, as OpenCV does.

Sums are of whole numbers, so that they do not depend on their order. OpenCV's are partly float32: a pixel may be one
level off.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp

MOST = 2899  # side of a square whose sums of bytes fit into int32
_ONE = 2048  # what OpenCV rounds cubic weights to
_SLOPE = -0.75  # of its cubic kernel


def taps(largest: int, size: int) -> int:
    """Most pixels of a side that a pixel of the result is made of."""
    return max(4, -(-largest // size) + 1)


def resized(
    pixels: jax.Array, first: jax.Array, stride: jax.Array, side: jax.Array, *, size: int, largest: int
) -> jax.Array:
    """Cuts a square out of an image and resizes it.

    Args:
        pixels: rows of images, one after the other, uint8 `[P, 3]`, with at least `largest` more after the last image.
        first: which pixel is the square's upper left one, int32.
        stride: width of the image, px, int32.
        side: of the square, px, int32, at most `largest`.
        size: S, the side of the result in pixels.
        largest: L, the side of the largest square; at most `MOST`.

    Returns:
        uint8 `[S, S, 3]`.
    """
    places, weights = _weights(side, size, largest)

    def row(place: jax.Array) -> jax.Array:
        return jax.lax.dynamic_slice(pixels, (first + place * stride, 0), (largest, 3)).reshape(-1)

    # Whole slices each time: they are gathered faster than pixels are.
    rows = _weighted(weights, lambda tap: jax.vmap(row)(places[:, tap]), (size, 3 * largest))
    columns = rows.reshape(size, largest, 3).transpose(1, 0, 2).reshape(largest, 3 * size)
    sums = _weighted(weights, lambda tap: columns[places[:, tap]], (size, 3 * size))
    sums = sums.reshape(size, size, 3).transpose(1, 0, 2)
    by_area = (sums + side**2 // 2) // side**2
    cubic = (sums + _ONE**2 // 2) // _ONE**2
    return jnp.clip(jnp.where(side > size, by_area, cubic), 0, 255).astype(jnp.uint8)


def _weighted(weights: jax.Array, gathered: Callable[[jax.Array], jax.Array], shape: tuple[int, int]) -> jax.Array:
    """The sum over the taps of what is gathered for each pixel of a side, times its weight."""

    def add(tap: jax.Array, sums: jax.Array) -> jax.Array:
        return sums + weights[:, tap, None] * gathered(tap).astype(jnp.int32)

    return jax.lax.fori_loop(0, weights.shape[1], add, jnp.zeros(shape, jnp.int32))


def _weights(side: jax.Array, size: int, largest: int) -> tuple[jax.Array, jax.Array]:
    """Which pixels of a side each pixel of the result is made of, and their weights, both int32 `[S, K]`."""
    tap = jnp.arange(taps(largest, size), dtype=jnp.int32)[None, :]
    number = jnp.arange(size, dtype=jnp.int32)[:, None]
    # The interval of a pixel of the result, in units of 1/S of a pixel, and how much of it each pixel covers.
    start, end = number * side, (number + 1) * side
    place = start // size + tap
    area = jnp.clip(jnp.minimum(end, (place + 1) * size) - jnp.maximum(start, place * size), 0)
    # Twice the middle of a pixel, in the same units; the four pixels around it.
    middle = (2 * number + 1) * side - size
    at = middle // (2 * size)
    t = (middle % (2 * size)) / (2 * size)
    near = [_near(t), _near(1 - t)]
    four = jnp.concatenate([_far(1 + t), *near, _far(2 - t)], axis=1)
    cubic = jnp.rint(_ONE * jnp.pad(four, [(0, 0), (0, tap.size - 4)])).astype(jnp.int32)
    shrinks = side > size
    places = jnp.clip(jnp.where(shrinks, place, at + tap - 1), 0, side - 1)
    return places, jnp.where(shrinks, area, cubic)


def _near(x: jax.Array) -> jax.Array:
    """The cubic kernel at a distance of up to one pixel."""
    return (_SLOPE + 2) * x**3 - (_SLOPE + 3) * x**2 + 1


def _far(x: jax.Array) -> jax.Array:
    """The cubic kernel at a distance of one to two pixels."""
    return _SLOPE * (x**3 - 5 * x**2 + 8 * x - 4)
