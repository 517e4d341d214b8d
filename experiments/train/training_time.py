"""Wall and CPU time of a run's training, all sittings together: `training_time.json`, and how it is said."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pconv_jax.common.atomic_write import write_json
from pconv_jax.common.errors import InputError
from pconv_jax.common.json_values import is_number, read_json

_FILE = "training_time.json"
_AT = "at_checkpoint"


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainingTime:
    """Seconds that training took; CPU time is that of all threads and of the worker processes.

    Each sitting adds to those before it, up to its last checkpoint. The file holds it for every checkpoint, since a run
    may resume from an earlier one, after which the steps are taken, and counted, again.

    Attributes:
        steps: number of steps that are covered; a run that an older version started has taken more.
        wall_seconds: time of the steps, but for the first of each sitting.
        cpu_seconds: their CPU time.
        compilation_wall_seconds: time until the end of the first step of each sitting: the workers start, and the step
            is compiled or loaded from the cache.
        compilation_cpu_seconds: its CPU time.
        other_wall_seconds: time between steps: validation, samples, checkpoints.
        other_cpu_seconds: its CPU time.
    """

    steps: int = 0
    wall_seconds: float = 0.0
    cpu_seconds: float = 0.0
    compilation_wall_seconds: float = 0.0
    compilation_cpu_seconds: float = 0.0
    other_wall_seconds: float = 0.0
    other_cpu_seconds: float = 0.0

    def __add__(self, other: "TrainingTime") -> "TrainingTime":
        return TrainingTime(
            **{field.name: getattr(self, field.name) + getattr(other, field.name) for field in dataclasses.fields(self)}
        )

    def write(self, folder: Path, *, step: int) -> None:
        """Writes `training_time.json` of a run whose checkpoint is of this step."""
        before = {at: time for at, time in _read(folder)[1].items() if at < step}
        times = {at: dataclasses.asdict(time) for at, time in {**before, step: self}.items()}
        write_json(folder / _FILE, {**times[step], _AT: times})

    @classmethod
    def read(cls, folder: Path, *, step: int | None = None) -> "TrainingTime":
        """The time of a run so far, or up to its checkpoint of this step; none if it has not been recorded.

        Raises:
            InputError: the file is damaged.
        """
        latest, times = _read(folder)
        if step is None or (step and not times):  # earlier versions recorded the latest alone
            return latest
        return times[max(known)] if (known := [at for at in times if at <= step]) else cls()

    def heading(self, step: int) -> str:
        """Wall and CPU time of the steps in a few words, for a figure of a run at this step; empty if unknown."""
        if not self.steps:
            return ""
        part = f" of {self.steps} of {step} steps" if self.steps < step else ""
        return f"wall time {duration(self.wall_seconds)}, CPU time {duration(self.cpu_seconds)}{part}"

    def sentence(self, step: int) -> str:
        """All of it in a sentence, for a run at this step."""
        apart = "; ".join(
            f"{what} {duration(wall)}, CPU {duration(cpu)}"
            for what, wall, cpu in (
                ("compilation and first step", self.compilation_wall_seconds, self.compilation_cpu_seconds),
                ("validation, samples and checkpoints", self.other_wall_seconds, self.other_cpu_seconds),
            )
        )
        return f"training: {self.heading(step)}; apart from these, {apart}" if self.steps else "training: time unknown"


def _read(folder: Path) -> tuple[TrainingTime, dict[int, TrainingTime]]:
    """The latest time, and that of each checkpoint."""
    path = folder / _FILE
    if not path.exists():
        return TrainingTime(), {}
    try:
        found = read_json(path.read_text(encoding="utf-8"))
        times = {int(at): _time(time) for at, time in found.pop(_AT, {}).items()}
        return _time(found), times
    except (ValueError, TypeError, AttributeError) as error:
        raise InputError(f"{path} is damaged ({error}): delete it, and time is counted anew") from error


def _time(values: Mapping[str, Any]) -> TrainingTime:
    """A time as it was written; TypeError if something in it is not a number."""
    time = TrainingTime(**values)
    for name, value in dataclasses.asdict(time).items():
        if not is_number(value):
            raise TypeError(f"{name} is {value!r}, which is not a number")
    return time


def duration(seconds: float) -> str:
    """A time in units that fit it: 4.2 s, 3 min 20 s, 2 h 5 min."""
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
