"""A trained generator in one file: safetensors, with its config and facts about its training."""

import os
from pathlib import Path
from typing import Any

from pconv_jax.checkpoints.bundled import bundled_weights, weights_path
from pconv_jax.checkpoints.checks import check_about
from pconv_jax.checkpoints.tensors import Precision, read_tensors, states_of, write_tensors
from pconv_jax.checkpoints.trained import TrainedGenerator, load_run, shapes_of
from pconv_jax.common.errors import InputError
from pconv_jax.common.paths import given_path
from pconv_jax.models import AnyGeneratorConfig, config_from_json, config_to_json

_PARTS = ("params", "stats")


def save_generator_weights(
    path: str | os.PathLike[str], generator: TrainedGenerator, *, precision: Precision = "float32"
) -> None:
    """Writes a trained generator to a file, which is never half written.

    Args:
        path: the file, `.safetensors`.
        generator: what to write.
        precision: of the parameters: float32 as they are; float16 in half the size; int8 in a quarter, kernels as whole
            numbers from -127 to 127 times a scale for each output. Batch statistics stay float32.

    Raises:
        InputError: another precision; arrays that do not fit its config, or that are not finite at this precision;
            facts that are no JSON values.
    """
    states = dict(zip(_PARTS, (generator.params, generator.stats), strict=True))
    facts = {"generator": config_to_json(generator.config), "about": generator.about}
    write_tensors(Path(path), states=states, shapes=_shapes(generator.config), facts=facts, precision=precision)


def load_generator_weights(weights: str | os.PathLike[str], *, runs: bool = False) -> TrainedGenerator:
    """Reads a trained generator.

    Args:
        weights: name of bundled weights, or a file that `save_generator_weights` wrote.
        runs: whether the caller takes folders of runs too, for the message.

    Returns:
        The generator.

    Raises:
        InputError: no such weights, or a file that is damaged or of another network.
    """
    path = weights_path(weights, bundled_weights(), kind="weights", runs=runs)
    tensors, facts = read_tensors(path)
    if "detector" in facts:
        raise InputError(f"{path} holds a damage detector, not a generator: give it to `pconv-jax detect --detector`")
    config = config_from_json(facts.get("generator"), path)
    params, stats = states_of(path, tensors, _shapes(config))
    return TrainedGenerator(config, params, stats, about=check_about(facts.get("about"), path))


def load_generator(weights: str | os.PathLike[str]) -> TrainedGenerator:
    """Loads a trained generator by name, from a file or from a run.

    Args:
        weights: name of bundled weights, a `.safetensors` file, or the output folder of a training run.

    Returns:
        The generator.

    Raises:
        InputError: no such weights, or they cannot be read.
    """
    given_path(weights)
    # A folder in the current directory must not hide bundled weights of the same name.
    if str(weights) not in bundled_weights() and os.path.isdir(weights):
        return load_run(weights)
    return load_generator_weights(weights, runs=True)


def _shapes(config: AnyGeneratorConfig) -> dict[str, Any]:
    return dict(zip(_PARTS, shapes_of(config), strict=True))
