"""A session on an accelerator: its parts within their time, what is trained, and what is refused."""

import json
import os
import sys
from pathlib import Path

import pytest

from experiments.performance import accelerator
from experiments.performance.accelerator import Options, Session, _outcome, main, steps_a_second
from experiments.performance.options import Options as Measured
from experiments.run import parse
from experiments.train.training_time import TrainingTime


def after(command, flag):
    return command[command.index(flag) + 1]


@pytest.fixture
def started(monkeypatch):
    """What is started in place of processes: each takes 30 s, and runs take 20 steps a second."""
    commands, clock = {}, [1000.0]
    monkeypatch.setattr(accelerator.time, "monotonic", lambda: clock[0])

    def outcome(arguments, environment, log, limit):
        assert arguments[:2] == [sys.executable, "-m"] and environment["JAX_PLATFORMS"] == "cuda"
        command = arguments[2:]
        name = Path(after(command, "--out")).name if "--out" in command else f"part {len(commands)}"
        commands[name] = command, limit
        if command[0] == "experiments.run":
            steps, out = int(after(command, "--steps")), Path(after(command, "--out"))
            out.mkdir()
            TrainingTime(steps=steps, wall_seconds=(steps - 1) / 20).write(out, step=steps)
        clock[0] += 30
        return "done"

    monkeypatch.setattr(accelerator, "_outcome", outcome)
    return commands


def test_training_gets_the_time_that_is_left(tmp_path, started):
    options = Options(data_dir=tmp_path, out=tmp_path / "out", minutes=10, learning_rate=1e-3, augment_on_device=True)
    parts = Session(options, "cuda", {"devices": "a card"}).run()
    assert [(part.name, part.outcome, part.seconds) for part in parts] == [
        (name, "done", 30) for name in ("tests", "op", "step", "trial", "training", "export")
    ]
    command, limit = started["training"]
    assert limit == 600 - 4 * 30 - 45
    config = parse(command[1:])
    assert config.run.steps == int(435 * 20 * 0.9)
    assert (config.optimizer.warmup, config.run.checkpoint_every) == (100, 7830 // 4)
    assert config.network.bfloat16 and config.data.augment_on_device and config.optimizer.learning_rate == 1e-3
    config.check()
    assert parse(started["trial"][0][1:]).optimizer.warmup == 10
    saved = [str(tmp_path / "out" / name) for name in ("training", "weights.safetensors")]
    assert started["part 5"][0][:3] == ["experiments.export", *saved]
    assert [limit for _, limit in started.values()][:4] == [90] * 4
    session = json.loads((tmp_path / "out" / "session.json").read_text())
    assert session["devices"] == "a card" and len(session["parts"]) == 6


def test_what_it_measures_can_be_measured(tmp_path, started):
    Session(Options(data_dir=tmp_path, out=tmp_path / "out"), "cuda", {}).run()
    for name, suite in (("part 1", "op"), ("part 2", "step")):
        command = started[name][0]
        assert (
            command[0] == "experiments.performance" and "--bfloat16" in command and after(command, "--suites") == suite
        )
        Measured(suites=(suite,), image_sizes=(int(after(command, "--image-sizes")),)).check()
    for path in started["part 0"][0][4:]:
        assert Path(path).exists()


def test_without_a_trial_nothing_is_trained(tmp_path, started, monkeypatch):
    monkeypatch.setattr(accelerator, "steps_a_second", lambda run: 0.0)
    parts = Session(Options(data_dir=tmp_path, out=tmp_path / "out"), "cuda", {}).run()
    assert (
        parts[-1].name == "training"
        and parts[-1].outcome == "failed: the trial took fewer than two steps in its time, see session.log"
    )


def test_steps_a_second_are_without_the_first(tmp_path):
    assert steps_a_second(tmp_path / "none") == 0
    TrainingTime(steps=11, wall_seconds=5.0).write(tmp_path, step=11)
    assert steps_a_second(tmp_path) == 2


@pytest.mark.parametrize(
    ("code", "limit", "said"),
    [
        ("print(1)", 60, "done"),
        ("raise SystemExit(3)", 60, "failed with exit code 3, see session.log"),
        ("import time; time.sleep(60)", 1, "stopped at its limit"),
        ("import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); time.sleep(60)", 3,
         "stopped at its limit"),
    ],
)  # fmt: skip
def test_what_became_of_a_process(tmp_path, monkeypatch, code, limit, said):
    monkeypatch.setattr(accelerator, "_GRACE", 0.2)
    with (tmp_path / "log").open("wb") as log:
        assert _outcome([sys.executable, "-c", code], os.environ, log, limit) == said


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        ("--minutes 0.5", "--minutes is 0.5, but it must be at least 1 and less than a day"),
        ("--minutes nan", "--minutes is nan, but it must be"),
        ("--data-dir nowhere", "--data-dir nowhere is not a folder"),
        ("--preset sharp", "--preset sharp compares features of VGG16: give its weights by --vgg-weights"),
        ("--out .", "--out . is not empty: give another folder"),
        ("", "JAX finds no accelerator here: install jax[cuda12] or jax[cuda13], or add --on-cpu"),
    ],
)
def test_mistakes(tmp_path, monkeypatch, capsys, flags, complaint):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photographs").mkdir()
    monkeypatch.setattr(accelerator, "in_fresh_process", lambda function: ("cpu", {}))
    assert main(["--data-dir", "photographs", "--out", "out", *flags.split()]) == 2
    assert complaint in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
