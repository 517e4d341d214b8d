"""What all commands share: where their flags come from, how errors are shown, and exit codes."""

import functools
import sys
import warnings
from collections.abc import Callable, Sequence
from typing import Protocol

from pconv_jax.common.errors import InputError, TrainingError
from pconv_jax.common.paths import check_arguments


class Main(Protocol):
    """The `main` of a command."""

    def __call__(self, arguments: Sequence[str] | None = None) -> int:
        """Runs the command.

        Args:
            arguments: flags, without the name of the program; those of the process if not given.

        Returns:
            0 or the command's own code, 1 for a run that failed, 2 for a user's mistake, 130 after Ctrl-C.

        Raises:
            SystemExit: `--help` (code 0), or flags that cannot be read (code 2).
        """


def command(*, interrupted: str = "interrupted") -> Callable[[Callable[[Sequence[str]], int | None]], Main]:
    """Turns a function into the `main` of a command: an error of the user becomes one line and an exit code.

    Args:
        interrupted: what to say after Ctrl-C.

    Returns:
        A decorator of a function that takes the flags and may return an exit code.
    """

    def decorate(work: Callable[[Sequence[str]], int | None]) -> Main:
        work = _with_arguments_checked(work)

        @functools.wraps(work)
        def main(arguments: Sequence[str] | None = None) -> int:
            try:
                with warnings.catch_warnings():
                    warnings.showwarning = _show
                    return work(sys.argv[1:] if arguments is None else list(arguments)) or 0
            except InputError as error:
                print(f"error: {error}", file=sys.stderr)
                return 2
            except TrainingError as error:
                print(f"stopped: {error}", file=sys.stderr)
                return 1
            except KeyboardInterrupt:
                print(interrupted, file=sys.stderr)
                return 130

        return main

    return decorate


def _with_arguments_checked(work: Callable[[Sequence[str]], int | None]) -> Callable[[Sequence[str]], int | None]:
    @functools.wraps(work)
    def checked(arguments: Sequence[str]) -> int | None:
        check_arguments(arguments)
        return work(arguments)

    return checked


def _show(message: Warning | str, *_: object, **__: object) -> None:
    """Prints a warning as one line, without its place in the code."""
    print(f"warning: {message}", file=sys.stderr)
