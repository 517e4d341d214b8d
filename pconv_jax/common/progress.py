"""How progress bars are shown: in place on a terminal, as lines in a file or a pipe."""

import sys
from typing import Any

_SECONDS = 10.0  # between two lines


class _Lines:
    """Writes each state of a progress bar as a line of its own."""

    def write(self, text: str) -> None:
        state = text.strip()  # of the carriage return, and of the blanks that would hide a longer state
        if state and sys.stderr is not None:  # else `print` would take standard output
            print(state, file=sys.stderr, flush=True)

    def flush(self) -> None:
        """Nothing to do: `write` holds nothing back."""


def progress_options(*, patient: bool = False) -> dict[str, Any]:
    """Arguments of `tqdm` that suit standard error: if it is not a terminal, a line every ten seconds.

    Args:
        patient: whether there is no line at all about what takes less than ten seconds.
    """
    if _is_terminal():
        return {"dynamic_ncols": True}
    return {"file": _Lines(), "mininterval": _SECONDS, "delay": _SECONDS if patient else 0}


def terminal_progress_options() -> dict[str, Any]:
    """Arguments of `tqdm` for a bar that is shown on a terminal alone."""
    return {"dynamic_ncols": True, "disable": not _is_terminal()}


def _is_terminal() -> bool:
    return sys.stderr is not None and sys.stderr.isatty()
