"""Puts evaluations beside each other: `python -m experiments.compare FOLDER FOLDER ... --baseline biharmonic`."""

import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import tyro

from experiments.evaluate.table import read_benchmark, read_rows, refuse_other_pairs
from pconv_jax.errors import InputError
from pconv_jax.summary import ALL, difference, figures, interval, markdown, summarise


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
        The table. A method of the same name in several folders is called FOLDER/NAME from the second on.

    Raises:
        InputError: evaluations of different pairs, or a figure or baseline that they do not have.
    """
    if not options.folders:
        raise InputError("name at least one folder that `python -m experiments.evaluate` wrote")
    benchmarks = {str(folder): read_benchmark(folder) for folder in options.folders}
    refuse_other_pairs(benchmarks)
    rows: list[dict[str, Any]] = []
    for folder in options.folders:
        taken = {row["method"] for row in rows}
        rows += [
            {**row, "method": f"{folder.name}/{row['method']}"} if row["method"] in taken else row
            for row in read_rows(folder)
        ]
    if not rows:
        raise InputError(f"{options.folders[0]} holds no scores yet: let its evaluation finish")
    if options.figure not in figures(rows):
        raise InputError(f"--figure {options.figure} is not scored; there are {', '.join(figures(rows))}")
    baseline = options.baseline or rows[0]["method"]
    lines = [["bucket", "method", options.figure, f"less {baseline}"]]
    narrow = [{key: row[key] for key in ("image", "bucket", "method", "hole_fraction", options.figure)} for row in rows]
    for bucket, methods in summarise(narrow).means.items():
        for method, means in methods.items():
            gain = difference(narrow, method, baseline, options.figure, bucket=bucket if bucket != ALL else ALL)
            lines.append([bucket, method, interval(means[options.figure], 3), interval(gain, 3)])
    return markdown(lines, text=2)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit code: 0, or 2 for a user's mistake."""
    try:
        options = tyro.cli(
            Options, args=sys.argv[1:] if arguments is None else list(arguments), prog="python -m experiments.compare"
        )
        print(compare(options))
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
