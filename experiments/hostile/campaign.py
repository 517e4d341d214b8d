"""The campaign: every case in a process of its own kind, with limits of time, memory and place."""

import contextlib
import dataclasses
import hashlib
import json
import os
import resource
import shutil
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor, TimeoutError
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from experiments.hostile.doors import CACHE, Door, Fault, Refused
from pconv_jax.common.errors import InputError
from pconv_jax.common.peak_memory import PeakMemory

_ADDRESSES = 2**34  # bytes of address space of a process: what asks for more fails instead of ending the machine


@dataclasses.dataclass(frozen=True)
class Limits:
    """What a case may take.

    Attributes:
        seconds: of the processor's time; a multiple of it may pass on the clock.
        mebibytes: by which memory may grow.
    """

    seconds: float = 10
    mebibytes: float = 1024


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What became of a case.

    Attributes:
        kind: "used", "refused" or "finding".
        damage: what was done to the input.
        said: the message, or what is wrong.
        seconds: the processor's time.
        mebibytes: by how much memory grew.
    """

    kind: str
    damage: str
    said: str
    seconds: float = 0.0
    mebibytes: float = 0.0


@dataclasses.dataclass(frozen=True)
class Case:
    """One input, which its numbers decide about.

    Attributes:
        door: where it comes in.
        seed: of the campaign.
        number: of the case.
    """

    door: Door
    seed: int
    number: int

    @property
    def name(self) -> str:
        """Of its folder."""
        return f"{self.door.name}-{self.seed}-{self.number}"

    def try_in(self, folder: Path, good: Path, limits: Limits) -> Outcome:
        """Damages a copy of the good input and enters it.

        Args:
            folder: for the case; does not exist yet.
            good: the input without damage.
            limits: what it may take.
        """
        given, out = folder / "deep" / "in", folder / "deep" / "out"
        shutil.copytree(good, given)
        out.mkdir()
        damage = self.door.damage(np.random.default_rng([self.seed, self.number]), given)
        before, start = _listing(folder), time.process_time()
        with PeakMemory() as memory:
            kind, said = _entered(self.door, given, out)
        seconds, grown = time.process_time() - start, memory.mib or 0.0
        faults = [
            *([said] if kind == "finding" else []),
            *([f"took {seconds:.1f} s"] if seconds > (self.door.seconds or limits.seconds) else []),
            *([f"took {grown:,.0f} MiB"] if grown > limits.mebibytes else []),
            *_misplaced(before, _listing(folder), out=out.relative_to(folder).as_posix(), refused=kind == "refused"),
        ]
        if faults:
            kind, said = "finding", "; ".join(faults)
        return Outcome(kind, damage, said, seconds, grown)


def _entered(door: Door, given: Path, out: Path) -> tuple[str, str]:
    try:
        door.enter(given, out)
    except (InputError, Refused) as error:
        return "refused", str(error)
    except Fault as error:
        return "finding", str(error)
    except BaseException:  # noqa: BLE001 - whatever a user would see as a traceback
        return "finding", traceback.format_exc()
    return "used", ""


def _listing(folder: Path) -> dict[str, str]:
    """What lies where: a hash of each file, the target of each link."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_symlink():
            found[path.relative_to(folder).as_posix()] = f"link to {os.readlink(path)}"
        elif path.is_file():
            found[path.relative_to(folder).as_posix()] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def _copy_regular(source: str, target: str) -> None:
    """Copies a regular file or a link; skips pipes and devices, which might never end."""
    if Path(source).is_symlink() or Path(source).is_file():
        shutil.copy2(source, target, follow_symlinks=False)


def _misplaced(before: dict[str, str], after: dict[str, str], *, out: str, refused: bool) -> list[str]:
    """What was written where nothing belongs."""
    changed = sorted(name for name in before | after if before.get(name) != after.get(name))
    outside = [name for name in changed if not name.startswith((f"{out}/", f"deep/{CACHE}/"))]
    within = [name for name in changed if name.startswith(f"{out}/")]
    return [
        *([f"changed outside of the output folder: {', '.join(outside[:5])}"] if outside else []),
        *([f"refused, but wrote {', '.join(within[:5])}"] if refused and within else []),
    ]


