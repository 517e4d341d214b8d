"""The GAN training step: one pure function of a `TrainState`, written against a mapped axis of replicas.

Batches are dictionaries of `image` (clean target), `noisy` (input) `[N, H, W, 3]` in [0, 1] and `mask` `[N, H, W, 1]`,
1 = valid, 0 = hole, all float32.
"""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple, get_args

import jax
import jax.numpy as jnp
import optax
from flax import nnx, struct

from pconv_jax import losses
from pconv_jax.common.errors import InputError
from pconv_jax.losses import LossWeights, PixelLoss
from pconv_jax.models import AnyGenerator, AnyGeneratorConfig, Discriminator, DiscriminatorConfig
from pconv_jax.models.vgg import VGG16, features
from pconv_jax.training.sharding import AXIS

Batch = Mapping[str, jax.Array]
Metrics = dict[str, jax.Array]
Step = Callable[["TrainState", Batch, VGG16 | None], tuple["TrainState", Metrics]]


class Variables(struct.PyTreeNode):
    """What a network is made of, apart from its code.

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
    """

    step: jax.Array
    generator: Variables
    discriminator: Variables
    generator_optimizer: optax.OptState
    discriminator_optimizer: optax.OptState


@dataclasses.dataclass(frozen=True)
class OptimizerConfig:
    """Adam for both networks.

    Attributes:
        learning_rate: of the generator.
        discriminator_learning_rate: of the discriminator.
        b1: decay of Adam's first moment; 0.5 is usual for GANs (DCGAN, Pathak et al.).
        b2: decay of Adam's second moment.
        schedule: "constant", or "cosine" from the learning rate down to 0 at `steps`.
        steps: length of the cosine schedule.
        warmup: steps over which learning rates rise from 0; a cosine falls after them.
        clip: largest norm of a gradient; a larger one is scaled down to it. None for no limit.
    """

    learning_rate: float = 2e-4
    discriminator_learning_rate: float = 2e-4
    b1: float = 0.5
    b2: float = 0.999
    schedule: Literal["constant", "cosine"] = "constant"
    steps: int = 0
    warmup: int = 0
    clip: float | None = None

    def adam(self, learning_rate: float) -> optax.GradientTransformation:
        """Adam with this learning rate, the schedule, and the limit on gradients."""
        if not learning_rate > 0:  # NaN neither
            raise InputError(f"a learning rate must be positive, not {learning_rate}")
        if self.warmup < 0:
            raise InputError(f"the warm-up must be a number of steps, not {self.warmup}")
        if self.clip is not None and not self.clip > 0:
            raise InputError(f"the largest gradient norm must be positive, not {self.clip}")
        adam = optax.adam(self._schedule(learning_rate), b1=self.b1, b2=self.b2)
        # Not chained where there is no limit: the optimizer's state has the shape that earlier checkpoints have.
        return adam if self.clip is None else optax.chain(optax.clip_by_global_norm(self.clip), adam)

    def _schedule(self, learning_rate: float) -> float | optax.Schedule:
        if self.schedule == "cosine":
            if self.steps <= self.warmup:
                raise InputError(
                    f"a cosine schedule needs more steps than the warm-up's {self.warmup}, not {self.steps}"
                )
            after: float | optax.Schedule = optax.cosine_decay_schedule(learning_rate, self.steps - self.warmup)
        else:
            after = learning_rate
        if not self.warmup:
            return after
        rest = after if callable(after) else optax.constant_schedule(after)
        rise = optax.linear_schedule(learning_rate / (self.warmup + 1), learning_rate, self.warmup)
        return optax.join_schedules([rise, rest], [self.warmup])


class Trainer(NamedTuple):
    """What `create` gives: the first state, and the step that leads from one to the next.

    Attributes:
        state: the freshly initialised `TrainState`.
        step: `(state, batch, vgg) -> (state, metrics)`, pure; to be mapped over replicas by `training.sharding`.
    """

    state: TrainState
    step: Step


