"""Puts evaluations beside each other: `python -m experiments.compare FOLDER FOLDER ... --baseline biharmonic`."""

import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import tyro

from experiments.evaluate.table import finished, read_benchmark, read_rows, refuse_other_pairs
from pconv_jax.common.commands import command
from pconv_jax.common.errors import InputError
from pconv_jax.evaluation.statistics import difference, figures, interval, markdown, summarise


@dataclasses.dataclass(frozen=True)
class Options:
    """What to compare.

    Attributes:
        folders: folders that `python -m experiments.evaluate` wrote, all scored on the same pairs.
        baseline: method that the others are compared with, image by image; the first one if not given.
        figure: column of scores.csv to compare.
    """

    folders: Annotated[tuple[Path, ...], tyro.conf.Positional]
    baseline: str | None = None
    figure: str = "hole_psnr"


def compare(options: Options) -> str:
    """The means of one figure by bucket and method, and each method's difference from the baseline, in Markdown.

    Args:
        options: the flags.

    Returns:
        The table. A method of the same name in several folders is called FOLDER/NAME from the second on. Methods that
        were not scored on all pairs are left out, and named below it.

    Raises:
        InputError: evaluations of different pairs, a folder without scores or given twice, or a figure or baseline that
            they do not have.
    """
    if not options.folders:
        raise InputError("name at least one folder that `python -m experiments.evaluate` wrote")
    places = [folder.resolve() for folder in options.folders]
    for folder, place in zip(options.folders, places, strict=True):
        if places.count(place) > 1:
            raise InputError(f"{folder} is named twice: name different folders")
    benchmarks = {str(folder): read_benchmark(folder) for folder in options.folders}
    refuse_other_pairs(benchmarks)
    rows: list[dict[str, Any]] = []
    names = [place.name for place in places]
    for folder, place in zip(options.folders, places, strict=True):
        found = read_rows(folder)
        if not found:
            raise InputError(f"{folder} holds no scores yet: let its evaluation finish")
        if options.figure not in figures(found):
            raise InputError(
                f"--figure {options.figure} is not scored in {folder}; there are {', '.join(figures(found))}"
            )
        taken = {row["method"] for row in rows}
        prefix = place.name if names.count(place.name) == 1 else folder
        rows += [{**row, "method": f"{prefix}/{row['method']}"} if row["method"] in taken else row for row in found]
    rows, unfinished = finished(rows, next(iter(benchmarks.values()))["pairs"])
    if not rows:
        raise InputError(f"no method is scored on all pairs yet, not even {unfinished[0]}: let its evaluation finish")
    if options.baseline in unfinished:
        raise InputError(f"--baseline {options.baseline} is not scored on all pairs yet: let its evaluation finish")
    baseline = options.baseline or rows[0]["method"]
    lines = [["bucket", "method", options.figure, f"less {baseline}"]]
    narrow = [{key: row[key] for key in ("image", "bucket", "method", "hole_fraction", options.figure)} for row in rows]
    for bucket, methods in summarise(narrow).means.items():
        for method, means in methods.items():
            gain = difference(narrow, method, baseline, options.figure, bucket=bucket)
            lines.append([bucket, method, interval(means[options.figure], 3), interval(gain, 3)])
    table = markdown(lines, text=2)
    return f"{table}\n\nleft out, not scored on all pairs: {', '.join(unfinished)}" if unfinished else table


@command()
def main(arguments: Sequence[str]) -> None:
    """Runs the command; returns its exit code."""
    print(compare(tyro.cli(Options, args=arguments, prog="python -m experiments.compare")))


if __name__ == "__main__":
    sys.exit(main())
