"""The GAN training step: a pure function of the state and a batch, written against a mapped axis of replicas.

Batches are dictionaries of `image` (clean target), `noisy` (input) `[N, H, W, 3]` in [0, 1] and `mask` `[N, H, W, 1]`,
1 = valid, 0 = hole, all float32.
"""

from collections.abc import Mapping

import jax
import optax
from flax import nnx

from pconv_jax import losses
from pconv_jax.common.errors import InputError
from pconv_jax.models.vgg import VGG16, features
from pconv_jax.training.sharding import AXIS
from pconv_jax.training.state import TrainConfig, TrainState, Variables, graphs

Batch = Mapping[str, jax.Array]
Metrics = dict[str, jax.Array]


def train_step(config: TrainConfig, state: TrainState, batch: Batch, vgg: VGG16 | None) -> tuple[TrainState, Metrics]:
    """One step of both networks: a single pass of the generator serves its own loss and the discriminator's.

    Gradients, batch statistics and metrics are averaged over the mapped axis `sharding.AXIS`, so this must run inside
    `jax.shard_map` or `jax.pmap` over that axis (also on one device), as `sharding.Replicas` does.

    Args:
        config: the settings, fixed when the step is compiled: `functools.partial(train_step, config)`.
        state: the state before the step.
        batch: this replica's part of the batch.
        vgg: weights of the perceptual loss; None if it is off.

    Returns:
        The state after the step, and float32 scalars: `generator_loss` (the weighted sum), its terms by the names of
        `config.losses.weights` (unweighted, those that are on), `discriminator_loss`, and the norms of the gradients.
    """
    generator, discriminator = state.generator, state.discriminator

    grads, (metrics, stats, judged) = jax.grad(generator_loss, has_aux=True)(
        generator.params, generator.stats, discriminator, batch, vgg, config
    )
    params, optimizer, metrics["generator_gradient_norm"] = _update(
        config.optimizer.adam(config.steps), grads, state.generator_optimizer, generator.params
    )
    latest = Variables(params, stats)
    after = state.replace(step=state.step + 1, generator=latest, generator_optimizer=optimizer)
    if state.average is not None:
        after = after.replace(average=config.optimizer.average(state.average, latest, after.step))

    if config.losses.discriminator_loss is not None:
        (metrics["discriminator_loss"], stats), grads = jax.value_and_grad(discriminator_loss, has_aux=True)(
            discriminator.params,
            discriminator.stats,
            *jax.lax.stop_gradient(judged),
            config,
        )
        params, optimizer, metrics["discriminator_gradient_norm"] = _update(
            config.optimizer.discriminator(config.steps), grads, state.discriminator_optimizer, discriminator.params
        )
        after = after.replace(discriminator=Variables(params, stats), discriminator_optimizer=optimizer)

    return after, jax.lax.pmean(metrics, AXIS)


def generator_loss(
    params: nnx.State,
    stats: nnx.State,
    discriminator: Variables,
    batch: Batch,
    vgg: VGG16 | None,
    config: TrainConfig,
) -> tuple[jax.Array, tuple[Metrics, nnx.State, tuple[jax.Array, jax.Array]]]:
    """Weighted sum of the losses that are on; also each of them, the new batch statistics, and what is to be judged."""
    model = nnx.merge(graphs(config)[0], params, stats, copy=True)
    output, _ = model(batch["noisy"], batch["mask"])
    output, target, mask = (config.generator.predicted(x) for x in (output, batch["image"], batch["mask"]))
    terms = config.losses.terms(
        output,
        target,
        mask,
        features=lambda images: _features(vgg, images, config),
        judge=lambda images: _logits(discriminator.params, discriminator.stats, images, config=config)[0][0],
    )
    total = losses.weighted_sum(terms, config.losses.weights)
    judged = config.losses.judged(output, target, mask)
    return total, ({"generator_loss": total, **terms}, nnx.state(model, nnx.BatchStat), judged)


def discriminator_loss(
    params: nnx.State, stats: nnx.State, target: jax.Array, output: jax.Array, config: TrainConfig
) -> tuple[jax.Array, nnx.State]:
    """How well the discriminator tells ground truth from output; also its new batch statistics."""
    (real, fake), stats = _logits(params, stats, target, output, config=config)
    loss = config.losses.discriminator_loss
    assert loss is not None, "no discriminator is trained"
    return loss(real, fake), stats


def _features(vgg: VGG16 | None, images: jax.Array, config: TrainConfig) -> losses.Features:
    """Features of images by layer, those that the losses compare."""
    if vgg is None or config.losses.layers is None:
        raise InputError("a loss that compares features is on, so the step needs VGG weights: give them, or weight 0")
    return features(vgg, images, config.losses.layers, dtype=config.dtype)


def _logits(
    params: nnx.State, stats: nnx.State, *batches: jax.Array, config: TrainConfig
) -> tuple[list[jax.Array], nnx.State]:
    """Discriminator's logits of each batch of images, and the batch statistics after all of them."""
    model = nnx.merge(graphs(config)[1], params, stats, copy=True)
    return [model(images) for images in batches], nnx.state(model, nnx.BatchStat)


def _update(
    adam: optax.GradientTransformation, grads: nnx.State, optimizer: optax.OptState, params: nnx.State
) -> tuple[nnx.State, optax.OptState, jax.Array]:
    """One update of Adam with the gradients averaged over the replicas; also the norm of that average."""
    grads = jax.lax.pmean(grads, AXIS)
    updates, optimizer = adam.update(grads, optimizer, params)
    return optax.apply_updates(params, updates), optimizer, optax.tree.norm(grads)
