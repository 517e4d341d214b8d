"""The range of tones around holes, which the network sees stretched."""

import numpy as np
import pytest
from inpainter_examples import SMALL, damaged, untrained

import pconv_jax
from pconv_jax.inpainting.inpainter import Inpainter
from pconv_jax.inpainting.tones import tones_around


def all_of(size):
    return slice(0, size[0]), slice(0, size[1])


def test_a_faded_image_is_stretched_to_all_of_the_range():
    # 51 to 102 of 255 is 0.2 to 0.4, everywhere near.
    pixels = np.full((100, 130, 3), 51, np.uint8)
    pixels[::4] = 102
    stretch = tones_around(pixels, np.zeros((100, 130), bool)).stretch(*all_of((100, 130)))
    np.testing.assert_allclose(stretch.black, np.full((100, 130, 1), 0.2), atol=1e-6)
    np.testing.assert_allclose(stretch.span, np.full((100, 130, 1), 0.2), atol=1e-6)
    values = pixels / np.float32(255)
    unseen = np.zeros((100, 130), bool)
    unseen[7] = True
    stretched = stretch.do(values, unseen=unseen)
    np.testing.assert_allclose(stretched[[0, 1, 7], 0, 0], [1, 0, 0], atol=1e-6)
    rows, columns = np.array([0, 1]), np.array([5, 129])
    np.testing.assert_allclose(stretch.undo(stretched[rows, columns], rows, columns), values[rows, columns], atol=1e-6)


def test_wide_ranges_are_left_alone_and_flat_ones_stretched_no_further():
    pixels = np.zeros((64, 64, 1), np.uint16)
    hole = np.zeros((64, 64), bool)
    pixels[::4] = 40_000  # 0.61
    assert tones_around(pixels, hole) is None
    pixels[::4] = 32_768  # 0.5, half way between 0.4 and 0.6
    stretch = tones_around(pixels, hole).stretch(*all_of((64, 64)))
    np.testing.assert_allclose([stretch.black[0, 0, 0], stretch.span[0, 0, 0]], [0, 0.75], atol=1e-4)
    pixels[:] = 32_768
    stretch = tones_around(pixels, hole).stretch(*all_of((64, 64)))
    np.testing.assert_allclose([stretch.black[0, 0, 0], stretch.span[0, 0, 0]], [0.475, 0.05], atol=1e-4)


def test_what_is_hidden_or_far_away_does_not_count():
    pixels = np.full((64, 700, 4), 100, np.uint8)
    pixels[..., 3] = 255
    pixels[::4, :, :3] = 120
    hole = np.zeros((64, 700), bool)
    hole[:, 20:30] = True
    pixels[hole] = 255
    pixels[:, 690:, :3] = 255  # a border
    tones = tones_around(pixels, hole)
    left, right = (tones.stretch(slice(0, 64), slice(start, start + 8)) for start in (20, 688))
    assert left.black == pytest.approx(100 / 255, abs=1e-6) and left.span == pytest.approx(20 / 255, abs=1e-6)
    assert (right.span > 0.5).all()  # where it counts, no value lies beyond white
    assert tones_around(pixels, np.ones((64, 700), bool)) is None


def test_seen_values_lie_within_black_and_white():
    rng = np.random.default_rng(0)
    pixels = (rng.random((300, 500, 1)) * np.linspace(10, 140, 500)[:, None]).astype(np.uint8)
    stretch = tones_around(pixels, np.zeros((300, 500), bool)).stretch(*all_of((300, 500)))
    stretched = stretch.do(np.repeat(pixels / np.float32(255), 3, axis=2))
    assert stretched.min() > -1e-5 and stretched.max() < 1 + 1e-5


def test_parts_have_the_stretch_of_the_whole():
    pixels = np.random.default_rng(1).integers(90, 110, (200, 260, 3), np.uint8)
    tones = tones_around(pixels, np.zeros((200, 260), bool))
    whole, part = tones.stretch(*all_of((200, 260))), tones.stretch(slice(37, 90), slice(101, 250))
    for one, other in zip(whole, part, strict=True):
        np.testing.assert_array_equal(one[37:90, 101:250], other)
    smaller = tones.stretch(slice(0, 12), slice(0, 16), unit=16)
    np.testing.assert_allclose(smaller.black[3, 4], whole.black[48:64, 64:80].mean(), atol=1e-4)


