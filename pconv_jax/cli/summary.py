"""The outcomes of a command over photographs, and how they are reported."""

import contextlib
import dataclasses
import sys
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from pconv_jax.cli.jobs import WrittenMeanwhile
from pconv_jax.common.errors import InputError, WideHolesWarning, named, reason
from pconv_jax.common.output import plain_text

FAULTS = (InputError, MemoryError, OSError)
"""What is wrong with one photograph, and does not stop those that come after it."""


@dataclasses.dataclass
class Summary:
    """The outcomes: how many photographs were restored, found damaged, undone, copied, skipped or failed.

    Attributes:
        counts: number of photographs by outcome.
        failures: a sentence for each that failed.
        warning: a sentence about those in which nothing is marked as damage; empty if there are none.
        wide: a warning for each whose holes are wider than the weights know.
        notes: what else there is to say of each, such as how good it is expected to be.
    """

    counts: Counter[str] = dataclasses.field(default_factory=Counter)
    failures: list[str] = dataclasses.field(default_factory=list)
    warning: str = ""
    wide: list[str] = dataclasses.field(default_factory=list)
    notes: list[str] = dataclasses.field(default_factory=list)

    def warn(self) -> None:
        """Warns of wide holes, once for all photographs."""
        if self.wide:
            others = len(self.wide) - 1
            more = f" (also in {others} more photograph{'s' if others > 1 else ''})" if others else ""
            warnings.warn(f"{self.wide[0]}{more}", WideHolesWarning, stacklevel=2)

    def __str__(self) -> str:
        return ", ".join(f"{count} {what}" for what, count in self.counts.items()) or "nothing to do"

    def pass_over(self, image: Path, why: WrittenMeanwhile) -> None:
        """Counts a photograph whose result another command wrote meanwhile.

        Args:
            image: its file.
            why: the reason, without its name.
        """
        self.counts["skipped, since the result was written meanwhile"] += 1
        self.notes.append(named(str(why), image))

    def fail(self, image: Path, fault: str | Exception) -> None:
        """Counts a photograph that failed.

        Args:
            image: its file.
            fault: the reason, without its name; or one of `FAULTS`.
        """
        why = str(fault) or "not enough memory"
        if isinstance(fault, OSError):  # a name too long for what is written beside it, a folder that may not be read
            why = f"{fault.filename or image} cannot be used ({reason(fault)}): rename it, or choose another place"
        self.counts["failed"] += 1
        self.failures.append(named(why, image))


@contextlib.contextmanager
def reported_if_interrupted(summary: Summary) -> Iterator[None]:
    """Reports what was done when it is interrupted: the same command will skip that, notes included."""
    try:
        yield
    except KeyboardInterrupt:
        if summary.counts or summary.failures:
            report(summary)
        raise


def report(summary: Summary, *, passed_over: Sequence[str] = ()) -> int:
    """Prints the outcomes.

    Args:
        summary: from `restore_files`, `detect_files` or `undo`.
        passed_over: sentences about files that were not worked on.

    Returns:
        The exit code: 1 if one failed.
    """
    for failure in summary.failures:
        print(plain_text(f"failed: {failure}"), file=sys.stderr)
    if summary.warning:
        print(plain_text(f"warning: {summary.warning}"), file=sys.stderr)
    for note in summary.notes:
        print(plain_text(note))
    print(summary)
    for sentence in passed_over:
        print(plain_text(sentence))
    return 1 if summary.failures else 0
