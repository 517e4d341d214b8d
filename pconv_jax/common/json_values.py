"""JSON from files that may be damaged."""

import json
from typing import Any


def read_json(text: str | bytes) -> Any:
    """The values of a JSON text.

    Args:
        text: from outside: it may be anything.

    Returns:
        JSON values.

    Raises:
        ValueError: it is no JSON, or nested too deeply.
    """
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def is_number(value: object) -> bool:
    """Whether a JSON value is a number; true and false are not."""
    return isinstance(value, int | float) and not isinstance(value, bool)
