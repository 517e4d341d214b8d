"""Metrics: worked by hand, against scikit-image and SciPy, properties, mistakes."""

import functools
import math

import numpy as np
import pytest
import scipy.ndimage
import skimage.metrics

from pconv_jax.common.errors import InputError
from pconv_jax.evaluation import metrics

SYMMETRIC = [metrics.l1, metrics.psnr, metrics.ssim, metrics.jaccard, metrics.jaccard_product]
EVERY = [*SYMMETRIC, metrics.sharpness]

# One grey image of 2 x 2 pixels.
OUTPUT = np.array([[0.0, 0.5], [1.0, 0.25]])[None, ..., None]
TRUTH = np.array([[0.0, 1.0], [0.5, 0.25]])[None, ..., None]


@pytest.fixture
def pair():
    """Three pairs of noisy colour images that differ, 16 x 13 pixels."""
    rng = np.random.default_rng(0)
    truth = rng.random((3, 16, 13, 3))
    return np.clip(truth + rng.normal(0, 0.1, truth.shape), 0, 1), truth


@pytest.mark.parametrize(
    ("metric", "whole", "one_pixel"),
    [
        (metrics.l1, 0.25, 0.5),
        (metrics.psnr, 10 * np.log10(8), 10 * np.log10(4)),
        (metrics.jaccard, 1.25 / 2.25, 0.5),
        (metrics.jaccard_product, 1.0625 / (1.75 + 1.75 - 1.0625), 0.5 / (0.5 + 1 - 0.5)),
    ],
)
def test_worked_by_hand(metric, whole, one_pixel):
    np.testing.assert_allclose(metric(OUTPUT, TRUTH), [whole], rtol=1e-15)
    region = np.array([[0, 1], [0, 0]])[None, ..., None]
    np.testing.assert_allclose(metric(OUTPUT, TRUTH, region=region), [one_pixel], rtol=1e-15)
    np.testing.assert_array_equal(metric(OUTPUT, TRUTH, region=region.astype(bool)), [one_pixel])


def test_ssim_of_flat_images_worked_by_hand():
    # No variance, so only the luminance term is left: (2ab + C1) / (a^2 + b^2 + C1) with C1 = 0.01^2.
    flat = np.ones((1, 11, 11, 3))
    expected = (2 * 0.5 * 0.7 + 1e-4) / (0.25 + 0.49 + 1e-4)
    np.testing.assert_allclose(metrics.ssim(0.5 * flat, 0.7 * flat), [expected], rtol=1e-12)


def test_sharpness_worked_by_hand():
    # Squared differences of OUTPUT in the upper and lower row, the left and right column; then of TRUTH.
    of_output, of_truth = [0.25, 0.5625, 1, 0.0625], [1, 0.0625, 0.25, 0.5625]
    floor = 1 / 255**2
    np.testing.assert_allclose(metrics.sharpness(OUTPUT, TRUTH), [0], atol=1e-15)
    for pixel, (row, column) in enumerate([(0, 2), (0, 3), (1, 2), (1, 3)]):
        region = (np.arange(4) == pixel).reshape(1, 2, 2, 1)
        energies = [(each[row] + each[column]) / 2 + floor for each in (of_output, of_truth)]
        expected = math.log2(energies[0] / energies[1])
        np.testing.assert_allclose(metrics.sharpness(OUTPUT, TRUTH, region=region), [expected], rtol=1e-14, atol=1e-14)
    flat = np.full_like(OUTPUT, 0.5)
    np.testing.assert_allclose(metrics.sharpness(flat, TRUTH), [math.log2(floor / (sum(of_truth) / 4 + floor))])
    np.testing.assert_array_equal(metrics.sharpness(flat, flat), [0])


def test_channels_count_alike():
    output = np.stack([OUTPUT[..., 0], TRUTH[..., 0], TRUTH[..., 0]], axis=-1)
    truth = np.repeat(TRUTH, 3, axis=-1)
    np.testing.assert_allclose(metrics.l1(output, truth), [0.25 / 3])
    np.testing.assert_allclose(metrics.psnr(output, truth), [10 * np.log10(24)])


def test_psnr_is_that_of_skimage(pair):
    output, truth = pair
    expected = [skimage.metrics.peak_signal_noise_ratio(t, o, data_range=1) for o, t in zip(output, truth, strict=True)]
    np.testing.assert_allclose(metrics.psnr(output, truth), expected, rtol=1e-13)


def test_ssim_is_that_of_skimage(pair):
    output, truth = pair
    settings = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 1}
    expected = [
        skimage.metrics.structural_similarity(o, t, channel_axis=-1, full=True, **settings)
        for o, t in zip(output, truth, strict=True)
    ]
    np.testing.assert_allclose(metrics.ssim(output, truth), [full.mean() for _, full in expected], rtol=1e-13)
    interior = np.zeros((3, 16, 13, 1))
    interior[:, 5:-5, 5:-5] = 1
    np.testing.assert_allclose(
        metrics.ssim(output, truth, region=interior), [number for number, _ in expected], rtol=1e-13
    )


def test_ssim_map_is_that_of_the_paper_in_plain_scipy(pair):
    output, truth = pair
    blur = functools.partial(scipy.ndimage.gaussian_filter, sigma=(0, 1.5, 1.5, 0), truncate=3.5)
    mean_o, mean_t = blur(output), blur(truth)
    var_o, var_t = blur(output**2) - mean_o**2, blur(truth**2) - mean_t**2
    covariance = blur(output * truth) - mean_o * mean_t
    c1, c2 = 0.01**2, 0.03**2
    expected = ((2 * mean_o * mean_t + c1) * (2 * covariance + c2)) / (
        (mean_o**2 + mean_t**2 + c1) * (var_o + var_t + c2)
    )
    np.testing.assert_allclose(metrics.ssim_map(output, truth), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("metric", [metrics.jaccard, metrics.jaccard_product])
def test_jaccard_of_binary_images_is_that_of_sets(metric):
    rng = np.random.default_rng(1)
    output, truth = rng.integers(0, 2, (2, 1, 8, 8, 1)).astype(float)
    a, b = set(np.flatnonzero(output)), set(np.flatnonzero(truth))
    np.testing.assert_allclose(metric(output, truth), [len(a & b) / len(a | b)])


def test_region_is_the_metric_of_its_pixels(pair):
    output, truth = pair
    region = np.random.default_rng(2).random((3, 16, 13, 1)) < 0.3
    for i in range(3):
        o, t = output[i][region[i, ..., 0]], truth[i][region[i, ..., 0]]  # [pixels, 3]
        expected = {
            "l1": np.abs(o - t).mean(),
            "psnr": -10 * np.log10(((o - t) ** 2).mean()),
            "jaccard": np.minimum(o, t).sum() / np.maximum(o, t).sum(),
            "jaccard_product": (o * t).sum() / (o.sum() + t.sum() - (o * t).sum()),
            "ssim": metrics.ssim_map(output, truth)[i][region[i, ..., 0]].mean(),
        }
        for name, value in expected.items():
            found = metrics.METRICS[name](output, truth, region=region)[i]
            np.testing.assert_allclose(found, value, rtol=1e-12, err_msg=name)


def test_sharpness_tells_blur_from_texture():
    rng = np.random.default_rng(4)
    truth = rng.random((1, 32, 32, 3))
    blurred = [scipy.ndimage.gaussian_filter(truth, (0, sigma, sigma, 0)) for sigma in (0.5, 1, 2)]
    figures = [metrics.sharpness(image, truth)[0] for image in (truth, *blurred)]
    assert figures == sorted(figures, reverse=True) and figures[-1] < -3
    # Contrast falls by sqrt(1/2), gradient energy by 1/2, less what the floor adds to both.
    np.testing.assert_allclose(metrics.sharpness(0.5 + math.sqrt(0.5) * (truth - 0.5), truth), [-1], atol=1e-3)
    smooth = blurred[-1]
    assert metrics.sharpness(np.clip(smooth + rng.normal(0, 0.1, smooth.shape), 0, 1), smooth)[0] > 1
    np.testing.assert_allclose(metrics.sharpness(smooth, truth), -metrics.sharpness(truth, smooth), rtol=1e-12)


def test_sharpness_sees_the_seam_of_a_hole():
    truth = np.full((1, 9, 9, 3), 0.5)
    hole = np.zeros((1, 9, 9, 1), bool)
    hole[:, 3:6, 3:6] = True
    patch = np.where(hole, 0.75, truth)  # as flat as the truth, but of another brightness
    # Of the 24 couples with a pixel in the hole 12 are inside it, and 12 cross the seam, 3 on each side.
    expected = math.log2((12 * 0.25**2 / 24 + 1 / 255**2) / (1 / 255**2))
    np.testing.assert_allclose(metrics.sharpness(patch, truth, region=hole), [expected], rtol=1e-12)


@pytest.mark.parametrize("metric", SYMMETRIC)
def test_symmetric(metric, pair):
    output, truth = pair
    np.testing.assert_allclose(metric(output, truth), metric(truth, output), rtol=1e-12)


@pytest.mark.parametrize("metric", EVERY)
def test_batch_changes_nothing(metric, pair):
    output, truth = pair
    alone = [metric(output[i : i + 1], truth[i : i + 1])[0] for i in range(3)]
    np.testing.assert_array_equal(metric(output, truth), alone)


@pytest.mark.parametrize("metric", EVERY)
def test_regions_at_the_extremes(metric, pair):
    output, truth = pair
    region = np.ones((3, 16, 13, 1))
    region[1] = 0
    found = metric(output, truth, region=region)
    assert found.dtype == np.float64
    assert found.shape == (3,)
    np.testing.assert_array_equal(np.isnan(found), [False, True, False])
    np.testing.assert_array_equal(found[[0, 2]], metric(output, truth)[[0, 2]])


def test_equal_images(pair):
    _, truth = pair
    np.testing.assert_array_equal(metrics.l1(truth, truth), 0)
    np.testing.assert_array_equal(metrics.psnr(truth, truth), np.inf)
    np.testing.assert_allclose(metrics.ssim(truth, truth), 1, rtol=1e-12)
    np.testing.assert_array_equal(metrics.jaccard(truth, truth), 1)
    np.testing.assert_array_equal(metrics.sharpness(truth, truth), 0)
    assert (metrics.jaccard_product(truth, truth) < 0.6).all()  # the reason not to judge by it


def test_product_form_on_uniform_grey():
    grey = np.full((1, 2, 2, 3), 0.5)
    np.testing.assert_allclose(metrics.jaccard_product(grey, grey), [1 / 3])
    np.testing.assert_allclose(metrics.jaccard_product(np.ones_like(grey), grey), [1 / 2])


def test_black_images_agree_and_opposite_ones_do_not():
    black, white = np.zeros((1, 11, 11, 3)), np.ones((1, 11, 11, 3))
    for jaccard in (metrics.jaccard, metrics.jaccard_product):
        np.testing.assert_array_equal(jaccard(black, black), [1])
        np.testing.assert_array_equal(jaccard(black, white), [0])
    np.testing.assert_array_equal(metrics.l1(black, white), [1])
    np.testing.assert_array_equal(metrics.psnr(black, white), [0])


def test_low_precision_images_are_measured_in_float64(pair):
    output, truth = (array.astype(np.float16) for array in pair)
    exact = metrics.psnr(output.astype(np.float64), truth.astype(np.float64))
    np.testing.assert_array_equal(metrics.psnr(output, truth), exact)


@pytest.mark.parametrize("metric", EVERY)
@pytest.mark.parametrize(
    ("output", "truth", "region", "message"),
    [
        (np.zeros((1, 12, 12, 3)), np.zeros((1, 12, 11, 3)), None, r"\(1, 12, 12, 3\).*\(1, 12, 11, 3\)"),
        (np.zeros((12, 12, 3)), np.zeros((12, 12, 3)), None, r"\(12, 12, 3\).*\[N, H, W, C\]"),
        (np.zeros((1, 12, 12, 3), np.uint8), np.zeros((1, 12, 12, 3)), None, "output.*uint8.*divide"),
        (np.zeros((1, 12, 12, 3)), np.full((1, 12, 12, 3), 255.0), None, "truth.*between 255.0 and 255.0"),
        (np.full((1, 12, 12, 3), -0.1), np.zeros((1, 12, 12, 3)), None, "output.*-0.1"),
        (np.full((1, 12, 12, 3), np.nan), np.zeros((1, 12, 12, 3)), None, "output.*NaN"),
        (np.zeros((1, 12, 12, 3)), np.zeros((1, 12, 12, 3)), np.ones((1, 12, 12)), r"\(1, 12, 12\).*\(1, 12"),
        (
            np.zeros((1, 12, 12, 3)),
            np.zeros((1, 12, 12, 3)),
            np.full((1, 12, 12, 1), 0.5),
            "only 0 and 1.*0.5",
        ),
    ],
)
def test_mistakes(metric, output, truth, region, message):
    with pytest.raises(InputError, match=message):
        metric(output, truth, region=region)


@pytest.mark.parametrize("metric", SYMMETRIC)
def test_no_images_have_no_scores(metric):
    none = np.zeros((0, 16, 16, 3), np.float32)
    assert metric(none, none).shape == (0,)


def test_ssim_of_images_smaller_than_its_window():
    small = np.zeros((1, 10, 64, 3))
    with pytest.raises(InputError, match="11 x 11 pixels, not 64 x 10"):
        metrics.ssim(small, small)
