"""The mean of a network over the mirror images and quarter turns of what it is shown (self-ensemble)."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np


def mean_over_symmetries(network: Callable[..., np.ndarray], seen: Sequence[np.ndarray]) -> np.ndarray:
    """The mean of its outputs `[N, S, S, C]` for arrays `[N, S, S, C]`, each turned back."""
    outputs = [symmetry.undo(network(*map(symmetry.do, seen))) for symmetry in _SYMMETRIES]
    mean: np.ndarray = np.mean(outputs, axis=0)
    return mean


class _Symmetry(NamedTuple):
    """A mirror image or quarter turn of squares: it takes a pixel grid to itself."""

    turns: int
    mirrored: bool

    def do(self, square: np.ndarray) -> np.ndarray:
        """`[N, S, S, C]`, mirrored left to right if it is, then turned."""
        mirrored = square[:, :, ::-1] if self.mirrored else square
        return np.ascontiguousarray(np.rot90(mirrored, self.turns, axes=(1, 2)))

    def undo(self, square: np.ndarray) -> np.ndarray:
        """The inverse."""
        turned = np.rot90(square, -self.turns, axes=(1, 2))
        return turned[:, :, ::-1] if self.mirrored else turned


_SYMMETRIES = [_Symmetry(turns, mirrored) for turns in range(4) for mirrored in (False, True)]
