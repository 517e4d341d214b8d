"""Pieces of film damage, drawn one by one: scratches, hairs, lint, dust, dirt, creases, cracks, torn edges.

A piece is a coverage map, float32 [H, W] from 0 (untouched) to 1 (its core), with soft edges.
"""

import itertools
import math
from collections.abc import Callable
from typing import Literal, get_args

import numpy as np

Kind = Literal["scratch", "bundle", "hair", "lint", "dust", "dirt", "crease", "crack", "tear"]
KINDS: tuple[Kind, ...] = get_args(Kind)
"""Scratches single and in bundles; hairs, lint, dust, dirt; creases; nets of cracks; torn edges."""

THICKEST: dict[Kind, float] = {
    "scratch": 24,
    "bundle": 6,
    "hair": 6,
    "lint": 8,
    "dust": 16,
    "dirt": 10,
    "crease": 12,
    "crack": 10,
    "tear": 24,
}
"""Greatest thickness of each kind, px."""

_SHIFT = 4  # binary digits of the coordinates that OpenCV draws at
_SPECK = 4.0  # px of the canvas: smaller specks are not told from grain, and nobody outlines them
_CRACKS = 16  # most lines of a net
_FINER = 2  # pieces are drawn this many times larger, so that widths between whole pixels exist


def draw_piece(rng: np.random.Generator, kind: Kind, height: int, width: int, *, thickness: float) -> np.ndarray:
    """Draws a piece of damage somewhere in an image.

    Args:
        rng: random generator.
        kind: which kind.
        height: H of the image, px.
        width: W of the image, px.
        thickness: of its lines or specks, px, at most that of `THICKEST`. Lines come out some 0.7 px wider, as OpenCV
            draws them: hairs of 1, 2, 3 and 6 px are 1.8, 2.7, 3.7 and 6.6 px wide. A torn edge reaches in three times
            as far, and where a crack begins it may have flaked off twice as wide.

    Returns:
        Coverage `[H, W]`, float32 in [0, 1]. All 0 where a piece lies beyond the border, or all of it falls into gaps.
    """
    import cv2

    canvas = np.zeros((_FINER * height, _FINER * width), np.uint8)
    thickness = min(thickness, THICKEST[kind])
    _DRAWN[kind](rng, canvas, _FINER * thickness)
    softness = _FINER * rng.uniform(0.2, 0.35) * min(thickness, 4) if rng.random() < 0.6 else 0
    if softness > 0.3:
        blurred = cv2.GaussianBlur(canvas, (0, 0), softness)
        # A blurred line is as opaque in its middle as before, and its edges are soft.
        cv2.convertScaleAbs(blurred, canvas, alpha=255 / max(int(blurred.max()), 1))
    return cv2.resize(canvas, (width, height), interpolation=cv2.INTER_AREA).astype(np.float32) / np.float32(255)


def _scratch(rng: np.random.Generator, canvas: np.ndarray, thickness: float) -> None:
    """A long line, straight or slightly bent, more often along the film than across; often broken."""
    height, width = canvas.shape
    _gashes(rng, canvas, _bent(rng, _middle(rng, height, width), _angle(rng), _length(rng, height, width)), thickness)


def _bundle(rng: np.random.Generator, canvas: np.ndarray, thickness: float) -> None:
    """Many scratches side by side, nearly parallel."""
    height, width = canvas.shape
    angle, middle = _angle(rng), _middle(rng, height, width)
    spread, length = rng.uniform(3, 14) * thickness, _length(rng, height, width)
    for _ in range(rng.integers(3, 11)):
        place = middle + rng.normal(0, 1, 2) * (spread, spread)
        line = _bent(rng, place, angle + rng.normal(0, 0.06), length * rng.uniform(0.3, 1))
        _gashes(rng, canvas, line, thickness * rng.uniform(0.5, 1))


def _hair(rng: np.random.Generator, canvas: np.ndarray, thickness: float) -> None:
    """A thin line that curls, evenly thick; short ones are as frequent as long ones."""
    points = _curl(rng, canvas.shape, _log_uniform(rng, 3, 60) * thickness, turn=rng.uniform(0.5, 4))
    _stroke(canvas, points, thickness, 255)


def _lint(rng: np.random.Generator, canvas: np.ndarray, thickness: float) -> None:
    """A textile fibre: curved, of uneven opacity, with loose ends."""
    for index in range(rng.integers(1, 4)):
        length = rng.uniform(6, 24) * thickness / (1 + index)
        points = _curl(rng, canvas.shape, length, turn=rng.uniform(1, 5))
        for part in np.array_split(np.arange(len(points) - 1), rng.integers(2, 7)):
            if len(part):
                width = thickness * rng.uniform(0.6, 1)
                _stroke(canvas, points[part[0] : part[-1] + 2], width, rng.integers(150, 256).item())


