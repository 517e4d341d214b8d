"""Networks with random parameters, compiled in one program."""

from collections.abc import Callable
from typing import TypeVar

import jax
from flax import nnx

from pconv_jax.common.xla_options import INITIALIZATION

Network = TypeVar("Network", bound=nnx.Module)


def initialize(build: Callable[[], Network]) -> Network:
    """Calls a constructor of a network as one program: faster than its operations one by one, with the same bits.

    Args:
        build: the constructor, such as `lambda: PaperGenerator(config, rngs=nnx.Rngs(0))`.

    Returns:
        The network.
    """
    graph, _ = nnx.split(nnx.eval_shape(build))
    draw = jax.jit(lambda: nnx.split(build())[1], compiler_options=dict(INITIALIZATION))
    return nnx.merge(graph, draw())
