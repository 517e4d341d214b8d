"""The parts of an image that are computed at once: windows, batches of specks, or all of it."""

from collections.abc import Sequence

import numpy as np

from pconv_jax.common.errors import InputError
from pconv_jax.inpainting.specks import BATCH, PATCH, Speck
from pconv_jax.inpainting.windows import GRID, FullWindow, Window
from pconv_jax.models.limits import brief

Part = Window | FullWindow | list[Speck]


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
    return sum(BATCH * PATCH**2 if isinstance(part, list) else part.area for part in parts)


def region_of(given: tuple[slice, slice], shape: tuple[int, ...]) -> tuple[slice, slice]:
    """A region as it is given by a caller, with its ends.

    Args:
        given: rows and columns; they may count from the end, as slices do.
        shape: of the image, height and width.

    Raises:
        InputError: these are not two slices of step 1.
    """
    try:
        rows, columns = (slice(*each.indices(side)) for each, side in zip(given, shape, strict=True))
    except (AttributeError, TypeError, ValueError) as error:
        raise InputError(f"region={brief(given)} must be rows and columns, as (slice(0, 10), slice(5, 20))") from error
    if (rows.step, columns.step) != (1, 1):
        raise InputError(f"region={brief(given)} must have step 1")
    return rows, columns


def near(part: Window | FullWindow | Speck, region: tuple[slice, slice]) -> bool:
    """Whether something that a part inpaints lies in a region.

    Args:
        part: a window or a speck of an image.
        region: rows and columns of the image, px, with their ends.
    """
    if isinstance(part, FullWindow):
        return bool(part.hole[region].any())
    if isinstance(part, Window):
        blocks = np.argwhere(part.blocks).tolist()
        boxes = [(part.top + GRID * row, part.left + GRID * column, GRID, GRID) for row, column in blocks]
    else:
        boxes = [(part.top, part.left, part.height, part.width)]
    rows, columns = region
    if rows.start >= rows.stop or columns.start >= columns.stop:
        return False
    return any(
        top < rows.stop and top + height > rows.start and left < columns.stop and left + width > columns.start
        for top, left, height, width in boxes
    )
