"""What many rows of scores come to: means with bootstrap intervals, for each method and bucket, as JSON and Markdown.

A row is a dictionary: `image` (number), `bucket`, `method`, `hole_fraction`, and figures such as `hole_psnr` or
`whole_l1`: NaN where there was nothing to measure, +inf for the PSNR of a perfect repair.
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
"""Columns of a row that are no figures."""

CONFIDENCE = 0.95
_RESAMPLES = 2000
_AT_ONCE = 1_000_000  # numbers that the resamples in memory hold, together
_UNITS = {"psnr": "PSNR (dB)", "l1": "L1", "ssim": "SSIM", "jaccard": "Jaccard", "jaccard_product": "Jaccard (product)"}
_DECIMALS = {"psnr": 2, "sharpness": 2}


@dataclasses.dataclass(frozen=True)
class Mean:
    """A mean over images.

    Attributes:
        mean: the mean, None where no image is left.
        low: lower end of its bootstrap interval, None for fewer than two images.
        high: upper end.
        images: how many images it is over.
        perfect: how many are left out for being infinite: the PSNR of a perfect repair.
    """

    mean: float | None
    low: float | None
    high: float | None
    images: int
    perfect: int


def bootstrap(values: npt.ArrayLike, *, seed: int = 0) -> Mean:
    """The mean of one figure per image, with a 95 % percentile bootstrap interval over the images.

    Args:
        values: `[N]`; NaN means "not measured" and is left out, +inf is left out and counted.
        seed: of the 2000 resamples.

    Returns:
        The mean; the same for the same values in the same order.

    References:
        Efron, Bootstrap methods: another look at the jackknife, 1979.
    """
    values = np.asarray(values, np.float64)
    perfect = int(np.sum(values == np.inf))
    finite = values[np.isfinite(values)]
    if not finite.size:
        return Mean(None, None, None, 0, perfect)
    mean = float(finite.mean())
    if finite.size == 1:
        return Mean(mean, None, None, 1, perfect)
    from scipy import stats

    interval = stats.bootstrap(
        (finite,),
        np.mean,
        n_resamples=_RESAMPLES,
        batch=max(1, _AT_ONCE // finite.size),  # saves memory, changes no digit
        confidence_level=CONFIDENCE,
        method="percentile",
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return Mean(mean, float(interval.low), float(interval.high), finite.size, perfect)


def figures(rows: Sequence[Row]) -> list[str]:
    """Names of the figures in rows, in their order."""
    return [name for name in rows[0] if name not in KEYS]


def by_image(rows: Iterable[Row], figure: str) -> dict[int, float]:
    """One figure per image: the mean over its buckets, without those in which it was not measured.

    Args:
        rows: rows of one method.
        figure: name of the figure.

    Returns:
        Image -> figure; NaN where no bucket has it, +inf where every one that has it is perfect.
    """
    found: dict[int, list[float]] = {}
    for row in rows:
        found.setdefault(row["image"], []).append(row[figure])
    return {image: _mean_of_buckets(values) for image, values in found.items()}


def _mean_of_buckets(values: Sequence[float]) -> float:
    measured = [value for value in values if not math.isnan(value)]
    finite = [value for value in measured if math.isfinite(value)]
    if finite:
        return sum(finite) / len(finite)
    return max(measured, default=math.nan)


@dataclasses.dataclass(frozen=True)
class Summary:
    """Means of every figure, by method and bucket.

    Attributes:
        means: bucket -> method -> figure -> mean; where there are several buckets, `ALL` comes first.
        hole_fraction: bucket -> mean share of the image that is hole.
        without_hole: bucket -> number of pairs without a hole, which have no score in it.
    """

    means: Mapping[str, Mapping[str, Mapping[str, Mean]]]
    hole_fraction: Mapping[str, float]
    without_hole: Mapping[str, int]

    def to_json(self) -> dict[str, Any]:
        """Plain dictionaries, numbers and None."""
        return {
            "confidence": CONFIDENCE,
            "buckets": {
                bucket: {
                    "mean_hole_fraction": self.hole_fraction[bucket],
                    "without_hole": self.without_hole[bucket],
                    "methods": {
                        method: {name: dataclasses.asdict(mean) for name, mean in means.items()}
                        for method, means in methods.items()
                    },
                }
                for bucket, methods in self.means.items()
            },
        }

    def table(self, region: str, *, buckets: Sequence[str] | None = None) -> str:
        """Markdown: a row a bucket and method, the means in one region with their intervals.

        Args:
            region: "hole" or "whole"; figures of no region, such as perceptual distances, are in both.
            buckets: which, all by default.

        Returns:
            The table, aligned for the terminal, and below it what the means leave out.

        Raises:
            InputError: there is no figure of that region.
        """
        chosen = list(buckets or self.means)
        first = next(iter(self.means[chosen[0]].values()))
        names = [name for name in first if name.startswith(f"{region}_") or not name.startswith(("hole_", "whole_"))]
        if not names:
            raise InputError(f"region={region!r} has no figure; there are {', '.join(first)}")
        several = len(self.means) > 1
        lines = [[*(["bucket"] if several else []), "method", *(heading(name) for name in names)]]
        notes = []
        for bucket in chosen:
            for method, means in self.means[bucket].items():
                lines.append([*([bucket] if several else []), method, *(_cell(name, means[name]) for name in names)])
            notes.append(self._note(bucket, names, several=several))
        return f"{markdown(lines, text=2 if several else 1)}\n\n" + "\n".join(notes)

    def _note(self, bucket: str, names: Sequence[str], *, several: bool) -> str:
        methods = self.means[bucket]
        images = max(mean.images + mean.perfect for means in methods.values() for mean in means.values())
        notes = [f"{images} images, {self.hole_fraction[bucket]:.1%} hole on average"]
        if self.without_hole[bucket]:
            notes.append(f"{self.without_hole[bucket]} without a hole, not scored in the hole")
        notes += [
            f"{means[name].perfect} perfect, left out of {name} ({method})"
            for method, means in methods.items()
            for name in names
            if means[name].perfect
        ]
        return (f"{bucket}: " if several else "") + "; ".join(notes) + "."


def summarise(rows: Sequence[Row]) -> Summary:
    """Means with intervals over images, of every figure, by bucket and method.

    Args:
        rows: at least one; the order of their methods and buckets is that of the summary.

    Returns:
        The summary.

    Raises:
        InputError: no rows.
    """
    if not rows:
        raise InputError("no row of scores to summarise: score at least one image")
    names = figures(rows)
    groups: dict[str, dict[str, list[Row]]] = {}
    for row in rows:
        groups.setdefault(row["bucket"], {}).setdefault(row["method"], []).append(row)
    if len(groups) > 1:
        everything: dict[str, list[Row]] = {}
        for methods in groups.values():
            for method, found in methods.items():
                everything.setdefault(method, []).extend(found)
        groups = {ALL: everything, **groups}
    fractions = {bucket: [row["hole_fraction"] for row in _any(methods)] for bucket, methods in groups.items()}
    return Summary(
        {
            bucket: {
                method: {name: bootstrap(list(by_image(found, name).values())) for name in names}
                for method, found in methods.items()
            }
            for bucket, methods in groups.items()
        },
        {bucket: float(np.mean(values)) for bucket, values in fractions.items()},
        {bucket: sum(value == 0 for value in values) for bucket, values in fractions.items()},
    )


def gains(rows: Sequence[Row], method: str, baseline: str, figure: str, *, bucket: str = ALL) -> dict[int, float]:
    """How much better a method is than another on each image: the mean over the buckets in which both are finite.

    Args:
        rows: rows of both methods.
        method: the method.
        baseline: what it is compared with.
        figure: name of the figure, such as "hole_psnr".
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
            there = ", ".join(dict.fromkeys(row["method"] for row in rows))
            raise InputError(f"no scores of method {name!r} in bucket {bucket!r}; there are {there}")
        scores.append({(row["image"], row["bucket"]): row[figure] for row in found})
    ours, theirs = scores
    # inf - inf is NaN: both perfect, nothing to compare.
    return by_image(
        ({"image": key[0], figure: ours[key] - theirs[key]} for key in sorted(ours.keys() & theirs.keys())), figure
    )


