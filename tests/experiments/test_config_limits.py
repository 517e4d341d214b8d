"""Settings that no run can have: one sentence each, before anything is allocated or written."""

import importlib
import os

import jax
import pytest
from tiny_run import tiny

from experiments.run import main
from experiments.train import experiment, memory
from pconv_jax.common.commands import command
from pconv_jax.common.errors import InputError
from pconv_jax.common.output_folder import check_output_folder


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--learning-rate", "inf"), "--learning-rate is inf, but it must be a number above 0"),
        (("--adam-b1", "nan"), "--adam-b1 is nan, but the decay of a moment must be at least 0 and below 1"),
        (("--adam-b2", "2"), "--adam-b2 is 2.0, but the decay of a moment must be at least 0 and below 1"),
        (("--clip", "inf"), "the largest gradient norm is inf, but it must be a number above 0"),
        (("--warmup", str(2**40)), f"the warm-up must be a number of steps, not {2**40}"),
        (("--seed", str(2**63)), f"--seed is {2**63}, but it must be at least 0 and below 2^63"),
        (("--seed", "-1"), "--seed is -1, but it must be at least 0 and below 2^63"),
        (("--steps", str(2**31)), f"--steps is {2**31}, but it must be at most {2**31 - 1}"),
        (("--workers", "100000"), "--workers is 100000, but it must lie between 0 and 1024"),
        (("--line-thickness", "1", "99999999"), "--line-thickness has 99999999, but it must be at most 10000"),
        (("--line-count", "1", "99999999"), "--line-count has 99999999, but it must be at most 10000"),
        (("--image-size", "10000000"), "image_size=10000000 must be at most 65536"),
        (("--image-size", "65536"), "images of 65536x65536 px with its first features takes"),
        (("--crop-scale", "1e-320", "1"), "must be (low, high) with 0.001 <= low <= high <= 1"),
        (("--widths", *["16384"] * 3), "the parameters of these networks and Adam's moments take"),
        (("--widths", "9" * 30), "must be at most 16384"),
    ],
)
def test_values_beyond_all_limits_are_one_sentence(flags, said, tmp_path, capsys):
    assert main(tiny(tmp_path / "run", *flags)) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert said in error
    assert error.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_the_limit_of_a_container_is_the_memory_of_a_run(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(memory, "available_memory", lambda: 10_000)
    assert main(tiny(tmp_path / "run")) == 2
    assert "and 0 GiB of memory are available: choose a smaller --image-size" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_the_largest_seed_is_one(tmp_path):
    from experiments.run import parse

    parse(tiny(tmp_path, "--seed", str(2**63 - 1))).check()


OUT_OF_MEMORY = jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 5 bytes.\nAllocator: full")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (MemoryError(), "stopped: not enough memory\n"),
        (
            OUT_OF_MEMORY,
            "stopped: not enough memory (Out of memory allocating 5 bytes): close other programs that use the device, "
            "or set JAX_PLATFORMS=cpu to do without a GPU\n",
        ),
    ],
)
def test_memory_that_runs_out_is_one_sentence(capsys, error, said):
    def work(_):
        raise error

    assert command()(work)([]) == 1
    assert capsys.readouterr().err == said


def test_memory_that_runs_out_in_training_names_the_flags_that_help(tmp_path, monkeypatch, capsys):
    def full(config):
        raise OUT_OF_MEMORY

    monkeypatch.setattr(experiment, "open_sources", full)
    assert main(tiny(tmp_path / "run")) == 1
    told = (
        "stopped: not enough memory (Out of memory allocating 5 bytes): choose a smaller --batch-size or --image-size"
    )
    assert capsys.readouterr().err == f"{told}, or fewer --widths, and another --out if this one holds a run by now\n"


@pytest.mark.parametrize(
    ("place", "reason"),
    [("file", "is not a folder"), ("file/below", "is not a folder"), ("a" * 300, "File name too long")],
)
@pytest.mark.parametrize("program", ["run", "studies", "paper_figures"])
def test_an_output_folder_that_cannot_be_is_one_sentence(program, place, reason, tmp_path, capsys):
    (tmp_path / "file").touch()
    out = tmp_path / place
    main = importlib.import_module(f"experiments.{program}" + ("" if program == "run" else ".__main__")).main
    arguments = {
        "run": tiny(out),
        "studies": ["losses", "--vgg-weights", "random", "--out", str(out)],
        "paper_figures": ["--generator", "tiny", "--out", str(out)],
    }[program]
    assert main(arguments) == 2
    shown = capsys.readouterr()
    assert shown.err.startswith("error: ")
    assert str(out) in shown.err
    assert reason in shown.err
    assert shown.err.count("\n") == 1
    assert shown.out == ""


def test_a_read_only_place_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(os, "access", lambda *_: False)  # as root, no folder is read-only
    with pytest.raises(InputError, match=r"--out .*a/b cannot be used \(.* is read-only\): choose another"):
        check_output_folder(tmp_path / "a" / "b")
