"""The table of scores on disk: `scores.csv`, a row for each pair and method.

`benchmark.json` beside it holds the facts of the table: on which pairs it was scored, and by which methods.
"""

import collections
import csv
import io
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pconv_jax.common.atomic_write import atomic_write, write_json
from pconv_jax.common.errors import InputError
from pconv_jax.common.folder_lock import is_unused
from pconv_jax.common.json_values import read_json
from pconv_jax.evaluation.pairs import Pairs, Progress, no_progress, pairs_hash
from pconv_jax.evaluation.statistics import KEYS

UNDECODABLE = "surrogateescape"
"""Error handler of text files that hold names of files, or of methods named after files: these can be any bytes."""
_FACTS = ("images", "masks", "noise", "sha256", "note", "pairs", "buckets", "distances", "methods")
# Identities that earlier versions wrote: the same library of the same version, in another package.
_RENAMED_PACKAGES = {"opencv-python-headless": "opencv-contrib-python-headless"}
_LATER = ("pconv_jax",)  # identities of weights lacked it
_TYPES = {"image": int, "name": str, "bucket": str, "method": str}


class ScoreTable:
    """Rows that are on disk as soon as they are scored; those of an earlier command are kept.

    A table keeps the columns that it was started with, so that every column covers all pairs: one that an older version
    started has no scores of raw output, and gets none.

    Attributes:
        folder: the folder.
        facts: contents of `benchmark.json`.
        rows: the rows.
    """

    def __init__(
        self,
        folder: Path,
        pairs: Pairs,
        distances: Mapping[str, Mapping[str, Any]],
        *,
        progress: Progress = no_progress,
    ):
        """Opens the table of a folder, or starts one.

        Args:
            folder: where it is or will be.
            pairs: what is scored; its images are read once to hash them.
            distances: name -> identity of each perceptual distance.
            progress: shows how many images are hashed.

        Raises:
            InputError: the folder holds something else, or scores of other pairs.
        """
        self.folder, self._path = folder, folder / "scores.csv"
        definition = pairs.definition(progress=progress)
        self.facts: dict[str, Any] = {
            **definition,
            "sha256": pairs_hash(definition),
            "note": pairs.note,
            "pairs": len(pairs),
            "buckets": list(pairs.buckets),
            "distances": dict(distances),
            "methods": {},
        }
        if folder.exists() and not folder.is_dir():
            raise InputError(f"--out {folder} is not a folder: choose another")
        self.rows: list[dict[str, Any]] = []
        if (folder / "benchmark.json").exists():
            facts = read_facts(folder)
            self.rows = read_rows(folder)
            self._resume(facts)
        elif not is_unused(folder):
            raise InputError(f"--out {folder} is not empty and holds no evaluation: choose another")

    def _resume(self, before: Mapping[str, Any]) -> None:
        refuse_other_pairs({str(self.folder): before, "this command": self.facts})
        if self.rows and before["distances"] != self.facts["distances"]:
            scored, wanted = (", ".join(facts["distances"]) or "none" for facts in (before, self.facts))
            wanted = f"{wanted} from other weights" if scored == wanted else wanted
            raise InputError(
                f"{self.folder} was scored with perceptual distances: {scored}, but this command asks for: {wanted}: "
                "use the same VGG, LPIPS and DISTS flags, or another --out"
            )
        self.facts["methods"] = dict(before["methods"])

    def add_method(self, name: str, identity: Mapping[str, Any]) -> None:
        """Records which method a name stands for.

        Raises:
            InputError: the table has scores of another method under this name.
        """
        identity = json.loads(json.dumps(identity))  # as it is read back: lists, not tuples
        known = self.facts["methods"].get(name)
        changed = [] if known is None else _differences(known, identity)
        if changed and any(row["method"] == name for row in self.rows):
            raise InputError(
                f"{self.folder} holds scores of another {name} ({', '.join(changed)} differs): name this one "
                "differently, as NAME=FOLDER, or use another --out"
            )
        self.facts["methods"][name] = identity

    def start(self) -> None:
        """Writes facts and rows so far, without an incomplete last line left by a kill.

        Raises:
            InputError: the folder cannot be made.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"--out {self.folder} cannot be made ({error.strerror}): choose another") from error
        write_json(self.folder / "benchmark.json", self.facts)
        if self.rows:
            self._write(self.rows)
        else:
            self._path.unlink(missing_ok=True)  # at most a piece of its heading

    def append(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Adds rows, on disk when this returns; columns that the table does not have are left out."""
        if not rows:
            return
        columns = list(self.rows[0] if self.rows else rows[0])
        kept = [{name: row[name] for name in columns} for row in rows]
        with self._path.open("a", newline="", encoding="utf-8", errors=UNDECODABLE) as file:
            writer = csv.DictWriter(file, columns, lineterminator="\n")
            if file.tell() == 0:
                writer.writeheader()
            writer.writerows(_cells(row) for row in kept)
        self.rows += kept

    def finish(self) -> list[dict[str, Any]]:
        """Sorts the rows by image, bucket and method, so that the file does not depend on the order of scoring.

        Returns:
            The rows.
        """
        buckets = {bucket: place for place, bucket in enumerate(self.facts["buckets"])}
        methods = {method: place for place, method in enumerate(self.facts["methods"])}
        self.rows.sort(key=lambda row: (row["image"], buckets[row["bucket"]], methods[row["method"]]))
        self._write(self.rows)
        return self.rows

    def _write(self, rows: Sequence[Mapping[str, Any]]) -> None:
        with (
            atomic_write(self._path) as unfinished,
            unfinished.open("w", newline="", encoding="utf-8", errors=UNDECODABLE) as file,
        ):
            writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(_cells(row) for row in rows)


