"""What is marked after edits: most of them are drawn once, however many more follow."""

import threading
from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np

from pconv_jax.page.edits import edited, read_edits

_LATEST = 20
"""Edits that are drawn anew each time, so that undo takes no longer than the next stroke."""


class Drawn:
    """Holes after edits; the first edits of the one that was asked for last are kept in memory.

    Attributes:
        kept: how many edits that are.
    """

    def __init__(self) -> None:
        """Starts empty."""
        self.kept = 0
        self._key: Hashable = None
        self._edits: list[Any] = []
        self._hole = np.zeros((0, 0), bool)
        self._lock = threading.Lock()

    def hole(self, key: Hashable, found: np.ndarray, edits: list[Any], masks: Mapping[str, np.ndarray]) -> np.ndarray:
        """A hole after edits.

        Args:
            key: tells what was found from all else.
            found: that, bool `[H, W]`.
            edits: as `read_edits` takes them.
            masks: as for `read_edits`.

        Returns:
            bool `[H, W]`.
        """
        with self._lock:
            if key != self._key or edits[: self.kept] != self._edits:
                self._key, self._hole, self._edits, self.kept = key, found, [], 0
            if len(edits) - self.kept > 2 * _LATEST:
                kept = len(edits) - _LATEST
                self._hole = edited(self._hole, read_edits(edits[self.kept : kept], masks))
                self._edits, self.kept = edits[:kept], kept
            hole, latest = self._hole, edits[self.kept :]
        return edited(hole, read_edits(latest, masks))

    def forget(self) -> None:
        """Forgets what is kept."""
        with self._lock:
            self._key, self._hole, self._edits, self.kept = None, np.zeros((0, 0), bool), [], 0
