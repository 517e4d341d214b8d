"""The metrics of a run: a plain file with a row for every step, TensorBoard events."""

import json
import time
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TextIO

from pconv_jax.common.atomic_write import atomic_write
from pconv_jax.common.errors import InputError
from pconv_jax.common.json_values import is_number, read_json
from pconv_jax.common.paths import check_regular

LOSSES = (
    *("generator_loss", "pixel", "valid", "hole", "adversarial", "perceptual", "style", "tv", "discriminator_loss"),
    *("detector_loss", "cross_entropy", "jaccard_loss", "opacity_error"),
)
UNITS = {"adversarial": "nats", "discriminator_loss": "nats", "cross_entropy": "nats"}


class MetricsLog:
    """Appends one row a step to `metrics.jsonl` and to TensorBoard event files; a context manager.

    Rows after the step that training resumes from are removed first, so that the file of a resumed run reads like that
    of an uninterrupted one.
    """

    def __init__(self, folder: Path, *, resume_step: int = 0):
        """Opens the log.

        Args:
            folder: output folder of the run; must exist.
            resume_step: last step whose row is kept.
        """
        self._path = folder / "metrics.jsonl"
        kept = [row for row in read_metrics(self._path) if row["step"] <= resume_step]
        if missing := resume_step - len({row["step"] for row in kept}):
            warnings.warn(
                f"{self._path} lacks {missing} of the {resume_step} steps that were taken, and so will the loss curves",
                stacklevel=2,
            )
        with atomic_write(self._path) as unfinished:
            unfinished.write_text("".join(json.dumps(row) + "\n" for row in kept), encoding="utf-8")
        self._file: TextIO = self._path.open("a", buffering=1, encoding="utf-8")
        self._events = _Events(folder / "events", purge_step=resume_step + 1)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._file.close()
        finally:
            self._events.close()

    @property
    def exists(self) -> bool:
        """Whether its file is still there."""
        return self._path.exists()

    def write(self, step: int, metrics: Mapping[str, float]) -> None:
        """Adds the metrics of one step."""
        self._file.write(json.dumps({"step": step, **metrics}) + "\n")
        self._events.write(step, metrics)


class _Events:
    """TensorBoard events, written by this thread: tensorboardX's own hangs when the disk is full."""

    def __init__(self, folder: Path, *, purge_step: int):
        """Opens a new file; TensorBoard drops what earlier files hold from `purge_step` on."""
        from tensorboardX.event_file_writer import EventsWriter
        from tensorboardX.proto.event_pb2 import SessionLog

        folder.mkdir(parents=True, exist_ok=True)
        self._writer = EventsWriter(str(folder / "events"))
        self._add(step=purge_step, file_version="brain.Event:2")
        self._add(step=purge_step, session_log=SessionLog(status=SessionLog.START))

    def write(self, step: int, metrics: Mapping[str, float]) -> None:
        from tensorboardX.summary import scalar

        for name, value in metrics.items():
            self._add(step=step, summary=scalar(name, value))
        self._writer.flush()

    def close(self) -> None:
        self._writer.close()

    def _add(self, **fields: Any) -> None:
        from tensorboardX.proto.event_pb2 import Event

        self._writer.write_event(Event(wall_time=time.time(), **fields))


def read_metrics(path: Path) -> list[dict[str, float]]:
    """The rows of a metrics file, oldest first; none if the file does not exist.

    An incomplete last line, after a kill, is left out.

    Args:
        path: a `metrics.jsonl`.

    Returns:
        A dictionary a row: `step` and the metrics logged at it.

    Raises:
        InputError: a line is damaged.
    """
    check_regular(path)
    if not path.exists():
        return []
    lines = path.read_bytes().split(b"\n")[:-1]  # a whole line ends with a newline
    return [_row(line, f"line {number} of {path}") for number, line in enumerate(lines, 1)]


def _row(line: bytes, name: str) -> dict[str, float]:
    try:
        row = read_json(line)
        if not isinstance(row, dict) or type(row.get("step")) is not int:
            raise ValueError("no row with a step")
        if wrong := [name for name, value in row.items() if not is_number(value)]:
            raise ValueError(f"{wrong[0]} is {row[wrong[0]]!r}, which is not a number")
        return row
    except ValueError as error:  # text that is none, too
        fault = str(error)
    raise InputError(f"{name} is damaged ({fault}): delete that line, or restore the file")


def history(rows: Sequence[Mapping[str, float]], names: Sequence[str]) -> tuple[dict[str, list[float]], list[int]]:
    """The history of some losses, from the rows of a metrics file.

    Args:
        rows: from `read_metrics`.
        names: the losses; only rows with the first one count, and losses that these lack are left out.

    Returns:
        Loss -> its values, and the steps at which they were logged; both empty if no row counts.
    """
    these = [row for row in rows if names[0] in row]
    present = [name for name in names if these and all(name in row for row in these)]
    return {name: [row[name] for row in these] for name in present}, [int(row["step"]) for row in these]
