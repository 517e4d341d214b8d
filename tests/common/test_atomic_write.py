"""Files appear whole or not at all, under a temporary name that nobody can know or link somewhere else."""

import contextlib
import errno
import os
import pathlib
import secrets
import signal
import subprocess
import sys

import pytest

from pconv_jax.common.atomic_write import atomic_write, is_temporary, write_json
from pconv_jax.common.errors import InputError


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_appears_once_it_is_written(tmp_path):
    path = tmp_path / "deep" / "a.txt"
    with atomic_write(path) as temporary:
        assert names(path.parent) == [temporary.name] and is_temporary(temporary)
        temporary.write_text("new")
    assert names(path.parent) == ["a.txt"] and path.read_text() == "new"


def test_what_is_written_is_on_the_disk_before_it_replaces_another(tmp_path, monkeypatch):
    path, flushed = tmp_path / "a.txt", []
    path.write_text("old")

    def flush(file):
        assert path.read_text() == "old"
        flushed.append(os.pread(file, 9, 0))

    monkeypatch.setattr(os, "fsync", flush)
    with atomic_write(path) as temporary:
        temporary.write_text("new")
    assert flushed == [b"new"] and path.read_text() == "new"
    with atomic_write(path, durable=False) as temporary:
        temporary.write_text("made again")
    assert flushed == [b"new"] and path.read_text() == "made again"


@pytest.mark.parametrize("number", [errno.EINVAL, errno.EIO])
def test_a_drive_that_cannot_flush_is_written_to_and_one_that_fails_is_not(tmp_path, monkeypatch, number):
    path = tmp_path / "a.txt"
    path.write_text("old")

    def flush(file):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", flush)
    expected = contextlib.nullcontext() if number == errno.EINVAL else pytest.raises(OSError, match="output")
    with expected, atomic_write(path) as temporary:
        temporary.write_text("new")
    assert names(tmp_path) == ["a.txt"] and path.read_text() == ("new" if number == errno.EINVAL else "old")


def test_an_error_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(FileExistsError), atomic_write(path) as temporary:
        temporary.mkdir()
    assert names(tmp_path) == ["a.txt"] and path.read_text() == "old"


def test_the_temporary_file_is_closed_before_it_is_removed(tmp_path, monkeypatch):
    """Windows removes no file that is open, and the error would be of that."""
    fcntl = pytest.importorskip("fcntl")
    unlink, removed = pathlib.Path.unlink, []

    def unlink_closed(path, missing_ok=False):
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # as long as it is open, it is locked
        removed.append(path)
        unlink(path, missing_ok=missing_ok)

    monkeypatch.setattr(pathlib.Path, "unlink", unlink_closed)
    with pytest.raises(InputError, match="what went wrong"), atomic_write(tmp_path / "a.txt") as temporary:
        raise InputError("what went wrong")
    assert removed == [temporary] and names(tmp_path) == []


def test_a_link_at_the_temporary_name_is_not_followed(tmp_path, monkeypatch):
    secret, path = tmp_path / "secret", tmp_path / "out" / "a.txt"
    secret.write_text("keep")
    path.parent.mkdir()
    monkeypatch.setattr(secrets, "token_hex", lambda size: "ab" * size)
    link = path.with_name(f".{'ab' * 8}.pconv-jax.tmp")
    link.symlink_to(secret)
    with pytest.raises(FileExistsError), atomic_write(path) as temporary:
        temporary.write_text("overwritten")
    assert secret.read_text() == "keep" and link.is_symlink() and not path.exists()


def test_temporary_names_differ(tmp_path):
    with atomic_write(tmp_path / "a") as first, atomic_write(tmp_path / "a") as second:
        assert first != second
        second.write_text("second")
        first.write_text("first")
    assert names(tmp_path) == ["a"] and (tmp_path / "a").read_text() == "first"


def test_the_longest_name_that_the_file_system_takes(tmp_path):
    name = "x" * os.pathconf(tmp_path, "PC_NAME_MAX")
    with atomic_write(tmp_path / name) as temporary:
        temporary.write_text("long")
    assert names(tmp_path) == [name]
    with pytest.raises(OSError, match="name too long"), atomic_write(tmp_path / f"{name}x") as temporary:
        temporary.write_text("too long")
    assert names(tmp_path) == [name]


