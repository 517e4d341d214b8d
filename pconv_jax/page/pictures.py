"""Pictures that the page shows: previews and details of photographs, and what is marked in them."""

import io

import numpy as np

from pconv_jax.imaging import Photograph
from pconv_jax.imaging.arrays import strips

_QUALITY = 90


def shown_colours(photograph: Photograph, *, tones: np.ndarray | None) -> np.ndarray:
    """A photograph as a page can show it.

    Args:
        photograph: as it was read, or restored.
        tones: from `shown_tones`, if it is linear in light.

    Returns:
        uint8 `[H, W, 3]`, transparent pixels over white.
    """
    height, width = photograph.pixels.shape[:2]
    shown = np.empty((height, width, 3), np.uint8)
    for strip in strips(height, width):
        part = photograph.pixels[strip]
        part = _eight_bits(part) if tones is None else tones[part]
        part = part if part.ndim == 3 else np.repeat(part[..., None], 3, axis=2)
        if photograph.alpha is not None:
            alpha = _eight_bits(photograph.alpha[strip])[..., None].astype(np.float32) / 255
            part = np.rint(255 + alpha * (part.astype(np.float32) - 255)).astype(np.uint8)
        shown[strip] = part
    return shown


def _eight_bits(values: np.ndarray) -> np.ndarray:
    return values if values.dtype == np.uint8 else (values // 257).astype(np.uint8)


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
