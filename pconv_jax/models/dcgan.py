"""Parts of the networks of Pathak et al.: their input; 4x4 convolutions without biases and batch norms, as in DCGAN."""

import itertools
from collections.abc import Callable, Iterable

import jax
import jax.numpy as jnp
from flax import nnx
from jax.typing import DTypeLike

_MOMENTUM = 0.9  # of the running batch statistics
_HOLE_COLOUR = (117 / 255, 104 / 255, 123 / 255)


def fill_and_scale(image: jax.Array, mask: jax.Array) -> jax.Array:
    """Images `[N, H, W, 3]` of [0, 1] in [-1, 1], their holes (mask `[N, H, W, 1]` is 0) in one colour."""
    colour = jnp.asarray(_HOLE_COLOUR, image.dtype).reshape(1, 1, 1, -1)
    return 2 * jnp.where(mask != 0, image, colour) - 1


def conv(
    in_features: int, out_features: int, *, stride: int, transposed: bool = False, dtype: DTypeLike, rngs: nnx.Rngs
) -> nnx.Conv | nnx.ConvTranspose:
    """A 4x4 convolution without a bias; of stride 2 it halves or doubles the size, of stride 1 it joins 4x4 and 1x1."""
    kind: Callable[..., nnx.Conv | nnx.ConvTranspose] = nnx.ConvTranspose if transposed else nnx.Conv
    return kind(
        in_features,
        out_features,
        (4, 4),
        strides=stride,
        padding="SAME" if stride == 2 else "VALID",
        use_bias=False,
        dtype=dtype,
        kernel_init=jax.nn.initializers.normal(0.02),
        rngs=rngs,
    )


def convs(widths: tuple[int, ...], *, halve: bool, dtype: DTypeLike, rngs: nnx.Rngs) -> nnx.List:
    """Convolutions of stride 2 from each number of channels to the next; they halve the size, or double it."""
    steps = itertools.pairwise(widths)
    return nnx.List([conv(*step, stride=2, transposed=not halve, dtype=dtype, rngs=rngs) for step in steps])


def norm(features: int, *, dtype: DTypeLike, axis_name: str | None, rngs: nnx.Rngs) -> nnx.BatchNorm:
    """A batch norm with scale N(1, 0.02); the arguments are those of `nnx.BatchNorm`."""

    def around_one(key: jax.Array, shape: tuple[int, ...], dtype: DTypeLike = jnp.float32) -> jax.Array:
        return 1 + 0.02 * jax.random.normal(key, shape, dtype)

    return nnx.BatchNorm(
        features, momentum=_MOMENTUM, scale_init=around_one, dtype=dtype, axis_name=axis_name, rngs=rngs
    )


def norms(widths: Iterable[int], *, dtype: DTypeLike, axis_name: str | None, rngs: nnx.Rngs) -> nnx.List:
    """A `norm` for each number of channels."""
    return nnx.List([norm(width, dtype=dtype, axis_name=axis_name, rngs=rngs) for width in widths])
