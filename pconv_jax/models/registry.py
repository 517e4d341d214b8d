"""The generators by the names that they have in files, and their configs to JSON and back."""

import dataclasses
import json
import os
from typing import Any

from pconv_jax.common.errors import InputError
from pconv_jax.models.context_encoder import ContextEncoderConfig
from pconv_jax.models.fill_correcting import FillCorrectingConfig
from pconv_jax.models.interface import AnyGeneratorConfig
from pconv_jax.models.limits import brief, same_type
from pconv_jax.models.liu import LiuConfig
from pconv_jax.models.paper import PaperConfig
from pconv_jax.models.pathak_features import PathakFeaturesConfig

NETWORKS: dict[str, type[AnyGeneratorConfig]] = {
    "paper": PaperConfig,
    "pyramid": FillCorrectingConfig,
    "liu": LiuConfig,
    "context_encoder": ContextEncoderConfig,
    "pathak_features": PathakFeaturesConfig,
}
"""Every generator, by its name in weights files and checkpoints, which must not change."""

# Fields of earlier versions, and the value that turned them off.
_REMOVED = {"paper": {"image_skip": False}}


def config_to_json(config: AnyGeneratorConfig) -> dict[str, Any]:
    """A config as JSON values, to be kept beside the weights.

    Args:
        config: architecture of a generator.

    Returns:
        Its fields, and `network`, its name in `NETWORKS`.

    Raises:
        InputError: the network is not registered, or its fields cannot be read back.
    """
    names = [name for name, kind in NETWORKS.items() if type(config) is kind]
    if not names:
        raise InputError(f"{type(config).__name__} is not registered: add it to NETWORKS in pconv_jax.models.registry")
    values = {"network": names[0], **dataclasses.asdict(config)}
    try:
        same = config_from_json(json.loads(json.dumps(values)), "JSON") == config
    except (InputError, TypeError, ValueError):
        same = False
    if not same:  # said now, before it is trained
        raise InputError(
            f"{brief(config)} could not be read back from a file: every field needs a default, and values of its type: "
            "whole numbers, numbers, texts, bools, None, or tuples of these"
        )
    return values


def config_from_json(values: Any, place: str | os.PathLike[str]) -> AnyGeneratorConfig:
    """The config of a generator from JSON values; fields that they lack have their defaults, except a field `widths`.

    Args:
        values: as `config_to_json` gave them; without `network` it is the paper's.
        place: file or folder that they come from, for messages.

    Returns:
        The config.

    Raises:
        InputError: values that are damaged, or of a generator that this version cannot build.
    """
    network = values.get("network", "paper") if isinstance(values, dict) else None
    kind = NETWORKS.get(network) if isinstance(network, str) else None
    has_widths = kind is None or "widths" in {field.name for field in dataclasses.fields(kind)}
    if not isinstance(values, dict) or (has_widths and not isinstance(values.get("widths"), list | tuple)):
        raise InputError(
            f"{place} does not say how its generator is built ({brief(values)}): give a run of this project"
        )
    values = {name: value for name, value in values.items() if name != "network"}
    removed = _REMOVED.get(network, {}) if isinstance(network, str) else {}
    values = {name: value for name, value in values.items() if name not in removed or value != removed[name]}
    try:
        return _build_config(network, values)
    except InputError as error:
        raise InputError(
            f"{place} holds a generator that this version cannot build ({error}): use the version that trained it"
        ) from error


def _build_config(network: Any, values: dict[str, Any]) -> AnyGeneratorConfig:
    """Raises an InputError that names the values that do not fit."""
    if not isinstance(network, str) or network not in NETWORKS:
        raise InputError(f"network={brief(network)}")
    kind = NETWORKS[network]
    usual = kind()
    defaults = {field.name: getattr(usual, field.name) for field in dataclasses.fields(kind)}
    values = {name: _like(defaults.get(name), value) for name, value in values.items()}
    wrong = [
        f"{brief(name)[1:-1]}={brief(value)}"
        for name, value in values.items()
        if name not in defaults or not same_type(value, defaults[name])
    ]
    if wrong:
        raise InputError(", ".join(wrong[:3]))
    return kind(**values)


def _like(default: Any, value: Any) -> Any:
    """A value with tuples in place of lists, as deep as a default has them."""
    if not isinstance(value, list):
        return value
    if not isinstance(default, tuple):
        return tuple(value) if default is None else value
    inner = next((each for each in default if isinstance(each, tuple)), None if not default else default[0])
    return tuple(_like(inner, each) for each in value)
