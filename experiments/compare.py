"""Compares evaluations: `python -m experiments.compare FOLDER FOLDER ... --baseline biharmonic`."""

import dataclasses
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import tyro

from pconv_jax.common.commands import command
from pconv_jax.common.errors import InputError
from pconv_jax.evaluation.markdown import decimals_of, interval, markdown
from pconv_jax.evaluation.score_table import finished, read_facts, read_rows, refuse_other_pairs
from pconv_jax.evaluation.scoring import Cost
from pconv_jax.evaluation.statistics import difference, score_columns
from pconv_jax.evaluation.summary import Summary, summarise
from pconv_jax.evaluation.times import median_costs


@dataclasses.dataclass(frozen=True)
class Options:
    """What to compare.

    Attributes:
        folders: folders that `python -m experiments.evaluate` wrote, all scored on the same pairs.
        baseline: method that the others are compared with, image by image; the first one if not given.
        wide: a line for each method and a column for each bucket, with what an image costs each; in place of a line for
            each bucket and method.
        metric: column of scores.csv to compare, such as hole_psnr or raw_whole_jaccard_product; hole_psnr if not given,
            and in wide tables hole_ssim and the perceptual distances too.
    """

    folders: Annotated[
        tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="FOLDER ...", help_behavior_hint="(required)")
    ]
    baseline: str | None = None
    wide: bool = False
    metric: Annotated[str | None, tyro.conf.arg(aliases=["--figure"])] = None


def compare(options: Options) -> str:
    """The means of one metric by bucket and method, and each method's difference from the baseline, in Markdown.

    Args:
        options: the flags.

    Returns:
        The table. A method of the same name in several folders is called FOLDER/NAME from the second on. Below it
        stands what means leave out, and which methods are left out, since they were not scored on all pairs.

    Raises:
        InputError: evaluations of different pairs, a folder without scores or given twice, a metric or baseline that
            they do not have, or a perceptual distance from different weights.
    """
    if not options.folders:
        raise InputError("give at least one folder that `python -m experiments.evaluate` wrote")
    places = [folder.resolve() for folder in options.folders]
    for folder, place in zip(options.folders, places, strict=True):
        if places.count(place) > 1:
            raise InputError(f"{folder} is named twice: give different folders")
    facts = {str(folder): read_facts(folder) for folder in options.folders}
    refuse_other_pairs(facts)
    metrics = _metrics(options, facts)
    scored, costs = _rows_and_costs(options, metrics)
    rows, unfinished = finished(scored, next(iter(facts.values()))["pairs"])
    if not rows:
        raise InputError(f"no method is scored on all pairs yet, not even {unfinished[0]}: let its evaluation finish")
    if options.baseline in unfinished:
        raise InputError(f"--baseline {options.baseline} is not scored on all pairs yet: let its evaluation finish")
    baseline = options.baseline or rows[0]["method"]
    summary = summarise(rows)
    if options.wide:
        parts = _wide_tables(rows, summary, metrics, baseline, costs)
    else:
        parts = [_table(rows, summary, metrics[0], baseline)]
    perfect = {bucket: summary.left_out(bucket, metrics) for bucket in summary.means}
    parts += ["\n".join(f"{bucket}: {'; '.join(notes)}" for bucket, notes in perfect.items() if notes)]
    parts += [f"left out, not scored on all pairs: {', '.join(unfinished)}"] if unfinished else []
    return "\n\n".join(filter(None, parts))


def _metrics(options: Options, facts: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The columns to compare: the one that is asked for, or what every folder has of those that a reader wants."""
    (first, one), *rest = ((folder, each["distances"]) for folder, each in facts.items())
    if (metric := options.metric) is not None:
        for folder, distances in rest:
            if metric in one and metric in distances and one[metric] != distances[metric]:
                raise InputError(
                    f"--metric {metric} is from other weights in {folder} than in {first}: score them with the same"
                )
        return [metric]
    shared = [name for name, weights in one.items() if all(each.get(name) == weights for _, each in rest)]
    return ["hole_psnr", "hole_ssim", *shared] if options.wide else ["hole_psnr"]


def _rows_and_costs(options: Options, metrics: Sequence[str]) -> tuple[list[dict[str, Any]], dict[str, Cost]]:
    """The rows of all folders with only the metrics, and what methods cost; one whose name is taken is renamed."""
    rows: list[dict[str, Any]] = []
    costs: dict[str, Cost] = {}
    names = [folder.resolve().name for folder in options.folders]
    for folder, name in zip(options.folders, names, strict=True):
        found = read_rows(folder)
        if not found:
            raise InputError(f"{folder} holds no scores yet: let its evaluation finish")
        if missing := [name for name in metrics if name not in score_columns(found)]:
            raise InputError(
                f"--metric {missing[0]} is not scored in {folder}: choose from {', '.join(score_columns(found))}"
            )
        taken = {row["method"] for row in rows}
        prefix = name if names.count(name) == 1 else folder
        own = dict.fromkeys(row["method"] for row in found)
        titles = {method: f"{prefix}/{method}" if method in taken else method for method in own}
        for row in found:
            kept = {key: row[key] for key in ("image", "bucket", "hole_fraction", *metrics)}
            rows.append({**kept, "method": titles[row["method"]]})
        if options.wide:
            costs |= {titles[method]: cost for method, cost in median_costs(folder).items() if method in titles}
    return rows, costs


def _table(rows: Sequence[Mapping[str, Any]], summary: Summary, metric: str, baseline: str) -> str:
    lines = [["bucket", "method", metric, f"less {baseline}"]]
    for bucket, methods in summary.means.items():
        for method, means in methods.items():
            gain = difference(rows, method, baseline, metric, bucket=bucket)
            lines.append([bucket, method, interval(means[metric], 3), interval(gain, 3)])
    return markdown(lines, text=2)


def _wide_tables(
    rows: Sequence[Mapping[str, Any]],
    summary: Summary,
    metrics: Sequence[str],
    baseline: str,
    costs: Mapping[str, Cost],
) -> list[str]:
    """For each metric methods below each other and buckets side by side: the means, then the differences; the costs."""
    buckets, methods = list(summary.means), list(next(iter(summary.means.values())))
    parts = []
    for metric in metrics:
        means, gains = [["method", *buckets]], [["method", *buckets]]
        for method in methods:
            found = [summary.means[bucket][method][metric].mean for bucket in buckets]
            means.append([method, *("-" if mean is None else f"{mean:.{decimals_of(metric)}f}" for mean in found)])
            less = [difference(rows, method, baseline, metric, bucket=bucket) for bucket in buckets]
            if method != baseline:
                gains.append([method, *(interval(gain, decimals_of(metric)) for gain in less)])
        parts += [f"**{metric}**", markdown(means), f"**{metric}, less {baseline}**", markdown(gains)]
    lines = [["method", "CPU s", "s", "peak MiB"], *([name, *_cost_cells(costs.get(name))] for name in methods)]
    return [*parts, "**an image, median**", markdown(lines)]


def _cost_cells(cost: Cost | None) -> list[str]:
    """Times and peak memory, to two digits."""
    values = (None, None, None) if cost is None else (cost.cpu_seconds, cost.seconds, cost.peak_mib)
    return ["-" if value is None else f"{value:.2g}" for value in values]


@command()
def main(arguments: Sequence[str]) -> None:
    """Runs the command; returns its exit code."""
    options = tyro.cli(
        Options,
        args=arguments,
        prog="python -m experiments.compare",
        description="Compare the methods of one or several evaluations, image by image.",
    )
    print(compare(options))


if __name__ == "__main__":
    sys.exit(main())
