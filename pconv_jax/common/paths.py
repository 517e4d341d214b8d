"""Names of files and folders as a user gives them."""

import itertools
import os
from collections.abc import Sequence
from pathlib import Path

from pconv_jax.common.errors import InputError

SizeAndTime = tuple[int, int] | None
"""Of a file, see `size_and_time`."""


def given_path(path: str | os.PathLike[str]) -> Path:
    """The path that a user gave.

    Args:
        path: a name; an empty one would mean the current folder, which a variable that is not set must not.

    Returns:
        The path.

    Raises:
        InputError: it is neither text nor a path, is empty, or contains a NUL character; or it is given as bytes,
            which could be a file's content as well.
    """
    name: object = os.fspath(path) if isinstance(path, os.PathLike) else path
    if isinstance(name, bytes):
        raise InputError("the name of a file is given as bytes, but it must be text: give os.fsdecode(name)")
    if not isinstance(name, str):
        raise InputError(f"the name of a file must be text or a path, not {type(path).__name__}: give one")
    if not name:
        raise InputError("the name of a file is empty: give one, or '.' for the current folder")
    if "\0" in name:
        raise InputError(f"{name!r} contains a NUL character, which no file's name can: give another")
    return Path(path)


def check_regular(path: Path) -> None:
    """Refuses pipes, which would be waited for forever, and devices, which may have no end.

    Args:
        path: need not exist.

    Raises:
        InputError: it is a pipe, a device or a socket; or it cannot be looked at.
    """
    try:
        special = path.exists() and not path.is_file() and not path.is_dir()
    except (OSError, ValueError) as error:  # a link to itself, a name that no file can have
        raise InputError(f"{path} cannot be read ({error}): give another file") from error
    if special:
        raise InputError(f"{path} is not a regular file: give another")


def names_folder(name: str | os.PathLike[str]) -> bool:
    """Whether a name can only mean a folder, since it ends in a slash or a dot."""
    return os.path.basename(os.fspath(name)) in ("", ".", "..")


def check_arguments(arguments: Sequence[str]) -> None:
    """Refuses empty arguments of a command, and those with NUL characters.

    Args:
        arguments: flags and their values, and names.

    Raises:
        InputError: an argument is empty, which as a path would mean the current folder; or it contains a NUL character.
    """
    for before, argument in itertools.pairwise(("", *arguments)):
        if "\0" in argument:
            raise InputError(f"{argument!r} contains a NUL character, which no argument can: leave it out")
        if not argument or (argument.startswith("--") and argument.endswith("=")):
            flag = before if before.startswith("-") else argument.rstrip("=")
            raise InputError(f"{flag or 'a name'} is empty: give a value, or '.' for the current folder")


def from_home(arguments: Sequence[str]) -> list[str]:
    """Arguments of a command with the user's home folder for the `~` of `--flag=~/folder`, which shells leave there."""
    found = []
    for argument in arguments:
        flag, _, value = argument.partition("=")
        at_home = flag.startswith("--") and (value == "~" or value.startswith("~/"))
        found.append(f"{flag}={os.path.expanduser(value)}" if at_home else argument)
    return found


def times_of_change(*places: Path) -> tuple[int, ...]:
    """When each of the files and folders that are there changed last, ns: what was loaded from them may be old."""
    return tuple(place.stat().st_mtime_ns for place in places if place.exists())


def size_and_time(file: Path) -> SizeAndTime:
    """Size of a file and when it changed last, ns, which show that it was replaced; None if it is not there."""
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns
