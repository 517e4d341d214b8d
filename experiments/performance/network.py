"""Suite `network`: the whole generator against the same one with plain convolutions."""

import functools
from typing import Any
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax import lax

from experiments.performance.op import DIMENSIONS
from experiments.performance.options import Options
from experiments.performance.table import Cell, Table
from experiments.performance.timing import interleave
from pconv_jax.common.xla_options import compiler_options
from pconv_jax.layers import PartialConv
from pconv_jax.models import PAPER_PRESETS, PaperGenerator
from pconv_jax.models.initialize import initialize


class _PlainConv(PartialConv):
    """A plain convolution with the same parameters; the mask is only resized."""

    def __call__(self, x: jax.Array, mask: Any) -> Any:
        stride = self.stride if isinstance(self.stride, int) else 1
        y = lax.conv_general_dilated(x, self.kernel[...], (stride,) * 2, [(1, 1), (1, 1)], dimension_numbers=DIMENSIONS)
        y = y if self.bias is None else y + self.bias[...].reshape(1, 1, 1, -1)
        return y, mask[:, ::stride, ::stride, :1]


def run(options: Options) -> list[Table]:
    """Times both generators in training mode: forward alone, and forward and backward."""
    config, size, batch = PAPER_PRESETS[options.generator], options.image_sizes[0], options.batch_sizes[-1]
    rng = np.random.default_rng(0)
    image = jnp.asarray(rng.random((batch, size, size, 3), np.float32))
    mask = jnp.asarray(rng.random((batch, size, size, 1)) > 0.1, jnp.float32)
    with mock.patch("pconv_jax.models.blocks.PartialConv", _PlainConv):
        plain = initialize(lambda: PaperGenerator(config, rngs=nnx.Rngs(0)))
    models = {"plain": plain, "partial": initialize(lambda: PaperGenerator(config, rngs=nnx.Rngs(0)))}
    parts = {name: nnx.split(model, nnx.Param, ...) for name, model in models.items()}

    # Image and mask are arguments: XLA would compute the whole mask path of constants at compile time.
    def loss(graph: Any, params: nnx.State, rest: nnx.State, image: jax.Array, mask: jax.Array) -> jax.Array:
        return jnp.mean(jnp.square(nnx.merge(graph, params, rest, copy=True)(image, mask)[0] - image))

    rows: list[dict[str, Cell]] = []
    for name, function in (("forward", loss), ("forward and backward", jax.grad(loss, argnums=1))):
        compiled = jax.jit(function, static_argnums=0, compiler_options=compiler_options(jax.devices()[0]))
        timings = interleave(
            {kind: functools.partial(compiled, *part, image, mask) for kind, part in parts.items()},
            repeats=options.repeats,
        )
        ratio = timings["partial"].over(timings["plain"])
        rows.append(
            {
                "pass": name,
                "plain, ms": timings["plain"].milliseconds,
                "partial / plain": ratio.median,
                "± %": 100 * ratio.spread,
            }
        )
    return [
        Table(f"generator {options.generator}, {batch} images of {size} px, float32, compiled as for training", rows)
    ]
