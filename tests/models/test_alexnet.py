"""AlexNet's trunk in both forms: against NumPy, counted by hand, its sizes."""

import jax
import numpy as np
import pytest
from alexnet_reference import TORCHVISION_WIDTHS, max_pool, reference
from flax import nnx

from pconv_jax.models.alexnet import AlexNetTrunk, normalise_responses, pooled_size

WIDTHS = (4, 6, 4, 6, 2)


@jax.jit
def run(trunk, x):
    trunk = nnx.merge(*trunk)
    return trunk.activations(x), trunk(x)


@pytest.mark.parametrize("two_groups", [False, True])
def test_equals_an_implementation_in_numpy(two_groups):
    rng = np.random.default_rng(1)
    trunk = nnx.eval_shape(lambda: AlexNetTrunk(WIDTHS, two_groups=two_groups, rngs=nnx.Rngs(0)))
    layers = []
    for conv in trunk.convs:
        scale = np.sqrt(2 / np.prod(conv.kernel.shape[:3]))
        layers.append([np.float32(rng.normal(0, s, p.shape)) for p, s in ((conv.kernel, scale), (conv.bias, 1))])
        conv.kernel, conv.bias = map(nnx.Param, layers[-1])
    x = np.float32(rng.normal(0, 20, (2, 67, 75, 3)))  # large enough to show the response normalisation
    found, pooled = run(nnx.split(trunk), x)
    expected = reference(layers, x, two_groups=two_groups)
    assert [f.shape for f in found] == [e.shape for e in expected]
    for ours, theirs in zip([*found, pooled], [*expected, max_pool(expected[-1])], strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4 * theirs.max())


def test_responses_are_normalised_as_worked_by_hand():
    x = np.zeros((1, 1, 1, 7), np.float32)
    x[..., 2], x[..., 4] = 300, 400
    # Channel 0 sees channels 0 to 2, channel 2 sees 0 to 4, channel 4 sees 2 to 6.
    expected = [0, 0, 300 / (1 + 2e-5 * 250_000) ** 0.75, 0, 400 / (1 + 2e-5 * 250_000) ** 0.75, 0, 0]
    np.testing.assert_allclose(normalise_responses(x)[0, 0, 0], expected, rtol=1e-6)


def count(widths, *, two_groups):
    trunk = nnx.eval_shape(lambda: AlexNetTrunk(widths, two_groups=two_groups, rngs=nnx.Rngs(0)))
    return sum(leaf.size for leaf in jax.tree.leaves(nnx.state(trunk)))


def test_has_as_many_parameters_as_counted_by_hand():
    kernels = 11 * 11 * 3 * 64 + 5 * 5 * 64 * 192 + 9 * (192 * 384 + 384 * 256 + 256 * 256)
    assert count(TORCHVISION_WIDTHS, two_groups=False) == kernels + 64 + 192 + 384 + 256 + 256 == 2_469_696
    kernels = 11 * 11 * 3 * 96 + 5 * 5 * 48 * 256 + 9 * (256 * 384 + 192 * 384 + 192 * 256)
    assert count((96, 256, 384, 384, 256), two_groups=True) == kernels + 96 + 256 + 384 + 384 + 256 == 2_334_080


@pytest.mark.parametrize(
    ("size", "two_groups", "side"), [(227, True, 6), (67, True, 1), (66, True, 0), (224, False, 6), (63, False, 1)]
)
def test_the_size_of_its_features_is_known_before(size, two_groups, side):
    assert pooled_size(size, two_groups=two_groups) == side
    if side:
        image = jax.ShapeDtypeStruct((1, size, size, 3), np.float32)
        pooled = jax.eval_shape(lambda x: AlexNetTrunk(WIDTHS, two_groups=two_groups, rngs=nnx.Rngs(0))(x), image)
        assert pooled.shape == (1, side, side, 2)
