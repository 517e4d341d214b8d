"""Shared set-up: four simulated CPU devices, strict JAX settings, quick compilation, tiny networks, outside data."""

import concurrent.futures
import os
import pathlib
import signal
import types

import pytest
from compiling import QUICK, flags
from tiny_run import tiny

ROOT = pathlib.Path(__file__).resolve().parent.parent

# Before the first JAX computation: the data-parallel tests need four devices.
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("XLA_FLAGS", flags(QUICK))  # `XLA_FLAGS= make test` has the options of users

import jax  # noqa: E402  (the platform and the flags must be chosen first)
from jax.experimental.compilation_cache.compilation_cache import reset_cache  # noqa: E402

jax.config.update("jax_num_cpu_devices", 4)
jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_compilation_cache_dir", str(ROOT / ".cache" / "jax"))
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.2)

# Shells let what runs in the background ignore it, and so would all that the tests start and interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Half a minute or more in few tests: one of them at the end would leave the other processes with nothing to do.
LONG = (
    *("test_hosts", "test_presets", "test_notebook", "test_public_face", "test_performance_start", "test_cli_command"),
    *("test_export", "test_resumed_runs", "test_whole_runs", "test_step", "test_page_browser", "test_study_runs"),
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first, the other ones in their order."""
    items.sort(key=lambda item: item.path.stem not in LONG)


@pytest.fixture(scope="session")
def finished(tmp_path_factory) -> pathlib.Path:
    """The folder of a tiny run that reached its end; not to be changed."""
    from experiments.run import main

    folder = tmp_path_factory.mktemp("runs") / "whole"
    assert main(tiny(folder)) == 0
    return folder


@pytest.fixture
def without_cache():
    """A JAX that keeps no programs itself."""
    kept = jax.config.values["jax_compilation_cache_dir"]
    jax.config.update("jax_compilation_cache_dir", None)
    reset_cache()
    yield
    jax.config.update("jax_compilation_cache_dir", kept)
    reset_cache()


@pytest.fixture
def without_curves(monkeypatch):
    """Runs whose losses other tests draw: matplotlib takes a second for each."""
    from experiments.train import report

    monkeypatch.setattr(report, "_draw_losses", lambda *_: None)


@pytest.fixture(scope="session")
def shared() -> pathlib.Path:
    """The folder of real photographs, textures, faces and weights that is not part of the project."""
    folder = ROOT.parent / "shared"
    if not folder.is_dir():
        pytest.skip("real images and weights are not on this machine (../shared)")
    return folder


@pytest.fixture
def here(monkeypatch):
    """Spares the seconds in which the evaluation's processes start, where they are not what is tested."""
    from evaluations import InThisProcess

    from pconv_jax.evaluation import worker_pool

    monkeypatch.setattr(concurrent.futures, "ProcessPoolExecutor", InThisProcess)
    monkeypatch.setattr(worker_pool, "_pairs", None, raising=False)


@pytest.fixture
def own(tmp_path):
    """Images of different sizes, and masks that have their names: one hole each, white."""
    import numpy as np
    from PIL import Image

    rng = np.random.default_rng(0)
    for number, (name, (width, height)) in enumerate({"a": (40, 24), "b": (16, 30), "deep/c": (33, 33)}.items()):
        for folder in ("images", "masks"):
            (tmp_path / folder / name).parent.mkdir(parents=True, exist_ok=True)
        image = rng.integers(0, 256, (height, width, 3), np.uint8)
        Image.fromarray(image).save(tmp_path / "images" / f"{name}.png")
        mask = np.zeros((height, width), np.uint8)
        mask[3:9, 2 : 8 + number] = 255
        Image.fromarray(mask).save(tmp_path / "masks" / f"{name}.gif")
    return tmp_path


@pytest.fixture
def programs(monkeypatch):
    """Those that an Inpainter compiles from here on: one entry each."""
    from pconv_jax.inpainting import window_pass

    traced = []
    inpaint_window = window_pass._inpaint_window

    def traces(*args, **kwargs):
        traced.append(kwargs)
        return inpaint_window(*args, **kwargs)

    window_pass._compiled.cache_clear()
    monkeypatch.setattr(window_pass, "_inpaint_window", traces)
    yield traced
    window_pass._compiled.cache_clear()  # those would go on counting


@pytest.fixture
def strict_jax():
    """Settings of JAX as a caller may have them for all of the process."""
    settings = {"jax_numpy_dtype_promotion": "strict", "jax_transfer_guard": "disallow"}
    before = {name: jax.config.values[name] for name in settings}
    for name, value in settings.items():
        jax.config.update(name, value)
    yield
    for name, value in before.items():
        jax.config.update(name, value)


@pytest.fixture(scope="session")
def weights(tmp_path_factory):
    """A network of seconds: what it makes of holes is nothing to look at, but never what was there."""
    from flax import nnx

    from pconv_jax.checkpoints.trained import TrainedGenerator
    from pconv_jax.checkpoints.weights_file import save_generator_weights
    from pconv_jax.models import FillCorrectingConfig
    from pconv_jax.models.initialize import initialize

    config = FillCorrectingConfig(widths=(4, 6), blocks=(1, 1))
    params, stats = nnx.split(initialize(lambda: config.build(rngs=nnx.Rngs(0))), nnx.Param, nnx.BatchStat)[1:]
    params = jax.tree.map(lambda leaf: leaf * 1.5 + 0.02, params)
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    save_generator_weights(path, TrainedGenerator(config, params, stats, about={"thickest_line": 24}))
    return path


@pytest.fixture
def inpaint(weights, capsys):
    """Runs the command; whatever happens, the user sees sentences and never a traceback."""
    from pconv_jax.cli.main import main

    def run(*arguments, own_weights=False):
        flags = () if own_weights else ("--weights", weights)
        capsys.readouterr()
        try:
            code = main(["inpaint", *map(str, (*arguments, *flags))])
        except SystemExit as stop:
            code = stop.code
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        assert "\r" not in out + err  # neither is a terminal here
        return types.SimpleNamespace(code=code, out=out, err=err)

    return run


@pytest.fixture
def undo(capsys):
    """Runs `pconv-jax undo`; whatever happens, the user sees sentences."""

    from pconv_jax.cli.main import main

    def run(*arguments):
        capsys.readouterr()
        code = main(["undo", *map(str, arguments)])
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        return types.SimpleNamespace(code=code, out=out, err=err)

    return run


@pytest.fixture
def one(tmp_path):
    """A photograph and its mask in a folder of their own."""
    from restoring import hole, picture, save

    folder = tmp_path / "one"
    return types.SimpleNamespace(
        folder=folder,
        image=save(folder / "a.png", picture()),
        mask=save(folder / "m.png", hole()),
        out=folder / "out.png",
    )


@pytest.fixture
def saved(tmp_path):
    """Writes a file of bytes."""

    def save(content, name="photo.png"):
        (tmp_path / name).write_bytes(content)
        return tmp_path / name

    return save
