"""A generator or a detector as a program of StableHLO, by `jax.export`: images of any size, weights inside."""

from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from pconv_jax.checkpoints.checks import in_range
from pconv_jax.checkpoints.detector_file import TrainedDetector
from pconv_jax.checkpoints.trained import TrainedGenerator

PLATFORMS = ("cpu", "cuda", "tpu")


def generator_program(generator: TrainedGenerator) -> bytes:
    """A generator as `TrainedGenerator` runs it.

    Args:
        generator: the trained generator; one of a single size takes images of that size only.

    Returns:
        The content of the file, for `jax.export.deserialize`.
    """
    network = generator.module

    def program(image: jax.Array, mask: jax.Array) -> dict[str, jax.Array]:
        output, valid = network(image, mask)
        filled = jnp.where(valid != 0, in_range(output), 0)
        return {"restored": jnp.where(mask != 0, image, filled), "valid": valid}

    return _serialised(program, {"image": 3, "mask": 1}, size=generator.config.image_size)


def detector_program(detector: TrainedDetector) -> bytes:
    """A detector as `TrainedDetector` runs it; returns the content of the file."""
    network = detector.module

    def program(image: jax.Array) -> dict[str, jax.Array]:
        return {"damage": nnx.sigmoid(network(image))}

    return _serialised(program, {"image": 3}, size=None)


def _serialised(program: Any, inputs: dict[str, int], *, size: int | None) -> bytes:
    from jax import export

    images, height, width = export.symbolic_shape("images, height, width")
    sides = (height, width) if size is None else (size, size)
    shapes = [jax.ShapeDtypeStruct((images, *sides, channels), jnp.float32) for channels in inputs.values()]
    return bytes(export.export(jax.jit(program), platforms=PLATFORMS)(*shapes).serialize())
