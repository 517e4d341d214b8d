"""What the training loop takes and returns: a trainer, validation images, settings; how training ended."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from pconv_jax.checkpoints.orbax import Checkpoints


class AnyTrainer(Protocol):
    """What a run trains: generator and discriminator, or the damage detector.

    Attributes:
        steps: steps taken, those before a checkpoint included.
        total_steps: steps that the run takes in all.
        data: iterator over this host's part of the batches.
    """

    steps: int
    total_steps: int
    data: Any

    def step(self, batch: Any) -> Any:
        """Takes a step; returns its metrics on the devices, for `read`, without waiting for them."""

    def read(self, metrics: Any) -> dict[str, float]:
        """Waits for the metrics of a step."""

    def released(self) -> Any:
        """The network to validate, as it is now."""

    def save(self, checkpoints: Checkpoints, metrics: Mapping[str, float]) -> None:
        """Saves state and position in the data, in the background."""

    def load(self, checkpoints: Checkpoints | None) -> None:
        """Restores state and position in the data from the latest checkpoint, which host 0 alone reads."""

    def checkpoints(self) -> Checkpoints:
        """Opens the checkpoints of the run's folder, or creates them."""


class AnyValidation(Protocol):
    """Validation images, damaged the same way every time."""

    def outputs(self, model: Any) -> list[np.ndarray]:
        """What the network makes of every batch of the images."""

    def scores(self, outputs: list[np.ndarray]) -> dict[str, float]:
        """What is logged, and decides which checkpoint is best."""

    def draw(self, outputs: list[np.ndarray], path: Path) -> None:
        """Draws the first images."""


class Sitting(Protocol):
    """What the loop reads of a run's settings."""

    @property
    def out(self) -> Path:
        """Its folder."""

    @property
    def checkpoint_every(self) -> int:
        """Steps between checkpoints, each with a validation score."""

    @property
    def sample_every(self) -> int:
        """Steps between grids of sample results."""


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How training ended.

    Attributes:
        step: number of steps taken, earlier ones included.
        signal: number of the signal that stopped it, 0 if it ran to its end.
        seconds: time the steps of this process took, without the first, which compiles; None if there were no others.
        images_per_second: training images over that time.
        data_wait: share of that time spent waiting for the data pipeline.
    """

    step: int
    signal: int = 0
    seconds: float | None = None
    images_per_second: float | None = None
    data_wait: float | None = None


def is_due(trainer: AnyTrainer, every: int) -> bool:
    """Whether what happens every so many steps, and after the last one, happens after this one."""
    return trainer.steps % every == 0 or trainer.steps == trainer.total_steps
