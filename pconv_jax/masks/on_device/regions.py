"""The random regions of Pathak et al. drawn by JAX: the distributions of `masks.regions`."""

import jax
import jax.numpy as jnp

from pconv_jax.masks.regions import CELLS, UNITS


def random_region(key: jax.Array, size: int, *, ratio: tuple[float, float] = (0.2, 0.3)) -> jax.Array:
    """The holes of `masks.regions.random_region`: a smooth random pattern over about a quarter of the image.

    In float32, where NumPy's version has whole numbers: pixels within a millionth of the threshold may differ.

    Args:
        key: random key.
        size: S, the side in pixels, at least 8.
        ratio: (low, high): the share of hole pixels lies between, neither included; about one pattern in five has one
            between the defaults, and others are drawn until one has.

    Returns:
        bool `[S, S]`, True in the holes.
    """
    low, high = ratio

    def unfit(state: tuple[jax.Array, jax.Array]) -> jax.Array:
        share = jnp.mean(state[1])
        return (share <= low) | (share >= high)

    def again(state: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        following, now = jax.random.split(state[0])
        rows, columns, noise = jax.random.split(now, 3)
        top, left = (jax.random.randint(each, (), 0, UNITS) for each in (rows, columns))
        return following, region(top, left, jax.random.uniform(noise, (cells(size), cells(size))), size=size)

    return jax.lax.while_loop(unfit, again, (key, jnp.zeros((size, size), bool)))[1]


def cells(size: int) -> int:
    """Most numbers of noise that a side of so many pixels is made of."""
    return ((size - 1) * CELLS * UNITS // (100 * size) + UNITS - 1) // UNITS + 4


def region(top: jax.Array, left: jax.Array, noise: jax.Array, *, size: int) -> jax.Array:
    """The holes of one pattern.

    Args:
        top: where its first row lies between two numbers of noise, in units of 1/64, int32.
        left: the same for its first column.
        noise: `[cells(S), cells(S)]` in [0, 1).
        size: S, the side in pixels.

    Returns:
        bool `[S, S]`, True where the noise, enlarged bicubically, is below 1/4.
    """
    rows, columns = (_enlarging(offset, size) for offset in (top, left))
    exactly = jax.lax.Precision.HIGHEST
    return jnp.matmul(jnp.matmul(rows, noise, precision=exactly), columns.T, precision=exactly) < 0.25


def random_blocks(key: jax.Array, size: int, *, count: tuple[int, int] = (1, 8), most: float = 0.25) -> jax.Array:
    """The holes of `masks.regions.random_blocks`: rectangles that cover up to a quarter of the image.

    Args:
        key: random key.
        size: S, the side in pixels, at least 8.
        count: fewest and most blocks tried, both included; uniform.
        most: largest share of hole pixels; at least 1/4, which any first block fits into.

    Returns:
        bool `[S, S]`, True in the blocks.
    """
    number, tries = jax.random.split(key)
    place = jnp.arange(size)

    def block(index: jax.Array, hole: jax.Array) -> jax.Array:
        sides, corner = jax.random.split(jax.random.fold_in(tries, index))
        tall, wide = jax.random.randint(sides, (2,), size // 8, size // 2 + 1)
        top, left = jax.random.randint(corner, (2,), 0, jnp.stack([size - tall + 1, size - wide + 1]))
        rows, columns = (place >= top) & (place < top + tall), (place >= left) & (place < left + wide)
        larger = hole | (rows[:, None] & columns[None, :])
        return jnp.where(jnp.sum(larger) <= most * size**2, larger, hole)

    blocks = jax.random.randint(number, (), count[0], count[1] + 1)
    return jax.lax.fori_loop(0, blocks, block, jnp.zeros((size, size), bool))


def _enlarging(offset: jax.Array, size: int) -> jax.Array:
    """The weights `[S, cells]` with which noise is enlarged along a side: Catmull-Rom."""
    places = jnp.arange(size) * CELLS * UNITS // (100 * size) + offset
    t = (places % UNITS)[:, None] / UNITS
    weights = jnp.concatenate(
        [-(t**3) + 2 * t**2 - t, 3 * t**3 - 5 * t**2 + 2, -3 * t**3 + 4 * t**2 + t, t**3 - t**2], axis=1
    )
    first = (places // UNITS)[:, None]
    number = jnp.arange(cells(size))[None, :]
    taps = [jnp.where(number == first + tap, weights[:, tap, None], 0.0) for tap in range(4)]
    return sum(taps[1:], taps[0]) / 2
