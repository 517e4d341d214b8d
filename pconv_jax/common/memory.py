"""The memory that is available to this process."""

import os
from pathlib import Path

_MEMINFO = Path("/proc/meminfo")
# Limit, use and statistics of the control group, as containers see their own: version 2, and version 1.
_GROUPS = (
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current", "/sys/fs/cgroup/memory.stat"),
    (
        "/sys/fs/cgroup/memory/memory.limit_in_bytes",
        "/sys/fs/cgroup/memory/memory.usage_in_bytes",
        "/sys/fs/cgroup/memory/memory.stat",
    ),
)


def available_memory() -> int | None:
    """Bytes that can be used without swapping, at most what the machine has; None where the system does not tell."""
    found = (_of_machine(), _of_system(_MEMINFO), *(_of_group(*map(Path, group)) for group in _GROUPS))
    return min((each for each in found if each is not None), default=None)


def _of_machine() -> int | None:
    """All memory that is installed: the only bound that macOS tells."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError):
        return None


def _of_system(meminfo: Path) -> int | None:
    value = _entry(meminfo, "MemAvailable:")
    return None if value is None else 1024 * value


def _of_group(limit: Path, used: Path, statistics: Path) -> int | None:
    try:
        most, now = int(limit.read_text()), int(used.read_text())
    except (OSError, ValueError):  # there is no such group, or no limit: "max"
        return None
    reclaimable = _entry(statistics, "inactive_file") or 0
    return max(1, most - now + reclaimable)


def _entry(file: Path, name: str) -> int | None:
    """The whole number after a name in a file of lines."""
    try:
        lines = file.read_text().splitlines()
    except OSError:
        return None
    values = [line.split()[1] for line in lines if line.split()[:1] == [name] and len(line.split()) > 1]
    return int(values[0]) if values and values[0].isdigit() else None
