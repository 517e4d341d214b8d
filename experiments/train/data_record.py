"""Which images and files of damage a run was started with, so that it is not resumed with others: `data.json`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from pconv_jax.common.atomic_write import write_json
from pconv_jax.common.errors import InputError
from pconv_jax.common.json_values import read_json
from pconv_jax.data import SPLITS

_FILE = "data.json"


class Recorded(Protocol):
    """Images, or files of masks or opacity maps, that can be told from others."""

    def __len__(self) -> int:
        """How many they are."""
        ...

    def fingerprint(self) -> str:
        """Hash of which they are."""
        ...


def check_same_images(folder: Path, sources: Mapping[str, Recorded]) -> None:
    """Refuses to resume a run with other images, masks or opacity maps.

    Args:
        folder: the folder of the run; runs of earlier versions have no record, or none of their masks, and are
            believed.
        sources: the images now, by split, and the files of "masks" or of "damage", if there are any.

    Raises:
        InputError: some were added, removed or changed, or the record is damaged.
    """
    path = folder / _FILE
    if not path.exists():
        return
    now = _record(sources)
    try:
        before = read_json(path.read_text(encoding="utf-8"))
        changed = [_difference(split, was, now[split]) for split, was in before.items() if was != now[split]]
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise InputError(
            f"{path} is damaged ({error}): delete it if the images are those that the run was started with"
        ) from error
    if changed:
        raise InputError(
            f"--resume continues the run in {folder} with the data that it was started with, but {'; '.join(changed)}"
            ": give those, or another --out"
        )


def write_images(folder: Path, sources: Mapping[str, Recorded]) -> None:
    """Records what `check_same_images` compares: number of each split or folder, and a hash of names and sizes."""
    write_json(folder / _FILE, _record(sources))


def _record(sources: Mapping[str, Recorded]) -> dict[str, dict[str, int | str]]:
    return {split: {"images": len(source), "sha256": source.fingerprint()} for split, source in sources.items()}


def _difference(split: str, before: Mapping[str, int | str], now: Mapping[str, int | str]) -> str:
    what, where = ("images", f"the {split} split") if split in SPLITS else ("files", f"the folder of {split}")
    if before["images"] != now["images"]:
        return f"{where} had {before['images']} {what} and has {now['images']}"
    return f"names or sizes of the {now['images']} {what} of {where} differ"
