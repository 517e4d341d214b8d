"""The generator over a cheap fill: wiring, any size, what it sees, parts of a whole, gradients, mistakes."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from pconv_jax.common.errors import InputError
from pconv_jax.models import FillCorrectingConfig, FillCorrectingGenerator
from pconv_jax.models.fill import pyramid_fill
from pconv_jax.models.initialize import initialize
from pconv_jax.models.registry import config_from_json, config_to_json
from pconv_jax.models.residual_unet import decoder_context, depth_to_space, space_to_depth
from pconv_jax.models.vgg import max_pool

CONFIG = FillCorrectingConfig(widths=(6, 8), blocks=(1, 2))
SMALLEST = FillCorrectingConfig(widths=(6,), blocks=(1,))


def build(config=CONFIG, **kwargs):
    """A network with parameters large enough that every one of them matters."""
    graph, state = nnx.split(nnx.eval_shape(lambda: FillCorrectingGenerator(config, rngs=nnx.Rngs(0), **kwargs)))
    rng = np.random.default_rng(1)

    def number(leaf):
        return jnp.asarray(rng.normal(0, np.sqrt(1 / np.prod(leaf.shape[:-1])), leaf.shape), jnp.float32)

    return nnx.merge(graph, jax.tree.map(number, state))


def picture(height=24, width=24, batch=2, seed=0):
    rng = np.random.default_rng(seed)
    mask = (rng.random((batch, height, width, 1)) < 0.8).astype(np.float32)
    mask[0, 4:10, 5:11] = 0
    return rng.random((batch, height, width, 3)).astype(np.float32), mask


@pytest.fixture(scope="module")
def model():
    return build()


@jax.jit
def compiled(parts, *inputs, **named):
    """As one program: its many operations one by one would take seconds to compile."""
    return nnx.merge(*parts)(*inputs, **named)


def test_it_is_the_one_described(model):
    """Written out from the docstrings, with plain lax convolutions."""
    image, mask = picture()

    def conv(layer, x, stride=1):
        y = jax.lax.conv_general_dilated(
            x, layer.conv.kernel[...], (stride, stride), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
        )
        return y + layer.conv.bias[...].reshape(1, 1, 1, -1)

    def leaky(x):
        return jnp.maximum(x, 0.1 * x)

    def block(layer, x):
        return x + conv(layer.second, leaky(conv(layer.first, x)))

    fill = jnp.asarray(pyramid_fill(image, mask))
    x = conv(model.stem, space_to_depth(jnp.concatenate([fill - 0.5, 1 - mask], axis=-1)))
    fine = block(model.encoder[0][0], x)
    x = conv(model.down[0], fine, stride=2)
    for each in model.encoder[1]:
        x = block(each, x)
    x = block(model.decoder[0][0], fine + depth_to_space(conv(model.up[0], x)))
    expected = fill + depth_to_space(conv(model.head, leaky(x)))
    output, valid = model(image, mask)
    np.testing.assert_allclose(output, expected, atol=1e-5)
    assert valid.shape == mask.shape
    assert valid.all()


def test_depth_and_space_by_hand_and_back():
    x = jnp.arange(16.0).reshape(1, 4, 4, 1)
    assert space_to_depth(x)[0, 0, 1].tolist() == [2.0, 3.0, 6.0, 7.0]
    np.testing.assert_array_equal(depth_to_space(space_to_depth(x)), x)


def test_it_starts_close_to_the_fill():
    image, mask = picture(32, 32)
    fresh = initialize(lambda: FillCorrectingGenerator(FillCorrectingConfig(), rngs=nnx.Rngs(0)))
    change = np.asarray(fresh(image, mask)[0]) - pyramid_fill(image, mask)
    assert 0 < np.abs(change).mean() < 0.03


def test_what_lies_in_holes_changes_no_bit(model):
    image, mask = picture()
    for poison in (np.nan, np.inf, -7.0):
        poisoned = np.where(mask == 1, image, np.float32(poison))
        np.testing.assert_array_equal(model(poisoned, mask)[0], model(image, mask)[0])


@pytest.mark.parametrize(("height", "width"), [(1, 1), (7, 4), (16, 9), (21, 30)])
def test_any_size_is_as_if_padded_further(model, height, width):
    image, mask = picture(height, width)
    output, valid = compiled(nnx.split(model), image, mask)
    assert output.shape == image.shape
    assert valid.shape == mask.shape
    around = ((0, 0), (0, 40 - height), (0, 40 - width), (0, 0))
    inside = np.pad(np.ones_like(mask), around)
    image = np.pad(image, around, constant_values=3)
    wider = compiled(nnx.split(model), image, np.pad(mask, around), inside=inside)[0]
    np.testing.assert_allclose(wider[:, :height, :width], output, rtol=1e-4, atol=2e-5)  # sums in another order


def test_the_context_of_the_decoder_by_hand():
    # Head and two convolutions at 2 px each; then 6 px are two pixels of 4, and two or four more for the convolutions.
    assert [decoder_context((1, 1, 1), level) for level in range(2)] == [6, 16]
    assert [decoder_context((0, 2, 1), level) for level in range(2)] == [2, 20]


@pytest.mark.parametrize("margin", [8, 16, 24])
def test_without_its_margin_it_is_the_middle_of_the_whole(margin):
    model = build(FillCorrectingConfig((6, 8, 4), (1, 1, 1)))
    image, mask = picture(64, 72)
    inside = np.ones_like(mask)
    inside[:, 52:], inside[:, :, :12] = 0, 0  # the border of an image on two sides
    mask *= inside
    whole, _ = compiled(nnx.split(model), image, mask, inside=inside)
    output, valid = jax.jit(lambda *x: model(*x, inside=inside, margin=margin))(image, mask)
    middle = (slice(None), slice(margin, 64 - margin), slice(margin, 72 - margin))
    np.testing.assert_allclose(output, whole[middle], rtol=1e-4, atol=2e-5)
    assert valid.shape == (*output.shape[:3], 1)


@pytest.mark.parametrize(("size", "margin"), [((64, 64), 12), ((64, 60), 16), ((32, 64), 16)])
def test_margins_that_cannot_be(size, margin):
    with pytest.raises(InputError, match=f"margin={margin} of {size[1]}x{size[0]} px"):
        build(FillCorrectingConfig((6, 8, 4), (1, 1, 1)))(*picture(*size), margin=margin)


def test_far_away_it_sees_nothing_but_through_the_fill(model):
    image, mask = picture(96, 96, batch=1)
    mask[:] = 1
    mask[0, 40:44, 40:44] = 0
    changed = image.copy()
    changed[0, :8] = 0.9
    np.testing.assert_array_equal(model(changed, mask)[0][0, 60:], model(image, mask)[0][0, 60:])
    assert (np.asarray(model(changed, mask)[0][0, :8]) != np.asarray(model(image, mask)[0][0, :8])).any()


def test_gradients_reach_every_parameter_and_are_finite_with_nan_in_holes(model):
    image, mask = picture()
    graph, params = nnx.split(model, nnx.Param)

    def loss(params):
        output, _ = nnx.merge(graph, params)(np.where(mask == 1, image, np.nan), mask)
        return jnp.sum(jnp.square(output - 0.3))

    for gradient in jax.tree.leaves(jax.grad(loss)(params)):
        assert np.isfinite(gradient).all()
        assert np.abs(gradient).max() > 0


def test_training_brings_the_loss_in_the_hole_far_below_that_of_the_fill():
    rows, columns = np.mgrid[:8, :8]
    image = np.repeat((np.sin(rows + 2 * columns) / 2 + 0.5)[None, ..., None], 3, axis=3).astype(np.float32)
    mask = np.ones((1, 8, 8, 1), np.float32)
    mask[:, 2:6, 3:7] = 0
    graph, params = nnx.split(initialize(lambda: FillCorrectingGenerator(SMALLEST, rngs=nnx.Rngs(0))))
    optimizer = optax.adam(1e-2)

    def error_in_hole(output):
        return ((output - image)[:, 2:6, 3:7] ** 2).mean()

    @jax.jit
    def step(params, state):
        loss, grads = jax.value_and_grad(lambda params: error_in_hole(nnx.merge(graph, params)(image, mask)[0]))(params)
        updates, state = optimizer.update(grads, state)
        return optax.apply_updates(params, updates), state, loss

    state, losses = optimizer.init(params), []
    for _ in range(60):
        params, state, loss = step(params, state)
        losses.append(float(loss))
    of_the_fill = error_in_hole(pyramid_fill(image, mask))
    assert losses[0] == pytest.approx(of_the_fill, rel=0.05)
    assert losses[-1] < 0.1 * of_the_fill


def test_bfloat16_stays_close_and_keeps_the_fill(model):
    image, mask = picture()
    low = build(dtype=jnp.bfloat16)(image, mask)[0]
    assert low.dtype == jnp.float32
    np.testing.assert_allclose(low, model(image, mask)[0], atol=0.05 * np.abs(low).max())


def test_no_line_is_too_wide():
    assert FillCorrectingConfig().widest_line() is None
    model = build()
    mask = np.ones((1, 256, 64, 1), np.float32)
    mask[:, 16:240] = 0
    output = np.asarray(model(np.full((1, 256, 64, 3), 0.5, np.float32), mask)[0])
    assert np.isfinite(output).all()


def test_notes_lead_back_to_the_configuration():
    for config in (CONFIG, FillCorrectingConfig()):
        assert config_from_json(config_to_json(config), "here") == config
    assert isinstance(nnx.eval_shape(lambda: CONFIG.build(rngs=nnx.Rngs(0))), FillCorrectingGenerator)


@pytest.mark.parametrize(
    "noted",
    [
        {"network": "pyramid", "widths": [4, 4], "blocks": [1]},
        {"network": "pyramid", "widths": [4, 4], "blocks": 1},
        {"network": "unheard of", "widths": [4]},
        {"network": "pyramid", "widths": [4], "blocks": [1], "kernel_size": 3},
    ],
)
def test_notes_of_another_network_are_refused(noted):
    with pytest.raises(InputError, match=r"^here holds a generator that this version cannot build"):
        config_from_json(noted, "here")


@pytest.mark.parametrize(
    ("kwargs", "named"),
    [
        ({"widths": ()}, r"widths=\(\)"),
        ({"widths": (4, 0), "blocks": (1, 1)}, r"widths=\(4, 0\)"),
        ({"widths": (4,), "blocks": (1, 1)}, r"blocks=\(1, 1\)"),
        ({"widths": (4,), "blocks": (-1,)}, r"blocks=\(-1,\)"),
    ],
)
def test_a_network_that_cannot_be_is_named(kwargs, named):
    with pytest.raises(InputError, match=named):
        FillCorrectingConfig(**kwargs)


def test_inputs_of_another_shape_are_named(model):
    with pytest.raises(InputError, match=r"\(1, 8, 8, 4\)"):
        model(np.zeros((1, 8, 8, 4), np.float32), np.ones((1, 8, 8, 1), np.float32))
    with pytest.raises(InputError, match=r"\(1, 8, 8, 3\)"):
        model(np.zeros((1, 8, 8, 3), np.float32), np.ones((1, 8, 8, 3), np.float32))


def test_a_mask_of_other_values_is_named(model):
    with pytest.raises(InputError, match="holds 255"):
        model(np.zeros((1, 8, 8, 3), np.float32), np.full((1, 8, 8, 1), 255, np.float32))


def test_under_jit_whatever_is_not_0_is_valid(model):
    image, mask = picture()
    np.testing.assert_array_equal(
        compiled(nnx.split(model), image, 255 * mask)[0], compiled(nnx.split(model), image, mask)[0]
    )


def test_a_numpy_mask_goes_with_a_traced_image():
    model, (image, mask) = build(), (jnp.full((1, 16, 24, 3), 0.5), np.ones((1, 16, 24, 1), np.float32))
    mask[:, 4:8, 3:20] = 0
    expected, _ = model(image, jnp.asarray(mask))
    found, _ = nnx.jit(lambda network, x: network(x, mask))(model, image)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert np.isfinite(jax.grad(lambda x: model(x, mask)[0].sum())(image)).all()


def test_images_without_rows_stay_without():
    output, updated = build()(jnp.zeros((1, 0, 16, 3)), jnp.ones((1, 0, 16, 1)))
    assert output.shape == (1, 0, 16, 3) and updated.shape == (1, 0, 16, 1)


def test_arrays_may_be_sharded_over_an_explicit_mesh():
    mesh = jax.make_mesh((4,), ("data",), axis_types=(jax.sharding.AxisType.Explicit,))
    place = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("data"))
    model, rng = build(), np.random.default_rng(0)
    image, mask = jnp.asarray(rng.random((4, 16, 16, 3)), jnp.float32), np.ones((4, 16, 16, 1), np.float32)
    mask[:, 4:8, 3:13] = 0
    expected = model(image, jnp.asarray(mask))[0]
    found = model(*(jax.device_put(x, place) for x in (image, mask)))[0]
    np.testing.assert_allclose(found, expected, atol=1e-5)
    np.testing.assert_array_equal(max_pool(jax.device_put(image, place)), max_pool(image))
