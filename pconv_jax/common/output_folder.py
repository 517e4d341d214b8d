"""Whether results can be written to a folder or a file, asked before the work that leads to them."""

import os
from pathlib import Path

from pconv_jax.common.errors import InputError


def check_output_folder(folder: Path) -> None:
    """Refuses a folder that can neither be written to nor created.

    Args:
        folder: what `--out` names; it need not exist.

    Raises:
        InputError: naming what is in the way.
        OSError: a name that the system does not allow.
    """
    _check(folder, f"--out {folder}")


def check_output_file(file: Path, *, flag: str) -> None:
    """Refuses a file that can neither be replaced nor created.

    Args:
        file: what the flag names; neither it nor its folder need exist.
        flag: its name, for the message.

    Raises:
        InputError: naming what is in the way.
        OSError: a name that the system does not allow.
    """
    if file.is_dir():
        raise InputError(f"{flag} {file} is a folder: give the name of a file")
    _check(file.parent, f"{flag} {file}")


def _check(folder: Path, named: str) -> None:
    nearest = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    if not nearest.is_dir():
        raise InputError(f"{named} cannot be used ({nearest} is not a folder): choose another")
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise InputError(f"{named} cannot be used ({nearest} is read-only): choose another")
