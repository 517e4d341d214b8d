"""Half-transparent damage: what shows through it is kept."""

import numpy as np
import pytest
from PIL import Image

import pconv_jax
from pconv_jax.inpainting.half_transparent import fitted_veil, keep_detail


@pytest.fixture(scope="module")
def picture():
    """A slope with texture, [96, 128, 3] in [0, 1], and the slope alone, which is what a network makes of it."""
    slope = np.linspace(0.2, 0.7, 128, dtype=np.float32)[None, :, None] * np.ones((96, 1, 3), np.float32)
    texture = np.random.default_rng(0).normal(0, 0.06, (96, 128, 1)).astype(np.float32)
    return (slope + texture).clip(0, 1), slope


@pytest.fixture(scope="module")
def scratch():
    hole = np.zeros((96, 128), bool)
    hole[44:51] = True
    return hole


def damaged(truth, hole, *, opacity, colour=0.9):
    return np.where(hole[..., None], (1 - opacity) * truth + opacity * colour, truth).astype(np.float32)


def error(values, truth, hole):
    return np.sqrt(np.square(values.astype(np.float64) - truth)[hole].mean())


def test_opacity_and_colour_are_those_of_the_damage(picture, scratch):
    truth, slope = picture
    veil = fitted_veil(damaged(truth, scratch, opacity=0.4), np.where(scratch[..., None], slope, truth), scratch)
    assert np.abs(veil.opacity - 0.4).max() < 0.05 and veil.opacity.mean() == pytest.approx(0.4, abs=0.02)
    assert veil.colour == pytest.approx(0.9, abs=0.05)


@pytest.mark.parametrize("opacity", [0.2, 0.3, 0.5])
def test_the_colour_of_a_coloured_veil_is_found(picture, scratch, opacity):
    truth, slope = picture
    colour = np.array([0.95, 0.85, 0.6], np.float32)
    seen = damaged(truth, scratch, opacity=opacity, colour=colour)
    veil = fitted_veil(seen, np.where(scratch[..., None], slope, truth), scratch)
    assert veil.colour == pytest.approx(np.tile(colour, (len(veil.colour), 1)), abs=0.04)


def test_a_flat_scratch_by_hand():
    """40 % of grey 240 over 50 and 110, 130 and 190 is 126 and 162, 174 and 210; inpainted without detail."""
    truth, seen, guess = (np.zeros((96, 128, 3), np.uint8) for _ in range(3))
    for array, values in ((truth, (50, 110, 130, 190)), (seen, (126, 162, 174, 210)), (guess, (80, 80, 160, 160))):
        array[:, 0:64:2], array[:, 1:64:2], array[:, 64::2], array[:, 65::2] = values
    hole = np.zeros((96, 128), bool)
    hole[44:51] = True
    seen, guess = (np.where(hole[..., None], array, truth) for array in (seen, guess))
    veil = fitted_veil((seen / 255).astype(np.float32), (guess / 255).astype(np.float32), hole)
    assert veil.opacity == pytest.approx(0.4, abs=0.02) and veil.colour == pytest.approx(240 / 255, abs=0.02)
    divided = (seen[hole] / 255 - veil.opacity[:, None] * veil.colour) / (1 - veil.opacity[:, None])
    assert np.abs(255 * divided - truth[hole]).max() < 6  # levels, of a detail of 60
    result = keep_detail(guess, seen, hole)
    assert error(result, truth, hole) < error(guess, truth, hole)
    assert np.array_equal(result[~hole], truth[~hole])


@pytest.mark.parametrize(("opacity", "left"), [(0.1, 0.35), (0.2, 0.6), (0.3, 0.8)])
def test_texture_comes_back(picture, scratch, opacity, left):
    truth, slope = picture
    guess = np.where(scratch[..., None], slope, truth)
    result = keep_detail(guess, damaged(truth, scratch, opacity=opacity), scratch)
    assert error(result, truth, scratch) < left * error(guess, truth, scratch)


def test_opaque_damage_is_left_to_what_was_inpainted(picture, scratch):
    truth, slope = picture
    guess = np.rint(255 * np.where(scratch[..., None], slope, truth)).astype(np.uint8)
    seen = np.where(scratch[..., None], np.uint8(230), guess)
    result = keep_detail(guess, seen, scratch)
    assert np.abs(result.astype(int) - guess).max() <= 1


