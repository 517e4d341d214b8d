"""Runs whose folder is taken, full, limited, removed or made read-only."""

import functools
import os
import shutil
import signal
import subprocess
from pathlib import Path

from experiments.performance.interruptions.cases import Bench, Case, Finding
from experiments.performance.interruptions.runs import STEPS, UNPRIVILEGED, wait_until

_READ_ONLY, _WRITABLE = 0o555, 0o755
_SIZES = 3  # drawn at random
# A disk that these processes alone see: what is on it at the end is copied to where it stays.
_ON_SMALL_DISK = (
    'mount -t tmpfs -o size="$1" none "$2" || exit 3; out="$2" copy="$3"; shift 3; "$@"; code=$?; '
    'cp -a "$out/." "$copy"; exit $code'
)


def fault_cases() -> list[Case]:
    """Each of them, at an instant or with a size that is drawn at random."""
    numbers = range(1, _SIZES + 1)
    removed = ("folder of the run", ""), ("folder of checkpoints", "checkpoints")
    return [
        Case("two runs into one folder", "two runs into one folder", _share),
        *(Case("full disk", f"full disk {number}", _fill) for number in numbers),
        *(Case("file-size limit", f"file-size limit {number}", _limit) for number in numbers),
        *(Case("folder removed", f"{what} removed", functools.partial(_remove, name)) for what, name in removed),
        *(Case("folder read-only", f"{what} read-only", functools.partial(_protect, name)) for what, name in removed),
    ]


def _share(bench: Bench, finding: Finding) -> None:
    run = bench.run()
    with bench.interrupting(run, "steps", finding, last=STEPS // 2) as first:
        first.send(signal.SIGSTOP)  # or the second one would come too late
        end = run.start().end()
        first.send(signal.SIGCONT)
        finding.expect_sentence(end, "the second run", f"is in use by process {first.pid}", codes=(2,))
        ended = first.end()
        finding.expect(ended.code == 0 and not ended.said, f"the first run: {ended}")
    bench.finish(run, finding)


def _fill(bench: Bench, finding: Finding) -> None:
    if not _can_mount():
        finding.skipped = "it needs a small disk, and `unshare -rm` cannot mount one here"
        return
    whole = sum(file.stat().st_blocks for file in bench.reference.folder.rglob("*")) * 512
    size = bench.rng.randint(whole // 20, whole // 2) // 4096 * 4096
    run, copy = bench.run(), bench.folder / "copy"
    for folder in (run.folder, copy):
        folder.mkdir()
    place = ("unshare", "-rm", "sh", "-c", _ON_SMALL_DISK, "sh", str(size), str(run.folder), str(copy))
    end = run.start(prefix=place).end()
    run.folder.rmdir()
    copy.rename(run.folder)
    finding.interrupted.append(f"{size >> 10} KiB")
    finding.expect_sentence(end, f"disk of {size >> 10} KiB")
    bench.finish(run, finding)


def _can_mount() -> bool:
    if not shutil.which("unshare"):
        return False
    command = ["unshare", "-rm", "mount", "-t", "tmpfs", "none", "/mnt"]
    return subprocess.run(command, check=False, stderr=subprocess.DEVNULL).returncode == 0


def _limit(bench: Bench, finding: Finding) -> None:
    largest = max(file.stat().st_size for file in bench.reference.folder.rglob("*") if file.is_file())
    size = bench.rng.randint(1024, largest // 2)
    run = bench.run()
    end = run.start(largest_file=size).end()
    finding.interrupted.append(f"{size} bytes")
    finding.expect_sentence(end, f"files up to {size} bytes")
    bench.finish(run, finding)


def _remove(name: str, bench: Bench, finding: Finding) -> None:
    run = bench.run()
    with bench.interrupting(run, "steps", finding, last=STEPS // 2) as process:
        wait_until(lambda: bool(run.saved), [process])
        removed = (run.folder / name).rename(bench.folder / "removed")
        shutil.rmtree(removed, ignore_errors=True)
        end = process.end()
    finding.expect_sentence(end, f"{name or 'all'} removed")
    bench.finish(run, finding)


def _protect(name: str, bench: Bench, finding: Finding) -> None:
    prefix = UNPRIVILEGED if os.geteuid() == 0 else ()
    if prefix and not shutil.which(prefix[0]):
        finding.skipped = "root may write everywhere, and setpriv, which would take that right away, is not installed"
        return
    run = bench.run()
    with bench.interrupting(run, "steps", finding, last=STEPS // 2, prefix=prefix) as process:
        _change(run.folder / name, _READ_ONLY)
        end = process.end()
        _change(run.folder / name, _WRITABLE)
    finding.expect_sentence(end, f"{name or 'all'} read-only")
    bench.finish(run, finding)


def _change(folder: Path, mode: int) -> None:
    """Changes who may write to a folder and to those in it; they come and go meanwhile."""
    for place, _, __ in os.walk(folder):
        try:
            os.chmod(place, mode)
        except FileNotFoundError:
            continue
