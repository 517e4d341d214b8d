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
_SHARES = ("batch_norm_momentum",)
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
        InputError: a field is of another type than its default, has too many entries, a number that is too large or
            not finite, or lists, arrays or numbers of NumPy and JAX, which neither a compiled program nor a file can
            have.
    """
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        entries = value if isinstance(value, tuple) else (value,)
        if any(isinstance(each, list) or hasattr(each, "__array__") for each in entries):
            raise InputError(
                f"{field.name}={brief(value)} must be a plain number of Python or a tuple of them, such as (8, 16)"
            )
        if field.default is not dataclasses.MISSING and not same_type(value, field.default):
            raise InputError(f"{field.name}={brief(value)} must be {_kind(field.default)}")
        if len(entries) > MOST_STAGES:
            raise InputError(f"{field.name}={brief(value)} has {len(entries)} entries, and {MOST_STAGES} are the most")
        largest = _LARGEST.get(field.name, _LARGEST_OTHER)
        for entry in entries:
            if isinstance(entry, float) and not math.isfinite(entry):
                raise InputError(f"{field.name}={brief(value)} must be finite")
            if isinstance(entry, int | float) and abs(entry) > largest:
                raise InputError(f"{field.name}={brief(value)} must be at most {largest}")
        if field.name in _SHARES and not 0 <= value < 1:
            raise InputError(f"{field.name}={brief(value)} must be at least 0 and below 1")


def _kind(default: Any) -> str:
    """What a field with this default can be."""
    if isinstance(default, tuple):
        return f"a tuple of whole numbers, such as {brief(default)}"
    kinds = {bool: "True or False", int: "a whole number", float: "a number"}
    return kinds.get(type(default), f"a text, such as {brief(default)}")


def same_type(value: Any, default: Any) -> bool:
    """Whether a value has the type of a default; whole numbers are numbers too.

    Args:
        value: of a field, with tuples in place of lists.
        default: of that field; with None any number or text will do, or a tuple of them.
    """
    if isinstance(default, tuple):
        return isinstance(value, tuple) and all(
            any(same_type(each, known) for known in default or (None,)) for each in value
        )
    if default is None:
        scalars = value if isinstance(value, tuple) else (value,)
        return all(each is None or isinstance(each, bool | int | float | str) for each in scalars)
    return type(value) is type(default) or (type(value) is int and isinstance(default, float))
