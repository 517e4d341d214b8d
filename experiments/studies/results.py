"""Scores of a study: means over images and seeds, differences between variants, and how sure they are."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pconv_jax.summary import ALL, Mean, bootstrap, by_image

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
class Results:
    """Everything that a study measured.

    Attributes:
        rows: condition -> rows of its scores; the methods are VARIANT-SEED, and classical ones.
        variants: names, the reference first.
        seeds: number of seeds of each variant.
        classical: names of the classical methods.
        distance: column of the perceptual distance, None if there is none.
    """

    rows: Mapping[str, Rows]
    variants: tuple[str, ...]
    seeds: int
    classical: tuple[str, ...]
    distance: str | None

    def places(self) -> list[tuple[str, str]]:
        """(condition, bucket) of every cell of the tables; of several buckets all together come first."""
        found = []
        for condition, rows in self.rows.items():
            buckets = list(dict.fromkeys(row["bucket"] for row in rows))
            found += [(condition, bucket) for bucket in ([ALL] if len(buckets) > 1 else []) + buckets]
        return found

    def column(self, figure: str) -> str | None:
        """The column of a figure; that of "distance" depends on the weights."""
        return self.distance if figure == "distance" else figure

    def mean(self, method: str, figure: str, condition: str, bucket: str = ALL) -> Mean:
        """Mean of a variant, averaged over its seeds image by image, or of a classical method."""
        names = self._methods(method)
        by_seed = [self._images(name, figure, condition, bucket) for name in names]
        images = sorted(set.intersection(*(set(values) for values in by_seed)))
        return bootstrap([np.mean([values[image] for values in by_seed]) for image in images])

    def by_seed(self, variant: str, figure: str, condition: str, bucket: str = ALL) -> tuple[float, ...]:
        """The mean of every seed of a variant by itself."""
        means = [
            bootstrap(list(self._images(name, figure, condition, bucket).values())) for name in self._methods(variant)
        ]
        return tuple(float("nan") if mean.mean is None else mean.mean for mean in means)

    def difference(self, variant: str, other: str, figure: str, condition: str, bucket: str = ALL) -> Difference:
        """A variant less another one or a classical method, image by image and seed by seed."""
        ours = [self._images(name, figure, condition, bucket) for name in self._methods(variant)]
        theirs = [self._images(name, figure, condition, bucket) for name in self._methods(other)]
        theirs = theirs * len(ours) if len(theirs) == 1 else theirs
        images = sorted(set.intersection(*(set(values) for values in (*ours, *theirs))))
        with np.errstate(invalid="ignore"):  # inf - inf: both perfect, nothing to compare
            gains = np.array(
                [[np.subtract(a[i], b[i]) for i in images] for a, b in zip(ours, theirs, strict=True)], np.float64
            ).reshape(len(ours), len(images))
            each = gains.mean(axis=0)
        seeds = tuple(float(np.mean(gain[np.isfinite(gain)])) if np.isfinite(gain).any() else np.nan for gain in gains)
        return Difference(bootstrap(each), seeds)

    def _methods(self, name: str) -> list[str]:
        return [name] if name in self.classical else [f"{name}-{seed}" for seed in range(self.seeds)]

    def _images(self, method: str, figure: str, condition: str, bucket: str) -> dict[int, float]:
        column = self.column(figure)
        assert column is not None, "the study has no perceptual distance"
        rows = [row for row in self.rows[condition] if row["method"] == method and bucket in (ALL, row["bucket"])]
        return by_image(rows, column)
