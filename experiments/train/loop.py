"""The training loop of a run: data, step, log, samples, checkpoints."""

import contextlib
import dataclasses
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import jax
import numpy as np
from tqdm import tqdm

from experiments.progress import progress_bar
from experiments.train.clock import Clock
from experiments.train.logs import LOSSES, MetricsLog
from experiments.train.signals import stop_signals
from experiments.train.training_time import TrainingTime
from pconv_jax.checkpoints.orbax import Checkpoints
from pconv_jax.common.errors import TrainingError, reason

VALIDATION_L1 = "validation_l1"


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

    def load(self, checkpoints: Checkpoints) -> None:
        """Restores state and position in the data from the latest checkpoint."""

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


def train(run: Sitting, trainer: AnyTrainer, validation: AnyValidation, *, batch_size: int) -> Outcome:
    """Trains from the start, or from the latest checkpoint of the run's folder.

    Ends after the last step, or at Ctrl-C or SIGTERM, and saves before it returns.

    Args:
        run: how often to save; its folder must exist.
        trainer: what to train.
        validation: images to score and to draw.
        batch_size: images a step, over all devices.

    Returns:
        How training ended.

    Raises:
        TrainingError: a loss or gradient was not finite, or a file could not be written; earlier checkpoints are kept.
    """
    try:
        return _train(run, trainer, validation, batch_size)
    except OSError as error:
        where = run.out / "checkpoints"
        raise TrainingError(
            f"{error.filename or run.out} cannot be written ({reason(error)}) after step {trainer.steps}; "
            f"checkpoints saved before are whole, in {where}: make room, and --resume continues from the latest"
        ) from error


def _train(run: Sitting, trainer: AnyTrainer, validation: AnyValidation, batch_size: int) -> Outcome:
    with trainer.checkpoints() as checkpoints:
        if checkpoints.latest is not None:
            trainer.load(checkpoints)
            print(f"resuming after step {trainer.steps} of {trainer.total_steps}")
        if trainer.steps >= trainer.total_steps:
            return Outcome(trainer.steps)
        with (
            contextlib.closing(trainer.data),
            MetricsLog(run.out, resume_step=trainer.steps) as log,
            progress_bar("training", "img", total=trainer.total_steps, done=trainer.steps, each=batch_size) as bar,
            stop_signals() as received,
        ):
            return Loop(run, trainer, validation, checkpoints, log, bar, received, batch_size=batch_size).run()


class Loop:
    """Steps, and what happens between them."""

    def __init__(
        self,
        run: Sitting,
        trainer: AnyTrainer,
        validation: AnyValidation,
        checkpoints: Checkpoints,
        log: MetricsLog,
        bar: "tqdm[Any]",
        received: Sequence[int],
        *,
        batch_size: int,
    ):
        """Prepares the loop; `run` starts it.

        Args:
            run: how often to save, and where.
            trainer: what to train.
            validation: images to score and to draw.
            checkpoints: where to save.
            log: where to write metrics.
            bar: the progress bar that shows them.
            received: numbers of the signals to stop; the list grows when one arrives.
            batch_size: images a step, over all devices.
        """
        self._run, self._trainer, self._validation = run, trainer, validation
        self._checkpoints, self._log, self._bar, self._received = checkpoints, log, bar, received
        self._batch_size = batch_size
        self._first = trainer.steps + 1
        self._time_before = TrainingTime.read(run.out)
        self._clock = Clock()

    def run(self) -> Outcome:
        """Trains to the last step or to a signal, and saves."""
        trainer, run = self._trainer, self._run
        unread: Any = None  # metrics of the step before: read while the next one runs, so that it never waits
        while trainer.steps < trainer.total_steps and not self._received:
            with self._clock.waiting():
                batch = next(trainer.data)
            metrics = trainer.step(batch)
            self._record(trainer.steps - 1, unread)
            unread = metrics
            self._bar.update()
            validate, sample = self._is_due(run.checkpoint_every), self._is_due(run.sample_every)
            if validate or sample:
                self._record(trainer.steps, unread)
                unread = None
                with self._clock.paused():
                    self._inspect(validate=validate, sample=sample)
            if trainer.steps == self._first:
                jax.block_until_ready(metrics)
                self._clock.compiled()
        self._record(trainer.steps, unread)  # only what is known to be finite is saved
        seconds, waited = self._clock.read()
        with self._clock.paused():
            trainer.save(self._checkpoints, {})  # nothing to do unless a signal came between two checkpoints
            self._checkpoints.wait()
        self._write_time()
        return self._outcome(trainer.steps - self._first, seconds, waited)

    def _is_due(self, every: int) -> bool:
        return self._trainer.steps % every == 0 or self._trainer.steps == self._trainer.total_steps

    def _record(self, step: int, metrics: Any) -> None:
        """Logs the metrics of a step, if there are any, and refuses those that are not finite."""
        if metrics is None:
            return
        values = self._trainer.read(metrics)
        wrong = {name: value for name, value in values.items() if not math.isfinite(value)}
        if wrong:
            listed = ", ".join(f"{name} is {value}" for name, value in wrong.items())
            raise TrainingError(f"at step {step} {listed}; {self._advice()}")
        self._log.write(step, values)
        self._bar.set_postfix({name: f"{values[name]:.4f}" for name in LOSSES if name in values}, refresh=False)

    def _inspect(self, *, validate: bool, sample: bool) -> None:
        """Draws samples; scores the network on the validation images, and saves."""
        step = self._trainer.steps
        outputs = self._validation.outputs(self._trainer.released())
        if not all(np.isfinite(output).all() for output in outputs):
            raise TrainingError(f"after step {step} the output of the network is not finite; {self._advice()}")
        if sample:
            self._validation.draw(outputs, self._run.out / "samples" / f"step_{step:07d}.png")
        if validate:
            scores = self._validation.scores(outputs)
            self._log.write(step, scores)
            self._trainer.save(self._checkpoints, scores)
            self._write_time()

    def _write_time(self) -> None:
        """Keeps the time of all sittings up to now."""
        (self._time_before + self._clock.total(self._trainer.steps - self._first + 1)).write(self._run.out)

    def _advice(self) -> str:
        """Which checkpoint can be used, and what to change."""
        step = self._checkpoints.latest
        good = f"the last good checkpoint is step {step}" if step else "no checkpoint was saved before"
        return f"{good} in {self._run.out / 'checkpoints'}; a lower --learning-rate or another --seed may help"

    def _outcome(self, timed_steps: int, seconds: float, waited: float) -> Outcome:
        step, total = self._trainer.steps, self._trainer.total_steps
        outcome = Outcome(step, signal=self._received[0] if self._received and step < total else 0)
        if timed_steps < 1:
            return outcome
        rate = timed_steps * self._batch_size / seconds
        return dataclasses.replace(outcome, seconds=seconds, images_per_second=rate, data_wait=waited / seconds)
