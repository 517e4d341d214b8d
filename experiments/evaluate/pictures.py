"""For each method the pairs with its best, median and worst score, with the other methods beside it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from experiments.evaluate.composites import composite_file
from experiments.image_grids import image_grid, show_holes
from pconv_jax.data.decode import decode_image
from pconv_jax.evaluation.pairs import Pair, Pairs, as_floats
from pconv_jax.evaluation.scoring import NamedMethod, inpaint_pair

RANKED_BY = "hole_psnr"
_SIDE = 256  # images of other sizes are fitted into a square of this many pixels


def best_median_worst(rows: Sequence[Mapping[str, Any]], method: str) -> dict[str, tuple[int, str]]:
    """The pairs that a method inpaints best, at its median and worst, by PSNR in the hole.

    Args:
        rows: scores.
        method: the method.

    Returns:
        "best", "median", "worst" -> (number of the image, bucket); fewer where pairs are few; none without a hole.
    """
    ranked = sorted(
        (row for row in rows if row["method"] == method and row[RANKED_BY] == row[RANKED_BY]),
        key=lambda row: (-row[RANKED_BY], row["image"], row["bucket"]),
    )
    if not ranked:
        return {}
    places = {"best": 0, "median": len(ranked) // 2, "worst": len(ranked) - 1}
    return {title: (ranked[place]["image"], ranked[place]["bucket"]) for title, place in places.items()}


def draw(pairs: Pairs, methods: Sequence[NamedMethod], rows: Sequence[Mapping[str, Any]], folder: Path) -> list[Path]:
    """Writes a grid for each method: its best, median and worst pair below each other, all methods side by side.

    Args:
        pairs: what was scored.
        methods: the methods.
        rows: their scores.
        folder: where to write `best_median_worst_NAME.png`.

    Returns:
        The files.
    """
    numbers = {pairs.key(index): index for index in range(len(pairs))}
    written = []
    for method in methods:
        chosen = {title: numbers[key] for title, key in best_median_worst(rows, method.name).items()}
        if not chosen:
            continue
        these = [pairs[index] for index in chosen.values()]
        columns = [
            ("ground truth", [pair.truth for pair in these]),
            ("damaged", [show_holes(pair.noisy, pair.mask) for pair in these]),
        ]
        # The method itself comes first, then the others in the order of the table.
        for other in sorted(methods, key=lambda other: other.name != method.name):
            columns.append((other.name, [_composite(pair, other, folder) for pair in these]))
        path = folder / f"best_median_worst_{method.name}.png"
        image_grid([(title, _stack(images)) for title, images in columns], path, rows=list(chosen))
        written.append(path)
    return written


def _composite(pair: Pair, method: NamedMethod, folder: Path) -> np.ndarray:
    """The saved composite, if there is one: it is the same to the bit."""
    path = composite_file(folder, method.name, pair.image, pair.bucket)
    return as_floats(decode_image(path)) if path.exists() else inpaint_pair(pair, method).composite


def _stack(images: Sequence[np.ndarray]) -> np.ndarray:
    """Images as one array; of different sizes, each is shrunk into a white square."""
    if len({image.shape for image in images}) == 1 and max(images[0].shape) <= 2 * _SIDE:
        return np.stack(images)
    import cv2

    fitted = np.ones((len(images), _SIDE, _SIDE, 3), np.float32)
    for square, image in zip(fitted, images, strict=True):
        factor = _SIDE / max(image.shape[:2])
        height, width = (max(1, round(side * factor)) for side in image.shape[:2])
        how = cv2.INTER_AREA if factor < 1 else cv2.INTER_NEAREST
        top, left = (_SIDE - height) // 2, (_SIDE - width) // 2
        square[top : top + height, left : left + width] = cv2.resize(
            np.asarray(image, np.float32), (width, height), interpolation=how
        )
    return fitted
