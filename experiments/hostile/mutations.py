"""Damage to bytes, to JSON values and to folders of files, drawn from a generator of random numbers."""

import json
import shutil
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

HOSTILE_VALUES: tuple[Any, ...] = (
    *(None, True, "", [], {}, 0, -1, 0.5, 1e308, float("nan"), float("inf"), 2**31, 2**63, 10**400),
    *("../../escaped", "/escaped", "\0", "\ud800", "a" * 5000, "\x1b[2J\n", [[[[]]]], [1] * 1000, {"a": {"b": []}}),
)
"""Values where others are expected; those of JSON, and numbers that only Python's reads."""
NESTED = "[" * 100_000 + "]" * 100_000


def mutated(rng: np.random.Generator, content: bytes, *, sides: Sequence[int] = ()) -> bytes:
    """Content with flipped bits, other bytes, an end that is missing, parts that changed places, or a huge number.

    Args:
        rng: what decides.
        content: of a file; not empty.
        sides: numbers that are made huge where they stand, such as the sides of an image; any two bytes if not given.
    """
    changed, size = bytearray(content), len(content)
    way = rng.integers(5)
    if way == 0:
        for place in rng.integers(size, size=rng.integers(1, 9)):
            changed[place] ^= 1 << rng.integers(8)
    elif way == 1:
        for place in rng.integers(min(64, size), size=rng.integers(1, 5)):
            changed[place] = rng.integers(256)
    elif way == 2:
        del changed[rng.integers(size) :]
    elif way == 3:
        length = size // 6
        first, second = sorted(rng.integers(0, size - length, 2))
        part = changed[second : second + length]
        del changed[second : second + length]
        changed[first:first] = part
    elif sides:
        for kind, side in ((kind, side) for kind in ("<H", ">H", "<I", ">I") for side in sides):
            old, new = struct.pack(kind, side), struct.pack(kind, 65535)
            changed = changed.replace(old, new, 1) if rng.random() < 0.5 else changed
    else:
        place = int(rng.integers(size))
        changed[place : place + 2] = b"\xff\x7f"
    return bytes(changed)


def mutated_json(rng: np.random.Generator, values: Any) -> Any:
    """JSON values one of which, at any depth, is another, has gone or has got a strange neighbour."""
    hostile = HOSTILE_VALUES[rng.integers(len(HOSTILE_VALUES))]
    if not isinstance(values, dict | list) or not values or rng.random() < 0.1:
        return hostile
    keys = list(values) if isinstance(values, dict) else list(range(len(values)))
    key, changed = keys[rng.integers(len(keys))], values.copy()
    way = rng.random()
    if way < 0.15:
        del changed[key]
    elif way < 0.25 and isinstance(changed, dict):
        changed["\x1b[2Junknown" if rng.random() < 0.5 else ""] = hostile
    else:
        changed[key] = mutated_json(rng, values[key])
    return changed


def mutated_text(rng: np.random.Generator, text: str) -> bytes:
    """JSON text whose values or bytes are others, or which is nested too deeply to be read."""
    if rng.random() < 0.05:
        return NESTED.encode()
    if rng.random() < 0.3:
        return mutated(rng, text.encode())
    return json.dumps(mutated_json(rng, json.loads(text))).encode("utf-8", "surrogatepass")


def mutated_folder(rng: np.random.Generator, folder: Path) -> str:
    """Damages one of the files of a folder, at any depth; says what it did.

    Args:
        rng: what decides.
        folder: holds at least one file.

    Returns:
        The way, and the file below the folder.
    """
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    file, other = (files[rng.integers(len(files))] for _ in range(2))
    way = ("bytes", "bytes", "json", "empty", "missing", "swapped", "folder", "extra", "link")[rng.integers(9)]
    content = file.read_bytes()
    if way == "json":
        try:
            file.write_bytes(mutated_text(rng, content.decode()))
        except ValueError:  # it is none
            way = "bytes"
    if way == "bytes":
        file.write_bytes(mutated(rng, content) if content else b"\0")
    elif way == "empty":
        file.write_bytes(b"")
    elif way == "missing":
        file.unlink()
    elif way == "swapped":
        content, taken = other.read_bytes(), content
        other.write_bytes(taken)
        file.write_bytes(content)
    elif way == "folder":
        file.unlink()
        file.mkdir()
    elif way == "extra":
        shutil.copy(file, file.with_name(f"{rng.integers(99)}"))
    elif way == "link":
        file.unlink()
        file.symlink_to("/dev/zero" if rng.random() < 0.5 else file.name)
    return f"{way} of {file.relative_to(folder)}"
