"""Compares evaluations: `python -m experiments.compare FOLDER FOLDER ... --baseline biharmonic`."""

import dataclasses
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import tyro

from pconv_jax.common.commands import command
from pconv_jax.common.errors import InputError
from pconv_jax.evaluation.markdown import interval, markdown
from pconv_jax.evaluation.score_table import finished, read_facts, read_rows, refuse_other_pairs
from pconv_jax.evaluation.statistics import difference, score_columns
from pconv_jax.evaluation.summary import summarise


@dataclasses.dataclass(frozen=True)
class Options:
    """What to compare.

    Attributes:
        folders: folders that `python -m experiments.evaluate` wrote, all scored on the same pairs.
        baseline: method that the others are compared with, image by image; the first one if not given.
        metric: column of scores.csv to compare, such as hole_psnr or raw_whole_jaccard_product.
    """

    folders: Annotated[tuple[Path, ...], tyro.conf.Positional]
    baseline: str | None = None
    metric: Annotated[str, tyro.conf.arg(aliases=["--figure"])] = "hole_psnr"


def compare(options: Options) -> str:
    """The means of one metric by bucket and method, and each method's difference from the baseline, in Markdown.

    Args:
        options: the flags.

    Returns:
        The table. A method of the same name in several folders is called FOLDER/NAME from the second on. Methods that
        were not scored on all pairs are left out, and named below it.

    Raises:
        InputError: evaluations of different pairs, a folder without scores or given twice, or a metric or baseline that
            they do not have.
    """
    if not options.folders:
        raise InputError("give at least one folder that `python -m experiments.evaluate` wrote")
    places = [folder.resolve() for folder in options.folders]
    for folder, place in zip(options.folders, places, strict=True):
        if places.count(place) > 1:
            raise InputError(f"{folder} is named twice: give different folders")
    facts = {str(folder): read_facts(folder) for folder in options.folders}
    refuse_other_pairs(facts)
    rows, unfinished = finished(_rows_of_all(options), next(iter(facts.values()))["pairs"])
    if not rows:
        raise InputError(f"no method is scored on all pairs yet, not even {unfinished[0]}: let its evaluation finish")
    if options.baseline in unfinished:
        raise InputError(f"--baseline {options.baseline} is not scored on all pairs yet: let its evaluation finish")
    table = _table(rows, options.metric, options.baseline or rows[0]["method"])
    return f"{table}\n\nleft out, not scored on all pairs: {', '.join(unfinished)}" if unfinished else table


def _rows_of_all(options: Options) -> list[dict[str, Any]]:
    """The rows of all folders with only the metric; a method whose name is taken is renamed."""
    rows: list[dict[str, Any]] = []
    names = [folder.resolve().name for folder in options.folders]
    for folder, name in zip(options.folders, names, strict=True):
        found = read_rows(folder)
        if not found:
            raise InputError(f"{folder} holds no scores yet: let its evaluation finish")
        if options.metric not in score_columns(found):
            raise InputError(
                f"--metric {options.metric} is not scored in {folder}: choose from {', '.join(score_columns(found))}"
            )
        taken = {row["method"] for row in rows}
        prefix = name if names.count(name) == 1 else folder
        for row in found:
            method = f"{prefix}/{row['method']}" if row["method"] in taken else row["method"]
            kept = {key: row[key] for key in ("image", "bucket", "hole_fraction", options.metric)}
            rows.append({**kept, "method": method})
    return rows


def _table(rows: Sequence[Mapping[str, Any]], metric: str, baseline: str) -> str:
    lines = [["bucket", "method", metric, f"less {baseline}"]]
    for bucket, methods in summarise(rows).means.items():
        for method, means in methods.items():
            gain = difference(rows, method, baseline, metric, bucket=bucket)
            lines.append([bucket, method, interval(means[metric], 3), interval(gain, 3)])
    return markdown(lines, text=2)


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