def create(
    seed: int,
    generator_config: AnyGeneratorConfig,
    discriminator_config: DiscriminatorConfig,
    weights: LossWeights,
    optimizer_config: OptimizerConfig,
    *,
    perceptual_layers: tuple[str, ...] = ("block1_pool", "block2_pool", "block3_pool"),
    pixel_loss: PixelLoss = "l2",
    bfloat16: bool = False,
) -> Trainer:
    """Initialises both networks and builds their training step.

    The step averages gradients, batch statistics and metrics over the mapped axis `sharding.AXIS`, so it
    must run inside `jax.shard_map` or `jax.pmap` over that axis (also on one device), as `sharding.Replicas` does.
    Generator and discriminator take their steps at the same time: one pass of the generator serves both.

    Args:
        seed: seed of the initial parameters.
        generator_config: shape of the generator.
        discriminator_config: shape of the discriminator.
        weights: weight of each loss; those with weight 0 cost nothing.
        optimizer_config: Adam's settings.
        perceptual_layers: VGG16 layers of the perceptual loss.
        pixel_loss: which pixel loss: "l2", `losses.pixel_l2`, or "psnr", `losses.pixel_psnr`.
        bfloat16: compute features in bfloat16; parameters, statistics, masks and losses stay float32.

    Returns:
        The state and the step. The metrics of a step are float32 scalars: `generator_loss` (the weighted sum) and its
        terms `pixel`, `adversarial`, `perceptual` (unweighted, those that are on), `discriminator_loss`, and the norms
        of the gradients.

    Raises:
        InputError: there is no such pixel loss, or a setting of the networks or of Adam makes no sense.
    """
    if pixel_loss not in get_args(PixelLoss):
        raise InputError(f"pixel_loss={pixel_loss!r} must be one of {', '.join(get_args(PixelLoss))}")
    dtype = jnp.bfloat16 if bfloat16 else jnp.float32
    g_adam = optimizer_config.adam(optimizer_config.learning_rate)
    d_adam = optimizer_config.adam(optimizer_config.discriminator_learning_rate)

    def initialise() -> tuple[nnx.GraphDef[AnyGenerator], nnx.GraphDef[Discriminator], TrainState]:
        keys = nnx.Rngs(seed)
        generator = generator_config.build(dtype=dtype, axis_name=AXIS, rngs=keys)
        discriminator = Discriminator(discriminator_config, dtype=dtype, axis_name=AXIS, rngs=keys)
        generator.train()
        discriminator.train()
        g_graph, *g_parts = nnx.split(generator, nnx.Param, nnx.BatchStat)
        d_graph, *d_parts = nnx.split(discriminator, nnx.Param, nnx.BatchStat)
        state = TrainState(
            step=jnp.zeros((), jnp.int32),
            generator=Variables(*g_parts),
            discriminator=Variables(*d_parts),
            generator_optimizer=g_adam.init(g_parts[0]),
            discriminator_optimizer=d_adam.init(d_parts[0]),
        )
        return g_graph, d_graph, state

    # As one program, hardly optimised: XLA takes longer over random numbers than they do, and once for each shape.
    g_graph, d_graph, state = jax.jit(initialise, compiler_options={"xla_backend_optimization_level": 1})()

    def judge(params: nnx.State, stats: nnx.State, *images: jax.Array) -> tuple[list[jax.Array], nnx.State]:
        """Logits of each batch of images, and the running statistics after seeing them."""
        model = nnx.merge(d_graph, params, stats, copy=True)
        return [model(batch) for batch in images], nnx.state(model, nnx.BatchStat)

    def generator_loss(
        params: nnx.State, state: TrainState, batch: Batch, vgg: VGG16 | None
    ) -> tuple[jax.Array, tuple[Metrics, nnx.State, jax.Array]]:
        model = nnx.merge(g_graph, params, state.generator.stats, copy=True)
        output, _ = model(batch["noisy"], batch["mask"])
        target = batch["image"]
        terms: Metrics = {}
        if weights.pixel:
            if pixel_loss == "psnr":
                terms["pixel"] = losses.pixel_psnr(output, target, batch["mask"])
            else:
                terms["pixel"] = losses.pixel_l2(output, target, batch["mask"], hole_weight=weights.hole)
        if weights.adversarial:
            (logits,), _ = judge(state.discriminator.params, state.discriminator.stats, output)
            terms["adversarial"] = losses.adversarial(logits)
        if weights.perceptual:
            if vgg is None:
                raise InputError("the perceptual loss is on, so the step needs VGG weights: give them, or weight 0")
            wanted = features(vgg, target, perceptual_layers, dtype=dtype)
            terms["perceptual"] = losses.perceptual(features(vgg, output, perceptual_layers, dtype=dtype), wanted)
        total = jnp.sum(jnp.stack([getattr(weights, name) * value for name, value in terms.items()]))
        metrics = {"generator_loss": total, **terms}
        return total, (metrics, nnx.state(model, nnx.BatchStat), output)

    def discriminator_loss(
        params: nnx.State, state: TrainState, target: jax.Array, output: jax.Array
    ) -> tuple[jax.Array, nnx.State]:
        (real, fake), stats = judge(params, state.discriminator.stats, target, output)
        return losses.discrimination(real, fake), stats

    def step(state: TrainState, batch: Batch, vgg: VGG16 | None) -> tuple[TrainState, Metrics]:
        grads, (metrics, stats, output) = jax.grad(generator_loss, has_aux=True)(
            state.generator.params, state, batch, vgg
        )
        params, optimizer, norm = _update(g_adam, grads, state.generator_optimizer, state.generator.params)
        metrics["generator_gradient_norm"] = norm
        after = state.replace(step=state.step + 1, generator=Variables(params, stats), generator_optimizer=optimizer)
        if weights.adversarial:
            (loss, stats), grads = jax.value_and_grad(discriminator_loss, has_aux=True)(
                state.discriminator.params, state, batch["image"], jax.lax.stop_gradient(output)
            )
            params, optimizer, norm = _update(d_adam, grads, state.discriminator_optimizer, state.discriminator.params)
            metrics |= {"discriminator_loss": loss, "discriminator_gradient_norm": norm}
            after = after.replace(discriminator=Variables(params, stats), discriminator_optimizer=optimizer)
        return after, jax.lax.pmean(metrics, AXIS)

    return Trainer(state, step)


def _update(
    adam: optax.GradientTransformation, grads: nnx.State, optimizer: optax.OptState, params: nnx.State
) -> tuple[nnx.State, optax.OptState, jax.Array]:
    """One step of Adam with the gradients averaged over the replicas; also the norm of that gradient."""
    grads = jax.lax.pmean(grads, AXIS)
    updates, optimizer = adam.update(grads, optimizer, params)
    return optax.apply_updates(params, updates), optimizer, optax.tree.norm(grads)
