"""Draws the architecture of a network: a box for what each layer gives, one row a resolution, and an arrow a skip."""

import itertools
import math
from pathlib import Path
from typing import TYPE_CHECKING

from experiments.paper_figures.architecture import Architecture, Layer, trace_architecture
from experiments.paper_figures.traced_program import ADDED, CONCATENATED, IMAGE, Link
from pconv_jax.common.atomic_write import atomic_write
from pconv_jax.models.interface import AnyGeneratorConfig
from pconv_jax.models.registry import config_to_json

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# In inches, which are the coordinates of the drawing.
_COLUMN, _ROW = 0.94, 0.8
_LARGEST_BOX = (0.56, 0.5)
_SMALLEST_BOX = (0.12, 0.14)
_MARGIN, _TITLE, _LINE = 0.15, 0.5, 0.125
_FONT = 7.0
_MOST_CHANNELS, _LARGEST_SIDE = 512, 512  # whose box is the largest
_COLOURS = ("#9ecae1", "#fdd0a2", "#c7e9c0", "#dadaeb", "#fcbba1", "#d9d9d9", "#c6dbef", "#fee391")
_SHORT = ("BN", "ReLU", "LeakyReLU", "sigmoid", "tanh")  # share a line
_IMAGE_COLOUR = "#ffffff"
_SKIP = {CONCATENATED: "tab:red", ADDED: "tab:purple"}


def figure_3_architecture(config: AnyGeneratorConfig, folder: Path, *, image_size: int) -> Path:
    """Draws `figure_3_architecture.png`: a network as its code builds it.

    Args:
        config: of any network in `NETWORKS`.
        folder: where to write it.
        image_size: side of the square images that its shapes are given for, px.

    Returns:
        The file.
    """
    path = folder / "figure_3_architecture.png"
    title = f"{config_to_json(config)['network']} ({config.describe()})"
    draw_architecture(trace_architecture(config, image_size=image_size), path, title=title)
    return path


def draw_architecture(architecture: Architecture, path: Path, *, title: str) -> None:
    """Draws an architecture as a PNG file.

    Args:
        architecture: the layers.
        path: file to write; its folder is created.
        title: heading; parameters and the size of the image are added.
    """
    from matplotlib.figure import Figure  # without pyplot: no window, no global state

    boxes = _boxes(architecture)
    rows = sorted({box.side for box in boxes}, reverse=True)
    lines = max(len(box.text) for box in boxes)
    width = 2 * _MARGIN + _COLUMN * len(boxes)
    height = 2 * _MARGIN + _TITLE + _ROW * len(rows) + _LINE * lines
    figure = Figure(figsize=(width, height))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, width), ylim=(0, height))
    axes.axis("off")
    for number, box in enumerate(boxes):
        box.place(_MARGIN + _COLUMN * (number + 0.5), height - _MARGIN - _TITLE - _ROW * (rows.index(box.side) + 0.5))
        _draw_box(axes, box)
    for box in boxes:
        for link in box.links:
            _draw_link(axes, boxes[link.source + 1], box, link)
    axes.text(width / 2, height - _MARGIN, _heading(architecture, title), ha="center", va="top", fontsize=_FONT + 3)
    _draw_legend(axes, boxes, _MARGIN, height - _MARGIN - 0.25)
    with atomic_write(path) as temporary:
        figure.savefig(temporary, format="png", dpi=110)


class _Box:
    """What one layer gives, the image, or the output.

    Attributes:
        side: of the features, px.
        text: lines below the box.
        links: where it was made from.
    """

    def __init__(self, shape: tuple[int, int, int], text: list[str], links: tuple[Link, ...], colour: str):
        height, _, channels = shape
        self.side, self.links, self.colour = height, links, colour
        self.text = [_shape(shape), *text]
        self.width = _between(_SMALLEST_BOX[0], _LARGEST_BOX[0], channels, _MOST_CHANNELS)
        self.height = _between(_SMALLEST_BOX[1], _LARGEST_BOX[1], height, _LARGEST_SIDE)
        self.x = self.y = 0.0

    def place(self, x: float, y: float) -> None:
        """Puts its middle there."""
        self.x, self.y = x, y

    @property
    def left(self) -> float:
        return self.x - self.width / 2

    @property
    def right(self) -> float:
        return self.x + self.width / 2

    @property
    def top(self) -> float:
        return self.y + self.height / 2


