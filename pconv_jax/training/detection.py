"""The training step of the damage detector, written against a mapped axis of replicas like that of the generators.

Batches are uint8, see `data.damaged_photographs`.
"""

import dataclasses
import functools
import math
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax import nnx, struct

from pconv_jax.common.errors import InputError
from pconv_jax.common.xla_options import INITIALIZATION
from pconv_jax.masks.film_damage import DAMAGED, UNSEEN
from pconv_jax.models.detector import DetectorConfig, DetectorNetwork
from pconv_jax.training.optimizer import AdamConfig
from pconv_jax.training.random_keys import key_of
from pconv_jax.training.sharding import AXIS

Batch = Mapping[str, jax.Array]
Metrics = dict[str, jax.Array]

_SMOOTHING = 16.0  # px


@dataclasses.dataclass(frozen=True, kw_only=True)
class DetectorLosses:
    """Weights of the detector's losses.

    Attributes:
        cross_entropy_weight: binary cross-entropy of each pixel.
        jaccard_weight: 1 - Jaccard coefficient of the probabilities, mean over the images.
        opacity_weight: mean absolute error of the opacity, over damaged pixels.
        damaged_pixel_weight: of a damaged pixel in the cross-entropy; that of a clean one is 1.
    """

    cross_entropy_weight: float = 1.0
    jaccard_weight: float = 0.0  # with one, it learns to find nothing where damage is not obvious, such as dust
    opacity_weight: float = 0.25
    damaged_pixel_weight: float = 3.0

    def check(self) -> None:
        """Refuses settings that make no sense; not done on construction, so that a command line can report them.

        Raises:
            InputError: naming the value and what it may be.
        """
        for field in dataclasses.fields(self):
            weight = getattr(self, field.name)
            if not 0 <= weight < math.inf:
                raise InputError(f"{field.name}={weight} must be finite and at least 0")
        if not self.cross_entropy_weight and not self.jaccard_weight:
            raise InputError("cross_entropy_weight and jaccard_weight are both 0: nothing would be learnt")


@dataclasses.dataclass(frozen=True, kw_only=True)
class DetectorTrainConfig:
    """The settings that a training step of the detector is compiled for.

    Attributes:
        detector: its architecture.
        losses: weights of the losses.
        optimizer: Adam's settings.
        steps: number of steps of the run; only schedules depend on it.
    """

    detector: DetectorConfig = dataclasses.field(default_factory=DetectorConfig)
    losses: DetectorLosses = dataclasses.field(default_factory=DetectorLosses)
    optimizer: AdamConfig = dataclasses.field(default_factory=AdamConfig)
    steps: int = 0


class DetectorState(struct.PyTreeNode):
    """Everything that training changes, as one pytree.

    Attributes:
        step: number of steps taken, int32 scalar.
        params: parameters of the network.
        optimizer: Adam's state.
        average: moving average of the parameters; None if none is kept.
    """

    step: jax.Array
    params: nnx.State
    optimizer: optax.OptState
    average: nnx.State | None = None

    @property
    def released(self) -> nnx.State:
        """The parameters to validate and export: their average, if one is kept."""
        return self.params if self.average is None else self.average


def init_detector_state(config: DetectorTrainConfig, *, seed: int) -> DetectorState:
    """The state before the first step.

    Args:
        config: the settings.
        seed: seed of the parameters.

    Returns:
        The state, on the default device.

    Raises:
        InputError: a setting that makes no sense.
    """
    config.optimizer.check(config.steps)
    return _init(config, key_of(seed))  # not the seed, so that one program serves all seeds


@functools.partial(jax.jit, static_argnums=0, compiler_options=dict(INITIALIZATION))
def _init(config: DetectorTrainConfig, key: jax.Array) -> DetectorState:
    params = nnx.state(config.detector.build(axis_name=AXIS, rngs=nnx.Rngs(key)), nnx.Param)
    return DetectorState(
        step=jnp.zeros((), jnp.int32),
        params=params,
        optimizer=config.optimizer.adam(config.steps).init(params),
        average=None if config.optimizer.ema is None else params,
    )


