"""Image files to photographs and holes; whatever would have to be guessed is refused."""

import os
import warnings
from pathlib import Path
from typing import IO, TYPE_CHECKING

import numpy as np

from pconv_jax.common.errors import InputError
from pconv_jax.imaging import exif, pixels
from pconv_jax.imaging.files import luma
from pconv_jax.imaging.opening import (
    BROKEN,
    UnknownKind,
    bits,
    check_size,
    in_planes,
    load,
    opened_file,
    opened_image,
    refusing,
)
from pconv_jax.imaging.photograph import Photograph

if TYPE_CHECKING:
    from PIL.Image import Exif, Image

_NOT_EXIF = exif.LAYOUT | {700, 33723, 34377, 37724}  # XMP, IPTC and Photoshop's own


def read_photograph(path: str | os.PathLike[str], *, max_pixels: int = 500_000_000) -> Photograph:
    """Reads a photograph with its depth, transparency, EXIF data, colour profile and resolution.

    The pixels are those of the file, turned upright. PNG and TIFF keep 16 bits; palettes and two levels become 8 bits.
    CMYK and LAB become sRGB, through the file's profile if it has one, and so lose it. Of JPEG 2000 and AVIF files 8
    bits are read.

    Args:
        path: a PNG, JPEG, TIFF, WebP, BMP, GIF, PNM, JPEG 2000 or AVIF file, of one frame.
        max_pixels: a file that claims more is refused before it is decoded.

    Returns:
        The photograph.

    Raises:
        InputError: the file cannot be read, is damaged or cut off, is no image, has several frames, more pixels than
            allowed, or pixels that do not say which value is white.
    """
    path = Path(path)
    notes: list[str] = []
    with opened_file(path) as stream:
        try:
            with opened_image(path, stream, max_pixels=max_pixels) as image, refusing(path):
                photograph = _photograph(path, stream, image, notes)
        except UnknownKind:
            with refusing(path):
                found = _grey_and_alpha_tiff(path, stream, max_pixels, notes)
            if found is None:
                raise
            photograph = found
    for note in notes:
        warnings.warn(f"{path}: {note}", stacklevel=2)
    return photograph


def read_mask_picture(
    path: str | os.PathLike[str], *, threshold: int = 128, max_pixels: int = 500_000_000
) -> np.ndarray:
    """Reads the picture of a mask: white = hole.

    The rules are those of the mask sets: colours become their luma, transparency is ignored, 16 bits are scaled to 8.

    Args:
        path: an image file of one frame; its EXIF orientation is applied.
        threshold: the value, 1..255, from which on a pixel is a hole.
        max_pixels: a file that claims more is refused before it is decoded.

    Returns:
        [H, W], bool, True = hole.

    Raises:
        InputError: the file cannot be read, as for `read_photograph`, or the threshold is out of its range.
    """
    path = Path(path)
    if not 1 <= threshold <= 255:
        raise InputError(f"{path} cannot be cut at the threshold {threshold}; it must be in 1..255, e.g. 128.")
    with (
        opened_file(path) as stream,
        opened_image(path, stream, max_pixels=max_pixels) as image,
        refusing(path),
    ):
        if in_planes(image):
            raise InputError(f"{path} has 16-bit channels one after the other; save the mask as a grey PNG.")
        _, orientation = load(stream, image)
        return pixels.turned(luma(image) >= threshold, 1 if image.format == "TIFF" else orientation)


def _photograph(path: Path, stream: IO[bytes], image: "Image", notes: list[str]) -> Photograph:
    planes = in_planes(image)
    tags, orientation = load(stream, image)
    deep = bits(image, stream) == 16
    if image.mode.startswith("I"):
        layers = pixels.deep_grey(path, image)
    elif planes:
        layers = pixels.by_tifffile(path, stream)
    elif deep and image.format in ("PNG", "TIFF") and image.mode != "CMYK":
        layers = pixels.by_opencv(stream, image, orientation=orientation)
    else:
        if deep:
            notes.append("its 16-bit colours are read with 8 bits; save it as PNG or RGB TIFF to keep them.")
        layers = pixels.by_pillow(stream, image, notes=notes)
    if image.format == "MPO":
        frames = image.n_frames  # type: ignore[attr-defined] # of MpoImageFile
        notes.append(f"the first of its {frames} pictures is read; the others are not kept.")
    dpi = None
    if image.format != "TIFF":  # where Pillow makes one up
        dpi = exif.dpi(image.info.get("dpi"))
    if tags is not None:
        dpi = dpi or exif.dpi_of(tags)
    orientation = orientation if layers.stored else 1
    return Photograph(
        pixels=pixels.turned(layers.pixels, orientation),
        alpha=None if layers.alpha is None else pixels.turned(layers.alpha, orientation),
        exif=_block(image.info.get("exif"), tags, notes),
        icc=None if image.mode in ("CMYK", "LAB") else image.info.get("icc_profile") or None,
        dpi=dpi,
        format="JPEG" if image.format == "MPO" else str(image.format),
    )


def _grey_and_alpha_tiff(path: Path, stream: IO[bytes], max_pixels: int, notes: list[str]) -> Photograph | None:
    """A TIFF file of 16-bit grey with transparency, which Pillow does not know; None for any other file."""
    from PIL import Image

    tags = Image.Exif()
    try:
        stream.seek(0)
        tags.load_from_fp(stream)
    except BROKEN:
        return None
    if tags.get(258) != (16, 16) or tags.get(262) not in (0, 1):
        return None
    check_size(path, (tags[256], tags[257]), max_pixels)
    layers, orientation = pixels.by_tifffile(path, stream), tags.get(exif.ORIENTATION, 1)
    icc, dpi = tags.get(exif.PROFILE), exif.dpi_of(tags)
    return Photograph(
        pixels=pixels.turned(layers.pixels, orientation),
        alpha=None if layers.alpha is None else pixels.turned(layers.alpha, orientation),
        exif=_block(None, tags, notes),
        icc=icc,
        dpi=dpi,
        format="TIFF",
    )


def _block(block: bytes | None, tags: "Exif | None", notes: list[str]) -> bytes | None:
    """The EXIF block as it is in the file; made from the tags for TIFF, where they are scattered over the file."""
    try:
        if tags is None:
            raise ValueError("damaged")
        if block:
            return exif.upright(exif.bare(block))
        for tag in _NOT_EXIF & set(tags):
            del tags[tag]
        tags.bigtiff = False  # what is made is small
        return exif.bare(tags.tobytes()) if len(tags) else None
    except BROKEN:
        notes.append("its EXIF data is damaged and not kept.")
        return None
