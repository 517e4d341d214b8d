"""The outcomes of a command over photographs, and how they are reported."""

import contextlib
import dataclasses
import sys
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TextIO

from pconv_jax.cli.jobs import WrittenMeanwhile
from pconv_jax.common.errors import InputError, WideHolesWarning, named, reason
from pconv_jax.common.output import plain_text

FAULTS = (InputError, MemoryError, OSError)
"""What is wrong with one photograph, and does not stop those that come after it."""


@dataclasses.dataclass
class Summary:
    """The outcomes: how many photographs were restored, found damaged, undone, copied, skipped or failed.

    What there is to say of a photograph is printed once that is done (`tell`), so that the log of a long command has it
    when it is killed.

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
    _noted: Counter[str] = dataclasses.field(default_factory=Counter)
    _warned: Counter[str] = dataclasses.field(default_factory=Counter)
    _told: tuple[int, int] = (0, 0)  # failures and notes that were printed

    def note(self, image: Path, sentence: str) -> None:
        """Notes a sentence about a photograph; the same about others is only counted.

        Args:
            image: its file.
            sentence: without its name.
        """
        self._noted[sentence] += 1
        if self._noted[sentence] == 1:
            self.notes.append(f"{image}: {sentence}")

    def warn_of(self, image: Path, sentence: str, *, category: type[Warning] = UserWarning) -> str:
        """Warns of something about a photograph; the same about others is only counted.

        Args:
            image: its file.
            sentence: without its name.
            category: of the warning.

        Returns:
            The sentence with its name.
        """
        named = f"{image}: {sentence}"
        self._warned[sentence] += 1
        if self._warned[sentence] == 1:
            warnings.warn(named, category, stacklevel=2)
        return named

    def warn(self) -> None:
        """Warns of wide holes, once for all photographs, and of what else was the same in several."""
        if self.wide:
            others = len(self.wide) - 1
            warnings.warn(
                f"{self.wide[0]} ({_also(others)})" if others else self.wide[0], WideHolesWarning, stacklevel=2
            )
        for sentence, count in self._warned.items():
            if count > 1:
                warnings.warn(f"{_also(count - 1)}: {sentence}", stacklevel=2)

    def tell(self) -> None:
        """Prints what failed, and what there is to say, since it was printed last."""
        failures, notes = self._told
        self._told = len(self.failures), len(self.notes)
        for failure in self.failures[failures:]:
            _print(f"failed: {failure}", sys.stderr)
        for note in self.notes[notes:]:
            _print(note, sys.stdout)

    def tell_rest(self) -> None:
        """Prints what was not printed yet, and what was only counted."""
        self.tell()
        for sentence, count in self._noted.items():
            if count > 1:
                _print(f"{_also(count - 1)}: {sentence}", sys.stdout)

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

    def stop(self, left: int) -> None:
        """Counts photographs that are left, as nothing more can be written."""
        if left:
            self.counts["left, as nothing more can be written (the same command resumes)"] = left


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
    summary.tell_rest()
    if summary.warning:
        print(plain_text(f"warning: {summary.warning}"), file=sys.stderr)
    print(summary)
    for sentence in passed_over:
        print(plain_text(sentence))
    return 1 if summary.failures else 0


def _also(count: int) -> str:
    return f"also in {count} more photograph{'s' if count > 1 else ''}"


def _print(text: str, stream: TextIO | None) -> None:
    """Prints a line above progress bars, if there are any."""
    if stream is None:  # closed by who started it
        return
    if tqdm := sys.modules.get("tqdm"):
        tqdm.tqdm.write(plain_text(text), file=stream)
    else:
        print(plain_text(text), file=stream)
