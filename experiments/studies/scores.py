"""Scores of a study: one for every arm, seed and image; gains of arms over others; means with their intervals."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from experiments.studies.analysis import Effect, Values, effect
from experiments.studies.study import RELATIVE
from pconv_jax.evaluation.statistics import ALL, Mean, bootstrap, by_image

Rows = Sequence[Mapping[str, Any]]
FIXED_METRICS = ("hole_psnr", "hole_ssim", "hole_sharpness", "naturalness")
"""Metrics that every study has; perceptual distances depend on the weights that are given."""


class StudyScores:
    """Everything that a study measured.

    Attributes:
        rows: condition -> rows of its scores; the methods are ARM-SEED, and classical ones.
        arms: arm -> the seeds of its runs.
        classical: names of the classical methods.
        distances: columns of perceptual distances; the first is the metric "perceptual".
        fids: condition -> method -> FID; empty without its weights.
    """

    def __init__(
        self,
        rows: Mapping[str, Rows],
        arms: Mapping[str, Sequence[int]],
        classical: Sequence[str],
        distances: Sequence[str],
        *,
        fids: Mapping[str, Mapping[str, float]] | None = None,
    ):
        """Sorts the rows by method.

        Args:
            rows: as the attribute.
            arms: as the attribute.
            classical: as the attribute.
            distances: as the attribute.
            fids: as the attribute.
        """
        self.rows, self.arms, self.classical = rows, dict(arms), tuple(classical)
        self.distances, self.fids = tuple(distances), dict(fids or {})
        self._means: dict[tuple[str, str, str, str], Mean] = {}  # tables and plot show the same ones
        self._of: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
        for condition, found in rows.items():
            for row in found:
                self._of.setdefault((condition, row["method"]), []).append(row)

    @property
    def methods(self) -> tuple[str, ...]:
        """Arms, then classical methods."""
        return (*self.arms, *self.classical)

    @property
    def images(self) -> int:
        """How many images were scored."""
        return len({row["image"] for rows in self.rows.values() for row in rows})

    @property
    def metrics(self) -> tuple[str, ...]:
        """What was measured, in the order of the tables."""
        return (*FIXED_METRICS, *self.distances)

    def places(self) -> list[tuple[str, str]]:
        """(condition, bucket) of every row of the tables; where there are several buckets, all together come first."""
        found = []
        for condition, rows in self.rows.items():
            buckets = list(dict.fromkeys(row["bucket"] for row in rows))
            found += [(condition, bucket) for bucket in ([ALL] if len(buckets) > 1 else []) + buckets]
        return found

    def column(self, metric: str) -> str:
        """The column of a metric; that of "perceptual" depends on the weights."""
        return self.distances[0] if metric == "perceptual" else metric

    def gains(self, arm: str, reference: str, metric: str, condition: str, bucket: str = ALL) -> Values:
        """`[S, I]` gains of an arm over another one seed by seed, or over a classical method.

        An image's gain is the mean over the buckets in which both are finite. Images on which a seed has none are left
        out.
        """
        ours, theirs = self._runs(arm), self._runs(reference)
        theirs = theirs * len(ours) if len(theirs) == 1 else theirs
        column = self.column(metric)
        by_seed = []
        for a, b in zip(ours, theirs, strict=True):
            other = {(row["image"], row["bucket"]): row[column] for row in self._rows(b, condition, bucket)}
            by_seed.append(
                by_image(
                    (
                        {"image": row["image"], column: row[column] - other[row["image"], row["bucket"]]}
                        for row in self._rows(a, condition, bucket)
                    ),
                    column,
                )
            )
        return _complete(by_seed)

    def scores(self, arm: str, metric: str, condition: str, bucket: str = ALL) -> Values:
        """`[S, I]` scores of an arm, or `[1, I]` of a classical method, on the images that all its runs have one of."""
        column = self.column(metric)
        return _complete([by_image(self._rows(run, condition, bucket), column) for run in self._runs(arm)])

    def effect(self, arm: str, reference: str, metric: str, condition: str) -> Effect:
        """What `gains` shows."""
        return effect(self.gains(arm, reference, metric, condition))

    def mean(self, method: str, metric: str, condition: str, bucket: str = ALL) -> Mean:
        """Mean of an arm over seeds and images, both random; of a classical method over images."""
        place = (method, metric, condition, bucket)
        if place not in self._means:
            self._means[place] = self._mean(*place)
        return self._means[place]

    def _mean(self, method: str, metric: str, condition: str, bucket: str) -> Mean:
        scores = self.scores(method, metric, condition, bucket)
        if method in self.classical:
            return bootstrap(scores[0])
        found = effect(scores)
        low, high = found.interval() or (None, None)
        return Mean(found.mean, low, high, found.images, 0)

    def by_seed(self, arm: str, metric: str, condition: str, bucket: str = ALL) -> tuple[float, ...]:
        """The mean of every seed of an arm by itself."""
        return effect(self.scores(arm, metric, condition, bucket)).by_seed

    def margin(self, metric: str, margin: float, reference: str, condition: str) -> float:
        """A smallest effect of interest in the metric's own unit."""
        if metric not in RELATIVE:
            return margin
        mean = self.mean(reference, metric, condition).mean
        return margin * mean if mean else margin

    def _runs(self, name: str) -> list[str]:
        return [name] if name in self.classical else [f"{name}-{seed}" for seed in self.arms[name]]

    def _rows(self, run: str, condition: str, bucket: str) -> Rows:
        return [row for row in self._of[condition, run] if bucket in (ALL, row["bucket"])]


def _complete(by_seed: Sequence[Mapping[int, float]]) -> Values:
    """`[S, I]` numbers of the images that are finite for every seed."""
    images = sorted(set.intersection(*(set(values) for values in by_seed)))
    kept = [image for image in images if all(math.isfinite(values[image]) for values in by_seed)]
    return np.array([[values[image] for image in kept] for values in by_seed], np.float64).reshape(len(by_seed), -1)
