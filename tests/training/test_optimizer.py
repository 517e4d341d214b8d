"""Adam: warm-up, schedule and clipping, and settings that make no sense."""

import jax.numpy as jnp
import numpy as np
import pytest

from pconv_jax.common.errors import InputError
from pconv_jax.training.optimizer import OptimizerConfig


def moves(gradients, *, steps=0, **options):
    """What Adam adds to a parameter, step by step."""
    adam = OptimizerConfig(learning_rate=0.1, **options).adam(steps)
    state, updates = adam.init(jnp.zeros(())), []
    for gradient in gradients:
        update, state = adam.update(jnp.asarray(gradient), state, jnp.zeros(()))
        updates.append(float(update))
    return updates


def test_warm_up_rises_to_the_learning_rate_and_the_cosine_falls_after_it():
    # Under a constant gradient Adam moves by the learning rate.
    rates = moves([1.0] * 6, warmup=4)
    np.testing.assert_allclose(rates, [-0.02, -0.04, -0.06, -0.08, -0.1, -0.1], rtol=1e-4)
    rates = moves([1.0] * 8, warmup=4, schedule="cosine", steps=8)
    np.testing.assert_allclose(rates[:5], [-0.02, -0.04, -0.06, -0.08, -0.1], rtol=1e-4)
    np.testing.assert_allclose(rates[6], -0.05, rtol=1e-4)  # half of the way down


def test_a_clipped_gradient_is_as_if_it_were_smaller():
    np.testing.assert_allclose(moves([1.0, 50.0, 0.5], clip=1.0), moves([1.0, 1.0, 0.5]), rtol=1e-5)


@pytest.mark.parametrize(
    ("kwargs", "named"), [({"warmup": -1}, "-1"), ({"clip": 0.0}, "0.0"), ({"clip": float("nan")}, "nan")]
)
def test_warm_up_and_clipping_that_cannot_be_are_named(kwargs, named):
    with pytest.raises(InputError, match=named):
        OptimizerConfig(**kwargs).adam(10)


def test_the_moving_average_soon_forgets_where_it_started():
    adam, old, new = OptimizerConfig(ema=0.9), {"w": jnp.asarray(0.0)}, {"w": jnp.asarray(1.0)}
    # Decay (1 + n) / (10 + n): 2/11 after the first step, and no more than 0.9, which 101/110 would be.
    np.testing.assert_allclose(adam.average(old, new, jnp.asarray(1))["w"], 9 / 11, rtol=1e-6)
    np.testing.assert_allclose(adam.average(old, new, jnp.asarray(100))["w"], 0.1, rtol=1e-5)


@pytest.mark.parametrize("decay", [1.0, -0.1, float("nan")])
def test_averages_that_cannot_be_are_named(decay):
    with pytest.raises(InputError, match=f"--ema is {decay}, but the decay of an average must be at least 0 and below"):
        OptimizerConfig(ema=decay).check(10)


def test_cosine_schedule_ends_at_zero():
    rates = moves([1.0] * 5, schedule="cosine", steps=4)
    # Adam moves by the learning rate when every gradient is the same: 0.1 * (1 + cos(pi t / 4)) / 2.
    np.testing.assert_allclose(rates, [-0.1, -0.0853553, -0.05, -0.0146447, 0.0], atol=1e-6)


def test_rates_and_schedules_that_cannot_be_are_named():
    with pytest.raises(InputError, match="--learning-rate is -1, but it must be a number above 0"):
        OptimizerConfig(learning_rate=-1).adam(10)
    with pytest.raises(InputError, match="--discriminator-learning-rate is nan, but it must be a number above 0"):
        OptimizerConfig(discriminator_learning_rate=float("nan")).discriminator(10)
    with pytest.raises(InputError, match="cosine schedule needs more steps than the warm-up's 0, not 0"):
        OptimizerConfig(schedule="cosine").adam(0)
    with pytest.raises(InputError, match="schedule='cosin' must be one of constant, cosine"):
        OptimizerConfig(schedule="cosin").adam(10)  # type: ignore[arg-type]
