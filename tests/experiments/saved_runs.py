"""The weights that a run saved, and whether two runs are the same."""

from pathlib import Path

import jax
import numpy as np

from experiments.train.logs import read_metrics
from pconv_jax.checkpoints.orbax import open_checkpoints
from pconv_jax.checkpoints.trained import load_run


def variables(folder: Path) -> list[np.ndarray]:
    """The generator of the last step."""
    with open_checkpoints(folder) as checkpoints:
        step = checkpoints.latest
    model = load_run(folder, step=step)
    return [np.asarray(leaf) for leaf in jax.tree.leaves((model.params, model.stats))]


def assert_same_run(a: Path, b: Path) -> None:
    """The same losses in the same order, and the same parameters, to the bit."""
    assert read_metrics(a / "metrics.jsonl") == read_metrics(b / "metrics.jsonl")
    for x, y in zip(variables(a), variables(b), strict=True):
        np.testing.assert_array_equal(x, y)