def difference(rows: Sequence[Row], method: str, baseline: str, figure: str, *, bucket: str = ALL) -> Mean:
    """The mean of the `gains` of a method over another, with its interval.

    Much sharper than comparing two means, since the images' own difficulty cancels.

    Args:
        rows: as for `gains`.
        method: as for `gains`.
        baseline: as for `gains`.
        figure: as for `gains`.
        bucket: as for `gains`.

    Returns:
        Mean over the images that both have a finite figure for.

    Raises:
        InputError: a method that has no rows.
    """
    return bootstrap(list(gains(rows, method, baseline, figure, bucket=bucket).values()))


def heading(name: str) -> str:
    """A figure's name as the heading of a column."""
    _, _, metric = name.partition("_")
    return _UNITS.get(metric, metric) if name.startswith(("hole_", "whole_")) else name


def markdown(lines: Sequence[Sequence[str]], *, text: int = 1) -> str:
    """A Markdown table, aligned for the terminal.

    Args:
        lines: the cells of each line, the heading first.
        text: number of leading columns that are text; the others are aligned to the right.

    Returns:
        The table, without a newline at its end.
    """
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]

    def padded(line: Sequence[str]) -> str:
        cells = (
            cell.ljust(width) if i < text else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        return f"| {' | '.join(cells)} |"

    rule = ["-" * width if i < text else "-" * (width - 1) + ":" for i, width in enumerate(widths)]
    return "\n".join(map(padded, [lines[0], rule, *lines[1:]]))


def interval(mean: Mean, decimals: int) -> str:
    """A mean in words: `21.30 [20.9, 21.7]`, or `-` where there is none."""
    if mean.mean is None:
        return "-"
    ends = "" if mean.low is None or mean.high is None else f" [{mean.low:.{decimals}f}, {mean.high:.{decimals}f}]"
    return f"{mean.mean:.{decimals}f}{ends}"


def _cell(name: str, mean: Mean) -> str:
    return interval(mean, _DECIMALS.get(name.partition("_")[2], 4))


def _any(methods: Mapping[str, list[Row]]) -> list[Row]:
    """The rows of one method: pairs are the same for all."""
    return next(iter(methods.values()))
