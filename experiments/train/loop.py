"""The training loop of a run: data, step, log, samples, checkpoints."""

import contextlib
import dataclasses
import math
from typing import Any

import jax
import numpy as np
from tqdm import tqdm

from experiments.progress import progress_bar
from experiments.train.clock import Clock
from experiments.train.follower import follow
from experiments.train.interface import AnyTrainer, AnyValidation, Outcome, Sitting, is_due
from experiments.train.logs import LOSSES, MetricsLog
from experiments.train.run_folder import resumable
from experiments.train.signals import Received, WaitEnded, stop_signals
from experiments.train.training_time import TrainingTime
from experiments.train.unreadable_data import unreadable_data
from pconv_jax.checkpoints.orbax import Checkpoints
from pconv_jax.checkpoints.saved_steps import last_checkpoint
from pconv_jax.common.errors import DivergedError, TrainingError
from pconv_jax.training.hosts import group


def train(run: Sitting, trainer: AnyTrainer, validation: AnyValidation, *, batch_size: int) -> Outcome:
    """Trains from the start, or from the latest checkpoint of the run's folder.

    Ends after the last step, or at Ctrl-C or SIGTERM to any host, and saves before it returns.

    Args:
        run: how often to save; its folder must exist.
        trainer: what to train.
        validation: images to score and to draw.
        batch_size: images a step, over all devices.

    Returns:
        How training ended.

    Raises:
        TrainingError: a loss or gradient was not finite, a file could not be written, or the data not be read; earlier
            checkpoints are kept.
    """
    with resumable(run.out, lambda: trainer.steps):
        return _train(run, trainer, validation, batch_size)


def _train(run: Sitting, trainer: AnyTrainer, validation: AnyValidation, batch_size: int) -> Outcome:
    hosts = group()
    hosts.advise(lambda: last_checkpoint(run.out / "checkpoints"))
    if not hosts.leads:
        return follow(run, trainer)
    with trainer.checkpoints() as checkpoints:
        if hosts.of_first(checkpoints.latest is not None):
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
        received: Received,
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
        self._signal = 0
        self._first = trainer.steps + 1
        self._time_before = TrainingTime.read(run.out, step=trainer.steps)
        self._clock = Clock()

    def run(self) -> Outcome:
        """Trains to the last step or to a signal, and saves."""
        trainer, run, hosts = self._trainer, self._run, group()
        unread: Any = None  # metrics of the step before: read while the next one runs, so that it never waits
        while trainer.steps < trainer.total_steps:
            self._signal = hosts.signal_after(trainer.steps, self._received)
            if self._signal:
                break
            batch = self._next_batch()
            if batch is None:
                continue
            metrics = trainer.step(batch)
            self._record(trainer.steps - 1, unread)
            unread = metrics
            self._bar.update()
            validate, sample = is_due(trainer, run.checkpoint_every), is_due(trainer, run.sample_every)
            if validate or sample:
                self._record(trainer.steps, unread)
                unread = None
                with self._clock.paused():
                    self._inspect(validate=validate, sample=sample)
                    hosts.meet()
            if trainer.steps == self._first:
                jax.block_until_ready(metrics)
                self._clock.compiled()
        self._record(trainer.steps, unread)  # only what is known to be finite is saved
        with self._clock.paused():
            seconds, waited = self._clock.read()
            trainer.save(self._checkpoints, {})  # nothing to do unless a signal came between two checkpoints
            self._checkpoints.wait()
            self._write_time()
            # Or one that came in the last step, or since.
            self._signal = hosts.signal_at_end([self._signal] if self._signal else self._received)
        return self._outcome(trainer.steps - self._first, seconds, waited)

    def _next_batch(self) -> Any:
        """Waits for a batch; None, and the position in the data is as before, if a signal comes meanwhile."""
        data = self._trainer.data
        position = data.get_state()
        alone = group().count == 1
        # With several hosts a signal waits for the next step, where all of them learn of it.
        ending = self._received.ending_waits() if alone else contextlib.nullcontext()
        try:
            with self._clock.waiting(), ending:
                return next(data)
        except WaitEnded:
            data.set_state(position)
            return None
        except Exception as error:
            if alone and self._received:  # what ended this process may have ended the workers before
                data.set_state(position)
                return None
            self._checkpoints.wait()
            raise unreadable_data(error, step=self._trainer.steps, out=self._run.out) from error

    def _record(self, step: int, metrics: Any) -> None:
        """Logs the metrics of a step, if there are any, and refuses those that are not finite."""
        if metrics is None:
            return
        values = self._trainer.read(metrics)
        wrong = {name: value for name, value in values.items() if not math.isfinite(value)}
        if wrong:
            listed = ", ".join(f"{name} is {value}" for name, value in wrong.items())
            raise DivergedError(f"at step {step} {listed}; {self._advice()}")
        self._log.write(step, values)
        self._bar.set_postfix({name: f"{values[name]:.4f}" for name in LOSSES if name in values}, refresh=False)

    def _inspect(self, *, validate: bool, sample: bool) -> None:
        """Draws samples; scores the network on the validation images, and saves."""
        step = self._trainer.steps
        self._check_folder()
        outputs = self._validation.outputs(self._trainer.released())
        if not all(np.isfinite(output).all() for output in outputs):
            raise DivergedError(f"after step {step} the output of the network is not finite; {self._advice()}")
        if sample:
            self._validation.draw(outputs, self._run.out / "samples" / f"step_{step:07d}.png")
        if validate:
            scores = self._validation.scores(outputs)
            self._log.write(step, scores)
            self._trainer.save(self._checkpoints, scores)
            self._write_time()

    def _check_folder(self) -> None:
        """Refuses to go on in a folder that was removed: what is written next would make one that holds no run."""
        if not self._log.exists:
            raise TrainingError(f"{self._run.out} was removed before step {self._trainer.steps}: start the run again")

    def _write_time(self) -> None:
        """Keeps the time of all sittings up to now."""
        self._check_folder()
        step = self._trainer.steps
        (self._time_before + self._clock.total(step - self._first + 1)).write(self._run.out, step=step)

    def _advice(self) -> str:
        """Which checkpoint can be used, and what to change."""
        self._checkpoints.wait()
        step = self._checkpoints.latest
        good = f"the last good checkpoint is step {step}" if step else "no checkpoint was saved before"
        way = "a lower --learning-rate or another --seed, with another --out, may help"
        return f"{good} in {self._run.out / 'checkpoints'}; {way}"

    def _outcome(self, timed_steps: int, seconds: float, waited: float) -> Outcome:
        step = self._trainer.steps
        outcome = Outcome(step, signal=self._signal)
        if timed_steps < 1:
            return outcome
        rate = timed_steps * self._batch_size / seconds
        return dataclasses.replace(outcome, seconds=seconds, images_per_second=rate, data_wait=waited / seconds)
