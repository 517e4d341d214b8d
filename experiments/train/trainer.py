"""What a run trains: the state on the devices, the step that advances it, and the data that the step takes."""

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any

import jax

from experiments.train.batches import examples_on_device, training_batches
from experiments.train.config import Config
from experiments.train.replicated import ReplicatedTrainer
from pconv_jax.checkpoints.best_step import VALIDATION_L1
from pconv_jax.checkpoints.orbax import Checkpoints
from pconv_jax.checkpoints.saved_steps import saved_steps
from pconv_jax.checkpoints.trained import TrainedGenerator
from pconv_jax.checkpoints.weights_file import load_generator
from pconv_jax.common.errors import InputError
from pconv_jax.data import ImageSource
from pconv_jax.data.on_device import DeviceExamples, DeviceImages
from pconv_jax.data.position import SavedPosition
from pconv_jax.models import config_to_json
from pconv_jax.models.deepening import deepened, extends
from pconv_jax.models.interface import same_network
from pconv_jax.models.vgg import VGG16
from pconv_jax.training.hosts import group
from pconv_jax.training.sharding import Replicas, Strategy, devices_for
from pconv_jax.training.state import TrainConfig, TrainState, Variables, init_state, state_shapes
from pconv_jax.training.step import Batch, Metrics, train_step


class Trainer(ReplicatedTrainer):
    """State, step and data of a run, from its beginning or from a checkpoint.

    Attributes:
        config: settings of the step.
        total_steps: steps that the run takes in all.
        parameters: number of parameters of the generator and of the discriminator.
    """

    def __init__(self, config: Config, source: ImageSource, vgg: VGG16 | None):
        """Builds networks, step and data pipeline, without compiling the step or writing files.

        Args:
            config: settings of the run.
            source: images of the training split.
            vgg: weights for the perceptual loss, None if that is off.

        Raises:
            InputError: a batch that cannot be split between the hosts, or initial weights of another network.
        """
        self.total_steps = config.total_steps(len(source))
        self._run_config = config
        self.config = config.train_config(self.total_steps)
        examples, images = examples_on_device(config, source) if config.data.augment_on_device else (None, None)
        devices = devices_for(config.data.batch_size)
        replicas = _replicas(self.config, examples, config.run.mapping, tuple(devices))
        state = _with_initial_weights(config, self.config, init_state(self.config, seed=config.run.seed))
        state = group().arrays_of_first(state)
        self.parameters = _size(state.generator.params), _size(state.discriminator.params)
        super().__init__(replicas, state, (vgg, images), iter(training_batches(config, source)))

    def released(self) -> TrainedGenerator:
        """The generator as it is now: the average of its weights, if one is kept."""
        variables = self._replicas.collect(self.state.released)
        return TrainedGenerator(self.config.generator, variables.params, variables.stats)

    def checkpoints(self) -> Checkpoints:
        """Opens the checkpoints of the run's folder, or creates them."""
        run = self._run_config.run
        metadata = {"generator": config_to_json(self.config.generator), "config": self._run_config.to_json()}
        return Checkpoints(run.out / "checkpoints", keep=run.keep, minimise=VALIDATION_L1, metadata=metadata)

    def _parts(self, state: TrainState) -> dict[str, Any]:
        return checkpoint_parts(state)

    def _loaded(self, checkpoints: Checkpoints, state: TrainState) -> TrainState:
        wanted, unused = state, self.config.losses.discriminator_loss is None
        if unused and checkpoints.has_arrays("training", "discriminator"):  # as every run of earlier versions
            network, size = self._run_config.network, self.config.discriminator.image_size
            before = state_shapes(dataclasses.replace(self.config, discriminator=network.discriminator_config(size)))
            wanted = _with_discriminator_of(before, state)
        found = _state_of(checkpoints.load({**checkpoint_parts(wanted), "data": SavedPosition(self.data)}))
        return _with_discriminator_of(state, found) if unused else found


@functools.lru_cache(maxsize=1)
def _replicas(
    config: TrainConfig, examples: DeviceExamples | None, mapping: Strategy, devices: tuple[jax.Device, ...]
) -> Replicas:
    """The step on these devices; one after the other in a process, runs of the same settings compile it once."""
    return Replicas(functools.partial(_step, config, examples), mapping=mapping, devices=devices)


def _step(
    config: TrainConfig,
    examples: DeviceExamples | None,
    state: TrainState,
    batch: Batch,
    constants: tuple[VGG16 | None, DeviceImages | None],
) -> tuple[TrainState, Metrics]:
    """A step on a batch of the host, or on the examples that it makes of the images on the device."""
    vgg, images = constants
    if examples is not None and images is not None:
        batch = examples(images, batch)
    return train_step(config, state, batch, vgg)


def _with_initial_weights(config: Config, train_config: TrainConfig, state: TrainState) -> TrainState:
    """The state with the generator of `--initial-weights`, if there are any and the run is not to be resumed."""
    name = config.network.initial_weights
    if name is None or saved_steps(config.run.out / "checkpoints"):
        return state  # a run continues from its checkpoints, and the file may be gone by now
    weights = load_generator(name)
    generator_config = train_config.generator
    if not (same_network(weights.config, generator_config) or extends(generator_config, weights.config)):
        raise InputError(
            f"--initial-weights {name} are of {weights.config}, and this run trains {generator_config}: "
            "give the flags of that generator"
        )
    generator = Variables(deepened(weights.params, state.generator.params), weights.stats)
    return state.replace(generator=generator, average=None if state.average is None else generator)


def checkpoint_parts(state: TrainState) -> dict[str, Any]:
    """A state as the parts of a checkpoint: the generator to use is a part of its own, all that `load_run` reads."""
    released = {"params": state.released.params, "stats": state.released.stats}
    # A dictionary, without the average: the structure that checkpoints had before there was one.
    rest = {field.name: getattr(state, field.name) for field in dataclasses.fields(state) if field.name != "average"}
    return {"generator": released, "training": rest if state.average is not None else {**rest, "generator": None}}


def _state_of(parts: Mapping[str, Any]) -> TrainState:
    """The state of a checkpoint's parts."""
    released, rest = Variables(**parts["generator"]), parts["training"]
    return TrainState(**{**rest, "generator" if rest["generator"] is None else "average": released})


def _with_discriminator_of(other: TrainState, state: TrainState) -> TrainState:
    return state.replace(discriminator=other.discriminator, discriminator_optimizer=other.discriminator_optimizer)


def _size(tree: Any) -> int:
    return sum(leaf.size for leaf in jax.tree.leaves(tree))
