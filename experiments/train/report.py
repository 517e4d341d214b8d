"""The end of a run: the test split scored beside classical methods, a grid of results, loss curves, `report.json`."""

import contextlib
import dataclasses
import platform
from collections.abc import Mapping
from typing import Any

import cv2
import jax
import numpy as np

from experiments.image_grids import image_grid, show_holes
from experiments.loss_curves import loss_curve
from experiments.progress import progress_bar
from experiments.train.batches import evaluation_batches
from experiments.train.config import Config
from experiments.train.interface import Outcome
from experiments.train.logs import LOSSES, UNITS, history, read_metrics
from experiments.train.sections import ALWAYS_COMPARED
from experiments.train.training_time import TrainingTime
from pconv_jax.checkpoints.best_step import VALIDATION_L1
from pconv_jax.checkpoints.orbax import open_checkpoints
from pconv_jax.checkpoints.trained import TrainedGenerator, load_run
from pconv_jax.common.atomic_write import write_json
from pconv_jax.common.json_values import read_json
from pconv_jax.common.versions import package_versions
from pconv_jax.data import ImageSource
from pconv_jax.evaluation.classical import CLASSICAL_METHODS
from pconv_jax.evaluation.methods import open_methods
from pconv_jax.evaluation.pairs import Pair, pairs_of_batches
from pconv_jax.evaluation.scoring import REGIONS, Inpainted, NamedMethod, score_pair
from pconv_jax.evaluation.summary import summarise

_GRID = 8  # rows in the grid of test results


@dataclasses.dataclass(frozen=True)
class _Example:
    """A test image and the output of each method for it."""

    pair: Pair
    inpainted: Mapping[str, Inpainted]


def write_report(config: Config, test: ImageSource, outcome: Outcome, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Scores the best checkpoint on the test split, and writes `report.json` and the pictures.

    Every method inpaints the same damaged images (holes black, no noise added) with masks drawn from the run's seed.

    Args:
        config: settings of the run.
        test: images of the test split.
        outcome: how training ended.
        facts: what else the report should say; JSON values.

    Returns:
        What was written to `report.json`.
    """
    model, step = _best(config)
    methods = [
        *(NamedMethod(name, CLASSICAL_METHODS[name]) for name in ALWAYS_COMPARED),
        NamedMethod("generator", lambda images, masks: model.raw(images, masks)[0]),
        *open_methods(config.run.compare),
    ]
    rows, examples = _score(config, test, methods)
    summary = summarise(rows)
    time = TrainingTime.read(config.run.out)
    opencv = cv2.__version__
    report = {
        "scores": summary.to_json(),
        "images_scored": len(rows) // len(methods),
        "opencv": opencv,
        "scored_step": step,
        "widest_line_px": model.widest_line,
        "training": _of_training(config, outcome),
        "training_time": dataclasses.asdict(time) if time.steps else None,
        **facts,
        "config": config.to_json(),
        "devices": [device.device_kind for device in jax.devices()],
        "python": platform.python_version(),
        "versions": package_versions(
            *("jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "grain", "tensorflow-datasets", "numpy"),
            *("opencv-contrib-python-headless", "scikit-image"),
        ),
    }
    write_json(config.run.out / "report.json", report)  # first: it holds what took long
    _draw_examples(config, examples)
    _draw_losses(config, time.heading(outcome.step))
    for region, table in summary.tables().items():
        print(f"\n{REGIONS[region]}:\n\n{table}")
    if test.note:
        print(f"\nnote: {test.note}")
    print(f"\nOpenCV {opencv}\n\n{time.sentence(outcome.step)}\n")
    for name in ("report.json", "test_results.png", "loss_curve.png", "checkpoints"):
        print(f"  {config.run.out / name}")
    return report


def _of_training(config: Config, outcome: Outcome) -> dict[str, Any]:
    """How training ended; if it had ended before this call, as the report says that is about to be replaced."""
    found = dataclasses.asdict(outcome)
    if outcome.seconds is None:
        with contextlib.suppress(OSError, ValueError, TypeError, KeyError):  # there is none, or somebody changed it
            before = read_json((config.run.out / "report.json").read_text(encoding="utf-8"))["training"]
            if before["step"] == outcome.step:
                return {name: before[name] for name in found}
    return found


def _best(config: Config) -> tuple[TrainedGenerator, int | None]:
    with open_checkpoints(config.run.out) as checkpoints:
        step = checkpoints.best_or_latest
    return load_run(config.run.out, step=step), step


def _score(
    config: Config, test: ImageSource, methods: list[NamedMethod]
) -> tuple[list[dict[str, Any]], list[_Example]]:
    """The scores of all methods on the test images, and the first images as examples."""
    rows: list[dict[str, Any]] = []
    examples: list[_Example] = []
    batches = evaluation_batches(config, test, limit=config.run.test_images)
    images = min(len(test), config.run.test_images or len(test))
    with progress_bar("scoring", "img", total=images) as bar:
        for pair in pairs_of_batches(batches):
            scored = {method.name: score_pair(pair, method) for method in methods}
            rows += [each.row for each in scored.values()]
            if len(examples) < _GRID:
                examples.append(_Example(pair, {name: each.inpainted for name, each in scored.items()}))
            bar.update()
    return rows, examples


def _draw_examples(config: Config, examples: list[_Example]) -> None:
    image_grid(
        [
            ("ground truth", np.stack([each.pair.truth for each in examples])),
            ("masked input", np.stack([show_holes(each.pair.noisy, each.pair.mask) for each in examples])),
            ("Navier-Stokes", np.stack([each.inpainted["ns"].composite for each in examples])),
            (
                "raw output",
                np.stack([raw for each in examples if (raw := each.inpainted["generator"].raw) is not None]),
            ),
            ("composite", np.stack([each.inpainted["generator"].composite for each in examples])),
        ],
        config.run.out / "test_results.png",
        limit=_GRID,
    )


def _draw_losses(config: Config, time: str) -> None:
    rows = read_metrics(config.run.out / "metrics.jsonl")
    for name, losses, file in (
        (f"training{time and f', {time}'}", LOSSES, "loss_curve.png"),
        ("validation", [VALIDATION_L1], "validation_curve.png"),
    ):
        values, steps = history(rows, losses)
        if steps:
            loss_curve(values, steps, config.run.out / file, title=f"{config.data.dataset}: {name}", units=UNITS)
