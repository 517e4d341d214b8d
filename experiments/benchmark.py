"""What partial convolutions and the data pipeline cost: `python -m experiments.benchmark`.

Compared things are timed in turn within one run, and the figure is the median of the ratios of neighbours: absolute
times mean little on a shared machine.
"""

import dataclasses
import functools
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np
import tyro
from flax import nnx
from jax import lax

from experiments.batches import training_batches
from experiments.config import PRESETS
from experiments.experiment import open_sources, open_vgg
from experiments.loop import Loop
from pconv_jax.layers import PartialConv
from pconv_jax.models import GENERATORS, Generator, GeneratorConfig
from pconv_jax.ops import partial_conv

_DIMENSIONS = ("NHWC", "HWIO", "NHWC")


@dataclasses.dataclass(frozen=True)
class Options:
    """What to measure.

    Attributes:
        suites: op (a partial convolution against a plain one, at each layer's shape), network (the generator against
            the same one with plain convolutions), data (the share of training that waits for data).
        generator: preset whose layers are measured.
        image_size: side of the images, px.
        batch_size: images at once.
        repeats: timed rounds; each times every candidate once.
        steps: training steps of the data suite.
        json: file to write the figures to as well.
    """

    suites: tuple[Literal["op", "network", "data"], ...] = ("op", "network", "data")
    generator: Literal["paper", "64", "128", "tiny"] = "64"
    image_size: int = 64
    batch_size: int = 16
    repeats: int = 15
    steps: int = 60
    json: Path | None = None


@dataclasses.dataclass(frozen=True)
class Layer:
    """One convolution of the generator: its place, what it reads and writes."""

    name: str
    size: int
    inputs: tuple[int, ...]  # channels by mask
    outputs: int
    stride: int


def layers(config: GeneratorConfig, image_size: int) -> Iterator[Layer]:
    """The convolutions of a generator, in the order they run."""
    features, size, skips = 3, image_size, []
    for stage, width in enumerate(config.widths, 1):
        yield Layer(f"encoder {stage}, first", size, (features,), width, 1)
        yield Layer(f"encoder {stage}, second", size, (width,), width, 2)
        skips.append((width, size))
        features, size = width, size // 2
    for stage, (width, size) in enumerate(reversed(skips), 1):
        yield Layer(f"decoder {stage}, first", size, (features, width), width, 1)
        yield Layer(f"decoder {stage}, second", size, (width,), width, 1)
        features = width
    yield Layer("to image", image_size, (features, 3) if config.image_skip else (features,), 3, 1)


def ratios(candidates: Sequence[Callable[[], Any]], *, repeats: int) -> tuple[list[float], list[float]]:
    """Times candidates in turn; the first is the yardstick.

    Args:
        candidates: functions to time, each waited for.
        repeats: number of rounds.

    Returns:
        Median seconds of each, and the median over rounds of its time over the yardstick's.
    """
    for candidate in candidates:
        jax.block_until_ready(candidate())
    rounds = []
    for _ in range(repeats):
        seconds = []
        for candidate in candidates:
            start = time.perf_counter()
            jax.block_until_ready(candidate())
            seconds.append(time.perf_counter() - start)
        rounds.append(seconds)
    columns = list(zip(*rounds, strict=True))
    return (
        [statistics.median(column) for column in columns],
        [statistics.median(b / a for a, b in zip(columns[0], column, strict=True)) for column in columns],
    )


def op(options: Options) -> list[dict[str, Any]]:
    """A partial convolution against the plain one of the same shape, forward, and forward and backward."""
    rng, rows = np.random.default_rng(0), []
    print(f"\npartial_conv / plain convolution, {options.batch_size} images, float32")
    print(f"{'layer':<20}{'shape':<28}{'forward':>9}{'ms':>9}{'+ backward':>12}{'ms':>9}")
    for layer in layers(GENERATORS[options.generator], options.image_size):
        channels, size = sum(layer.inputs), layer.size
        x = jnp.asarray(rng.standard_normal((options.batch_size, size, size, channels), np.float32))
        mask = jnp.asarray(rng.random((options.batch_size, size, size, len(layer.inputs))) > 0.1, jnp.float32)
        kernel = jnp.asarray(rng.standard_normal((3, 3, channels, layer.outputs), np.float32))
        out = jax.eval_shape(_plain(layer), x, mask, kernel)
        cotangent = jnp.asarray(rng.standard_normal(out.shape, np.float32))
        row: dict[str, Any] = dataclasses.asdict(layer)
        kinds = (_plain(layer), _partial(layer))
        variants = {"forward": kinds, "backward": tuple(_with_gradients(kind, cotangent) for kind in kinds)}
        for name, functions in variants.items():
            candidates = [functools.partial(jax.jit(function), x, mask, kernel) for function in functions]
            seconds, ratio = ratios(candidates, repeats=options.repeats)
            row |= {f"{name}_ratio": ratio[1], f"{name}_plain_ms": seconds[0] * 1e3}
        rows.append(row)
        shape = f"{size}x{size}, {'+'.join(map(str, layer.inputs))} -> {layer.outputs}" + (", /2" * (layer.stride - 1))
        print(
            f"{layer.name:<20}{shape:<28}{row['forward_ratio']:>9.2f}{row['forward_plain_ms']:>9.2f}"
            f"{row['backward_ratio']:>12.2f}{row['backward_plain_ms']:>9.2f}"
        )
    return rows


