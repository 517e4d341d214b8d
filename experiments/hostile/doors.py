"""Doors: the places where something from outside comes in, and how each of them is tried."""

import contextlib
import dataclasses
import io
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from pconv_jax.common.commands import Main
from pconv_jax.common.errors import InputError

CACHE = "cache"
"""Folder beside that of the input, in which a door may keep what it likes."""
_LONGEST = 3000  # characters of a message


class Fault(Exception):
    """What a door did is a finding: the message says what."""


class Refused(Exception):
    """A command refused its input as it should: the message is what it said."""


@dataclasses.dataclass(frozen=True)
class Door:
    """A place where something from outside comes in.

    Attributes:
        name: of the door.
        prepare: writes the good input to a folder, once a campaign.
        damage: changes the good input in a folder, as the generator of random numbers says; returns how, in words.
        enter: opens what is in a folder as a user would, and writes to a second folder. Returns normally where the
            input could be used, and raises InputError or `Refused` where it could not, and `Fault` for a bad result.
        seconds: what a case may take; None for the limit of the campaign.
    """

    name: str
    prepare: Callable[[Path], None]
    damage: Callable[[np.random.Generator, Path], str]
    enter: Callable[[Path, Path], None]
    seconds: float | None = None


def run(main: Main, arguments: Sequence[str | Path]) -> str:
    """Runs a command in this process.

    Args:
        main: its `main`.
        arguments: its flags.

    Returns:
        What it printed.

    Raises:
        Refused: it ended with 1 or 2 and one or more sentences.
        Fault: it ended in another way.
    """
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code: object = main([str(argument) for argument in arguments])
        except SystemExit as stop:
            code = stop.code
    said = out.getvalue() + err.getvalue()
    check_said(said)
    if code == 0:
        return said
    if code not in (1, 2) or not err.getvalue().strip():
        raise Fault(f"exit code {code} with {said[-200:]!r}")
    raise Refused(err.getvalue())


def check_said(said: str) -> None:
    """Refuses messages that no user should see.

    Raises:
        Fault: a traceback, an endless message, or one that steers the terminal.
    """
    if "Traceback" in said or "Error:" in said.replace("InputError:", ""):
        raise Fault(f"a traceback: {said[-500:]!r}")
    if any(len(line) > _LONGEST for line in said.splitlines()):
        raise Fault(f"a message of {len(said)} characters: {said[:200]!r}")
    if "\x1b" in said:
        raise Fault(f"it steers the terminal: {said[:200]!r}")


@contextlib.contextmanager
def library() -> Iterator[None]:
    """For a call of the library: hides its warnings and progress, and looks at its message."""
    nowhere = io.StringIO()
    with warnings.catch_warnings(), contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
        warnings.simplefilter("ignore")
        try:
            yield
        except InputError as error:
            if "Traceback" in str(error):
                raise Fault(f"a traceback: {str(error)[:300]!r}") from error
            raise