def test_others_may_read_what_they_may_read_otherwise(tmp_path):
    write_json(tmp_path / "a.json", {"a": 1})
    (tmp_path / "b.json").write_text("{}")
    assert (tmp_path / "a.json").stat().st_mode == (tmp_path / "b.json").stat().st_mode


def test_what_was_private_stays_private(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(b"before")
    for mode in (0o600, 0o400):
        path.chmod(mode)
        with atomic_write(path) as temporary:
            assert temporary.stat().st_mode & 0o777 == 0o600
            temporary.write_bytes(b"after")
        assert path.read_bytes() == b"after" and path.stat().st_mode & 0o777 == mode


@pytest.mark.parametrize(("name", "fault"), [("", "is empty"), ("a\0b.png", r"'a\\x00b.png' contains a NUL character")])
def test_names_that_no_file_can_have(name, fault):
    with pytest.raises(InputError, match=fault), atomic_write(name):
        pass


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(InputError, match="is a folder, where a file is to be written"), atomic_write(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []


def test_what_counts_as_temporary(tmp_path):
    assert is_temporary(tmp_path / ".0123456789abcdef.pconv-jax.tmp")
    assert is_temporary(tmp_path / ".0123456789abcdef.tmp")
    for name in (
        ".0123456789abcdef.tmp.png",
        ".0123456789abcde.pconv-jax.tmp",
        ".pconv-jax.tmp",
        "0123456789abcdef.tmp",
        ".config.json.tmp",
        "a.png",
    ):
        assert not is_temporary(tmp_path / name)


WRITING = """
import os, signal, sys
from pconv_jax.common.atomic_write import atomic_write
with atomic_write(sys.argv[1]) as temporary:
    temporary.write_text("half")
    print(temporary.name, flush=True)
    sys.stdin.readline()
    temporary.write_text("whole")
"""


def writing(path):
    """A process in the middle of writing a file, and the name of its temporary file."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    process = subprocess.Popen([sys.executable, "-c", WRITING, path], **pipes)
    return process, process.stdout.readline().strip()


def test_what_a_killed_process_left_goes_and_nothing_else(tmp_path):
    killed, abandoned = writing(tmp_path / "a.txt")
    alive, in_use = writing(tmp_path / "b.txt")
    killed.kill()
    assert killed.wait() == -signal.SIGKILL
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("keep")
    others = [".0123456789abcdef.tmp", ".notes.pconv-jax.tmp", "0123456789abcdef.pconv-jax.tmp"]
    for name in others:
        (tmp_path / name).write_text("mine")
    link = f".{'0' * 16}.pconv-jax.tmp"
    (tmp_path / link).symlink_to(elsewhere)
    (tmp_path / f".{'1' * 16}.pconv-jax.tmp").mkdir()
    expected = {*others, link, f".{'1' * 16}.pconv-jax.tmp", "elsewhere"}
    assert set(names(tmp_path)) == expected | {abandoned, in_use}
    write_json(tmp_path / "a.json", 1)
    assert set(names(tmp_path)) == expected | {"a.json", in_use}
    assert alive.communicate("\n") == ("", None)
    assert set(names(tmp_path)) == expected | {"a.json", "b.txt"}
    assert (tmp_path / "b.txt").read_text() == "whole" and elsewhere.read_text() == "keep"
    killed.stdin.close(), killed.stdout.close()


def test_a_temporary_file_that_another_process_took_is_made_anew(tmp_path, monkeypatch):
    fcntl = pytest.importorskip("fcntl")
    flock, removed = fcntl.flock, []

    def too_late(file, how):
        if not removed:
            removed.extend(tmp_path.glob(".*"))
            removed[0].unlink()
        flock(file, how)

    monkeypatch.setattr(fcntl, "flock", too_late)
    with atomic_write(tmp_path / "a.txt") as temporary:
        assert temporary != removed[0]
        temporary.write_text("new")
    assert names(tmp_path) == ["a.txt"] and (tmp_path / "a.txt").read_text() == "new"
