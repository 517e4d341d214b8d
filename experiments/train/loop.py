"""The host loop of a run: data, step, log, samples, checkpoints."""

import contextlib
import dataclasses
import math
import signal
import time
from collections.abc import Iterator, Mapping
from typing import Any

import jax
import numpy as np

from experiments.plots import image_grid, show_holes
from experiments.train.batches import evaluation_batches, training_batches
from experiments.train.config import Config
from experiments.train.logs import MetricsLog, progress_bar
from pconv_jax.checkpoints.orbax import Checkpoints, open_checkpoints
from pconv_jax.checkpoints.trained import TrainedGenerator
from pconv_jax.checkpoints.weights_file import load_generator_weights
from pconv_jax.common.errors import InputError, TrainingError
from pconv_jax.data import ImageSource
from pconv_jax.evaluation.baselines import composite
from pconv_jax.evaluation.metrics import l1
from pconv_jax.models import config_to_json
from pconv_jax.models.vgg import VGG16
from pconv_jax.training.sharding import Replicas
from pconv_jax.training.step import TrainState, Variables, create

VALIDATION_L1 = "validation_l1"
_SAMPLES = 8  # rows in a grid of sample results
_SHOWN = ("generator_loss", "pixel", "adversarial", "perceptual", "discriminator_loss")
_COLUMNS = ("image", "noisy", "mask")


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How training ended.

    Attributes:
        step: number of steps taken, earlier ones included.
        signal: number of the signal that stopped it, 0 if it ran to its end.
        seconds: time the steps of this process took, without the compilation of the first; None if it took none.
        images_per_second: training images over that time.
        data_wait: share of that time spent waiting for the data pipeline.
    """

    step: int
    signal: int = 0
    seconds: float | None = None
    images_per_second: float | None = None
    data_wait: float | None = None


class Loop:
    """Training as configured, from the start or from the latest checkpoint of the run's folder."""

    def __init__(self, config: Config, sources: Mapping[str, ImageSource], vgg: VGG16 | None):
        """Builds networks, step and data pipeline; nothing is compiled yet.

        Args:
            config: settings of the run; its folder must exist when `run` is called.
            sources: images of the splits "train" and "validation".
            vgg: weights for the perceptual loss, None if that is off.
        """
        self.config = config
        self.total_steps = config.total_steps(len(sources["train"]))
        trainer = create(
            config.seed,
            config.generator_config,
            config.discriminator_config,
            config.loss_weights,
            config.optimizer_config(self.total_steps),
            perceptual_layers=config.perceptual_layers,
            pixel_loss=config.pixel_loss,
            bfloat16=config.bfloat16,
        )
        self._initial = self._started(trainer.state)
        self._replicas = Replicas(trainer.step, mapping=config.mapping)
        self._replicas.check_batch(config.batch_size // jax.process_count())
        self._vgg = self._replicas.replicate(vgg)
        self._data = iter(training_batches(config, sources["train"]))
        self._validation = list(evaluation_batches(config, sources["validation"], limit=config.validation_images))

    def _started(self, state: TrainState) -> TrainState:
        """The first state of training: with random parameters, or with those of a file."""
        if self.config.initial_weights is None:
            return state
        with contextlib.suppress(InputError), open_checkpoints(self.config.out / "checkpoints") as checkpoints:
            if checkpoints.latest is not None:
                return state  # the run goes on from there, and the file may be gone by now
        weights = load_generator_weights(self.config.initial_weights)
        if weights.config != self.config.generator_config:
            raise InputError(
                f"--initial-weights {self.config.initial_weights} are of {weights.config}, and this run trains "
                f"{self.config.generator_config}: give the flags of that generator"
            )
        return state.replace(generator=Variables(weights.params, weights.stats))

    @property
    def parameters(self) -> tuple[int, int]:
        """Number of parameters of the generator and of the discriminator."""
        generator, discriminator = self._initial.generator.params, self._initial.discriminator.params
        return tuple(sum(leaf.size for leaf in jax.tree.leaves(tree)) for tree in (generator, discriminator))  # type: ignore[return-value]

    def run(self) -> Outcome:
        """Trains to the last step, or until Ctrl-C or SIGTERM, and saves before it returns.

        Returns:
            How training ended.

        Raises:
            TrainingError: a loss or gradient was not finite; the checkpoints before it are left.
        """
        notes = {"generator": config_to_json(self.config.generator_config), "config": self.config.to_json()}
        folder = self.config.out / "checkpoints"
        with Checkpoints(folder, keep=self.config.keep, minimise=VALIDATION_L1, notes=notes) as self._saved:
            state, start = self._initial, 0
            if self._saved.latest is not None:
                state = self._load(state)
                start = int(state.step)
                print(f"resuming after step {start} of {self.total_steps}")
            if start >= self.total_steps:
                return Outcome(start)
            with (
                MetricsLog(self.config.out, resume_step=start) as self._log,
                progress_bar(
                    "training", "img", total=self.total_steps, done=start, each=self.config.batch_size
                ) as self._bar,
                _stop_signals() as received,
            ):
                try:
                    return self._steps(self._replicas.replicate(state), start, received)
                finally:
                    self._data.close()

    def _steps(self, state: TrainState, start: int, received: list[int]) -> Outcome:
        config = self.config
        previous: Any = None  # metrics of the step before: read while the next one runs, so that it never waits
        step, begin, waited, paused = start, 0.0, 0.0, 0.0
        while step < self.total_steps and not received:
            asked = time.perf_counter()
            batch = next(self._data)
            waited += time.perf_counter() - asked
            state, metrics = self._replicas(state, batch, self._vgg)
            self._record(step, previous)
            step, previous = step + 1, metrics
            self._bar.update()
            last = step == self.total_steps
            validate, sample = (step % every == 0 or last for every in (config.checkpoint_every, config.sample_every))
            if validate or sample:
                self._record(step, previous)
                previous = None
                stopped = time.perf_counter()
                self._pause(step, state, validate=validate, sample=sample)
                paused += time.perf_counter() - stopped
            if step == start + 1:  # the first step compiles: timing starts after it
                jax.block_until_ready(metrics)
                begin, waited, paused = time.perf_counter(), 0.0, 0.0
        self._record(step, previous)  # only what was seen to be finite is saved
        seconds = time.perf_counter() - begin - paused
        self._save(step, state, {})  # nothing to do unless a signal came between two checkpoints
        self._saved.wait()
        steps = step - start - 1
        return Outcome(
            step,
            signal=received[0] if received and step < self.total_steps else 0,
            seconds=seconds,
            images_per_second=steps * config.batch_size / seconds,
            data_wait=waited / seconds,
        )

    def _record(self, step: int, metrics: Any) -> None:
        """Logs the metrics of a step and refuses those that are not finite."""
        if metrics is None:
            return
        values = {name: float(value) for name, value in self._replicas.collect(metrics).items()}
        wrong = {name: value for name, value in values.items() if not math.isfinite(value)}
        if wrong:
            listed = ", ".join(f"{name} is {value}" for name, value in wrong.items())
            raise TrainingError(f"at step {step} {listed}; {self._what_is_left()}")
        self._log.write(step, values)
        self._bar.set_postfix({name: f"{values[name]:.4f}" for name in _SHOWN if name in values}, refresh=False)

    def _what_is_left(self) -> str:
        step = self._saved.latest
        good = f"the last good checkpoint is step {step}" if step else "no checkpoint was saved before"
        return f"{good} in {self.config.out / 'checkpoints'}; a lower --learning-rate or another --seed may help"

    def _pause(self, step: int, state: TrainState, *, validate: bool, sample: bool) -> None:
        """Looks at a state: draws samples; scores it on the validation images and saves it."""
        generator = self._replicas.collect(state.generator)
        model = TrainedGenerator(self.config.generator_config, generator.params, generator.stats)
        raw = [model.raw(batch["noisy"], batch["mask"])[0] for batch in self._validation]
        if not all(np.isfinite(output).all() for output in raw):
            raise TrainingError(f"after step {step} the generator's output is not finite; {self._what_is_left()}")
        if sample:
            self._sample(step, raw)
        if validate:
            scores = {VALIDATION_L1: self._validation_l1(raw)}
            self._log.write(step, scores)
            self._save(step, state, scores)

    def _validation_l1(self, raw: list[np.ndarray]) -> float:
        """Mean absolute error in the holes of the validation images."""
        errors = [
            l1(output, batch["image"], region=batch["mask"] == 0)
            for output, batch in zip(raw, self._validation, strict=True)
        ]
        return float(np.nanmean(np.concatenate(errors)))  # NaN: an image without a hole

    def _sample(self, step: int, raw: list[np.ndarray]) -> None:
        batch = {name: np.concatenate([part[name] for part in self._validation])[:_SAMPLES] for name in _COLUMNS}
        output = np.concatenate(raw)[:_SAMPLES]
        image_grid(
            [
                ("ground truth", batch["image"]),
                ("masked input", show_holes(batch["noisy"], batch["mask"])),
                ("raw output", output),
                ("composite", composite(batch["noisy"], batch["mask"], output)),
            ],
            self.config.out / "samples" / f"step_{step:07d}.png",
        )

    def _save(self, step: int, state: TrainState, scores: Mapping[str, float]) -> None:
        state = self._replicas.collect(state)
        self._saved.save(step, {**_parts(state), "data": self._data}, metrics=scores)

    def _load(self, state: TrainState) -> TrainState:
        parts = self._saved.load({**_parts(state), "data": self._data})
        generator = state.generator.replace(**parts["generator"])
        return parts["training"].replace(generator=generator)


def _parts(state: TrainState) -> dict[str, Any]:
    """A state as the parts of a checkpoint: the generator by itself, for `load_run` reads no more."""
    generator = {"params": state.generator.params, "stats": state.generator.stats}
    return {"generator": generator, "training": state.replace(generator=None)}


@contextlib.contextmanager
def _stop_signals() -> Iterator[list[int]]:
    """Collects Ctrl-C and SIGTERM instead of dying of them; a second Ctrl-C interrupts at once."""
    received: list[int] = []

    def note(number: int, _: Any) -> None:
        if received and number == signal.SIGINT:
            raise KeyboardInterrupt
        received.append(number)

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
