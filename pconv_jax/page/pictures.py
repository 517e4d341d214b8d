"""Pictures that the page shows: previews and details of photographs, and what is marked in them."""

import io

import numpy as np

_QUALITY = 90


def reduced(image: np.ndarray, longest: int) -> np.ndarray:
    """An image made smaller, if it has to be.

    Args:
        image: uint8 `[H, W, 3]`.
        longest: its longest side afterwards at most, px.
    """
    import cv2

    height, width = image.shape[:2]
    scale = longest / max(height, width)
    if scale >= 1:
        return np.ascontiguousarray(image)
    return cv2.resize(image, _size(height, width, scale), interpolation=cv2.INTER_AREA)


def jpeg(image: np.ndarray, *, icc: bytes | None = None) -> bytes:
    """An image, uint8 `[H, W, 3]`, as a JPEG file with a profile of its colours."""
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(image)).save(stream, "JPEG", quality=_QUALITY, icc_profile=icc or b"")
    return stream.getvalue()


def marked_png(hole: np.ndarray, longest: int) -> bytes:
    """What is marked as a PNG file of two colours: transparent, and opaque where any pixel is marked.

    Args:
        hole: bool `[H, W]`.
        longest: longest side of the picture, px, if the photograph is larger.
    """
    import cv2
    from PIL import Image

    height, width = hole.shape
    scale = longest / max(height, width)
    small: np.ndarray = hole.astype(np.uint8) * np.uint8(255)
    if scale < 1:  # whatever is marked stays visible, however thin it is
        small = cv2.resize(small, _size(height, width, scale), interpolation=cv2.INTER_AREA)
    picture = Image.fromarray((small > 0).astype(np.uint8), "P")
    picture.putpalette([255, 0, 160] * 2)
    stream = io.BytesIO()
    picture.save(stream, "PNG", bits=1, transparency=0, compress_level=1)
    return stream.getvalue()


def _size(height: int, width: int, scale: float) -> tuple[int, int]:
    return max(1, round(width * scale)), max(1, round(height * scale))
