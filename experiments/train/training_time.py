"""Wall and CPU time of a run's training, all sittings together: `training_time.json`, and how it is said."""

import dataclasses
from pathlib import Path

from pconv_jax.common.atomic_write import write_json
from pconv_jax.common.errors import InputError
from pconv_jax.common.json_values import read_json

_FILE = "training_time.json"


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainingTime:
    """Seconds that training took; CPU time is that of all threads and of the worker processes.

    Each sitting adds to those before it, up to its last checkpoint.

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

    def write(self, folder: Path) -> None:
        """Writes `training_time.json` of a run."""
        write_json(folder / _FILE, dataclasses.asdict(self))

    @classmethod
    def read(cls, folder: Path) -> "TrainingTime":
        """The time of a run so far; none if it has not been recorded.

        Raises:
            InputError: the file is damaged.
        """
        path = folder / _FILE
        if not path.exists():
            return cls()
        try:
            return cls(**read_json(path.read_text(encoding="utf-8")))
        except (ValueError, TypeError) as error:
            raise InputError(f"{path} is damaged ({error}): delete it, and time is counted anew") from error

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


def duration(seconds: float) -> str:
    """A time in units that fit it: 4.2 s, 3 min 20 s, 2 h 5 min."""
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
