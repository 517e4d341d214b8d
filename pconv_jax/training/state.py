"""What training changes, as one pytree; and the settings, which it does not change."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import optax
from flax import nnx, struct
from jax.typing import DTypeLike

from pconv_jax.common.xla_options import INITIALIZATION
from pconv_jax.losses import AnyLosses, PaperLosses
from pconv_jax.models import AnyDiscriminatorConfig, AnyGenerator, AnyGeneratorConfig
from pconv_jax.models.initialize import parts_of
from pconv_jax.models.interface import AnyDiscriminator
from pconv_jax.models.vgg import deepest
from pconv_jax.training.optimizer import OptimizerConfig
from pconv_jax.training.random_keys import key_of
from pconv_jax.training.sharding import AXIS


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """The settings that a training step is compiled for.

    Attributes:
        generator: config of the generator.
        discriminator: config of the discriminator.
        losses: losses and their weights.
        optimizer: Adam's settings.
        steps: number of steps of the run; only schedules depend on it.
        bfloat16: compute features in bfloat16; parameters, statistics, masks and losses stay float32.
    """

    generator: AnyGeneratorConfig
    discriminator: AnyDiscriminatorConfig
    losses: AnyLosses = dataclasses.field(default_factory=PaperLosses)
    optimizer: OptimizerConfig = dataclasses.field(default_factory=OptimizerConfig)
    steps: int = 0
    bfloat16: bool = False

    @property
    def dtype(self) -> DTypeLike:
        """Compute dtype of the features."""
        return jnp.bfloat16 if self.bfloat16 else jnp.float32


class Variables(struct.PyTreeNode):
    """The arrays of a network.

    Attributes:
        params: parameters, changed by the optimizer.
        stats: running batch statistics, changed by every training pass.
    """

    params: nnx.State
    stats: nnx.State


class TrainState(struct.PyTreeNode):
    """Everything that training changes, as one pytree.

    Attributes:
        step: number of steps taken, int32 scalar.
        generator: variables of the generator.
        discriminator: variables of the discriminator.
        generator_optimizer: Adam's state for the generator.
        discriminator_optimizer: Adam's state for the discriminator.
        average: moving average of the generator's variables; None if none is kept.
    """

    step: jax.Array
    generator: Variables
    discriminator: Variables
    generator_optimizer: optax.OptState
    discriminator_optimizer: optax.OptState
    average: Variables | None = None

    @property
    def released(self) -> Variables:
        """The generator's variables to validate, score and export: their average, if one is kept."""
        return self.generator if self.average is None else self.average


def init_state(config: TrainConfig, *, seed: int) -> TrainState:
    """The state before the first step: random parameters, no statistics, no moments.

    Args:
        config: the settings.
        seed: seed of the parameters.

    Returns:
        The state, on the default device.

    Raises:
        InputError: a setting that makes no sense.
    """
    config.losses.check()
    if config.losses.layers is not None:
        deepest(config.losses.layers)
    config.optimizer.check(config.steps)
    return _init(config, key_of(seed))  # not the seed, so that one program serves all seeds


def state_shapes(config: TrainConfig) -> TrainState:
    """Shapes and dtypes of the state, without computing it."""
    shapes: TrainState = _init.eval_shape(config, jax.random.key(0))
    return shapes


@functools.partial(jax.jit, static_argnums=0, compiler_options=dict(INITIALIZATION))
def _init(config: TrainConfig, key: jax.Array) -> TrainState:
    generator, discriminator = (Variables(*parts_of(network)[1:]) for network in _networks(config, rngs=nnx.Rngs(key)))
    return TrainState(
        step=jnp.zeros((), jnp.int32),
        generator=generator,
        discriminator=discriminator,
        generator_optimizer=config.optimizer.adam(config.steps).init(generator.params),
        discriminator_optimizer=config.optimizer.discriminator(config.steps).init(discriminator.params),
        average=None if config.optimizer.ema is None else generator,
    )


@functools.cache
def graphs(config: TrainConfig) -> tuple[nnx.GraphDef[AnyGenerator], nnx.GraphDef[AnyDiscriminator]]:
    """Generator and discriminator in training mode, without their variables: for `nnx.merge`."""
    generator, discriminator = nnx.eval_shape(lambda: _networks(config, rngs=nnx.Rngs(0)))
    return parts_of(generator)[0], parts_of(discriminator)[0]


def _networks(config: TrainConfig, *, rngs: nnx.Rngs) -> tuple[AnyGenerator, AnyDiscriminator]:
    """Both networks in training mode, their batch statistics averaged over the replicas."""
    generator = config.generator.build(dtype=config.dtype, axis_name=AXIS, rngs=rngs)
    discriminator = config.discriminator.build(dtype=config.dtype, axis_name=AXIS, rngs=rngs)
    generator.train()
    discriminator.train()
    return generator, discriminator
