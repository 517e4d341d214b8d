"""Processes that are killed, or get signals to stop, at random instants."""

import functools
import signal

import psutil

from experiments.performance.interruptions.cases import Bench, Case, Finding
from experiments.performance.interruptions.moments import MOMENTS, Moment
from experiments.performance.interruptions.runs import STEPS, sleep_unless_ended, wait_until

KILLS_OF_A_RUN = 2
_SECOND = 0.3  # seconds after the first signal in which the second one comes
_ORPHAN = 20.0  # seconds in which a worker notices that its parent was killed


def killed_run(number: int) -> Case:
    """A run that is killed twice, in parts of it that are drawn at random, and resumed."""
    return Case("SIGKILL", f"SIGKILL, run {number}", _kill)


def _kill(bench: Bench, finding: Finding) -> None:
    workers = bench.rng.choice((0, 0, 0, 1))
    run = bench.run("--workers", str(workers))
    for moment in sorted(bench.rng.choices(MOMENTS, k=KILLS_OF_A_RUN), key=MOMENTS.index):
        with bench.interrupting(run, moment, finding) as process:
            children = psutil.Process(process.pid).children(recursive=True) if process.alive else []
            process.send(signal.SIGKILL)
            wait_until(lambda: not process.alive, [process])
            left = psutil.wait_procs(children, timeout=_ORPHAN)[1]
            finding.expect(not left, f"{len(left)} worker processes outlived the process that was killed")
    bench.finish(run, finding)


def signalled_runs() -> list[Case]:
    """Runs that get SIGINT or SIGTERM, once or twice, in each part."""
    return [
        Case("signals", f"{number.name} {'twice' if twice else 'once'}", functools.partial(_signal, number, twice))
        for number in (signal.SIGINT, signal.SIGTERM)
        for twice in (False, True)
    ]


def _signal(number: signal.Signals, twice: bool, bench: Bench, finding: Finding) -> None:
    run = bench.run("--workers", str(bench.rng.choice((0, 1))))
    last: dict[Moment, int] = {"steps": STEPS // 3, "save": STEPS * 2 // 3}  # so that there is something left
    for moment in MOMENTS:
        with bench.interrupting(run, moment, finding, last=last.get(moment, STEPS), imported=True) as process:
            process.send(number)
            if twice:
                sleep_unless_ended(bench.rng.uniform(0, _SECOND), [process])
                process.send(number)
            end = process.end()
        finding.ends.append(f"{moment}: {end}")
        where = finding.interrupted[-1]
        unanswered = {"start": (-number,), "scoring": (-number, 0), "ended before": (0,)}  # nothing could be lost
        quiet = not end.said and end.code in unanswered.get(where, ())
        finding.expect(quiet or (bool(end.sentence) and end.code == 128 + number), f"{moment}: {end}")
    bench.finish(run, finding)


def killed_worker() -> Case:
    """A run whose data worker is killed."""
    return Case("data worker killed", "data worker killed", _kill_worker)


def _kill_worker(bench: Bench, finding: Finding) -> None:
    run = bench.run("--workers", "1")
    with bench.interrupting(run, "steps", finding, last=STEPS // 2) as process:
        for worker in _workers(process.pid):
            worker.kill()
        end = process.end()
    finding.expect_sentence(end, "training", "a data worker process was killed by SIGKILL", codes=(1,))
    bench.finish(run, finding)


def _workers(pid: int) -> list[psutil.Process]:
    children = psutil.Process(pid).children()
    return [child for child in children if "resource_tracker" not in " ".join(child.cmdline())]
