"""Flags of the hostile campaign."""

import dataclasses
from pathlib import Path


@dataclasses.dataclass(frozen=True)
class Options:
    """Which hostile input to try.

    Attributes:
        doors: what is damaged: photographs, masks, command-lines and so on; an unknown name lists them; all if not
            given.
        cases: number of cases at each door.
        first: number of the first case, to try one again.
        seed: of everything that is drawn.
        seconds: what a case may take.
        memory_mib: by how much memory may grow in a case, MiB.
        out: folder for findings: the input of each, and what was wrong.
    """

    doors: tuple[str, ...] = ()
    cases: int = 100
    first: int = 0
    seed: int = 0
    seconds: float = 10
    memory_mib: float = 1024
    out: Path = Path("runs/hostile")
