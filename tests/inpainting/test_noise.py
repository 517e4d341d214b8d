"""Noise of the photograph, which the network does not see."""

import cv2
import numpy as np
import pytest
import skimage.data
from inpainter_examples import SMALL, damaged, untrained

import pconv_jax
from pconv_jax.checkpoints.remembered import RememberedGenerator
from pconv_jax.checkpoints.weights_file import load_generator_weights
from pconv_jax.inpainting.inpainter import Inpainter
from pconv_jax.inpainting.noise import smoothed, white_noise

NOTHING_HIDDEN = np.zeros((160, 160), bool)


def noisy(values, level, *, seed=0, blur=0.0):
    """Values of 0 to 255 with noise of a standard deviation, 8 bits."""
    noise = np.random.default_rng(seed).normal(0, 1, np.shape(values))
    if blur:
        noise = cv2.GaussianBlur(noise, (0, 0), blur)
    return np.clip(np.rint(values + noise * (level / noise.std())), 0, 255).astype(np.uint8)


def grey_field(level, **kind):
    return noisy(np.full((160, 160, 3), 120.0), level, **kind)


def test_noise_is_known_by_its_standard_deviation():
    for level in (8, 20):
        assert 255 * white_noise(grey_field(level), NOTHING_HIDDEN) == pytest.approx(level, rel=0.1)
    as_16_bits = grey_field(20).astype(np.uint16) * 257
    assert white_noise(as_16_bits, NOTHING_HIDDEN) == pytest.approx(white_noise(grey_field(20), NOTHING_HIDDEN))
    assert 255 * white_noise(grey_field(20)[..., :1], NOTHING_HIDDEN) == pytest.approx(20, rel=0.1)


def test_little_noise_grain_and_detail_are_left():
    assert white_noise(grey_field(2.5), NOTHING_HIDDEN) == 0
    assert 0 < 255 * white_noise(grey_field(4.2), NOTHING_HIDDEN) < 4  # half way
    assert white_noise(grey_field(20, blur=0.9), NOTHING_HIDDEN) == 0  # grain: neighbours are alike
    assert white_noise(np.full((160, 160, 3), 120, np.uint8), NOTHING_HIDDEN) == 0
    for photograph in (skimage.data.astronaut(), skimage.data.coffee(), skimage.data.camera()[..., None]):
        assert white_noise(photograph, np.zeros(photograph.shape[:2], bool)) == 0
    gravel = skimage.data.gravel()[..., None]
    assert white_noise(gravel, np.zeros(gravel.shape[:2], bool)) == 0


def test_what_is_hidden_clipped_or_alpha_does_not_count():
    pixels = np.dstack([grey_field(10), np.full((160, 160), 200, np.uint8)])
    known = white_noise(pixels, NOTHING_HIDDEN)
    assert known == white_noise(pixels[..., :3], NOTHING_HIDDEN)
    hidden = NOTHING_HIDDEN.copy()
    hidden[:, :112] = True
    pixels[hidden] = 120
    assert 255 * white_noise(pixels, hidden) == pytest.approx(10, rel=0.1)
    pixels[hidden] = 255  # a border without noise
    assert 255 * white_noise(pixels, NOTHING_HIDDEN) == pytest.approx(10, rel=0.1)
    assert white_noise(grey_field(20)[:40, :40], NOTHING_HIDDEN[:40, :40]) == 0  # four blocks
    assert white_noise(pixels, ~NOTHING_HIDDEN) == 0
    for thin in (grey_field(20)[:, :9], grey_field(20)[:9]):
        assert white_noise(thin, NOTHING_HIDDEN[: len(thin), : thin.shape[1]]) == 0


def test_of_large_images_some_rows_are_looked_at():
    pixels = np.tile(grey_field(10), (1, 60, 1))  # 10 rows of 600 blocks
    tall = np.concatenate([pixels] * 12)
    assert 255 * white_noise(tall, np.zeros(tall.shape[:2], bool)) == pytest.approx(10, rel=0.1)


