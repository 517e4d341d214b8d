"""Wall and CPU time of training: what is counted as what, the sum over sittings, and how it is said."""

import dataclasses
import json
import multiprocessing
import sys
import time

import pytest
from tiny_run import STEPS

from experiments.train import clock, report
from experiments.train.config import Config
from experiments.train.training_time import TrainingTime, duration
from pconv_jax.common.errors import InputError


@pytest.fixture
def now(monkeypatch):
    """A clock of its own: wall and CPU time in a list that the test changes."""
    times = [100.0, 40.0]
    monkeypatch.setattr(clock, "_now", lambda: tuple(times))
    return times


def passes(now, wall, cpu):
    now[:] = now[0] + wall, now[1] + cpu


def test_compilation_steps_and_pauses_are_told_apart(now):
    timed = clock.Clock()
    passes(now, 7, 9)  # the first step
    with timed.paused():
        passes(now, 1, 2)
    passes(now, 0.5, 0.25)
    timed.compiled()
    passes(now, 10, 19)
    with timed.paused():
        passes(now, 3, 4)
        inside = timed.total(5)
    passes(now, 20, 38)
    assert timed.read()[0] == 30
    assert inside == TrainingTime(
        steps=5,
        wall_seconds=10,
        cpu_seconds=19,
        compilation_wall_seconds=7.5,
        compilation_cpu_seconds=9.25,
        other_wall_seconds=4,
        other_cpu_seconds=6,
    )
    assert timed.total(9) == dataclasses.replace(inside, steps=9, wall_seconds=30, cpu_seconds=57)


def test_waiting_counts_from_the_second_step_on():
    timed = clock.Clock()
    for _ in range(2):
        with timed.waiting():
            time.sleep(0.02)
        timed.compiled()
    with timed.waiting():
        time.sleep(0.02)
    seconds, waited = timed.read()
    assert 0.02 <= waited <= seconds < 1


def test_cpu_time_is_that_of_worker_processes_too():
    timed, own = clock.Clock(), time.process_time()

    def of_workers():
        return timed.total(1).compilation_cpu_seconds - (time.process_time() - own)

    worker = multiprocessing.get_context("spawn").Process(target=sum, args=(range(30_000_000),))
    worker.start()
    running = 0.0
    while worker.is_alive():
        running = of_workers()
        time.sleep(0.02)
    worker.join()
    assert of_workers() > 0.2
    if sys.platform == "linux":  # elsewhere it counts when the worker has ended
        assert running > 0.1


def test_a_run_records_its_time(finished):
    written = json.loads((finished / "report.json").read_text())
    kept = TrainingTime.read(finished)
    assert written["training_time"] == dataclasses.asdict(kept)
    assert kept.steps == STEPS
    assert min(dataclasses.asdict(kept).values()) > 0
    assert kept.wall_seconds == written["training"]["seconds"]


def test_it_stands_over_the_loss_curve(finished, monkeypatch):
    titles = []
    monkeypatch.setattr(report, "loss_curve", lambda *_, title, **__: titles.append(title))
    kept = TrainingTime.read(finished)
    report._draw_losses(Config().replace(out=finished), kept.heading(STEPS))
    report._draw_losses(Config().replace(out=finished), "")
    spent = f"wall time {duration(kept.wall_seconds)}, CPU time {duration(kept.cpu_seconds)}"
    assert titles == [f"samples: training, {spent}", "samples: validation", "samples: training", "samples: validation"]


def test_sittings_add_up(tmp_path):
    assert TrainingTime.read(tmp_path) == TrainingTime()
    first = TrainingTime(steps=100, wall_seconds=60.0, cpu_seconds=100.0, compilation_wall_seconds=9.0)
    first.write(tmp_path, step=100)
    second = TrainingTime(steps=20, wall_seconds=12.5, cpu_seconds=20.0, compilation_cpu_seconds=3.0)
    total = TrainingTime.read(tmp_path) + second
    assert dataclasses.astuple(total) == (120, 72.5, 120.0, 9.0, 3.0, 0.0, 0.0)
    (tmp_path / "training_time.json").write_text('{"stops": 3}')
    with pytest.raises(InputError, match=r"training_time\.json is damaged .*: delete it, and time is counted anew"):
        TrainingTime.read(tmp_path)


def test_steps_that_are_taken_again_are_counted_once(tmp_path):
    five, ten = (TrainingTime(steps=steps, wall_seconds=2.0 * steps) for steps in (5, 10))
    five.write(tmp_path, step=5)
    ten.write(tmp_path, step=10)
    assert TrainingTime.read(tmp_path) == TrainingTime.read(tmp_path, step=10) == ten
    assert TrainingTime.read(tmp_path, step=5) == TrainingTime.read(tmp_path, step=7) == five
    assert TrainingTime.read(tmp_path, step=0) == TrainingTime.read(tmp_path, step=4) == TrainingTime()
    other = five + TrainingTime(steps=1, wall_seconds=9.0)
    other.write(tmp_path, step=6)  # resumed after 5: what came later is gone
    assert TrainingTime.read(tmp_path, step=10) == TrainingTime.read(tmp_path) == other


def test_the_file_of_an_earlier_version_is_of_its_latest_step(tmp_path):
    (tmp_path / "training_time.json").write_text('{"steps": 10, "wall_seconds": 4.0}')
    assert TrainingTime.read(tmp_path, step=10) == TrainingTime(steps=10, wall_seconds=4.0)
    assert TrainingTime.read(tmp_path, step=0) == TrainingTime()


@pytest.mark.parametrize(
    "content",
    [
        *('{"at_checkpoint": 3}', '{"at_checkpoint": {"a": {}}}', "[]", '{"steps": "7"}', '{"wall_seconds": null}'),
        '{"at_checkpoint": {"3": {"cpu_seconds": true}}}',
    ],
)
def test_a_damaged_file_is_named(tmp_path, content):
    (tmp_path / "training_time.json").write_text(content)
    with pytest.raises(InputError, match=r"training_time\.json is damaged .*: delete it, and time is counted anew"):
        TrainingTime.read(tmp_path, step=3)


def test_it_is_said_in_words():
    kept = TrainingTime(
        steps=120,
        wall_seconds=362.4,
        cpu_seconds=7500.0,
        compilation_wall_seconds=9.04,
        compilation_cpu_seconds=59.96,
        other_wall_seconds=0.5,
        other_cpu_seconds=1.0,
    )
    assert kept.heading(120) == "wall time 6 min 2 s, CPU time 2 h 5 min"
    assert kept.heading(500) == "wall time 6 min 2 s, CPU time 2 h 5 min of 120 of 500 steps"
    assert kept.sentence(120) == (
        "training: wall time 6 min 2 s, CPU time 2 h 5 min; apart from these, compilation and first step 9.0 s, CPU "
        "1 min 0 s; validation, samples and checkpoints 0.5 s, CPU 1.0 s"
    )
    assert TrainingTime().heading(3) == ""
    assert TrainingTime().sentence(3) == "training: time unknown"
    assert [duration(seconds) for seconds in (0, 59.94, 59.95, 3599.4, 3599.6)] == [
        *("0.0 s", "59.9 s", "1 min 0 s", "59 min 59 s", "1 h 0 min")
    ]
