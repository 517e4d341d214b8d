"""Where the user's caches are: downloaded weights, prepared data sets, compiled programs."""

import os
from pathlib import Path


def cache_folder() -> Path:
    """`$PCONV_JAX_CACHE`, or `pconv_jax` in `$XDG_CACHE_HOME` or `~/.cache`; it need not exist yet."""
    if folder := os.environ.get("PCONV_JAX_CACHE"):
        return Path(folder).expanduser().absolute()
    xdg = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (xdg if xdg.is_absolute() else Path.home() / ".cache") / "pconv_jax"  # XDG: ignore a relative path


def enable_compilation_cache() -> None:
    """Keeps compiled programs for later runs, in the user's cache unless JAX is configured otherwise."""
    import jax

    if jax.config.values.get("jax_compilation_cache_dir") is None:
        jax.config.update("jax_compilation_cache_dir", str(cache_folder() / "compiled"))
        # Small programs too: a run has dozens, of a fraction of a second each.
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
