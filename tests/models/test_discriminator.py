"""The discriminator: wiring, training, full sizes, its image size."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from networks import assert_all_reached, build, gradients, parts, picture, run

from pconv_jax.common.errors import InputError
from pconv_jax.models import Discriminator, DiscriminatorConfig

SMALL_JUDGE = DiscriminatorConfig(image_size=16, widths=(4, 6))


@pytest.fixture(scope="module")
def judge():
    return build(SMALL_JUDGE)


def test_the_discriminator_is_the_one_described(judge):
    image, _ = picture()
    x = 2 * image - 1
    for i, conv in enumerate(judge.convs):
        assert conv.kernel.shape[:2] == (4, 4)
        x = jax.lax.conv_general_dilated(
            x, conv.kernel[...], (2, 2), [(1, 1)] * 2, dimension_numbers=("NHWC", "HWIO", "NHWC")
        )
        x = np.asarray(x)
        if i == 0:
            x = x + np.asarray(conv.bias[...])
        else:
            norm = judge.norms[i - 1]
            mean, var, scale, shift = (np.asarray(v[...]) for v in (norm.mean, norm.var, norm.scale, norm.bias))
            x = (x - mean) / np.sqrt(var + 1e-5) * scale + shift
            assert conv.bias is None
        x = np.where(x > 0, x, 0.2 * x)
    assert x.shape == (2, 4, 4, 6)
    expected = (x * np.asarray(judge.to_logit.kernel[...])[..., 0]).sum((1, 2, 3)) + np.asarray(
        judge.to_logit.bias[...]
    )
    logits, _ = run(parts(judge, train=False), image)
    assert (logits.shape, logits.dtype) == ((2,), jnp.float32)
    np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-5)


def test_the_discriminator_in_training(judge):
    image, _ = picture()
    logits, after = run(parts(judge, train=True), image)
    moved, before = nnx.filter_state(after, nnx.BatchStat), nnx.state(judge, nnx.BatchStat)
    assert all((a != b).any() for a, b in zip(jax.tree.leaves(moved), jax.tree.leaves(before), strict=True))
    assert_all_reached(gradients(parts(judge, train=True), image))
    half = build(SMALL_JUDGE, dtype=jnp.bfloat16)  # the same numbers
    close, _ = run(parts(half, train=True), image)
    assert close.dtype == jnp.float32
    assert 0 < np.abs(close - logits).max() < 0.1 * np.abs(logits).max()


@pytest.mark.parametrize("config", [DiscriminatorConfig(), DiscriminatorConfig(128, (64, 128, 256, 512, 512))])
def test_discriminators_of_full_size_build(config):
    size = config.image_size
    model = nnx.eval_shape(lambda: Discriminator(config, rngs=nnx.Rngs(0)))
    assert model.to_logit.kernel.shape == (4, 4, config.widths[-1], 1)
    logits, _ = jax.eval_shape(run, nnx.split(model), jnp.zeros((3, size, size, 3)))
    assert logits.shape == (3,)


@pytest.mark.parametrize("shape", [(2, 32, 32, 3), (2, 16, 32, 3), (2, 16, 16, 1), (16, 16, 3)])
def test_the_discriminator_names_its_size(judge, shape):
    with pytest.raises(InputError, match=r"\[N, 16, 16, 3\]"):
        judge(jnp.zeros(shape))


def test_the_discriminator_refuses_bytes(judge):
    with pytest.raises(InputError, match=r"floating point in .*, not uint8: divide bytes by 255"):
        judge(jnp.zeros((2, 16, 16, 3), jnp.uint8))


def test_a_discriminator_of_patches_judges_each_by_itself():
    """With two stages a patch is 10 + 2 * 4 = 18 px wide, one every 4 px: beyond it nothing changes its logit."""
    judge = build(DiscriminatorConfig(image_size=32, widths=(4, 6), patches=True))
    image = jax.random.uniform(jax.random.key(0), (2, 32, 32, 3))
    before, after = (
        np.asarray(run(parts(judge, train=False), x)[0]).reshape(2, 8, 8) for x in (image, image.at[0, 16, 16].add(0.5))
    )
    reached = np.argwhere(before != after)
    # Patch k begins at 4 k - 7 and ends at 4 k + 10.
    assert reached.min(0).tolist() == [0, 2, 2] and reached.max(0).tolist() == [0, 5, 5]
