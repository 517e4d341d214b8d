"""What a photograph is in memory."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class Photograph:
    """A photograph with its metadata.

    XMP, IPTC, comments and the preview inside the EXIF data, which would show the old pixels, are not part of it.

    Attributes:
        pixels: [H, W], grey, or [H, W, 3], RGB; uint8 or uint16, upright.
        alpha: [H, W], of the same type, 0 = transparent; None if there is none.
        exif: an EXIF block, beginning with its byte order, "II" or "MM"; its orientation is 1 or absent.
        icc: the colour profile of the pixels.
        dpi: pixels per inch, across and down.
        format: Pillow's name of the file's format, e.g. "PNG".
    """

    pixels: np.ndarray
    alpha: np.ndarray | None
    exif: bytes | None
    icc: bytes | None
    dpi: tuple[float, float] | None
    format: str
