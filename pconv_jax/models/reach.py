"""How wide a line a generator closes, measured on masks."""

import bisect
import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from pconv_jax.models.fill_correcting import FillCorrectingConfig
from pconv_jax.models.inputs import CHANNELS
from pconv_jax.models.paper import PaperGenerator
from pconv_jax.models.registry import AnyGeneratorConfig


@functools.cache
def widest_closed_line(config: AnyGeneratorConfig) -> int | None:
    """Widest straight line, in px, that a configuration fills wherever it lies in a large image.

    Measured: lines of growing width are drawn across an image at every alignment to the network's grid and sent
    through the network's own mask path. In wider holes pixels are left that saw no valid pixel; the generator says so
    in the mask it returns. The lines run along the rows: windows are square, so that slanted lines of that width are
    easier to see past. With valid pixels on one side only, as along a border or in a corner, about half as much closes.

    Args:
        config: shape of the generator; the widths of its stages do not matter, only their number and the window.

    Returns:
        The widest line of which no pixel is left, px; None for plain convolutions, which put something everywhere,
        also where they see no valid pixel.
    """
    if isinstance(config, FillCorrectingConfig) or config.convolution == "plain":
        return None
    multiple = config.multiple
    # How far a pixel of the output sees, at most: half a window for each of the four convolutions at each resolution,
    # and for the last one. A wider line than twice that cannot close.
    bound = 2 * (config.kernel_size // 2) * (4 * (multiple - 1) + 1)
    height = (bound // multiple + 4) * multiple  # room for a line of bound + 1 px at any offset, and for both sides
    narrow = dataclasses.replace(config, widths=(1,) * len(config.widths))
    # Features are never computed: the mask that is left does not depend on them, and the compiler drops them.
    graph, state = nnx.split(nnx.eval_shape(lambda: PaperGenerator(narrow, rngs=nnx.Rngs(0))))
    state = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), state)

    @jax.jit
    def left(masks: jax.Array) -> jax.Array:
        model = nnx.merge(graph, state)
        model.eval()
        return model(jnp.zeros((*masks.shape[:-1], CHANNELS)), masks)[1]

    def stays_open(width: int) -> bool:
        start = multiple + np.arange(multiple)[:, None]  # one image for each offset
        rows = np.arange(height)
        line = (start <= rows) & (rows < start + width)
        # The columns are alike, so a few will do.
        masks = np.broadcast_to(~line[:, :, None, None], (multiple, height, multiple, 1))
        return not left(jnp.asarray(masks)).all()

    # What closes a line closes every narrower one: the number of widths that close is the widest.
    return bisect.bisect_left(range(1, bound + 2), True, key=stays_open)
