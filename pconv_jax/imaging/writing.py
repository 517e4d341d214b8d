"""Photographs to image files; pixels that a format cannot hold are refused, metadata with a warning left out."""

import contextlib
import dataclasses
import errno
import os
import shutil
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO

import numpy as np

from pconv_jax.common.atomic_write import atomic_write
from pconv_jax.common.errors import InputError, StorageError, reason
from pconv_jax.common.paths import given_path
from pconv_jax.imaging import exif
from pconv_jax.imaging.colour import written_profile
from pconv_jax.imaging.formats import OUTPUT_FORMATS
from pconv_jax.imaging.photograph import Photograph
from pconv_jax.imaging.pillow_writing import write_jpeg, write_webp
from pconv_jax.imaging.png_writing import write_png
from pconv_jax.imaging.texts import held_by
from pconv_jax.imaging.tiff_writing import write_tiff

LARGEST_SIDE = {"JPEG": 65500, "WEBP": 16383}
"""Pixels that a side can have, by format."""
_OF_STORAGE = {getattr(errno, name, None) for name in ("ENOSPC", "EDQUOT", "EROFS", "ESTALE")} - {None}
_JPEG_SEGMENT = 65533  # bytes of data that one can hold


def write_photograph(
    path: str | os.PathLike[str],
    photograph: Photograph,
    *,
    quality: int | None = None,
    check: Callable[[Path], object] | None = None,
) -> None:
    """Writes a photograph, in the format of the path's suffix, in one step: the file is never half written.

    PNG and TIFF lose nothing; TIFF keeps the compression of its photograph if that is none, LZW, deflate or PackBits,
    and has deflate otherwise. JPEG has 8 bits and no transparency. WebP has 8 bits, and grey comes back as three equal
    channels. Without a quality, a photograph from a JPEG file is compressed as JPEG with the quantisation tables and
    chroma sampling of that file, and one from a lossless file as lossless WebP; others have quality 95. With a quality,
    JPEG has full chroma resolution (4:4:4), and the chroma of WebP is halved (4:2:0) below 100, which means lossless.
    All of them take the EXIF data, the colours' profile, XMP and the resolution; WebP has the latter in the EXIF data,
    and JPEG in whole dots per inch. PNG, JPEG and TIFF take the IPTC data, PNG and JPEG comments, and PNG its own
    texts. What PNG says of its colours without a profile becomes one in the others. A warning names what is left out.

    Args:
        path: the file to write or replace, one of `OUTPUT_FORMATS`; its folder is created.
        photograph: what to write.
        quality: of JPEG and WebP, 1..100; None to compress as the photograph was.
        check: called with the finished file before it takes its place; if it raises, nothing is written.

    Raises:
        InputError: the suffix is of no format that can be written, the pixels are of another type or shape than those
            of a `Photograph`, or none, the format cannot hold them, the resolution or the quality is out of its range,
            or the file cannot be written.
    """
    path = given_path(path)
    kind = OUTPUT_FORMATS.get(path.suffix.lower())
    if kind is None:
        raise InputError(f"{path} must have a suffix that can be written: {', '.join(OUTPUT_FORMATS)}")
    photograph = _checked_layers(path, photograph)
    check_held(path, photograph, quality=quality)
    photograph, lost = _prepared(photograph, kind)
    for message in lost:
        warnings.warn(f"{path}: {message}", stacklevel=2)
    write = _WRITERS[kind]
    with explained_errors(path), atomic_write(path) as temporary:
        with temporary.open("wb") as stream:
            write(stream, photograph, quality)
        if check is not None:
            check(temporary)


def copy_file(source: Path, target: Path, *, check: Callable[[Path], object] | None = None) -> None:
    """Copies a file in one step.

    Args:
        source: the file.
        target: the copy.
        check: as for `write_photograph`.

    Raises:
        InputError: one of them cannot be used.
    """
    with explained_errors(target), atomic_write(target) as temporary:
        shutil.copyfile(source, temporary)
        if check is not None:
            check(temporary)


@contextlib.contextmanager
def explained_errors(path: Path) -> Iterator[None]:
    """Turns errors of the system into a sentence about the file that is written."""
    try:
        yield
    except OSError as error:
        way = "choose another place or make room" if error.errno else "write another format"  # one of Pillow's own
        kind = StorageError if error.errno in _OF_STORAGE else InputError
        raise kind(f"{path} cannot be written ({reason(error)}): {way}") from error


