"""What a run of the detector trains: the state on the devices, the step, and the data."""

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from experiments.detector.config import Config
from pconv_jax.checkpoints.best_step import VALIDATION_ERROR
from pconv_jax.checkpoints.bundled import bundled_detectors
from pconv_jax.checkpoints.detector_file import TrainedDetector, load_detector, load_detector_run
from pconv_jax.checkpoints.orbax import Checkpoints
from pconv_jax.checkpoints.saved_steps import saved_steps
from pconv_jax.common.errors import InputError
from pconv_jax.data import ImageSource
from pconv_jax.data.damaged_photographs import damaged_batches
from pconv_jax.data.opacity_maps import opacity_maps
from pconv_jax.data.position import SavedPosition
from pconv_jax.models.deepening import deepened, extends
from pconv_jax.training.detection import DetectorState, detector_step, init_detector_state
from pconv_jax.training.hosts import group
from pconv_jax.training.sharding import Replicas, devices_for


class DetectorTrainer:
    """State, step and data of a run, from its beginning or from a checkpoint; see `experiments.train.loop.AnyTrainer`.

    Attributes:
        config: settings of the step.
        steps: steps taken, those before a checkpoint included.
        total_steps: steps that the run takes in all.
        data: iterator over this host's part of the batches.
        parameters: number of parameters.
    """

    def __init__(self, config: Config, source: ImageSource):
        """Builds network, step and data pipeline, without compiling the step or writing files.

        Args:
            config: settings of the run.
            source: photographs of the training split.

        Raises:
            InputError: a batch that cannot be split between the hosts, a folder of damage that cannot be read, or
                initial weights of another network.
        """
        if (maps := config.photographs.damage_dir) is not None:
            opacity_maps(maps, "train")  # or the first batch would be the first to miss one
        self.total_steps, self.steps = config.run.steps, 0
        self.config, self._run_config = config.train_config(), config
        step, devices = functools.partial(detector_step, self.config), devices_for(config.data.batch_size)
        self._replicas = Replicas(step, mapping=config.run.mapping, devices=devices)
        state = _with_initial_weights(config, init_detector_state(self.config, seed=config.run.seed))
        state = group().arrays_of_first(state)
        self.parameters = sum(leaf.size for leaf in jax.tree.leaves(state.params))
        self.state: Any = self._replicas.replicate(state)
        self._nothing = self._replicas.replicate(())
        self.data = iter(
            damaged_batches(
                source,
                image_size=config.data.image_size,
                batch_size=config.data.batch_size,
                seed=config.run.seed,
                photographs=config.photographs,
                workers=config.data.workers,
                shard=(jax.process_index(), jax.process_count()),
            )
        )

    def step(self, batch: Mapping[str, np.ndarray]) -> Any:
        """Takes a step; returns its metrics on the devices, for `read`, without waiting for them."""
        self.state, metrics = self._replicas(self.state, batch, self._nothing)
        self.steps += 1
        return metrics

    def read(self, metrics: Any) -> dict[str, float]:
        """Waits for the metrics of a step."""
        return {name: float(value) for name, value in self._replicas.collect(metrics).items()}

    def released(self) -> TrainedDetector:
        """The detector as it is now: the average of its weights, if one is kept."""
        return TrainedDetector(self.config.detector, self._replicas.collect(self.state.released))

    def checkpoints(self) -> Checkpoints:
        """Opens the checkpoints of the run's folder, or creates them."""
        run = self._run_config.run
        metadata = {"detector": dataclasses.asdict(self.config.detector), "config": self._run_config.to_json()}
        return Checkpoints(run.out / "checkpoints", keep=run.keep, minimise=VALIDATION_ERROR, metadata=metadata)

    def save(self, checkpoints: Checkpoints, metrics: Mapping[str, float]) -> None:
        """Saves state and position in the data, in the background; nothing happens if this step is saved already."""
        state = self._replicas.collect(self.state)
        checkpoints.save(self.steps, {**_parts(state), "data": SavedPosition(self.data)}, metrics=metrics)

    def load(self, checkpoints: Checkpoints | None) -> None:
        """Restores state and position in the data from the latest checkpoint, which host 0 alone reads."""
        state = self._replicas.collect(self.state)
        if checkpoints is not None:
            parts = checkpoints.load({**_parts(state), "data": SavedPosition(self.data)})
            released, rest = parts["detector"]["params"], parts["training"]
            state = DetectorState(**{**rest, "params" if rest["params"] is None else "average": released})
        state = group().arrays_of_first(state)
        self.data.set_state(group().of_first(self.data.get_state()))
        self.steps = int(state.step)
        self.state = self._replicas.replicate(state)


def _with_initial_weights(config: Config, state: DetectorState) -> DetectorState:
    """The state with the parameters of `--initial-weights`, if there are any and the run is not to be resumed."""
    name = config.run.initial_weights
    if name is None or saved_steps(config.run.out / "checkpoints"):
        return state  # a run continues from its checkpoints, and the file may be gone by now
    bundled = str(name) in bundled_detectors()  # rather than a folder of that name
    weights = load_detector_run(name)[0] if name.is_dir() and not bundled else load_detector(name)
    if not extends(config.network, weights.config):
        raise InputError(
            f"--initial-weights {name} are of {weights.config}, and this run trains {config.network}: give the "
            "--widths of that detector, and its --blocks or more"
        )
    params = deepened(weights.params, state.params)
    return state.replace(params=params, average=None if state.average is None else params)


def _parts(state: DetectorState) -> dict[str, Any]:
    """A state as the parts of a checkpoint: the detector to use is a part of its own, all that others read."""
    latest = None if state.average is None else state.params
    return {
        "detector": {"params": state.released},
        "training": {"step": state.step, "params": latest, "optimizer": state.optimizer},
    }
