"""The memory that is available to this process."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import psutil

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
    """Bytes that can be used without swapping, also by the limit of a container; None if the system does not tell."""
    found = [_of_group(*map(Path, group)) for group in _GROUPS]
    with contextlib.suppress(OSError):  # there is no /proc
        found.append(int(psutil.virtual_memory().available))
    return min((each for each in found if each is not None), default=None)


IF_DEVICE_IS_FULL = "close other programs that use the device, or set JAX_PLATFORMS=cpu to do without a GPU"


@contextlib.contextmanager
def advising_on_memory(advice: str) -> Iterator[None]:
    """Turns what JAX raises where a device has too little memory into a MemoryError that says what to do.

    Args:
        advice: what the user can do, e.g. `IF_DEVICE_IS_FULL`.

    Raises:
        MemoryError: a computation inside needs more memory than there is.
    """
    try:
        yield
    except RuntimeError as error:  # JaxRuntimeError, without an import of JAX
        said = str(error).partition("\n")[0]
        if "RESOURCE_EXHAUSTED" not in said:
            raise
        reason = said.removeprefix("RESOURCE_EXHAUSTED: ").rstrip(".")[:200]
        raise MemoryError(f"not enough memory ({reason}): {advice}") from error


def _of_group(limit: Path, used: Path, statistics: Path) -> int | None:
    try:
        most, now = (int(file.read_text(encoding="ascii")) for file in (limit, used))
    except (OSError, ValueError):  # there is no such group, or no limit: "max"
        return None
    return max(1, most - now + _reclaimable(statistics))


def _reclaimable(statistics: Path) -> int:
    """Bytes that hold files which could be read again."""
    try:
        lines = statistics.read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    values = [line.split()[1] for line in lines if line.split()[:1] == ["inactive_file"] and len(line.split()) > 1]
    return int(values[0]) if values and values[0].isdigit() else 0