def _boxes(architecture: Architecture) -> list[_Box]:
    """The image, each layer, the output."""
    size = architecture.image_size
    roots = list(dict.fromkeys(layer.name.split(".")[0] for layer in architecture.layers))
    colours = dict(zip(roots, itertools.cycle(_COLOURS), strict=False))
    return [
        _Box((size, size, 3), ["image, mask"], (), _IMAGE_COLOUR),
        *(
            _Box(layer.shape, _lines(architecture, layer), layer.links, colours[layer.name.split(".")[0]])
            for layer in architecture.layers
        ),
        _Box(architecture.shape, ["output"], architecture.links, _IMAGE_COLOUR),
    ]


def _lines(architecture: Architecture, layer: Layer) -> list[str]:
    """Name and operations of a layer, and what it reads if that is not what the layer before it gives."""
    lines = [layer.name]
    source = layer.links[0].source
    if source != IMAGE and architecture.layers[source].shape != layer.shape_in:
        lines.append(f"of {_shape(layer.shape_in)}")
    names = ["+ its input" if name == ADDED else name for name in layer.operations]
    for short, group in itertools.groupby(names, lambda name: name in _SHORT):
        lines += ", ".join(group).split("\n" if short else ", ")  # a stride has a line of its own
    return lines


def _shape(shape: tuple[int, int, int]) -> str:
    return "×".join(map(str, shape))


def _heading(architecture: Architecture, title: str) -> str:
    size = architecture.image_size
    return f"{title}: {architecture.parameters:,} parameters, images of {size}×{size} px"


def _draw_box(axes: "Axes", box: _Box) -> None:
    from matplotlib.patches import Rectangle

    corner = (box.left, box.y - box.height / 2)
    axes.add_patch(Rectangle(corner, box.width, box.height, facecolor=box.colour, edgecolor="black", linewidth=0.8))
    axes.text(box.x, corner[1] - 0.04, "\n".join(box.text), ha="center", va="top", fontsize=_FONT, linespacing=1.1)


def _draw_link(axes: "Axes", source: _Box, target: _Box, link: Link) -> None:
    """An arrow from a box to the next one, or above the boxes between them."""
    if target.x - source.x < 1.5 * _COLUMN:
        between = source.x + _COLUMN / 2
        corners = [(between, source.y), (between, target.y)] if source.y != target.y else []
        points = [(source.right, source.y), *corners, (target.left, target.y)]
        colour = "black"
    else:
        above = max(source.top, target.top) + 0.1
        points = [(source.x, source.top), (source.x, above), (target.x, above), (target.x, target.top)]
        colour = next((colour for name, colour in _SKIP.items() if name in link.operations), "black")
    axes.plot(*zip(*points[:-1], strict=True), color=colour, linewidth=0.9, solid_capstyle="butt")
    axes.annotate(
        "",
        xy=points[-1],
        xytext=points[-2],
        arrowprops={"arrowstyle": "-|>", "color": colour, "linewidth": 0.9, "shrinkA": 0, "shrinkB": 0},
    )


def _draw_legend(axes: "Axes", boxes: list[_Box], x: float, y: float) -> None:
    """What the colours of the skips mean, of those that there are."""
    used = [name for name in _SKIP if any(name in link.operations for box in boxes for link in box.links)]
    for number, name in enumerate(used):
        axes.text(x, y - 0.15 * number, f"→ skip, {name}", color=_SKIP[name], fontsize=_FONT + 1, va="top")


def _between(smallest: float, largest: float, value: int, most: int) -> float:
    """A length that grows with the logarithm of a value between 1 and `most`."""
    return smallest + (largest - smallest) * min(1.0, math.log2(max(1, value)) / math.log2(most))
