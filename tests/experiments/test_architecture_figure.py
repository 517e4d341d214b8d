"""The figure of an architecture: its layers, links and shapes against the code and a real forward pass."""

import dataclasses
import math

import jax
import matplotlib.figure
import pytest
from flax import nnx
from networks import picture
from PIL import Image

from experiments.paper_figures.architecture import trace_architecture
from experiments.paper_figures.architecture_drawing import draw_architecture, figure_3_architecture
from experiments.paper_figures.traced_program import ADDED, CONCATENATED, IMAGE, Link
from pconv_jax.layers import PartialConv
from pconv_jax.models import FillCorrectingConfig, LiuConfig, PaperConfig
from pconv_jax.models.context_encoder import ContextEncoderConfig
from pconv_jax.models.registry import NETWORKS

TINY = {
    "paper": PaperConfig(widths=(4, 6), norm_each_conv=False, head="sigmoid"),
    "paper, partial head, centred": PaperConfig(widths=(3, 5), centre=True),
    "paper, plain": PaperConfig(widths=(4, 6), convolution="plain"),
    "pyramid": FillCorrectingConfig(widths=(4, 6), blocks=(1, 2)),
    "liu": LiuConfig(widths=(4, 5, 6)),
    "context_encoder": ContextEncoderConfig(widths=(3, 4), bottleneck=5),
}
SIZE = 16


@pytest.fixture
def texts(monkeypatch):
    """What is written in the figures that are saved."""
    found = []
    save = matplotlib.figure.Figure.savefig

    def spy(self, *args, **kwargs):
        found.extend(text.get_text() for axes in self.axes for text in axes.texts)
        save(self, *args, **kwargs)

    monkeypatch.setattr(matplotlib.figure.Figure, "savefig", spy)
    return found


def test_the_papers_network_layer_by_layer():
    found = trace_architecture(TINY["paper"], image_size=SIZE)
    full, half, quarter = (16, 16), (8, 8), (4, 4)
    conv, down, norm = "partial 3×3", "partial 3×3, stride 2", ("BN", "ReLU")
    leaky = (conv, "BN", "LeakyReLU")
    joined = (CONCATENATED,)
    assert [dataclasses.astuple(layer) for layer in found.layers] == [
        ("encoder.0.0", (conv, *norm), (*full, 3), (*full, 4), ((IMAGE, ()),)),
        ("encoder.0.1", (down, *norm), (*full, 4), (*half, 4), ((0, ()),)),
        ("encoder.1.0", (conv, *norm), (*half, 4), (*half, 6), ((1, ()),)),
        ("encoder.1.1", (down, *norm), (*half, 6), (*quarter, 6), ((2, ()),)),
        ("decoder.0.0", (conv,), (*half, 12), (*half, 6), ((3, joined), (2, joined))),
        ("decoder.0.1", leaky, (*half, 6), (*half, 6), ((4, ()),)),
        ("decoder.1.0", (conv,), (*full, 10), (*full, 4), ((5, joined), (0, joined))),
        ("decoder.1.1", leaky, (*full, 4), (*full, 4), ((6, ()),)),
        ("to_image", ("conv 3×3", "sigmoid"), (*full, 4), (*full, 3), ((7, ()),)),
    ]
    assert (found.image_size, found.shape, found.links) == (16, (16, 16, 3), (Link(8, ("sigmoid",)),))


def test_skips_of_the_other_networks():
    liu = trace_architecture(TINY["liu"], image_size=SIZE)
    assert [layer.links for layer in liu.layers[3:]] == [
        (Link(number - 1, (CONCATENATED,)), Link(skip, (CONCATENATED,)))
        for number, skip in ((3, 1), (4, 0), (5, IMAGE))
    ]
    assert [layer.operations[0] for layer in liu.layers[:3]] == [
        f"partial {size}×{size}, stride 2" for size in (7, 5, 5)
    ]
    pyramid = trace_architecture(TINY["pyramid"], image_size=SIZE)
    decoder = next(layer for layer in pyramid.layers if layer.name == "decoder.0.0")
    assert [(pyramid.layers[link.source].name, link.operations) for link in decoder.links] == [
        ("up.0", (ADDED,)),
        ("encoder.0.0", (ADDED,)),
    ]
    assert decoder.operations == ("conv 3×3", "LeakyReLU", "conv 3×3", ADDED, "LeakyReLU")
    assert pyramid.links[-1] == Link(IMAGE, (ADDED,))  # the fill
    encoder = trace_architecture(TINY["context_encoder"], image_size=99)
    assert encoder.image_size == 16  # the only size it takes
    assert [layer.operations for layer in encoder.layers] == [
        ("conv 4×4, stride 2", "LeakyReLU"),
        ("conv 4×4, stride 2", "BN", "LeakyReLU"),
        ("conv 4×4", "BN", "LeakyReLU"),
        ("transposed 4×4", "BN", "ReLU"),
        ("transposed 4×4, stride 2", "tanh"),
    ]
    assert all(link.source == number - 1 for number, layer in enumerate(encoder.layers) for link in layer.links)


