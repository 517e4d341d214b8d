"""The interface of what looks for damage, which the page is given."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from pconv_jax.detection.damage_map import DamageMap
from pconv_jax.imaging import Photograph


class Look(Protocol):
    """Looks for the damage of a photograph."""

    def __call__(
        self,
        photograph: Photograph,
        path: Path,
        *,
        linear: bool,
        notes: list[str],
        progress: Callable[[int, int], object],
    ) -> DamageMap:
        """The map.

        Args:
            photograph: as it was read.
            path: of its file.
            linear: whether it is linear in light, even if it does not say so.
            notes: to which sentences are added about how it was looked for.
            progress: called with the number of steps done, and of all steps.
        """
        ...
