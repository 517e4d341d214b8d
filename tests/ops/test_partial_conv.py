"""Partial convolution worked by hand: masks and groups, borders, feature groups, dimensions."""

import jax.numpy as jnp
import pytest
from convolutions import conv

# Four positions, two channels. Kernels of ones make a convolution a sum.
X = jnp.array([[[1.0, 2.0], [3.0, 4.0], [100.0, 200.0], [5.0, 6.0]]])
ONES = jnp.ones((3, 2, 1))


def test_two_channels_under_one_mask():
    mask = jnp.array([[[1], [1], [0], [0]]])
    y, updated = conv(X, mask, ONES, jnp.array([0.5]))
    # Sums 1+2+3+4 = 10 of 4 valid entries, the same, 3+4 = 7 of 2, none of 0; a window has 3 * 2 = 6 entries.
    assert y.ravel().tolist() == [10 * 6 / 4 + 0.5, 10 * 6 / 4 + 0.5, 7 * 6 / 2 + 0.5, 0]
    assert updated.ravel().tolist() == [1, 1, 1, 0]


def test_two_channels_with_a_mask_each():
    mask = jnp.array([[[1, 0], [1, 1], [0, 0], [0, 1]]])
    y, updated = conv(X, mask, ONES)
    assert y.ravel().tolist() == [8 * 6 / 3, 8 * 6 / 3, 13 * 6 / 3, 6 * 6 / 1]
    assert updated.shape == (1, 4, 1)
    assert updated.ravel().tolist() == [1, 1, 1, 1]


@pytest.mark.parametrize(
    ("groups", "expected"),
    [((2, 1), [7 * 3 / 3, 3 * 3 / 2, 4 * 3 / 1, 0]), ((1, 2), [7 * 3 / 3, 1 * 3 / 1, 6 * 3 / 2, 0])],
)
def test_groups_of_different_size(groups, expected):
    mask = jnp.array([[[1, 1], [1, 0], [0, 1], [0, 0]]])
    kernel = jnp.array([1.0, 2.0, 4.0]).reshape(1, 3, 1)
    y, updated = conv(jnp.ones((1, 4, 3)), mask, kernel, mask_groups=groups)
    assert y.ravel().tolist() == expected
    assert updated.ravel().tolist() == [1, 1, 1, 0]


@pytest.mark.parametrize(
    ("padding", "expected"),
    [
        # Windows start at 0 and 2, as "SAME" has it for an even size.
        ("SAME", [[53 * 9 / 8, 45 * 9 / 6], [72 * 9 / 6, 38 * 9 / 3]]),
        (((0, 1), (0, 1)), [[53 * 9 / 8, 45 * 9 / 6], [72 * 9 / 6, 38 * 9 / 3]]),
        # Windows start at -1 and 1.
        (1, [[13 * 9 / 3, 30 * 9 / 6], [57 * 9 / 6, 83 * 9 / 8]]),
        ("VALID", [[53 * 9 / 8]]),
    ],
)
def test_stride_two_and_borders(padding, expected):
    x = jnp.arange(1.0, 17).reshape(1, 4, 4, 1)
    mask = jnp.ones((1, 4, 4, 1)).at[0, 0, 0].set(0).at[0, 3, 3].set(0)
    y, updated = conv(x, mask, jnp.ones((3, 3, 1, 1)), stride=2, padding=padding)
    assert y[0, ..., 0].tolist() == expected
    assert updated.min() == 1


def test_feature_groups_under_a_mask_each():
    x, mask = jnp.array([[[3.0, 5.0]]]), jnp.array([[[1, 0]]])
    kernel, bias = jnp.array([[[2.0, 7.0]]]), jnp.array([0.5, 0.25])
    y, updated = conv(x, mask, kernel, bias, feature_groups=2)
    assert y.tolist() == [[[6.5, 0]]]  # the second output sees only the second channel
    assert updated.tolist() == [[[1, 0]]]
    y, updated = conv(x, mask[..., :1], kernel, bias, feature_groups=2)
    assert y.tolist() == [[[6.5, 35.25]]]
    assert updated.tolist() == [[[1]]]


def test_three_spatial_dimensions():
    x = jnp.arange(1.0, 9).reshape(1, 2, 2, 2, 1)
    mask = jnp.ones_like(x).at[0, 1, 1, 1].set(0)
    y, updated = conv(x, mask, jnp.ones((2, 2, 2, 1, 1)), padding="VALID")
    assert y.ravel().tolist() == [28 * 8 / 7]
    assert updated.shape == (1, 1, 1, 1, 1)


def test_the_second_mask_of_a_shape_is_not_the_first():
    kernel = jnp.ones((1, 1, 1))
    for value in (1, 0, 1):
        y, updated = conv(jnp.ones((1, 1, 1)), jnp.full((1, 1, 1), value), kernel)
        assert (y.item(), updated.item()) == (value, value)


def test_an_8_bit_mask_counts_beyond_255():
    x, kernel = jnp.ones((1, 5, 64)), jnp.ones((5, 64, 1))
    y, _ = conv(x, jnp.ones((1, 5, 64), jnp.uint8).at[0, 0].set(0), kernel, padding="VALID")
    assert y.item() == 320
