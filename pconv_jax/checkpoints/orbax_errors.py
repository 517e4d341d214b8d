"""What Orbax and TensorStore say of errors: why in a few words, and nothing besides what they raise."""

import atexit
import functools
import logging
import re
import sys
import warnings
from pathlib import Path

from pconv_jax.common.errors import reason

_OF_SYSTEM = re.compile(r"([^:\[]+) \[os_error_code='\d+'\]")  # in what TensorStore says
_OF_STORES = re.compile("orbax|tensorstore|os_error_code", re.IGNORECASE)
_LONGEST = 200


def why(error: Exception) -> str:
    """The reason of an error in one line: that of the system if it is one."""
    if isinstance(error, OSError):
        return reason(error)
    if found := _OF_SYSTEM.search(str(error)):
        return found[1].strip()
    lines = str(error).strip().splitlines()
    return lines[0][:_LONGEST] if lines else type(error).__name__


@functools.cache
def hide_logged_errors() -> None:
    """Hides the warnings and tracebacks that Orbax logs, and TensorStore prints, of what is raised as well.

    For the rest of the process: threads go on to complain after the error has been raised.
    """
    logging.getLogger("absl").addFilter(_not_of_orbax)
    logging.getLogger("asyncio").addFilter(_not_of_a_task)
    hook = sys.unraisablehook

    def others(unraisable: "sys.UnraisableHookArgs") -> None:
        if str(unraisable.exc_value) != "Event loop is closed":  # of a transfer that was given up
            hook(unraisable)

    sys.unraisablehook = others


@functools.cache
def hide_unawaited() -> None:
    """Hides warnings of the coroutines that Orbax had prepared for a save which failed at its beginning.

    For the rest of the process, all of them, as their names do not tell whose they are: for processes that save.
    """
    _hide_coroutines()
    atexit.register(_hide_coroutines)  # a command has dropped its filters by then


def _hide_coroutines() -> None:
    warnings.filterwarnings("ignore", "coroutine '.*' was never awaited", RuntimeWarning)


def _not_of_orbax(record: logging.LogRecord) -> bool:
    return record.levelno < logging.WARNING or "orbax" not in Path(record.pathname).parts


def _not_of_a_task(record: logging.LogRecord) -> bool:
    said = record.getMessage()
    return "exception was never retrieved" not in said or not _OF_STORES.search(said)
