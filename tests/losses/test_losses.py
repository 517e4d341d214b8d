"""Losses: worked by hand, against NumPy in float64, properties, mistakes."""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pconv_jax import losses
from pconv_jax.common.errors import InputError
from pconv_jax.losses import PaperLosses

# Jitted because one function compiles faster than its many operations one by one.
pixel_l2, adversarial_loss = jax.jit(losses.pixel_l2), jax.jit(losses.adversarial_loss)
discriminator_loss, perceptual_loss = jax.jit(losses.discriminator_loss), jax.jit(losses.perceptual_loss)

# The odds of 3 to 1: a probability of 3/4.
LOGIT = math.log(3)


def random(*shape, seed=0):
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape), jnp.float32)


def layers(seed, batch=4):
    return {"conv": random(batch, 6, 5, 3, seed=seed), "pool": random(batch, 3, 2, 8, seed=seed + 100)}


# Worked by hand.


def test_pixel_l2_worked_by_hand():
    output = jnp.array([0.0, 0.5, 1.0, 0.25]).reshape(1, 2, 2, 1)
    target = jnp.array([0.0, 1.0, 0.0, 0.25]).reshape(1, 2, 2, 1)
    mask = jnp.array([1, 0, 1, 0]).reshape(1, 2, 2, 1)
    assert pixel_l2(output, target, mask) == (0.25 + 1) / 4
    assert pixel_l2(output, target, mask, hole_weight=6.0) == (6 * 0.25 + 1) / 4
    assert pixel_l2(output, target, mask == 1, hole_weight=0.0) == 1 / 4
    assert pixel_l2(target, target, mask, hole_weight=6.0) == 0


def test_adversarial_worked_by_hand():
    np.testing.assert_allclose(adversarial_loss(jnp.zeros(3)), math.log(2), rtol=1e-6)
    np.testing.assert_allclose(adversarial_loss(jnp.array([LOGIT])), math.log(4 / 3), rtol=1e-6)
    np.testing.assert_allclose(adversarial_loss(jnp.array([LOGIT, -LOGIT])), math.log(16 / 3) / 2, rtol=1e-6)


def test_discrimination_worked_by_hand():
    zero, real, fake = jnp.zeros(2), jnp.array([LOGIT]), jnp.array([-LOGIT])
    np.testing.assert_allclose(discriminator_loss(zero, zero), math.log(2), rtol=1e-6)
    np.testing.assert_allclose(discriminator_loss(real, fake), math.log(4 / 3), rtol=1e-6)
    np.testing.assert_allclose(discriminator_loss(fake, real), math.log(4), rtol=1e-6)
    np.testing.assert_allclose(discriminator_loss(real, real), math.log(16 / 3) / 2, rtol=1e-6)


def test_perceptual_worked_by_hand():
    a, b = jnp.array([1.0, 3.0]).reshape(1, 1, 2, 1), jnp.array([2.0, -2.0]).reshape(1, 1, 2, 1)
    assert perceptual_loss({"x": a}, {"x": b}) == (1 + 5) / (2 + 2)
    # A second layer, one channel twice as large and off by a quarter: the mean of 1.5 and 0.25.
    assert (
        perceptual_loss({"x": a, "y": jnp.full((1, 1, 1, 1), 5.0)}, {"x": b, "y": jnp.full((1, 1, 1, 1), 4.0)}) == 0.875
    )
    # Two images, one large and one small: each is measured by its own size.
    a, b = jnp.array([101.0, 2.0]).reshape(2, 1, 1, 1), jnp.array([100.0, 1.0]).reshape(2, 1, 1, 1)
    np.testing.assert_allclose(perceptual_loss({"x": a}, {"x": b}), (0.01 + 1) / 2, rtol=1e-6)


# Against NumPy.


