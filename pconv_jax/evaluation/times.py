"""How long methods took, in a file beside the scores: `times.csv`, a row for each pair and method."""

import csv
import statistics
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pconv_jax.common.errors import InputError

_COLUMNS = ("image", "bucket", "method", "seconds")


def append_times(folder: Path, rows: Sequence[Mapping[str, Any]], seconds: Iterable[float]) -> None:
    """Adds the times of rows of scores, on disk when this returns.

    Args:
        folder: the folder of the scores.
        rows: the rows.
        seconds: how long the method took for each, s.
    """
    with (folder / "times.csv").open("a", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        if file.tell() == 0:
            writer.writerow(_COLUMNS)
        writer.writerows(
            (*(row[name] for name in _COLUMNS[:-1]), f"{time:.6f}") for row, time in zip(rows, seconds, strict=True)
        )


def median_seconds(folder: Path) -> dict[str, float]:
    """Median time of an image by method, s; the median ignores the few images that wait for compilation.

    Methods that an older version scored have none. A line that a kill cut short is left out.

    Args:
        folder: the folder of the scores.

    Raises:
        InputError: the file holds something else.
    """
    path = folder / "times.csv"
    if not path.exists():
        return {}
    content = path.read_text(encoding="utf-8")
    by_method: dict[str, list[float]] = {}
    try:
        for row in csv.DictReader(content[: content.rfind("\n") + 1].splitlines()):
            by_method.setdefault(row["method"], []).append(float(row["seconds"]))
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path} is damaged ({error!r}): remove it; scores do not depend on it") from error
    return {method: statistics.median(times) for method, times in by_method.items()}
