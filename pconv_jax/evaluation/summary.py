"""Rows of scores summarised: means for each method and bucket, as JSON and as Markdown tables."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pconv_jax.common.errors import InputError
from pconv_jax.evaluation.markdown import REGION_PREFIXES, heading, markdown, score_cell
from pconv_jax.evaluation.scoring import REGIONS
from pconv_jax.evaluation.statistics import ALL, CONFIDENCE, Mean, Row, mean_over_images, score_columns


@dataclasses.dataclass(frozen=True)
class Summary:
    """Means of every column of scores, by method and bucket.

    Attributes:
        means: bucket -> method -> column -> mean; where there are several buckets, `ALL` comes first.
        images: bucket -> number of images.
        hole_fraction: bucket -> mean share of the image that is hole.
        without_hole: bucket -> number of pairs without a hole, which have no score in it.
    """

    means: Mapping[str, Mapping[str, Mapping[str, Mean]]]
    images: Mapping[str, int]
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
        """A Markdown table of the means in one region with their intervals, one row for each bucket and method.

        Args:
            region: one of `scoring.REGIONS`; perceptual distances, which are of composites, are in "hole" and "whole".
            buckets: which, all by default.

        Returns:
            The table, aligned for the terminal, and below it what the means leave out.

        Raises:
            InputError: that region was not scored.
        """
        chosen = list(buckets or self.means)
        first = next(iter(self.means[chosen[0]].values()))
        names = [name for name in first if name.startswith(f"{region}_")]
        if not names:
            raise InputError(f"region={region!r} was not scored: the columns are {', '.join(first)}")
        if region != "raw_whole":
            names += [name for name in first if not name.startswith(REGION_PREFIXES)]
        several = len(self.means) > 1
        lines = [[*(["bucket"] if several else []), "method", *(heading(name) for name in names)]]
        notes = []
        for bucket in chosen:
            for method, means in self.means[bucket].items():
                cells = [score_cell(name, means[name]) for name in names]
                lines.append([*([bucket] if several else []), method, *cells])
            notes.append(self._note(bucket, names, several=several))
        return f"{markdown(lines, text=2 if several else 1)}\n\n" + "\n".join(notes)

    def tables(self) -> dict[str, str]:
        """Region -> its table, for every region of `scoring.REGIONS` that has scores."""
        columns = list(next(iter(next(iter(self.means.values())).values())))
        return {
            region: self.table(region)
            for region in REGIONS
            if any(column.startswith(f"{region}_") for column in columns)
        }

    def left_out(self, bucket: str, names: Sequence[str]) -> list[str]:
        """What the means of some columns leave out in a bucket for being perfect, in words."""
        return [
            f"{means[name].perfect} perfect, left out of {name} ({method})"
            for method, means in self.means[bucket].items()
            for name in names
            if means[name].perfect
        ]

    def _note(self, bucket: str, names: Sequence[str], *, several: bool) -> str:
        notes = [f"{self.images[bucket]} images, {self.hole_fraction[bucket]:.1%} hole on average"]
        if self.without_hole[bucket]:
            notes.append(f"{self.without_hole[bucket]} without a hole, not scored in the hole")
        notes += self.left_out(bucket, names)
        return (f"{bucket}: " if several else "") + "; ".join(notes) + "."


def summarise(rows: Sequence[Row]) -> Summary:
    """Means with intervals over images, of every column of scores, by bucket and method.

    Args:
        rows: at least one; the order of their methods and buckets is that of the summary.

    Returns:
        The summary.

    Raises:
        InputError: no rows.
    """
    if not rows:
        raise InputError("no row of scores to summarise: score at least one image")
    names = score_columns(rows)
    groups: dict[str, dict[str, list[Row]]] = {}
    for row in rows:
        groups.setdefault(row["bucket"], {}).setdefault(row["method"], []).append(row)
    if len(groups) > 1:
        everything: dict[str, list[Row]] = {}
        for methods in groups.values():
            for method, found in methods.items():
                everything.setdefault(method, []).extend(found)
        groups = {ALL: everything, **groups}
    fractions = {bucket: [row["hole_fraction"] for row in _rows_of_one(methods)] for bucket, methods in groups.items()}
    return Summary(
        {
            bucket: {
                method: {name: mean_over_images(found, name) for name in names} for method, found in methods.items()
            }
            for bucket, methods in groups.items()
        },
        {bucket: len({row["image"] for row in _rows_of_one(methods)}) for bucket, methods in groups.items()},
        {bucket: float(np.mean(values)) for bucket, values in fractions.items()},
        {bucket: sum(value == 0 for value in values) for bucket, values in fractions.items()},
    )


def _rows_of_one(methods: Mapping[str, list[Row]]) -> list[Row]:
    """The rows of one method: pairs are the same for all."""
    return next(iter(methods.values()))
