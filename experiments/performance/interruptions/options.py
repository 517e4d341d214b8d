"""Flags of the interruption campaign."""

import dataclasses
from pathlib import Path
from typing import Literal

Part = Literal["kills", "signals", "faults", "hosts"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
    """What to do to runs.

    Attributes:
        parts: kills (SIGKILL), signals (SIGINT and SIGTERM, once and twice; a data worker that is killed), faults (two
            runs into one folder, full disk, file-size limit, folder removed or read-only), hosts (signals, SIGKILL and
            SIGSTOP to one or both of two hosts).
        kills: number of SIGKILLs of runs of one host.
        seed: seed of all instants and sizes.
        json: file to write what came of each case to, after each.
        resume: leave out the cases that are in that file.
    """

    parts: tuple[Part, ...] = ("kills", "signals", "faults", "hosts")
    kills: int = 50
    seed: int = 0
    json: Path | None = None
    resume: bool = False