def _plain(layer: Layer) -> Callable[..., jax.Array]:
    def forward(x: jax.Array, mask: jax.Array, kernel: jax.Array) -> jax.Array:
        pads = [(1, 1), (1, 1)]
        return lax.conv_general_dilated(x, kernel, (layer.stride,) * 2, pads, dimension_numbers=_DIMENSIONS)

    return forward


def _partial(layer: Layer) -> Callable[..., jax.Array]:
    def forward(x: jax.Array, mask: jax.Array, kernel: jax.Array) -> jax.Array:
        return partial_conv(x, mask, kernel, stride=layer.stride, padding=1, mask_groups=layer.inputs)[0]

    return forward


def _with_gradients(forward: Callable[..., jax.Array], cotangent: jax.Array) -> Callable[..., Any]:
    def loss(x: jax.Array, mask: jax.Array, kernel: jax.Array) -> jax.Array:
        return jnp.vdot(forward(x, mask, kernel), cotangent)

    return jax.grad(loss, argnums=(0, 2))


class _PlainConv(PartialConv):
    """The same parameters, used by a plain convolution; the mask only changes its size."""

    def __call__(self, x: jax.Array, mask: jax.Array) -> tuple[jax.Array, jax.Array]:
        stride = self.stride if isinstance(self.stride, int) else 1
        y = lax.conv_general_dilated(
            x, self.kernel[...], (stride,) * 2, [(1, 1), (1, 1)], dimension_numbers=_DIMENSIONS
        )
        y = y if self.bias is None else y + self.bias[...].reshape(1, 1, 1, -1)
        return y, mask[:, ::stride, ::stride, :1]


def network(options: Options) -> dict[str, float]:
    """The whole generator in training, where the passes over masks and features join those of norm and ReLU."""
    config = GENERATORS[options.generator]
    shape = (options.batch_size, options.image_size, options.image_size)
    rng = np.random.default_rng(0)
    image = jnp.asarray(rng.random((*shape, 3), np.float32))
    mask = jnp.asarray(rng.random((*shape, 1)) > 0.1, jnp.float32)
    with mock.patch("pconv_jax.models.generator.PartialConv", _PlainConv):
        plain = Generator(config, rngs=nnx.Rngs(0))
    figures: dict[str, float] = {}
    parts = [nnx.split(model, nnx.Param, ...) for model in (plain, Generator(config, rngs=nnx.Rngs(0)))]

    def loss(graph: Any, params: nnx.State, rest: nnx.State) -> jax.Array:
        return jnp.mean(jnp.square(nnx.merge(graph, params, rest, copy=True)(image, mask)[0] - image))

    for name, function in (("forward", loss), ("backward", jax.grad(loss, argnums=1))):
        compiled = jax.jit(function, static_argnums=0)
        seconds, ratio = ratios([functools.partial(compiled, *part) for part in parts], repeats=options.repeats)
        figures |= {f"{name}_ratio": ratio[1], f"{name}_plain_ms": seconds[0] * 1e3}
    print(
        f"\ngenerator {options.generator} / the same with plain convolutions: forward {figures['forward_ratio']:.2f}, "
        f"forward and backward {figures['backward_ratio']:.2f}"
    )
    return figures


def data(options: Options) -> dict[str, float]:
    """A real training run on the embedded photographs, and its pipeline alone."""
    with tempfile.TemporaryDirectory() as folder:
        config = dataclasses.replace(
            PRESETS["samples"], steps=options.steps, checkpoint_every=options.steps, out=Path(folder)
        )
        sources = open_sources(config)
        outcome = Loop(config, sources, open_vgg(config)).run()
        # A fresh folder: there was something to train, so there is something to tell.
        assert outcome.data_wait is not None
        assert outcome.images_per_second is not None
        batches = iter(training_batches(config, sources["train"]))
        for _ in range(5):
            next(batches)
        start = time.perf_counter()
        for _ in range(options.steps):
            next(batches)
        alone = options.steps * config.batch_size / (time.perf_counter() - start)
    figures = {
        "data_wait": outcome.data_wait,
        "training_images_per_second": outcome.images_per_second,
        "pipeline_images_per_second": alone,
    }
    print(
        f"\ntraining on the embedded photographs: {outcome.data_wait:.2%} of the time waits for data; the pipeline "
        f"alone delivers {alone / outcome.images_per_second:.1f} times the images that training takes"
    )
    return figures


def main() -> int:
    """Runs the suites; returns the exit code."""
    options = tyro.cli(Options, prog="python -m experiments.benchmark", description=__doc__)
    print(f"jax {jax.__version__} on {', '.join(sorted({d.device_kind for d in jax.devices()}))}")
    suites: dict[str, Callable[[Options], Any]] = {"op": op, "network": network, "data": data}
    figures = {name: suites[name](options) for name in options.suites}
    if options.json:
        options.json.write_text(json.dumps({"jax": jax.__version__, **figures}, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
