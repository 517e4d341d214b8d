"""Programs that are kept: compiled once, loaded by whoever needs the same, compiled anew where anything differs."""

import hashlib
import os
import pickle

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pconv_jax.common import programs
from pconv_jax.common.programs import KeptPrograms, kept_programs


@pytest.fixture
def add(tmp_path, without_cache):
    """Adds two arrays, each time as a new process would; tells how often it was compiled so far."""
    compiled = []

    def build():
        compiled.append(1)
        return jax.jit(lambda pair: pair[0] + pair[1])

    def run(*pair, name="add"):
        program = KeptPrograms(tmp_path).get(name, build, (pair,))
        return np.asarray(program(pair)).tolist(), len(compiled)

    return run


def test_a_program_is_compiled_once_for_each_name_shape_and_type(add):
    one, two = np.float32([1, 2]), np.float32([10, 20])
    assert add(one, two) == ([11, 22], 1)
    assert add(two, two) == ([20, 40], 1)
    assert add(one[:1], two[:1]) == ([11], 2)
    assert add(jnp.int32([1, 2]), jnp.int32([3, 4])) == ([4, 6], 3)
    assert add(one, two, name="other") == ([11, 22], 4)
    assert add(one, two) == ([11, 22], 4)


@pytest.mark.parametrize(
    "damage",
    [
        lambda whole: b"",
        lambda whole: b"x" * 1000,
        lambda whole: whole[:-1],
        lambda whole: bytes(32) + whole[32:],  # XLA would take it, and aborts the process if it cannot
    ],
    ids=["empty", "other", "cut off", "not of its digest"],
)
def test_a_damaged_file_is_replaced(add, tmp_path, damage):
    one = np.float32([1])
    add(one, one)
    (file,) = tmp_path.glob("*/*")
    file.write_bytes(damage(file.read_bytes()))
    assert add(one, one) == ([2], 2)
    assert add(one, one) == ([2], 2)


@pytest.mark.parametrize("content", [b"not a pickle", pickle.dumps(3), pickle.dumps({})])
def test_a_whole_file_that_jax_cannot_read_is_replaced(add, tmp_path, content):
    one = np.float32([1])
    add(one, one)
    (file,) = tmp_path.glob("*/*")
    file.write_bytes(hashlib.sha256(content).digest() + content)
    assert add(one, one) == ([2], 2)
    assert add(one, one) == ([2], 2)


def test_only_the_programs_of_the_latest_versions_stay(monkeypatch, tmp_path):
    (tmp_path / "jit_other-cache").write_bytes(b"of JAX")
    for number in range(5):
        monkeypatch.setattr(programs, "_version", lambda number=number: f"{number}" * 64)
        KeptPrograms(tmp_path).write_note("a", {"number": number})
        os.utime(tmp_path / f"programs-{str(number) * 16}", (number, number))
        assert KeptPrograms(tmp_path).note("a") == {"number": number}
    assert {path.name[:10] for path in tmp_path.iterdir()} == {"jit_other-", "programs-2", "programs-3", "programs-4"}


def test_other_source_or_another_processor_makes_other_programs(add, monkeypatch, tmp_path):
    one = np.float32([1])
    assert add(one, one)[1] == 1
    KeptPrograms(tmp_path).write_note("a", {"b": [1, None]})
    assert KeptPrograms(tmp_path).note("a") == {"b": [1, None]}
    monkeypatch.setattr(programs, "_environment", lambda: "another")
    assert add(one, one)[1] == 2
    assert KeptPrograms(tmp_path).note("a") is None


def test_settings_of_jax_are_part_of_the_environment(add):
    one = np.float32([1])
    assert [add(one, one)[1], add(one, one)[1]] == [1, 1]
    with jax.default_matmul_precision("float32"):
        assert add(one, one)[1] == 2


def test_a_folder_that_cannot_be_written_changes_nothing(tmp_path, without_cache):
    (tmp_path / "file").touch()
    store = KeptPrograms(tmp_path / "file" / "folder")
    one = np.float32([1])
    assert np.asarray(store.get("add", lambda: jax.jit(lambda x: x + x), (one,))(one)).tolist() == [2]
    store.write_note("a", {})
    assert store.note("a") is None


def test_what_jax_keeps_itself_is_not_kept_twice(tmp_path):
    assert jax.config.values["jax_compilation_cache_dir"] is not None  # see conftest.py
    assert kept_programs() is None
    one = np.float32([1])
    assert np.asarray(KeptPrograms(tmp_path).get("add", lambda: jax.jit(lambda x: x + x), (one,))(one)) == [2]
    assert not list(tmp_path.iterdir())


def test_without_jit_nothing_is_compiled_ahead(without_cache):
    assert kept_programs() is not None
    with jax.disable_jit():
        assert kept_programs() is None


def test_they_are_in_the_cache_of_the_user(monkeypatch, tmp_path, without_cache):
    monkeypatch.setenv("PCONV_JAX_CACHE", str(tmp_path))
    assert kept_programs() is not None
    assert (tmp_path / "compiled").is_dir()
