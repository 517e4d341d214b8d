"""The end of a run: the test split scored beside other methods, a grid of results, the loss curve, one report."""

import dataclasses
import importlib.metadata
import platform
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from experiments.plots import image_grid, loss_curve, show_holes
from experiments.train.batches import evaluation_batches
from experiments.train.config import Config
from experiments.train.logs import LOSSES, UNITS, history, progress_bar, read_metrics
from experiments.train.loop import VALIDATION_L1, Outcome
from pconv_jax.checkpoints.orbax import open_checkpoints
from pconv_jax.checkpoints.trained import TrainedGenerator, load_run
from pconv_jax.common.atomic_write import write_json
from pconv_jax.data import ImageSource
from pconv_jax.evaluation.baselines import CLASSICAL_METHODS
from pconv_jax.evaluation.scoring import Evaluation, image_by_image, score
from pconv_jax.evaluation.statistics import ALL

_QUICK = {name: CLASSICAL_METHODS[name] for name in ("unrepaired", "mean", "ns")}  # `experiments.evaluate` has all
_GRID = 8  # rows in the grid of test results
_PACKAGES = (
    *("jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "grain", "tensorflow-datasets", "numpy"),
    *("opencv-python-headless", "scikit-image"),
)


def write_report(config: Config, test: ImageSource, outcome: Outcome, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Scores the best checkpoint on the test split, and writes `report.json` and the pictures.

    Every method repairs the same damaged images (holes black, no noise added) with masks drawn from the run's seed.

    Args:
        config: settings of the run.
        test: images of the test split.
        outcome: how training ended.
        facts: what else the report should say; JSON values.

    Returns:
        What was written to `report.json`.
    """
    model, step = _best(config)
    evaluation = _score(config, test, model)
    _draw(config, evaluation)
    report = {
        "scores": evaluation.summary.to_json(),
        "images_scored": len(evaluation.rows) // len(evaluation.summary.means[ALL]),
        "opencv": evaluation.opencv_version,
        "scored_step": step,
        "widest_line_px": model.widest_line,
        "training": dataclasses.asdict(outcome),
        **facts,
        "config": config.to_json(),
        "devices": [device.device_kind for device in jax.devices()],
        "python": platform.python_version(),
        "versions": {name: importlib.metadata.version(name) for name in _PACKAGES},
    }
    write_json(config.run.out / "report.json", report)
    print(f"\n{evaluation.table()}\n")
    for name in ("report.json", "test_results.png", "loss_curve.png", "checkpoints"):
        print(f"  {config.run.out / name}")
    return report


def _best(config: Config) -> tuple[TrainedGenerator, int | None]:
    with open_checkpoints(config.run.out) as checkpoints:
        step = checkpoints.best_or_latest
    return load_run(config.run.out, step=step), step


def _score(config: Config, test: ImageSource, model: TrainedGenerator) -> Evaluation:
    generator = image_by_image(lambda images, masks: model.raw(images, masks)[0])
    batches = evaluation_batches(config, test, limit=config.run.test_images)
    images = min(len(test), config.run.test_images or len(test))
    with progress_bar("scoring", "img", total=images) as bar:
        return score(batches, {**_QUICK, "generator": generator}, keep=_GRID, progress=bar.update)


def _draw(config: Config, evaluation: Evaluation) -> None:
    examples = evaluation.examples
    image_grid(
        [
            ("ground truth", np.stack([example.truth for example in examples])),
            ("masked input", np.stack([show_holes(example.damaged, example.mask) for example in examples])),
            ("Navier-Stokes", np.stack([example.composite["ns"] for example in examples])),
            ("raw output", np.stack([example.raw["generator"] for example in examples])),
            ("composite", np.stack([example.composite["generator"] for example in examples])),
        ],
        config.run.out / "test_results.png",
        limit=_GRID,
    )
    rows = read_metrics(config.run.out / "metrics.jsonl")
    for name, losses, file in (
        ("training", LOSSES, "loss_curve.png"),
        ("validation", [VALIDATION_L1], "validation_curve.png"),
    ):
        values, steps = history(rows, losses)
        if steps:
            loss_curve(values, steps, config.run.out / file, title=f"{config.data.dataset}: {name}", units=UNITS)
