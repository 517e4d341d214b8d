"""Networks with random parameters, compiled in one program."""

from collections.abc import Callable
from typing import TypeVar

import jax
from flax import nnx

Network = TypeVar("Network", bound=nnx.Module)


def initialize(build: Callable[[], Network]) -> Network:
    """Calls a constructor of a network as one program: faster than its operations one by one, with the same bits.

    Args:
        build: the constructor, such as `lambda: PaperGenerator(config, rngs=nnx.Rngs(0))`.

    Returns:
        The network.
    """
    graph, _ = nnx.split(nnx.eval_shape(build))
    # Hardly optimised: XLA takes longer to optimise the random numbers, once for each shape, than to draw them.
    draw = jax.jit(lambda: nnx.split(build())[1], compiler_options={"xla_backend_optimization_level": 1})
    return nnx.merge(graph, draw())