def test_equal_an_implementation_in_numpy():
    output, target = random(4, 6, 5, 3), random(4, 6, 5, 3, seed=1)
    mask = np.random.default_rng(2).integers(0, 2, (4, 6, 5, 1))
    squares = (np.asarray(output, np.float64) - np.asarray(target, np.float64)) ** 2
    np.testing.assert_allclose(pixel_l2(output, target, mask), squares.mean(), rtol=1e-6)
    expected = (squares * (mask + 6 * (1 - mask))).mean()
    np.testing.assert_allclose(pixel_l2(output, target, mask, hole_weight=6.0), expected, rtol=1e-6)

    real, fake = 4 * random(50), 4 * random(50, seed=1)
    p_real, p_fake = (1 / (1 + np.exp(-np.asarray(logits, np.float64))) for logits in (real, fake))
    np.testing.assert_allclose(adversarial_loss(fake), -np.log(p_fake).mean(), rtol=1e-5)
    expected = -(np.log(p_real).mean() + np.log(1 - p_fake).mean()) / 2
    np.testing.assert_allclose(discriminator_loss(real, fake), expected, rtol=1e-5)

    output, target = layers(0), layers(1)
    ratios = [
        np.abs(np.float64(output[layer][image]) - np.float64(target[layer][image])).mean()
        / np.abs(np.float64(target[layer][image])).mean()
        for layer in ("conv", "pool")
        for image in range(4)
    ]
    np.testing.assert_allclose(perceptual_loss(output, target), np.mean(ratios), rtol=1e-5)


# Properties.


def test_sure_logits_stay_finite_and_keep_their_slope():
    sure = jnp.array([1e4])
    assert adversarial_loss(sure) == 0
    assert adversarial_loss(-sure) == 1e4
    assert discriminator_loss(sure, -sure) == 0
    assert discriminator_loss(-sure, sure) == 1e4
    # The non-saturating form: a generator that fools nobody has the largest slope.
    np.testing.assert_allclose(jax.grad(adversarial_loss)(-sure), [-1], rtol=1e-6)


def test_the_two_players_pull_apart():
    real, fake = random(5), random(5, seed=1)
    of_generator = jax.grad(adversarial_loss)(fake)
    of_real, of_fake = jax.grad(discriminator_loss, argnums=(0, 1))(real, fake)
    assert (of_generator < 0).all() and (of_fake > 0).all() and (of_real < 0).all()


def test_perceptual_of_equal_features_is_zero():
    assert perceptual_loss(layers(0), layers(0)) == 0


def test_perceptual_has_no_unit():
    output, target = layers(0), layers(1)
    expected = perceptual_loss(output, target)
    for scale in (255.0, 0.05):
        scaled = [{"conv": f["conv"] * scale, "pool": f["pool"]} for f in (output, target)]
        np.testing.assert_allclose(perceptual_loss(*scaled), expected, rtol=1e-5)
    assert 0.5 < expected < 2  # unrelated features


@pytest.mark.parametrize("value", [0.0, 0.5])
def test_perceptual_of_a_target_without_features_is_finite(value):
    output = {"conv": jnp.full((2, 3, 3, 2), value)}
    target = {"conv": jnp.zeros((2, 3, 3, 2)).at[1].set(1.0)}
    loss, gradient = jax.value_and_grad(perceptual_loss)(output, target)
    # The first image has no scale: it is measured against 0.01, whatever little there is in it.
    np.testing.assert_allclose(loss, (value / 0.01 + abs(value - 1)) / 2, rtol=1e-6)
    faint = {"conv": jnp.full((2, 3, 3, 2), 1e-9).at[1].set(1.0)}
    np.testing.assert_allclose(perceptual_loss(output, faint), loss, rtol=1e-5)
    assert np.isfinite(gradient["conv"]).all()


def test_the_average_over_equal_parts_of_a_batch_is_the_value_on_the_whole():
    images, logits = [random(4, 6, 5, 3, seed=seed) for seed in (0, 1)], [random(4, seed=seed) for seed in (0, 1)]
    mask = (random(4, 6, 5, 1, seed=2) > 0).astype(jnp.float32)
    for loss, arguments in [
        (functools.partial(pixel_l2, hole_weight=6.0), (*images, mask)),
        (adversarial_loss, logits[:1]),
        (discriminator_loss, logits),
        (perceptual_loss, (layers(0), layers(1))),
    ]:
        parts = [loss(*jax.tree.map(lambda a, part=part: a[part : part + 2], arguments)) for part in (0, 2)]
        np.testing.assert_allclose(np.mean(parts), loss(*arguments), rtol=1e-5)


