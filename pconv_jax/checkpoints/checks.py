"""What is checked of the numbers and the notes of trained networks, so that none of them blackens a photograph."""

import os
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from pconv_jax.common.errors import InputError
from pconv_jax.models.limits import brief

_THICKEST = 1_000_000  # px of a line


def check_values(name: str, values: np.ndarray, place: str | os.PathLike[str]) -> None:
    """Refuses an array of a network whose output could not be numbers.

    Args:
        name: its path in the network.
        values: floating point.
        place: file or folder that it comes from, for the message.

    Raises:
        InputError: a value is NaN or infinite, or a variance negative.
    """
    if wrong := invalid(name, values):
        raise InputError(f"{place} is damaged, as {wrong}: copy it again, or train anew")


def invalid(name: str, values: np.ndarray) -> str | None:
    """Which values of an array of a network could not be: NaN, infinity, a negative variance; None if all could.

    Args:
        name: its path in the network.
        values: floating point.
    """
    wrong = values[~np.isfinite(values)]
    if not wrong.size and name.startswith("stats/") and name.endswith("/var"):
        wrong = values[values < 0]
    if not wrong.size:
        return None
    return f"{wrong.size} of the {values.size} values of {name} are invalid, such as {wrong[0]}"


def in_range(output: jax.Array) -> jax.Array:
    """A network's output clipped to [0, 1]; NaN where it is infinite, for `check_output` to see."""
    return jnp.where(jnp.isfinite(output), output.clip(0.0, 1.0), jnp.nan)


def check_output(pixels: np.ndarray) -> None:
    """Refuses output that was not finite: it would become black or white.

    Args:
        pixels: floating point, those that replace a hole, from `in_range`.

    Raises:
        InputError: a value is NaN.
    """
    wrong = int(np.isnan(pixels).sum())
    if wrong:
        raise InputError(
            f"the network returns NaN or infinity for {wrong} of the {pixels.size} values in the hole: its weights are "
            "damaged or its training diverged, so choose others"
        )


def check_about(about: Any, place: str | os.PathLike[str]) -> dict[str, Any]:
    """The facts about a training, as they were read, if they can be used.

    Args:
        about: as for `TrainedGenerator`; None if there are none.
        place: file or folder that they come from, for the message.

    Returns:
        The facts.

    Raises:
        InputError: they are not a dictionary, nor the settings of each training; or the thickest line is not a whole
            number of px from 1 to a million.
    """
    found = {} if about is None else about
    if not isinstance(found, dict):
        raise InputError(f"{place} says {brief(found)} about its training, where names and values are expected")
    others = found.get("averaged_settings", [])
    if not isinstance(others, list) or not all(
        isinstance(each or {}, dict) for each in (found.get("settings"), *others)
    ):
        raise InputError(f"{place} holds settings of a training that are not names and values: export it once more")
    line = found.get("thickest_line")
    if line is not None and (type(line) is not int or not 1 <= line <= _THICKEST):
        raise InputError(f"{place} says thickest_line={brief(line)}, where a whole number of px is expected")
    return found
