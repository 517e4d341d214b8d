"""The parts of an image that are computed at once: windows, and batches of specks."""

from collections.abc import Sequence

import numpy as np

from pconv_jax.inpainting.specks import BATCH, PATCH, Speck
from pconv_jax.inpainting.windows import GRID, Window

Part = Window | list[Speck]


def each_kind_first(parts: Sequence[Part]) -> list[Part]:
    """Parts in another order: one of each size leads, so that all programs are compiled at the same time.

    Args:
        parts: of one image.

    Returns:
        The same parts.
    """
    kinds = [part.size if isinstance(part, Window) else 0 for part in parts]
    first = {kind: at for at, kind in reversed(list(enumerate(kinds)))}
    return [parts[at] for at in sorted(range(len(parts)), key=lambda at: at != first[kinds[at]])]


def area_of(parts: Sequence[Part]) -> int:
    """Number of pixels that are computed.

    Args:
        parts: of one image.
    """
    return sum(part.area if isinstance(part, Window) else BATCH * PATCH**2 for part in parts)


def near(part: Part, region: tuple[slice, slice]) -> bool:
    """Whether something that a part inpaints lies in a region.

    Args:
        part: of an image.
        region: rows and columns of the image, px, with their ends.
    """
    if isinstance(part, Window):
        blocks = np.argwhere(part.blocks).tolist()
        boxes = [(part.top + GRID * row, part.left + GRID * column, GRID, GRID) for row, column in blocks]
    else:
        boxes = [(speck.top, speck.left, speck.height, speck.width) for speck in part]
    rows, columns = region
    return any(
        top < rows.stop and top + height > rows.start and left < columns.stop and left + width > columns.start
        for top, left, height, width in boxes
    )
