"""What a photograph is in memory."""

import dataclasses

import numpy as np

from pconv_jax.imaging.coding import JpegCoding
from pconv_jax.imaging.texts import NO_TEXTS, Texts


@dataclasses.dataclass(frozen=True)
class Photograph:
    """A photograph with its metadata.

    The preview inside the EXIF data, which would show the old pixels, is not part of it.

    Attributes:
        pixels: [H, W], grey, or [H, W, 3], RGB; uint8 or uint16, upright.
        alpha: [H, W], of the same type, 0 = transparent; None if there is none.
        exif: an EXIF block, beginning with its byte order, "II" or "MM"; its orientation is 1 or absent.
        icc: the colour profile of the pixels.
        dpi: pixels per inch, across and down.
        format: Pillow's name of the file's format, such as "PNG".
        jpeg: how a JPEG file was compressed, so that the result can be too.
        source: the content of a JPEG file of brightness and chroma, which stay what they were where no pixel changes.
        compression: of a TIFF file, the number of its tag.
        lossless: whether the file held its pixels without loss.
        infrared: [H, W], of the type of the pixels: a channel or page of a scan that is neither colour nor alpha.
        texts: XMP, IPTC, comments and the like.
        colour: what the file says about its colours beside the profile, as chunks of a PNG file, kind and data.
        notes: what was converted or is not kept of the file, a sentence each.
        orientation: how the pixels lay in the file they were read from, as EXIF numbers it; 1 is upright.
    """

    pixels: np.ndarray
    alpha: np.ndarray | None
    exif: bytes | None
    icc: bytes | None
    dpi: tuple[float, float] | None
    format: str
    jpeg: JpegCoding | None = None
    source: bytes | None = dataclasses.field(default=None, repr=False)
    compression: int | None = None
    lossless: bool = False
    infrared: np.ndarray | None = None
    texts: Texts = NO_TEXTS
    colour: tuple[tuple[bytes, bytes], ...] = ()
    notes: tuple[str, ...] = ()
    orientation: int = 1

    @property
    def layers(self) -> np.ndarray:
        """[H, W, C]: the pixels, and the alpha as the last channel."""
        pixels = self.pixels if self.pixels.ndim == 3 else self.pixels[..., None]
        return pixels if self.alpha is None else np.concatenate([pixels, self.alpha[..., None]], axis=-1)

    @property
    def as_array(self) -> np.ndarray:
        """The image as `Inpainter` and `Detector` take it: the pixels, or [H, W, 4] with alpha, grey ones too."""
        if self.alpha is None:
            return self.pixels
        return np.dstack([*[self.pixels] * (3 if self.pixels.ndim == 2 else 1), self.alpha])
