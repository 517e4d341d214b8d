"""oxford_flowers102: its two lists, checked and written anew before they are used.

SciPy, which TFDS reads them with, ends the process on some damaged files (a segmentation fault), so another process
reads them first.
"""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pconv_jax.common.errors import InputError

LABELS, SPLIT_IDS = "imagelabels.mat", "setid.mat"
_SPLITS = ("trnid", "valid", "tstid")
_CLASSES = 102
_SECONDS = 120  # to read a list of kilobytes
_READ = """
import json, sys
import numpy as np
from scipy.io import loadmat
for path in sys.argv[1:]:
    try:
        found = {name: np.asarray(value) for name, value in loadmat(path).items() if name[0] != "_"}
    except Exception as error:
        print(json.dumps(f"{error}"), flush=True)
        continue
    rows = {name: array.ndim == 2 and len(array) == 1 and array.dtype.kind in "iu" for name, array in found.items()}
    print(json.dumps({name: array[0].tolist() if rows[name] else None for name, array in found.items()}), flush=True)
"""


def checked_lists(files: Mapping[str, Path], work: Path) -> dict[str, Path]:
    """Replaces the lists of labels and splits by copies that are safe to read.

    Args:
        files: path of each file by its official name.
        work: folder to write the copies to.

    Returns:
        All files, the copies among them.

    Raises:
        InputError: a list is damaged, or they contradict each other; the file is named.
    """
    from scipy.io import savemat

    read = _read([files[LABELS], files[SPLIT_IDS]])
    labels = _rows(files[LABELS], read[0], ("labels",), largest=_CLASSES)
    splits = _rows(files[SPLIT_IDS], read[1], _SPLITS, largest=len(labels["labels"]))
    ids = [number for numbers in splits.values() for number in numbers]
    if len(set(ids)) < len(ids):
        raise InputError(f"{files[SPLIT_IDS]} has an image in two splits: copy it again")
    for name, lists in ((LABELS, labels), (SPLIT_IDS, splits)):
        savemat(work / name, {key: np.array([numbers], np.int32) for key, numbers in lists.items()})
    return {**files, LABELS: work / LABELS, SPLIT_IDS: work / SPLIT_IDS}


def _read(paths: Sequence[Path]) -> list[Any]:
    """What another process read from each file: its variables, or why there are none."""
    try:
        command = [sys.executable, "-c", _READ, *map(str, paths)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)
        lines = done.stdout.splitlines()
    except subprocess.TimeoutExpired:
        lines = []
    read = [json.loads(line) for line in lines[: len(paths)]]
    return read + ["it ends the process that reads it"] * (len(paths) - len(read))


def _rows(path: Path, read: Any, names: Sequence[str], *, largest: int) -> dict[str, list[int]]:
    """Rows of whole numbers from 1 on, by their names."""
    if isinstance(read, str):
        reason = " ".join(read.split())[:200] or "it cannot be read"
        raise InputError(f"{path} is damaged or not a MATLAB file ({reason}): copy it again")
    if missing := [name for name in names if name not in read]:
        raise InputError(f"{path} has no variable {missing[0]!r}: copy it again")
    for name in names:
        numbers = read[name]
        if numbers is None:
            raise InputError(f"{path} has a variable {name!r} that is not one row of whole numbers: copy it again")
        if wrong := [number for number in numbers if not 1 <= number <= largest]:
            raise InputError(f"{path} has {wrong[0]} in {name!r}, which is not within 1 to {largest}: copy it again")
    return {name: read[name] for name in names}
