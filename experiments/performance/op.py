"""Suite `op`: a partial convolution against the plain one of the same shape and against PyTorch's, layer by layer.

Each layer is compiled alone, so that its passes over the features fuse with nothing; the suite `network` measures them
among batch norms and ReLUs.
"""

import dataclasses
import functools
import importlib.util
import sys
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from experiments.performance.options import Options
from experiments.performance.table import Cell, Table
from experiments.performance.timing import interleave
from pconv_jax.models import PAPER_PRESETS, PaperConfig
from pconv_jax.ops import partial_conv

DIMENSIONS = ("NHWC", "HWIO", "NHWC")
NO_TORCH = "PyTorch is not installed (`make test EXTRAS=parity` installs it), so there is no comparison with it."

Forward = Callable[..., jax.Array]


@dataclasses.dataclass(frozen=True)
class Layer:
    """One convolution of the generator."""

    name: str
    size: int
    inputs: tuple[int, ...]  # channels by mask
    outputs: int
    stride: int

    @property
    def shape(self) -> str:
        """Its shape as text: `64x64, 64+32 → 32`."""
        halves = ", /2" if self.stride == 2 else ""
        return f"{self.size}x{self.size}, {'+'.join(map(str, self.inputs))} → {self.outputs}{halves}"


def layers(config: PaperConfig, image_size: int) -> Iterator[Layer]:
    """The partial convolutions of a generator, in order of execution."""
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
    if config.head == "partial":
        yield Layer("to image", image_size, (features,), 3, 1)


def run(options: Options) -> list[Table]:
    """Times every layer: forward alone, and forward and backward."""
    batch, rows = options.batch_sizes[-1], []
    with_torch = importlib.util.find_spec("torch") is not None
    for layer in layers(PAPER_PRESETS[options.generator], options.image_sizes[0]):
        print(f"op: {layer.name}, {layer.shape}", file=sys.stderr, flush=True)
        row: dict[str, Cell] = {"layer": layer.name, "shape": layer.shape}
        arrays = _arrays(layer, batch)
        both = _candidates(layer, arrays, with_torch=with_torch, bfloat16=options.bfloat16)
        for name, candidates in both.items():
            torch = candidates.pop("torch", None)
            timings = interleave(candidates, repeats=options.repeats)
            ratio = timings["partial"].over(timings["plain"])
            row |= {
                f"{name}plain, ms": timings["plain"].milliseconds,
                f"{name}partial / plain": ratio.median,
                f"{name}± %": 100 * ratio.spread,
                f"{name}PyTorch / partial": None if torch is None else _over(torch, candidates["partial"], options),
            }
        rows.append(row)
    dtype = "bfloat16" if options.bfloat16 else "float32"
    title = f"partial_conv, {batch} images, {dtype}, generator {options.generator}"
    note = "f + b: forward and backward. Each layer is compiled alone, with XLA's defaults."
    return [Table(title, rows, (note,) if with_torch else (note, NO_TORCH))]


def _over(torch: Callable[[], Any], partial: Callable[[], Any], options: Options) -> float:
    # In a round of their own: PyTorch's threads slow down the next candidate, which would be the plain convolution.
    timings = interleave({"torch": torch, "partial": partial}, repeats=options.repeats)
    return timings["torch"].over(timings["partial"]).median


def plain(layer: Layer) -> Forward:
    """The convolution that ignores the mask."""

    def forward(x: jax.Array, mask: jax.Array, kernel: jax.Array) -> jax.Array:
        pads = [(1, 1), (1, 1)]
        return lax.conv_general_dilated(x, kernel, (layer.stride,) * 2, pads, dimension_numbers=DIMENSIONS)

    return forward


def partial(layer: Layer) -> Forward:
    """The partial convolution of the same shape."""

    def forward(x: jax.Array, mask: jax.Array, kernel: jax.Array) -> jax.Array:
        return partial_conv(x, mask, kernel, stride=layer.stride, padding=1, mask_groups=layer.inputs)[0]

    return forward


def _arrays(layer: Layer, batch: int) -> tuple[np.ndarray, ...]:
    """x, mask, kernel and the gradient of the output."""
    rng, channels, out = np.random.default_rng(0), sum(layer.inputs), layer.size // layer.stride
    x = rng.standard_normal((batch, layer.size, layer.size, channels), np.float32)
    mask = (rng.random((batch, layer.size, layer.size, len(layer.inputs))) > 0.1).astype(np.float32)
    kernel = rng.standard_normal((3, 3, channels, layer.outputs), np.float32)
    return x, mask, kernel, rng.standard_normal((batch, out, out, layer.outputs), np.float32)


def _candidates(
    layer: Layer, arrays: tuple[np.ndarray, ...], *, with_torch: bool, bfloat16: bool = False
) -> dict[str, dict[str, Callable[[], Any]]]:
    dtype = jnp.bfloat16 if bfloat16 else jnp.float32
    x, kernel, cotangent = (jnp.asarray(arrays[index], dtype) for index in (0, 2, 3))
    mask = jnp.asarray(arrays[1])
    found: dict[str, dict[str, Callable[[], Any]]] = {"": {}, "f + b: ": {}}
    for name, function in (("plain", plain(layer)), ("partial", partial(layer))):
        both = _with_gradients(function, arguments=_differentiated(layer))
        found[""][name] = functools.partial(jax.jit(function), x, mask, kernel)
        found["f + b: "][name] = functools.partial(jax.jit(both), x, mask, kernel, cotangent)
    if with_torch:
        from experiments.performance.twin import layer_candidates

        forward, both = layer_candidates(arrays, layer.inputs, layer.stride, image=_is_image(layer), bfloat16=bfloat16)
        found[""]["torch"], found["f + b: "]["torch"] = forward, both
    return found


def _is_image(layer: Layer) -> bool:
    return layer.name == "encoder 1, first"


def _differentiated(layer: Layer) -> tuple[int, ...]:
    """Arguments that training differentiates by: features (not the image) and kernel."""
    return (2,) if _is_image(layer) else (0, 2)


def _with_gradients(function: Forward, *, arguments: tuple[int, ...]) -> Callable[..., Any]:
    """Output and gradients: both are returned, or XLA would remove the forward pass."""

    def both(x: jax.Array, mask: jax.Array, kernel: jax.Array, cotangent: jax.Array) -> Any:
        def of(*changing: jax.Array) -> jax.Array:
            given = [x, mask, kernel]
            for index, array in zip(arguments, changing, strict=True):
                given[index] = array
            return function(*given)

        y, pull_back = jax.vjp(of, *[(x, mask, kernel)[index] for index in arguments])
        return y, pull_back(cotangent)

    return both
