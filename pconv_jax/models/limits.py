"""Limits of the fields of configs, so that a damaged or hostile file neither hangs nor exhausts the memory."""

import dataclasses
import math
import reprlib
from types import MappingProxyType
from typing import Any

from pconv_jax.common.errors import InputError

MOST_STAGES = 10  # each halves the resolution: images are padded to a multiple of 1024 px
_LARGEST = MappingProxyType(
    {
        "widths": 16_384,
        "alexnet_widths": 16_384,
        "blocks": 8,
        "kernel_size": 31,
        "bottleneck": 65_536,
        "network_size": 4_096,
        "image_size": 65_536,
    }
)
_LARGEST_OTHER = 1e6  # of all other numbers
_brief = reprlib.Repr()
_brief.maxtuple = _brief.maxlist = _brief.maxdict = 12
_brief.maxstring = _brief.maxother = 80


def brief(value: Any) -> str:
    """The representation of a value in a message, cut short where it is long or deeply nested."""
    return _brief.repr(value)


def check_limits(config: Any) -> None:
    """Refuses fields of a config that no network could have.

    Args:
        config: a dataclass of numbers, tuples of numbers and texts.

    Raises:
        InputError: a field has too many entries, a number that is too large or not finite, or lists, arrays or
            numbers of NumPy and JAX, which neither a compiled program nor a file can have.
    """
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        entries = value if isinstance(value, tuple) else (value,)
        if any(isinstance(each, list) or hasattr(each, "__array__") for each in entries):
            raise InputError(
                f"{field.name}={brief(value)} must be a plain number of Python or a tuple of them, such as (8, 16)"
            )
        if len(entries) > MOST_STAGES:
            raise InputError(f"{field.name}={brief(value)} has {len(entries)} entries, and {MOST_STAGES} are the most")
        largest = _LARGEST.get(field.name, _LARGEST_OTHER)
        for entry in entries:
            if isinstance(entry, float) and not math.isfinite(entry):
                raise InputError(f"{field.name}={brief(value)} must be finite")
            if isinstance(entry, int | float) and abs(entry) > largest:
                raise InputError(f"{field.name}={brief(value)} must be at most {largest}")
