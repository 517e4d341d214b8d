"""Statistics of rows of scores: means over images with bootstrap intervals, and paired differences.

A row is a dictionary: `image` (number), `bucket`, `method`, `hole_fraction`, and scores in columns such as `hole_psnr`
or `raw_whole_l1`: NaN where there was nothing to measure, +inf for the PSNR of equal images.
"""

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from pconv_jax.common.errors import InputError

Row = Mapping[str, Any]

ALL = "all"
"""The bucket of everything: each image counts once, with the mean over its buckets."""

KEYS = ("image", "name", "bucket", "method", "hole_fraction")
"""Columns of a row that are not scores."""

CONFIDENCE = 0.95
LEAST_IMAGES = 5
"""The fewest scores with an interval: of fewer, even their range holds the true mean in less than 9 of 10 samples."""

_RESAMPLES = 2000
_AT_ONCE = 1_000_000  # numbers of all resamples that are in memory together


@dataclasses.dataclass(frozen=True)
class Mean:
    """A mean over images.

    Attributes:
        mean: the mean, None where no image is left.
        low: lower end of its bootstrap interval, None for fewer than `LEAST_IMAGES` images.
        high: upper end.
        images: how many images it is over.
        perfect: how many scores are left out for being infinite: the PSNR of equal images.
    """

    mean: float | None
    low: float | None
    high: float | None
    images: int
    perfect: int


def bootstrap(values: npt.ArrayLike, *, seed: int = 0) -> Mean:
    """The mean of one score per image, with a 95 % bootstrap interval over the images.

    Percentiles of resampled means are too narrow for few images (nine: 89 % instead of 95), as resamples vary less than
    samples, by (n - 1) / n, and have normal rather than Student's tails. So they are taken further out by both.

    Args:
        values: `[N]`; NaN means "not measured" and is left out; infinities are left out and counted.
        seed: of the 2000 resamples.

    Returns:
        The mean; the same for the same values in the same order.

    References:
        Efron, Bootstrap methods: another look at the jackknife, 1979. Hesterberg, What teachers should know about the
            bootstrap, 2015: the expanded percentile interval.
    """
    values = np.asarray(values, np.float64)
    perfect = int(np.sum(np.isinf(values)))
    finite = values[np.isfinite(values)]
    if not finite.size:
        return Mean(None, None, None, 0, perfect)
    mean = float(finite.mean())
    if finite.size < LEAST_IMAGES:
        return Mean(mean, None, None, finite.size, perfect)
    from scipy import stats

    further = math.sqrt(finite.size / (finite.size - 1)) * stats.t.isf((1 - CONFIDENCE) / 2, finite.size - 1)
    interval = stats.bootstrap(
        (finite,),
        np.mean,
        n_resamples=_RESAMPLES,
        batch=max(1, _AT_ONCE // finite.size),  # saves memory, changes no digit
        confidence_level=1 - 2 * stats.norm.sf(further),
        method="percentile",
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return Mean(mean, float(interval.low), float(interval.high), finite.size, perfect)


def score_columns(rows: Sequence[Row]) -> list[str]:
    """Names of the columns of scores, in their order."""
    return [name for name in rows[0] if name not in KEYS]


def by_image(rows: Iterable[Row], column: str) -> dict[int, float]:
    """One score per image: the mean over the buckets in which it was measured.

    Args:
        rows: rows of one method.
        column: name of the column.

    Returns:
        Image -> score; NaN if no bucket has one, +inf if all that have one are perfect.
    """
    found: dict[int, list[float]] = {}
    for row in rows:
        found.setdefault(row["image"], []).append(row[column])
    return {image: _mean_of_buckets(values) for image, values in found.items()}


def _mean_of_buckets(values: Sequence[float]) -> float:
    measured = [value for value in values if not math.isnan(value)]
    finite = [value for value in measured if math.isfinite(value)]
    if finite:
        return sum(finite) / len(finite)
    return max(measured, default=math.nan)


def mean_over_images(rows: Sequence[Row], column: str) -> Mean:
    """The mean over images of the scores of `by_image`, with its interval.

    Args:
        rows: rows of one method.
        column: name of the column.

    Returns:
        The mean; `perfect` counts the infinite scores of all buckets, also of images that another bucket has one of.
    """
    perfect = sum(row[column] == math.inf for row in rows)
    return dataclasses.replace(bootstrap(list(by_image(rows, column).values())), perfect=perfect)


def gains(rows: Sequence[Row], method: str, baseline: str, column: str, *, bucket: str = ALL) -> dict[int, float]:
    """How much better a method is than another on each image: the mean over the buckets in which both are finite.

    Args:
        rows: rows of both methods.
        method: the method.
        baseline: what it is compared with.
        column: column of the scores, such as "hole_psnr".
        bucket: one bucket, or `ALL`.

    Returns:
        Image -> method - baseline, for the images that both have rows of; NaN or infinite where no bucket compares.

    Raises:
        InputError: a method that has no rows.
    """
    scores: list[dict[tuple[int, str], float]] = []
    for name in (method, baseline):
        found = [row for row in rows if row["method"] == name and bucket in (ALL, row["bucket"])]
        if not found:
            known = ", ".join(dict.fromkeys(row["method"] for row in rows))
            raise InputError(f"no scores of method {name!r} in bucket {bucket!r}: choose from {known}")
        scores.append({(row["image"], row["bucket"]): row[column] for row in found})
    ours, theirs = scores
    # inf - inf is NaN: both perfect, nothing to compare.
    return by_image(
        ({"image": key[0], column: ours[key] - theirs[key]} for key in sorted(ours.keys() & theirs.keys())), column
    )


def difference(rows: Sequence[Row], method: str, baseline: str, column: str, *, bucket: str = ALL) -> Mean:
    """The mean of the `gains` of a method over another, with its interval.

    Much sharper than comparing two means, since the images' own difficulty cancels.

    Args:
        rows: as for `gains`.
        method: as for `gains`.
        baseline: as for `gains`.
        column: as for `gains`.
        bucket: as for `gains`.

    Returns:
        Mean over the images that both have a finite score of.

    Raises:
        InputError: a method that has no rows.
    """
    return bootstrap(list(gains(rows, method, baseline, column, bucket=bucket).values()))
