"""The log of a run: rows, TensorBoard events, resuming, and a disk that is full."""

import errno
import json

import pytest

from experiments.train import loop
from experiments.train.logs import MetricsLog, read_metrics
from pconv_jax.common.errors import InputError, TrainingError


def test_rows_and_events_are_on_disk_when_they_are_written(tmp_path):
    with MetricsLog(tmp_path) as log:
        log.write(1, {"pixel": 0.5})
        assert read_metrics(tmp_path / "metrics.jsonl") == [{"step": 1, "pixel": 0.5}]
        (events,) = (tmp_path / "events").glob("events.out.tfevents.*")
        content = events.read_bytes()
        assert b"brain.Event:2" in content and b"pixel" in content


def test_steps_that_are_missing_are_told(tmp_path):
    with MetricsLog(tmp_path) as log:
        for step in (1, 2, 3):
            log.write(step, {"pixel": 0.5})
    with MetricsLog(tmp_path, resume_step=2):  # a warning would fail here
        pass
    with pytest.warns(UserWarning, match=r"metrics\.jsonl lacks 3 of the 5 steps that were taken, and"):
        MetricsLog(tmp_path, resume_step=5).__exit__(None, None, None)


def test_a_full_disk_is_an_error_at_once(tmp_path, monkeypatch):
    def write(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with MetricsLog(tmp_path) as log:
        monkeypatch.setattr(log._events._writer, "write_event", write)
        with pytest.raises(OSError, match="No space left"):
            log.write(1, {"pixel": 0.5})


def test_a_failed_write_ends_training_with_one_sentence(tmp_path, monkeypatch):
    def train(*_):
        raise OSError(errno.EFBIG, "File too large")

    class Settings:
        out = tmp_path

    class Trained:
        steps = 5

    monkeypatch.setattr(loop, "_train", train)
    said = (
        r"cannot be written \(File too large\) after step 5; checkpoints saved before are whole, in .*/checkpoints: mak"
    )
    with pytest.raises(TrainingError, match=said):
        loop.train(Settings(), Trained(), None, batch_size=1)


def test_metrics_file_is_cut_back_to_the_step_resumed_from(tmp_path):
    rows = [{"step": step, "pixel": 1.0 / step} for step in range(1, 6)]
    path = tmp_path / "metrics.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows) + '{"step": 6, "pix')
    assert read_metrics(path) == rows
    with MetricsLog(tmp_path, resume_step=3) as log:
        log.write(4, {"pixel": 9.0})
    assert read_metrics(path) == [*rows[:3], {"step": 4, "pixel": 9.0}]


@pytest.mark.parametrize(
    "line",
    [
        *(b"{", b"[1]", b"{}", b'{"step": "3"}', b"\xff\xfe", b"", b"[" * 100_000),
        *(b'{"step": 3, "pixel": "x"}', b'{"step": 3, "pixel": null}'),
    ],
)
def test_a_damaged_line_is_named_and_nothing_is_written(tmp_path, line):
    path = tmp_path / "metrics.jsonl"
    content = b'{"step": 1, "pixel": 0.5}\n' + line + b'\n{"step": 2, "pixel": 0.4}\n'
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"line 2 of .*metrics\.jsonl is damaged \(.*\): delete that line"):
        MetricsLog(tmp_path, resume_step=2)
    assert path.read_bytes() == content
