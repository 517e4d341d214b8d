"""Refuses folders of checkpoints that are damaged, or that hold devices or pipes: reading those might never end."""

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from pconv_jax.checkpoints.checksums import NOTES
from pconv_jax.checkpoints.orbax_errors import why
from pconv_jax.checkpoints.saved_steps import saved_steps
from pconv_jax.common.errors import InputError
from pconv_jax.common.json_values import read_json


@contextlib.contextmanager
def refusing_damaged_folder(directory: Path) -> Iterator[None]:
    """Looks at a folder of checkpoints before it is opened, and turns what is raised inside into an InputError.

    Args:
        directory: where the checkpoints are or will be.

    Raises:
        InputError: it holds a device or a pipe, or cannot be opened; the checkpoint to delete is named if it is one.
    """
    try:
        if (special := next(_special_files(directory), None)) is not None:
            raise ValueError(f"{special.relative_to(directory)} is not a regular file")
        yield
    except Exception as error:  # Orbax raises many types, with the same meaning for the user
        wrong = _damaged_folder(directory)
        way = "repair them or choose another run" if wrong is None else f"delete {wrong}, which is damaged"
        raise InputError(f"the checkpoints in {directory} cannot be opened ({why(error)}): {way}") from error


def _special_files(directory: Path) -> Iterator[Path]:
    """Devices, pipes and links to themselves at any depth."""
    for folder, folders, files in os.walk(directory):
        for path in (Path(folder, name) for name in (*folders, *files)):
            try:
                mode = path.stat().st_mode
            except FileNotFoundError:  # a training that is running has removed it
                continue
            except OSError:
                yield path
                continue
            if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
                yield path


def _damaged_folder(directory: Path) -> Path | None:
    """The latest checkpoint that holds special files, or whose notes or metrics are not JSON, if there is one."""
    for folder in (directory / str(step) for step in sorted(saved_steps(directory), reverse=True)):
        if any(_special_files(folder)):
            return folder
        for file in (folder / NOTES, folder / "metrics" / "metrics"):
            try:
                read_json(file.read_bytes())
            except FileNotFoundError:
                continue
            except (OSError, ValueError):
                return folder
    return None
