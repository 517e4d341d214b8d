"""The end of a run: the test split scored beside other methods, a grid of results, the loss curve, one report."""

import dataclasses
import importlib.metadata
import json
import platform
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from experiments.batches import evaluation_batches
from experiments.config import Config
from experiments.figures import image_grid, loss_curve, show_holes
from experiments.logs import progress_bar, read_metrics
from experiments.loop import VALIDATION_L1, Outcome
from pconv_jax.checkpoint import existing
from pconv_jax.classical import CLASSICAL_METHODS
from pconv_jax.data import ImageSource
from pconv_jax.evaluate import Evaluation, score
from pconv_jax.inpaint import Inpainter, restore

_LOSSES = ("generator_loss", "pixel", "adversarial", "perceptual", "discriminator_loss", VALIDATION_L1)
_UNITS = {"adversarial": "nats", "discriminator_loss": "nats"}
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
        "scores": evaluation.summary(),
        "scored_step": step,
        "widest_line_px": model.widest_line,
        "training": dataclasses.asdict(outcome),
        **facts,
        "config": config.to_json(),
        "devices": [device.device_kind for device in jax.devices()],
        "python": platform.python_version(),
        "versions": {name: importlib.metadata.version(name) for name in _PACKAGES},
    }
    path = config.out / "report.json"
    unfinished = path.with_suffix(".tmp")
    unfinished.write_text(json.dumps(report, indent=2, allow_nan=False) + "\n")
    unfinished.replace(path)
    print(f"\n{evaluation.table()}\n")
    for name in ("report.json", "test_results.png", "loss_curve.png", "checkpoints"):
        print(f"  {config.out / name}")
    return report


def _best(config: Config) -> tuple[Inpainter, int | None]:
    with existing(config.out) as checkpoints:
        step = checkpoints.best or checkpoints.latest
    return restore(config.out, step=step), step


def _score(config: Config, test: ImageSource, model: Inpainter) -> Evaluation:
    def generator(images: np.ndarray, masks: np.ndarray) -> np.ndarray:
        # The last batch is filled up to the size of the others: another shape would be compiled for it alone.
        missing = config.batch_size - len(images)
        pad = [(0, missing), (0, 0), (0, 0), (0, 0)]
        return model.raw(np.pad(images, pad), np.pad(masks, pad))[0][: len(images)]

    batches = evaluation_batches(config, test, limit=config.test_images)
    images = min(len(test), config.test_images or len(test))
    with progress_bar("scoring", "img", total=images) as bar:
        return score(batches, {**CLASSICAL_METHODS, "generator": generator}, keep=_GRID, progress=bar.update)


def _draw(config: Config, evaluation: Evaluation) -> None:
    examples = evaluation.examples
    image_grid(
        [
            ("ground truth", np.stack([example.truth for example in examples])),
            ("masked input", np.stack([show_holes(example.damaged, example.mask) for example in examples])),
            ("Navier-Stokes", np.stack([example.composite["navier_stokes"] for example in examples])),
            ("raw output", np.stack([example.raw["generator"] for example in examples])),
            ("composite", np.stack([example.composite["generator"] for example in examples])),
        ],
        config.out / "test_results.png",
        limit=_GRID,
    )
    rows = read_metrics(config.out / "metrics.jsonl")
    for name in ("training", "validation"):
        names = [loss for loss in _LOSSES if (loss == VALIDATION_L1) == (name == "validation")]
        these = [row for row in rows if names[0] in row]
        if these:
            present = [loss for loss in names if loss in these[0]]
            history = {loss: [row[loss] for row in these] for loss in present}
            path = config.out / ("loss_curve.png" if name == "training" else "validation_curve.png")
            steps = [int(row["step"]) for row in these]
            loss_curve(history, steps, path, title=f"{config.dataset}: {name}", units=_UNITS)
