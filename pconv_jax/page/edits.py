"""What a person corrects in the damage that was found: strokes that mark or erase it, masks, all at once.

Coordinates are px of the photograph from its upper left corner, (0.5, 0.5) in the middle of the first pixel.
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pconv_jax.common.errors import InputError

_MOST_EDITS = 20_000
_MOST_POINTS = 500_000
_FARTHEST = 1e6  # px
_THICKEST = 10_000  # px, half of it
_SHIFT = 4  # binary digits of the coordinates that OpenCV draws at
_BROAD = 5.0  # px, half of the width
_LONG = 50_000.0  # px
_LEAST_PIECE = 8.0  # px
_AT_ONCE = 2**19  # pixels
_ROUNDING = 1e-9


@dataclasses.dataclass(frozen=True)
class Stroke:
    """A line drawn by hand.

    Attributes:
        erases: whether it takes damage away, not adds it.
        radius: half its width, px.
        points: `[P, 2]`, x and y.
    """

    erases: bool
    radius: float
    points: np.ndarray

    def draw(self, hole: np.ndarray) -> None:
        """Draws it into uint8 `[H, W]` of 0 and 1: what is as near to it as the ring of the page shows.

        The lines of OpenCV are up to two pixels wider: they only do, quickly, for broad or very long strokes.
        """
        import cv2

        level, reach = np.uint8(not self.erases), max(self.radius, 0.5) + _ROUNDING
        length = float(np.hypot(*np.diff(self.points, axis=0).T).sum())
        if self.radius > _BROAD or length > _LONG:
            line = np.rint((np.concatenate([self.points[:1], self.points]) - 0.5) * 2**_SHIFT).astype(np.int32)
            thickness = max(1, round(2 * self.radius) - 1)
            cv2.polylines(hole, [line], False, int(level), thickness, cv2.LINE_8, _SHIFT)
            return
        columns, rows = np.floor(self.points).astype(int).T
        _set(hole, rows, columns, level)
        longest = max(_LEAST_PIECE, 2 * reach)
        begins, ends = _pieces(self.points - 0.5, longest=longest)
        side = math.ceil(longest + 2 * reach) + 1  # of a square around a piece
        step = max(1, _AT_ONCE // side**2)
        for first in range(0, len(begins), step):
            begin, end = begins[first : first + step, :, None, None], ends[first : first + step, :, None, None]
            corner = np.ceil(np.minimum(begin, end) - reach)
            from_begin = corner + np.mgrid[:side, :side][::-1] - begin  # x and y
            along = (from_begin * (end - begin)).sum(1) / np.maximum(((end - begin) ** 2).sum(1), _ROUNDING)
            away = from_begin - np.clip(along, 0, 1)[:, None] * (end - begin)
            piece, down, across = np.nonzero((away**2).sum(1) <= reach**2)
            left, top = corner[piece, :, 0, 0].astype(int).T
            _set(hole, top + down, left + across, level)


def _pieces(points: np.ndarray, *, longest: float) -> tuple[np.ndarray, np.ndarray]:
    """Begins and ends, `[P, 2]`, of the pieces of a line, so short that little lies around each; of a point, itself."""
    if len(points) == 1:
        return points, points
    lengths = np.hypot(*np.diff(points, axis=0).T)
    counts = np.maximum(1, np.ceil(lengths / longest)).astype(int)
    which = np.repeat(np.arange(len(counts)), counts)
    number = np.arange(len(which)) - np.repeat(np.cumsum(counts) - counts, counts)
    start, move = points[which], np.diff(points, axis=0)[which] / counts[which][:, None]
    return start + move * number[:, None], start + move * (number[:, None] + 1)


def _set(hole: np.ndarray, rows: np.ndarray, columns: np.ndarray, level: np.uint8) -> None:
    """Sets pixels, of which some may lie outside."""
    inside = (rows >= 0) & (rows < hole.shape[0]) & (columns >= 0) & (columns < hole.shape[1])
    hole[rows[inside], columns[inside]] = level


@dataclasses.dataclass(frozen=True)
class Marked:
    """A mask that was loaded: what it marks is added.

    Attributes:
        hole: bool `[H, W]`.
    """

    hole: np.ndarray

    def draw(self, hole: np.ndarray) -> None:
        """Draws it into uint8 `[H, W]` of 0 and 1."""
        hole[self.hole] = 1


@dataclasses.dataclass(frozen=True)
class Clear:
    """All that is marked is taken away."""

    def draw(self, hole: np.ndarray) -> None:
        """Draws it into uint8 `[H, W]` of 0 and 1."""
        hole[...] = 0


Edit = Stroke | Marked | Clear


def read_edits(values: Any, masks: Mapping[str, np.ndarray]) -> list[Edit]:
    """Reads edits as the page sends them.

    Args:
        values: a list of `{"kind": "stroke", "erases": bool, "radius": px, "points": [[x, y], ...]}`,
            `{"kind": "mask", "mask": name}` and `{"kind": "clear"}`, in the order they were made.
        masks: the loaded masks by their names, bool `[H, W]`.

    Returns:
        The edits.

    Raises:
        InputError: they are none or no list, or too many.
    """
    if not isinstance(values, list):
        raise InputError(f"the edits are {type(values).__name__}, and must be a list: reload the page")
    if len(values) > _MOST_EDITS:
        raise InputError(f"there are more than {_MOST_EDITS:,} edits: restore, save and open the photograph again")
    edits = [_edit(value, masks) for value in values]
    if sum(len(edit.points) for edit in edits if isinstance(edit, Stroke)) > _MOST_POINTS:
        raise InputError(f"strokes have more than {_MOST_POINTS:,} points: restore, save and open the photograph again")
    return edits


def _edit(value: Any, masks: Mapping[str, np.ndarray]) -> Edit:
    match value:
        case {"kind": "clear"}:
            return Clear()
        case {"kind": "mask", "mask": str(name)} if name in masks:
            return Marked(masks[name])
        case {"kind": "stroke", "erases": bool(erases), "radius": int() | float() as radius, "points": list(points)}:
            array = _points(points)
            if array is not None and math.isfinite(radius) and 0 < radius <= _THICKEST:
                return Stroke(erases, float(radius), array)
    raise InputError(f"{str(value)[:80]} is no edit: reload the page")


def _points(values: list[Any]) -> np.ndarray | None:
    """`[P, 2]`, at least one, none of them absurd; None if they are not."""
    try:
        points = np.array(values, np.float64)
    except (TypeError, ValueError):
        return None
    right = points.ndim == 2 and points.shape[1] == 2 and len(points) and (np.abs(points) <= _FARTHEST).all()
    return points if right else None


def edited(hole: np.ndarray, edits: Sequence[Edit]) -> np.ndarray:
    """A hole after edits.

    Args:
        hole: bool `[H, W]`, what was found.
        edits: what was changed in it, in this order.

    Returns:
        bool `[H, W]`.
    """
    drawn = hole.astype(np.uint8)
    for edit in edits:
        edit.draw(drawn)
    return drawn.astype(bool)
