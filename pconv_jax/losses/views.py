"""What losses look at: the raw output, the composite, or the surroundings of the holes.

Images `[N, H, W, 3]` in [0, 1]; masks `[N, H, W, 1]`, 1 = valid, 0 = hole.
"""

from typing import Literal

import jax
import jax.numpy as jnp
from flax import nnx

View = Literal["output", "composite", "surroundings"]
SURROUNDINGS = 8  # px around the holes that are shown beside them
_GREY = 0.5


def composite(output: jax.Array, target: jax.Array, mask: jax.Array) -> jax.Array:
    """The output in the holes, the clean target (never the noisy input) elsewhere, `[N, H, W, 3]`."""
    return jnp.where(mask == 0, output, target.astype(output.dtype))


def shown(view: View, output: jax.Array, target: jax.Array, mask: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The ground truth and the output as a loss sees them.

    Args:
        view: `output`: both as they are; `composite`: valid pixels of the output are the target's; `surroundings`: the
            composite, and both are grey farther than `SURROUNDINGS` px (along either axis) from every hole.
        output: raw output `[N, H, W, 3]`.
        target: the clean ground truth `[N, H, W, 3]`.
        mask: `[N, H, W, 1]`, 1 = valid, 0 = hole.

    Returns:
        The truth and the output, `[N, H, W, 3]` each.
    """
    if view == "output":
        return target, output
    filled = composite(output, target, mask)
    if view == "composite":
        return target, filled
    side = 2 * SURROUNDINGS + 1
    near = nnx.max_pool((mask == 0).astype(jnp.float32), (side, side), padding="SAME") > 0
    return jnp.where(near, target, _GREY), jnp.where(near, filled, _GREY)
