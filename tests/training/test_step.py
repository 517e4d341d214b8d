"""The GAN step: what changes, what each loss switch does, and that replicas agree with one device."""

import dataclasses
import functools
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from compiling import USERS
from flax import nnx

from pconv_jax.common.errors import InputError
from pconv_jax.common.xla_options import compiler_options
from pconv_jax.losses import PaperLosses
from pconv_jax.models import DiscriminatorConfig, PaperConfig
from pconv_jax.models.vgg import VGG16
from pconv_jax.models.vgg_weights import random_weights
from pconv_jax.training import sharding
from pconv_jax.training.optimizer import OptimizerConfig
from pconv_jax.training.sharding import Replicas
from pconv_jax.training.state import TrainConfig, TrainState, Variables, init_state
from pconv_jax.training.step import train_step

SIZE = 16
LAYERS = ("block1_conv1",)
ALL = PaperLosses(adversarial_weight=0.1, perceptual_weight=0.1, perceptual_layers=LAYERS)
PIXEL_ALONE = PaperLosses(adversarial_weight=0, perceptual_weight=0)


def settings(losses: PaperLosses = ALL, **options) -> TrainConfig:
    return TrainConfig(
        generator=PaperConfig(widths=(4,)),
        discriminator=DiscriminatorConfig(SIZE, (4, 8)),
        losses=losses,
        optimizer=OptimizerConfig(learning_rate=1e-3, ema=0.9),
        **options,
    )


@functools.cache
def vgg() -> VGG16:
    return random_weights(0, through=LAYERS[-1])


def batch(seed: int, images: int = 8) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    image = rng.random((images, SIZE, SIZE, 3), np.float32)
    mask = (rng.random((images, SIZE, SIZE, 1)) > 0.2).astype(np.float32)
    return {"image": image, "noisy": np.clip(image + 0.1, 0, 1), "mask": mask}


@functools.cache
def replicas_of(config: TrainConfig, devices: int, mapping) -> Replicas:
    """Traced and compiled once for all tests that take this step."""
    return Replicas(functools.partial(train_step, config), mapping=mapping, devices=jax.devices()[:devices])


def run(
    config: TrainConfig, batches, *, devices: int = 1, mapping="shard_map"
) -> tuple[TrainState, list[dict[str, float]]]:
    replicas = replicas_of(config, devices, mapping)
    state, constants, history = replicas.replicate(init_state(config, seed=0)), replicas.replicate(vgg()), []
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
    return run(settings(), [batch(seed) for seed in range(3)])


@pytest.mark.parametrize("mapping", ["shard_map", "pmap"])
def test_four_devices_take_the_steps_of_one(on_one_device, mapping):
    # The sums over the batch are added in another order.
    assert_same_but_for_rounding(
        on_one_device, run(settings(), [batch(seed) for seed in range(3)], devices=4, mapping=mapping)
    )


def test_compiled_as_for_users_the_steps_are_the_same(on_one_device, monkeypatch):
    monkeypatch.setattr(sharding, "compiler_options", lambda device: {**compiler_options(device), **USERS})
    monkeypatch.setattr(sys.modules[__name__], "replicas_of", replicas_of.__wrapped__)
    assert_same_but_for_rounding(on_one_device, run(settings(), [batch(seed) for seed in range(3)]))


def assert_same_but_for_rounding(expected, found):
    """Of two results of `run`: states and metrics differ by float32 rounding."""
    for a, b in zip(as_numpy(expected[0]), as_numpy(found[0]), strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-4, atol=1e-5)
    for a, b in zip(expected[1], found[1], strict=True):
        assert b == pytest.approx(a, rel=1e-4)


def test_replicas_that_do_not_average_would_be_noticed(on_one_device):
    # The same four devices, each with the same two images: another result, so the test above can fail.
    data = [{name: np.tile(array[:2], (4, 1, 1, 1)) for name, array in batch(seed).items()} for seed in range(3)]
    state, _ = run(settings(), data, devices=4)
    gaps = [np.abs(a - b).max() for a, b in zip(as_numpy(on_one_device[0]), as_numpy(state), strict=True)]
    assert max(gaps) > 1e-3


