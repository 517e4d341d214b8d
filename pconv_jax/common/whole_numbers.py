"""What counts as a whole number of a user."""

from collections.abc import Sequence

import numpy as np


def is_whole(value: object, *, least: int) -> bool:
    """Whether a value is a whole number, of Python or NumPy, and not below the least."""
    return isinstance(value, int | np.integer) and int(value) >= least


def whole_numbers(values: object, *, length: int | None = None, least: int) -> bool:
    """Whether these are `length` whole numbers, or any number of them if not given, none below `least`."""
    return (
        isinstance(values, Sequence | np.ndarray)
        and length in (None, len(values))
        and all(is_whole(value, least=least) for value in values)
    )
