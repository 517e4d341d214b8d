"""Cases of the campaign: what each does to a run, and what must follow."""

import contextlib
import dataclasses
import random
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from experiments.performance.interruptions.comparison import differences
from experiments.performance.interruptions.moments import Before, Moment, Reference, reached, wait_for
from experiments.performance.interruptions.runs import STEPS, Ended, Process, Run


@dataclasses.dataclass
class Finding:
    """What came of a case.

    Attributes:
        group: line of the table.
        name: name of the case.
        interrupted: part of the run that each interruption fell into.
        ends: how the interrupted processes ended.
        faults: what was not as it must be.
        skipped: why it was not run.
        seconds: how long it took.
    """

    group: str
    name: str
    interrupted: list[str] = dataclasses.field(default_factory=list)
    ends: list[str] = dataclasses.field(default_factory=list)
    faults: list[str] = dataclasses.field(default_factory=list)
    skipped: str = ""
    seconds: float = 0.0

    def expect(self, so: bool, fault: str) -> None:
        """Notes a fault, unless it is so."""
        if not so:
            self.faults.append(fault)

    def expect_sentence(self, end: Ended, what: str, *words: str, codes: Sequence[int] = (1, 2)) -> None:
        """A process must end with one of these exit codes, and with one sentence that has these words."""
        self.ends.append(f"{what}, {end}")
        said = all(word in end.sentence for word in words) and end.sentence
        self.expect(bool(said) and end.code in codes, f"{what}: {end}, not one sentence with {words} and {codes}")


@dataclasses.dataclass(frozen=True)
class Case:
    """A case.

    Attributes:
        group: line of the table.
        name: what it does, once.
        work: does it, and notes in the finding what comes of it.
        hosts: number of processes of its run, of which the reference has as many.
    """

    group: str
    name: str
    work: Callable[["Bench", Finding], None]
    hosts: int = 1

    def find(self, bench: "Bench") -> Finding:
        """Runs it."""
        finding, began = Finding(self.group, self.name), time.monotonic()
        self.work(bench, finding)
        finding.seconds = round(time.monotonic() - began, 1)
        return finding


@dataclasses.dataclass(frozen=True)
class Bench:
    """What a case works with.

    Attributes:
        folder: for the files of this case.
        reference: the run that was not interrupted.
        rng: random numbers of this case.
        hosts: number of processes of its runs.
    """

    folder: Path
    reference: Reference
    rng: random.Random
    hosts: int

    def run(self, *flags: str) -> Run:
        """A run without files."""
        return Run(self.folder, *flags)

    @contextlib.contextmanager
    def interrupting(
        self, run: Run, moment: Moment, finding: Finding, *, last: int = STEPS, imported: bool = False, **options: Any
    ) -> Iterator[Process]:
        """Starts or resumes a run, and yields its process at a random instant of this part of the run."""
        before = Before.of(run)
        process = run.start(**options)
        try:
            wait_for(moment, run, before, [process], self.rng, self.reference, last=last, imported=imported)
            finding.interrupted.append(reached(run, before) if process.alive else "ended before")
            yield process
        finally:
            process.kill()

    def finish(self, run: Run, finding: Finding) -> None:
        """Resumes a run to its end: it must be equal to the reference, to the bit."""
        for end in [process.end() for process in run.start_hosts(self.hosts)]:
            finding.expect(end.code == 0 and not end.said, f"the resumed run: {end}")
        different = differences(self.reference.folder, run.folder, step=STEPS)
        finding.expect(not different, f"the resumed run differs in {', '.join(different[:5])}")