def test_every_seed_has_parameters_of_its_own():
    small, large = (init_state(settings(), seed=seed) for seed in (0, 2**32))
    assert differs(small.generator.params, large.generator.params)
    assert differs(small.discriminator.params, large.discriminator.params)


def test_a_step_changes_parameters_statistics_and_optimizers_of_both_networks():
    before = init_state(settings(), seed=0)
    after, _ = run(settings(), [batch(0)])
    assert int(after.step) == 1
    for name in ("generator", "discriminator"):
        assert differs(getattr(before, name).params, getattr(after, name).params)
        assert differs(getattr(before, name).stats, getattr(after, name).stats)
        assert differs(getattr(before, f"{name}_optimizer"), getattr(after, f"{name}_optimizer"))
    for first, latest, average in zip(
        *(as_numpy(part) for part in (before.generator, after.generator, after.average)), strict=True
    ):
        np.testing.assert_allclose(average, 2 / 11 * first + 9 / 11 * latest, rtol=1e-5, atol=1e-7)
    assert after.released is after.average and before.replace(average=None).released is before.generator


@pytest.mark.parametrize(
    ("losses", "terms"),
    [
        (PIXEL_ALONE, {"pixel"}),
        (PaperLosses(adversarial_weight=0.1, perceptual_weight=0), {"pixel", "adversarial"}),
        (
            PaperLosses(pixel_weight=0, adversarial_weight=0, perceptual_weight=1, perceptual_layers=LAYERS),
            {"perceptual"},
        ),
        (ALL, {"pixel", "adversarial", "perceptual"}),
    ],
)
def test_each_loss_can_be_switched_off(losses, terms):
    before = init_state(settings(losses), seed=0)
    after, (metrics,) = run(settings(losses), [batch(0)])
    assert {"pixel", "adversarial", "perceptual"} & set(metrics) == terms
    assert metrics["generator_loss"] == pytest.approx(
        sum(losses.weights[name] * metrics[name] for name in terms), rel=1e-5
    )
    assert ("discriminator_loss" in metrics) == ("adversarial" in terms)
    assert differs(before.discriminator, after.discriminator) == ("adversarial" in terms)


def test_losses_are_of_the_clean_target_and_the_noisy_input():
    # With a target equal to the output for zero input only the input changes: the pixel loss must see both arrays.
    data = batch(0)
    _, (usual,) = run(settings(PIXEL_ALONE), [data])
    _, (other_target,) = run(settings(PIXEL_ALONE), [{**data, "image": 1 - data["image"]}])
    _, (other_input,) = run(settings(PIXEL_ALONE), [{**data, "noisy": 1 - data["noisy"]}])
    assert usual["pixel"] != pytest.approx(other_target["pixel"])
    assert usual["pixel"] != pytest.approx(other_input["pixel"])


def test_what_lies_in_holes_of_the_input_changes_nothing():
    data = batch(0)
    poisoned = {**data, "noisy": np.where(data["mask"] == 1, data["noisy"], np.nan).astype(np.float32)}
    clean_state, clean = run(settings(), [data])
    state, metrics = run(settings(), [poisoned])
    assert metrics == clean
    assert not differs(clean_state, state)


def test_training_on_one_batch_brings_the_pixel_loss_down():
    _, history = run(settings(PIXEL_ALONE), [batch(0)] * 60)
    assert history[-1]["pixel"] < 0.3 * history[0]["pixel"]


def test_bfloat16_keeps_parameters_in_float32_and_losses_close(on_one_device):
    state, history = run(settings(bfloat16=True), [batch(0)])
    for part in (state.generator, state.discriminator, state.generator_optimizer[0].mu):
        assert {leaf.dtype for leaf in jax.tree.leaves(part)} == {jnp.dtype("float32")}
    assert history[0]["generator_loss"] == pytest.approx(on_one_device[1][0]["generator_loss"], rel=0.05)
    assert history[0] != on_one_device[1][0]


