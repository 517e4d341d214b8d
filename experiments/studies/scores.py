"""Scores of a study: means over images and seeds, differences between variants, and how certain they are."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pconv_jax.evaluation.statistics import ALL, Mean, bootstrap, by_image, gains

Rows = Sequence[Mapping[str, Any]]


@dataclasses.dataclass(frozen=True)
class Difference:
    """A variant less another on the same images, averaged over the seeds.

    Attributes:
        mean: over images, with its interval.
        seeds: the mean difference of every seed by itself.
    """

    mean: Mean
    seeds: tuple[float, ...]

    @property
    def sign(self) -> int:
        """1 or -1 where the interval lies on one side of 0 and every seed says the same, otherwise 0."""
        ends = (self.mean.low, self.mean.high, *self.seeds)
        if any(end is None for end in ends):
            return 0
        return int(np.sign(ends[0])) if len({np.sign(end) for end in ends}) == 1 else 0  # type: ignore[arg-type]


@dataclasses.dataclass(frozen=True)
class StudyScores:
    """Everything that a study measured.

    Attributes:
        rows: condition -> rows of its scores; the methods are VARIANT-SEED, and classical ones.
        variants: names, the reference first.
        seeds: number of seeds of each variant.
        classical: names of the classical methods.
        distance: column of the perceptual distance, None without one.
    """

    rows: Mapping[str, Rows]
    variants: tuple[str, ...]
    seeds: int
    classical: tuple[str, ...]
    distance: str | None

    def places(self) -> list[tuple[str, str]]:
        """(condition, bucket) of every row of the tables; where there are several buckets, all together come first."""
        found = []
        for condition, rows in self.rows.items():
            buckets = list(dict.fromkeys(row["bucket"] for row in rows))
            found += [(condition, bucket) for bucket in ([ALL] if len(buckets) > 1 else []) + buckets]
        return found

    def column(self, metric: str) -> str | None:
        """The column of a metric; that of "distance" depends on the weights."""
        return self.distance if metric == "distance" else metric

    def mean(self, method: str, metric: str, condition: str, bucket: str = ALL) -> Mean:
        """Mean of a variant, averaged over its seeds image by image, or of a classical method."""
        return bootstrap(_over_seeds([self._images(name, metric, condition, bucket) for name in self._methods(method)]))

    def by_seed(self, variant: str, metric: str, condition: str, bucket: str = ALL) -> tuple[float, ...]:
        """The mean of every seed of a variant by itself."""
        means = [
            bootstrap(list(self._images(name, metric, condition, bucket).values())) for name in self._methods(variant)
        ]
        return tuple(float("nan") if mean.mean is None else mean.mean for mean in means)

    def difference(self, variant: str, other: str, metric: str, condition: str, bucket: str = ALL) -> Difference:
        """A variant less another one or a classical method, image by image and seed by seed."""
        ours, theirs = self._methods(variant), self._methods(other)
        theirs = theirs * len(ours) if len(theirs) == 1 else theirs
        by_seed = [
            gains(self.rows[condition], a, b, self._column(metric), bucket=bucket)
            for a, b in zip(ours, theirs, strict=True)
        ]
        seeds = [bootstrap(list(gain.values())).mean for gain in by_seed]
        return Difference(bootstrap(_over_seeds(by_seed)), tuple(math.nan if mean is None else mean for mean in seeds))

    def _methods(self, name: str) -> list[str]:
        return [name] if name in self.classical else [f"{name}-{seed}" for seed in range(self.seeds)]

    def _images(self, method: str, metric: str, condition: str, bucket: str) -> dict[int, float]:
        rows = [row for row in self.rows[condition] if row["method"] == method and bucket in (ALL, row["bucket"])]
        return by_image(rows, self._column(metric))

    def _column(self, metric: str) -> str:
        column = self.column(metric)
        assert column is not None, "the study has no perceptual distance"
        return column


def _over_seeds(by_seed: Sequence[Mapping[int, float]]) -> list[float]:
    """The mean over the seeds, for every image that all of them have; NaN or infinite where one of them is."""
    images = sorted(set.intersection(*(set(values) for values in by_seed)))
    return [sum(values[image] for values in by_seed) / len(by_seed) for image in images]
