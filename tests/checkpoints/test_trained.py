"""A trained generator on images: shapes, valid pixels, what is too deep to fill, and refusals."""

import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from pconv_jax.checkpoints.trained import TrainedGenerator
from pconv_jax.common.errors import InputError
from pconv_jax.models import PaperConfig
from pconv_jax.models.initialize import initialize

CONFIG = PaperConfig(widths=(4,))


@pytest.fixture(scope="module")
def model() -> TrainedGenerator:
    params, stats = nnx.split(initialize(lambda: CONFIG.build(rngs=nnx.Rngs(0))), nnx.Param, nnx.BatchStat)[1:]
    return TrainedGenerator(CONFIG, params, stats)


@pytest.fixture
def image() -> np.ndarray:
    return np.random.default_rng(0).random((2, 17, 23, 3), np.float32)


@pytest.fixture
def mask() -> np.ndarray:
    mask = np.ones((2, 17, 23, 1), np.float32)
    mask[0, 4:6] = 0
    mask[1, :, 20:] = 0
    return mask


def test_valid_pixels_are_those_of_the_image_and_holes_those_of_the_output(model, image, mask):
    result = model(image, mask)
    output, valid = model.raw(image, mask)
    holes = np.broadcast_to(mask == 0, image.shape)
    np.testing.assert_array_equal(result[~holes], image[~holes])
    np.testing.assert_array_equal(result[holes], output[holes])
    assert valid.all()
    assert result.dtype == np.float32
    assert 0 <= output.min() <= output.max() <= 1


def test_valid_pixels_of_float64_are_those_of_float32(model, image, mask):
    precise = image.astype(np.float64) * (1 - 1e-12)  # which float32 cannot tell from the image
    valid = np.broadcast_to(mask == 1, image.shape)
    np.testing.assert_array_equal(model(precise, mask)[valid], precise.astype(np.float32)[valid])


def test_what_lies_in_a_hole_does_not_matter(model, image, mask):
    poisoned = np.where(mask == 1, image, np.nan)
    np.testing.assert_array_equal(model(poisoned, mask), model(image, mask))


def test_single_images_and_masks_without_a_channel(model, image, mask):
    both = model(image, mask)
    assert model(image[0], mask[0]).shape == (17, 23, 3)
    np.testing.assert_allclose(model(image[0], mask[0, ..., 0]), both[0], atol=1e-6)
    np.testing.assert_array_equal(model(image, hole=mask[..., 0] == 0), both)


def test_holes_too_deep_are_told(model, image):
    assert model.widest_line < 17
    with pytest.warns(UserWarning, match=rf"pixels lie too deep .* up to {model.widest_line} px wide"):
        result = model(image, np.zeros((2, 17, 23, 1)))
    assert not result.any()


def test_plain_convolutions_fill_every_hole(image):
    config = PaperConfig(widths=(4,), convolution="plain")
    params, stats = nnx.split(initialize(lambda: config.build(rngs=nnx.Rngs(0))), nnx.Param, nnx.BatchStat)[1:]
    model = TrainedGenerator(config, params, stats)
    assert model.widest_line is None
    holes = np.zeros((2, 17, 23, 1))  # and no warning, which would be an error
    np.testing.assert_array_equal(model(np.full_like(image, np.nan), holes), model(image, holes))


def test_the_module_is_there_for_a_look_inside(model):
    assert model.module.config == CONFIG
    assert model.module.encoder[0][0].norm.use_running_average


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda i, m: (i[..., 0], m), r"an image must be \[N, H, W, 3\]"),
        (lambda i, m: (i[:, :0], m[:, :0]), r"must have pixels, and this one has the shape \(2, 0, 23, 3\)"),
        (lambda i, m: (i, m[:, 1:]), r"the mask is of shape \(2, 16, 23\) and the image of shape \(2, 17, 23\)"),
        (lambda i, m: ((i * 255).astype(np.uint8), m), "not uint8: divide bytes by 255"),
        (lambda i, m: (i, m * 255), "holds 255"),
        (lambda i, m: (i * 200, m), "valid pixels must lie in"),
        (lambda i, m: (np.where(i == i.max(), np.nan, i), np.ones_like(m)), r"1 of these \d+ values are NaN"),
    ],
)
def test_images_and_masks_that_do_not_fit_are_refused(model, image, mask, change, message):
    with pytest.raises(InputError, match=message):
        model(*change(image, mask))


def test_images_may_be_bfloat16(model, image, mask):
    rounded = np.asarray(image, jnp.bfloat16)
    np.testing.assert_array_equal(model(rounded, mask), model(rounded.astype(np.float32), mask))


@pytest.mark.parametrize("about", [{"thickest_line": 24.0}, {"thickest_line": "24"}, {"settings": [1]}])
def test_facts_that_could_not_be_read_back_are_refused_at_once(model, about):
    with pytest.raises(InputError, match=r"about (says thickest_line=|holds settings)"):
        TrainedGenerator(model.config, model.params, model.stats, about=about)


def test_what_a_sigmoid_gives_too_deep_in_a_hole_is_left_black_too(image):
    config = PaperConfig(widths=(4,), head="sigmoid")
    params, stats = nnx.split(initialize(lambda: config.build(rngs=nnx.Rngs(0))), nnx.Param, nnx.BatchStat)[1:]
    sigmoid = TrainedGenerator(config, params, stats)
    hole = np.ones((2, 17, 23), bool)
    with pytest.warns(UserWarning, match="are left black"):
        np.testing.assert_array_equal(sigmoid(image, hole=hole), np.zeros_like(image))
    assert sigmoid.raw(image, np.zeros((2, 17, 23, 1), np.float32))[0].min() > 0
