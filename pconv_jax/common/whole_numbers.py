"""What counts as a whole number of a user."""

import numpy as np


def is_whole(value: object, *, least: int) -> bool:
    """Whether a value is a whole number, of Python or NumPy, and not below the least."""
    return isinstance(value, int | np.integer) and int(value) >= least
