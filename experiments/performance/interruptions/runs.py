"""A training run of seconds: its processes, and what its folder says of how far it is."""

import contextlib
import dataclasses
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

STEPS, SAVE_EVERY = 40, 4
FLAGS = (
    "--dataset samples --image-size 16 --batch-size 4 --widths 4 --discriminator-widths 4 --perceptual-weight 0 "
    f"--ema 0.5 --compare --steps {STEPS} --checkpoint-every {SAVE_EVERY} --sample-every 20 --keep 2 "
    "--validation-images 4 --test-images 4"
).split()
_HOST_TIMEOUT = 20  # seconds
PATIENCE = 300.0  # seconds after which a process counts as hanging
UNPRIVILEGED = ("setpriv", "--bounding-set=-all", "--inh-caps=-all", "--")  # permissions count for root, too

_PROGRESS = re.compile(r"(training|scoring): .*|\[Gloo\] Rank .* is connected .*")
_SENTENCE = re.compile(r"(error|stopped|interrupted)\b.*")


@dataclasses.dataclass(frozen=True)
class Ended:
    """How a process ended.

    Attributes:
        code: its exit code, minus the number of the signal that killed it; None if it hung.
        said: its standard error, without progress, and without what XLA says of connected hosts.
    """

    code: int | None
    said: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """What it said at its end, if that was one sentence; else an empty text."""
        return self.said[0] if len(self.said) == 1 and _SENTENCE.fullmatch(self.said[0]) else ""

    def __str__(self) -> str:
        lines = self.said if len(self.said) < 4 else (*self.said[:2], "...", self.said[-1])
        return f"exit code {self.code}: {' / '.join(lines) or 'nothing said'}"


class Process:
    """A process of a run, which is killed with its children if it is still there at the end of the campaign's case."""

    def __init__(self, command: Sequence[str], log: Path, *, largest_file: int | None = None):
        """Starts it.

        Args:
            command: program and arguments.
            log: file for its standard error.
            largest_file: bytes that it may write to a file.
        """
        self._log = log
        with log.open("wb") as file:
            self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=file, start_new_session=True)
        if largest_file is not None:
            resource.prlimit(self._process.pid, resource.RLIMIT_FSIZE, (largest_file, largest_file))

    @property
    def pid(self) -> int:
        """Its number."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def send(self, number: int) -> None:
        """Sends it a signal, if it has not ended."""
        self._process.send_signal(number)

    def end(self) -> Ended:
        """Waits for its end, for `PATIENCE` at most."""
        try:
            code: int | None = self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            code = None
        self.kill()
        lines = self._log.read_text(encoding="utf-8", errors="replace").splitlines()
        return Ended(code, tuple(line for line in lines if line.strip() and not _PROGRESS.fullmatch(line.strip())))

    def kill(self) -> None:
        """Kills it, and its children that are in its session."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


class Run:
    """The folder of a run."""

    def __init__(self, place: Path, *flags: str):
        """Prepares one; removes what is there.

        Args:
            place: folder for the run and for what its processes say.
            flags: besides those of all runs of the campaign.
        """
        self.folder, self._place, self._flags = place / "run", place, flags
        self._started = 0
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)

    def command(self, *flags: str) -> list[str]:
        """The command that trains it."""
        return [sys.executable, "-m", "experiments.run", *FLAGS, *self._flags, "--out", str(self.folder), *flags]

    def start(self, *flags: str, prefix: Sequence[str] = (), largest_file: int | None = None) -> Process:
        """Starts a process that begins or resumes it.

        Args:
            flags: besides its own.
            prefix: program and arguments that start the command.
            largest_file: bytes that it may write to a file.
        """
        self._started += 1
        log = self._place / f"process{self._started}.log"
        return Process([*prefix, *self.command("--resume", *flags)], log, largest_file=largest_file)

    def start_hosts(self, count: int) -> list[Process]:
        """Starts the processes of so many hosts; one trains alone."""
        if count == 1:
            return [self.start()]
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        several = f"--coordinator 127.0.0.1:{port} --hosts {count} --host-timeout {_HOST_TIMEOUT}".split()
        return [self.start(*several, "--host", str(host)) for host in range(count)]

    @property
    def rows(self) -> int:
        """Rows of its metrics, whole ones."""
        try:
            return (self.folder / "metrics.jsonl").read_bytes().count(b"\n")
        except OSError:
            return 0

    @property
    def saved(self) -> list[int]:
        """Steps of its checkpoints."""
        return sorted(int(name) for name in self._entries() if name.isdigit())

    @property
    def unfinished(self) -> set[tuple[str, int]]:
        """Name and inode of each checkpoint that is being written, or was when its process was killed."""
        with contextlib.suppress(OSError), os.scandir(self.folder / "checkpoints") as entries:
            return {(entry.name, entry.inode()) for entry in entries if entry.name.endswith("-tmp")}
        return set()

    def _entries(self) -> list[str]:
        with contextlib.suppress(OSError):
            return os.listdir(self.folder / "checkpoints")
        return []


def wait_until(condition: Callable[[], bool], processes: Sequence[Process]) -> bool:
    """Waits until something is so; False if it is not when a process ends, or for too long."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if not all(process.alive for process in processes) or time.monotonic() > deadline:
            return condition()
        time.sleep(0.002)
    return True


def sleep_unless_ended(seconds: float, processes: Sequence[Process]) -> None:
    """Sleeps, but not longer than the processes live."""
    deadline = time.monotonic() + seconds
    wait_until(lambda: time.monotonic() > deadline, processes)
