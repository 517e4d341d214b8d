"""The style loss: worked by hand, against NumPy in float64, precision."""

import jax
import jax.numpy as jnp
import numpy as np

from pconv_jax.losses.style import gram, style

jitted = jax.jit(style)


def random(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def test_gram_worked_by_hand():
    # Two pixels, two channels: (1, 2) and (3, 4). F'F = [[1 + 9, 2 + 12], [2 + 12, 4 + 16]], over C * H * W = 4.
    features = jnp.array([1.0, 2.0, 3.0, 4.0]).reshape(1, 1, 2, 2)
    np.testing.assert_array_equal(gram(features), [[[2.5, 3.5], [3.5, 5.0]]])


def test_style_worked_by_hand():
    a, b = jnp.array([1.0, 2.0, 3.0, 4.0]).reshape(1, 1, 2, 2), jnp.zeros((1, 1, 2, 2))
    assert jitted({"x": a}, {"x": b}) == (2.5 + 3.5 + 3.5 + 5.0) / 4
    # A second layer of one pixel and one channel, 3 against 1: 9 - 1. Layers are added up, not averaged.
    one, three = jnp.ones((1, 1, 1, 1)), jnp.full((1, 1, 1, 1), 3.0)
    assert jitted({"x": a, "y": three}, {"x": b, "y": one}) == 3.625 + 8.0
    # The batch is averaged.
    assert jitted({"x": jnp.concatenate([a, b])}, {"x": jnp.concatenate([b, b])}) == 3.625 / 2


def test_style_is_that_of_numpy():
    shapes = {"pool1": (3, 6, 5, 4), "pool2": (3, 3, 2, 8)}
    a = {name: random(*shape, seed=1) for name, shape in shapes.items()}
    b = {name: random(*shape, seed=2) for name, shape in shapes.items()}

    def matrix(x):
        flat = x.astype(np.float64).reshape(x.shape[0], -1, x.shape[-1])
        return flat.transpose(0, 2, 1) @ flat / (flat.shape[1] * flat.shape[2])

    expected = sum(np.abs(matrix(a[name]) - matrix(b[name])).mean() for name in shapes)
    np.testing.assert_allclose(jitted(a, b), expected, rtol=1e-5)


def test_where_features_lie_does_not_matter():
    a = random(2, 4, 4, 3)
    moved = a[:, ::-1, ::-1]
    np.testing.assert_allclose(jitted({"x": a}, {"x": moved}), 0, atol=1e-7)


def test_products_of_bfloat16_features_are_in_float32():
    # 300 pixels of 1: a sum in bfloat16 would stop at 256.
    ones = jnp.ones((1, 30, 10, 1), jnp.bfloat16)
    assert gram(ones).dtype == jnp.float32 and gram(ones) == 1
    assert style({"x": ones}, {"x": 0 * ones}).dtype == jnp.float32


def test_no_accelerator_may_round_the_products():
    program = str(jax.make_jaxpr(gram)(jnp.ones((1, 4, 4, 2))))
    assert "Precision.HIGHEST" in program and "preferred_element_type=float32" in program
