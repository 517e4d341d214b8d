"""Whether results can be written to a folder, asked before the work that leads to them."""

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
    nearest = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    if not nearest.is_dir():
        raise InputError(f"--out {folder} cannot be used ({nearest} is not a folder): choose another")
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise InputError(f"--out {folder} cannot be used ({nearest} is read-only): choose another")
