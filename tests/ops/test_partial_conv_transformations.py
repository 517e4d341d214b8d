"""Partial convolution under jit, vmap, grad and shard_map, the type of its mask, and the operations it is made of."""

import functools

import jax
import jax.export
import jax.numpy as jnp
import numpy as np
import pytest
from convolutions import example, operations
from jax import lax
from jax.sharding import Mesh, PartitionSpec

from pconv_jax.ops import partial_conv


@pytest.fixture(scope="module")
def batch():
    """Four examples, one for each of the simulated devices, and the eager result."""
    given = example((9, 8, 4), 2, (3, 3), 5, batch=4)
    return given, partial_conv(*given, stride=2)


def close(found, expected):
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5), found, expected)


strided = functools.partial(partial_conv, stride=2)


def test_jit_is_eager(batch):
    given, expected = batch
    close(jax.jit(strided)(*given), expected)


def test_vmap_is_eager(batch):
    (x, mask, kernel, bias), expected = batch
    over_examples = jax.jit(jax.vmap(strided, in_axes=(0, 0, None, None)))
    y, updated = over_examples(x[:, None], mask[:, None], kernel, bias)
    close((y[:, 0], updated[:, 0]), expected)
    over_kernels = jax.jit(jax.vmap(strided, in_axes=(None, None, 0, 0)))
    y, updated = over_kernels(x, mask, np.stack([kernel, -kernel]), np.stack([bias, -bias]))
    close((y[0], updated[0]), expected)
    close((-y[1], updated[1]), expected)


def energy(kernel, bias, x, mask):
    return (strided(x, mask, kernel, bias)[0] ** 2).sum()


def test_grad_is_the_same_eager_and_jitted_and_that_of_differences(batch):
    (x, mask, kernel, bias), _ = batch
    value, gradient = jax.value_and_grad(energy, argnums=(0, 1))(kernel, bias, x, mask)
    close(jax.jit(jax.grad(energy, argnums=(0, 1)))(kernel, bias, x, mask), gradient)
    # Quadratic in kernel and bias together, so that the central difference has no error of its own.
    energy_at = [energy(kernel * scale, bias * scale, x, mask) for scale in (1.25, 0.75)]
    slope = sum((g * p).sum() for g, p in zip(gradient, (kernel, bias), strict=True))
    np.testing.assert_allclose((energy_at[0] - energy_at[1]) / 0.5, slope, rtol=1e-4)
    np.testing.assert_allclose(slope, 2 * value, rtol=1e-4)


def test_shard_map_over_four_devices_is_eager(batch):
    (x, mask, kernel, bias), expected = batch
    devices = jax.devices()
    assert len(devices) == 4
    mesh = Mesh(np.array(devices), ("data",))
    split, whole = PartitionSpec("data"), PartitionSpec()

    @jax.jit
    @functools.partial(
        jax.shard_map, mesh=mesh, in_specs=(whole, whole, split, split), out_specs=((split, split), whole)
    )
    def step(kernel, bias, x, mask):
        assert x.shape[0] == 1
        mine = lax.pcast(kernel, "data", to="varying"), lax.pcast(bias, "data", to="varying")
        gradient = jax.grad(energy, argnums=(0, 1))(*mine, x, mask)
        return strided(x, mask, kernel, bias), lax.psum(gradient, "data")

    found, gradient = step(kernel, bias, x, mask)
    assert len(found[0].sharding.device_set) == 4
    close(found, expected)
    close(gradient, jax.grad(energy, argnums=(0, 1))(kernel, bias, x, mask))


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int32", "float16", "bfloat16", "float32"])
def test_the_updated_mask_has_the_dtype_of_the_mask_and_it_changes_nothing(batch, dtype):
    (x, mask, kernel, bias), (y, updated) = batch
    found, found_mask = strided(x, jnp.asarray(mask, dtype), kernel, bias)
    assert found_mask.dtype == dtype
    np.testing.assert_array_equal(found, y)
    np.testing.assert_array_equal(found_mask.astype(jnp.float32), updated)


def test_no_gradient_flows_to_the_mask(batch):
    (x, mask, kernel, bias), _ = batch

    def total(mask):
        y, updated = strided(x, mask, kernel, bias)
        return (y**2).sum() + updated.sum()

    assert not jax.grad(total)(jnp.asarray(mask)).any()
    assert jax.jvp(total, (jnp.asarray(mask),), (jnp.ones_like(mask),))[1] == 0


@pytest.mark.parametrize(
    ("masks", "groups", "feature_groups", "distinct"),
    [(1, None, 1, 1), (2, None, 1, 2), (3, (30, 1, 1), 1, 3), (32, None, 1, 32), (1, None, 4, 1), (2, None, 4, 2)],
)
def test_the_mask_path_is_one_separable_sum_over_the_distinct_masks(masks, groups, feature_groups, distinct):
    x, mask, kernel, bias = example((6, 6, 32), masks, (3, 3), 48, feature_groups=feature_groups)
    x, kernel, bias = (jnp.asarray(a, jnp.bfloat16) for a in (x, kernel, bias))
    kwargs = {"mask_groups": groups, "feature_groups": feature_groups}

    def forward(x, kernel, bias):
        return partial_conv(x, mask, kernel, bias, **kwargs)[0]

    def windowed(function):
        found = [o for o in operations(function, x, kernel, bias) if "conv_general" in o[0] or "window" in o[0]]
        features = [given for name, given in found if name == "conv_general_dilated"]
        return features, [given for name, given in found if name != "conv_general_dilated"]

    features, counts = windowed(forward)
    assert len(features) == 1
    assert len(counts) == 2  # along rows, then along columns
    for count in counts:
        assert count.shape[:-1] == mask.shape[:-1]
        assert count.shape[-1] <= max(distinct, feature_groups if distinct > 1 else 1)
        assert count.dtype == jnp.float32
    # Backward: one convolution for x and one for the kernel, and nothing more on the mask path.
    features, counts = windowed(jax.grad(lambda *a: forward(*a).sum(), argnums=(0, 1, 2)))
    assert len(features) == 3
    assert len(counts) == 2


@pytest.mark.parametrize("padding", ["SAME", "valid"])
def test_it_is_exported_for_images_of_any_size(padding):
    kernel = jnp.asarray(np.random.default_rng(0).normal(size=(3, 3, 2, 4)), jnp.float32)

    def strided(x, mask):
        return partial_conv(x, mask, kernel, stride=2, padding=padding)

    n, height, width = jax.export.symbolic_shape("n, h, w", constraints=["h >= 4", "w >= 4"])
    shapes = (jax.ShapeDtypeStruct((n, height, width, channels), jnp.float32) for channels in (2, 1))
    exported = jax.export.export(jax.jit(strided))(*shapes)
    for size in ((1, 8, 8), (2, 7, 5)):
        x = jnp.asarray(np.random.default_rng(1).random((*size, 2)), jnp.float32)
        mask = jnp.ones((*size, 1)).at[:, 2:4].set(0)
        close(exported.call(x, mask), strided(x, mask))
