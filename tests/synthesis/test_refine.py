"""`refine`: images of every kind, windows, progress, mistakes."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image
from synthesis_reference import TINY, tiny_vgg

from pconv_jax import refine
from pconv_jax.common.errors import InputError
from pconv_jax.models.vgg import random_weights
from pconv_jax.synthesis.refine import NothingToCopyError, open_vgg
from pconv_jax.synthesis.settings import SynthesisSettings
from pconv_jax.synthesis.windows import choose_windows

VGG = tiny_vgg("block1_conv1")


def hole(height=32, width=32):
    found = np.zeros((height, width), bool)
    found[8:14, 8:24] = True
    return found


def picture(*shape, dtype=np.float32, seed=0):
    values = np.random.default_rng(seed).random((32, 32, *shape), np.float32)
    return values if dtype == np.float32 else (values * np.iinfo(dtype).max).astype(dtype)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("shape", [(), (1,), (3,), (4,)])
def test_only_holes_change(shape, dtype):
    image = picture(*shape, dtype=dtype)
    before = image.copy()
    found = refine(image, hole=hole(), vgg=VGG, settings=TINY)
    assert (found.shape, found.dtype) == (image.shape, image.dtype)
    np.testing.assert_array_equal(image, before)
    np.testing.assert_array_equal(found[~hole()], image[~hole()])
    assert (found[hole()] != image[hole()]).mean() > 0.5
    if shape == (4,):
        np.testing.assert_array_equal(found[..., 3], image[..., 3])
    np.testing.assert_array_equal(refine(image, 1 - hole(), vgg=VGG, settings=TINY), found)


@pytest.mark.parametrize("channels", [2, 4])
def test_colours_that_are_transparent_are_not_copied(channels):
    image = picture(4, dtype=np.uint8)
    image[..., 3] = 255
    image[:, 22:, 3] = 0
    images = []
    for colour in (0, 255):
        image[:, 24:, :3] = colour  # where the hole ends
        seen = Image.fromarray(image).convert("LA" if channels == 2 else "RGBA")
        images.append(np.asarray(refine(seen, hole=hole(), vgg=VGG, settings=TINY)))
    np.testing.assert_array_equal(images[0][hole()], images[1][hole()])
    assert (images[0][hole()] != np.asarray(seen)[hole()]).any()


def test_pictures_of_pillow_and_arrays_of_jax():
    expected = refine(picture(3, dtype=np.uint8), hole=hole(), vgg=VGG, settings=TINY)
    mask = Image.fromarray(np.where(hole(), 255, 0).astype(np.uint8))
    found = refine(Image.fromarray(picture(3, dtype=np.uint8)), mask, vgg=VGG, settings=TINY)
    np.testing.assert_array_equal(np.asarray(found), expected)
    grey = refine(Image.fromarray(picture(2, dtype=np.uint8)), mask, vgg=VGG, settings=TINY)
    assert grey.mode == "LA"
    array = refine(jnp.asarray(picture(3, dtype=np.uint8)), hole=hole(), vgg=VGG, settings=TINY)
    np.testing.assert_array_equal(array, expected)


def test_without_a_hole_nothing_happens():
    image = picture(3)
    np.testing.assert_array_equal(refine(image, hole=np.zeros((32, 32), bool), vgg=VGG, settings=TINY), image)


def test_stripes_come_back():
    """A grey hole in a pattern: the nearest patches know its other half."""
    truth = np.zeros((32, 32, 3), np.float32)
    truth[:, ::2] = 1
    start = np.where(hole()[..., None], 0.6 * truth + 0.2, truth)
    settings = dataclasses.replace(TINY, iterations=30, match_every=10, content=0.0, total_variation=0.0)
    found = refine(start, hole=hole(), vgg=VGG, settings=settings)
    assert np.abs(found - truth)[hole()].mean() < 0.3 * np.abs(start - truth)[hole()].mean()


def test_a_hole_larger_than_a_window_is_filled_from_its_edge():
    """In the middle nothing is valid: what earlier windows have refined is copied."""
    image, wide = np.random.default_rng(0).random((64, 64), np.float32), np.zeros((64, 64), bool)
    wide[8:56, 8:56] = True  # nine windows of one size
    calls = []
    found = refine(image, hole=wide, vgg=VGG, settings=TINY, progress=lambda done, total: calls.append((done, total)))
    assert (found[wide] != image[wide]).mean() > 0.9
    np.testing.assert_array_equal(found[~wide], image[~wide])
    assert calls == [(done, 18) for done in range(1, 19)]


@pytest.mark.parametrize("shape", [(20, 90), (100, 120), (300, 30)])
def test_windows_cover_every_hole_once_and_stay_inside(shape):
    rng = np.random.default_rng(0)
    scattered = rng.random(shape) < 0.01
    scattered[5:17, 2:29] = True
    count = np.zeros(shape, int)
    for window in choose_windows(scattered, TINY):
        assert window.core.any()
        for place, length in zip((window.rows, window.columns), shape, strict=True):
            assert 0 <= place.start < place.stop <= length
            assert place.stop - place.start <= TINY.window
        count[window.rows, window.columns] += window.core
        # The context, where the image has it.
        rows = np.flatnonzero(window.core.any(axis=1)) + window.rows.start
        assert window.rows.start <= max(0, rows[0] - TINY.context)
        assert window.rows.stop >= min(shape[0], rows[-1] + 1 + TINY.context)
    np.testing.assert_array_equal(count, scattered)


def test_nothing_left_to_copy_is_one_sentence():
    almost = np.ones((32, 32), bool)
    almost[:, :2] = False
    with pytest.raises(NothingToCopyError, match=r"no 3x3 patch of block1_conv1 .* 32x32 px at row 0, column 0"):
        refine(picture(3), hole=almost, vgg=VGG, settings=TINY)


def test_untrained_weights_need_a_word():
    vgg = random_weights(0, through="block1_conv1")
    with pytest.raises(InputError, match=r"random numbers \(seed 0, untrained\), and refining .* would make noise"):
        refine(picture(3), hole=hole(), vgg=vgg, settings=TINY)
    assert refine(picture(3), hole=hole(), vgg=vgg, settings=TINY, allow_untrained=True).shape == (32, 32, 3)
    with pytest.raises(InputError, match="--vgg-weights random cannot refine"):
        open_vgg("random", TINY)


@pytest.mark.parametrize("vgg", ["vgg16.npz", None])
def test_what_is_no_vgg_is_told(vgg):
    with pytest.raises(InputError, match=f"^vgg={vgg!r} is no VGG16: read a file with .*load_vgg_weights"):
        refine(picture(3), hole=hole(), vgg=vgg, settings=TINY)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"scales": 0}, "scales of the synthesis is 0, but it must be at least 1"),
        ({"iterations": 0}, "iterations of the synthesis is 0"),
        ({"texture": -1.0}, "texture of the synthesis is -1.0, but it must be a number of at least 0"),
        ({"content": float("nan")}, "content of the synthesis is nan"),
        ({"window": 16}, "window of the synthesis is 16 px, but it must be a multiple of 1 above 16 px"),
        ({"scales": 3, "window": 33}, "multiple of 4 above"),
        ({"iterations": 2.5}, "iterations of the synthesis is 2.5, but it must be a whole number"),
        ({"window": "256"}, "window of the synthesis is '256', but it must be a whole number"),
        ({"texture": "1"}, "texture of the synthesis is '1', but it must be a number of at least 0"),
        ({"layers": "block3_conv1"}, "layers of the synthesis is 'block3_conv1', but it must be a tuple of names"),
        ({"layers": ()}, "layers of the synthesis is empty"),
        ({"layers": ("conv9",)}, "VGG19 has no layer 'conv9'"),
        ({"layers": ("block1_conv2",)}, "layer block1_conv2 needs block1_conv2, which the weights from numbers lack"),
        ({"layers": ("block3_conv4",)}, "VGG16 has no layer 'block3_conv4'"),
    ],
)
def test_settings_that_make_no_sense(change, words):
    settings = dataclasses.replace(TINY, **change)
    if "window" not in change:
        settings = dataclasses.replace(settings, window=64)
    with pytest.raises(InputError, match=words):
        refine(picture(3), hole=hole(), vgg=VGG, settings=settings)


def test_mistakes_in_images():
    with pytest.raises(InputError, match=r"either mask .* or hole"):
        refine(picture(3), vgg=VGG, settings=TINY)
    with pytest.raises(InputError, match=r"valid pixels .* must lie in"):
        refine(picture(3) * 2, hole=hole(), vgg=VGG, settings=TINY)
    with pytest.raises(InputError, match="the hole is 32x32 and the image 24x32"):
        refine(np.zeros((32, 24, 3), np.uint8), hole=hole(), vgg=VGG, settings=TINY)


def test_vgg19_will_do(shared):
    vgg = open_vgg(str(shared / "weights" / "vgg19_conv1_1_to_conv3_4.npz"), SynthesisSettings())
    assert (vgg.network, vgg.preprocessing) == ("VGG19", "caffe")


def test_the_defaults_are_in_order():
    SynthesisSettings().check()
    assert SynthesisSettings().grid == 16


@pytest.mark.parametrize("value", [np.nan, 1.5])
def test_holes_that_were_not_inpainted_are_named(value):
    image = picture(3)
    image[hole()] = value
    with pytest.raises(InputError, match="the holes hold values that are NaN, infinite or not in"):
        refine(image, hole=hole(), vgg=VGG, settings=TINY)
