"""Hosts of a run as processes of this machine: forked from one that has imported everything, to start in a second."""

import dataclasses
import multiprocessing
import os
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax

_IMPORTS = ("experiments.run", "experiments.train.experiment", "orbax.checkpoint.v1", "grain", "cv2", "skimage.data")
_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload([*_IMPORTS, "host_processes"])


@dataclasses.dataclass(frozen=True)
class Host:
    """A process of a run.

    Attributes:
        flags: of `python -m experiments.run`.
        devices: number of its simulated devices.
        signal_at: (step, number): the signal that it sends to itself once it has taken so many steps.
    """

    flags: Sequence[str]
    devices: int = 1
    signal_at: tuple[int, int] | None = None


@dataclasses.dataclass(frozen=True)
class Ended:
    """How a process ended: its exit code (minus the signal that killed it) and all that it printed."""

    code: int
    said: str


class Started:
    """Processes of several hosts, and their ends."""

    def __init__(self, folder: Path, hosts: Sequence[Host], *, count: int | None = None, timeout: int = 30):
        """Starts them, the first as host 0; a single one trains alone, unless more are to be waited for."""
        count = len(hosts) if count is None else count
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self._logs, self._processes = [], []
        folder.mkdir(parents=True, exist_ok=True)
        cache = jax.config.jax_compilation_cache_dir
        for number, host in enumerate(hosts):
            several = f"--coordinator 127.0.0.1:{port} --hosts {count} --host {number} --host-timeout {timeout}".split()
            flags = [*host.flags, *(several if count > 1 else ())]
            self._logs.append(folder / f"host{number}.log")
            process = _CONTEXT.Process(
                target=_run, args=(self._logs[-1], cache, dataclasses.replace(host, flags=flags))
            )
            process.start()
            self._processes.append(process)

    def ends(self) -> list[Ended]:
        """Waits for all of them; none may hang."""
        for process in self._processes:
            process.join(90)
        hanging = [number for number, process in enumerate(self._processes) if process.is_alive()]
        for process in self._processes:
            process.kill()
            process.join()
        printed = [log.read_text(errors="replace") for log in self._logs]
        assert not hanging, f"hosts {hanging} hang:\n" + "\n".join(printed)
        return [Ended(process.exitcode, text) for process, text in zip(self._processes, printed, strict=True)]


def _run(log: Path, cache: str, host: Host) -> None:
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for stream in (1, 2):
        os.dup2(file, stream)
    jax.config.update("jax_platforms", "cpu")
    jax.config.update("jax_num_cpu_devices", host.devices)
    jax.config.update("jax_compilation_cache_dir", cache)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.2)
    from experiments.run import main
    from experiments.train import experiment, trainer

    experiment.write_report = lambda *_: None  # its time would be that of all the rest
    if host.signal_at:
        trainer.Trainer.step = _stopping(trainer.Trainer.step, *host.signal_at)
    sys.exit(main(host.flags))


def _stopping(step: Any, last: int, number: int) -> Any:
    """A step that sends a signal after the last one, and takes long from then on: others may not have read of it."""

    def stopping(self: Any, batch: Any) -> Any:
        if self.steps > last:
            signal.sigtimedwait([], 0.5)
        metrics = step(self, batch)
        if self.steps == last:
            jax.block_until_ready(metrics)
            os.kill(os.getpid(), number)
        return metrics

    return stopping
