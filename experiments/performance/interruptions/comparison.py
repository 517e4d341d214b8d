"""What two runs differ in, apart from times."""

import json
from pathlib import Path
from typing import Any

import jax
import numpy as np

from experiments.train.run_folder import read_config
from experiments.train.trainer import checkpoint_parts
from pconv_jax.checkpoints.orbax import open_checkpoints
from pconv_jax.training.state import state_shapes

_OF_A_SITTING = ("training", "training_time", "config", "devices")  # times, folders and flags such as --resume
_POSITION = "data/process_0-of-1.json"


def differences(reference: Path, folder: Path, *, step: int) -> list[str]:
    """Compares a run with another that was not interrupted, to the bit.

    Args:
        reference: folder of the run that was not interrupted.
        folder: folder of the other one.
        step: that of the last checkpoint.

    Returns:
        What differs: rows of the metrics, arrays and position in the data of the last checkpoint, the report, pictures.
    """
    both = reference, folder
    try:
        found = [] if _text(reference, "metrics.jsonl") == _text(folder, "metrics.jsonl") else ["metrics.jsonl"]
        found += _differing_arrays(*(_arrays(each, step) for each in both))
        if len({_text(each, f"checkpoints/{step}/{_POSITION}") for each in both}) > 1:
            found.append("position in the data")
        found += ["report.json"] * (_report(reference) != _report(folder))
        return found + _differing_pictures(reference, folder)
    except (OSError, ValueError) as error:
        return [f"{type(error).__name__}: {error}"]


def _text(folder: Path, name: str) -> bytes:
    return (folder / name).read_bytes()


def _arrays(folder: Path, step: int) -> dict[str, np.ndarray]:
    """All arrays of a checkpoint, which are what was saved: their checksums are compared."""
    state = state_shapes(read_config(folder).train_config(step))
    with open_checkpoints(folder) as checkpoints:
        parts = checkpoints.load(checkpoint_parts(state), step=step)
    leaves = jax.tree_util.tree_flatten_with_path(parts)[0]
    return {jax.tree_util.keystr(path, simple=True, separator="/"): np.asarray(leaf) for path, leaf in leaves}


def _differing_arrays(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> list[str]:
    if one.keys() != other.keys():
        return [f"arrays {sorted(one.keys() ^ other.keys())}"]
    return [
        name
        for name, array in one.items()
        if (array.dtype, array.shape, array.tobytes()) != (other[name].dtype, other[name].shape, other[name].tobytes())
    ]


def _report(folder: Path) -> dict[str, Any]:
    report = json.loads(_text(folder, "report.json"))
    return {name: value for name, value in report.items() if name not in _OF_A_SITTING}


def _differing_pictures(reference: Path, folder: Path) -> list[str]:
    names = ["test_results.png", *(str(path.relative_to(reference)) for path in reference.glob("samples/*.png"))]
    return [name for name in names if _text(reference, name) != _text(folder, name)]
