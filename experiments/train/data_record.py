"""Which images, damage and VGG16 a run was started with, so that it is not resumed with others: `data.json`."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from pconv_jax.common.atomic_write import write_json
from pconv_jax.common.errors import InputError
from pconv_jax.common.json_values import read_json
from pconv_jax.data import SPLITS
from pconv_jax.data.source import stored

_FILE = "data.json"
VGG = "VGG16"
"""Name of the weights that compare features, beside those of the splits."""


class Recorded(Protocol):
    """Images, files of masks or opacity maps, or weights, that can be told from others."""

    def __len__(self) -> int:
        """How many they are."""
        ...

    def fingerprint(self) -> str:
        """Hash of which they are."""
        ...


@dataclasses.dataclass(frozen=True)
class RecordedWeights:
    """Weights, told from others by their numbers, so that their file may lie anywhere.

    Attributes:
        sha256: their hash.
    """

    sha256: str

    def __len__(self) -> int:
        """One, as a file would be."""
        return 1

    def fingerprint(self) -> str:
        """Their hash."""
        return self.sha256


def is_recorded(folder: Path, name: str) -> bool:
    """Whether the record of a run, as far as it can be read, has images or weights of a name."""
    try:
        return name in read_json((folder / _FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError, TypeError):
        return False


def check_same_data(folder: Path, sources: Mapping[str, Recorded], *, only: str | None = None) -> None:
    """Refuses to resume a run with other images, masks, opacity maps or weights of VGG16.

    Args:
        folder: the folder of the run; runs of earlier versions have no record, or none of their masks or weights, and
            are believed.
        sources: what there is now: the images by split, the files of "masks" or of "damage", and `VGG`, if there are
            any.
        only: the name of what alone is compared; all if not given.

    Raises:
        InputError: some were added, removed or changed, or the record is damaged.
    """
    path = folder / _FILE
    if not path.exists():
        return
    now = _record(sources)
    try:
        before = read_json(path.read_text(encoding="utf-8"))
        names = before.keys() if only is None else [only]
        changed = [_difference(name, before[name], now[name]) for name in names if _differ(before[name], now[name])]
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise InputError(
            f"{path} is damaged ({error}): delete it if the data is that which the run was started with"
        ) from error
    if changed:
        raise InputError(
            f"--resume continues the run in {folder} with the data that it was started with, but {'; '.join(changed)}"
            ": give those, or another --out"
        )


def write_record(folder: Path, sources: Mapping[str, Recorded]) -> None:
    """Records what `check_same_data` compares: number and hash of names and sizes, of weights of their numbers."""
    write_json(folder / _FILE, _record(sources))


def _record(sources: Mapping[str, Recorded]) -> dict[str, dict[str, int | str]]:
    found: dict[str, dict[str, int | str]] = {}
    for name, source in sources.items():
        found[name] = {"images": len(source), "sha256": source.fingerprint()}
        if said := stored(source):
            found[name]["stored"] = said
    return found


def _differ(before: Mapping[str, int | str], now: Mapping[str, int | str]) -> bool:
    """Whether two records are of other data; what earlier versions did not record is not compared."""
    return before != {name: value for name, value in now.items() if name != "stored" or name in before}


def _difference(name: str, before: Mapping[str, int | str], now: Mapping[str, int | str]) -> str:
    if name == VGG:
        return "the VGG16 weights (--vgg-weights) differ"
    what, where = ("images", f"the {name} split") if name in SPLITS else ("files", f"the folder of {name}")
    if before["images"] != now["images"]:
        return f"{where} had {before['images']} {what} and has {now['images']}"
    return f"names or sizes of the {now['images']} {what} of {where} differ"