def test_each_network_has_its_own_learning_rate():
    optimizer = OptimizerConfig(learning_rate=1e-3, discriminator_learning_rate=1e-9)
    before = init_state(settings(), seed=0)
    after, _ = run(dataclasses.replace(settings(), optimizer=optimizer), [batch(0)])

    def largest_change(name):
        pairs = zip(as_numpy(getattr(before, name).params), as_numpy(getattr(after, name).params), strict=True)
        return max(np.abs(a - b).max() for a, b in pairs)

    assert largest_change("generator") == pytest.approx(1e-3, rel=0.01)  # Adam's first step is the learning rate
    assert largest_change("discriminator") < 1e-6


@pytest.mark.parametrize("view", ["output", "composite"])
def test_the_discriminator_s_statistics_are_of_the_truth_and_then_of_what_it_is_to_judge(view):
    config = settings(dataclasses.replace(ALL, judged_image=view))
    start, data = init_state(config, seed=0), batch(0)

    @jax.jit
    def by_hand(start):
        generator = config.generator.build(rngs=nnx.Rngs(0))
        judge = config.discriminator.build(rngs=nnx.Rngs(0))
        for model, variables in ((generator, start.generator), (judge, start.discriminator)):
            model.train()
            nnx.update(model, variables.params, variables.stats)
        output, _ = generator(data["noisy"], data["mask"])
        judge(data["image"])
        judge(output if view == "output" else jnp.where(data["mask"] == 0, output, data["image"]))
        return nnx.state(judge, nnx.BatchStat)

    after, _ = run(config, [data])
    for found, expected in zip(as_numpy(after.discriminator.stats), as_numpy(by_hand(start)), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


def test_the_state_is_donated():
    config = settings(PIXEL_ALONE)
    replicas = Replicas(functools.partial(train_step, config), devices=jax.devices()[:1])
    start = init_state(config, seed=0)
    state = replicas.replicate(start)
    replicas(state, batch(0), None)
    assert all(leaf.is_deleted() for leaf in jax.tree.leaves(state.generator.params))
    assert not any(leaf.is_deleted() for leaf in jax.tree.leaves(start))


def test_same_seed_same_start_other_seed_another():
    start = init_state(settings(), seed=3)
    assert not differs(start, init_state(settings(), seed=3))
    assert differs(start, init_state(settings(), seed=4))


def test_errors_say_what_to_do():
    with pytest.raises(InputError, match="pixel_loss='l1' must be one of l2, psnr"):
        init_state(settings(PaperLosses(pixel_loss="l1")), seed=0)
    with pytest.raises(InputError, match="mapping='vmap'"):
        Replicas(functools.partial(train_step, settings()), mapping="vmap")
    with pytest.raises(InputError, match="batch of 6 images cannot be split between 4 devices"):
        run(settings(), [batch(0, images=6)], devices=4)
    replicas = Replicas(functools.partial(train_step, settings()), devices=jax.devices()[:1])
    with pytest.raises(InputError, match=r"need as many rows each, but image has 8, noisy has 8, mask has 4$"):
        replicas({}, batch(0) | {"mask": batch(0)["mask"][:4]}, None)
    with pytest.raises(InputError, match=r"need as many rows each, but it is empty$"):
        replicas({}, {}, None)
    with pytest.raises(InputError, match="needs VGG weights"):
        replicas(replicas.replicate(init_state(settings(), seed=0)), batch(0), None)


def test_the_names_in_a_state_are_those_in_checkpoints():
    # Orbax keeps these names: with others, earlier runs could not be resumed.
    names = ["step", "generator", "discriminator", "generator_optimizer", "discriminator_optimizer"]
    assert [field.name for field in dataclasses.fields(TrainState)] == [*names, "average"]  # a part of its own
    assert [field.name for field in dataclasses.fields(Variables)] == ["params", "stats"]