def test_are_float32_scalars_whatever_they_are_given():
    half = random(2, 3, 3, 1).astype(jnp.bfloat16)
    target = random(2, 3, 3, 1, seed=1)
    mask = jnp.ones((2, 3, 3, 1), bool)
    for loss in (
        pixel_l2(half, target, mask),
        perceptual_loss({"x": half}, {"x": target}),
        perceptual_loss({"x": half}, {"x": half}),
    ):
        assert (loss.shape, loss.dtype) == ((), jnp.float32)
    logits = random(2).astype(jnp.bfloat16)
    for loss in (adversarial_loss(logits), discriminator_loss(logits, logits)):
        assert (loss.shape, loss.dtype) == ((), jnp.float32)
    # The difference, not only the mean, is taken in float32: 256 and 257 are one number in bf16.
    big = jnp.full((1, 1, 1, 1), 256.0)
    assert pixel_l2(big.astype(jnp.bfloat16), big + 1, jnp.ones((1, 1, 1, 1))) == 1


# The settings.


def test_weights_by_the_name_of_the_loss():
    config = PaperLosses(pixel_weight=0, adversarial_weight=0, perceptual_weight=2.0)
    assert config.weights == {"pixel": 0, "adversarial": 0, "perceptual": 2}
    assert PaperLosses(adversarial_weight=0, perceptual_weight=0).weights["pixel"] == 1
    config.check()


@pytest.mark.parametrize("name", ["pixel", "adversarial", "perceptual", "hole"])
@pytest.mark.parametrize("value", [-0.1, math.nan, math.inf, None, "1"])
def test_a_weight_that_is_none_is_named(name, value):
    with pytest.raises(InputError, match=f"the weight of the {name} loss is {value}, but"):
        PaperLosses(**{f"{name}_weight": value}).check()


def test_holes_that_count_nothing_are_refused():
    with pytest.raises(InputError, match="the weight of holes in the pixel loss is 0, but it must be above 0"):
        PaperLosses(hole_weight=0).check()


def test_something_must_ask_for_the_image():
    with pytest.raises(InputError, match="pixel and the perceptual"):
        PaperLosses(pixel_weight=0, perceptual_weight=0, adversarial_weight=1).check()


def test_a_pixel_loss_that_does_not_exist_is_named():
    with pytest.raises(InputError, match="pixel_loss='l1' must be one of l2, psnr"):
        PaperLosses(pixel_loss="l1").check()


def test_pixel_psnr_by_hand():
    target = jnp.zeros((2, 2, 2, 3))
    mask = jnp.array([[[0.0, 1], [1, 1]], [[0, 0], [1, 1]]])[..., None]
    output = jnp.full((2, 2, 2, 3), 0.1).at[1].set(0.3)  # squared error 0.01 and 0.09
    wanted = 0.5 * (np.log(0.01 + 1e-4) + np.log(0.09 + 1e-4))
    np.testing.assert_allclose(losses.pixel_psnr(output, target, mask), wanted, rtol=1e-6)


def test_pixel_psnr_sees_holes_alone_and_no_image_drowns_another():
    rng = np.random.default_rng(0)
    target, noise = rng.random((2, 2, 8, 8, 3)).astype(np.float32)
    mask = (rng.random((2, 8, 8, 1)) < 0.5).astype(np.float32)
    perfect = losses.pixel_psnr(np.where(mask == 0, target, noise), target, mask)
    np.testing.assert_allclose(perfect, np.log(1e-4), rtol=1e-6)
    np.testing.assert_allclose(losses.pixel_psnr(noise, target, np.ones_like(mask)), np.log(1e-4), rtol=1e-6)
    gradient = jax.grad(lambda output: losses.pixel_psnr(output, target, mask))(
        target + np.float32([[[[0.1]]], [[[0.4]]]])
    )
    assert (np.asarray(gradient)[np.broadcast_to(mask == 1, target.shape)] == 0).all()
    sums = np.abs(np.asarray(gradient)).sum((1, 2, 3)) * [0.1, 0.4]  # relative steps count alike
    np.testing.assert_allclose(sums[0], sums[1], rtol=0.02)
