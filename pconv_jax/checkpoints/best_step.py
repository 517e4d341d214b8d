"""Which checkpoint is the best: by the metrics saved with each, once their checksums have been compared."""

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pconv_jax.checkpoints.checksums import compare_checksums, saved_checksums
from pconv_jax.checkpoints.orbax_errors import why
from pconv_jax.checkpoints.parts import MetricsPart
from pconv_jax.common.errors import InputError

VALIDATION_L1 = "validation_l1"
"""Metric of generators that decides which checkpoint is best: the one with the smallest value."""
VALIDATION_ERROR = "validation_error"
"""That of detectors: 1 - Jaccard coefficient."""


def best_step(entries: Iterable[Any], minimise: str, directory: Path) -> int | None:
    """Step of the checkpoint with the smallest metric; None if no checkpoint was saved with it.

    Args:
        entries: checkpoints as Orbax lists them, each with `step` and `metrics`.
        minimise: name of the metric.
        directory: where they are.

    Raises:
        InputError: metrics of a checkpoint are damaged.
    """
    scores: dict[int, float] = {}
    for entry in entries:
        # None were saved, or a training that was killed had begun to remove it.
        if entry.metrics:
            _check_metrics(entry.metrics, directory / str(entry.step))
        scores[entry.step] = score(entry.metrics, minimise, directory)
    scores = {step: value for step, value in scores.items() if value < float("inf")}
    return min(scores, key=scores.__getitem__) if scores else None


def score(metrics: Any, minimise: str, directory: Path) -> float:
    """What a checkpoint is ranked by: one without a validation score, saved by an interrupt, or with NaN, ranks last.

    Args:
        metrics: of the checkpoint: values by name, or the value.
        minimise: name of the metric.
        directory: where the checkpoint is.

    Returns:
        A number, or infinity.

    Raises:
        InputError: it is not a number.
    """
    value = metrics.get(minimise) if isinstance(metrics, Mapping) else metrics
    if value is None:
        return float("inf")
    if not isinstance(value, int | float):
        raise InputError(
            f"a checkpoint in {directory} has {minimise}={str(value)[:80]!r}, which is not a number: restore its "
            "metrics, or choose another run"
        )
    # NaN compares with nothing: Orbax, sorting by it, would remove the best checkpoint.
    return float(value) if math.isfinite(value) else float("inf")


def _check_metrics(metrics: Any, folder: Path) -> None:
    try:
        compare_checksums(saved_checksums(folder), {"metrics": MetricsPart(metrics)})
    except ValueError as error:
        raise InputError(
            f"the metrics of the checkpoint of step {folder.name} in {folder.parent} are damaged ({why(error)}), so "
            f"the best one is not known: delete {folder} to do without it"
        ) from error
