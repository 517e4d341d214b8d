"""What every generator takes: images `[N, H, W, 3]` in [0, 1] and masks `[N, H, W, 1]`, 1 = valid, 0 = hole."""

import jax
import jax.numpy as jnp

from pconv_jax.common.errors import InputError

CHANNELS = 3
CENTRE = 0.5  # grey, which is 0 to residual U-Nets


def check_inputs(image: jax.Array, mask: jax.Array) -> None:
    """Refuses what a generator cannot take.

    Args:
        image: `[N, H, W, 3]`, floating point.
        mask: `[N, H, W, 1]`.

    Raises:
        InputError: other shapes, or an image of another type, such as bytes.
    """
    if image.ndim != 4 or image.shape[-1] != CHANNELS:
        raise InputError(f"the generator takes images [N, H, W, {CHANNELS}], not {image.shape}")
    if not jnp.issubdtype(image.dtype, jnp.floating):
        raise InputError(
            f"the generator takes images of floating point in [0, 1], not {image.dtype}: divide bytes by 255 first"
        )
    if mask.shape != (*image.shape[:-1], 1):
        raise InputError(f"an image of shape {image.shape} needs a mask {(*image.shape[:-1], 1)}, not {mask.shape}")


def pad_to_multiple(x: jax.Array, multiple: int) -> jax.Array:
    """Pads `[N, H, W, C]` with zeros below and to the right, to a multiple of `multiple` px each way.

    For a mask they are hole, so any size works without inventing pixels.
    """
    # Not `-size % multiple`: of sizes that are not known yet, in a program for all of them, the sum must be a multiple.
    below, right = (multiple * ((size + multiple - 1) // multiple) - size for size in x.shape[1:3])
    return jnp.pad(x, ((0, 0), (0, below), (0, right), (0, 0))) if below or right else x
