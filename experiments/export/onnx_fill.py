"""The cheap fill of `pconv_jax.models.fill` as a graph of ONNX, for images of any size."""

import numpy as np

from experiments.export.onnx_graph import Graph
from pconv_jax.models import fill

_BINOMIAL = np.outer([0.25, 0.5, 0.25], [0.25, 0.5, 0.25])
_AROUND = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]])
_COLOURS = 3
_DEEPEST = 12  # where the pyramid ends: blocks of 4096 px that are all hole get one mean


def pyramid_fill(graph: Graph, image: str, valid: str, inside: str) -> str:
    """As `pconv_jax.models.fill.pyramid_fill`.

    Args:
        graph: it is added to.
        image: name of `[N, 3, H, W]`, 0 in holes.
        valid: name of `[N, 1, H, W]` of 0 and 1.
        inside: name of `[N, 1, H, W]` of 0 and 1.

    Returns:
        Name of the filled image.
    """
    return _fill(graph, image, valid, inside, 0)


def mean_of_known(graph: Graph, sums: str, weights: str) -> str:
    """Mean of what is known of each image, `[N, 3, 1, 1]`; grey if nothing is."""
    axes = graph.constant([2, 3])
    total, known = (graph.node("ReduceSum", each, axes) for each in (sums, weights))
    nothing = graph.node("Equal", known, graph.constant(0.0))
    return graph.node("Where", nothing, graph.constant(fill.UNKNOWN), graph.divide(total, known))


def mean_of_2x2(graph: Graph, x: str, channels: int) -> str:
    """Half the size; of an odd size the last row or column is joined by zeros."""
    return graph.convolve_each(x, channels, np.full((2, 2), 0.25), stride=2, pads=(0, 0, 1, 1))


def _fill(graph: Graph, sums: str, weights: str, inside: str, level: int) -> str:
    own = graph.divide(sums, weights)
    empty = graph.node("Equal", weights, graph.constant(0.0))
    if level == _DEEPEST:
        return graph.node("Where", empty, mean_of_known(graph, sums, weights), own)
    some = graph.node("Greater", mean_of_2x2(graph, inside, 1), graph.constant(0.0))
    below_inside = graph.number(some)
    below = _fill(graph, mean_of_2x2(graph, sums, _COLOURS), mean_of_2x2(graph, weights, 1), below_inside, level + 1)
    interpolated = graph.divide(
        _blur(graph, graph.double(graph.multiply(below, below_inside)), _COLOURS),
        _blur(graph, graph.double(below_inside), 1),
    )
    x = graph.node("Where", empty, graph.crop(interpolated, graph.size(weights)), own)
    near = _blur(graph, inside, 1)
    for _ in range(fill.SMOOTHING):
        smooth = graph.divide(_blur(graph, graph.multiply(x, inside), _COLOURS), near)
        x = graph.node("Where", empty, smooth, own)
    return _biharmonic_steps(graph, x, empty, inside, level) if level < len(fill.STEPS) else x


def _blur(graph: Graph, x: str, channels: int) -> str:
    return graph.convolve_each(x, channels, _BINOMIAL)


def _biharmonic_steps(graph: Graph, x: str, empty: str, inside: str, level: int) -> str:
    count = graph.multiply(graph.convolve_each(inside, 1, _AROUND), inside)

    def laplacian(x: str) -> str:
        around = graph.multiply(graph.convolve_each(x, _COLOURS, _AROUND), inside)
        return graph.node("Sub", around, graph.multiply(count, x))

    x = graph.multiply(x, inside)
    for weight in fill.chebyshev(fill.STEPS[level]):
        change = graph.multiply(laplacian(laplacian(x)), graph.constant(weight))
        x = graph.node("Where", empty, graph.node("Sub", x, change), x)
    return x
