"""Interrupts tiny runs in every way: `python -m experiments.performance.interruptions --kills 50`."""

import json
import os
import random
import signal
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import tyro
from tqdm import tqdm

from experiments.performance.__main__ import environment
from experiments.performance.interruptions.cases import Bench, Case, Finding
from experiments.performance.interruptions.faults import fault_cases
from experiments.performance.interruptions.hosts import host_cases
from experiments.performance.interruptions.kills import KILLS_OF_A_RUN, killed_run, killed_worker, signalled_runs
from experiments.performance.interruptions.moments import Reference, watched
from experiments.performance.interruptions.options import Options
from experiments.performance.interruptions.runs import Run
from experiments.performance.interruptions.table import table_of
from experiments.progress import progress_bar
from pconv_jax.common.atomic_write import write_json
from pconv_jax.common.commands import command
from pconv_jax.common.errors import InputError

_PROGRAM = "python -m experiments.performance.interruptions"


@command()
def main(arguments: Sequence[str]) -> int:
    """Runs the campaign; returns 1 if a run was lost, or said something else than one sentence."""
    options = tyro.cli(
        Options,
        args=arguments,
        prog=_PROGRAM,
        description="Kill, stop and starve tiny runs, resume them, and compare them with one that was left alone.",
    )
    if options.kills < 0:
        raise InputError(f"--kills is {options.kills}, but it must be at least 0")
    if options.resume and options.json is None:
        raise InputError("--resume needs --json FILE, which holds what was found before")
    findings = _found_before(options)
    with tempfile.TemporaryDirectory(prefix="interruptions") as folder:
        os.environ.setdefault("JAX_PLATFORMS", "cpu")
        signal.signal(signal.SIGINT, signal.default_int_handler)  # shells let what runs in the background ignore it
        for finding in _found(options, findings, Path(folder)):
            findings.append(finding)
            if options.json:
                write_json(options.json, {**environment(_PROGRAM), "findings": [vars(each) for each in findings]})
    print(table_of(findings))
    return 1 if any(finding.faults for finding in findings) else 0


def _found_before(options: Options) -> list[Finding]:
    """What the file holds that is to be continued."""
    if not (options.resume and options.json and options.json.exists()):
        return []
    try:
        found = json.loads(options.json.read_text(encoding="utf-8"))["findings"]
        return [Finding(**each) for each in found]
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"--json {options.json} cannot be resumed ({error}): give another file") from error


def _found(options: Options, before: Sequence[Finding], folder: Path) -> Iterator[Finding]:
    """Runs the cases that are left, and says which of them have failed."""
    cases = [case for case in _cases(options) if case.name not in {each.name for each in before}]
    references: dict[int, Reference] = {}
    with progress_bar("interruptions", "run", total=len(cases)) as bar:
        for case in cases:
            if case.hosts not in references:
                references[case.hosts] = _left_alone(folder / f"reference of {case.hosts}", case.hosts)
            rng = random.Random(f"{options.seed}/{case.name}")
            finding = case.find(Bench(folder / "case", references[case.hosts], rng, case.hosts))
            for fault in finding.faults:
                tqdm.write(f"failed: {case.name}: {fault}", file=sys.stderr)
            bar.update()
            yield finding


def _cases(options: Options) -> list[Case]:
    runs = -(-options.kills // KILLS_OF_A_RUN)
    cases = {
        "kills": [killed_run(number) for number in range(1, runs + 1)],
        "signals": [*signalled_runs(), killed_worker()],
        "faults": fault_cases(),
        "hosts": host_cases(),
    }
    return [case for part in dict.fromkeys(options.parts) for case in cases[part]]


def _left_alone(folder: Path, hosts: int) -> Reference:
    """A run that is not interrupted; the first one compiles, the second is timed."""
    for _ in range(2):
        run = Run(folder)
        reference = watched(run, run.start_hosts(hosts))
    return reference


if __name__ == "__main__":
    sys.exit(main())
