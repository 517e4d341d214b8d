"""The total variation of what was put into the holes."""

import jax
import jax.numpy as jnp
from jax import lax


def dilated_holes(mask: jax.Array) -> jax.Array:
    """The holes and the pixels that touch them, diagonally too: bool `[N, H, W, 1]` of a mask of that shape."""
    holes = (mask == 0).astype(jnp.float32)
    return lax.reduce_window(holes, -jnp.inf, lax.max, (1, 3, 3, 1), (1, 1, 1, 1), "SAME") > 0


def total_variation(composite: jax.Array, mask: jax.Array) -> jax.Array:
    """How rough the holes and their seams are: |difference| of neighbours, right and below.

    A pair of neighbours counts if both lie in the holes dilated by one pixel. Multiplying the image with that region
    first would count the edge of the region itself. The sums are divided by all N * H * W * C entries of the image, as
    in the paper, so that the loss of a batch is the mean over its images.

    Args:
        composite: the output in the holes, the ground truth elsewhere, `[N, H, W, C]`.
        mask: `[N, H, W, 1]`, 1 = valid, 0 = hole.

    Returns:
        Scalar, float32.

    References:
        Liu et al., Image Inpainting for Irregular Holes Using Partial Convolutions, ECCV 2018, equation 6.
    """
    region, composite = dilated_holes(mask), composite.astype(jnp.float32)
    rows = jnp.abs(composite[:, 1:] - composite[:, :-1])
    columns = jnp.abs(composite[:, :, 1:] - composite[:, :, :-1])
    rows = jnp.where(region[:, 1:] & region[:, :-1], rows, 0.0)
    columns = jnp.where(region[:, :, 1:] & region[:, :, :-1], columns, 0.0)
    return (jnp.sum(rows) + jnp.sum(columns)) / composite.size