@functools.cache
def detector_graph(config: DetectorConfig) -> nnx.GraphDef[DetectorNetwork]:
    """The network without its parameters: for `nnx.merge`."""
    network = nnx.eval_shape(lambda: config.build(axis_name=AXIS, rngs=nnx.Rngs(0)))
    return nnx.split(network, nnx.Param)[0]


def detector_step(
    config: DetectorTrainConfig, state: DetectorState, batch: Batch, constants: Any
) -> tuple[DetectorState, Metrics]:
    """One step; gradients and metrics are averaged over the mapped axis `sharding.AXIS`.

    Args:
        config: the settings, fixed when the step is compiled.
        state: the state before the step.
        batch: this replica's part of the batch: `image`, `opacity`, `truth`, uint8.
        constants: none; every step has this argument.

    Returns:
        The state after the step, and float32 scalars: `detector_loss` (the weighted sum), its terms, `jaccard` of what
        is found at probability 0.5, and the norm of the gradients.
    """
    grads, metrics = jax.grad(detector_loss, has_aux=True)(state.params, batch, config)
    grads = jax.lax.pmean(grads, AXIS)
    metrics["detector_gradient_norm"] = optax.tree.norm(grads)
    updates, optimizer = config.optimizer.adam(config.steps).update(grads, state.optimizer, state.params)
    params = optax.apply_updates(state.params, updates)
    after = state.replace(step=state.step + 1, params=params, optimizer=optimizer)
    if state.average is not None:
        after = after.replace(average=config.optimizer.average(state.average, params, after.step))
    return after, jax.lax.pmean(metrics, AXIS)


def detector_loss(params: nnx.State, batch: Batch, config: DetectorTrainConfig) -> tuple[jax.Array, Metrics]:
    """Weighted sum of the losses, also each of them: their average over the replicas is that of the whole batch."""
    model = nnx.merge(detector_graph(config.detector), params, copy=True)
    logits = model(batch["image"].astype(jnp.float32) / 255)
    damage, opacity = logits[..., :1], jax.nn.sigmoid(logits[..., 1:])
    damaged = (batch["truth"] == DAMAGED).astype(jnp.float32)
    counts = (batch["truth"] != UNSEEN).astype(jnp.float32)
    weights, losses = config.losses, {}

    each = optax.sigmoid_binary_cross_entropy(damage, damaged)
    pixel_weights = counts * (1 + (weights.damaged_pixel_weight - 1) * damaged)
    losses["cross_entropy"] = _mean(each, pixel_weights)
    losses["jaccard_loss"] = 1 - jaccard(jax.nn.sigmoid(damage) * counts, damaged, smoothing=_SMOOTHING).mean()
    losses["opacity_error"] = _mean(jnp.abs(opacity - batch["opacity"].astype(jnp.float32) / 255), damaged)
    total = (
        weights.cross_entropy_weight * losses["cross_entropy"]
        + weights.jaccard_weight * losses["jaccard_loss"]
        + weights.opacity_weight * losses["opacity_error"]
    )
    found = (damage > 0).astype(jnp.float32) * counts
    return total, {"detector_loss": total, **losses, "jaccard": jaccard(found, damaged).mean()}


def _mean(values: jax.Array, weights: jax.Array) -> jax.Array:
    """A weighted mean over the pixels of all replicas, once it is averaged over them; 0 without weights."""
    total = jax.lax.pmean(weights.sum(), AXIS)
    return (values * weights).sum() / jnp.where(total > 0, total, 1)


def jaccard(found: jax.Array, damaged: jax.Array, *, smoothing: float = 1e-3) -> jax.Array:
    """Jaccard coefficient of each image in its product form, which is differentiable: 1 where both are empty.

    Args:
        found: probabilities in [0, 1], `[N, ...]`.
        damaged: 0 or 1, of the same shape.
        smoothing: pixels that count as rightly found besides, so that it matters how many are in undamaged images.

    Returns:
        `[N]`, in [0, 1].
    """
    axes = tuple(range(1, found.ndim))
    both = (found * damaged).sum(axes)
    return (both + smoothing) / (found.sum(axes) + damaged.sum(axes) - both + smoothing)
