"""What all commands share: how they end."""

import sys
import warnings
from collections.abc import Callable

from pconv_jax.common.errors import InputError, TrainingError


def run_command(work: Callable[[], int | None], *, interrupted: str = "interrupted") -> int:
    """Does the work of a command, and turns what can go wrong into one line and an exit code.

    Args:
        work: the work; it may return an exit code of its own.
        interrupted: what to say after Ctrl-C.

    Returns:
        0 or the work's own code, 1 for a run that failed, 2 for a user's mistake, 130 after Ctrl-C.

    Raises:
        SystemExit: `--help` (code 0), or flags that cannot be read (code 2).
    """
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _show
            return work() or 0
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except TrainingError as error:
        print(f"stopped: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(interrupted, file=sys.stderr)
        return 130


def _show(message: Warning | str, *_: object, **__: object) -> None:
    """A warning as one line, without the place in the code that it comes from."""
    print(f"warning: {message}", file=sys.stderr)
