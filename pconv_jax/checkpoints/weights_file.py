"""Weights of a generator in one file: safetensors, with the shape of the network and what is known of its training."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from pconv_jax.checkpoints.bundled import released
from pconv_jax.common.atomic_write import atomic_write
from pconv_jax.common.errors import InputError
from pconv_jax.models import AnyGeneratorConfig, build_generator, config_from_notes, generator_notes

_NOTES = ("generator", "about")
_PARTS = {"params": nnx.Param, "stats": nnx.BatchStat}


class Weights(NamedTuple):
    """A trained generator, in parts.

    Attributes:
        config: its shape.
        params: its parameters.
        stats: its running batch statistics.
        about: what is known of its training, JSON values; `thickest_line` is that of its training masks, px.
    """

    config: AnyGeneratorConfig
    params: nnx.State
    stats: nnx.State
    about: Mapping[str, Any]


def save_weights(path: str | os.PathLike[str], weights: Weights) -> None:
    """Writes weights, in one step.

    Args:
        path: the file, `.safetensors`.
        weights: what to write.
    """
    from safetensors.numpy import save

    tensors = {
        f"{part}/{name}": np.asarray(leaf) for part in _PARTS for name, leaf in _by_name(getattr(weights, part)).items()
    }
    notes = {"generator": generator_notes(weights.config), "about": dict(weights.about)}
    with atomic_write(path) as temporary:
        # Not by `save_file`, whose files nobody but their owner may read.
        temporary.write_bytes(save(tensors, metadata={name: json.dumps(value) for name, value in notes.items()}))


def load_weights(name: str | os.PathLike[str]) -> Weights:
    """Reads weights.

    Args:
        name: one of `released()`, or a file that `save_weights` wrote.

    Returns:
        The weights.

    Raises:
        InputError: no such weights, or a file that is damaged or of another network.
    """
    path = released().get(str(name), Path(name))
    if not path.is_file():
        raise InputError(
            f"there are no weights {name}: give one of {', '.join(released()) or 'none'}, or a .safetensors file"
        )
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            notes = {key: json.loads(value) for key, value in (file.metadata() or {}).items() if key in _NOTES}
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - no mapping
    except (SafetensorError, ValueError, OSError) as error:
        raise InputError(f"{path} cannot be read ({error}): give weights that this project saved") from error
    config = config_from_notes(notes.get("generator"), path)
    wanted = nnx.eval_shape(lambda: build_generator(config, rngs=nnx.Rngs(0)))
    states = {part: nnx.state(wanted, kind) for part, kind in _PARTS.items()}
    expected = {f"{part}/{key}": leaf.shape for part, state in states.items() for key, leaf in _by_name(state).items()}
    found = {key: tensor.shape for key, tensor in tensors.items()}
    if found != expected:
        wrong = sorted(key for key in found | expected if found.get(key) != expected.get(key))
        raise InputError(f"{path} does not fit the network that it names ({', '.join(wrong[:3])}): save it again")
    filled = {
        part: jax.tree.unflatten(
            jax.tree.structure(state), [jnp.asarray(tensors[f"{part}/{key}"]) for key in _by_name(state)]
        )
        for part, state in states.items()
    }
    return Weights(config, filled["params"], filled["stats"], dict(notes.get("about") or {}))


def _by_name(state: nnx.State) -> dict[str, Any]:
    """The leaves of a state by their path, in the order of the tree."""
    leaves = jax.tree_util.tree_leaves_with_path(state)
    return {"/".join(_step(each) for each in path if _step(each)): leaf for path, leaf in leaves}


def _step(key: Any) -> str:
    """A step of a path; of the variable that holds an array nothing is left."""
    return str(key.key) if hasattr(key, "key") else str(key.idx) if hasattr(key, "idx") else ""
