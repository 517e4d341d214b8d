"""Flags that cannot be read are answered in one plain sentence, with exit code 2."""

import importlib

import pytest

from pconv_jax.common.flags import mistakes_in_a_sentence

PHOTO = "inpaint a.png -o b.png"


@pytest.mark.parametrize(
    ("command", "arguments", "said"),
    [
        ("pconv_jax.cli.main", f"{PHOTO} --dilate x", "--dilate is 'x', but it must be a whole number"),
        ("pconv_jax.cli.main", f"{PHOTO} --dilate=1.5", "--dilate is '1.5', but it must be a whole number"),
        ("pconv_jax.cli.main", f"{PHOTO} --dilate", "--dilate needs a whole number: give it after the flag"),
        ("pconv_jax.cli.main", f"{PHOTO} --grain much", "--grain is 'much', but it must be auto or a number"),
        ("pconv_jax.cli.main", f"{PHOTO} --mask_color 1 2", "--mask_color is '1 2', but it must be 3 whole numbers"),
        ("pconv_jax.cli.main", f"{PHOTO} --dilat 2", "unknown --dilat: did you mean --dilate?"),
        ("pconv_jax.cli.main", f"{PHOTO} --zzz", "unknown --zzz: pconv-jax inpaint --help lists what there is"),
        ("pconv_jax.cli.main", f"{PHOTO} --z\x1b[2J", "unknown --z\\x1b[2J: pconv-jax inpaint --help lists"),
        ("pconv_jax.cli.main", "--zzz", "unknown --zzz: choose from inpaint, detect, page, undo, info"),
        ("pconv_jax.cli.main", f"--zzz {PHOTO}", "unknown --zzz: pconv-jax --help lists what there is"),
        ("experiments.export.__main__", "a b --zzz", "unknown --zzz: python -m experiments.export --help lists what"),
        ("pconv_jax.cli.main", "inpaint a.png", "--out is missing: pconv-jax inpaint --help lists what there is"),
        (
            "pconv_jax.cli.main",
            "inpaint a.png --ouut b.png",
            "--out is missing, and --ouut is unknown: pconv-jax inpaint --help lists what there is",
        ),
        ("pconv_jax.cli.main", "restore", "unknown restore: choose from inpaint,"),
        ("pconv_jax.cli.main", "", "say what to do: choose from inpaint,"),
        ("experiments.run", "--mapping x", "--mapping is 'x', but it must be one of shard_map, pmap"),
        ("experiments.run", "--blocks 1 x", "--blocks is '1 x', but it must be whole numbers"),
        ("experiments.run", "--line-thickness 1", "--line-thickness needs 2 whole numbers: give it after the flag"),
        ("experiments.evaluate.__main__", "--limit x", "--limit is 'x', but it must be a whole number"),
        ("pconv_jax.cli.main", "undo -o b.png", "RESTORED is missing: pconv-jax undo --help lists what there is"),
        ("pconv_jax.cli.main", "undo", "RESTORED, --out are missing: pconv-jax undo --help"),
        (
            "experiments.export.__main__",
            "",
            "RUN, OUT are missing: python -m experiments.export --help lists what there is",
        ),
    ],
)
def test_a_mistake_is_one_sentence(command, arguments, said, capsys):
    with pytest.raises(SystemExit) as stop:
        importlib.import_module(command).main(arguments.split())
    assert stop.value.code == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1) and err.startswith(f"error: {said}")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            "inpaint -a.png -m m.png -o b.png",
            "unknown -a.png, which is a file too: give a path that begins with a dash",
        ),
        ("undo -a.png -o b.png", "RESTORED needs a path: give a path that begins with a dash as ./-NAME"),
        ("inpaint a.png -m m.png -o b.png c.png", "unknown c.png: name all files together, before the flags"),
        ("docs", "unknown docs: choose from inpaint,"),  # what is unknown may be the name of a file by chance
        ("info docs", "unknown docs: pconv-jax info --help lists what there is"),
    ],
)
def test_files_that_are_taken_for_flags(tmp_path, monkeypatch, capsys, arguments, said):
    monkeypatch.chdir(tmp_path)
    for name in ("-a.png", "a.png", "c.png", "docs"):
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(SystemExit) as stop:
        importlib.import_module("pconv_jax.cli.main").main(arguments.split())
    assert stop.value.code == 2
    assert capsys.readouterr().err.startswith(f"error: {said}")


def test_an_unknown_preset_is_one_line(capsys):
    with pytest.raises(SystemExit):
        importlib.import_module("experiments.run").main(["--preset", "x"])
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("python -m experiments.run: error: argument --preset: invalid choice: 'x' (choose from")


def test_other_ends_stay_as_they_are(capsys):
    with pytest.raises(SystemExit, match="7"), mistakes_in_a_sentence([]):
        raise SystemExit(7)
    assert capsys.readouterr() == ("", "")
