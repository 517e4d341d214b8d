"""Images of any size for a network of one size: resized to it, and its output resized back.

Proportions are not kept: the network sees a long image squeezed to a square.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from pconv_jax.common.errors import InputError

# `(image, mask)` to the raw output and the updated mask.
Network = Callable[[jax.Array, jax.Array], tuple[jax.Array, jax.Array]]
_NONE = 1e-6  # a share of holes below this is rounding


def to_size(image: jax.Array, mask: jax.Array, size: int) -> tuple[jax.Array, jax.Array]:
    """Image and mask at `size` x `size` px, linear with antialiasing.

    A pixel is valid if nothing it was computed from lies in a hole: thin lines do not vanish, and what lies in holes
    changes no valid pixel.

    Args:
        image: `[N, H, W, 3]`.
        mask: `[N, H, W, 1]`, 1 = valid, 0 = hole.
        size: S.

    Returns:
        The image `[N, S, S, 3]`, 0 in holes, and the mask `[N, S, S, 1]`.
    """
    holes = resize((mask == 0).astype(jnp.float32), size, size) > _NONE
    smaller = resize(jnp.where(mask != 0, image, 0.0), size, size)
    return jnp.where(holes, 0.0, smaller), (~holes).astype(mask.dtype)


def from_size(output: jax.Array, valid: jax.Array, height: int, width: int) -> tuple[jax.Array, jax.Array]:
    """Output and mask of a network at `height` x `width` px; a pixel is valid as in `to_size`.

    Args:
        output: `[N, S, S, 3]`.
        valid: `[N, S, S, 1]`.
        height: H.
        width: W.

    Returns:
        `[N, H, W, 3]` and `[N, H, W, 1]`.
    """
    holes = resize((valid == 0).astype(jnp.float32), height, width) > _NONE
    return jnp.where(holes, 0.0, resize(output, height, width)), (~holes).astype(valid.dtype)


def run_resized(network: Network, image: jax.Array, mask: jax.Array, *, size: int) -> tuple[jax.Array, jax.Array]:
    """Runs a network of one size on images of any size; only the holes should be taken from its output.

    Args:
        network: takes images of `size` x `size` px.
        image: `[N, H, W, 3]`.
        mask: `[N, H, W, 1]`, 1 = valid, 0 = hole.
        size: S; images that have it already are not resized.

    Returns:
        The raw output `[N, H, W, 3]` and the updated mask `[N, H, W, 1]`.
    """
    height, width = image.shape[1:3]
    if (height, width) == (size, size):
        return network(image, mask)
    return from_size(*network(*to_size(image, mask, size)), height, width)


def check_size(image: jax.Array, size: int) -> None:
    """Refuses images `[N, H, W, C]` that a network of one size cannot take.

    Raises:
        InputError: naming both sizes.
    """
    if image.shape[1:3] != (size, size):
        raise InputError(
            f"this network takes images of {size}x{size} px only, not {image.shape[2]}x{image.shape[1]}: "
            "crop or resize them, as pconv_jax.models.fixed_size does"
        )


def resize(x: jax.Array, height: int, width: int) -> jax.Array:
    """Images `[N, H, W, C]` at another size, linear with antialiasing."""
    # The highest precision: the weights of a mask must add up to 1 on every device.
    shape = (x.shape[0], height, width, x.shape[-1])
    return jax.image.resize(x, shape, "linear", precision=jax.lax.Precision.HIGHEST)
