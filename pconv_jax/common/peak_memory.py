"""The most memory that a piece of work takes."""

import ctypes
from pathlib import Path

_STATUS, _RESET_PEAK = Path("/proc/self/status"), Path("/proc/self/clear_refs")


class PeakMemory:
    """How much the peak memory of this process grows while a block runs; for one thread at a time.

    Attributes:
        mib: the growth, MiB; None where the system does not tell, as outside Linux.
    """

    def __init__(self) -> None:
        self.mib: float | None = None
        self._before: int | None = None

    def __enter__(self) -> "PeakMemory":
        _give_back()
        try:
            _RESET_PEAK.write_text("5", encoding="ascii")
        except OSError:
            return self
        self._before = _peak_kib()
        return self

    def __exit__(self, *_: object) -> None:
        if self._before is not None:
            self.mib = (_peak_kib() - self._before) / 1024


def _give_back() -> None:
    """Gives memory that was freed back to the system: it would be used again without being seen."""
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except (AttributeError, OSError, TypeError):  # not glibc
        return


def _peak_kib() -> int:
    return int(_STATUS.read_bytes().partition(b"VmHWM:")[2].split()[0])
