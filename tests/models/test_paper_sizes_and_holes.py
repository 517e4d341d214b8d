"""The paper's generator: any size, what lies in holes, the mask that is left, precision."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from networks import bits, build, parts, picture, run
from paper_configs import PAPER


def test_what_pads_an_image_is_hole(small):
    model, (image, mask) = parts(small, train=False), picture(size=(13, 14))
    output, left = run(model, image, mask)[0]
    assert output.shape == image.shape
    padding = ((0, 0), (0, 3), (0, 2), (0, 0))
    padded = np.pad(image, padding, constant_values=np.nan), np.pad(mask, padding)
    expected, expected_left = run(model, *padded)[0]
    np.testing.assert_allclose(output, expected[:, :13, :14], rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(left, expected_left[:, :13, :14])
    assert np.isfinite(output).all()


def test_an_image_of_one_pixel(small):
    model, image = parts(small, train=False), np.full((2, 1, 1, 3), 0.5, np.float32)
    output, left = run(model, image, np.array([1, 0], np.float32).reshape(2, 1, 1, 1))[0]
    assert left.ravel().tolist() == [1, 0]
    assert output[0].any() and not output[1].any()


@pytest.mark.parametrize("train", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("network", ["partial", "plain", "paper"])
def test_what_lies_in_holes_changes_no_bit(small, plain, paper, network, train):
    model, (image, mask) = parts({"partial": small, "plain": plain, "paper": paper}[network], train=train), picture()
    expected = run(model, np.where(mask, image, 0), mask)
    for content in (1.0, np.nan, np.inf):
        assert bits(run(model, np.where(mask, image, np.float32(content)), mask)) == bits(expected)
    assert bits(run(model, np.where(mask, image, 0) + 0.1 * mask, mask)) != bits(expected)  # valid pixels do


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16], ids=["float32", "bfloat16"])
def test_a_sigmoid_keeps_the_output_inside_0_and_1_also_where_nothing_was_seen(dtype):
    model = parts(build(PAPER, dtype=dtype), train=True)
    image, mask = picture(size=(13, 14))
    mask[0] = 0  # no valid pixel at all
    output, left = run(model, image, mask)[0]
    assert output.shape == image.shape and output.dtype == jnp.float32
    assert (output > 0).all() and (output < 1).all()
    assert not left[0].any() and left[1].all()


@pytest.mark.parametrize("convolution", ["partial", "plain"])
def test_the_mask_that_is_left_has_the_dtype_of_the_mask(small, plain, convolution):
    model = parts({"partial": small, "plain": plain}[convolution], train=False)
    image, mask = picture()
    for dtype in ("bool", "uint8", "float32"):
        left = jax.eval_shape(run, model, image, mask.astype(dtype))[0][1]
        assert left.dtype == dtype


@pytest.mark.parametrize("convolution", ["partial", "plain"])
def test_bf16_stays_close_and_keeps_parameters_and_masks_in_float32(small, plain, convolution):
    whole = {"partial": small, "plain": plain}[convolution]
    half = build(whole.config, dtype=jnp.bfloat16)  # the same numbers
    image, mask = picture()
    (output, left), state = run(parts(half, train=True), image, mask)
    (expected, expected_left), _ = run(parts(whole, train=True), image, mask)
    assert output.dtype == left.dtype == jnp.float32
    assert {leaf.dtype for leaf in jax.tree.leaves(nnx.to_pure_dict(state))} == {jnp.dtype("float32")}
    np.testing.assert_array_equal(left, expected_left)
    assert 0 < np.abs(output - expected).max() < 0.05 * np.abs(expected).max()