@pytest.fixture(scope="module")
def faded():
    from skimage import data

    image = data.chelsea()[40:260, 60:330]
    hole = np.zeros(image.shape[:2], bool)
    for top in range(10, 210, 25):
        hole[top : top + 4, 10:250] = True
    truth = image / 255 * 0.12 + 0.6
    return np.rint(255 * truth).astype(np.uint8), truth, hole


@pytest.mark.parametrize("scale", [1, 257])
def test_faded_photographs_are_inpainted_better_than_without(faded, monkeypatch, scale):
    pixels, truth, hole = faded
    pixels = pixels * np.array(scale, np.uint8 if scale == 1 else np.uint16)
    errors = []
    for _ in range(2):
        result = pconv_jax.inpaint(pixels, hole=hole)
        assert result.dtype == pixels.dtype and np.array_equal(result[~hole], pixels[~hole])
        errors.append(np.square(result[hole] / np.iinfo(pixels.dtype).max - truth[hole]).mean())
        monkeypatch.setattr("pconv_jax.inpainting.window_pass.tones_around", lambda *_: None)
    assert 10 * np.log10(errors[1] / errors[0]) > 0.3  # dB


def test_windows_of_any_size_agree(faded):
    pixels, _, hole = faded
    generator = pconv_jax.Inpainter.from_pretrained("faithful").generator
    results = [Inpainter(generator, windows=sizes)(pixels, hole=hole).astype(int) for sizes in ((128,), (256, 384))]
    assert np.abs(results[0] - results[1]).max() <= 1


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize(("least", "most"), [(0, 0.04), (0.0, 0.02), (0.96, 1), (0.985, 1)])
def test_nearly_black_and_white_photographs_stay_so(faded, dtype, least, most):
    """Where less than the least range is there, no value beyond black or white comes back."""
    _, truth, hole = faded
    top = np.iinfo(dtype).max
    values = least + (truth - truth.min()) / np.ptp(truth) * (most - least)
    pixels = np.rint(top * values).astype(dtype)
    pixels[hole] = 0 if least else top
    tones = tones_around(pixels, hole)
    stretch = tones.stretch(*all_of(hole.shape))
    assert stretch.black.min() >= 0 and (stretch.black + stretch.span).max() <= 1 and stretch.span.min() >= 0.02
    result = pconv_jax.inpaint(pixels, hole=hole)[hole] / top
    assert least - 0.02 < result.min() and result.max() < most + 0.02
    assert np.sqrt(np.square(result - values[hole]).mean()) < 0.01


@pytest.mark.parametrize("step", [2, 3])
def test_no_row_or_column_is_missed(step):
    pixels = np.full((200, 240, 3), 60, np.uint8)
    pixels[1::step] = pixels[:, 1::step] = 120
    stretch = tones_around(pixels, np.zeros((200, 240), bool)).stretch(*all_of((200, 240)))
    np.testing.assert_allclose(stretch.black, np.full((200, 240, 1), 60 / 255), atol=1e-6)
    np.testing.assert_allclose(stretch.span, np.full((200, 240, 1), 60 / 255), atol=1e-6)


def test_floating_point_is_seen_as_it_is(faded, monkeypatch):
    pixels, truth, hole = faded
    before = pconv_jax.inpaint(truth, hole=hole)
    monkeypatch.setattr("pconv_jax.inpainting.window_pass.tones_around", lambda *_: 1 / 0)
    np.testing.assert_array_equal(pconv_jax.inpaint(truth, hole=hole), before)
    with pytest.raises(ZeroDivisionError):
        pconv_jax.inpaint(pixels, hole=hole)


def test_remembered_windows_know_their_tones():
    image, mask = damaged(96, 120, dtype=np.uint8)
    inpainter, seen = Inpainter(untrained(), windows=SMALL), []

    def remembered(arrays, compute):
        seen.append(arrays)
        return compute()

    for shade in (20, 180):  # once they are stretched, both look alike
        inpainter(image // 8 + np.uint8(shade), hole=mask == 0, remembered=remembered)
    one, other = (np.mean([arrays[-2].mean() for arrays in part]) for part in np.split(np.array(seen, object), 2))
    assert other - one == pytest.approx(160 / 255, abs=0.01)  # of what is black, beside how far it is to white


def test_specks_of_faded_photographs(faded):
    pixels, truth, _ = faded
    hole = np.zeros(truth.shape[:2], bool)
    for top in range(20, 200, 30):
        for left in range(20, 250, 30):
            hole[top : top + 3, left : left + 3] = True
    result = pconv_jax.inpaint(pixels, hole=hole)
    assert np.sqrt(np.square(result[hole] / 255 - truth[hole]).mean()) < 0.01
