"""The folder of a run: its settings, metrics and model, and the model's results on the run's data.

Images are [N, H, W, 3] in [0, 1]; masks [N, H, W, 1], 1 = valid, 0 = hole.
"""

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from experiments.train.batches import evaluation_batches, examples_on_device, training_batches
from experiments.train.config import Config
from experiments.train.logs import LOSSES, history, read_metrics
from pconv_jax.checkpoints.trained import TrainedGenerator, load_run
from pconv_jax.common.atomic_write import write_json
from pconv_jax.common.errors import InputError, TrainingError, reason
from pconv_jax.common.json_values import read_json
from pconv_jax.data import ImageSource
from pconv_jax.evaluation.composites import make_composite

_DATA = ("data_dir", "mask_dir", "damage_dir")  # settings that are folders of data; any may be given when a run resumes


@dataclasses.dataclass(frozen=True)
class Run:
    """What the folder of a run holds.

    Attributes:
        config: its settings.
        metrics: rows of its `metrics.jsonl`.
        model: its best checkpoint, ready to use.
    """

    config: Config
    metrics: Sequence[Mapping[str, float]]
    model: TrainedGenerator


@dataclasses.dataclass(frozen=True)
class InpaintedImages:
    """Test images and a network's output for them.

    Attributes:
        truth: the clean images.
        damaged: what the network was given; what they hold in a hole does not matter.
        mask: their holes.
        raw: its raw output.
    """

    truth: np.ndarray
    damaged: np.ndarray
    mask: np.ndarray
    raw: np.ndarray

    @property
    def composite(self) -> np.ndarray:
        """The output in the holes, the damaged image elsewhere."""
        return make_composite(self.damaged, self.mask, self.raw)

    def __getitem__(self, rows: slice | np.ndarray) -> "InpaintedImages":
        return InpaintedImages(self.truth[rows], self.damaged[rows], self.mask[rows], self.raw[rows])


@contextlib.contextmanager
def resumable(folder: Path, step: Callable[[], int]) -> Iterator[None]:
    """Says of a file that cannot be written that the checkpoints are whole, and how to continue.

    Args:
        folder: output folder of the run.
        step: gives the number of steps taken so far.

    Raises:
        TrainingError: instead of any error of the system but one of whoever reads the output.
    """
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise TrainingError(
            f"{error.filename or folder} cannot be written ({reason(error)}) after step {step()}; checkpoints saved "
            f"before are whole, in {folder / 'checkpoints'}: make room, and --resume continues from the latest"
        ) from error


def write_settings(folder: Path, settings: Mapping[str, Any]) -> None:
    """Writes the `config.json` of a run: folders of data are absolute, as it may be read with another current folder.

    Args:
        folder: the run's.
        settings: JSON values by name, as `to_json` of its config gives them.
    """
    data = {name: str(Path(settings[name]).expanduser().absolute()) for name in _DATA if settings.get(name) is not None}
    write_json(folder / "config.json", {**settings, **data})


def read_settings(folder: Path) -> dict[str, Any]:
    """The contents of the `config.json` of a run.

    Raises:
        InputError: the file is missing or damaged.
    """
    path = folder / "config.json"
    if not path.is_file():
        raise InputError(f"{folder} holds no config.json: give the output folder of `python -m experiments.run`")
    try:
        values = read_json(path.read_text(encoding="utf-8"))
        if not isinstance(values, dict):
            raise ValueError("it is not a JSON object")
        return values
    except ValueError as error:
        raise InputError(f"{path} cannot be read ({error}): choose another run") from error


def open_run(folder: Path, *, step: int | None = None) -> Run:
    """Reads the settings and metrics of a run, and loads its model.

    Args:
        folder: output folder of `python -m experiments.run`.
        step: the checkpoint to load; the best, or else the latest, if not given.

    Returns:
        The run.

    Raises:
        InputError: the folder holds no run, or no checkpoint or training metrics yet, or a file is damaged.
    """
    return Run(read_config(folder), read_losses(folder), load_run(folder, step=step))


def read_config(folder: Path) -> Config:
    """The settings of a run, for use where it is now and without worker processes.

    Raises:
        InputError: the folder holds no run, or one that this version cannot read.
    """
    values = read_settings(folder)
    if values.get("task") == "detect":
        raise InputError(f"{folder} is the run of a detector: give that of a generator")
    try:
        return Config.from_json(values).replace(out=folder, workers=0)
    except InputError as error:
        raise InputError(f"{folder / 'config.json'} cannot be read ({error}): choose another run") from error


def read_losses(folder: Path) -> Sequence[Mapping[str, float]]:
    """The rows of the `metrics.jsonl` of a run that has taken a step.

    Raises:
        InputError: the file is damaged, or holds no losses.
    """
    path = folder / "metrics.jsonl"
    metrics = read_metrics(path)
    if not history(metrics, LOSSES)[1]:
        raise InputError(f"{path} holds no training losses: give a run that has taken a step")
    return metrics


def training_examples(config: Config, source: ImageSource, *, count: int) -> dict[str, np.ndarray]:
    """The first examples that a run trains on, to the bit.

    Args:
        config: settings of the run.
        source: images of the training split.
        count: number of examples.

    Returns:
        `image` (clean), `noisy` [count, S, S, 3] and `mask` [count, S, S, 1].
    """
    with contextlib.closing(iter(training_batches(config, source))) as batches:
        parts = [next(batches) for _ in range(-(-count // config.data.batch_size))]
    if config.data.augment_on_device:
        examples, images = examples_on_device(config, source)
        parts = [jax.device_get(jax.jit(examples)(images, part)) for part in parts]
    return {name: np.concatenate([part[name] for part in parts])[:count] for name in parts[0]}


def inpaint_test_images(config: Config, model: TrainedGenerator, source: ImageSource, *, limit: int) -> InpaintedImages:
    """Inpaints the first test images, damaged as for the run's report: clean inputs, lines of the run's seed.

    Args:
        config: settings of the run.
        model: the network.
        source: images of the test split.
        limit: number of images, fewer where the split has fewer.

    Returns:
        The images and the results.
    """
    parts = [
        inpaint_images(model, batch["image"], batch["noisy"], batch["mask"])
        for batch in evaluation_batches(config, source, limit=limit)
    ]
    fields = dataclasses.fields(InpaintedImages)
    return InpaintedImages(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields))


def inpaint_images(
    model: TrainedGenerator, truth: np.ndarray, damaged: np.ndarray, mask: np.ndarray
) -> InpaintedImages:
    """Images and the output of a network for them; the arguments are the fields of `InpaintedImages`."""
    return InpaintedImages(truth, damaged, mask, model.raw(damaged, mask)[0])
