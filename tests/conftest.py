"""Shared set-up: four simulated CPU devices, strict JAX settings, a shared compilation cache, outside data."""

import os
import pathlib

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent

# Before the first JAX computation: the data-parallel tests need four devices.
os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax  # noqa: E402  (the platform must be chosen first)

jax.config.update("jax_num_cpu_devices", 4)
jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_compilation_cache_dir", str(ROOT / ".cache" / "jax"))
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.2)


@pytest.fixture(scope="session")
def shared() -> pathlib.Path:
    """The folder of real photographs, textures, faces and weights that is not part of the project."""
    folder = ROOT.parent / "shared"
    if not folder.is_dir():
        pytest.skip("real images and weights are not on this machine (../shared)")
    return folder
