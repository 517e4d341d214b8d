"""A trained generator in one file: safetensors, with its config and facts about its training."""

import json
import os
from pathlib import Path
from typing import Any, Literal, get_args

import jax
import jax.numpy as jnp
import numpy as np

from pconv_jax.checkpoints.bundled import bundled_weights
from pconv_jax.checkpoints.checks import check_about, check_values
from pconv_jax.checkpoints.trained import TrainedGenerator, by_name, load_run, shapes_of
from pconv_jax.common.atomic_write import atomic_write
from pconv_jax.common.errors import InputError
from pconv_jax.common.paths import given_path
from pconv_jax.models import config_from_json, config_to_json

_METADATA = ("generator", "about")
_PARTS = ("params", "stats")
_SCALE = "scale/"  # before the name of a kernel that is stored as whole numbers: what 1 stands for

_WAY_OUT = "give weights that this project saved"

Precision = Literal["float32", "float16", "int8"]


def save_generator_weights(
    path: str | os.PathLike[str], generator: TrainedGenerator, *, precision: Precision = "float32"
) -> None:
    """Writes a trained generator to a file, which is never half written.

    Args:
        path: the file, `.safetensors`.
        generator: what to write.
        precision: of the parameters: float32 as they are; float16 in half the size; int8 in a quarter, kernels as whole
            numbers from -127 to 127 times a scale for each output channel. Batch statistics stay float32.

    Raises:
        InputError: another precision.
    """
    from safetensors.numpy import save

    if precision not in get_args(Precision):
        raise InputError(f"precision={precision!r} must be one of {', '.join(get_args(Precision))}")
    tensors = {f"stats/{name}": np.asarray(leaf) for name, leaf in by_name(generator.stats).items()}
    for name, leaf in by_name(generator.params).items():
        tensors |= _encode(f"params/{name}", np.asarray(leaf), precision)
    metadata = {"generator": config_to_json(generator.config), "about": generator.about}
    with atomic_write(path) as temporary:
        # Not `save_file`: only the owner can read the files that it creates.
        temporary.write_bytes(save(tensors, metadata={name: json.dumps(value) for name, value in metadata.items()}))


def load_generator_weights(weights: str | os.PathLike[str]) -> TrainedGenerator:
    """Reads a trained generator.

    Args:
        weights: name of bundled weights, or a file that `save_generator_weights` wrote.

    Returns:
        The generator.

    Raises:
        InputError: no such weights, or a file that is damaged or of another network.
    """
    path = bundled_weights().get(str(weights), Path(weights))
    if not path.is_file():
        names = ", ".join(bundled_weights())
        raise InputError(f"unknown weights {str(weights)!r}: choose from {names}, or give a .safetensors file")
    tensors, metadata = _read(path)
    config = config_from_json(metadata.get("generator"), path)
    states = dict(zip(_PARTS, shapes_of(config), strict=True))
    expected = {f"{part}/{key}": leaf.shape for part, state in states.items() for key, leaf in by_name(state).items()}
    found = {key: tensor.shape for key, tensor in tensors.items() if not key.startswith(_SCALE)}
    if found != expected:
        wrong = sorted(key for key in found | expected if found.get(key) != expected.get(key))
        raise InputError(f"{path} does not fit the network that it names ({', '.join(wrong[:3])}): save it again")
    arrays = {key: _decode(key, tensors, path) for key in expected}
    params, stats = (
        jax.tree.unflatten(jax.tree.structure(state), [jnp.asarray(arrays[f"{part}/{key}"]) for key in by_name(state)])
        for part, state in states.items()
    )
    return TrainedGenerator(config, params, stats, about=check_about(metadata.get("about"), path))


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
    return load_generator_weights(weights)


def _read(path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            metadata = {key: json.loads(value) for key, value in (file.metadata() or {}).items() if key in _METADATA}
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - no mapping
    except RecursionError as error:
        raise InputError(f"{path} cannot be read (its notes are nested too deeply): {_WAY_OUT}") from error
    except (SafetensorError, ValueError, OSError, TypeError, AttributeError) as error:
        raise InputError(f"{path} cannot be read ({error}): {_WAY_OUT}") from error
    return tensors, metadata


def _encode(name: str, values: np.ndarray, precision: Precision) -> dict[str, np.ndarray]:
    """A parameter as tensors of a file."""
    if precision == "int8" and values.ndim > 1:
        scale = np.abs(values).max(axis=tuple(range(values.ndim - 1)), keepdims=True) / np.float32(127)
        return {name: np.rint(values / np.where(scale > 0, scale, 1)).astype(np.int8), _SCALE + name: scale}
    return {name: values if precision == "float32" else values.astype(np.float16)}


def _decode(name: str, tensors: dict[str, np.ndarray], path: Path) -> np.ndarray:
    """The array that a tensor of a file stands for, float32, if all of it can be a network's."""
    tensor, scale = tensors[name], tensors.get(_SCALE + name)
    if tensor.dtype != np.int8 if scale is not None else not np.issubdtype(tensor.dtype, np.floating):
        kind = "floating point" if scale is None else "int8, as it has a scale"
        raise InputError(f"{path} holds {name} as {tensor.dtype}, but it must be {kind}: {_WAY_OUT}")
    with np.errstate(over="ignore"):  # what is infinite then is refused
        values = tensor.astype(np.float32)
        if scale is not None:
            one_each = (*(1,) * (tensor.ndim - 1), *tensor.shape[-1:])
            if not np.issubdtype(scale.dtype, np.floating) or scale.shape != one_each:
                raise InputError(f"{path} does not have one scale for each channel of {name}: {_WAY_OUT}")
            values *= scale.astype(np.float32)
    check_values(name, values, path)
    return values
