"""Where the user's caches are: downloaded weights, prepared data sets, compiled programs."""

import os
import warnings
from pathlib import Path

from pconv_jax.common.errors import InputError, reason


def cache_folder() -> Path:
    """`$PCONV_JAX_CACHE`, or `pconv_jax` in `$XDG_CACHE_HOME` or `~/.cache`; it need not exist yet.

    Raises:
        InputError: none of them is set, and this user has no home.
    """
    xdg = Path(os.environ.get("XDG_CACHE_HOME", ""))
    try:
        if folder := os.environ.get("PCONV_JAX_CACHE"):
            return Path(folder).expanduser().absolute()
        return (xdg if xdg.is_absolute() else Path.home() / ".cache") / "pconv_jax"  # XDG: ignore a relative path
    except RuntimeError as error:
        raise InputError("there is no home folder to keep files in: set PCONV_JAX_CACHE to a folder") from error


_told = ""  # what this process was warned of


def enable_compilation_cache() -> None:
    """Keeps compiled programs for later runs, in the user's cache unless JAX is configured otherwise.

    Warns once where that folder cannot be written; everything works without it, and compiles again.
    """
    import jax

    if jax.config.values.get("jax_compilation_cache_dir") is not None:
        return
    folder = programs_folder()
    if folder is not None:
        jax.config.update("jax_compilation_cache_dir", str(folder))
        # Small programs too: a run has dozens, of a fraction of a second each.
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)


def programs_folder() -> Path | None:
    """The folder of compiled programs in the user's cache; None, with one warning, where it cannot be written."""
    global _told
    try:
        folder = cache_folder() / "compiled"
        folder.mkdir(parents=True, exist_ok=True)
        hindrance = None if os.access(folder, os.W_OK | os.X_OK) else f"{folder} is read-only"
    except InputError:
        hindrance = "there is no home folder"
    except OSError as error:
        hindrance = f"{error.filename} cannot be used ({reason(error)})"
    if hindrance:
        if hindrance != _told:
            _told = hindrance
            warnings.warn(
                f"programs are compiled anew in each process, since {hindrance}: set PCONV_JAX_CACHE to a folder",
                stacklevel=3,
            )
        return None
    return folder
