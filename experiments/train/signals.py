"""Ctrl-C and SIGTERM during training."""

import contextlib
import signal
import sys
from collections.abc import Iterator
from typing import Any

from pconv_jax.training.hosts import group


class WaitEnded(BaseException):
    """A signal came while something was waited for that may take for ever."""


class Received(list[int]):
    """Numbers of the signals received so far, oldest first."""

    def __init__(self) -> None:
        """Starts with none."""
        super().__init__()
        self._waiting = False

    @contextlib.contextmanager
    def ending_waits(self) -> Iterator[None]:
        """Lets a signal raise `WaitEnded` inside."""
        self._waiting = True
        try:
            if self:
                raise WaitEnded
            yield
        finally:
            self._waiting = False

    def note(self, number: int, _: Any) -> None:
        """Handles a signal."""
        if self and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.append(number)
        if self._waiting:
            self._waiting = False
            raise WaitEnded


_unanswered: list[int] = []  # interrupts that came before training


@contextlib.contextmanager
def remembered_interrupts() -> Iterator[None]:
    """Lets training notice a Ctrl-C from before it that was lost: Python ignores one in a callback of JAX."""

    def note(number: int, _: Any) -> None:
        _unanswered.append(number)
        raise KeyboardInterrupt

    _unanswered.clear()
    before = signal.getsignal(signal.SIGINT)
    if before is not signal.default_int_handler:  # ignored in the background, or handled by someone else
        yield
        return
    signal.signal(signal.SIGINT, note)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextlib.contextmanager
def stop_signals() -> Iterator[Received]:
    """Collects the numbers of SIGINT and SIGTERM instead of exiting; a second Ctrl-C interrupts at once.

    What is ignored, as shells let what runs in the background ignore Ctrl-C, stays so.
    """
    if _unanswered:
        raise KeyboardInterrupt
    received = Received()
    heeded = [each for each in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(each) is not signal.SIG_IGN]
    before = {number: signal.signal(number, received.note) for number in heeded}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def exit_code(number: int, *, step: int, resumes: bool) -> int:
    """Exit code of a run that a signal stopped after a step, after saying how to resume it; 0 without a signal.

    Args:
        number: of the signal; 0 for none.
        step: after which the run was stopped.
        resumes: whether the command resumes as it is: with --resume, or a study.

    Returns:
        0, or 128 + the number.
    """
    if not number:
        return 0
    if group().leads:
        name = signal.Signals(number).name
        how = "the same command" if resumes else "--resume"
        print(f"stopped by {name} and saved at step {step}; {how} continues from there", file=sys.stderr)
    return 128 + number
