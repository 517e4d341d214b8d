"""Runs of two hosts, of which one or both are stopped, killed or frozen."""

import dataclasses
import functools
import signal
from collections.abc import Sequence

from experiments.performance.interruptions.cases import Bench, Case, Finding
from experiments.performance.interruptions.moments import Before, Moment, reached, wait_for
from experiments.performance.interruptions.runs import STEPS, Process, sleep_unless_ended

HOSTS = 2
_SECOND = 0.5  # seconds after the first signal in which the second one comes


@dataclasses.dataclass(frozen=True)
class _Blow:
    """What happens to the hosts at an instant, and what must follow.

    Attributes:
        moment: part of the run.
        number: the signal.
        hosts: those that get it.
        twice: whether they get it again.
        said: in the sentence of the first host that still says something.
    """

    moment: Moment
    number: signal.Signals
    hosts: tuple[int, ...]
    twice: bool = False
    said: str = ""

    def __str__(self) -> str:
        to = "all" if len(self.hosts) == HOSTS else f"host {self.hosts[0]}"
        return f"{self.number.name} {'twice ' * self.twice}to {to}, {self.moment}"


_SIGNALS = (
    _Blow("steps", signal.SIGTERM, (0,), said="stopped by SIGTERM and saved at step"),
    _Blow("save", signal.SIGINT, (1,), said="stopped by SIGINT and saved at step"),
    _Blow("steps", signal.SIGTERM, (0, 1), said="stopped by SIGTERM and saved at step"),
)
_TWICE = (
    _Blow("steps", signal.SIGTERM, (1,), twice=True, said="stopped by SIGTERM and saved at step"),
    _Blow("steps", signal.SIGINT, (0, 1), twice=True),
    _Blow("start", signal.SIGTERM, (1,)),
)
_LOST = (
    _Blow("steps", signal.SIGKILL, (1,), said="host 1 of 2 did not answer"),
    _Blow("save", signal.SIGKILL, (0,)),
    _Blow("start", signal.SIGKILL, (1,)),
)
_FROZEN = (
    _Blow("steps", signal.SIGSTOP, (1,), said="host 1 of 2 did not answer"),
    _Blow("steps", signal.SIGSTOP, (0,), said="host 0 of 2 no longer answers"),
)


def _strike(blows: Sequence[_Blow], bench: Bench, finding: Finding) -> None:
    run = bench.run()
    for number, blow in enumerate(blows, 1):
        before, last = Before.of(run), STEPS * number // (len(blows) + 1)
        processes = run.start_hosts(HOSTS)
        try:
            wait_for(blow.moment, run, before, processes, bench.rng, bench.reference, last=last)
            finding.interrupted.append(reached(run, before))
            for host in blow.hosts:
                processes[host].send(blow.number)
            if blow.twice:
                sleep_unless_ended(bench.rng.uniform(0, _SECOND), processes)
                for host in blow.hosts:
                    processes[host].send(blow.number)
            _check(blow, processes, finding)
        finally:
            for process in processes:
                process.kill()
    bench.finish(run, finding)


def _check(blow: _Blow, processes: Sequence[Process], finding: Finding) -> None:
    mute = blow.number in (signal.SIGKILL, signal.SIGSTOP)
    ends = {host: process.end() for host, process in enumerate(processes) if not (mute and host in blow.hosts)}
    first = next(iter(ends.values()))
    if blow.number == signal.SIGSTOP:
        for host in blow.hosts:
            processes[host].send(signal.SIGCONT)  # too late: the others have left
            ends[host] = processes[host].end()
    finding.ends += [f"{blow}: host {host}, {end}" for host, end in ends.items()]
    codes = () if blow.moment == "start" or mute else (128 + blow.number,)  # a process may not listen yet
    for host, end in ends.items():
        well = end.code in codes if codes else end.code not in (0, None)
        finding.expect(well, f"{blow}: host {host}, {end}")
    finding.expect(blow.said in first.sentence, f"{blow}: {first}, and not {blow.said!r}")


def host_cases() -> list[Case]:
    """Each a run that is struck in several ways, one after the other."""
    named = {
        "two hosts, signals": _SIGNALS,
        "two hosts, signals twice, and at the start": _TWICE,
        "two hosts, one killed": _LOST,
        "two hosts, one frozen": _FROZEN,
    }
    return [Case("two hosts", name, functools.partial(_strike, blows), hosts=HOSTS) for name, blows in named.items()]
