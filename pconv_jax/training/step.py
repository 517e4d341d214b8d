"""The GAN training step: a pure function of the state and a batch, written against a mapped axis of replicas.

Batches are dictionaries of `image` (clean target), `noisy` (input) `[N, H, W, 3]` in [0, 1] and `mask` `[N, H, W, 1]`,
1 = valid, 0 = hole, all float32.
"""

from collections.abc import Mapping

import jax
import jax.numpy as jnp
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
        The state after the step, and float32 scalars: `generator_loss` (the weighted sum) and its terms `pixel`,
        `adversarial`, `perceptual` (unweighted, those that are on), `discriminator_loss`, and the norms of the
        gradients.
    """
    generator, discriminator = state.generator, state.discriminator

    grads, (metrics, stats, output) = jax.grad(generator_loss, has_aux=True)(
        generator.params, generator.stats, discriminator, batch, vgg, config
    )
    params, optimizer, metrics["generator_gradient_norm"] = _update(
        config.optimizer.generator(config.steps), grads, state.generator_optimizer, generator.params
    )
    after = state.replace(step=state.step + 1, generator=Variables(params, stats), generator_optimizer=optimizer)

    if config.losses.adversarial_weight:
        (metrics["discriminator_loss"], stats), grads = jax.value_and_grad(discriminator_loss, has_aux=True)(
            discriminator.params, discriminator.stats, batch["image"], jax.lax.stop_gradient(output), config
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
) -> tuple[jax.Array, tuple[Metrics, nnx.State, jax.Array]]:
    """Weighted sum of the losses that are on; also each of them, the new batch statistics, and the raw output."""
    model = nnx.merge(graphs(config)[0], params, stats, copy=True)
    output, _ = model(batch["noisy"], batch["mask"])
    target, mask = batch["image"], batch["mask"]
    on, terms = config.losses, Metrics()
    if on.pixel_weight:
        if on.pixel_loss == "psnr":
            terms["pixel"] = losses.pixel_psnr(output, target, mask)
        else:
            terms["pixel"] = losses.pixel_l2(output, target, mask, hole_weight=on.hole_weight)
    if on.adversarial_weight:
        (logits,), _ = _logits(discriminator.params, discriminator.stats, output, config=config)
        terms["adversarial"] = losses.adversarial_loss(logits)
    if on.perceptual_weight:
        if vgg is None:
            raise InputError("the perceptual loss is on, so the step needs VGG weights: give them, or weight 0")
        wanted = features(vgg, target, on.perceptual_layers, dtype=config.dtype)
        found = features(vgg, output, on.perceptual_layers, dtype=config.dtype)
        terms["perceptual"] = losses.perceptual_loss(found, wanted)
    total = jnp.sum(jnp.stack([on.weights[name] * value for name, value in terms.items()]))
    return total, ({"generator_loss": total, **terms}, nnx.state(model, nnx.BatchStat), output)


def discriminator_loss(
    params: nnx.State, stats: nnx.State, target: jax.Array, output: jax.Array, config: TrainConfig
) -> tuple[jax.Array, nnx.State]:
    """How well the discriminator tells ground truth from output; also its new batch statistics."""
    (real, fake), stats = _logits(params, stats, target, output, config=config)
    return losses.discriminator_loss(real, fake), stats


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
