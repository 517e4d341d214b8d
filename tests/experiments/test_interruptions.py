"""The interruption campaign notices what is lost or badly said. It takes half an hour, and is not run here."""

import json
import shutil
import signal
import sys

import pytest
from tiny_run import STEPS

from experiments.performance.interruptions import __main__ as campaign
from experiments.performance.interruptions.cases import Case
from experiments.performance.interruptions.comparison import differences
from experiments.performance.interruptions.moments import Before, Reference, reached, wait_for
from experiments.performance.interruptions.runs import Process, Run

# Four rows, a checkpoint that is written, and one that is not finished; then it waits.
_STANDS_STILL = """
import pathlib, sys, time
folder = pathlib.Path(sys.argv[1])
(folder / "checkpoints" / "4").mkdir(parents=True)
with (folder / "metrics.jsonl").open("w") as file:
    file.write("{}\\n" * 9)
(folder / "checkpoints" / "8.orbax-checkpoint-tmp").mkdir()
time.sleep(100)
"""


def test_every_difference_between_two_runs_is_named(finished, tmp_path):
    folder = shutil.copytree(finished, tmp_path / "run")
    report = folder / "report.json"
    content = json.loads(report.read_text())
    report.write_text(json.dumps({**content, "training": None, "training_time": {"steps": 1}}))
    assert differences(finished, folder, step=STEPS) == []
    report.write_text(json.dumps({**content, "scored_step": -1}))
    with (folder / "metrics.jsonl").open("a") as file:
        file.write("\n")
    checkpoints = folder / "checkpoints"
    shutil.rmtree(checkpoints / str(STEPS))
    (checkpoints / "6").rename(checkpoints / str(STEPS))
    (folder / "test_results.png").write_bytes(b"")
    found = differences(finished, folder, step=STEPS)
    assert {"metrics.jsonl", "training/step", "position in the data", "report.json", "test_results.png"} <= set(found)
    shutil.rmtree(checkpoints)
    [missing] = differences(finished, folder, step=STEPS)
    assert "Error: " in missing


def test_a_process_is_interrupted_where_it_is_meant_to_be(tmp_path, monkeypatch):
    run = Run(tmp_path / "place")
    monkeypatch.setattr(run, "command", lambda *_: [sys.executable, "-c", _STANDS_STILL, str(run.folder)])
    before = Before.of(run)
    process = run.start()
    assert reached(run, before) == "start"
    rng = campaign.random.Random(0)
    wait_for("save", run, before, [process], rng, Reference(tmp_path, 0.0, 0.0), last=8)
    assert reached(run, before) == "save" and run.saved == [4] and run.rows == 9
    assert reached(run, Before(0, 0, run.unfinished)) == "steps"  # a process that was killed before has left it
    assert reached(run, Before(9, 4, run.unfinished)) == "start"
    process.send(signal.SIGKILL)
    assert process.end().code == -signal.SIGKILL


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ("training:  10%|# | 4/40\nstopped: no room", "stopped: no room"),
        ("scoring: 1\ninterrupted; --resume continues", "interrupted; --resume continues"),
        ("Traceback (most recent call last):\nerror: x", ""),
        ("warning: careful", ""),
        ("", ""),
    ],
)
def test_an_end_in_one_sentence(tmp_path, said, sentence):
    end = Process([sys.executable, "-c", "import sys; sys.exit(sys.argv[1])", said], tmp_path / "log").end()
    assert (end.code, end.sentence) == (1, sentence)


def test_a_lost_run_fails_the_campaign_which_continues_where_it_was(tmp_path, monkeypatch, capsys):
    ran = []

    def case(name, fault):
        def work(_, finding):
            ran.append(name)
            finding.interrupted += ["save", "ended before"]
            finding.expect(fault is None, fault)

        return Case("SIGKILL", name, work)

    cases = [case("first", None)]
    monkeypatch.setattr(campaign, "_cases", lambda _: cases)
    monkeypatch.setattr(campaign, "_left_alone", lambda *_: Reference(tmp_path, 1.0, 1.0))
    flags = ["--json", str(tmp_path / "found.json")]
    assert campaign.main(flags) == 0
    cases.append(case("second", "the resumed run differs in metrics.jsonl"))
    assert campaign.main([*flags, "--resume"]) == 1
    assert ran == ["first", "second"]
    printed = capsys.readouterr()
    assert "failed: second: the resumed run differs in metrics.jsonl" in printed.err
    assert "| SIGKILL |    2 |             2 | 2 save, 2 ended before |      1 |" in printed.out
    assert [each["name"] for each in json.loads((tmp_path / "found.json").read_text())["findings"]] == ran
    assert campaign.main(["--kills", "-1"]) == 2


def test_resuming_needs_the_file_of_what_was_found(capsys):
    assert campaign.main(["--resume"]) == 2
    assert "--resume needs --json FILE" in capsys.readouterr().err