@pytest.mark.parametrize("name", TINY)
def test_the_layers_are_those_of_a_real_forward_pass(name, monkeypatch):
    ran = []
    for kind in (PartialConv, nnx.Conv, nnx.ConvTranspose):

        def spy(self, *args, call=kind.__call__):
            result = call(self, *args)
            ran.append((self.kernel.shape[:2], (result[0] if isinstance(result, tuple) else result).shape[1:]))
            return result

        monkeypatch.setattr(kind, "__call__", spy)
    config = TINY[name]
    network = nnx.eval_shape(lambda: config.build(rngs=nnx.Rngs(0)))
    output = nnx.eval_shape(lambda network, *inputs: network(*inputs)[0], network, *picture(size=SIZE, batch=1))
    monkeypatch.undo()

    found = trace_architecture(config, image_size=SIZE)
    kernels = [[step for step in layer.operations if "×" in step] for layer in found.layers]
    assert len(ran) == sum(map(len, kernels))
    steps = iter(ran)
    for layer, names in zip(found.layers, kernels, strict=True):
        for label in names:
            (height, width), shape = next(steps)
            assert f" {height}×{width}" in label
        assert layer.shape == shape
    assert found.shape == output.shape[1:]
    assert found.parameters == sum(leaf.size for leaf in jax.tree.leaves(nnx.state(network, nnx.Param)))


def test_the_figure_changes_with_the_config(tmp_path, texts):
    shown = {}
    for stages in (2, 3):
        texts.clear()
        config = PaperConfig(widths=(4, 6, 8)[:stages], kernel_size=5)
        path = figure_3_architecture(config, tmp_path, image_size=32)
        found = trace_architecture(config, image_size=32)
        assert len(found.layers) == 4 * stages + 1
        boxes = [text.split("\n") for text in texts if "\n" in text]
        assert [lines[0] for lines in boxes] == [
            "32×32×3",
            *("×".join(map(str, layer.shape)) for layer in found.layers),
            "32×32×3",
        ]
        assert [lines[1] for lines in boxes] == ["image, mask", *(layer.name for layer in found.layers), "output"]
        assert all("partial 5×5" in lines for lines in boxes[1:-1])
        assert f"paper (partial convolutions): {found.parameters:,} parameters, images of 32×32 px" in texts
        with Image.open(path) as picture:
            shown[stages] = picture.size
    assert shown[3][0] > shown[2][0] and shown[3][1] > shown[2][1]


def test_every_registered_network_is_drawn_as_it_is_by_default(tmp_path, texts):
    trunk_in_one_box = {"pathak_features"}  # AlexNet: what the box gives is pooled, so no convolution gave it
    assert {name.split(",")[0] for name in TINY} | trunk_in_one_box == set(NETWORKS)
    for name, kind in NETWORKS.items():
        texts.clear()
        found = trace_architecture(kind(), image_size=128)
        draw_architecture(found, tmp_path / f"{name}.png", title=name)
        assert (tmp_path / f"{name}.png").stat().st_size > 10_000
        sides = [layer.shape[0] for layer in found.layers]
        if name == "pathak_features":  # the sizes in the paper
            assert sides == [6, 6, 11, 21, 41, 81, 161]
            alexnet = [step for step in found.layers[0].operations if step.startswith("conv")]
            assert alexnet == ["conv 11×11, stride 4", "conv 5×5", "conv 3×3", "conv 3×3", "conv 3×3"]
        else:
            assert all(math.log2(side).is_integer() for side in sides)
        assert sum("\n" in text for text in texts) == len(sides) + 2
