"""Networks with random parameters, compiled in one program, and the parts that a network is trained and saved in."""

from collections.abc import Callable
from typing import Any, TypeVar

import jax
from flax import nnx

from pconv_jax.common.errors import InputError
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


def parts_of(network: Any) -> tuple[nnx.GraphDef[Any], nnx.State, nnx.State]:
    """The structure of a network, its parameters and its batch statistics: all that is trained and saved of it.

    Args:
        network: a network, or its shapes.

    Raises:
        InputError: it has other variables, such as the random state of dropout.
    """
    graph, *states = nnx.split(network, nnx.Param, nnx.BatchStat, ...)
    params, stats, rest = states
    if others := [".".join(map(str, path)) for path, _ in nnx.to_flat_state(rest)]:
        raise InputError(
            f"{type(network).__name__} holds {', '.join(others)}, but only nnx.Param and nnx.BatchStat are trained and "
            "saved: make constants where they are used, and leave out what draws random numbers"
        )
    return graph, params, stats
