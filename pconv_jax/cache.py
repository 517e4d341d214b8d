"""Where the user's caches are: downloaded weights, prepared data sets, compiled programs."""

import os
from pathlib import Path


def cache_folder() -> Path:
    """`$PCONV_JAX_CACHE`, or `pconv_jax` in `$XDG_CACHE_HOME` or `~/.cache`; it need not exist yet."""
    if folder := os.environ.get("PCONV_JAX_CACHE"):
        return Path(folder).expanduser().absolute()
    xdg = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (xdg if xdg.is_absolute() else Path.home() / ".cache") / "pconv_jax"  # XDG: ignore a relative path
