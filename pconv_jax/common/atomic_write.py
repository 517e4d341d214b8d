"""Writing files so that they are never seen half written."""

import contextlib
import errno
import functools
import json
import os
import re
import secrets
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from pconv_jax.common.errors import InputError
from pconv_jax.common.paths import given_path

_ENDING = ".pconv-jax.tmp"
_OURS = re.compile(rf"\.[0-9a-f]{{16}}{re.escape(_ENDING)}")
_CANNOT_FLUSH = (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP)  # of some network drives
_TEMPORARY = re.compile(rf"{_OURS.pattern}|\.[0-9a-f]{{16}}\.tmp")  # the latter by version 0.1


@contextlib.contextmanager
def atomic_write(path: str | os.PathLike[str], *, durable: bool = True) -> Iterator[Path]:
    """Creates or replaces a file in one step, once all of it is written.

    The first time that a process writes to a folder, it removes the temporary files of killed processes there.

    Args:
        path: the file; its folder is created.
        durable: whether its content is on the disk before it takes the place of another, so that one of the two is left
            after a power cut; not needed for what can be made again.

    Yields:
        An empty temporary file to write to, in the same folder; it no longer exists afterwards, even after an error.

    Raises:
        InputError: the path is empty, contains a NUL character, or is a folder.
    """
    path = given_path(path)
    if path.is_dir():
        raise InputError(f"{path} is a folder, where a file is to be written: choose another path")
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_abandoned(path.parent.absolute())
    temporary, lock = _locked_temporary(path)
    try:
        mode = path.stat().st_mode if path.exists() else temporary.stat().st_mode
        _set_mode(temporary, mode | stat.S_IWUSR)  # what is private stays so, also meanwhile
        yield temporary
        if durable:
            _flush(temporary)
        _set_mode(temporary, mode)
        if sys.platform == "win32":
            lock.close()  # Windows replaces no file that is open
        os.replace(temporary, path)
    finally:
        lock.close()  # Windows removes none either, nor one that may not be written to
        if sys.platform == "win32":
            _set_mode(temporary, stat.S_IWUSR | stat.S_IRUSR)
        temporary.unlink(missing_ok=True)


def _flush(path: Path) -> None:
    """Waits until a file is on the disk: many file systems may rename it before its content is."""
    with path.open("rb+") as file:
        try:
            os.fsync(file.fileno())
        except OSError as error:
            if error.errno not in _CANNOT_FLUSH:
                raise


def _set_mode(path: Path, mode: int) -> None:
    with contextlib.suppress(OSError):  # some drives have no modes
        path.chmod(stat.S_IMODE(mode))


def _locked_temporary(path: Path) -> tuple[Path, IO[bytes]]:
    """A new file beside another, and the same one open: as long as it is, it is known to be in use."""
    while True:
        # Short, as the name of the file may be as long as names can be; and nobody can know it and put a link there.
        temporary = path.with_name(f".{secrets.token_hex(8)}{_ENDING}")
        file = temporary.open("xb")  # exclusive: it follows no link
        if sys.platform == "win32":
            return temporary, file
        import fcntl

        with contextlib.suppress(OSError):  # some network drives have no locks; then nobody removes it either
            fcntl.flock(file, fcntl.LOCK_EX)
        with contextlib.suppress(FileNotFoundError):  # another process took it for abandoned before it was locked
            if os.path.samestat(temporary.lstat(), os.fstat(file.fileno())):
                return temporary, file
        file.close()


@functools.cache
def _remove_abandoned(folder: Path) -> None:
    """Removes the temporary files that killed processes left: those of ours that no process has locked."""
    if sys.platform == "win32":
        return
    import fcntl

    with contextlib.suppress(OSError), os.scandir(folder) as entries:  # it may not be readable
        for name in [entry.name for entry in entries if _OURS.fullmatch(entry.name)]:
            with contextlib.suppress(OSError):  # in use, a link, or of another user
                file = os.open(folder / name, os.O_RDWR | os.O_NOFOLLOW)
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    (folder / name).unlink()
                finally:
                    os.close(file)


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
