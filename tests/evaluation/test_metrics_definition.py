"""Metrics in holes of all shapes, against their definitions in plain NumPy."""

import itertools
import math

import numpy as np
import pytest

from pconv_jax.evaluation import metrics

HOLES = {
    "no hole": (slice(0, 0), slice(0, 0)),
    "one pixel": (slice(6, 7), slice(4, 5)),
    "corner pixel": (slice(12, 13), slice(11, 12)),
    "first corner": (slice(0, 4), slice(0, 3)),
    "last row": (slice(12, 13), slice(0, 12)),
    "last columns": (slice(3, 9), slice(10, 12)),
    "all hole": (slice(0, 13), slice(0, 12)),
}


def gradient_by_definition(image, region):
    """Mean squared difference of neighbours of which one lies in the region, by a walk over all couples."""
    squares = []
    height, width, channels = image.shape
    for i, j, c in itertools.product(range(height), range(width), range(channels)):
        for y, x in ((i + 1, j), (i, j + 1)):
            if y < height and x < width and (region[i, j] or region[y, x]):
                squares.append((float(image[y, x, c]) - float(image[i, j, c])) ** 2)
    return math.fsum(squares) / len(squares)


def ssim_by_definition(output, truth, i, j, c):
    weights = np.array([[math.exp(-(y * y + x * x) / (2 * 1.5**2)) for x in range(-5, 6)] for y in range(-5, 6)])
    weights /= weights.sum()
    x, y = (np.pad(image[..., c], 5, mode="symmetric")[i : i + 11, j : j + 11] for image in (output, truth))
    mean_x, mean_y = (weights * x).sum(), (weights * y).sum()
    var_x, var_y = (weights * (x - mean_x) ** 2).sum(), (weights * (y - mean_y) ** 2).sum()
    covariance = (weights * (x - mean_x) * (y - mean_y)).sum()
    luminance = (2 * mean_x * mean_y + 0.01**2) / (mean_x**2 + mean_y**2 + 0.01**2)
    return luminance * (2 * covariance + 0.03**2) / (var_x + var_y + 0.03**2)


def by_definition(output, truth, region):
    """Every metric of one image [H, W, C] over the True pixels of region [H, W], pixel by pixel."""
    where = [(i, j, c) for i, j in zip(*np.nonzero(region), strict=True) for c in range(output.shape[2])]
    if not where:
        return dict.fromkeys(metrics.METRICS, math.nan)
    pairs = [(float(output[place]), float(truth[place])) for place in where]
    count = len(pairs)
    squares = math.fsum((a - b) ** 2 for a, b in pairs) / count
    common = math.fsum(a * b for a, b in pairs)
    energies = [gradient_by_definition(image, region) for image in (output, truth)]
    return {
        "l1": math.fsum(abs(a - b) for a, b in pairs) / count,
        "psnr": -10 * math.log10(squares) if squares else math.inf,
        "ssim": math.fsum(ssim_by_definition(output, truth, *place) for place in where) / count,
        "jaccard": math.fsum(map(min, pairs)) / math.fsum(map(max, pairs)),
        "jaccard_product": common / (math.fsum(a + b for a, b in pairs) - common),
        "sharpness": math.log2((energies[0] + 1 / 255**2) / (energies[1] + 1 / 255**2)),
    }


@pytest.mark.parametrize("hole", HOLES)
@pytest.mark.parametrize("equal", [False, True])
def test_every_metric_is_its_definition(hole, equal):
    rng = np.random.default_rng(3)
    region = np.zeros((13, 12), bool)
    region[HOLES[hole]] = True
    truth = rng.random((13, 12, 3))
    # A composite: equal to the truth outside the hole; `equal` inside it, and different outside.
    output = np.where(region[..., None] ^ equal, rng.random((13, 12, 3)), truth)
    expected = by_definition(output, truth, region)
    assert list(expected) == list(metrics.METRICS)
    for name, metric in metrics.METRICS.items():
        found = metric(output[None], truth[None], region=region[None, ..., None])
        np.testing.assert_allclose(found, [expected[name]], rtol=1e-9, atol=1e-12, err_msg=name)
    if equal and hole != "no hole":
        assert (expected["l1"], expected["psnr"], expected["jaccard"]) == (0, math.inf, 1)