def start_process(home: Path) -> None:
    """Limits of a process that enters cases; its caches are in a folder of the campaign."""
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    resource.setrlimit(resource.RLIMIT_AS, (_ADDRESSES if hard < 0 else min(_ADDRESSES, hard), hard))
    os.environ["PCONV_JAX_CACHE"] = str(home)


def _try(case: tuple[str, int, int], folder: Path, good: Path, limits: Limits) -> Outcome:
    from experiments.hostile.all_doors import DOORS  # a door itself cannot be sent to a process

    name, seed, number = case
    _warm_up(DOORS[name], good, folder.with_name("whole"))
    return Case(DOORS[name], seed, number).try_in(folder, good, limits)


_warm: set[str] = set()  # doors that were entered in this process


def _warm_up(door: Door, good: Path, folder: Path) -> None:
    """Enters the good input first: what is compiled then is not compiled in a case."""
    if door.name not in _warm:
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(good, folder / "in")
        (folder / "out").mkdir()
        kind, said = _entered(door, folder / "in", folder / "out")
        if kind != "used":
            raise RuntimeError(f"the good input of {door.name} cannot be used: {said}")
        _warm.add(door.name)


class Campaign:
    """Enters cases one after the other; keeps those that are findings."""

    def __init__(self, kept: Path, *, limits: Limits, say: Callable[[str], None]):
        """Begins.

        Args:
            kept: folder for findings, each with its input and a `finding.json`.
            limits: what a case may take.
            say: prints a line.
        """
        self._kept, self._limits, self._say = kept, limits, say
        self._pool: ProcessPoolExecutor | None = None

    def run(self, doors: list[Door], *, seed: int, numbers: range, progress: Callable[[], None]) -> dict[str, Counter]:
        """Enters cases at each door.

        Args:
            doors: which.
            seed: of the campaign.
            numbers: of the cases at each.
            progress: called after each case.

        Returns:
            Door -> how many cases of each kind of outcome.
        """
        counts: dict[str, Counter] = {}
        with tempfile.TemporaryDirectory(prefix="hostile-") as name, contextlib.ExitStack() as stack:
            stack.callback(self._stop)
            for door in doors:
                good = Path(name) / f"good-{door.name}"
                good.mkdir()
                door.prepare(good)
                counts[door.name] = Counter()
                for case in (Case(door, seed, number) for number in numbers):
                    folder = Path(name) / case.name
                    outcome = self._outcome(case, folder, good, home=Path(name) / "cache")
                    counts[door.name][outcome.kind] += 1
                    if outcome.kind == "finding":
                        self._keep(case, folder, outcome)
                    shutil.rmtree(folder, ignore_errors=True)
                    progress()
        return counts

    def _outcome(self, case: Case, folder: Path, good: Path, *, home: Path) -> Outcome:
        if self._pool is None:
            self._pool = ProcessPoolExecutor(1, get_context("spawn"), start_process, (home,))
        allowed = 10 * (case.door.seconds or self._limits.seconds) + 120  # also to start the process, and to compile
        work = self._pool.submit(_try, (case.door.name, case.seed, case.number), folder, good, self._limits)
        try:
            return work.result(timeout=allowed)
        except TimeoutError:
            said = f"was not done after {allowed:.0f} s"
        except BrokenExecutor:
            said = "ended the process"
        self._stop()
        return Outcome("finding", "", said)

    def _stop(self) -> None:
        if self._pool is not None:
            for process in list(self._pool._processes.values()):
                process.kill()
            self._pool.shutdown(cancel_futures=True)
            self._pool = None

    def _keep(self, case: Case, folder: Path, outcome: Outcome) -> None:
        target = self._kept / case.name
        shutil.rmtree(target, ignore_errors=True)
        if folder.is_dir():
            shutil.copytree(folder, target, symlinks=True, copy_function=_copy_regular)
        target.mkdir(parents=True, exist_ok=True)
        about = {"door": case.door.name, "seed": case.seed, "number": case.number, **dataclasses.asdict(outcome)}
        (target / "finding.json").write_text(json.dumps(about, indent=1), encoding="utf-8")
        self._say(f"finding {case.name} ({outcome.damage}): {outcome.said.strip().splitlines()[-1][:300]}")
