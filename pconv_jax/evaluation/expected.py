"""Scores that pixels are expected to have, judged by others like them, with intervals."""

import dataclasses
import math

import numpy as np

from pconv_jax.evaluation.statistics import CONFIDENCE


@dataclasses.dataclass(frozen=True)
class Expected:
    """A score that is expected.

    Attributes:
        value: the score; None where nothing could be scored, +inf for the PSNR of equal pixels.
        low: the score lies above this and below `high` in 95 of 100 cases; None where too little was scored.
        high: see `low`.
    """

    value: float | None
    low: float | None
    high: float | None

    def __format__(self, spec: str) -> str:
        if self.value is None:
            return "unknown"
        shown = format(self.value, spec)
        return shown if self.low is None or self.high is None else f"{shown} [{self.low:{spec}}, {self.high:{spec}}]"


def expected_psnr(squares: np.ndarray, counts: np.ndarray, others: float) -> Expected:
    """The PSNR that is expected, in dB.

    Args:
        squares: `[N]`, for each observation the sum of the squared errors of its pixels, in [0, 1].
        counts: `[N]`, number of its pixels.
        others: number of pixels of which the score is to be foretold.

    Returns:
        The PSNR and its interval, symmetric in dB.
    """
    mean, spread = _mean_and_spread(squares, counts, others)
    if mean is None or not mean:
        return Expected(None if mean is None else math.inf, None, None)
    value = -10 * math.log10(mean)
    if spread is None:
        return Expected(value, None, None)
    reach = 10 / math.log(10) * spread / mean
    return Expected(value, value - reach, value + reach)


def expected_ssim(similarities: np.ndarray, counts: np.ndarray, others: float) -> Expected:
    """The structural similarity that is expected.

    Args:
        similarities: `[N]`, for each observation the sum of the SSIM of its pixels.
        counts: `[N]`, number of its pixels.
        others: number of pixels of which the score is to be foretold.

    Returns:
        The SSIM and its interval, in [-1, 1].
    """
    mean, spread = _mean_and_spread(similarities, counts, others)
    if mean is None or spread is None:
        return Expected(mean, None, None)
    return Expected(mean, max(-1.0, mean - spread), min(1.0, mean + spread))


def _mean_and_spread(sums: np.ndarray, counts: np.ndarray, others: float) -> tuple[float | None, float | None]:
    """The mean over pixels, and how far that of other pixels lies from it in 95 of 100 cases, by Student's t.

    A ratio estimator: observations of many pixels count more. The mean of the others varies as this one does, in
    inverse proportion to the number of pixels.

    References:
        Cochran, Sampling Techniques, 1977, chapter 6.
    """
    from scipy import stats

    total = counts.sum()
    if not total:
        return None, None
    mean = float(sums.sum() / total)
    observations = np.count_nonzero(counts)
    if observations < 2:
        return mean, None
    variance = observations / (observations - 1) * np.sum((sums - mean * counts) ** 2) / total**2
    effective = total**2 / np.sum(counts**2)  # number of observations, if they were of one size
    factor = stats.t.ppf((1 + CONFIDENCE) / 2, max(1.0, effective - 1))
    return mean, float(factor * math.sqrt(variance * (1 + total / others)))
