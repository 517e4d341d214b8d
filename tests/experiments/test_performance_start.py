"""The suite `start` measures fresh processes, and what saving does to training. Timings are no tests."""

import sys

import pytest

from experiments.performance import installed_command, saving, start
from experiments.performance.options import Options
from experiments.train.presets import PRESETS

MINI = PRESETS["samples"].replace(
    image_size=16,
    widths=(4,),
    adversarial_weight=0.0,
    perceptual_weight=0.0,
    validation_images=2,
    steps=10,
)


def test_a_statement_is_timed_and_what_it_loads_is_listed():
    seconds, loaded = start._in_interpreter("time.sleep(0.05); import matplotlib")
    assert seconds > 0.05
    assert loaded == ["matplotlib"]
    with pytest.raises(RuntimeError, match="'import nowhere' failed in a fresh process"):
        start._in_interpreter("import nowhere")


def test_the_library_is_quick_to_import_and_loads_nothing_heavy():
    for statement in ("import pconv_jax", "from pconv_jax import TrainedGenerator"):
        assert start._in_interpreter(statement)[1] == []


def test_imports_are_compared_with_that_of_jax(monkeypatch):
    statements = {"import jax": "time.sleep(0.01)", "slow": "time.sleep(0.1); import cv2 # {generator}"}
    monkeypatch.setattr(start, "_STATEMENTS", statements)
    rows = start.imports("tiny", repeats=2).rows
    assert [(row["statement"], row["loads"]) for row in rows] == [("import jax", "none"), ("slow", "cv2")]
    assert rows[0]["over import jax"] == 1
    assert rows[1]["over import jax"] > 2


def test_the_command_is_timed_cold_and_warm(monkeypatch):
    calls = []

    def process(arguments, cache):
        calls.append((arguments[-2:] == ("--mask", "auto"), cache))
        return 2.0 * len(calls), 1.0 * len(calls)

    monkeypatch.setattr(installed_command, "_process", process)
    rows = installed_command.installed_command(repeats=2).rows
    kinds = [
        f"pconv-jax inpaint --mask {mask}, {when}"
        for mask in ("MASK", "auto")
        for when in ("nothing compiled", "later")
    ]
    assert [row["process"] for row in rows][-4:] == kinds
    assert [row["least, s"] for row in rows] == [2, 4, 6, 8, 10, 12, 14]
    assert [row["least processor time, s"] for row in rows] == [1, 2, 3, 4, 5, 6, 7]
    assert [finds for finds, _ in calls[3:7]] == [False, False, True, True]
    caches = [cache for _, cache in calls]
    assert caches[3] == caches[4] != caches[5] == caches[6]
    assert not {*caches[:7]} & {*caches[7:]}  # each round has caches of its own


def test_a_process_is_timed(tmp_path):
    wall, processor = installed_command._process(("-c", "import time; time.sleep(0.2)"), tmp_path)
    assert wall > 0.2 > processor > 0
    with pytest.raises(RuntimeError, match="-c 1/0 failed in a fresh process"):
        installed_command._process(("-c", "1/0"), tmp_path)


def test_first_step_is_reached_cold_and_from_the_cache(monkeypatch):
    monkeypatch.setenv("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")  # this step compiles in no time
    monkeypatch.setenv("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")
    table = start.first_step(MINI, repeats=1)
    assert [row["compilation cache"] for row in table.rows] == ["cold", "warm"]
    for row in table.rows:
        phases = [row[f"{phase}, s"] for phase in ("import", "build", "open", "step")]
        assert min(phases) > 0
        assert row["total, s"] == pytest.approx(sum(phases))
    assert not table.notes[0].startswith("The cache takes 0.0 MiB")


def test_a_save_is_measured_in_the_training_loop(capsys):
    actions, stall = saving.checkpoints(MINI, repeats=2)
    assert [row["action"] for row in actions.rows] == [
        "save, until on disk",
        "restore of the generator",
        "restore of the whole state",
        "restore of the generator, first in a process",
    ]
    assert all(row["ms"] > 0 for row in actions.rows)
    (row,) = stall.rows
    assert row["such steps"] >= 1 and row["blocked, ms"] > 0
    assert f"share of {MINI.run.checkpoint_every} steps, %" in row
    assert capsys.readouterr().out == ""


def test_a_stall_is_what_the_save_adds():
    measured = saving.Round(alone=(1.0, 3.0), during=(2.5, 4.0, 2.0), blocked=0.5, on_disk=9, restore=9, resume=9)
    assert measured.stall == 0.5 + 0.5 + 2.0 + 0.0
    rows = saving._stall([measured, measured], 10, "").rows
    assert rows[0]["stall, ms"] == 3000
    assert rows[0]["share of 10 steps, %"] == 100 * 3 / (10 * 2)


def test_size_of_a_folder_and_silence(tmp_path, capsys):
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "c").write_bytes(bytes(2**20))
    (tmp_path / "d").write_bytes(bytes(2**19))
    assert saving.mib(tmp_path) == 1.5
    with saving.silence():
        print("nothing")
        print("nothing", file=sys.stderr)
    assert capsys.readouterr() == ("", "")


def test_sizes_come_from_the_options(monkeypatch):
    asked = {}
    monkeypatch.setattr(start, "imports", lambda generator, **rest: asked.update(imports=(generator, rest)))
    monkeypatch.setattr(start, "installed_command", lambda **rest: asked.update(command=rest))
    monkeypatch.setattr(start, "first_step", lambda config, **rest: asked.update(first=(config, rest)))
    monkeypatch.setattr(start, "checkpoints", lambda config, **rest: asked.update(saving=(config, rest)) or [])
    start.run(Options(generator="128", image_sizes=(32, 64), batch_sizes=(2, 8), repeats=10))
    assert asked["imports"] == ("128", {"repeats": 10})
    assert asked["command"] == {"repeats": 2}
    assert asked["first"] == (PRESETS["samples"], {"repeats": 2})
    config, rest = asked["saving"]
    assert (config.network.generator, config.data.image_size, config.data.batch_size, rest) == (
        "128",
        32,
        8,
        {"repeats": 10},
    )
