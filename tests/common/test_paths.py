"""Names that a user cannot have meant: empty ones, which as paths mean the current folder, and those with NUL."""

import re

import numpy as np
import pytest

from pconv_jax.checkpoints.weights_file import load_generator
from pconv_jax.common.commands import command
from pconv_jax.common.errors import InputError
from pconv_jax.common.paths import given_path
from pconv_jax.imaging import Photograph, read_hole, read_photograph, write_photograph

PHOTOGRAPH = Photograph(np.zeros((4, 4), np.uint8), None, None, None, None, "PNG")
DOORS = {
    "photograph": read_photograph,
    "mask": read_hole,
    "result": lambda name: write_photograph(name, PHOTOGRAPH),
    "weights": load_generator,
}


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(("name", "fault"), [("", "the name of a file is empty"), ("a\0.png", "contains a NUL")])
def test_empty_and_nul_names_of_files_are_refused(door, name, fault, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=fault):
        DOORS[door](name)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", [None, 3, ("a", "b")])
def test_what_is_no_name_is_refused(name):
    with pytest.raises(InputError, match=f"must be text or a path, not {type(name).__name__}: give one$"):
        given_path(name)


@pytest.mark.parametrize("door", [door for door in DOORS if door != "mask"])  # of which bytes are the content
def test_names_of_files_as_bytes_are_refused(door):
    with pytest.raises(InputError, match=r"given as bytes, but it must be text: give os\.fsdecode\(name\)"):
        DOORS[door](b"a.png")


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (["inpaint", ""], "a name is empty: give a value, or '.' for the current folder"),
        (["--out", ""], "--out is empty: give a value, or '.' for the current folder"),
        (["--out="], "--out is empty: give a value, or '.' for the current folder"),
        (["a.png", "-o", "b\0.png"], r"'b\x00.png' contains a NUL character, which no argument can: leave it out"),
    ],
)
def test_empty_and_nul_names_of_arguments_are_refused(arguments, fault, capsys):
    @command()
    def main(arguments):
        raise AssertionError("it must not run")

    assert main(arguments) == 2
    assert re.fullmatch(f"error: {re.escape(fault)}\n", capsys.readouterr().err)


def test_the_home_folder_behind_a_flag_is_meant(monkeypatch):
    monkeypatch.setenv("HOME", "/home/someone")
    given = []

    @command()
    def main(arguments):
        given.extend(arguments)

    assert main(["--out=~/run", "--data=~", "~/as-it-is", "--name=~other", "-o", "a=~/b"]) == 0
    assert given == ["--out=/home/someone/run", "--data=/home/someone", "~/as-it-is", "--name=~other", "-o", "a=~/b"]
