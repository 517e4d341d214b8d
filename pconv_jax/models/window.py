"""One window of a larger image, for networks that take whole images only."""

import jax
import jax.numpy as jnp

from pconv_jax.models.fill import pyramid_fill
from pconv_jax.models.fixed_size import Network
from pconv_jax.models.residual_unet import crop_margin


def inpaint_window(
    model: Network, image: jax.Array, mask: jax.Array, *, inside: jax.Array, coarse: jax.Array, margin: int
) -> jax.Array:
    """`AnyGenerator.window` by the network's whole-image call, with the cheap fill where it leaves pixels empty."""
    filled = pyramid_fill(image, mask, inside=inside, coarse=coarse)
    # The network takes what lies beyond the image for a hole and inpaints it too. Where the window ends with the image
    # it sees zeros around it, as in training.
    shifts = jax.vmap(lambda own: jnp.stack([_overhang(own.max(axis)) for axis in (1, 0)]))(inside[..., 0])
    output, valid = model(*(_rolled(x, shifts) for x in (image, mask)))
    output, valid = (_rolled(x, -shifts) for x in (output, valid))
    return crop_margin(jnp.where(valid != 0, output, filled), margin)


def _rolled(images: jax.Array, shifts: jax.Array) -> jax.Array:
    """`[N, H, W, C]`, each moved down and right by its own of `[N, 2]`; what leaves it comes in on the other side."""
    return jax.vmap(lambda image, shift: jnp.roll(image, shift, (0, 1)))(images, shifts)


def _overhang(inside: jax.Array) -> jax.Array:
    """Along one axis: how far a window would have to be moved to begin, or else to end, with the image."""
    before, after = jnp.argmax(inside), jnp.argmax(inside[::-1])
    return jnp.where(before > 0, -before, after)
