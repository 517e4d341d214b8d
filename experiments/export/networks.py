"""The trained network of a run, of a file or of the package, with the facts about its training."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from experiments.train.logs import read_metrics
from experiments.train.run_folder import open_run, read_config, read_settings
from pconv_jax.checkpoints.best_step import VALIDATION_ERROR, VALIDATION_L1
from pconv_jax.checkpoints.bundled import bundled_detectors, bundled_weights
from pconv_jax.checkpoints.detector_file import TrainedDetector, load_detector, load_detector_run
from pconv_jax.checkpoints.orbax import open_checkpoints
from pconv_jax.checkpoints.tensors import read_tensors
from pconv_jax.checkpoints.trained import TrainedGenerator
from pconv_jax.checkpoints.weights_file import load_generator_weights
from pconv_jax.common.errors import InputError
from pconv_jax.common.versions import package_versions

_PLACES = ("data_dir", "mask_dir", "damage_dir", "out", "resume")
_FILES = ("initial_weights", "vgg_weights")


def load_network(run: Path, *, latest: bool) -> TrainedGenerator | TrainedDetector:
    """Loads what is to be exported.

    Args:
        run: output folder of a run, a .safetensors file, or, if neither has that name, that of bundled weights.
        latest: the latest checkpoint of a run in place of the best.

    Returns:
        The generator or the detector.

    Raises:
        InputError: no such run, file or bundled weights, or they cannot be read; or `latest` for anything but a run.
    """
    own = run.is_file() or (run.is_dir() and any(run.iterdir()))  # an empty folder hides nothing
    place = run if own else {**bundled_weights(), **bundled_detectors()}.get(str(run), run)
    if place.is_file():
        if latest:
            raise InputError(f"--latest goes with the folder of a run, but {run} holds one network: leave it out")
        return load_detector(place) if "detector" in read_tensors(place)[1] else load_generator_weights(place)
    if not place.exists():
        names = ", ".join((*bundled_weights(), *bundled_detectors()))
        raise InputError(f"unknown weights {str(run)!r}: give the folder of a run, a file, or one of {names}")
    if place.is_dir() and read_settings(place).get("task") == "detect":
        return _detector_of_run(place, latest=latest)
    return _generator_of_run(place, latest=latest)


def _generator_of_run(folder: Path, *, latest: bool) -> TrainedGenerator:
    """The best checkpoint of a run, or the latest, with the facts about its training."""
    read_config(folder)  # refuses other folders before their checkpoints are opened
    with open_checkpoints(folder) as checkpoints:
        step = checkpoints.latest if latest else checkpoints.best_or_latest
    run = open_run(folder, step=step)
    scores = [row for row in run.metrics if row["step"] == step and VALIDATION_L1 in row]
    about = {
        "thickest_line": run.config.damage.line_thickness[1] if run.config.damage.masks == "lines" else None,
        "step": step,
        VALIDATION_L1: scores[-1][VALIDATION_L1] if scores else None,
        "settings": _portable(run.config.to_json()),
        "versions": package_versions("jax", "flax", "optax"),
    }
    return TrainedGenerator(run.model.config, run.model.params, run.model.stats, about=about)


def _portable(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a run without its places: they say nothing elsewhere; of files the names stay."""
    kept = {name: value for name, value in settings.items() if name not in _PLACES}
    return {name: Path(value).name if name in _FILES and value else value for name, value in kept.items()}


def _detector_of_run(folder: Path, *, latest: bool) -> TrainedDetector:
    """The best checkpoint of a detector's run, or the latest, with the facts about its training."""
    with open_checkpoints(folder, minimise=VALIDATION_ERROR) as checkpoints:
        chosen = checkpoints.latest if latest else checkpoints.best_or_latest
    detector, step = load_detector_run(folder, step=chosen)
    settings = _portable(read_settings(folder))
    scores = [row for row in read_metrics(folder / "metrics.jsonl") if row["step"] == step]
    validation = {name: value for row in scores for name, value in row.items() if name.startswith("validation_")}
    about = {"step": step, **validation, "settings": settings, "versions": package_versions("jax", "flax", "optax")}
    return dataclasses.replace(detector, about=about)
