"""The cost of checkpoints, measured in the training loop: part of the suite `start`."""

import contextlib
import dataclasses
import functools
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import jax

from experiments.performance.table import Cell, Table
from experiments.performance.timing import Timing, in_fresh_process
from experiments.train.config import Config
from experiments.train.experiment import open_sources, open_vgg
from experiments.train.trainer import Trainer
from pconv_jax.checkpoints.best_step import VALIDATION_L1
from pconv_jax.checkpoints.trained import load_run

_MIN_STEPS = 3  # of a round without a save, for comparison


@dataclasses.dataclass(frozen=True)
class Round:
    """Seconds, measured once each.

    Attributes:
        alone: of training steps without a save.
        during: of training steps that began before the save was on disk.
        blocked: that the call which started this save blocked the loop.
        on_disk: until another save was on disk, without steps meanwhile.
        restore: to restore the generator.
        resume: to restore the whole state, on the devices, and the position in the data.
    """

    alone: tuple[float, ...]
    during: tuple[float, ...]
    blocked: float
    on_disk: float
    restore: float
    resume: float

    @property
    def stall(self) -> float:
        """Seconds by which the save prolonged training."""
        return self.blocked + sum(self.during) - len(self.during) * statistics.mean(self.alone)


def measure(config: Config, trainer: Trainer, rounds: int) -> list[Round]:
    """Measures saves between training steps.

    Args:
        config: settings of the run; the checkpoints are saved in its folder.
        trainer: what is trained and saved.
        rounds: number of rounds; each times everything once.
    """
    folder = config.run.out / "checkpoints"
    with contextlib.closing(trainer.data), trainer.checkpoints() as saved:
        batch = next(trainer.data)

        def step() -> None:
            jax.block_until_ready(trainer.step(batch))

        def save() -> None:
            trainer.save(saved, {VALIDATION_L1: 1 / trainer.steps})

        def save_to_disk() -> None:
            save()
            saved.wait()

        def resume() -> None:
            trainer.load(saved)
            jax.block_until_ready(trainer.state)

        step()  # compiles
        measured: list[Round] = []
        during: list[float] = []
        for number in range(rounds + 1):
            alone = [_seconds(step) for _ in range(max(_MIN_STEPS, len(during)))]
            place = folder / str(trainer.steps)
            blocked, during = _seconds(save), [_seconds(step)]
            while not place.exists():  # Orbax renames a checkpoint when it is complete
                during.append(_seconds(step))
            saved.wait()
            last = [_seconds(action) for action in (save_to_disk, functools.partial(load_run, folder), resume)]
            if number:  # the first round fills caches
                measured.append(Round(tuple(alone), tuple(during), blocked, *last))
    return measured


def checkpoints(config: Config, *, repeats: int) -> list[Table]:
    """Times saving and restoring, and how long a save stalls training.

    Args:
        config: settings of the run; its output folder is not used.
        repeats: number of rounds.
    """
    print("start: checkpoints", file=sys.stderr)
    processes = max(1, repeats // 5)
    with tempfile.TemporaryDirectory() as folder:
        config = config.replace(out=Path(folder))
        with silence():
            trainer = Trainer(config, open_sources(config)["train"], open_vgg(config))
            rounds = measure(config, trainer, repeats)
            fresh = [in_fresh_process(restore_once, folder) for _ in range(processes)]
        saved = max((Path(folder) / "checkpoints").iterdir(), key=lambda path: path.stat().st_mtime)
        disk = mib(saved)
    size = f"{config.data.image_size} px, {config.data.batch_size} images a step"
    parameters = f"generator {config.network.generator}, {sum(trainer.parameters):,} parameters"
    title = f"checkpoints of {parameters}: {disk:.1f} MiB on disk"
    return [Table(title, _actions(rounds, fresh)), _stall(rounds, config.run.checkpoint_every, size)]


def restore_once(folder: str) -> float:
    """Seconds to restore the generator of a run, without imports."""
    return _seconds(functools.partial(load_run, folder))


def _actions(rounds: list[Round], fresh: Sequence[float]) -> list[dict[str, Cell]]:
    actions = {
        "save, until on disk": "on_disk",
        "restore of the generator": "restore",
        "restore of the whole state": "resume",
    }
    timings = {name: Timing(tuple(getattr(r, field) for r in rounds)) for name, field in actions.items()}
    timings["restore of the generator, first in a process"] = Timing(tuple(fresh))
    return [{"action": name, "ms": timing.milliseconds, "± %": timing.spread * 100} for name, timing in timings.items()]


def _stall(rounds: list[Round], every: int, size: str) -> Table:
    alone = Timing(tuple(statistics.mean(r.alone) for r in rounds))
    during = Timing(tuple(statistics.mean(r.during) for r in rounds))
    blocked = Timing(tuple(r.blocked for r in rounds))
    stall = Timing(tuple(r.stall for r in rounds))
    slower = during.over(alone)
    row: dict[str, Cell] = {
        "step, ms": alone.milliseconds,
        "± %": alone.spread * 100,
        "during a save, over": slower.median,
        "over ± %": slower.spread * 100,
        "such steps": statistics.median(len(r.during) for r in rounds),
        "blocked, ms": blocked.milliseconds,
        "blocked ± %": blocked.spread * 100,
        "stall, ms": stall.milliseconds,
        "stall ± %": stall.spread * 100,
        f"share of {every} steps, %": 100 * stall.median / (every * alone.median),
    }
    note = (
        "Blocked: duration of the call. Stall: that, and by how much the steps that began before the checkpoint was on "
        "disk took longer than the steps before."
    )
    return Table(f"cost of a save for training, {size}", [row], (note,))


def _seconds(action: Callable[[], Any]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def mib(folder: Path) -> float:
    """Size of the files in a folder, MiB."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 2**20


@contextlib.contextmanager
def silence() -> Iterator[None]:
    """Hides the messages of a run."""
    with (
        open(os.devnull, "w", encoding="utf-8") as nowhere,
        contextlib.redirect_stdout(nowhere),
        contextlib.redirect_stderr(nowhere),
    ):
        yield
