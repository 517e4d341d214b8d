"""Writing files so that they are never seen half written."""

import contextlib
import json
import os
import re
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pconv_jax.common.paths import given_path

_TEMPORARY = re.compile(r"\.[0-9a-f]{16}\.tmp")


@contextlib.contextmanager
def atomic_write(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Creates or replaces a file in one step, once all of it is written.

    Args:
        path: the file; its folder is created.

    Yields:
        An empty temporary file to write to, in the same folder; it no longer exists afterwards, even after an error.

    Raises:
        InputError: the path is empty or contains a NUL character.
    """
    path = given_path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # Short, as the name of the file may be as long as names can be; and nobody can know it and put a link there.
    temporary = path.with_name(f".{secrets.token_hex(8)}.tmp")
    temporary.open("xb").close()  # exclusive: it follows no link
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def is_temporary(path: Path) -> bool:
    """Whether a file has the name of one that `atomic_write` had not finished when its process was killed."""
    return _TEMPORARY.fullmatch(path.name) is not None


def write_json(path: Path, content: Any) -> None:
    """Writes a JSON file in one step.

    Args:
        path: the file.
        content: JSON values, none of them NaN or infinite; paths become text.
    """
    with atomic_write(path) as temporary:
        temporary.write_text(json.dumps(content, indent=2, allow_nan=False, default=str) + "\n", encoding="utf-8")
