"""One window of a larger image, for networks that take whole images only."""

import jax
import jax.numpy as jnp

from pconv_jax.models.fill import pyramid_fill
from pconv_jax.models.fixed_size import Network


def inpaint_window(
    model: Network, image: jax.Array, mask: jax.Array, *, inside: jax.Array, coarse: jax.Array, margin: int
) -> jax.Array:
    """`AnyGenerator.window` by the network's whole-image call, with the cheap fill where it leaves pixels empty."""
    filled = pyramid_fill(image, mask, inside=inside, coarse=coarse)
    # The network takes what lies beyond the image for a hole and fills it too. Where the window ends with the image it
    # sees zeros around it, as in training.
    shift = jnp.stack([_overhang(inside[0, ..., 0].max(axis)) for axis in (1, 0)])
    output, valid = model(*(jnp.roll(x, shift, (1, 2)) for x in (image, mask)))
    output, valid = (jnp.roll(x, -shift, (1, 2)) for x in (output, valid))
    return jnp.where(valid != 0, output, filled)[:, margin:-margin, margin:-margin]


def _overhang(inside: jax.Array) -> jax.Array:
    """Along one axis: how far a window would have to be moved to begin, or else to end, with the image."""
    before, after = jnp.argmax(inside), jnp.argmax(inside[::-1])
    return jnp.where(before > 0, -before, after)
