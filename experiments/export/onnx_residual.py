"""The networks around a residual U-Net as graphs of ONNX."""

from experiments.export.onnx_fill import mean_of_2x2, pyramid_fill
from experiments.export.onnx_graph import Graph
from experiments.export.onnx_network import Network
from pconv_jax.models.inputs import CENTRE
from pconv_jax.models.residual_unet import LEAST_MEAN_SQUARE, SLOPE


def fill_correcting(network: Network, image: str, valid: str, inside: str) -> tuple[str, str]:
    """Raw output and updated mask of a `FillCorrectingGenerator`.

    Args:
        network: its config and weights.
        image: name of `[N, 3, H, W]`, 0 in holes, sides multiples of `config.multiple`.
        valid: name of `[N, 1, H, W]` of 0 and 1.
        inside: name of `[N, 1, H, W]` of 0 and 1, where the image is.
    """
    graph = network.graph
    filled = pyramid_fill(graph, image, valid, inside)
    holes = graph.node("Sub", graph.constant(1.0), valid)
    centred = graph.node("Sub", filled, graph.constant(CENTRE))
    x = graph.multiply(graph.node("Concat", centred, holes, axis=1), inside)
    return graph.add(filled, residual_unet(network, x, inside, normalised=False)), inside


def detector(network: Network, image: str, inside: str) -> str:
    """Logits of a `DetectorNetwork`.

    Args:
        network: its config and weights.
        image: name of `[N, 3, H, W]`, sides multiples of `config.multiple`.
        inside: name of `[N, 1, H, W]` of 0 and 1, where the image is.
    """
    graph = network.graph
    centred = graph.multiply(graph.node("Sub", image, graph.constant(CENTRE)), inside)
    return residual_unet(network, centred, inside, normalised=True)


def residual_unet(network: Network, x: str, inside: str, *, normalised: bool) -> str:
    """As `pconv_jax.models.residual_unet.ResidualUNet.run`, without a margin.

    Args:
        network: its config and weights.
        x: name of `[N, C, H, W]`, 0 outside of the image.
        inside: name of `[N, 1, H, W]` of 0 and 1, where the image is.
        normalised: whether blocks see features divided by their root mean square.
    """
    graph, config = network.graph, network.config
    within = []
    for _ in config.widths:
        some = graph.node("Greater", mean_of_2x2(graph, inside, 1), graph.constant(0.0))
        inside = graph.number(some)
        within.append(inside)

    def conv(x: str, name: str, level: int, **how: int) -> str:
        return graph.multiply(network.convolve(x, f"{name}/conv", **how), within[level])

    def blocks(x: str, name: str, level: int) -> str:
        for index in range(config.blocks[level]):
            block = f"{name}/{level}/{index}"
            seen = _normalised(graph, x) if normalised else x
            seen = graph.node("LeakyRelu", conv(seen, f"{block}/first", level), alpha=SLOPE)
            x = graph.add(x, conv(seen, f"{block}/second", level))
        return x

    x, skips = conv(graph.node("SpaceToDepth", x, blocksize=2), "stem", 0), []
    for level in range(len(config.widths) - 1):
        skips.append(blocks(x, "encoder", level))
        x = conv(skips[-1], f"down/{level}", level + 1, stride=2, padding=0)
    x = blocks(x, "encoder", len(config.widths) - 1)
    for level in reversed(range(len(config.widths) - 1)):
        finer = _depth_to_space(graph, conv(x, f"up/{level}", level + 1))
        x = blocks(graph.multiply(graph.add(finer, skips[level]), within[level]), "decoder", level)
    return _depth_to_space(graph, conv(graph.node("LeakyRelu", x, alpha=SLOPE), "head", 0))


def _normalised(graph: Graph, x: str) -> str:
    mean_square = graph.node("ReduceMean", graph.multiply(x, x), axes=[1])
    return graph.node("Div", x, graph.node("Sqrt", graph.add(mean_square, graph.constant(LEAST_MEAN_SQUARE))))


def _depth_to_space(graph: Graph, x: str) -> str:
    return graph.node("DepthToSpace", x, blocksize=2, mode="DCR")