def _dust(rng: np.random.Generator, canvas: np.ndarray, thickness: float) -> None:
    """Specks, alone or in a loose cloud."""
    height, width = canvas.shape
    middle, cloud = _middle(rng, height, width), rng.uniform(0.05, 0.6) * max(height, width)
    for _ in range(int(rng.integers(1, 5) ** 2)):
        _blob(rng, canvas, middle + rng.normal(0, cloud, 2), max(_SPECK, thickness * rng.uniform(0.5, 1)))


def _dirt(rng: np.random.Generator, canvas: np.ndarray, thickness: float) -> None:
    """Grains of all sizes, close together in a smear."""
    height, width = canvas.shape
    middle, angle = _middle(rng, height, width), rng.uniform(0, math.pi)
    along = np.array([math.cos(angle), math.sin(angle)])
    long, short = rng.uniform(4, 14) * thickness, rng.uniform(2, 5) * thickness
    for _ in range(rng.integers(8, 60)):
        place = middle + along * rng.normal(0, long) + along[::-1] * (-1, 1) * rng.normal(0, short)
        _blob(rng, canvas, place, max(_SPECK, thickness * rng.uniform(0.2, 1) ** 2))


def _crease(rng: np.random.Generator, canvas: np.ndarray, thickness: float) -> None:
    """A fold from border to border, where the layer has flaked off here and there."""
    height, width = canvas.shape
    start, end = _on_border(rng, height, width), _on_border(rng, height, width)
    count = max(3, int(math.dist(start, end) / max(2 * thickness, 8)))
    across = np.array([start[1] - end[1], end[0] - start[0]]) / max(math.dist(start, end), 1)
    t = np.linspace(0, 1, count)[:, None]
    points = start + (end - start) * t + across * rng.normal(0, 0.35 * thickness, (count, 1))
    for before, after in itertools.pairwise(points):
        _stroke(canvas, np.stack([before, after]), thickness * rng.uniform(0.3, 1), 255)


def _crack(rng: np.random.Generator, canvas: np.ndarray, thickness: float) -> None:
    """A net of ragged lines that branch, as a coating breaks that was bent; each branch is finer than what it left."""
    height, width = canvas.shape
    start = _on_border(rng, height, width) if rng.random() < 0.5 else _middle(rng, height, width)
    towards = _middle(rng, height, width) - start
    length = max(height, width) * _log_uniform(rng, 0.15, 1.8)
    faint = rng.random() < 0.5
    cracks = [(start, math.atan2(towards[1], towards[0]), length, thickness)]
    for number in range(_CRACKS):
        if number == len(cracks):
            break
        place, heading, length, thick = cracks[number]
        step = max(3.0 * _FINER, rng.uniform(1, 3) * thick)
        count = max(3, int(length / step))
        headings = heading + np.cumsum(rng.normal(0, 0.1, count))
        turns = headings + rng.normal(0, 0.45, count)
        points = place + np.cumsum(step * np.stack([np.cos(turns), np.sin(turns)], axis=1), axis=0)
        widths = thick * rng.uniform(0.4, 1, count) * np.linspace(1, 0.4, count)
        levels = rng.uniform(60, 256, count) if faint else np.full(count, 255.0)
        for index in range(count - 1):
            _stroke(canvas, points[index : index + 2], widths[index].item(), int(levels[index]))
        if rng.random() < 0.3:
            _blob(rng, canvas, points[0], thick * rng.uniform(1, 2))
        for branch in rng.integers(0, count, rng.poisson(1.5 + length / max(height, width))):
            side = rng.choice([-1.0, 1.0]) * rng.uniform(0.4, 1.7)
            shorter, finer = length * rng.uniform(0.15, 0.7), thick * rng.uniform(0.4, 0.9)
            if shorter > 5 * finer:
                cracks.append((points[branch], headings[branch] + side, shorter, finer))


def _tear(rng: np.random.Generator, canvas: np.ndarray, thickness: float) -> None:
    """A piece torn off at a border or a corner."""
    import cv2

    height, width = canvas.shape
    deep = 3 * thickness * rng.uniform(0.3, 1)
    long = rng.uniform(1, 4) * deep
    count = max(4, int(long / max(thickness, 4)))
    place = rng.uniform(0, width)
    depth = deep * np.clip(1 - (2 * np.linspace(-0.5, 0.5, count)) ** 2, 0, None) * rng.uniform(0.6, 1, count)
    opposite, upright = rng.random() < 0.5, rng.random() < 0.5
    reach = height
    if upright:
        place, reach = place * (height / width), width
    along = np.linspace(-0.5, 0.5, count) * long + place
    outline = np.stack([np.r_[along, along[-1], along[0]], np.r_[depth, -9, -9]], axis=1)
    if opposite:
        outline[:, 1] = reach - 1 - outline[:, 1]
    if upright:
        outline = outline[:, ::-1]
    cv2.fillPoly(canvas, [_fixed(outline)], 255, cv2.LINE_AA, _SHIFT)


