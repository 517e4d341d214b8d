"""How wide a line a network of partial convolutions closes, measured on masks."""

import bisect
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from pconv_jax.models.inputs import CHANNELS
from pconv_jax.models.interface import AnyGenerator


def widest_closed_line(build: Callable[[], AnyGenerator], *, multiple: int, bound: int) -> int:
    """Widest straight line, in px, of which no pixel is left empty wherever it lies in a large image.

    Lines of growing width are drawn across an image at every alignment to the network's grid and sent through the
    network's own mask path: in wider holes pixels are left that saw no valid pixel, and the mask it returns says so.
    The lines run along the rows: kernels are square, so that slanted lines of that width are easier to see past. With
    valid pixels on one side only, as along a border or in a corner, about half as much closes.

    Args:
        build: makes the network; the number of channels does not matter, so a few are enough.
        multiple: heights and widths are padded to a multiple of this, px.
        bound: no wider line can close, px.

    Returns:
        The widest line that closes, px.
    """
    # Features are never computed: the updated mask does not depend on them, and the compiler drops them.
    graph, state = nnx.split(nnx.eval_shape(build))
    state = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), state)

    @jax.jit
    def updated(masks: jax.Array) -> jax.Array:
        model = nnx.merge(graph, state)
        model.eval()
        return model(jnp.zeros((*masks.shape[:-1], CHANNELS)), masks)[1]

    def leaves_empty(valid: np.ndarray) -> bool:
        # All columns are equal, so a few are enough.
        masks = np.broadcast_to(valid[:, :, None, None], (*valid.shape, multiple, 1))
        return not updated(jnp.asarray(masks)).all()

    return widest_closing(leaves_empty, multiple=multiple, bound=bound)


def widest_closing(leaves_empty: Callable[[np.ndarray], bool], *, multiple: int, bound: int) -> int:
    """The widest line that closes at every alignment to the grid.

    Args:
        leaves_empty: takes places across a line, bool `[A, L]`, True = valid, a row for each alignment; whether any of
            them stays empty.
        multiple: A, of the grid, px.
        bound: no wider line can close, px.

    Returns:
        Its width, px.
    """
    length = (bound // multiple + 4) * multiple  # room for a line of bound + 1 px at any offset, and for both sides
    places, starts = np.arange(length), multiple + np.arange(multiple)[:, None]
    # What closes a line closes every narrower one: the number of widths that close is the widest.
    return bisect.bisect_left(
        range(1, bound + 2), True, key=lambda width: leaves_empty((places < starts) | (places >= starts + width))
    )
