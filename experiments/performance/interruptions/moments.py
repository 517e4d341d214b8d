"""Instants at which runs are interrupted: drawn at random, in each part of a run."""

import dataclasses
import random
import time
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Literal, get_args

from experiments.performance.interruptions.runs import SAVE_EVERY, STEPS, Process, Run, sleep_unless_ended, wait_until
from pconv_jax.common.folder_lock import LOCK_FILE

Moment = Literal["start", "steps", "save", "scoring"]
MOMENTS: tuple[Moment, ...] = get_args(Moment)

_STEP, _SAVE = 0.05, 0.15  # about as long as these take, seconds


@dataclasses.dataclass(frozen=True)
class Reference:
    """A run that was not interrupted.

    Attributes:
        folder: its folder.
        start: seconds from the start of its process to its first step.
        scoring: seconds from its last checkpoint to the end of its process.
    """

    folder: Path
    start: float
    scoring: float


def watched(run: Run, processes: Sequence[Process]) -> Reference:
    """Waits for the processes of a run that has just been started, and times it."""
    began = time.monotonic()
    wait_until(lambda: run.rows > 0, processes)
    stepped = time.monotonic()
    wait_until(lambda: STEPS in run.saved, processes)
    trained = time.monotonic()
    ends = [process.end() for process in processes]
    if any(end.code for end in ends):
        raise RuntimeError(f"the run without interruptions failed: {'; '.join(map(str, ends))}")
    return Reference(run.folder, stepped - began, time.monotonic() - trained)


@dataclasses.dataclass(frozen=True)
class Before:
    """What the folder of a run held before a process was started.

    Attributes:
        rows: rows of its metrics.
        step: step of its last checkpoint, 0 if there is none.
        unfinished: checkpoints that were not written to their end.
    """

    rows: int
    step: int
    unfinished: Collection[tuple[str, int]]

    @classmethod
    def of(cls, run: Run) -> "Before":
        """What it holds now."""
        return cls(run.rows, max(run.saved, default=0), run.unfinished)

    @property
    def kept(self) -> int:
        """Rows of its metrics that the process keeps: those up to the checkpoint."""
        return self.step + self.step // SAVE_EVERY


def wait_for(
    moment: Moment,
    run: Run,
    before: Before,
    processes: Sequence[Process],
    rng: random.Random,
    reference: Reference,
    *,
    last: int = STEPS,
    imported: bool = False,
) -> None:
    """Waits for a random instant of this part of a run, or for the end of a process.

    Args:
        moment: start: before the first step of this sitting; steps: after a random one; save: while a random checkpoint
            is written; scoring: after the last one.
        run: the run, which has just been started or resumed.
        before: what its folder held before.
        processes: its processes.
        rng: random numbers.
        reference: how long the parts take.
        last: latest step, of moments steps and save.
        imported: not before the command runs: until then Python answers signals, with a traceback of its own.
    """
    if imported:
        wait_until(lambda: (run.folder / LOCK_FILE).exists(), processes)
    if moment == "start" or before.step >= STEPS:
        sleep_unless_ended(rng.uniform(0, reference.start if moment == "start" else reference.scoring), processes)
    elif moment == "scoring":
        wait_until(lambda: STEPS in run.saved, processes)
        sleep_unless_ended(rng.uniform(0, reference.scoring), processes)
    elif moment == "steps":
        rows = before.kept + rng.randint(1, last - before.step)
        if before.rows > before.kept:  # the others are removed first
            wait_until(lambda: run.rows < before.rows, processes)
        wait_until(lambda: run.rows >= rows, processes)
        sleep_unless_ended(rng.uniform(0, _STEP), processes)
    else:
        step = rng.randint(before.step // SAVE_EVERY + 1, last // SAVE_EVERY) * SAVE_EVERY
        unfinished = run.folder / "checkpoints" / f"{step}.orbax-checkpoint-tmp"
        wait_until(lambda: unfinished.exists() or step in run.saved, processes)
        sleep_unless_ended(rng.uniform(0, _SAVE), processes)


def reached(run: Run, before: Before) -> Moment:
    """The part of a run that its processes, ended by now, were in.

    Args:
        run: the run.
        before: what its folder held before they were started.
    """
    if run.unfinished - set(before.unfinished):
        return "save"
    if STEPS in run.saved and (before.step < STEPS or before.kept == run.rows):
        return "scoring"
    return "start" if run.rows in (0, before.rows, before.kept) else "steps"
