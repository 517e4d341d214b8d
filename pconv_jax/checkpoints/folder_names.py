"""Refuses folders of checkpoints whose names Orbax and TensorStore misread: what is saved there cannot be loaded."""

import fnmatch
import os
from pathlib import Path

from pconv_jax.common.errors import InputError

_BACKSLASH = "\\"  # Python 3.11 allows none in an f-string


def check_folder_names(folder: str | os.PathLike[str], *, saving: bool = True) -> None:
    """Refuses a folder below which no checkpoint can be saved to its end, or loaded.

    Orbax collects the arrays of a checkpoint by a pattern that begins with the path of the folder, unescaped: where
    that does not match itself, it finds none, and raises nothing. TensorStore turns backslashes into slashes.

    Args:
        folder: where the checkpoints are or will be; it need not exist.
        saving: whether any are to be saved; those that were moved below [...] can be loaded.

    Raises:
        InputError: naming the part of its path that is in the way.
    """
    path = Path(folder).resolve()
    for part in path.relative_to(path.anchor).parts:
        if _BACKSLASH in part or (saving and not fnmatch.fnmatchcase(part, part)):
            raise InputError(
                f"no checkpoints can be {'saved' if saving else 'read'} below {path}, since {part!r} has "
                f"{'a backslash' if _BACKSLASH in part else '[...]'} in it: rename that folder, or choose another"
            )
