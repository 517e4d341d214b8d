"""The networks of partial convolutions as graphs of ONNX."""

from typing import NamedTuple

import numpy as np

from experiments.export.onnx_fill import mean_of_known
from experiments.export.onnx_graph import Graph
from experiments.export.onnx_network import Network
from pconv_jax.models.paper import LOGIT_RANGE

_NORM_EPSILON = 1e-5  # of `nnx.BatchNorm`


class _Part(NamedTuple):
    """Features and their mask, by name, with the number of channels."""

    x: str
    valid: str
    channels: int


def paper(network: Network, image: str, valid: str, inside: str) -> tuple[str, str]:
    """Raw output and updated mask of a `PaperGenerator`; arguments as for `onnx_residual.fill_correcting`."""
    graph, config = network.graph, network.config
    mean = mean_of_known(graph, image, valid) if config.centre else None
    if mean is not None:
        image = graph.multiply(graph.node("Sub", image, mean), valid)
    part = _Part(image, valid, 3)
    if config.convolution == "plain":
        part = _Part(graph.node("Concat", image, valid, axis=1), valid, 4)
    skips = []
    for stage in range(len(config.widths)):
        skips.append(_stage(network, [part], f"encoder/{stage}/0", slope=0.0))
        part = _stage(network, skips[-1:], f"encoder/{stage}/1", slope=0.0, stride=2)
    slope = config.negative_slope
    for stage, skip in enumerate(reversed(skips)):
        first = slope if config.norm_each_conv else None
        part = _stage(network, [_doubled(graph, part), skip], f"decoder/{stage}/0", slope=first)
        part = _stage(network, [part], f"decoder/{stage}/1", slope=slope)
    if config.head == "sigmoid":
        logit = network.convolve(part.x, "to_image")
        if mean is not None:
            within = graph.node("Clip", mean, *map(graph.constant, LOGIT_RANGE))
            odds = graph.node("Div", within, graph.node("Sub", graph.constant(1.0), within))
            logit = graph.add(logit, graph.node("Log", odds))
        return graph.node("Sigmoid", logit), part.valid
    part = _convolution(network, [part], "to_image", stride=1)
    return part.x if mean is None else graph.add(part.x, graph.multiply(mean, part.valid)), part.valid


def liu(network: Network, image: str, valid: str, inside: str) -> tuple[str, str]:
    """Raw output and updated mask of a `LiuGenerator`; arguments as for `onnx_residual.fill_correcting`."""
    graph, config = network.graph, network.config
    part, skips = _Part(image, valid, 3), []
    for stage in range(len(config.widths)):
        skips.append(part)
        part = _stage(network, [part], f"encoder/{stage}", slope=0.0, stride=2)
    for stage, skip in enumerate(reversed(skips)):
        slope = config.negative_slope if stage < len(skips) - 1 else None
        part = _stage(network, [_doubled(graph, part), skip], f"decoder/{stage}", slope=slope)
    return part.x, part.valid


def _stage(network: Network, parts: list[_Part], name: str, *, slope: float | None, stride: int = 1) -> _Part:
    """As `pconv_jax.models.blocks.ConvNorm`: convolution, batch norm where there is one, LeakyReLU."""
    graph, weights = network.graph, network.weights
    x, valid, channels = _convolution(network, parts, f"{name}/conv", stride=stride)
    if f"{name}/norm/scale" in weights:
        numbers = (graph.constant(weights[f"{name}/norm/{each}"]) for each in ("scale", "bias", "mean", "var"))
        x = graph.node("BatchNormalization", x, *numbers, epsilon=_NORM_EPSILON)
    if slope is not None:
        x = graph.node("LeakyRelu", x, alpha=slope)
    return _Part(x, valid, channels)


def _convolution(network: Network, parts: list[_Part], name: str, *, stride: int) -> _Part:
    """As `pconv_jax.models.blocks.convolution`."""
    graph = network.graph
    if f"{name}/conv/kernel" in network.weights:  # a plain one
        y = network.convolve(_joined(graph, [part.x for part in parts]), f"{name}/conv", stride=stride)
        return _Part(y, graph.ones(y), network.weights[f"{name}/conv/kernel"].shape[-1])
    kernel, bias = network.weights[f"{name}/kernel"], network.weights.get(f"{name}/bias")
    how = {"stride": stride, "padding": kernel.shape[0] // 2}
    seen = _joined(graph, [graph.multiply(part.x, part.valid) for part in parts])
    counted = np.broadcast_to(
        np.array([[part.channels] for part in parts], np.float32), (*kernel.shape[:2], len(parts), 1)
    )
    count = graph.convolve(_joined(graph, [part.valid for part in parts]), counted, **how)
    size = graph.constant(float(np.prod(kernel.shape[:3])))
    ratio = graph.node("Div", size, graph.node("Max", count, graph.constant(1.0)))
    y = graph.multiply(graph.convolve(seen, kernel, **how), ratio)
    if bias is not None:
        y = graph.add(y, graph.constant(bias.reshape(-1, 1, 1)))
    valid = graph.number(graph.node("Greater", count, graph.constant(0.5)))
    return _Part(graph.multiply(y, valid), valid, kernel.shape[-1])


def _joined(graph: Graph, names: list[str]) -> str:
    return graph.node("Concat", *names, axis=1) if len(names) > 1 else names[0]


def _doubled(graph: Graph, part: _Part) -> _Part:
    return _Part(graph.double(part.x), graph.double(part.valid), part.channels)