def _checked_layers(path: Path, photograph: Photograph) -> Photograph:
    """The photograph, with its pixels as NumPy has them; refuses what no reader would make of a file."""
    given = {"pixels": photograph.pixels, "alpha": photograph.alpha, "infrared": photograph.infrared}
    layers = {name: np.asarray(layer) for name, layer in given.items() if layer is not None}
    pixels = layers["pixels"]
    for name, layer in layers.items():
        shapes = "[H, W] or [H, W, 3]" if name == "pixels" else "[H, W] as the pixels"
        fits = layer.shape[2:] in ((), (3,)) if name == "pixels" else layer.shape == pixels.shape[:2]
        if pixels.dtype not in (np.uint8, np.uint16) or layer.dtype != pixels.dtype or layer.ndim < 2 or not fits:
            raise InputError(
                f"{path} cannot be written: {name} of {layer.dtype} {list(layer.shape)} must be uint8 or uint16, "
                f"{shapes}: convert them"
            )
    if 0 in pixels.shape:
        raise InputError(f"{path} cannot be written, as pixels of {list(pixels.shape)} are none: give an image")
    if photograph.dpi is not None and exif.dpi(photograph.dpi) is None:
        raise InputError(
            f"{path} cannot be written with the resolution {photograph.dpi}: give pixels per inch across and down, "
            "above 0 and up to 65535, or None"
        )
    return dataclasses.replace(photograph, pixels=pixels, alpha=layers.get("alpha"), infrared=layers.get("infrared"))


def check_held(path: Path, photograph: Photograph, *, quality: int | None = None) -> None:
    """Refuses what the format of a file cannot hold, as `write_photograph` does.

    Args:
        path: the file, one of `OUTPUT_FORMATS`.
        photograph: what is to be written, or has pixels of that size and type.
        quality: of JPEG and WebP.

    Raises:
        InputError: naming what would be lost.
    """
    kind = OUTPUT_FORMATS[path.suffix.lower()]
    given: object = quality
    if given is not None and not (isinstance(given, int) and 1 <= given <= 100):
        raise InputError(
            f"{path} cannot be written with the quality {given!r}: it must be a whole number between 1 and 100"
        )
    if photograph.pixels.dtype == np.uint16 and kind not in ("PNG", "TIFF"):
        raise InputError(f"{path} would lose depth, as the photograph has 16 bits: write PNG or TIFF")
    if photograph.alpha is not None and kind == "JPEG":
        raise InputError(f"{path} would lose the photograph's transparency: write PNG, TIFF or WebP")
    largest = LARGEST_SIDE.get(kind)
    if largest and max(photograph.pixels.shape[:2]) > largest:
        raise InputError(f"{path} can have {largest} pixels a side, and the photograph has more: write PNG or TIFF")
    layers = (photograph.pixels, photograph.alpha, photograph.infrared)
    size = sum(layer.nbytes for layer in layers if layer is not None)
    if kind == "TIFF" and size > 0xFFFF0000 - len(photograph.icc or b"") - len(photograph.exif or b""):
        raise InputError(f"{path} would have more than the 4 GiB that a TIFF file can hold: write PNG")


def _prepared(photograph: Photograph, kind: str) -> tuple[Photograph, list[str]]:
    """The photograph with what the format can hold of its metadata, and messages about the rest."""
    block, no_exif = _block(photograph, kind)
    channels = 3 if kind == "WEBP" or photograph.pixels.ndim == 3 else 1
    icc, no_colour = written_profile(photograph.icc, photograph.colour, channels, png=kind == "PNG")
    texts, no_texts = held_by(photograph.texts, kind)
    prepared = dataclasses.replace(photograph, exif=block, icc=icc, texts=texts)
    no_infrared = ""
    if photograph.infrared is not None and kind != "TIFF":
        no_infrared = f"the infrared or further channel cannot be held by {kind} and is not written; TIFF can"
    return prepared, [message for message in (no_exif, no_colour, no_texts, no_infrared) if message]


def _block(photograph: Photograph, kind: str) -> tuple[bytes | None, str]:
    """The EXIF block to write, and a warning if that of the photograph cannot be written."""
    if photograph.exif is None:
        return None, ""
    try:
        block = exif.upright(photograph.exif)
    except ValueError:
        return None, "the EXIF data is damaged and not written"
    if kind == "JPEG" and len(block) > _JPEG_SEGMENT - len(exif.PREFIX):
        return None, f"the EXIF data, {len(block):,} bytes, is more than JPEG can hold and not written; PNG can"
    return block, ""


_WRITERS: Mapping[str, Callable[[IO[bytes], Photograph, int | None], None]] = {
    "PNG": write_png,
    "JPEG": write_jpeg,
    "TIFF": write_tiff,
    "WEBP": write_webp,
}
