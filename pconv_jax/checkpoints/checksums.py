"""Checksums of what a checkpoint holds, by which a bit that flipped on a disk is noticed."""

import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np

from pconv_jax.common.json_values import read_json

NOTES = "_CHECKPOINT_METADATA"  # the file of Orbax that holds the notes of a checkpoint, as JSON
_SUM = "crc32"  # in JSON values that were sealed


def checksums(parts: Mapping[str, Any]) -> dict[str, dict[str, int]]:
    """CRC-32 of every array, or of the state of a part that has one.

    Args:
        parts: by name, pytrees of arrays, or objects with `get_state`, which returns JSON values.

    Returns:
        By part, name of the array in it -> checksum.
    """
    return {name: _of_part(part) for name, part in parts.items()}


def compare_checksums(saved: Mapping[str, Mapping[str, int]], parts: Mapping[str, Any]) -> None:
    """Refuses parts that are not what was saved.

    Args:
        saved: from `checksums`; what it lacks, as in checkpoints of earlier versions, is not compared.
        parts: what was loaded, some or all of what was saved.

    Raises:
        ValueError: naming what differs.
    """
    for name, now in checksums(parts).items():
        before = saved.get(name, {})
        if wrong := [key for key, value in now.items() if before.get(key, value) != value]:
            more = f" and {len(wrong) - 1} more are" if len(wrong) > 1 else " is"
            raise ValueError(f"{f'{name}/{wrong[0]}'.rstrip('/')}{more} not what was saved")


def other_name(saved: Mapping[str, Mapping[str, int]], parts: Mapping[str, Any]) -> str | None:
    """What a checkpoint of another structure lacks, or has beside what is wanted, in a few words.

    Args:
        saved: from `checksums`; none are known of checkpoints of earlier versions.
        parts: by name, pytrees of arrays: what is wanted.

    Returns:
        The first name that differs; None if none does.
    """
    for part, wanted in checksums(parts).items() if saved else ():
        if part not in saved:
            return f"it has no {part}"
        for name in sorted(wanted.keys() - saved[part].keys()):
            return f"it has no {part}/{name}"
        for name in sorted(saved[part].keys() - wanted.keys()):
            return f"it has {part}/{name}, which is not wanted"
    return None


def sealed(values: Mapping[str, Any]) -> dict[str, Any]:
    """JSON values with their checksum among them."""
    return {**values, _SUM: _of_json(values)}


def unsealed(values: Mapping[str, Any]) -> dict[str, Any]:
    """What was sealed; values of earlier versions, without a checksum, as they are.

    Raises:
        ValueError: they are not what was sealed.
    """
    rest = {name: value for name, value in values.items() if name != _SUM}
    if values.get(_SUM, _of_json(rest)) != _of_json(rest):
        raise ValueError("it is not what was written")
    return rest


def saved_checksums(folder: Path) -> dict[str, dict[str, int]]:
    """The checksums that were saved with a checkpoint; none by earlier versions.

    Args:
        folder: of the checkpoint.

    Raises:
        ValueError: their file is damaged or cannot be read.
    """
    try:
        return dict(read_json((folder / NOTES).read_bytes())["custom_metadata"].get("checksums", {}))
    except FileNotFoundError:  # a training that is running removes it
        return {}
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"{NOTES} is damaged") from error


def _of_part(part: Any) -> dict[str, int]:
    if hasattr(part, "get_state"):
        return {"": _of_json(part.get_state())}
    leaves = jax.tree_util.tree_flatten_with_path(part)[0]
    return {jax.tree_util.keystr(path, simple=True, separator="/"): _of_array(leaf) for path, leaf in leaves}


def _of_array(leaf: Any) -> int:
    return zlib.crc32(np.ascontiguousarray(leaf).reshape(-1).view(np.uint8).data)


def _of_json(values: Any) -> int:
    return zlib.crc32(json.dumps(values, sort_keys=True, default=str).encode())
