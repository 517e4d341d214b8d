"""A trained generator, ready for use on batches of images of any size.

Images float32 `[N, H, W, 3]` or `[H, W, 3]` in [0, 1]; masks `[..., H, W, 1]` or `[..., H, W]`, 1 = valid, 0 = hole.
"""

import functools
import os
import warnings
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from numpy.typing import ArrayLike

from pconv_jax.checkpoints.checks import check_about, check_output, in_range
from pconv_jax.checkpoints.orbax import open_checkpoints
from pconv_jax.checkpoints.saved_steps import checkpoints_folder, saved_steps
from pconv_jax.checkpoints.tensors import check_states
from pconv_jax.common.errors import InputError
from pconv_jax.common.xla_options import compiler_options
from pconv_jax.imaging.arrays import hole_from, out_of_range
from pconv_jax.models import AnyGenerator, AnyGeneratorConfig, config_from_json
from pconv_jax.models.fixed_size import run_resized
from pconv_jax.models.initialize import parts_of

_TRIES = 5  # to read a run that is being trained, and removes its checkpoints when there are later ones


class TrainedGenerator:
    """A trained generator: its config, parameters and batch statistics.

    Attributes:
        config: its architecture.
        params: its parameters.
        stats: its running batch statistics.
        about: facts about its training, JSON values; `thickest_line` is that of its training masks, px.
    """

    def __init__(
        self,
        config: AnyGeneratorConfig,
        params: nnx.State,
        stats: nnx.State,
        *,
        about: Mapping[str, Any] = MappingProxyType({}),
    ):
        """Combines a config with the arrays of its network.

        Args:
            config: its architecture.
            params: its parameters, as `nnx.split(generator, nnx.Param, nnx.BatchStat)` returns them.
            stats: its running batch statistics.
            about: facts about its training, JSON values.

        Raises:
            InputError: facts of another kind, such as a thickest line that is not a whole number.
        """
        self.config, self.params, self.stats = config, params, stats
        self.about = check_about(dict(about), "about")

    @property
    def graph(self) -> Any:
        """Its structure in evaluation mode, as `nnx.split` returns it."""
        return _parts(self.config)[0]

    @property
    def leaves(self) -> list[jax.Array]:
        """The arrays of its parameters and batch statistics, in one list."""
        return jax.tree.leaves((self.params, self.stats))

    @property
    def structure(self) -> Any:
        """What makes the tree `(params, stats)` of `leaves`."""
        return jax.tree.structure((self.params, self.stats))

    @property
    def module(self) -> AnyGenerator:
        """The Flax module in evaluation mode, for inspection."""
        return nnx.merge(self.graph, self.params, self.stats, copy=True)

    @property
    def thickest_line(self) -> int | None:
        """Thickest line of the masks it was trained on, px; None if not known."""
        return self.about.get("thickest_line")

    @property
    def training_masks(self) -> str | None:
        """The kind of masks it was trained on, by its setting, such as "lines"; None if not known."""
        found = self._setting("masks")
        return found if isinstance(found, str) else None

    @property
    def draws_texture(self) -> bool:
        """Whether it was trained with an adversarial loss, so that it draws grain and texture like those around."""
        weight = self._setting("adversarial_weight")
        return isinstance(weight, (int, float)) and weight > 0

    def _setting(self, name: str) -> Any:
        """A setting of its training; None if it is not known."""
        settings = self.about.get("settings")
        return settings.get(name) if isinstance(settings, dict) else None

    @property
    def widest_line(self) -> int | None:
        """Widest line that is inpainted completely, px; wider holes stay empty in the middle. None if none does."""
        return self.config.widest_line()

    def __call__(self, image: ArrayLike, mask: ArrayLike | None = None, *, hole: ArrayLike | None = None) -> np.ndarray:
        """Inpaints images: the generator's output in the holes, the image itself elsewhere.

        Args:
            image: `[N, H, W, 3]` or `[H, W, 3]`, floating point in [0, 1]; what lies in holes does not matter.
            mask: `[..., H, W, 1]` or `[..., H, W]` of numbers, 1 = valid, 0 = hole.
            hole: instead of `mask`: bool of such a shape, True = damage.

        Returns:
            float32 array of the shape of the image; valid pixels are those of the image to the bit of float32. Pixels
            too deep inside a hole for the network are left 0, and a warning tells how many.

        Raises:
            InputError: shapes that do not fit, values out of range, a boolean `mask`, or not exactly one of `mask` and
                `hole`; or an output that is not finite in a hole.
        """
        images, holes = _as_batch(image, mask, hole)
        output, valid = self.raw(images, np.float32(1) - holes)
        left = int(np.sum(valid == 0))
        if left:
            widest = self.widest_line
            reason = (
                "outside of the region that this network inpaints and are left black"
                if widest is None
                else "too deep inside a hole to be inpainted and are left black: this network closes lines up to "
                f"{widest} px wide"
            )
            warnings.warn(f"{left} pixels lie {reason}", stacklevel=2)
        check_output(output[np.broadcast_to(holes, output.shape)])
        return np.where(holes, np.where(valid != 0, output, 0), images).reshape(np.shape(image))

    def raw(self, images: np.ndarray, masks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The generator's raw output, valid pixels included.

        A network of one size sees images resized to it.

        Args:
            images: float32 `[N, H, W, 3]` in [0, 1].
            masks: float32 `[N, H, W, 1]`, 1 = valid, 0 = hole.

        Returns:
            Output `[N, H, W, 3]` clipped to [0, 1], NaN where it is not finite, and the updated mask `[N, H, W, 1]`:
            0 where a hole stays empty.
        """
        output, valid = _compiled()(self.graph, self.config.image_size, self.params, self.stats, images, masks)
        return np.asarray(output), np.asarray(valid)


def load_run(directory: str | os.PathLike[str], *, step: int | None = None) -> TrainedGenerator:
    """Loads the generator of a training run.

    Args:
        directory: output folder of `python -m experiments.run`, or its folder of checkpoints.
        step: which checkpoint; by default the best by validation, or the latest if none was validated.

    Returns:
        The generator.

    Raises:
        InputError: no checkpoint there, or it cannot be read, or this version cannot build its generator.
    """
    for _ in range(_TRIES - 1):
        before = saved_steps(checkpoints_folder(directory))
        try:
            return _load_run(directory, step)
        except InputError:
            if saved_steps(checkpoints_folder(directory)) == before:
                raise  # not because its training removed one meanwhile
    return _load_run(directory, step)


def _load_run(directory: str | os.PathLike[str], step: int | None) -> TrainedGenerator:
    with open_checkpoints(directory) as checkpoints:
        metadata = checkpoints.metadata
        config = config_from_json(metadata.get("generator"), directory)
        params, stats = shapes_of(config)
        chosen = step if step is not None else checkpoints.best_or_latest
        parts = checkpoints.load({"generator": {"params": params, "stats": stats}}, step=chosen)["generator"]
    check_states(parts, directory)
    about = check_about(_about(metadata.get("config")), directory)
    return TrainedGenerator(config, parts["params"], parts["stats"], about=about)


def _about(settings: Any) -> dict[str, Any]:
    """What the settings of a run say of its masks."""
    if not isinstance(settings, dict):
        return {}
    masks = settings.get("masks", "lines")
    if masks != "lines":
        return {"settings": {"masks": masks}}  # which have no thickness
    lines = settings.get("line_thickness")
    return {"thickest_line": lines[-1] if isinstance(lines, list) and lines else lines} if lines else {}


def shapes_of(config: AnyGeneratorConfig) -> tuple[nnx.State, nnx.State]:
    """Shapes of the parameters and batch statistics of a generator: initialising the arrays would take seconds."""
    _, params, stats = _parts(config)
    return params, stats


@functools.cache
def _parts(config: AnyGeneratorConfig) -> tuple[Any, nnx.State, nnx.State]:
    """Structure in evaluation mode, and shapes of the parameters and batch statistics."""
    generator = nnx.eval_shape(lambda: config.build(rngs=nnx.Rngs(0)))
    generator.eval()
    return parts_of(generator)


@functools.cache
def _compiled() -> Callable[..., tuple[jax.Array, jax.Array]]:
    # Not at import: asking for the devices starts JAX.
    return jax.jit(_forward, static_argnums=(0, 1), compiler_options=compiler_options(jax.devices()[0]))


def _forward(
    graph: Any, size: int | None, params: nnx.State, stats: nnx.State, images: jax.Array, masks: jax.Array
) -> tuple[jax.Array, jax.Array]:
    network = nnx.merge(graph, params, stats, copy=True)
    if size is None:
        output, valid = network(images, masks)
    else:
        output, valid = run_resized(network, images, masks, size=size)
    return in_range(output), valid


def _as_batch(image: ArrayLike, mask: ArrayLike | None, hole: ArrayLike | None) -> tuple[np.ndarray, np.ndarray]:
    """Images `[N, H, W, 3]`, float32, and holes `[N, H, W, 1]`, bool."""
    images = np.asarray(image)
    if images.ndim not in (3, 4) or images.shape[-1] != 3:
        raise InputError(f"an image must be [N, H, W, 3] or [H, W, 3], not {images.shape}")
    if not jnp.issubdtype(images.dtype, jnp.floating):
        raise InputError(f"an image must be floating point in [0, 1], not {images.dtype}: divide bytes by 255 first")
    if not images.size:
        raise InputError(f"an image must have pixels, and this one has the shape {images.shape}: give another")
    holes = hole_from(mask, hole, images.shape[:-1])
    seen = images[~holes]
    if seen.size and not (seen.min() >= 0 and seen.max() <= 1):
        raise InputError(f"valid pixels {out_of_range(seen)}")
    height, width = images.shape[-3:-1]
    return images.astype(np.float32).reshape(-1, height, width, 3), holes.reshape(-1, height, width, 1)
