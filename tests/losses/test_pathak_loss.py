"""The losses of the context encoder: worked by hand, against NumPy."""

import math

import jax
import jax.numpy as jnp
import numpy as np

from pconv_jax import losses
from pconv_jax.losses.pathak import discriminator_loss, generator_loss, region_l2

LOGIT = math.log(3)  # odds of 3 to 1: a probability of 3/4
jitted = jax.jit(region_l2, static_argnames="rim_weight")


def test_the_squared_error_worked_by_hand():
    output = jnp.array([0.0, 0.5, 1.0, 0.25]).reshape(1, 2, 2, 1)
    target = jnp.array([0.0, 1.0, 0.0, 0.25]).reshape(1, 2, 2, 1)
    mask = jnp.array([1, 0, 1, 0]).reshape(1, 2, 2, 1)
    # On the scale of [-1, 1] the differences are 1 (in the hole) and 2 (on the known rim).
    assert jitted(output, target, mask, rim_weight=1.0) == (1 + 4) / 4
    assert jitted(output, target, mask) == (1 + 10 * 4) / 4


def test_the_squared_error_is_that_of_numpy():
    rng = np.random.default_rng(0)
    output, target = rng.random((2, 3, 6, 5, 3)).astype(np.float32)
    mask = rng.integers(0, 2, (3, 6, 5, 1))
    squares = ((2 * output.astype(np.float64) - 1) - (2 * target.astype(np.float64) - 1)) ** 2
    np.testing.assert_allclose(jitted(output, target, mask), (squares * (1 + 9 * mask)).mean(), rtol=1e-6)
    plain = jitted(output, target, mask, rim_weight=1.0)
    np.testing.assert_allclose(plain, 4 * losses.pixel_l2(output, target, mask), rtol=1e-6)


def test_the_generator_s_loss_worked_by_hand():
    np.testing.assert_allclose(generator_loss(jnp.array(2.0), jnp.zeros(3)), 1.998 + 0.001 * math.log(2), rtol=1e-6)
    np.testing.assert_allclose(generator_loss(jnp.array(0.0), jnp.array([LOGIT])), 0.001 * math.log(4 / 3), rtol=1e-6)


def test_the_discriminator_s_loss_is_a_sum_or_half_of_it():
    real, fake = jnp.array([LOGIT]), jnp.array([-LOGIT])
    np.testing.assert_allclose(discriminator_loss(real, fake, halved=False), 2 * math.log(4 / 3), rtol=1e-6)
    np.testing.assert_allclose(discriminator_loss(real, fake, halved=True), math.log(4 / 3), rtol=1e-6)
    zero = jnp.zeros(2)
    np.testing.assert_allclose(discriminator_loss(zero, zero, halved=False), 2 * math.log(2), rtol=1e-6)
    half = discriminator_loss(fake, fake, halved=True)
    np.testing.assert_allclose(half, losses.discrimination(fake, fake), rtol=1e-6)