def test_noise_of_opaque_damage_is_not_taken_for_detail(picture, scratch):
    truth, slope = picture
    guess = np.where(scratch[..., None], slope, truth)
    own = np.random.default_rng(1).normal(0.9, 0.02, truth.shape).clip(0, 1)
    result = keep_detail(guess, np.where(scratch[..., None], own, truth).astype(np.float32), scratch)
    assert error(result, truth, scratch) < 1.05 * error(guess, truth, scratch)


def test_pale_and_dark_damage_that_touch_are_told_apart(picture):
    truth, slope = picture
    hole = np.zeros((96, 128), bool)
    hole[20:24], hole[:, 60:64] = True, True
    seen = truth.copy()
    seen[20:24] = 0.8 * seen[20:24] + 0.2 * 0.95
    seen[:, 60:64] = 0.8 * seen[:, 60:64]
    guess = np.where(hole[..., None], slope, truth)
    assert error(keep_detail(guess, seen, hole), truth, hole) < 0.8 * error(guess, truth, hole)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_any_kind_of_image(picture, scratch, channels, dtype):
    truth, slope = picture
    most = np.iinfo(dtype).max

    def stored(values):
        layers = values[..., :1] if channels < 3 else values
        alpha = np.ones((*scratch.shape, 1), np.float32)
        return np.rint(most * (np.dstack([layers, alpha]) if channels in (2, 4) else layers)).astype(dtype)

    original, guess = stored(truth), stored(np.where(scratch[..., None], slope, truth))
    result = keep_detail(guess, stored(damaged(truth, scratch, opacity=0.2)), scratch)
    assert result.dtype == dtype and np.array_equal(result[~scratch], original[~scratch])
    assert error(result, original, scratch) < 0.7 * error(guess, original, scratch)
    if dtype == np.uint16:
        assert len(np.unique(result[scratch])) > 256


def test_what_is_not_finite_or_transparent_is_replaced(picture, scratch):
    truth, slope = picture
    guess = np.where(scratch[..., None], slope, truth)
    seen = damaged(truth, scratch, opacity=0.3)
    seen[44:46, :50] = np.nan
    result = keep_detail(guess, seen, scratch)
    assert np.array_equal(result[44:46, :50], guess[44:46, :50]) and np.isfinite(result).all()
    for mark in (-3.4e38, 1e20):  # where a format has no alpha
        seen[44:46, :50] = mark
        np.testing.assert_array_equal(keep_detail(guess, seen, scratch), result)
    transparent = np.dstack([seen, np.where(scratch, np.float32(0), np.float32(1))])
    with_alpha = np.dstack([guess, np.ones_like(scratch, np.float32)])
    assert np.array_equal(keep_detail(with_alpha, transparent, scratch), with_alpha)


def test_squares_of_a_large_image_agree(picture, scratch, monkeypatch):
    truth, slope = picture
    guess = np.where(scratch[..., None], slope, truth)
    seen = damaged(truth, scratch, opacity=0.3)
    whole = keep_detail(guess, seen, scratch)
    monkeypatch.setattr("pconv_jax.inpainting.half_transparent._TILE", 64)
    assert np.abs(keep_detail(guess, seen, scratch) - whole).max() < 0.03


def test_inpaint_keeps_detail(inpainter, picture, scratch):
    truth, _ = picture
    original = np.rint(255 * truth).astype(np.uint8)
    seen = np.rint(255 * damaged(truth, scratch, opacity=0.2)).astype(np.uint8)
    kept = np.asarray(inpainter(Image.fromarray(seen), hole=scratch, keep_detail=True))
    assert np.array_equal(kept, keep_detail(inpainter(seen, hole=scratch), seen, scratch))
    assert np.array_equal(kept[~scratch], original[~scratch])
    linear = inpainter(seen, hole=scratch, keep_detail=True, linear=True)
    assert np.array_equal(linear[~scratch], original[~scratch])
    nothing = np.zeros_like(scratch)
    assert np.array_equal(pconv_jax.inpaint(seen, hole=nothing, keep_detail=True), seen)


def test_in_linear_light_a_veil_is_light_added_to_light(picture, scratch):
    # A dark exposure, so that the veil is brighter than all of the photograph.
    truth = (0.3 * picture[0].astype(np.float64) ** 2.2 * 65535).astype(np.uint16)
    seen = np.rint(damaged(truth / 65535, scratch, opacity=0.15, colour=1.0) * 65535).astype(np.uint16)
    replaced, kept = (pconv_jax.inpaint(seen, hole=scratch, linear=True, keep_detail=each) for each in (False, True))
    assert np.array_equal(kept[~scratch], seen[~scratch])
    assert error(kept, truth, scratch) < 0.95 * error(replaced, truth, scratch)
