"""A trained generator, ready for use on images of any size.

Images float32 `[N, H, W, 3]` or `[H, W, 3]` in [0, 1]; masks `[..., H, W, 1]` or `[..., H, W]`, 1 = valid, 0 = hole.
"""

import functools
import os
import warnings
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from flax import nnx
from numpy.typing import ArrayLike

from pconv_jax.checkpoints.orbax import existing
from pconv_jax.common.errors import InputError
from pconv_jax.common.xla_options import compiler_options
from pconv_jax.models import (
    AnyGenerator,
    AnyGeneratorConfig,
    build_generator,
    config_from_json,
    widest_closed_line,
)
from pconv_jax.ops import check_mask_values


class TrainedGenerator:
    """Fills the holes of images with a trained generator.

    Attributes:
        config: shape of the generator.
        params: its parameters.
        stats: its running batch statistics.
        graph: its structure, as `nnx.split` gives it.
        thickest_line: that of the masks it was trained on, px; None if not known.
    """

    def __init__(
        self, config: AnyGeneratorConfig, params: nnx.State, stats: nnx.State, *, thickest_line: int | None = None
    ):
        """Puts a generator together.

        Args:
            config: shape of the generator.
            params: its parameters, as `nnx.split(generator, nnx.Param, nnx.BatchStat)` gives them.
            stats: its running batch statistics.
            thickest_line: that of the masks it was trained on, px.
        """
        self.config, self.params, self.stats = config, params, stats
        self.graph = _graph(config)
        self.thickest_line = thickest_line

    @property
    def generator(self) -> AnyGenerator:
        """The Flax module, in evaluation mode, for a look inside."""
        return nnx.merge(self.graph, self.params, self.stats, copy=True)

    @property
    def widest_line(self) -> int | None:
        """Widest line in px that is filled everywhere; of wider holes the middle stays empty. None where none does."""
        return widest_closed_line(self.config)

    def __call__(self, image: ArrayLike, mask: ArrayLike) -> np.ndarray:
        """Restores images: the generator's output in the holes, the image itself elsewhere.

        Args:
            image: `[N, H, W, 3]` or `[H, W, 3]` in [0, 1]; what lies in holes does not matter.
            mask: `[..., H, W, 1]` or `[..., H, W]`, 1 = valid, 0 = hole.

        Returns:
            float32 array of the shape of the image; valid pixels are those of the image to the bit. Pixels too deep
            inside a hole for the network are left 0, and a warning tells how many.

        Raises:
            InputError: shapes that do not fit, values out of range.
        """
        images, masks = _as_batch(image, mask)
        output, valid = self.raw(images, masks)
        left = int(np.sum(valid == 0))
        if left:
            warnings.warn(
                f"{left} pixels lie too deep inside a hole to be filled and are left black: this network closes lines "
                f"up to {self.widest_line} px wide",
                stacklevel=2,
            )
        return np.where(masks == 1, images, output).reshape(np.shape(image))

    def raw(self, images: np.ndarray, masks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The generator's own output, without the image put over it.

        Args:
            images: float32 `[N, H, W, 3]` in [0, 1].
            masks: float32 `[N, H, W, 1]`, 1 = valid, 0 = hole.

        Returns:
            Output `[N, H, W, 3]` clipped to [0, 1], and the mask that is left `[N, H, W, 1]`: 0 where nothing was
            filled in.
        """
        output, valid = _compiled()(self.graph, self.params, self.stats, images, masks)
        return np.asarray(output), np.asarray(valid)


def load_run(directory: str | os.PathLike[str], *, step: int | None = None) -> TrainedGenerator:
    """Gives back the model of a training run, ready for use.

    Args:
        directory: output folder of `python -m experiments.run`, or its folder of checkpoints.
        step: which checkpoint; by default the best by validation, or the latest where none was validated.

    Returns:
        The model.

    Raises:
        InputError: no checkpoint there, or it cannot be read, or its generator is none that this version builds.
    """
    with existing(directory) as checkpoints:
        shape = config_from_json(checkpoints.notes.get("generator"), directory)
        wanted = nnx.eval_shape(lambda: build_generator(shape, rngs=nnx.Rngs(0)))  # to draw numbers would take seconds
        params, stats = nnx.state(wanted, nnx.Param), nnx.state(wanted, nnx.BatchStat)
        chosen = step if step is not None else (checkpoints.best or checkpoints.latest)
        parts = checkpoints.load({"generator": {"params": params, "stats": stats}}, step=chosen)["generator"]
        settings = checkpoints.notes.get("config")
    lines = settings.get("line_thickness") if isinstance(settings, dict) else None
    return TrainedGenerator(shape, parts["params"], parts["stats"], thickest_line=lines[-1] if lines else None)


@functools.cache
def _graph(config: AnyGeneratorConfig) -> Any:
    generator = nnx.eval_shape(lambda: build_generator(config, rngs=nnx.Rngs(0)))
    generator.eval()
    return nnx.split(generator, nnx.Param, nnx.BatchStat)[0]


@functools.cache
def _compiled() -> Callable[..., tuple[jax.Array, jax.Array]]:
    # Not at import: asking for the devices starts JAX.
    return jax.jit(_forward, static_argnums=0, compiler_options=compiler_options(jax.devices()[0]))


def _forward(
    graph: Any, params: nnx.State, stats: nnx.State, images: jax.Array, masks: jax.Array
) -> tuple[jax.Array, jax.Array]:
    output, valid = nnx.merge(graph, params, stats, copy=True)(images, masks)
    return output.clip(0.0, 1.0), valid


def _as_batch(image: ArrayLike, mask: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    images, masks = np.asarray(image), np.asarray(mask)
    shapes = f"the image has shape {images.shape} and the mask {masks.shape}"
    if images.ndim not in (3, 4) or images.shape[-1] != 3:
        raise InputError(f"an image must be [N, H, W, 3] or [H, W, 3], but {shapes}")
    if masks.shape == images.shape[:-1]:
        masks = masks[..., None]
    if masks.shape != (*images.shape[:-1], 1):
        raise InputError(f"a mask must have the height and width of its image, but {shapes}")
    if not np.issubdtype(images.dtype, np.floating):
        raise InputError(f"an image must be floating point in [0, 1], not {images.dtype}: divide bytes by 255 first")
    check_mask_values(masks)
    seen = images[np.broadcast_to(masks != 0, images.shape)]
    if seen.size and not (seen.min() >= 0 and seen.max() <= 1):
        raise InputError(
            f"valid pixels must lie in [0, 1], but they reach from {seen.min()} to {seen.max()}: rescale them"
        )
    height, width = images.shape[-3:-1]
    return (
        images.astype(np.float32).reshape(-1, height, width, 3),
        masks.astype(np.float32).reshape(-1, height, width, 1),
    )
