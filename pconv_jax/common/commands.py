"""What all commands share: where their flags come from, how errors are shown, and exit codes."""

import _thread
import atexit
import contextlib
import functools
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NoReturn, Protocol

from pconv_jax.common.errors import InputError, TrainingError, reason
from pconv_jax.common.flags import mistakes_in_a_sentence
from pconv_jax.common.memory import IF_DEVICE_IS_FULL, advising_on_memory
from pconv_jax.common.output import (
    any_console,
    drop_unwritable_output,
    end_process,
    flush_output,
    hide_warnings_of_pillow,
    plain_text,
    readers_left,
)
from pconv_jax.common.paths import check_arguments, from_home

_READER_LEFT = 141  # 128 + SIGPIPE, as a shell reports it
_SOON = 0.02  # seconds


class Main(Protocol):
    """The `main` of a command."""

    def __call__(self, arguments: Sequence[str] | None = None) -> int:
        """Runs the command.

        Args:
            arguments: flags, without the name of the program; those of the process if not given.

        Returns:
            0 or the command's own code, 1 for a run that failed, 2 for a user's mistake, 130 after Ctrl-C, 141 if
            what reads the output has left.

        Raises:
            SystemExit: `--help` (code 0), or flags that cannot be read (code 2).
        """


def command(
    *, interrupted: str | Callable[[Sequence[str]], str] = "interrupted", subcommands: bool = False
) -> Callable[[Callable[[Sequence[str]], int | None]], Main]:
    """Turns a function into the `main` of a command: an error of the user becomes one line and an exit code.

    Args:
        interrupted: what to say after Ctrl-C, or a function of the flags that tells.
        subcommands: whether the first argument is one of several commands.

    Returns:
        A decorator of a function that takes the flags and may return an exit code.
    """

    def decorate(work: Callable[[Sequence[str]], int | None]) -> Main:
        @functools.wraps(work)
        def main(arguments: Sequence[str] | None = None) -> int:
            with any_console():
                try:
                    given = sys.argv[1:] if arguments is None else list(arguments)
                    said = interrupted(given) if callable(interrupted) else interrupted
                    code = _run(work, given, said, subcommands=subcommands)
                    if arguments is None:
                        _ignore_interrupts_at_exit()
                    return code
                except BrokenPipeError:  # whoever read the output has left, as `head` does
                    if not readers_left():
                        raise
                    drop_unwritable_output()
                    return _READER_LEFT

        return main

    return decorate


def leave(code: int) -> NoReturn:
    """Ends the process with the exit code of a command that reads data ahead.

    After a signal or a failure without waiting for the threads that read: on a disk that hangs they never end.
    """
    if code:
        end_process(code)
    sys.exit()


def _run(
    work: Callable[[Sequence[str]], int | None], arguments: Sequence[str], interrupted: str, *, subcommands: bool
) -> int:
    """The exit code; says what went wrong."""
    try:
        with _interrupted_again(), warnings.catch_warnings():
            warnings.showwarning = _show
            hide_warnings_of_pillow()
            try:
                check_arguments(arguments)
                arguments = from_home(arguments)
                with mistakes_in_a_sentence(arguments, subcommands=subcommands), advising_on_memory(IF_DEVICE_IS_FULL):
                    return work(arguments) or 0
            finally:
                flush_output()
    except KeyboardInterrupt:
        _ignore_interrupts_at_exit()
        return _say(interrupted, 130)
    except (InputError, TrainingError, MemoryError, OSError) as error:
        if isinstance(error, OSError):
            if isinstance(error, BrokenPipeError) and readers_left():
                raise
            drop_unwritable_output()
        return _say(*_said(error))


def _ignore_interrupts_at_exit() -> None:
    """Else one would print a traceback of whatever happens to end then; what is registered last runs first."""
    atexit.register(signal.signal, signal.SIGINT, signal.SIG_IGN)


@contextlib.contextmanager
def _interrupted_again() -> Iterator[None]:
    """Repeats an interrupt that came where Python ignores exceptions, such as in the callbacks of JAX's memory."""
    usual = sys.unraisablehook

    def hook(ignored: Any) -> None:
        if not issubclass(ignored.exc_type, KeyboardInterrupt):
            usual(ignored)
            return
        number = signal.SIGINT if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN else signal.SIGTERM
        if sys.platform == "win32":
            timer = threading.Timer(_SOON, _thread.interrupt_main)
        else:  # which also ends what the main thread waits for
            timer = threading.Timer(_SOON, signal.pthread_kill, (threading.main_thread().ident, number))
        timer.daemon = True
        timer.start()

    sys.unraisablehook = hook
    try:
        yield
    finally:
        sys.unraisablehook = usual


def said_of(error: BaseException) -> tuple[str, int] | None:
    """What a command says of an error, and its exit code; None for an error that is not the user's."""
    if isinstance(error, KeyboardInterrupt):
        return "interrupted", 130
    return _said(error) if isinstance(error, InputError | TrainingError | MemoryError | OSError) else None


def _said(error: InputError | TrainingError | MemoryError | OSError) -> tuple[str, int]:
    if isinstance(error, InputError):
        return f"error: {error}", 2
    if isinstance(error, TrainingError):
        return f"stopped: {error}", 1
    if isinstance(error, MemoryError):
        return f"stopped: {str(error) or 'not enough memory'}", 1
    # A name that is too long, a folder that may not be entered, a full disk.
    return f"error: {error.filename or 'the output'} cannot be used ({reason(error)}): give another path", 2


def _say(sentence: str, code: int) -> int:
    print(plain_text(sentence), file=sys.stderr)
    return code


def _show(message: Warning | str, *_: object, **__: object) -> None:
    """Prints a warning as one line, without its place in the code."""
    print(plain_text(f"warning: {message}"), file=sys.stderr)
