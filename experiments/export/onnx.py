"""A generator or a detector as one file for ONNX runtimes: images of any size in, restored images or damage out."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from experiments.export.onnx_graph import Graph
from experiments.export.onnx_network import Network, weights_of
from experiments.export.onnx_partial import liu, paper
from experiments.export.onnx_residual import detector as detector_logits
from experiments.export.onnx_residual import fill_correcting
from pconv_jax.checkpoints.detector_file import TrainedDetector
from pconv_jax.checkpoints.trained import TrainedGenerator
from pconv_jax.common.errors import InputError
from pconv_jax.models.fill_correcting import FillCorrectingConfig
from pconv_jax.models.liu import LiuConfig
from pconv_jax.models.paper import PaperConfig

_GENERATORS: dict[type, Callable[[Network, str, str, str], tuple[str, str]]] = {
    FillCorrectingConfig: fill_correcting,
    LiuConfig: liu,
    PaperConfig: paper,
}


def generator_model(generator: TrainedGenerator, facts: Mapping[str, Any]) -> bytes:
    """A generator as `TrainedGenerator` runs it.

    Args:
        generator: the trained generator.
        facts: JSON values that are kept in the file.

    Returns:
        The content of the file.

    Raises:
        InputError: a network that has no translation.
    """
    config = generator.config
    if type(config) not in _GENERATORS:
        raise InputError(f"--format onnx knows no {type(config).__name__}: choose --format stablehlo")
    graph = Graph()
    mask = graph.node("Transpose", "mask", perm=[0, 3, 1, 2])
    known = graph.node("Not", graph.node("Equal", mask, graph.constant(0.0)))
    image = graph.node("Where", known, graph.node("Transpose", "image", perm=[0, 3, 1, 2]), graph.constant(0.0))
    valid, inside = graph.number(known), graph.ones(mask)
    network = Network(graph, config, weights_of(generator.params, generator.stats))
    padded = (graph.pad(each, config.multiple) for each in (image, valid, inside))
    outputs = [graph.crop(each, graph.size(mask)) for each in _GENERATORS[type(config)](network, *padded)]
    in_range = graph.node("Clip", outputs[0], graph.constant(0.0), graph.constant(1.0))
    filled = graph.multiply(in_range, outputs[1])
    restored = graph.node("Where", known, image, filled)
    for name, each in (("restored", restored), ("valid", outputs[1])):
        graph.node("Transpose", each, perm=[0, 2, 3, 1], output=name)
    return _content(graph, {"image": 3, "mask": 1}, {"restored": 3, "valid": 1}, facts)


def detector_model(detector: TrainedDetector, facts: Mapping[str, Any]) -> bytes:
    """A detector as `TrainedDetector` runs it.

    Args:
        detector: the trained detector.
        facts: JSON values that are kept in the file.

    Returns:
        The content of the file.
    """
    graph, config = Graph(), detector.config
    image = graph.node("Transpose", "image", perm=[0, 3, 1, 2])
    network = Network(graph, config, weights_of(detector.params))
    padded = (graph.pad(each, config.multiple) for each in (image, graph.ones(image)))
    logits = graph.crop(detector_logits(network, *padded), graph.size(image))
    graph.node("Transpose", graph.node("Sigmoid", logits), perm=[0, 2, 3, 1], output="damage")
    return _content(graph, {"image": 3}, {"damage": 2}, facts)


def _content(graph: Graph, inputs: dict[str, int], outputs: dict[str, int], facts: Mapping[str, Any]) -> bytes:
    texts = {name: json.dumps(value) for name, value in facts.items()}
    content: bytes = graph.model("pconv_jax", inputs, outputs, facts=texts).SerializeToString()
    return content
