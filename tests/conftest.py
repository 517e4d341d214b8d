"""Shared set-up: four simulated CPU devices, strict JAX settings, a compilation cache, a tiny run, outside data."""

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


STEPS = 7
TINY = (
    "--dataset samples --image-size 16 --widths 4 8 --discriminator-widths 4 8 --perceptual-layers block1_conv1 "
    f"--batch-size 8 --steps {STEPS} --checkpoint-every 3 --sample-every 4 --validation-images 4 --test-images 6"
).split()


def tiny(folder: pathlib.Path, *more: str) -> list[str]:
    """Flags of a run of seconds."""
    return [*TINY, "--out", str(folder), *more]


@pytest.fixture(scope="session")
def finished(tmp_path_factory) -> pathlib.Path:
    """The folder of a tiny run that reached its end; not to be changed."""
    from experiments.run import main

    folder = tmp_path_factory.mktemp("runs") / "whole"
    assert main(tiny(folder)) == 0
    return folder


@pytest.fixture(scope="session")
def shared() -> pathlib.Path:
    """The folder of real photographs, textures, faces and weights that is not part of the project."""
    folder = ROOT.parent / "shared"
    if not folder.is_dir():
        pytest.skip("real images and weights are not on this machine (../shared)")
    return folder
