"""The damage detector: wiring, any size, what lies around an image, parts of a whole, mistakes."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from detectors import PIXELWISE, pale_detector
from flax import nnx
from networks import assert_all_reached, build, count, gradients, parts

from pconv_jax.common.errors import InputError
from pconv_jax.models.detector import DetectorConfig
from pconv_jax.models.residual_unet import depth_to_space, space_to_depth

CONFIG = DetectorConfig(widths=(6, 8), blocks=(1, 1))
REACH = 24  # px, of CONFIG in all directions: encoder and decoder together


def picture(height, width, seed=0):
    return np.random.default_rng(seed).random((1, height, width, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def model():
    return build(CONFIG)


@functools.partial(jax.jit, static_argnames="margin")
def _run(parts, image, inside, margin):
    return nnx.merge(*parts)(image, inside=inside, margin=margin)


@pytest.fixture(scope="module")
def looks(model):
    """The network as one program."""
    split = nnx.split(model)
    return lambda image, inside=None, margin=0: np.asarray(_run(split, image, inside, margin))


def test_it_is_the_one_described(model, looks):
    """Written out from the docstrings, with plain lax convolutions."""

    def conv(layer, x, stride=1):
        y = jax.lax.conv_general_dilated(
            x, layer.conv.kernel[...], (stride, stride), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
        )
        return y + layer.conv.bias[...].reshape(1, 1, 1, -1)

    def leaky(x):
        return jnp.maximum(x, 0.1 * x)

    def block(layer, x):
        seen = x / jnp.sqrt(jnp.square(x).mean(axis=-1, keepdims=True) + 1e-3)
        return x + conv(layer.second, leaky(conv(layer.first, seen)))

    image = picture(32, 32)
    fine = block(model.encoder[0][0], conv(model.stem, space_to_depth(jnp.asarray(image) - 0.5)))
    coarse = block(model.encoder[1][0], conv(model.down[0], fine, stride=2))
    x = block(model.decoder[0][0], fine + depth_to_space(conv(model.up[0], coarse)))
    expected = depth_to_space(conv(model.head, leaky(x)))
    np.testing.assert_allclose(looks(image), expected, atol=2e-5)


def test_a_detector_of_one_resolution_by_hand():
    image = np.zeros((1, 2, 2, 3), np.float32)
    image[0, 0, 0], image[0, 0, 1], image[0, 1, 0] = 1, (1, 1, 0.7), (0.3, 0.6, 0.9)
    graph = nnx.split(nnx.eval_shape(lambda: PIXELWISE.build(rngs=nnx.Rngs(0))))[0]
    logits = _run((graph, pale_detector(gain=40).params), image, None, 0)
    np.testing.assert_allclose(logits[0, ..., 0], [[4, 0], [-12, -36]], atol=1e-4)  # 40 x (brightness - 0.9)
    np.testing.assert_allclose(logits[0, ..., 1], np.log(3), rtol=1e-5)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (5, 30)])
def test_any_size(looks, height, width):
    logits = looks(picture(height, width))
    assert logits.shape == (1, height, width, 2) and logits.dtype == np.float32
    assert np.isfinite(logits).all()


def test_what_lies_outside_does_not_matter(looks):
    image, around = picture(18, 21), picture(32, 32, seed=1)
    alone = looks(np.pad(image, ((0, 0), (0, 14), (0, 11), (0, 0))), inside_of(32, 32, 0, 0, 18, 21))
    for top, left, frame in ((8, 4, around), (4, 8, np.full_like(around, np.nan))):
        padded = frame.copy()
        padded[:, top : top + 18, left : left + 21] = image
        found = looks(padded, inside_of(32, 32, top, left, 18, 21))[:, top : top + 18, left : left + 21]
        np.testing.assert_allclose(found, alone[:, :18, :21], atol=1e-5)


def test_a_size_that_is_no_multiple_is_padded_without_a_trace(looks):
    image = picture(18, 21)
    framed = np.pad(image, ((0, 0), (0, 14), (0, 11), (0, 0)), constant_values=0.7)
    np.testing.assert_allclose(looks(image), looks(framed, inside_of(32, 32, 0, 0, 18, 21))[:, :18, :21], atol=1e-5)


def inside_of(height, width, top, left, rows, columns):
    inside = np.zeros((1, height, width, 1), np.float32)
    inside[:, top : top + rows, left : left + columns] = 1
    return inside


def test_images_of_a_batch_do_not_mix(looks):
    two = np.concatenate([picture(32, 32, seed=1), picture(32, 32, seed=2)])
    np.testing.assert_allclose(looks(two)[1:], looks(two[1:]), atol=1e-5)


def test_a_part_with_what_the_network_sees_around_it_equals_the_whole(looks):
    image = picture(72, 88)
    whole, part = looks(image), looks(image[:, 4:68, 8:80])
    inner = np.s_[:, REACH : 64 - REACH, REACH : 72 - REACH]
    np.testing.assert_allclose(part[inner], whole[:, 4 + REACH : 68 - REACH, 8 + REACH : 80 - REACH], atol=1e-5)


@pytest.mark.parametrize(("margin", "missing"), [(8, 0), (4, 4)])
def test_a_margin_is_only_seen(looks, margin, missing):
    image = picture(72, 88)
    logits, core = looks(image, margin=margin), looks(image)[:, margin:-margin, margin:-margin]
    assert logits.shape == (1, 72 - 2 * margin, 88 - 2 * margin, 2)
    # The last two convolutions and the head see 6 px; of a smaller margin less is right.
    inner = np.s_[:, missing : core.shape[1] - missing, missing : core.shape[2] - missing]
    np.testing.assert_allclose(logits[inner], core[inner], atol=1e-5)


def test_a_margin_and_what_is_inside(looks):
    image, inside = picture(32, 32), inside_of(32, 32, 6, 10, 18, 21)
    whole = looks(image, inside)[:, 8:-8, 8:-8]
    np.testing.assert_allclose(looks(image, inside, margin=8), whole, atol=1e-5)


def test_every_parameter_has_a_gradient():
    assert_all_reached(gradients(parts(build(CONFIG), train=True), picture(32, 32)))


def test_multiple_and_size_by_hand():
    assert PIXELWISE.multiple == 2 and CONFIG.multiple == 4 and DetectorConfig().multiple == 32
    # stem 3 x 3 x 12, head 3 x 3 x 8
    assert count(PIXELWISE) == (9 * 12 * 8 + 8) + (9 * 8 * 8 + 8)
    assert count(DetectorConfig()) * 2 < 4e6


def test_half_precision_gives_float32_that_is_nearly_the_same(looks):
    image = picture(32, 32)
    half = nnx.split(build(CONFIG, dtype=jnp.bfloat16))
    logits = _run(half, image, None, 0)
    assert logits.dtype == jnp.float32
    np.testing.assert_allclose(logits, looks(image), atol=0.3)


@pytest.mark.parametrize(
    ("shape", "margin", "match"),
    [
        ((24, 24, 3), 0, r"image has shape \(24, 24, 3\), but it must be \[N, H, W, 3\]"),
        ((1, 24, 24, 4), 0, "image has shape"),
        ((1, 24, 24, 1), 0, "image has shape"),
        ((1, 24, 24, 3), 3, "margin=3 of 24x24 px: with a margin all of them must be multiples of 4"),
        ((1, 24, 22, 3), 4, "margin=4 of 22x24 px"),
        ((1, 24, 24, 3), 12, "something must be left between the margins"),
    ],
)
def test_images_that_do_not_fit(model, shape, margin, match):
    with pytest.raises(InputError, match=match):
        model(np.zeros(shape, np.float32), margin=margin)


@pytest.mark.parametrize(
    ("values", "match"),
    [
        ({"widths": (), "blocks": ()}, r"widths=\(\) must hold at least one resolution"),
        ({"widths": (0, 4), "blocks": (1, 1)}, "widths="),
        ({"widths": (4, 4), "blocks": (1,)}, r"blocks=\(1,\) must be as many as widths="),
        ({"widths": (4,), "blocks": (-1,)}, "blocks="),
        ({"widths": (1, 10**6), "blocks": (1, 1)}, "widths=.* must be at most"),
        ({"widths": (4,) * 11, "blocks": (1,) * 11}, "has 11 entries"),
    ],
)
def test_configs_that_make_no_network(values, match):
    with pytest.raises(InputError, match=match):
        DetectorConfig(**values)
