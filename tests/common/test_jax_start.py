"""Caches without a home, devices that are not there, and processes forked too late."""

import os

import jax
import pytest

from pconv_jax.common import cache, jax_start
from pconv_jax.common.cache import cache_folder, enable_compilation_cache
from pconv_jax.common.errors import InputError
from pconv_jax.common.jax_start import prepare_jax


@pytest.fixture
def unset(monkeypatch):
    """A JAX without a cache of compiled programs, and a user without a home."""
    names = ("jax_compilation_cache_dir", "jax_persistent_cache_min_compile_time_secs")
    kept = {name: jax.config.values[name] for name in names}
    jax.config.update("jax_compilation_cache_dir", None)
    for name in ("PCONV_JAX_CACHE", "XDG_CACHE_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(cache, "_told", "")
    monkeypatch.setattr("pwd.getpwuid", lambda _: (_ for _ in ()).throw(KeyError("no entry")))
    yield monkeypatch
    for name, value in kept.items():
        jax.config.update(name, value)


def test_without_a_home_the_cache_of_programs_is_left_out_and_files_name_the_way(unset):
    with pytest.raises(InputError, match="there is no home folder to keep files in: set PCONV_JAX_CACHE"):
        cache_folder()
    with pytest.warns(UserWarning, match="compiled anew in each process, since there is no home folder: set PCONV_J"):
        enable_compilation_cache()
    assert jax.config.values["jax_compilation_cache_dir"] is None
    enable_compilation_cache()  # says it once


def test_a_cache_that_cannot_be_written_is_left_out(unset, tmp_path):
    (tmp_path / "file").touch()
    unset.setenv("PCONV_JAX_CACHE", str(tmp_path / "file"))
    with pytest.warns(
        UserWarning, match=r"since .*file/compiled cannot be used \(Not a directory\): set PCONV_JAX_CAC"
    ):
        enable_compilation_cache()
    unset.setenv("PCONV_JAX_CACHE", str(tmp_path / "cache"))
    unset.setattr(os, "access", lambda *_: False)  # as root, no folder is read-only
    with pytest.warns(UserWarning, match=r"since .*cache/compiled is read-only: set PCONV_JAX_CACHE"):
        enable_compilation_cache()


def test_a_python_call_keeps_its_programs_as_the_command_does(unset, tmp_path, weights):
    from pconv_jax import Inpainter

    unset.setenv("PCONV_JAX_CACHE", str(tmp_path))
    Inpainter.from_pretrained(weights)
    assert jax.config.values["jax_compilation_cache_dir"] == str(tmp_path / "compiled")
    assert jax.config.values["jax_persistent_cache_min_compile_time_secs"] == 0


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (RuntimeError("Unable to initialize backend 'tpu'\nmore"), r"\(Unable to initialize backend 'tpu'\): unset it"),
        (AssertionError(), r"\(there is no such device, or its packages are not installed\): unset it"),
    ],
)
def test_a_platform_that_is_not_there_is_one_sentence(error, said, monkeypatch):
    def devices():
        raise error

    monkeypatch.setattr(jax, "devices", devices)
    platforms = jax.config.values["jax_platforms"]
    with pytest.raises(InputError, match=f"JAX_PLATFORMS is {platforms}, which JAX cannot start here {said}"):
        prepare_jax()


def test_a_process_that_was_forked_after_jax_was_used_is_refused(monkeypatch):
    prepare_jax()
    assert os.getpid() in jax_start._users
    monkeypatch.setattr(os, "getpid", lambda: -1)  # a real fork would warn, and inherit threads that do not run
    with pytest.raises(InputError, match=r"forked after its parent had used JAX, .*get_context\('spawn'\)"):
        prepare_jax()
