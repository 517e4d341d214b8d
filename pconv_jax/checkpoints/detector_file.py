"""A trained damage detector, and its file: safetensors, with its config and facts about its training."""

import dataclasses
import functools
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np
from flax import nnx

from pconv_jax.checkpoints.best_step import VALIDATION_ERROR
from pconv_jax.checkpoints.bundled import bundled_detectors, weights_path
from pconv_jax.checkpoints.checks import check_about
from pconv_jax.checkpoints.orbax import open_checkpoints
from pconv_jax.checkpoints.tensors import Precision, check_states, read_tensors, states_of, write_tensors
from pconv_jax.common.errors import InputError
from pconv_jax.common.paths import given_path
from pconv_jax.common.xla_options import compiler_options
from pconv_jax.models.detector import DetectorConfig, DetectorNetwork
from pconv_jax.models.limits import brief


@dataclasses.dataclass(frozen=True, eq=False)
class TrainedDetector:
    """A damage detector with its parameters.

    Attributes:
        config: its architecture.
        params: its parameters.
        about: facts about its training: JSON values.
    """

    config: DetectorConfig
    params: nnx.State = dataclasses.field(repr=False)
    about: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def module(self) -> DetectorNetwork:
        """The Flax module."""
        return nnx.merge(_split(self.config)[0], self.params, copy=True)

    @property
    def leaves(self) -> list[jax.Array]:
        """The arrays of its parameters, in one list."""
        return jax.tree.leaves(self.params)

    def program(self, margin: int, *, quick: bool = False) -> Any:
        """What looks for damage, as a `jax.jit` of `leaves`, the image and `inside`.

        Args:
            margin: as when it is called.
            quick: whether on a CPU it is to be compiled soon rather than to run fast.
        """
        return _compiled(self.config, margin, quick)

    def __call__(self, image: np.ndarray, *, inside: np.ndarray | None = None, margin: int = 0) -> np.ndarray:
        """Looks for damage in a batch of images.

        Args:
            image: float32 `[N, H, W, 3]` in [0, 1].
            inside: `[N, H, W, 1]` of 0 and 1, where the image is; everywhere if not given.
            margin: m, what is only seen as context on all four sides, px.

        Returns:
            float32 `[N, H - 2 m, W - 2 m, 2]` in [0, 1]: the probability of damage, and its opacity.

        Raises:
            InputError: as `DetectorNetwork`.
        """
        return np.asarray(self.program(margin)(self.leaves, image, inside))


def save_detector(path: str | os.PathLike[str], detector: TrainedDetector, *, precision: Precision = "float32") -> None:
    """Writes a trained detector to a file, which is never half written.

    Args:
        path: the file, `.safetensors`.
        detector: what to write.
        precision: of the parameters, as for `save_generator_weights`.

    Raises:
        InputError: as for `save_generator_weights`.
    """
    facts = {"detector": dataclasses.asdict(detector.config), "about": check_about(dict(detector.about), "about")}
    shapes = {"params": _split(detector.config)[1]}
    write_tensors(Path(path), states={"params": detector.params}, shapes=shapes, facts=facts, precision=precision)


def load_detector(weights: str | os.PathLike[str]) -> TrainedDetector:
    """Reads a trained detector.

    Args:
        weights: name of a bundled detector, or a file that `save_detector` wrote.

    Returns:
        The detector.

    Raises:
        InputError: no such detector, or a file that is damaged or holds something else.
    """
    given_path(weights)
    path = weights_path(weights, bundled_detectors(), kind="detector")
    tensors, facts = read_tensors(path)
    config = _config(facts.get("detector"), path)
    (params,) = states_of(path, tensors, {"params": _split(config)[1]})
    return TrainedDetector(config, params, check_about(facts.get("about"), path))


def load_detector_run(directory: str | os.PathLike[str], *, step: int | None = None) -> tuple[TrainedDetector, int]:
    """Loads the detector of a training run.

    Args:
        directory: output folder of `python -m experiments.detector`, or its folder of checkpoints.
        step: which checkpoint; by default the best by validation, or the latest if none was validated.

    Returns:
        The detector, with the settings of its run as `about`, and the step.

    Raises:
        InputError: no checkpoint there, or it cannot be read, or it holds something else or values that are not finite.
    """
    with open_checkpoints(directory, minimise=VALIDATION_ERROR) as checkpoints:
        metadata = checkpoints.metadata
        config = _config(metadata.get("detector"), Path(directory))
        chosen = step if step is not None else checkpoints.best_or_latest
        shapes = {"detector": {"params": _split(config)[1]}}
        params = checkpoints.load(shapes, step=chosen)["detector"]["params"]
    check_states({"params": params}, directory)
    assert chosen is not None, "there is at least one checkpoint"
    return TrainedDetector(config, params, {"settings": metadata.get("config")}), chosen


def _config(values: Any, path: Path) -> DetectorConfig:
    names = {field.name for field in dataclasses.fields(DetectorConfig)}
    if not isinstance(values, dict) or values.keys() != names:
        raise InputError(f"{path} does not hold a damage detector ({brief(values)}): give one that this project saved")
    sizes = {name: tuple(value) if isinstance(value, list) else () for name, value in values.items()}
    if any(type(size) is not int for value in sizes.values() for size in value):
        raise InputError(f"{path} does not hold a damage detector ({brief(values)}): give one that this project saved")
    return DetectorConfig(**sizes)


@functools.lru_cache(maxsize=4)
def _split(config: DetectorConfig) -> Any:
    """Graph and shapes of the parameters."""
    return nnx.split(nnx.eval_shape(lambda: config.build(rngs=nnx.Rngs(0))), nnx.Param)


@functools.lru_cache(maxsize=8)
def _compiled(config: DetectorConfig, margin: int, quick: bool) -> Any:
    graph, shapes = _split(config)
    structure = jax.tree.structure(shapes)

    def probabilities(leaves: list[jax.Array], image: jax.Array, inside: jax.Array | None) -> jax.Array:
        network = nnx.merge(graph, jax.tree.unflatten(structure, leaves), copy=True)
        return jax.nn.sigmoid(network(image, inside=inside, margin=margin))

    return jax.jit(probabilities, compiler_options=compiler_options(jax.devices()[0], quick=quick))
