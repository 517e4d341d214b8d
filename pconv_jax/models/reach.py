"""How wide a line a generator closes, measured on masks."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from pconv_jax.models.generator import CHANNELS, Generator, GeneratorConfig

# Windows are square, so a line along the rows or the columns is the hardest to see past; diagonals are checked too.
_DIRECTIONS = ((1, 0), (0, 1), (1, 1), (1, -1))


@functools.cache
def widest_closed_line(config: GeneratorConfig) -> int:
    """Widest straight line, in px, that a configuration fills wherever it lies in a large image.

    Measured: lines of growing width are drawn across an image at every alignment to the network's grid, horizontally,
    vertically and diagonally, and sent through the network's own mask path. In wider holes pixels are left that saw
    no valid pixel; the generator says so in the mask it returns.

    Args:
        config: shape of the generator; the widths of its stages do not matter, only their number and the window.

    Returns:
        The widest line of which no pixel is left, px.
    """
    multiple = config.multiple
    # A stage doubles the reach of the one before, in the encoder and again in the decoder: this is a generous bound.
    size = int(np.ceil(4 * config.kernel_size * multiple / multiple) * multiple)
    narrow = GeneratorConfig(
        widths=(1,) * len(config.widths), kernel_size=config.kernel_size, image_skip=config.image_skip
    )
    # Features are never computed: the mask that is left does not depend on them, and the compiler drops them.
    graph, state = nnx.split(nnx.eval_shape(lambda: Generator(narrow, rngs=nnx.Rngs(0))))
    state = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), state)

    @jax.jit
    def is_closed(line: jax.Array) -> jax.Array:
        model = nnx.merge(graph, state)
        model.eval()
        masks = 1.0 - line.astype(jnp.float32)[None, :, :, None]
        return jnp.all(model(jnp.zeros((1, size, size, CHANNELS)), masks)[1] == 1)

    rows, columns = np.mgrid[:size, :size]
    middle = size // 2 // multiple * multiple

    def closes(width: int) -> bool:
        for down, across in _DIRECTIONS:
            distance = (down * rows + across * columns) - middle * (down + across)
            length = np.hypot(down, across)
            for offset in range(multiple):
                line = (distance >= offset * length) & (distance < (offset + width) * length)
                if not is_closed(jnp.asarray(line)):
                    return False
        return True

    low, high = 0, size
    while high - low > 1:  # what closes a line closes every narrower one
        width = (low + high) // 2
        low, high = (width, high) if closes(width) else (low, width)
    return low
