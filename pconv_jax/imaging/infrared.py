"""The infrared channel of a film scan: in its TIFF file, or in a file of its own beside it."""

import os
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pconv_jax.common.errors import InputError, reason
from pconv_jax.common.paths import given_path
from pconv_jax.common.same_names import folded
from pconv_jax.imaging.decoding import decode
from pconv_jax.imaging.opening import opened_file
from pconv_jax.imaging.photograph import Photograph

_BESIDE = re.compile(r"(.+)[._-]ir\.tiff?")  # of a name in lower case


def find_infrared(
    photograph: Photograph, path: str | os.PathLike[str], *, max_pixels: int | None = None
) -> np.ndarray | None:
    """Finds the infrared channel of a scan.

    That is a further channel of its TIFF file, as VueScan writes it (64-bit RGBI); a grey page of the same size and
    depth, as SilverFast writes it (HDRi); or a file `NAME_ir.tif` and the like beside the photograph.

    Args:
        photograph: as it was read.
        path: of its file.
        max_pixels: of a file beside it, as for `read_photograph`.

    Returns:
        `[H, W]`, uint8 or uint16, upright; None if there is none.

    Raises:
        InputError: several such files lie beside it, or one that cannot be read, is not grey or has another size.
    """
    if photograph.infrared is not None:
        return photograph.infrared
    path = given_path(path)
    own = folded(path.stem)
    try:
        files = [file for file in sorted(path.parent.iterdir()) if _belongs_to(file) == own]
    except OSError as error:
        raise InputError(f"{path.parent} cannot be read ({reason(error)}): make it readable or move it") from error
    if not files:
        return None
    if len(files) > 1:
        raise InputError(f"{path} has more than one infrared channel, {files[0]} and {files[1]}: keep only one")
    with opened_file(files[0], str(files[0])) as stream:
        found = decode(str(files[0]), stream, notes=[], exact=True, max_pixels=max_pixels).pixels
    if found.ndim == 3 and not (found[..., :1] == found).all():
        raise InputError(f"{files[0]} is in colour, and infrared channels are grey: save it in grey, or rename it")
    found = found if found.ndim == 2 else np.ascontiguousarray(found[..., 0])
    if found.shape != photograph.pixels.shape[:2]:
        (height, width), (own_height, own_width) = found.shape, photograph.pixels.shape[:2]
        raise InputError(
            f"the infrared channel {files[0]} has {width}x{height} pixels and the photograph {own_width}x{own_height}: "
            "scan both in the same size, or rename it"
        )
    return found


def infrared_beside(files: Sequence[Path]) -> list[Path]:
    """Finds the infrared channels among photographs: the files named `photo_ir.tif` and the like beside a `photo.*`.

    Args:
        files: paths below their folder.

    Returns:
        Those of them that are infrared channels.
    """
    names = {(file.parent, folded(file.stem)) for file in files}
    return [file for file in files if (file.parent, _belongs_to(file)) in names]


def _belongs_to(file: Path) -> str | None:
    """The name, without its suffix, of the photograph whose infrared channel a file says it is."""
    found = _BESIDE.fullmatch(folded(file.name))
    return found and found[1]
