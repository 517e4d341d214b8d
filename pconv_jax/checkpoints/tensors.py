"""Files of weights: safetensors with facts as JSON, parameters as they are or as whole numbers with a scale."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, get_args

import jax
import numpy as np

from pconv_jax.checkpoints.checks import check_values, invalid
from pconv_jax.common.atomic_write import atomic_write
from pconv_jax.common.errors import InputError
from pconv_jax.common.json_values import read_json
from pconv_jax.models.limits import brief

_FACTS = ("generator", "detector", "about")
_SCALE = "scale/"  # before the name of a kernel that is stored as whole numbers: what 1 stands for

_LONGEST = 200  # characters of a reason, which may quote the file
_WAY_OUT = "give weights that this project saved"

Precision = Literal["float32", "float16", "int8"]


def write_tensors(
    path: Path,
    *,
    states: Mapping[str, Any],
    shapes: Mapping[str, Any],
    facts: Mapping[str, Any],
    precision: Precision = "float32",
) -> None:
    """Writes parameters and facts to a file, which is never half written.

    Args:
        path: the file.
        states: "params", and "stats" if there are any, which stay float32: pytrees of arrays.
        shapes: those of the network that the facts name, as for `states_of`.
        facts: JSON values by name.
        precision: of the parameters, see `save_generator_weights`.

    Raises:
        InputError: another precision, or arrays that `states_of` would refuse: those of another network, or with values
            that are not finite at this precision; or facts that are no JSON values.
    """
    from safetensors.numpy import save

    if precision not in get_args(Precision):
        raise InputError(f"precision={precision!r} must be one of {', '.join(get_args(Precision))}")
    tensors: dict[str, np.ndarray] = {}
    for part, state in states.items():
        for name, leaf in by_name(state).items():
            tensors |= _encode(f"{part}/{name}", np.asarray(leaf), precision if part == "params" else "float32")
    if wrong := _misfits(tensors, shapes):
        raise InputError(
            f"the arrays to save are not those of the network in the config ({', '.join(wrong[:3])}): save them with "
            "the config of their own network"
        )
    for name in _arrays(tensors):
        if what := invalid(name, _decoded(name, tensors, path)):
            raise InputError(f"the network cannot be saved as {precision}, as {what}: choose float32, or train anew")
    metadata = {name: _json(name, value) for name, value in facts.items()}
    with atomic_write(path) as temporary:
        # Not `save_file`: only the owner can read the files that it creates.
        temporary.write_bytes(save(tensors, metadata=metadata))


def read_tensors(path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """The tensors of a file as they are stored, and its facts.

    Args:
        path: the file.

    Returns:
        Arrays by name, for `states_of`; JSON values by name.

    Raises:
        InputError: it cannot be read.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            metadata = {key: read_json(value) for key, value in (file.metadata() or {}).items() if key in _FACTS}
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - no mapping
    except (SafetensorError, ValueError, OSError, TypeError, AttributeError) as error:
        raise InputError(f"{path} cannot be read ({str(error)[:_LONGEST]}): {_WAY_OUT}") from error
    return tensors, metadata


def states_of(path: Path, tensors: Mapping[str, np.ndarray], shapes: Mapping[str, Any]) -> list[Any]:
    """The pytrees that the tensors of a file stand for.

    Args:
        path: the file, for messages.
        tensors: from `read_tensors`.
        shapes: "params" and "stats", or one of them: pytrees of shapes.

    Returns:
        Pytrees of those structures, float32 on the default device.

    Raises:
        InputError: the tensors are those of another network, or not finite.
    """
    if wrong := _misfits(tensors, shapes):
        raise InputError(f"{path} does not fit the network that it names ({', '.join(wrong[:3])}): save it again")
    # All at once: one by one JAX would take longer than the file does.
    arrays = jax.device_put({key: decode(key, tensors, path) for key in _arrays(tensors)})
    return [
        jax.tree.unflatten(jax.tree.structure(state), [arrays[f"{part}/{key}"] for key in by_name(state)])
        for part, state in shapes.items()
    ]


