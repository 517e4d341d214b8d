"""Generators by their configuration: built from it, and written down beside their weights."""

import dataclasses
import os
from typing import Any

import jax.numpy as jnp
from flax import nnx
from jax.typing import DTypeLike

from pconv_jax.common.errors import InputError
from pconv_jax.models.fill_correcting import FillCorrectingConfig, FillCorrectingGenerator
from pconv_jax.models.paper import PaperConfig, PaperGenerator

AnyGenerator = PaperGenerator | FillCorrectingGenerator
AnyGeneratorConfig = PaperConfig | FillCorrectingConfig

_NETWORKS: dict[str, type[AnyGeneratorConfig]] = {"paper": PaperConfig, "pyramid": FillCorrectingConfig}


def build_generator(
    config: AnyGeneratorConfig, *, dtype: DTypeLike = jnp.float32, axis_name: str | None = None, rngs: nnx.Rngs
) -> AnyGenerator:
    """The network that a configuration is of.

    Args:
        config: its shape.
        dtype: compute dtype of the features.
        axis_name: mapped axis over which training averages batch statistics; None for one device.
        rngs: source of the random parameters.

    Returns:
        The Flax module.
    """
    if isinstance(config, FillCorrectingConfig):
        return FillCorrectingGenerator(config, dtype=dtype, axis_name=axis_name, rngs=rngs)
    return PaperGenerator(config, dtype=dtype, axis_name=axis_name, rngs=rngs)


def config_to_json(config: AnyGeneratorConfig) -> dict[str, Any]:
    """A configuration as JSON values, to be kept beside the weights.

    Args:
        config: shape of a generator.

    Returns:
        Its fields, and `network`, which kind it is.
    """
    kind = next(name for name, type_ in _NETWORKS.items() if type(config) is type_)
    return {"network": kind, **dataclasses.asdict(config)}


def config_from_json(noted: Any, place: str | os.PathLike[str]) -> AnyGeneratorConfig:
    """The configuration of a generator from its notes; what they lack has its default, but widths.

    Args:
        noted: as `config_to_json` gave them; without `network` it is the paper's.
        place: file or folder that the notes are of, for messages.

    Returns:
        The configuration.

    Raises:
        InputError: notes that are damaged, or of a generator that this version cannot build.
    """
    if not isinstance(noted, dict) or not isinstance(noted.get("widths"), list | tuple):
        raise InputError(
            f"{place} does not say how its generator is built ({str(noted)[:80]}): name a run of this project"
        )
    values: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in noted.items()}
    kind = _NETWORKS.get(str(network := values.pop("network", "paper")))
    try:
        if kind is None:
            raise InputError(f"network={network!r}")
        defaults = {field.name: field.default for field in dataclasses.fields(kind)}
        wrong = [
            f"{name}={value!r}"
            for name, value in values.items()
            if name not in defaults or not _alike(value, defaults[name])
        ]
        if wrong:
            raise InputError(", ".join(wrong))
        return kind(**values)
    except InputError as error:
        raise InputError(
            f"{place} holds a generator that this version cannot build ({error}): use the version that trained it"
        ) from error


def _alike(value: Any, default: Any) -> bool:
    """Whether a value read from JSON has the type of a default."""
    if isinstance(default, tuple):
        return isinstance(value, tuple) and all(_alike(each, default[0]) for each in value)
    return type(value) is type(default) or (type(value) is int and isinstance(default, float))
