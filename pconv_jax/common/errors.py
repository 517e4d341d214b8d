"""The exceptions and warnings whose message is all that a user needs, and the wording they share."""

from collections.abc import Sequence


class InputError(ValueError):
    """Invalid input of the user: the message is one sentence that names the value and the way out.

    Command lines print the message without a traceback and exit with a code other than 0.
    """


class NotEnoughMemory(InputError):
    """An input that needs more memory than is available at the moment; there need be nothing wrong with it."""


class StorageError(InputError):
    """Nothing more can be written where results go: the disk is full, read-only or gone."""


class TrainingError(RuntimeError):
    """Training cannot continue: the message says at which step, why, and which checkpoint can be used."""


class DivergedError(TrainingError):
    """A loss, a gradient or the output of the network is no longer finite: the settings are at fault."""


class WideHolesWarning(UserWarning):
    """Holes are wider than the lines that the weights were trained on, or lines where they were trained on regions."""


def shortened(names: Sequence[str], most: int, *, between: str = ", ") -> str:
    """The first names of a list, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return f"{between.join(names[:most])}{more}"


def reason(error: OSError) -> str:
    """Why the system refused, in its own words."""
    return error.strerror or str(error).partition("\n")[0] or type(error).__name__


def named(sentence: str, name: object) -> str:
    """A sentence about a file that begins with its name, which may also be part of another in it."""
    return sentence if sentence.startswith((f"{name} ", f"{name}:")) else f"{name}: {sentence}"
