"""Saves the generator or the detector of a run, or of a file, as weights: `python -m experiments.export RUN OUT`."""

import contextlib
import dataclasses
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import tyro

from experiments.train.logs import read_metrics
from experiments.train.run_folder import open_run, read_config, read_settings
from pconv_jax.checkpoints.detector_file import TrainedDetector, load_detector, load_detector_run, save_detector
from pconv_jax.checkpoints.orbax import open_checkpoints
from pconv_jax.checkpoints.tensors import Precision, read_tensors
from pconv_jax.checkpoints.trained import TrainedGenerator
from pconv_jax.checkpoints.weights_file import load_generator_weights, save_generator_weights
from pconv_jax.common.commands import command
from pconv_jax.common.errors import InputError
from pconv_jax.common.jax_start import prepare_jax
from pconv_jax.common.versions import package_versions

_PLACES = ("data_dir", "mask_dir", "damage_dir", "out", "resume")
_FILES = ("initial_weights", "vgg_weights")


@dataclasses.dataclass(frozen=True)
class Options:
    """What to save, and where.

    Attributes:
        run: output folder of a training run; or a .safetensors file, to save it at another precision.
        out: the file to write, .safetensors; an existing one is replaced.
        latest: save the latest checkpoint of a run, not the best by validation: L1 of a generator, which is not what
            adversarial and perceptual losses aim at, or the Jaccard coefficient of a detector.
        precision: of the parameters: float32, float16 (half the size) or int8 (a quarter).
    """

    run: tyro.conf.Positional[Path]
    out: tyro.conf.Positional[Path]
    latest: bool = False
    precision: Precision = "float32"


def export(options: Options) -> None:
    """Saves a trained generator or detector with the facts about its training.

    Args:
        options: what and where.

    Raises:
        InputError: no such run or file, or a file name that does not end in .safetensors.
    """
    if options.out.suffix != ".safetensors":
        raise InputError(f"{options.out} must end in .safetensors")
    prepare_jax()
    about = _export_detector(options) if _holds_detector(options.run) else _export_generator(options)
    size = options.out.stat().st_size / 1e6
    print(f"saved step {about.get('step', '?')} as {options.out} ({size:.1f} MB)")


def _holds_detector(run: Path) -> bool:
    if run.is_file():
        return "detector" in read_tensors(run)[1]
    return run.is_dir() and read_settings(run).get("task") == "detect"


def _export_generator(options: Options) -> Mapping[str, Any]:
    """Writes the generator; returns the facts about its training."""
    if options.run.is_file():
        generator = load_generator_weights(options.run)
    else:
        generator = _of_run(options.run, latest=options.latest)
    with _writing(options.out):
        save_generator_weights(options.out, generator, precision=options.precision)
    return generator.about


def _export_detector(options: Options) -> Mapping[str, Any]:
    """Writes the detector; returns the facts about its training."""
    if options.run.is_file():
        detector = load_detector(options.run)
    else:
        detector = _detector_of_run(options.run, latest=options.latest)
    with _writing(options.out):
        save_detector(options.out, detector, precision=options.precision)
    return detector.about


@contextlib.contextmanager
def _writing(out: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InputError(f"{out} cannot be written ({error.strerror}): choose another place") from error


def _of_run(folder: Path, *, latest: bool) -> TrainedGenerator:
    """The best checkpoint of a run, or the latest, with the facts about its training."""
    read_config(folder)  # refuses other folders before their checkpoints are opened
    with open_checkpoints(folder) as checkpoints:
        step = checkpoints.latest if latest else checkpoints.best_or_latest
    run = open_run(folder, step=step)
    scores = [row for row in run.metrics if row["step"] == step and "validation_l1" in row]
    about = {
        "thickest_line": run.config.damage.line_thickness[1] if run.config.damage.masks == "lines" else None,
        "step": step,
        "validation_l1": scores[-1]["validation_l1"] if scores else None,
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
    with open_checkpoints(folder) as checkpoints:
        chosen = checkpoints.latest if latest else checkpoints.best_or_latest
    detector, step = load_detector_run(folder, step=chosen)
    settings = _portable(read_settings(folder))
    scores = [row for row in read_metrics(folder / "metrics.jsonl") if row["step"] == step]
    validation = {name: value for row in scores for name, value in row.items() if name.startswith("validation_")}
    about = {"step": step, **validation, "settings": settings, "versions": package_versions("jax", "flax", "optax")}
    return dataclasses.replace(detector, about=about)


@command()
def main(arguments: Sequence[str]) -> None:
    """Runs the command; returns its exit code."""
    options = tyro.cli(
        Options,
        args=arguments,
        prog="python -m experiments.export",
        description="Save the generator or the damage detector of a run as one file of weights.",
    )
    export(options)


if __name__ == "__main__":
    sys.exit(main())
