"""Grids of images, written as PNG files.

Images are [N, H, W, 3] or [N, H, W, 1] floats in [0, 1]; masks are [N, H, W, 1], 1 = valid, 0 = hole. A file
is replaced in one step, so that no half-written picture is seen during training.
"""

import math
import os
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from pconv_jax.common.atomic_write import atomic_write
from pconv_jax.common.errors import InputError

# In pixels.
_READABLE = 192  # images whose longer side is below this are enlarged
_READABLE_IN_SHEET = 128
_GAP = 6
_FONT_SIZE = 18


def show_holes(image: npt.ArrayLike, mask: npt.ArrayLike) -> np.ndarray:
    """Paints the holes of damaged images white, as papers on inpainting show them.

    Args:
      image: [N, H, W, 3] images in [0, 1]; what they hold in a hole does not matter.
      mask: [N, H, W, 1] of 0 and 1, 1 = valid.

    Returns:
      [N, H, W, 3] images in [0, 1].
    """
    return np.where(np.asarray(mask) == 1, image, 1.0)


def image_grid(
    columns: Sequence[tuple[str, npt.ArrayLike]],
    path: str | os.PathLike[str],
    *,
    limit: int = 8,
    scale: int | None = None,
    rows: Sequence[str] | None = None,
) -> None:
    """Writes images side by side: one labelled column per kind of image, one row per example.

    Args:
      columns: (label, [N, H, W, 3] or [N, H, W, 1] images), from left to right; all of one size; values
        below 0 are shown as 0, values above 1 as 1.
      path: PNG file to write; its folder is created.
      limit: most rows to show.
      scale: whole factor to enlarge by, pixels stay sharp squares; None = brings small images to 192 or more.
      rows: a label to the left of each row.

    Raises:
      InputError: there is nothing to show, or a column does not fit.
    """
    if not columns:
        raise InputError("a grid needs at least one column of images")
    if limit < 1 or (scale is not None and scale < 1):
        raise InputError(f"limit and scale must be at least 1, not {limit} and {scale}")
    labels = [label for label, _ in columns]
    images = [_bytes(f"column {label!r}", np.asarray(column)[:limit]) for label, column in columns]
    for label, column in zip(labels, images, strict=True):
        if column.shape != images[0].shape:
            raise InputError(f"column {label!r} is {column.shape}, but {labels[0]!r} is {images[0].shape}")
    count, height, width, _ = images[0].shape
    if rows is not None and len(rows) < count:
        raise InputError(f"{count} rows need as many labels, not {len(rows)}")
    factor = scale or math.ceil(_READABLE / max(height, width))
    height, width = height * factor, width * factor

    font = ImageFont.load_default(_FONT_SIZE)
    widest, highest = _extent(labels, font)
    pitch = max(width, widest) + _GAP
    header = highest + 2 * _GAP

    margin = _GAP if rows is None else 2 * _GAP + _extent(rows, font)[0]
    canvas = np.full((header + count * (height + _GAP), margin + pitch * len(images), 3), 255, np.uint8)
    left = margin + (pitch - _GAP - width) // 2
    for x, column in zip(range(left, canvas.shape[1], pitch), images, strict=True):
        for y, image in zip(range(header, canvas.shape[0], height + _GAP), column, strict=True):
            canvas[y : y + height, x : x + width] = _enlarged(image, factor)
    picture = Image.fromarray(canvas)
    draw = ImageDraw.Draw(picture)
    for index, label in enumerate(labels):
        centre = margin + index * pitch + (pitch - _GAP) / 2
        draw.multiline_text((centre, header - _GAP), label, "black", font, anchor="md", align="center")
    for index, label in enumerate((rows or ())[:count]):
        middle = header + index * (height + _GAP) + height / 2
        draw.multiline_text((_GAP, middle), label, "black", font, anchor="lm")
    with atomic_write(path) as temporary:
        picture.save(temporary, "PNG", compress_level=3)  # training waits for this


def image_sheet(
    images: npt.ArrayLike,
    path: str | os.PathLike[str],
    *,
    captions: Sequence[str] | None = None,
    across: int = 8,
) -> None:
    """Writes images row by row, each with its caption below it.

    Args:
      images: [N, H, W, 3] or [N, H, W, 1]; small ones are enlarged to 128 px or more, in sharp squares.
      path: PNG file to write; its folder is created.
      captions: one for each image.
      across: images in a row.

    Raises:
      InputError: there is nothing to show, or the captions do not fit.
    """
    pictures = _bytes("sheet", np.asarray(images))
    if across < 1:
        raise InputError(f"across must be at least 1, not {across}")
    if captions is not None and len(captions) != len(pictures):
        raise InputError(f"{len(pictures)} images need as many captions, not {len(captions)}")
    count, height, width, _ = pictures.shape
    factor = math.ceil(_READABLE_IN_SHEET / max(height, width))
    height, width, across = height * factor, width * factor, min(across, count)

    font = ImageFont.load_default(_FONT_SIZE)
    widest, highest = _extent(captions, font) if captions else (0, 0)
    right, down = max(width, widest) + _GAP, height + highest + 2 * _GAP
    canvas = Image.new("RGB", (_GAP + across * right, _GAP + math.ceil(count / across) * down), "white")
    draw = ImageDraw.Draw(canvas)
    for index, picture in enumerate(pictures):
        x, y = _GAP + index % across * right, _GAP + index // across * down
        canvas.paste(Image.fromarray(_enlarged(picture, factor)), (x + (right - _GAP - width) // 2, y))
        if captions:
            draw.multiline_text(
                (x + (right - _GAP) / 2, y + height + _GAP / 2),
                captions[index],
                "black",
                font,
                anchor="ma",
                align="center",
            )
    with atomic_write(path) as temporary:
        canvas.save(temporary, "PNG", compress_level=3)


def _extent(labels: Sequence[str], font: ImageFont.ImageFont | ImageFont.FreeTypeFont) -> tuple[int, int]:
    """Width of the widest and height of the highest label, px."""
    measure = ImageDraw.Draw(Image.new("RGB", (1, 1)))
    boxes = [measure.multiline_textbbox((0, 0), label, font=font) for label in labels]
    return math.ceil(max(right for _, _, right, _ in boxes)), math.ceil(max(bottom for _, _, _, bottom in boxes))


def _enlarged(image: np.ndarray, factor: int) -> np.ndarray:
    return image.repeat(factor, axis=0).repeat(factor, axis=1)


def _bytes(what: str, images: np.ndarray) -> npt.NDArray[np.uint8]:
    if images.ndim != 4 or images.shape[-1] not in (1, 3) or not images.size:
        raise InputError(f"{what} must be [N, H, W, 3] or [N, H, W, 1] and not empty, not {images.shape}")
    if images.dtype.kind in "iu":
        raise InputError(f"{what} must hold floats in [0, 1], not {images.dtype}: divide it by 255")
    images = images.astype(np.float32)
    if not np.isfinite(images).all():
        raise InputError(f"{what} holds NaN or infinite values")
    images = np.rint(images.clip(0, 1) * 255).astype(np.uint8)
    return np.broadcast_to(images, (*images.shape[:3], 3))
