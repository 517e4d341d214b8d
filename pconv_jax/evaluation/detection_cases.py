"""The benchmark of detectors: held-out photographs with damage of one kind, width, contrast or opacity at a time."""

import dataclasses
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from pconv_jax.data.damaged_photographs import drawn_grain
from pconv_jax.data.source import ImageSource
from pconv_jax.masks.film_damage import Canvas, Laid, placed_map
from pconv_jax.masks.pieces import KINDS, Kind, draw_piece

_PIECES = 3  # of damage in a photograph
_TRIES = 20
_SCAN_GRAIN = (2.0, 8.0)  # levels of 255, of photographs that are enlarged as if scanned
_THICKNESS = (2.0, 8.0)  # where it is not what a row is about
MAPS = "maps"
"""Kind of the pieces that are taken from a folder of opacity maps."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Row:
    """A row of the table.

    Attributes:
        table: what its table is by: kind, width, contrast or opacity.
        label: its name there.
        kinds: kinds of its damage; each piece is of one of them.
        thickness: thinnest and thickest lines, px.
        opacity: of the damage.
        contrast: how much paler or darker than the mean of what it covers it is, of 1; None: nearly white or black.
    """

    table: str
    label: str
    kinds: tuple[str, ...] = ("scratch",)
    thickness: tuple[float, float] = _THICKNESS
    opacity: float = 1.0
    contrast: float | None = None


def rows(*, with_maps: bool) -> list[Row]:
    """All rows; kind `MAPS` only where there is a folder of opacity maps."""
    kinds = [*KINDS, *([MAPS] if with_maps else [])]
    widths = {"1": (1, 1), "2": (2, 2), "3-5": (3, 5), "6-8": (6, 8), "9-16": (9, 16), "17-24": (17, 24)}
    return [
        *(Row(table="kind", label=kind, kinds=(kind,)) for kind in kinds),
        *(Row(table="width", label=f"{label} px", thickness=sides) for label, sides in widths.items()),
        *(Row(table="contrast", label=f"{value:.2f}", contrast=value) for value in (0.05, 0.1, 0.2, 0.4)),
        *(Row(table="opacity", label=f"{value:.2f}", opacity=value) for value in (0.1, 0.2, 0.4, 0.7, 1.0)),
    ]


def photographs(
    source: ImageSource, *, size: int, limit: int | None, enlarge: float = 1.0
) -> Iterator[tuple[str, np.ndarray]]:
    """The middle of each photograph.

    Args:
        source: the photographs.
        size: longest side of what is cut out, px.
        limit: how many photographs, evenly spaced; all if None.
        enlarge: how many times as large it is seen, cut out as much smaller: above 1 it is interpolated and gets grain,
            as scans are softer than photographs that were made smaller.

    Yields:
        Their names, and uint8 `[H, W, 3]`.
    """
    count = len(source) if limit is None else min(limit, len(source))
    for place in range(count):
        index = place * len(source) // count
        image = source[index]
        height, width = (min(max(1, math.ceil(size / enlarge)), side) for side in image.shape[:2])
        top, left = ((whole - side) // 2 for whole, side in zip(image.shape[:2], (height, width), strict=True))
        middle = np.ascontiguousarray(image[top : top + height, left : left + width])
        if enlarge != 1:
            larger = tuple(min(size, round(side * enlarge)) for side in (width, height))
            middle = _scanned(np.random.default_rng(index), middle, larger)
        yield source.label(index), middle


def _scanned(rng: np.random.Generator, image: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    """An image enlarged to a width and height, with grain."""
    import cv2

    larger = cv2.resize(image, size, interpolation=cv2.INTER_CUBIC)
    noisy = larger + drawn_grain(rng, larger.shape, rng.uniform(*_SCAN_GRAIN))
    return np.clip(np.rint(noisy), 0, 255).astype(np.uint8)


def damaged(image: np.ndarray, row: Row, *, seed: Sequence[int], maps: Sequence[np.ndarray] = ()) -> Laid:
    """A photograph with the damage of a row.

    Args:
        image: uint8 `[H, W, 3]`.
        row: which damage.
        seed: of its places and shapes.
        maps: opacity maps, for the kind `MAPS`.

    Returns:
        The damaged photograph.
    """
    rng = np.random.default_rng([*seed, *row.table.encode(), *row.label.encode()])
    canvas = Canvas(image)
    for _ in range(_PIECES):
        coverage = _piece(rng, row, image.shape[:2], maps)
        canvas.lay(coverage, _colour(rng, row, image, coverage), opacity=row.opacity)
    return canvas.finished()


def _piece(rng: np.random.Generator, row: Row, shape: tuple[int, ...], maps: Sequence[np.ndarray]) -> np.ndarray:
    """A piece that lies in the image, at least in part."""
    coverage = np.zeros(shape, np.float32)
    for _ in range(_TRIES):
        kind: Any = row.kinds[rng.integers(len(row.kinds))]
        thickness = rng.uniform(*row.thickness)
        if kind == MAPS:
            coverage = placed_map(rng, maps[rng.integers(len(maps)).item()], shape[0], shape[1], thickness)
        else:
            named: Kind = kind
            coverage = draw_piece(rng, named, shape[0], shape[1], thickness=thickness)
        if np.count_nonzero(coverage > 0.5) >= 4:
            break
    return coverage


def _colour(rng: np.random.Generator, row: Row, image: np.ndarray, coverage: np.ndarray) -> np.ndarray:
    covered = image[coverage > 0.5].astype(np.float64) / 255
    mean = covered.mean(axis=0) if len(covered) else np.full(3, 0.5)
    if row.contrast is None:  # whichever can be seen
        pale = bool(rng.random() < 0.5) if 0.35 < mean.mean() < 0.65 else bool(mean.mean() <= 0.35)
        return np.full(3, rng.uniform(0.85, 1) if pale else rng.uniform(0, 0.15))
    sign = -1 if mean.mean() + row.contrast > 1 or (mean.mean() > row.contrast and rng.random() < 0.5) else 1
    return np.clip(mean + sign * row.contrast, 0, 1)
