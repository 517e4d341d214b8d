"""Ctrl-C and SIGTERM during training."""

import contextlib
import signal
import sys
from collections.abc import Iterator
from typing import Any


@contextlib.contextmanager
def stop_signals() -> Iterator[list[int]]:
    """Collects the numbers of SIGINT and SIGTERM instead of exiting; a second Ctrl-C interrupts at once."""
    received: list[int] = []

    def note(number: int, _: Any) -> None:
        if received and number == signal.SIGINT:
            raise KeyboardInterrupt
        received.append(number)

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def exit_code(number: int, *, step: int) -> int:
    """Exit code of a run that a signal stopped after a step, after saying how to resume it; 0 without a signal."""
    if not number:
        return 0
    name = signal.Signals(number).name
    print(f"stopped by {name} and saved at step {step}; --resume continues from there", file=sys.stderr)
    return 128 + number
