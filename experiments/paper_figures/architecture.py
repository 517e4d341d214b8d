"""The architecture of a network, read from a traced forward pass: its layers, their shapes, and who reads whom.

Nothing is computed and no parameter is made: JAX traces the network as it is called on an image, and every layer of it
leaves a mark before and after what it does.
"""

import dataclasses
import functools
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from jax.ad_checkpoint import checkpoint_name

from experiments.paper_figures.traced_program import ADDED, CONCATENATED, DONE, Link, Reader, common_start, mark_of
from pconv_jax.layers import PartialConv
from pconv_jax.models.channelwise import ChannelwiseDense
from pconv_jax.models.inputs import CHANNELS
from pconv_jax.models.interface import AnyGeneratorConfig

_ENTER, _LEAVE = "enter ", "leave "  # marks: a layer begins, it ends


@dataclasses.dataclass(frozen=True)
class Layer:
    """A layer of a network: a module of its own, or the member of a list of modules.

    Attributes:
        name: its place in the network, as the code calls it: "encoder.0.1".
        operations: what it does, in order, and what everything that reads it does first: "partial 3×3, stride 2", "BN",
            "ReLU"; `ADDED` where it adds its own input.
        shape_in: H, W and C of the features that it reads.
        shape: H, W and C of those that it gives.
        links: where it reads from.
    """

    name: str
    operations: tuple[str, ...]
    shape_in: tuple[int, int, int]
    shape: tuple[int, int, int]
    links: tuple[Link, ...]


@dataclasses.dataclass(frozen=True)
class Architecture:
    """The layers of a network in the order in which they run, and its output.

    Attributes:
        layers: the layers.
        image_size: side of the square image that it was traced for, px.
        parameters: number of trained parameters.
        shape: H, W and C of the output.
        links: what the output is made from.
    """

    layers: tuple[Layer, ...]
    image_size: int
    parameters: int
    shape: tuple[int, int, int]
    links: tuple[Link, ...]


def trace_architecture(config: AnyGeneratorConfig, *, image_size: int) -> Architecture:
    """Traces a network on a square image.

    Args:
        config: of any network in `NETWORKS`.
        image_size: side of the image, px; a network of one size has its own instead.

    Returns:
        What it consists of.
    """
    size = config.image_size or image_size
    network = nnx.eval_shape(lambda: config.build(rngs=nnx.Rngs(0)))
    network.eval()
    graph, state = nnx.split(network)
    parameters = sum(leaf.size for leaf in jax.tree.leaves(nnx.state(network, nnx.Param)))

    def forward(image: jax.Array, mask: jax.Array, state: nnx.State) -> jax.Array:
        network = nnx.merge(graph, state, copy=True)
        _mark_layers(network)
        return network(image, mask)[0]

    image, mask = (jax.ShapeDtypeStruct((1, size, size, channels), jnp.float32) for channels in (CHANNELS, 1))
    layers, shape, links = _read(jax.make_jaxpr(forward)(image, mask, state).jaxpr)
    return Architecture(layers, size, parameters, shape, links)


def _mark_layers(network: Any) -> None:
    """Makes the layers of a network leave marks in the program that is traced."""
    for name, layer in vars(network).items():
        for path, module in _members(name, layer):
            for _, inner in nnx.iter_modules(module):
                if (label := _label(inner)) is not None:
                    _replace_call(inner, functools.partial(_mark_after, mark=DONE + label))
            if not isinstance(module, nnx.BatchNorm):  # that of a layer beside it: a step on the way
                _replace_call(module, functools.partial(_mark_around, name=path))


def _members(name: str, value: Any) -> Iterator[tuple[str, nnx.Module]]:
    """A module and its name; of a list of modules, those in it."""
    if isinstance(value, nnx.List):
        for index, member in enumerate(value):
            yield from _members(f"{name}.{index}", member)
    elif isinstance(value, nnx.Module):
        yield name, value


def _replace_call(module: nnx.Module, wrap: Callable[..., Any]) -> None:
    """Gives this one object another `__call__`; it stays an instance of its class."""
    kind: Any = type(module)

    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        return wrap(functools.partial(kind.__call__, self), *args, **kwargs)

    object.__setattr__(module, "__class__", type(kind.__name__, (kind,), {"__call__": call}))


def _mark_around(call: Callable[..., Any], x: jax.Array, *args: Any, name: str, **kwargs: Any) -> Any:
    return _mark_after(call, checkpoint_name(x, _ENTER + name), *args, mark=_LEAVE + name, **kwargs)


def _mark_after(call: Callable[..., Any], *args: Any, mark: str, **kwargs: Any) -> Any:
    """The result of a call, whose first array is the features; a mask may follow."""
    result = call(*args, **kwargs)
    if isinstance(result, tuple):
        return (checkpoint_name(result[0], mark), *result[1:])
    return checkpoint_name(result, mark)


def _label(module: Any) -> str | None:
    """What a module does, in a few letters; None for one that only contains others."""
    if isinstance(module, nnx.BatchNorm):
        return "BN"
    if isinstance(module, ChannelwiseDense):
        return "channel-wise"
    for kind, name in ((PartialConv, "partial"), (nnx.Conv, "conv"), (nnx.ConvTranspose, "transposed")):
        if isinstance(module, kind):
            height, width = module.kernel.shape[:2]
            stride = module.stride if isinstance(module, PartialConv) else module.strides
            step = stride if isinstance(stride, int) else (stride or [1])[0]
            return f"{name} {height}×{width}" + (f", stride {step}" if step > 1 else "")
    return None


def _read(program: Any) -> tuple[tuple[Layer, ...], tuple[int, int, int], tuple[Link, ...]]:
    """The layers, and shape and links of the output, from the marks in a traced program."""
    reader = Reader(program)
    marks = [mark_of(equation) for equation in program.eqns]
    entries = [place for place, mark in enumerate(marks) if mark.startswith(_ENTER)]
    exits = [place for place, mark in enumerate(marks) if mark.startswith(_LEAVE)]
    reader.number({program.eqns[place].outvars[0]: number for number, place in enumerate(exits)})
    links = [reader.links(program.eqns[place].invars[0]) for place in entries]
    links_of_output = reader.links(program.outvars[0])
    layers = []
    for number, (start, stop) in enumerate(zip(entries, exits, strict=True)):
        inside = [name for equation in program.eqns[start:stop] if (name := reader.operation(equation))]
        read = [link.operations for each in [*links, links_of_output] for link in each if link.source == number]
        follow = itertools.takewhile(lambda name: name not in (CONCATENATED, ADDED), common_start(read))
        layers.append(
            Layer(
                marks[start].removeprefix(_ENTER),
                (*inside, *follow),
                program.eqns[start].outvars[0].aval.shape[1:],
                program.eqns[stop].outvars[0].aval.shape[1:],
                links[number],
            )
        )
    return tuple(layers), program.outvars[0].aval.shape[1:], links_of_output