_DRAWN: dict[Kind, Callable[[np.random.Generator, np.ndarray, float], None]] = {
    "scratch": _scratch,
    "bundle": _bundle,
    "hair": _hair,
    "lint": _lint,
    "dust": _dust,
    "dirt": _dirt,
    "crease": _crease,
    "crack": _crack,
    "tear": _tear,
}


def _gashes(rng: np.random.Generator, canvas: np.ndarray, points: np.ndarray, thickness: float) -> None:
    """A line whose opacity and thickness vary along it, with gaps in half of them."""
    gaps = rng.uniform(0.1, 0.6) if rng.random() < 0.5 else 0
    parts = np.array_split(np.arange(len(points) - 1), rng.integers(3, 24)) if gaps else [np.arange(len(points) - 1)]
    for part in parts:
        if len(part) and not rng.random() < gaps:
            level = rng.integers(120, 256).item() if gaps else 255
            _stroke(canvas, points[part[0] : part[-1] + 2], thickness * rng.uniform(0.7, 1), level)


def _stroke(canvas: np.ndarray, points: np.ndarray, thickness: float, level: int) -> None:
    """Draws over what is there; a line thinner than a pixel of the canvas is paler."""
    import cv2

    pale = min(1.0, thickness)
    cv2.polylines(canvas, [_fixed(points)], False, level * pale, max(1, round(thickness)), cv2.LINE_AA, _SHIFT)


def _blob(rng: np.random.Generator, canvas: np.ndarray, place: np.ndarray, diameter: float) -> None:
    import cv2

    angles = np.sort(rng.uniform(0, 2 * math.pi, 7))
    radii = diameter / 2 * rng.uniform(0.7, 1.2, 7) * np.where(rng.random() < 0.3, rng.uniform(0.4, 1), 1)
    outline = place + np.stack([np.cos(angles), np.sin(angles)], axis=1) * np.maximum(radii, 0.5)[:, None]
    cv2.fillPoly(canvas, [_fixed(outline)], 255, cv2.LINE_AA, _SHIFT)


def _fixed(points: np.ndarray) -> np.ndarray:
    return np.rint(points * 2**_SHIFT).astype(np.int32)


def _middle(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    return rng.uniform(0, (width, height))


def _angle(rng: np.random.Generator) -> float:
    """Of a scratch: half of them run along the film, so nearly upright or nearly level."""
    if rng.random() < 0.5:
        return (rng.integers(2) * math.pi / 2 + rng.normal(0, 0.05)).item()
    return rng.uniform(0, math.pi)


def _length(rng: np.random.Generator, height: int, width: int) -> float:
    """Of a scratch: a third of them are short, many of the others cross the image."""
    share = _log_uniform(rng, 0.03, 0.15) if rng.random() < 1 / 3 else rng.uniform(0.15, 2.2)
    return max(height, width) * share


def _log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    return float(low * (high / low) ** rng.random())


def _bent(rng: np.random.Generator, middle: np.ndarray, angle: float, length: float) -> np.ndarray:
    """Points of a line that is straight or an arc, or trembles a little."""
    count = max(8, int(length / 12))
    bend = rng.normal(0, 0.35) if rng.random() < 0.5 else 0
    turns = np.linspace(-bend, bend, count) + (rng.normal(0, 0.12, count) if rng.random() < 0.3 else 0)
    steps = length / count * np.stack([np.cos(angle + turns), np.sin(angle + turns)], axis=1)
    points = np.cumsum(steps, axis=0)
    return middle + points - points.mean(axis=0)


def _curl(rng: np.random.Generator, shape: tuple[int, ...], length: float, *, turn: float) -> np.ndarray:
    """Points of a line whose curvature wanders; `turn`: how far it turns over its length, radians, typically."""
    count = 24
    curvature = np.convolve(rng.normal(0, 1, count + 7), np.ones(8) / math.sqrt(8), mode="valid")[:count]
    angles = rng.uniform(0, 2 * math.pi) + np.cumsum(curvature) * turn / count * 2
    steps = length / count * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    points = np.cumsum(steps, axis=0)
    return _middle(rng, *shape[:2]) + points - points.mean(axis=0)


def _on_border(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    x, y = rng.uniform(0, width), rng.uniform(0, height)
    sides = ((x, 0.0), (x, float(height)), (0.0, y), (float(width), y))
    return np.array(sides[rng.integers(4)])
