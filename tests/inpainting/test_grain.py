"""Grain: measured where it is known, added where it is missing, and nowhere else."""

import re

import cv2
import jax.numpy as jnp
import numpy as np
import pytest
from skimage import data

from pconv_jax import add_grain
from pconv_jax.common.errors import InputError
from pconv_jax.inpainting.grain_model import measure_grain

SIZE = (420, 520)
COLOURS = np.array([[1, 0.5, 0.3], [0.5, 1, 0.4], [0.3, 0.4, 1]])  # correlation between the channels


def picture(blur: float, *, seed=0, strength=0.05, size=SIZE) -> tuple[np.ndarray, np.ndarray]:
    """A smooth picture, and the same with grain that is blurred, correlated and stronger in the dark."""
    rng = np.random.default_rng(seed)
    smooth = cv2.resize(0.25 + 0.5 * rng.random((4, 5, 3)), size[::-1], interpolation=cv2.INTER_CUBIC)
    noise = rng.standard_normal((*size, 3)) @ np.linalg.cholesky(COLOURS).T
    noise = cv2.GaussianBlur(noise, (0, 0), blur) if blur else noise
    deviation = strength * (1.3 - smooth.mean(2, keepdims=True))
    return smooth, (smooth + deviation * noise / noise.std((0, 1))).clip(0, 1)


def bands(size=SIZE) -> np.ndarray:
    """Scratches of 14 px."""
    hole = np.zeros(size, bool)
    for top in range(30, size[0] - 30, 60):
        hole[top : top + 14, 20:-20] = True
    return hole


def power(image: np.ndarray, smooth: np.ndarray, where: np.ndarray) -> float:
    """Noise power of a picture that is known without noise, slow changes left out."""
    noise = image - smooth
    return float(np.square(noise - cv2.GaussianBlur(noise, (0, 0), 3))[where].mean())


def eight_bits(image: np.ndarray) -> np.ndarray:
    return np.rint(image * 255).astype(np.uint8)


@pytest.mark.parametrize("blur", [0.0, 1.0])
def test_grain_is_measured_by_brightness_and_colour(blur):
    _, image = picture(blur)
    grain = measure_grain(eight_bits(image), bands())
    expected = 0.05 * (1.3 - grain.brightness)
    np.testing.assert_allclose(grain.deviation, np.repeat(expected[:, None], 3, 1), rtol=0.06)
    correlation = grain.spectrum.mean((0, 1)).real
    np.testing.assert_allclose(correlation, COLOURS, atol=0.08)
    along = np.fft.ifft2(grain.spectrum, axes=(0, 1)).real
    neighbours = np.diagonal(along[0, 1]) / np.diagonal(along[0, 0])
    np.testing.assert_allclose(neighbours, np.exp(-1 / (4 * blur**2)) if blur else 0, atol=0.05)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("blur", [0.0, 1.0])
def test_filled_holes_get_the_noise_power_of_their_surroundings(blur, dtype):
    smooth, image = picture(blur)
    hole = bands()
    filled = np.where(hole[..., None], smooth, image)
    most = 1 if dtype is np.float32 else np.iinfo(dtype).max
    given = (np.rint(filled * most) if most > 1 else filled).astype(dtype)
    result = add_grain(given, hole=hole)
    assert result.dtype == dtype and result[~hole].tobytes() == given[~hole].tobytes()
    inside = cv2.erode(hole.view(np.uint8), np.ones((7, 7), np.uint8)) > 0
    around = (cv2.dilate(hole.view(np.uint8), np.ones((31, 31), np.uint8)) > 0) & ~(
        cv2.dilate(hole.view(np.uint8), np.ones((13, 13), np.uint8)) > 0
    )
    seen = result.astype(np.float64) / most
    assert power(given.astype(np.float64) / most, smooth, inside) < 0.02 * power(seen, smooth, around)
    assert power(seen, smooth, inside) == pytest.approx(power(seen, smooth, around), rel=0.05)
    np.testing.assert_array_equal(add_grain(given, hole=hole), result)  # the same again


def test_noise_that_a_hole_has_already_counts():
    smooth, image = picture(0.0)
    hole = bands()
    half = smooth + (image - smooth) * np.sqrt(0.5)
    given = np.where(hole[..., None], half, image).astype(np.float32)
    result = add_grain(given, hole=hole)
    inside = cv2.erode(hole.view(np.uint8), np.ones((7, 7), np.uint8)) > 0
    assert power(result, smooth, inside) == pytest.approx(power(image, smooth, inside), rel=0.05)
    whole = image.astype(np.float32)
    assert power(add_grain(whole, hole=hole) - whole, 0 * smooth, hole) < 0.05 * power(image, smooth, hole)


def test_half_the_strength_is_a_quarter_of_the_power():
    smooth, image = picture(0.0)
    hole = bands()
    given = np.where(hole[..., None], smooth, image).astype(np.float32)
    weak, full = (power(add_grain(given, hole=hole, strength=s), smooth, hole) for s in (0.5, 1.0))
    assert weak / full == pytest.approx(0.25, rel=0.02)
    for strength in (np.array(0.5), np.float16(0.5), jnp.float32(0.5)):
        assert power(add_grain(given, hole=hole, strength=strength), smooth, hole) == weak
    np.testing.assert_array_equal(add_grain(given, hole=hole, strength=0), given)


