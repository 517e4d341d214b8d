"""What a run of the detector trains: the state on the devices, the step, and the data."""

import dataclasses
import functools
from typing import Any

import jax

from experiments.detector.config import Config
from experiments.train.replicated import ReplicatedTrainer
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


class DetectorTrainer(ReplicatedTrainer):
    """State, step and data of a run, from its beginning or from a checkpoint.

    Attributes:
        config: settings of the step.
        total_steps: steps that the run takes in all.
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
        self.total_steps = config.run.steps
        self.config, self._run_config = config.train_config(), config
        step, devices = functools.partial(detector_step, self.config), devices_for(config.data.batch_size)
        replicas = Replicas(step, mapping=config.run.mapping, devices=devices)
        state = _with_initial_weights(config, init_detector_state(self.config, seed=config.run.seed))
        state = group().arrays_of_first(state)
        self.parameters = sum(leaf.size for leaf in jax.tree.leaves(state.params))
        batches = damaged_batches(
            source,
            image_size=config.data.image_size,
            batch_size=config.data.batch_size,
            seed=config.run.seed,
            photographs=config.photographs,
            workers=config.data.workers,
            shard=(jax.process_index(), jax.process_count()),
        )
        super().__init__(replicas, state, (), iter(batches))

    def released(self) -> TrainedDetector:
        """The detector as it is now: the average of its weights, if one is kept."""
        return TrainedDetector(self.config.detector, self._replicas.collect(self.state.released))

    def checkpoints(self) -> Checkpoints:
        """Opens the checkpoints of the run's folder, or creates them."""
        run = self._run_config.run
        metadata = {"detector": dataclasses.asdict(self.config.detector), "config": self._run_config.to_json()}
        return Checkpoints(run.out / "checkpoints", keep=run.keep, minimise=VALIDATION_ERROR, metadata=metadata)

    def _parts(self, state: DetectorState) -> dict[str, Any]:
        # The detector to use is a part of its own, all that others read.
        latest = None if state.average is None else state.params
        return {
            "detector": {"params": state.released},
            "training": {"step": state.step, "params": latest, "optimizer": state.optimizer},
        }

    def _loaded(self, checkpoints: Checkpoints, state: DetectorState) -> DetectorState:
        parts = checkpoints.load({**self._parts(state), "data": SavedPosition(self.data)})
        released, rest = parts["detector"]["params"], parts["training"]
        return DetectorState(**{**rest, "params" if rest["params"] is None else "average": released})


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
