"""Standard output and error of a command: characters that the console lacks, readers that have left."""

import codecs
import contextlib
import io
import os
import re
import select
import sys
import warnings
from collections.abc import Iterator
from typing import NoReturn, TextIO

# What the commands and their help print beyond ASCII; other characters that a console lacks are shown by their codes.
_PLAIN = {"•": "*", "…": "...", "×": "x", "–": "-", "—": "-", "→": "->"}
_HANDLER = "pconv_jax.plain"
_CONTROL = re.compile(r"[\0-\x08\x0b-\x1f\x7f-\x9f]")  # all but tabs and line feeds


@contextlib.contextmanager
def any_console() -> Iterator[None]:
    """Replaces characters that the console's encoding lacks, instead of failing at them."""
    with contextlib.ExitStack() as undo:
        for stream in (sys.stdout, sys.stderr):
            # Not those that a notebook or a test puts in their place, which take any text.
            if isinstance(stream, io.TextIOWrapper):
                undo.callback(stream.reconfigure, errors=stream.errors)
                stream.reconfigure(errors=_HANDLER)
        yield


@contextlib.contextmanager
def hide_messages_of_libraries() -> Iterator[None]:
    """Hides what libraries in C print to standard error, past Python; not for several threads at once."""
    with contextlib.ExitStack() as undo:
        stream = sys.stderr
        try:
            number = stream.fileno()
            kept = os.dup(number)
        except (AttributeError, OSError):  # there is none, or one that only Python writes to
            yield
            return
        undo.callback(os.close, kept)
        stream.flush()
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), number)
        undo.callback(os.dup2, kept, number)
        undo.callback(setattr, sys, "stderr", stream)
        sys.stderr = undo.enter_context(
            open(kept, "w", buffering=1, encoding=stream.encoding, errors=stream.errors, closefd=False)
        )
        yield


def plain_text(text: str) -> str:
    """A text from outside without what steers a terminal: its control characters are shown by their codes."""
    return _CONTROL.sub(lambda found: repr(found[0])[1:-1], text)


def hide_warnings_of_pillow() -> None:
    """Hides what Pillow says of damaged metadata: it does not name the file, and what matters is said by `imaging`."""
    warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")


def end_process(code: int) -> NoReturn:
    """Ends this process at once, after what was printed is out: for one in which a thread cannot be stopped."""
    for stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__):
        with contextlib.suppress(Exception):
            if stream is not None:
                stream.flush()
    os._exit(code)


def flush_output() -> None:
    """Writes what standard output holds back, while an error can still be reported.

    Raises:
        OSError: it cannot be written.
    """
    if sys.stdout is not None:  # it is after `>&-`
        sys.stdout.flush()


def readers_left() -> bool:
    """Whether standard output or error is a pipe that nobody reads any more, such as one to `head`."""
    return any(_writes_nowhere(stream) for stream in (sys.stdout, sys.stderr) if stream is not None)


def drop_unwritable_output() -> None:
    """Gives up standard streams that hold what cannot be written, or Python would complain again at its end."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None and _is_stuck(stream):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)


def _is_stuck(stream: TextIO) -> bool:
    try:
        stream.flush()
    except OSError:
        return True
    return False


def _writes_nowhere(stream: TextIO) -> bool:
    if _is_stuck(stream):
        return True
    if sys.platform == "win32" or not hasattr(select, "poll"):
        return False
    with contextlib.suppress(OSError):  # a stream without a file descriptor
        poll = select.poll()
        poll.register(stream.fileno(), 0)
        return any(event & select.POLLERR for _, event in poll.poll(0))
    return False


def _plain(error: UnicodeError) -> tuple[str | bytes, int]:
    assert isinstance(error, UnicodeEncodeError), "only output is encoded with it"
    found = error.object[error.start : error.end]
    codes = (_PLAIN.get(character, character.encode("ascii", "backslashreplace").decode()) for character in found)
    return "".join(codes), error.end


codecs.register_error(_HANDLER, _plain)