def test_a_picture_without_grain_stays_as_it_is():
    smooth, _ = picture(0.0)
    given = eight_bits(smooth)
    difference = np.abs(add_grain(given, hole=bands()).astype(int) - given)
    assert difference.max() <= 1 and difference.mean() < 0.02


def test_rounding_is_not_taken_for_grain():
    smooth, _ = picture(0.0)
    grain = measure_grain(eight_bits(smooth), bands())
    assert (255 * grain.deviation).max() < 0.2  # that of rounding is 1 / sqrt(12) = 0.29


def test_texture_beside_the_holes_is_hardly_taken_for_grain():
    _, image = picture(0.0)
    stripes = 0.2 * np.sign(np.sin(0.9 * np.arange(250)))[None, :, None]
    image[:, :250] = (image[:, :250] + stripes).clip(0, 1)
    grain = measure_grain(image, bands())
    ratio = grain.deviation.mean(1) / (0.05 * (1.3 - grain.brightness))
    assert ratio.min() == pytest.approx(1, abs=0.15)
    assert ratio.max() < 2  # of brightness that only the stripes have, whose own deviation is five times as large


def test_detail_of_a_photograph_without_grain_is_not_taken_for_it():
    photograph = cv2.resize(data.astronaut(), (256, 256), interpolation=cv2.INTER_AREA)
    hole = np.zeros((256, 256), bool)
    for place in range(40, 240, 100):
        hole[place : place + 3, 10:-10] = hole[10:-10, place : place + 3] = True
    filled = cv2.inpaint(photograph, hole.astype(np.uint8), 3, cv2.INPAINT_NS)
    errors = [np.square(x.astype(float) - photograph)[hole].mean() for x in (filled, add_grain(filled, hole=hole))]
    assert errors[1] < 1.2 * errors[0]  # it was three times as much


def test_a_dusty_scan_has_grain_to_measure():
    smooth, image = picture(0.0)
    hole, rng = np.zeros(SIZE, bool), np.random.default_rng(2)
    for top, left in rng.integers(0, (SIZE[0] - 5, SIZE[1] - 5), (1000, 2)):
        hole[top : top + 4, left : left + 4] = True  # 7 % of the pixels
    grain = measure_grain(np.where(hole[..., None], smooth, image), hole)
    np.testing.assert_allclose(grain.deviation.mean(1), 0.05 * (1.3 - grain.brightness), rtol=0.1)


def test_values_that_are_not_finite_are_refused():
    image = np.full((40, 40, 3), 0.5, np.float32)
    for value in (np.nan, 1.5):
        image[3, 3] = value
        with pytest.raises(InputError, match="the holes hold values that are NaN, infinite or not in"):
            add_grain(image, hole=image[..., 0] != 0.5)


def test_grey_images_and_alpha():
    smooth, image = picture(0.8)
    hole = bands()
    given = eight_bits(np.where(hole[..., None], smooth, image))
    grey = add_grain(given[..., 0], hole=hole)
    assert grey.shape == SIZE and (grey != given[..., 0])[hole].mean() > 0.5
    alpha = np.full((*SIZE, 1), 200, np.uint8)
    result = add_grain(np.dstack([given, alpha]), hole=hole)
    np.testing.assert_array_equal(result[..., 3:], alpha)
    np.testing.assert_array_equal(result[~hole][:, :3], given[~hole])
    assert power(result[..., :3] / 255, smooth, hole) > 20 * power(given / 255, smooth, hole)


@pytest.mark.filterwarnings("ignore:there is too little")
@pytest.mark.parametrize("strength", [0, 1])
@pytest.mark.parametrize("rows", [0, 8])
def test_what_it_returns_is_never_what_it_was_given(strength, rows):
    image, hole = np.full((8, 8, 3), 7, np.uint8), np.zeros((8, 8), bool)
    hole[:rows, :7] = True
    result = add_grain(image, hole=hole, strength=strength)
    np.testing.assert_array_equal(result, image)
    assert not np.shares_memory(result, image) and result.flags.writeable


def test_too_little_to_measure_is_told():
    image, hole = np.full((60, 60, 3), 90, np.uint8), np.zeros((60, 60), bool)
    hole[20:24, 20:40] = True
    with pytest.warns(UserWarning, match="too little around the holes to measure grain, so none is added"):
        result = add_grain(image, hole=hole)
    np.testing.assert_array_equal(result, image)
    assert measure_grain(image, np.ones((60, 60), bool)) is None


@pytest.mark.parametrize("strength", [-0.1, 1.5, float("nan"), "auto", "0.5", [0.5], None, 1j])
def test_strengths_that_cannot_be_are_named(strength):
    words = re.escape(f"strength={strength} of grain must be a number between 0 (none) and 1")
    with pytest.raises(InputError, match=words):
        add_grain(np.zeros((40, 40), np.uint8), hole=np.ones((40, 40), bool), strength=strength)