def _json(name: str, value: Any) -> str:
    try:
        return json.dumps(value)
    except (TypeError, ValueError) as error:
        raise InputError(f"{name}={brief(value)} cannot be saved as JSON ({error}): use Python's own values") from error


def _arrays(tensors: Mapping[str, np.ndarray]) -> list[str]:
    """Names of the tensors that stand for an array of a network."""
    return [key for key in tensors if not key.startswith(_SCALE)]


def _misfits(tensors: Mapping[str, np.ndarray], shapes: Mapping[str, Any]) -> list[str]:
    """Names of the tensors that are missing, too many or of another shape."""
    expected = {f"{part}/{key}": leaf.shape for part, state in shapes.items() for key, leaf in by_name(state).items()}
    found = {key: tensors[key].shape for key in _arrays(tensors)}
    return sorted(key for key in found | expected if found.get(key) != expected.get(key))


def check_states(states: Mapping[str, Any], place: str | os.PathLike[str]) -> None:
    """Refuses the states of a network whose output could not be numbers.

    Args:
        states: "params" and "stats", or one of them: pytrees of arrays.
        place: file or folder that they come from, for the message.

    Raises:
        InputError: as `check_values`.
    """
    for part, state in states.items():
        for key, values in by_name(state).items():
            check_values(f"{part}/{key}", values, place)


def _encode(name: str, values: np.ndarray, precision: Precision) -> dict[str, np.ndarray]:
    """A parameter as tensors of a file."""
    with np.errstate(over="ignore", invalid="ignore"):  # what is not finite then is refused
        if precision == "int8" and values.ndim > 1:
            scale = np.abs(values).max(axis=_axes_of_inputs(values), keepdims=True) / np.float32(127)
            return {name: np.rint(values / np.where(scale > 0, scale, 1)).astype(np.int8), _SCALE + name: scale}
        return {name: values.astype(np.float32 if precision == "float32" else np.float16)}


def _axes_of_inputs(kernel: np.ndarray) -> tuple[int, ...]:
    """The axes over which an output sums: of one matrix for each channel, `[C, inputs, outputs]`, the middle one."""
    return (1,) if kernel.ndim == 3 else tuple(range(kernel.ndim - 1))


def decode(name: str, tensors: Mapping[str, np.ndarray], path: Path) -> np.ndarray:
    """The array that a tensor of a file stands for.

    Args:
        name: of the tensor.
        tensors: from `read_tensors`.
        path: the file, for messages.

    Returns:
        float32.

    Raises:
        InputError: it cannot be a network's.
    """
    values = _decoded(name, tensors, path)
    check_values(name, values, path)
    return values


def _decoded(name: str, tensors: Mapping[str, np.ndarray], path: Path) -> np.ndarray:
    """As `decode`, but for values that are not finite."""
    tensor, scale = tensors[name], tensors.get(_SCALE + name)
    if tensor.dtype != np.int8 if scale is not None else not np.issubdtype(tensor.dtype, np.floating):
        kind = "floating point" if scale is None else "int8, as it has a scale"
        raise InputError(f"{path} holds {name} as {tensor.dtype}, but it must be {kind}: {_WAY_OUT}")
    with np.errstate(over="ignore", invalid="ignore"):  # what is not finite then is refused
        values = tensor.astype(np.float32)
        if scale is not None:
            inputs = _axes_of_inputs(tensor)
            one_each = tuple(1 if axis in inputs else side for axis, side in enumerate(tensor.shape))
            former = (*(1,) * (tensor.ndim - 1), *tensor.shape[-1:])  # of every kernel, before 0.2
            if not np.issubdtype(scale.dtype, np.floating) or scale.shape not in (one_each, former):
                raise InputError(f"{path} does not have one scale for each channel of {name}: {_WAY_OUT}")
            values *= scale.astype(np.float32)
    return values


def by_name(tree: Any) -> dict[str, Any]:
    """The leaves of a tree by their path, such as "encoder/0/kernel", in the order of the tree."""
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    return {"/".join(_step(each) for each in path if _step(each)): leaf for path, leaf in leaves}


def _step(key: Any) -> str:
    """One part of a path; empty for the variable that wraps an array."""
    return str(key.key) if hasattr(key, "key") else str(key.idx) if hasattr(key, "idx") else ""
