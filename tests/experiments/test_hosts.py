"""Runs on several hosts, as real processes over gloo: the steps of one device, resumed by others, stopped together."""

import json
import re
import signal

import jax
import numpy as np
import pytest
from host_processes import Host, Started
from tiny_run import ALONE, STEPS, tiny

from experiments.run import main
from experiments.train.logs import MetricsLog, read_metrics
from pconv_jax.checkpoints.orbax import open_checkpoints
from pconv_jax.checkpoints.trained import load_run
from pconv_jax.inpainting.inpainter import Inpainter

pytestmark = pytest.mark.usefixtures("without_curves")


def flags(folder, *more):
    """Of the smallest network with batch statistics: every process traces it anew."""
    return tiny(folder, *ALONE, "--widths", "4", *more)


def steps_of(folder):
    with open_checkpoints(folder) as checkpoints:
        return checkpoints.latest


def assert_close(one, other):
    """The rows of their metrics and their last weights to 1e-6; an interrupted run has no row more or less."""
    rows, others = (read_metrics(folder / "metrics.jsonl") for folder in (one, other))
    assert [row["step"] for row in rows] == [row["step"] for row in others]
    for row, same in zip(rows, others, strict=True):
        assert row == pytest.approx(same, rel=1e-6, abs=1e-6)
    weights, others = (jax.tree.leaves(load_run(folder, step=STEPS).params) for folder in (one, other))
    for leaf, same in zip(weights, others, strict=True):
        np.testing.assert_allclose(leaf, same, rtol=1e-6, atol=1e-6)


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """A run on one device, to its end."""
    folder = tmp_path_factory.mktemp("alone")
    [end] = Started(folder / "logs", [Host(flags(folder / "run"))]).ends()
    assert end.code == 0, end.said
    return folder / "run"


def interrupted(hosts, devices, folder, *more, signalled):
    """Hosts of which one gets SIGTERM."""
    stop = (3, signal.SIGTERM)
    jobs = [Host(flags(folder, *more), devices, stop if host == signalled else None) for host in range(hosts)]
    return Started(folder.parent / f"logs of {folder.name}", jobs)


def test_two_hosts_resume_what_one_began_a_signal_to_one_saves_all_and_one_resumes(alone, tmp_path, monkeypatch):
    folder, write = tmp_path / "run", MetricsLog.write

    def interrupting(self, step, metrics):
        write(self, step, metrics)
        if step == 1:
            signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(MetricsLog, "write", interrupting)
        assert main(flags(folder)) == 128 + signal.SIGINT  # on the four devices of this process
    begun = steps_of(folder)
    assert 1 <= begun <= 3
    ends = interrupted(2, 2, folder, "--resume", signalled=1).ends()
    assert [end.code for end in ends] == [128 + signal.SIGTERM] * 2, ends
    step = steps_of(folder)
    assert max(3, begun + 1) <= step < STEPS
    assert f"resuming after step {begun} of {STEPS}" in ends[0].said
    assert f"stopped by SIGTERM and saved at step {step}" in ends[0].said
    assert "data:" not in ends[1].said  # host 0 alone says something
    assert "stopped" not in ends[1].said
    assert json.loads((folder / "checkpoints" / str(step) / "data" / "process_0-of-1.json").read_text()) == {
        "next_index": step
    }
    assert main(flags(folder, "--resume", "--test-images", "1")) == 0
    assert_close(alone, folder)
    Inpainter.from_run(folder)


def test_two_hosts_resume_what_four_began(alone, tmp_path):
    folder = tmp_path / "run"
    assert [end.code for end in interrupted(4, 1, folder, signalled=2).ends()] == [128 + signal.SIGTERM] * 4
    begun = steps_of(folder)
    assert 3 <= begun < STEPS
    ends = Started(tmp_path / "logs", [Host(flags(folder, "--resume"), 2) for _ in range(2)]).ends()
    assert [end.code for end in ends] == [0, 0], ends
    assert f"resuming after step {begun} of {STEPS}" in ends[0].said
    assert_close(alone, folder)


def test_hosts_that_cannot_train_together_are_refused(tmp_path):
    def pair(name, mine, theirs=None, **options):
        return Started(tmp_path / f"{name}.logs", [mine, theirs or mine], **options)

    run = [tmp_path / f"run{number}" for number in range(3)]
    dies = Host(flags(run[2]), signal_at=(4, signal.SIGKILL))
    cases = {
        "folders": (
            pair("folders", Host(flags(run[0])), Host(flags(tmp_path / "elsewhere"))),
            r"error: --out .*run0 of host 0 is not the folder that host 1 of 2 have there: give a folder on storage",
        ),
        "flags": (
            pair("flags", Host(flags(run[1])), Host(flags(run[1], "--batch-size", "4"))),
            r"error: the hosts differ: --batch-size is 8 on host 0 and 4 on host 1; start all with the same flags",
        ),
        "dead": (
            pair("dead", Host(flags(run[2])), dies, timeout=6),
            r"stopped: host 1 of 2 did not answer for 6 s; the last checkpoint is step 3 in .*, and --resume continues",
        ),
        "missing": (
            Started(tmp_path / "missing.logs", [Host(flags(tmp_path / "run5"))], count=2, timeout=2),
            r"error: not all hosts have come to 127\.0\.0\.1:\d+ within 10 s: start each with its own --host",
        ),
    }
    for name, (job, sentence) in cases.items():
        first, *others = job.ends()
        assert first.code == (1 if name == "dead" else 2), (name, first.said)
        assert len(re.findall(sentence, first.said)) == 1, (name, first.said)
        assert "Traceback" not in first.said, (name, first.said)
        for other in others:
            assert other.code == (-signal.SIGKILL if name == "dead" else 2), (name, other.said)
            assert "error:" not in other.said, (name, other.said)
