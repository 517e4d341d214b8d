"""What methods took, in a file beside the scores: `times.csv`, a row for each pair and method."""

import csv
import os
import statistics
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pconv_jax.common.atomic_write import atomic_write
from pconv_jax.common.errors import InputError
from pconv_jax.evaluation.score_table import UNDECODABLE, whole_rows
from pconv_jax.evaluation.scoring import Cost

_COLUMNS = ("image", "bucket", "method", *Cost._fields)


def append_times(folder: Path, rows: Sequence[Mapping[str, Any]], costs: Iterable[Cost]) -> None:
    """Adds the costs of rows of scores, on disk when this returns, in place of a last line that a kill cut short.

    A file keeps the columns that it was started with: one of an older version has `seconds` alone.

    Args:
        folder: the folder of the scores.
        rows: the rows.
        costs: what the method took for each.
    """
    path = folder / "times.csv"
    _cut_back(path)
    columns = _heading(path) or _COLUMNS
    with path.open("a", newline="", encoding="utf-8", errors=UNDECODABLE) as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore", lineterminator="\n")
        if file.tell() == 0:
            writer.writeheader()
        for row, cost in zip(rows, costs, strict=True):
            known = {name: f"{value:.6f}" for name, value in cost._asdict().items() if value is not None}
            writer.writerow({**row, **known})  # what is not known stays empty


def remove_times(folder: Path, methods: Collection[str]) -> None:
    """Removes the costs of methods.

    Args:
        folder: the folder of the scores.
        methods: names of the methods.
    """
    path = folder / "times.csv"
    _cut_back(path)
    columns = _heading(path)
    if "method" not in columns:
        return  # `median_costs` tells what is wrong with the file
    at = columns.index("method")
    with path.open(newline="", encoding="utf-8", errors=UNDECODABLE) as file:
        lines = list(csv.reader(file))
    kept = [cells for cells in lines if len(cells) <= at or cells[at] not in methods]
    if len(kept) < len(lines):
        with (
            atomic_write(path) as unfinished,
            unfinished.open("w", newline="", encoding="utf-8", errors=UNDECODABLE) as file,
        ):
            csv.writer(file, lineterminator="\n").writerows(kept)


def median_costs(folder: Path) -> dict[str, Cost]:
    """Median cost of an image by method; the median ignores the few images that wait for compilation.

    Methods that an older version scored have none. A line that a kill cut short is left out.

    Args:
        folder: the folder of the scores.

    Raises:
        InputError: the file holds something else.
    """
    path = folder / "times.csv"
    if not path.exists():
        return {}
    by_method: dict[str, list[Cost]] = {}
    try:
        for row in whole_rows(path):
            rest = {name: float(row[name]) if row.get(name) else None for name in Cost._fields[1:]}
            by_method.setdefault(row["method"], []).append(Cost(float(row["seconds"]), **rest))
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path} is damaged ({error!r}): remove it; scores do not depend on it") from error
    return {method: _median(costs) for method, costs in by_method.items()}


def _median(costs: Sequence[Cost]) -> Cost:
    rest = [[value for value in column if value is not None] for column in list(zip(*costs, strict=True))[1:]]
    return Cost(
        statistics.median(cost.seconds for cost in costs),
        *(statistics.median(column) if column else None for column in rest),
    )


def _heading(path: Path) -> list[str]:
    """The columns of a file that was started, none of one that was not."""
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8", errors=UNDECODABLE) as file:
        return next(csv.reader(file), [])


def _cut_back(path: Path) -> None:
    """Removes an incomplete last line: what is appended to it would be no line of either."""
    if not path.exists() or not path.stat().st_size:
        return
    with path.open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        if file.read() != b"\n":
            file.seek(0)
            file.truncate(file.read().rfind(b"\n") + 1)