def test_smoothing_leaves_edges_and_what_is_hidden():
    pixels = np.full((64, 64, 4), 60.0)
    pixels[:, 32:, :3] = 180
    values = (noisy(pixels, 10) / 255).astype(np.float32)
    unseen = np.zeros((64, 64), bool)
    unseen[20:24] = True
    found = smoothed(values, unseen, 10 / 255)
    dark, bright = found[:20, :32, :3], found[:20, 32:, :3]
    for side, level in ((dark, 60), (bright, 180)):
        assert 255 * side.mean() == pytest.approx(level, abs=1)
        assert 255 * side.std() < 4
    np.testing.assert_array_equal(found[unseen], values[unseen])
    np.testing.assert_array_equal(found[..., 3], values[..., 3])
    values[unseen] = 1
    np.testing.assert_array_equal(smoothed(values, unseen, 10 / 255)[~unseen], found[~unseen])


def test_brightness_can_keep_its_noise():
    values = (grey_field(20) / 255).astype(np.float32)
    luma = np.array([0.299, 0.587, 0.114])
    found = smoothed(values, NOTHING_HIDDEN, 20 / 255, brightness=False)
    np.testing.assert_allclose(found @ luma, values @ luma, atol=1e-5)
    assert np.ptp(found, axis=2).mean() < 0.4 * np.ptp(values, axis=2).mean()


@pytest.mark.parametrize("weights", ["faithful", "sharp"])
def test_noise_is_not_continued_into_holes(monkeypatch, weights):
    truth = skimage.data.astronaut()[:160, 100:260]
    image = noisy(truth, 20)
    hole = pconv_jax.random_lines(np.random.default_rng(1), 160, 160, count=(6, 6), thickness=(3, 3))[..., 0] == 0
    inpainter = Inpainter.from_pretrained(weights)
    error = []
    for seen in (inpainter(image, hole=hole), shown_as_it_is(monkeypatch, inpainter, image, hole)):
        np.testing.assert_array_equal(seen[~hole], image[~hole])
        error.append(10 * np.log10(np.mean((seen.astype(float) - truth)[hole] ** 2)))
    assert error[0] < error[1] - 1  # dB


def shown_as_it_is(monkeypatch, inpainter, image, hole):
    with monkeypatch.context() as patched:
        patched.setattr("pconv_jax.inpainting.window_pass.white_noise", lambda *_: 0.0)
        return inpainter(image, hole=hole)


def test_a_network_that_draws_texture_sees_the_noise_of_brightness(monkeypatch):
    image = np.repeat(noisy(skimage.data.camera()[100:200, 150:260], 20)[..., None], 3, axis=2)
    hole = np.zeros(image.shape[:2], bool)
    hole[40:44, 10:100] = True
    change = {}
    for weights in ("faithful", "sharp"):
        inpainter = Inpainter.from_pretrained(weights)
        results = inpainter(image, hole=hole), shown_as_it_is(monkeypatch, inpainter, image, hole)
        change[weights] = np.abs(results[0].astype(int) - results[1]).max()
    assert change["sharp"] <= 1 and change["faithful"] > 10


def test_floating_point_is_shown_as_it_is(monkeypatch):
    image = (grey_field(20) / 255).astype(np.float32)
    hole = NOTHING_HIDDEN.copy()
    hole[50:53] = True
    inpainter = Inpainter(untrained())
    np.testing.assert_array_equal(inpainter(image, hole=hole), shown_as_it_is(monkeypatch, inpainter, image, hole))


def test_windows_meet_without_a_seam():
    model = untrained()
    image, mask = damaged(200, 260, seed=2, spots=6)
    image = noisy(image, 20)
    assert white_noise(image, mask == 0) > 0.05
    small, large = (Inpainter(model, windows=sizes)(image, mask).astype(int) for sizes in (SMALL, (384,)))
    assert np.abs(small - large).max() <= 1


@pytest.mark.parametrize(("weights", "draws"), [("faithful", False), ("sharp", True)])
def test_networks_with_an_adversarial_loss_draw_texture(weights, draws):
    trained = load_generator_weights(weights)
    assert trained.draws_texture is draws
    assert RememberedGenerator.note_of(trained)["draws_texture"] is draws
