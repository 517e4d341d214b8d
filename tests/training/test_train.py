"""The GAN step: what changes, what each loss switch does, and that replicas agree with one device."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pconv_jax.common.errors import InputError
from pconv_jax.losses import LossWeights
from pconv_jax.models import DiscriminatorConfig, PaperConfig
from pconv_jax.models.vgg import VGG16
from pconv_jax.models.vgg_weights import random_weights
from pconv_jax.training.sharding import Replicas
from pconv_jax.training.step import OptimizerConfig, Trainer, TrainState, create

SIZE = 16
LAYERS = ("block1_conv1",)
ALL = LossWeights(pixel=1.0, adversarial=0.1, perceptual=0.1)


def trainer(weights: LossWeights = ALL, *, seed: int = 0, **options) -> Trainer:
    generator, discriminator = PaperConfig(widths=(4, 8)), DiscriminatorConfig(SIZE, (4, 8))
    options = {"perceptual_layers": LAYERS, **options}
    return create(seed, generator, discriminator, weights, OptimizerConfig(learning_rate=1e-3), **options)


@functools.cache
def vgg() -> VGG16:
    return random_weights(0, through=LAYERS[-1])


def batch(seed: int, images: int = 8) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    image = rng.random((images, SIZE, SIZE, 3), np.float32)
    mask = (rng.random((images, SIZE, SIZE, 1)) > 0.2).astype(np.float32)
    return {"image": image, "noisy": np.clip(image + 0.1, 0, 1), "mask": mask}


def run(start: Trainer, batches, *, devices: int = 1, mapping="shard_map") -> tuple[TrainState, list[dict[str, float]]]:
    replicas = Replicas(start.step, mapping=mapping, devices=jax.devices()[:devices])
    state, constants, history = replicas.replicate(start.state), replicas.replicate(vgg()), []
    for data in batches:
        state, metrics = replicas(state, data, constants)
        history.append({name: float(value) for name, value in replicas.collect(metrics).items()})
    return replicas.collect(state), history


def as_numpy(tree):
    return [np.asarray(leaf) for leaf in jax.tree.leaves(tree)]


def differs(a, b) -> bool:
    return any(not np.array_equal(x, y) for x, y in zip(as_numpy(a), as_numpy(b), strict=True))


@pytest.fixture(scope="module")
def on_one_device():
    return run(trainer(), [batch(seed) for seed in range(3)])


@pytest.mark.parametrize("mapping", ["shard_map", "pmap"])
def test_four_devices_take_the_steps_of_one(on_one_device, mapping):
    state, history = run(trainer(), [batch(seed) for seed in range(3)], devices=4, mapping=mapping)
    # The sums over the batch are added in another order: float32 rounding is all that may differ.
    for a, b in zip(as_numpy(on_one_device[0]), as_numpy(state), strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-4, atol=1e-5)
    for a, b in zip(on_one_device[1], history, strict=True):
        assert b == pytest.approx(a, rel=1e-4)


def test_replicas_that_do_not_average_would_be_noticed(on_one_device):
    # The same four devices, each with the same two images: another result, so the test above can fail.
    data = [{name: np.tile(array[:2], (4, 1, 1, 1)) for name, array in batch(seed).items()} for seed in range(3)]
    state, _ = run(trainer(), data, devices=4)
    gaps = [np.abs(a - b).max() for a, b in zip(as_numpy(on_one_device[0]), as_numpy(state), strict=True)]
    assert max(gaps) > 1e-3


def test_a_step_changes_parameters_statistics_and_optimizers_of_both_networks():
    start = trainer()
    before = jax.tree.map(np.array, start.state)
    after, _ = run(start, [batch(0)])
    assert int(after.step) == 1
    for name in ("generator", "discriminator"):
        assert differs(getattr(before, name).params, getattr(after, name).params)
        assert differs(getattr(before, name).stats, getattr(after, name).stats)
        assert differs(getattr(before, f"{name}_optimizer"), getattr(after, f"{name}_optimizer"))


@pytest.mark.parametrize(
    ("weights", "terms"),
    [
        (LossWeights(1, 0, 0), {"pixel"}),
        (LossWeights(1, 0.1, 0), {"pixel", "adversarial"}),
        (LossWeights(0, 0, 1), {"perceptual"}),
        (ALL, {"pixel", "adversarial", "perceptual"}),
    ],
)
def test_each_loss_can_be_switched_off(weights, terms):
    start = trainer(weights)
    before = jax.tree.map(np.array, start.state)
    after, (metrics,) = run(start, [batch(0)])
    assert {"pixel", "adversarial", "perceptual"} & set(metrics) == terms
    assert metrics["generator_loss"] == pytest.approx(
        sum(getattr(weights, name) * metrics[name] for name in terms), rel=1e-5
    )
    assert ("discriminator_loss" in metrics) == ("adversarial" in terms)
    assert differs(before.discriminator, after.discriminator) == ("adversarial" in terms)


def test_losses_are_of_the_clean_target_and_the_noisy_input():
    # With a target equal to the output for zero input only the input changes: the pixel loss must see both arrays.
    data = batch(0)
    _, (usual,) = run(trainer(LossWeights(1, 0, 0)), [data])
    _, (other_target,) = run(trainer(LossWeights(1, 0, 0)), [{**data, "image": 1 - data["image"]}])
    _, (other_input,) = run(trainer(LossWeights(1, 0, 0)), [{**data, "noisy": 1 - data["noisy"]}])
    assert usual["pixel"] != pytest.approx(other_target["pixel"])
    assert usual["pixel"] != pytest.approx(other_input["pixel"])


def test_what_lies_in_holes_of_the_input_changes_nothing():
    data = batch(0)
    poisoned = {**data, "noisy": np.where(data["mask"] == 1, data["noisy"], np.nan).astype(np.float32)}
    clean_state, clean = run(trainer(), [data])
    state, metrics = run(trainer(), [poisoned])
    assert metrics == clean
    assert not differs(clean_state, state)


def test_training_on_one_batch_brings_the_pixel_loss_down():
    _, history = run(trainer(LossWeights(1, 0, 0)), [batch(0)] * 40)
    assert history[-1]["pixel"] < 0.3 * history[0]["pixel"]


def test_bfloat16_keeps_parameters_in_float32_and_losses_close(on_one_device):
    state, history = run(trainer(bfloat16=True), [batch(0)])
    for part in (state.generator, state.discriminator, state.generator_optimizer[0].mu):
        assert {leaf.dtype for leaf in jax.tree.leaves(part)} == {jnp.dtype("float32")}
    assert history[0]["generator_loss"] == pytest.approx(on_one_device[1][0]["generator_loss"], rel=0.05)
    assert history[0] != on_one_device[1][0]


def test_the_state_is_donated():
    start = trainer(LossWeights(1, 0, 0))
    replicas = Replicas(start.step, devices=jax.devices()[:1])
    state = replicas.replicate(start.state)
    replicas(state, batch(0), None)
    assert all(leaf.is_deleted() for leaf in jax.tree.leaves(state.generator.params))
    assert not any(leaf.is_deleted() for leaf in jax.tree.leaves(start.state))


def test_same_seed_same_start_other_seed_another():
    assert not differs(trainer(seed=3).state, trainer(seed=3).state)
    assert differs(trainer(seed=3).state, trainer(seed=4).state)


def moves(config, gradients, rate=0.1):
    """What Adam adds to a parameter, step by step."""
    adam = config.adam(rate)
    state, updates = adam.init(jnp.zeros(())), []
    for gradient in gradients:
        update, state = adam.update(jnp.asarray(gradient), state, jnp.zeros(()))
        updates.append(float(update))
    return updates


def test_warm_up_rises_to_the_learning_rate_and_the_cosine_falls_after_it():
    # Under a constant gradient Adam moves by the learning rate.
    rates = moves(OptimizerConfig(warmup=4), [1.0] * 6)
    np.testing.assert_allclose(rates, [-0.02, -0.04, -0.06, -0.08, -0.1, -0.1], rtol=1e-4)
    rates = moves(OptimizerConfig(warmup=4, schedule="cosine", steps=8), [1.0] * 8)
    np.testing.assert_allclose(rates[:5], [-0.02, -0.04, -0.06, -0.08, -0.1], rtol=1e-4)
    np.testing.assert_allclose(rates[6], -0.05, rtol=1e-4)  # half of the way down


def test_a_clipped_gradient_is_as_if_it_were_smaller():
    np.testing.assert_allclose(
        moves(OptimizerConfig(clip=1.0), [1.0, 50.0, 0.5]), moves(OptimizerConfig(), [1.0, 1.0, 0.5]), rtol=1e-5
    )


@pytest.mark.parametrize(
    ("kwargs", "named"), [({"warmup": -1}, "-1"), ({"clip": 0.0}, "0.0"), ({"clip": float("nan")}, "nan")]
)
def test_warm_up_and_clipping_that_cannot_be_are_named(kwargs, named):
    with pytest.raises(InputError, match=named):
        OptimizerConfig(**kwargs).adam(1e-3)


def test_cosine_schedule_ends_at_zero():
    config = OptimizerConfig(schedule="cosine", steps=4)
    adam, params = config.adam(0.1), jnp.zeros(())
    state, moves = adam.init(params), []
    for _ in range(5):
        update, state = adam.update(jnp.ones(()), state, params)
        moves.append(-float(update))
    # Adam moves by the learning rate when every gradient is the same: 0.1 * (1 + cos(pi t / 4)) / 2.
    np.testing.assert_allclose(moves, [0.1, 0.0853553, 0.05, 0.0146447, 0.0], atol=1e-6)


def test_errors_say_what_to_do():
    with pytest.raises(InputError, match="a learning rate must be positive, not -1"):
        OptimizerConfig().adam(-1)
    with pytest.raises(InputError, match="a learning rate must be positive, not nan"):
        OptimizerConfig().adam(float("nan"))
    with pytest.raises(InputError, match="pixel_loss='l1' must be one of l2, psnr"):
        trainer(pixel_loss="l1")
    with pytest.raises(InputError, match="cosine schedule needs more steps than the warm-up's 0, not 0"):
        OptimizerConfig(schedule="cosine").adam(1e-3)
    with pytest.raises(InputError, match="mapping='vmap'"):
        Replicas(trainer().step, mapping="vmap")
    with pytest.raises(InputError, match="batch of 6 images cannot be split between 4 devices"):
        run(trainer(), [batch(0, images=6)], devices=4)
    start = trainer()
    replicas = Replicas(start.step, devices=jax.devices()[:1])
    with pytest.raises(InputError, match="needs VGG weights"):
        replicas(replicas.replicate(start.state), batch(0), None)
