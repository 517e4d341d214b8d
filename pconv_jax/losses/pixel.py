"""Losses that compare pixels. Images `[N, H, W, C]` in [0, 1]; masks `[N, H, W, 1]`, 1 = valid, 0 = hole."""

from typing import Literal

import jax
import jax.numpy as jnp

PixelLoss = Literal["l2", "psnr"]
# Added to each image's squared error (40 dB): an image that is inpainted nearly perfectly must not drown the others.
_PSNR_FLOOR = 1e-4


def pixel_l2(output: jax.Array, target: jax.Array, mask: jax.Array, *, hole_weight: float = 1.0) -> jax.Array:
    """Mean squared difference over the whole image; a pixel in a hole counts `hole_weight` times.

    Args:
        output: raw output of the generator `[N, H, W, C]`.
        target: ground truth `[N, H, W, C]`.
        mask: `[N, H, W, 1]`, 1 = valid, 0 = hole.
        hole_weight: 1 is the plain L2 loss; Liu et al. weigh holes 6 times (in an L1 loss).

    Returns:
        Scalar.

    References:
        Pathak et al., Context Encoders, CVPR 2016, equation 1 (there over the hole only); Liu et al., ECCV 2018,
        equation 7.
    """
    squares = jnp.square(output.astype(jnp.float32) - target)
    return jnp.mean(squares * jnp.where(mask == 0, hole_weight, 1.0))


def pixel_psnr(output: jax.Array, target: jax.Array, mask: jax.Array) -> jax.Array:
    """Mean logarithm of each image's mean squared error in its holes: the mean PSNR, up to sign and scale.

    An image counts for its relative error: thin lines on a smooth background as much as a wide stroke across leaves.
    Valid pixels do not count. PSNR in dB is -10 / log(10) = -4.34 times this, but for the 1e-4 that is added to the
    squared error.

    Args:
        output: raw output of the generator `[N, H, W, C]`.
        target: ground truth `[N, H, W, C]`.
        mask: `[N, H, W, 1]`, 1 = valid, 0 = hole; an image without a hole counts as inpainted perfectly.

    Returns:
        Scalar; log 1e-4 = -9.2 if all holes are inpainted perfectly.

    References:
        Chen et al., HINet: Half Instance Normalization Network for Image Restoration, CVPR workshops 2021, section 3.3.
    """
    holes = jnp.broadcast_to(mask == 0, output.shape)
    squares = jnp.where(holes, jnp.square(output.astype(jnp.float32) - target), 0.0)
    error = jnp.sum(squares, axis=(1, 2, 3)) / jnp.maximum(jnp.sum(holes, axis=(1, 2, 3)), 1)
    return jnp.mean(jnp.log(error + _PSNR_FLOOR))
