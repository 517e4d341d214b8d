"""The losses of the context encoder: worked by hand, against NumPy."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pconv_jax import losses
from pconv_jax.common.errors import InputError
from pconv_jax.losses import PathakLosses, weighted_sum
from pconv_jax.losses.pathak import region_l2

LOGIT = math.log(3)  # odds of 3 to 1: a probability of 3/4
jitted = jax.jit(region_l2, static_argnames="rim_weight")


def test_the_squared_error_worked_by_hand():
    output = jnp.array([0.0, 0.5, 1.0, 0.25]).reshape(1, 2, 2, 1)
    target = jnp.array([0.0, 1.0, 0.0, 0.25]).reshape(1, 2, 2, 1)
    mask = jnp.array([1, 0, 1, 0]).reshape(1, 2, 2, 1)
    # On the scale of [-1, 1] the differences are 1 (in the hole) and 2 (on the known rim).
    assert jitted(output, target, mask, rim_weight=1.0) == (1 + 4) / 4
    assert jitted(output, target, mask, rim_weight=10.0) == (1 + 10 * 4) / 4


def test_the_squared_error_is_that_of_numpy():
    rng = np.random.default_rng(0)
    output, target = rng.random((2, 3, 6, 5, 3)).astype(np.float32)
    mask = rng.integers(0, 2, (3, 6, 5, 1))
    squares = ((2 * output.astype(np.float64) - 1) - (2 * target.astype(np.float64) - 1)) ** 2
    np.testing.assert_allclose(
        jitted(output, target, mask, rim_weight=10.0), (squares * (1 + 9 * mask)).mean(), rtol=1e-6
    )
    plain = jitted(output, target, mask, rim_weight=1.0)
    np.testing.assert_allclose(plain, 4 * losses.pixel_l2(output, target, mask), rtol=1e-6)


def total(output, target, mask, logits, **weights):
    sums = PathakLosses(**weights)
    return weighted_sum(sums.terms(output, target, mask, judge=lambda images: logits), sums.weights)


def test_the_generator_s_loss_worked_by_hand():
    zero, one = jnp.zeros((1, 2, 2, 3)), jnp.ones((1, 2, 2, 3))
    hole, rim = jnp.zeros((1, 2, 2, 1)), jnp.ones((1, 2, 2, 1))
    np.testing.assert_allclose(total(one, zero, hole, jnp.zeros(3)), 0.999 * 4 + 0.001 * math.log(2), rtol=1e-6)
    np.testing.assert_allclose(total(zero, zero, hole, jnp.array([LOGIT])), 0.001 * math.log(4 / 3), rtol=1e-6)
    np.testing.assert_allclose(total(one, zero, rim, None, adversarial_weight=0.0), 0.999 * 40, rtol=1e-6)
    np.testing.assert_allclose(
        total(one, zero, rim, None, adversarial_weight=0.0, rim_weight=1.0), 0.999 * 4, rtol=1e-6
    )


def test_the_discriminator_s_loss_is_the_sum():
    loss = PathakLosses().discriminator_loss
    np.testing.assert_allclose(loss(jnp.array([LOGIT]), jnp.array([-LOGIT])), 2 * math.log(4 / 3), rtol=1e-6)
    np.testing.assert_allclose(loss(jnp.zeros(2), jnp.zeros(2)), 2 * math.log(2), rtol=1e-6)
    fake = jnp.array([-LOGIT])
    np.testing.assert_allclose(loss(fake, fake), 2 * losses.discriminator_loss(fake, fake), rtol=1e-6)
    assert PathakLosses(adversarial_weight=0.0).discriminator_loss is None


def test_weights_that_make_no_sense_are_refused():
    PathakLosses().check()
    with pytest.raises(InputError, match="the weight of the rim loss is -1, but"):
        PathakLosses(rim_weight=-1).check()
    with pytest.raises(InputError, match="the weight of the pixel loss cannot be 0"):
        PathakLosses(pixel_weight=0).check()