def finished(rows: list[dict[str, Any]], pairs: int) -> tuple[list[dict[str, Any]], list[str]]:
    """Separates methods that were not scored on all pairs: means over different pairs cannot be compared.

    Args:
        rows: rows of a table.
        pairs: number of pairs of the table.

    Returns:
        The rows of the other methods, and the names of those that are left out.
    """
    counts = collections.Counter(row["method"] for row in rows)
    return [row for row in rows if counts[row["method"]] == pairs], [name for name in counts if counts[name] != pairs]


def refuse_other_pairs(tables: Mapping[str, Mapping[str, Any]]) -> None:
    """Refuses to compare scores of different pairs.

    Args:
        tables: name -> its facts.

    Raises:
        InputError: naming what differs.
    """
    (first, one), *rest = tables.items()
    for name, other in rest:
        if other["sha256"] != one["sha256"]:
            differs = [
                f"{part} {key} {one[part].get(key)} and {other[part].get(key)}"
                for part in ("images", "masks", "noise")
                for key in sorted(one[part].keys() | other[part].keys())
                if one[part].get(key) != other[part].get(key) and key != "sha256"
            ]
            differs = differs or [part for part in ("images", "masks", "noise") if one[part] != other[part]]
            raise InputError(
                f"scores of different pairs cannot be compared: {first} has benchmark {one['sha256'][:12]}, {name} "
                f"{other['sha256'][:12]} ({'; '.join(differs)}): use the same data, masks, noise and seed, or another "
                "--out"
            )


def read_facts(folder: Path) -> dict[str, Any]:
    """The facts of a table: contents of the `benchmark.json` of a folder.

    Raises:
        InputError: the folder has no such file, or it cannot be read.
    """
    path = folder / "benchmark.json"
    if not path.is_file():
        raise InputError(f"{folder} holds no evaluation: give a folder that `python -m experiments.evaluate` wrote")
    try:
        content = dict(read_json(path.read_text(encoding="utf-8")))
        if missing := [name for name in _FACTS if name not in content]:
            raise ValueError(f"it has no {missing[0]}")
        content["methods"] = {name: _renamed(identity) for name, identity in content["methods"].items()}
        return content
    except (AttributeError, TypeError, ValueError) as error:
        raise InputError(f"{path} is damaged ({error}): remove the folder and score again") from error


def _renamed(identity: Mapping[str, Any]) -> dict[str, Any]:
    return {_RENAMED_PACKAGES.get(name, name): value for name, value in identity.items()}


def read_rows(folder: Path) -> list[dict[str, Any]]:
    """The rows of a `scores.csv`, none if the file does not exist; an incomplete last line, after a kill, is left out.

    Raises:
        InputError: a row that is not one of scores.
    """
    path = folder / "scores.csv"
    if not path.exists():
        return []
    try:
        return [_row(cells) for cells in whole_rows(path)]
    except (TypeError, ValueError, KeyError) as error:
        raise InputError(f"{path} is damaged ({error}): remove it and score again") from error


def whole_rows(path: Path) -> Iterator[dict[str, str]]:
    """The rows of a table whose last line may have been cut short by a kill: without that one."""
    content = path.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]  # a whole line ends with a newline
    return iter(csv.DictReader(io.StringIO(whole.decode("utf-8", UNDECODABLE), newline="")))


def _differences(known: Mapping[str, Any], identity: Mapping[str, Any]) -> list[str]:
    """Names of the entries that differ; in a config, only fields that both versions know are compared."""
    names = sorted(name for name in known.keys() | identity.keys() if name in known or name not in _LATER)
    pairs = {name: (known.get(name), identity.get(name)) for name in names}
    return [
        name
        for name, (old, new) in pairs.items()
        if (
            any(old[key] != new[key] for key in old.keys() & new.keys())
            if isinstance(old, Mapping) and isinstance(new, Mapping)
            else old != new
        )
    ]


def _row(cells: Mapping[str, str]) -> dict[str, Any]:
    if not set(KEYS) <= cells.keys():
        raise ValueError(f"columns {', '.join(cells)}")
    if None in cells.values():
        raise ValueError(f"a line with fewer cells than columns, of image {cells['image']}")
    return {name: _TYPES[name](cell) if name in _TYPES else float(cell or "nan") for name, cell in cells.items()}


def _cells(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _cell(value) if isinstance(value, float) else value for name, value in row.items()}


def _cell(value: float) -> str:
    """An empty cell is "not measured"; others are read back to the bit."""
    return "" if math.isnan(value) else repr(value)
