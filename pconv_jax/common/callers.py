"""Whose line a warning names."""

import os
import sys

_PACKAGE = os.path.dirname(os.path.dirname(__file__)) + os.sep  # as Python names its files, links and all


def callers_level() -> int:
    """`stacklevel` for `warnings.warn` in the function that asks: of the line that called into this package.

    Python shows a warning once for each line, so one line of the package would warn of the first photograph alone.
    """
    frame, level = sys._getframe(1), 1
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame, level = frame.f_back, level + 1
    return level
