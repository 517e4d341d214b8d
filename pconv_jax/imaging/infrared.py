"""The infrared channel of a film scan: in its TIFF file, or in a file of its own beside it."""

import functools
import os
import re
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pconv_jax.common.errors import InputError, reason
from pconv_jax.common.paths import given_path
from pconv_jax.common.same_names import folded
from pconv_jax.imaging.decoding import decode
from pconv_jax.imaging.opening import opened_file
from pconv_jax.imaging.photograph import Photograph
from pconv_jax.imaging.pixels import turned
from pconv_jax.imaging.tiff_decoding import directory_of, said_orientation
from pconv_jax.imaging.tiff_pages import pages_of
from pconv_jax.imaging.turned_places import TRANSPOSED

_ENDS = ("ir.tif", "ir.tiff")
_SETTLED = 2_000_000_000  # ns
_BESIDE = re.compile(r"(.+)[._-]ir\.tiff?", re.DOTALL)  # of a name in lower case; some hold a line break


def _names(folder: Path) -> tuple[str, ...]:
    """The names in a folder that infrared files may have: of thousands, few are left."""
    changed = os.stat(folder).st_mtime_ns
    if time.time_ns() - changed < _SETTLED:  # another file may come at the same time by the folder's clock
        return _listed(folder)
    return _known(folder, changed)


@functools.lru_cache(maxsize=8)  # asked for again by each photograph of a folder
def _known(folder: Path, changed: int) -> tuple[str, ...]:
    return _listed(folder)


def _listed(folder: Path) -> tuple[str, ...]:
    return tuple(name for name in os.listdir(folder) if name.lower().endswith(_ENDS))


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
        InputError: several such files lie beside it, or one that cannot be read, is not grey, lies otherwise or is of
            another size.
    """
    if photograph.infrared is not None:
        return photograph.infrared
    path = given_path(path)
    own = folded(path.stem)
    try:
        names = _names(path.parent)
    except OSError as error:
        raise InputError(f"{path.parent} cannot be read ({reason(error)}): make it readable or move it") from error
    files = [file for file in sorted(path.with_name(name) for name in names) if _belongs_to(file) == own]
    if not files:
        return None
    if len(files) > 1:
        raise InputError(f"{path} has more than one infrared channel, {files[0]} and {files[1]}: keep only one")
    with opened_file(files[0], str(files[0])) as stream:
        directory = directory_of(pages_of(stream).photograph)
        said = None if directory is None else said_orientation(directory)
        stream.seek(0)
        found = decode(str(files[0]), stream, notes=[], exact=True, max_pixels=max_pixels).pixels
    if found.ndim == 3 and not (found[..., :1] == found).all():
        raise InputError(f"{files[0]} is in colour, and infrared channels are grey: save it in grey, or rename it")
    found = _turned_alike(found if found.ndim == 2 else found[..., 0], said, photograph, files[0])
    if found.shape != photograph.pixels.shape[:2]:
        (height, width), (own_height, own_width) = found.shape, photograph.pixels.shape[:2]
        raise InputError(
            f"the infrared channel {files[0]} has {width}x{height} pixels and the photograph {own_width}x{own_height}: "
            "scan both in the same size, or rename it"
        )
    return found


def _turned_alike(infrared: np.ndarray, said: int | None, photograph: Photograph, file: Path) -> np.ndarray:
    """An infrared channel turned as its photograph was, where it does not say itself how it lies."""
    shape, turn = photograph.pixels.shape[:2], photograph.orientation
    lies = turn in TRANSPOSED
    if said is None and infrared.shape == (shape[::-1] if lies else shape):
        infrared = turned(infrared, turn)
    elif said not in (None, turn) and ((said in TRANSPOSED) == lies or shape[0] == shape[1]):  # its size does not tell
        raise InputError(
            f"the infrared channel {file} says that it lies otherwise (orientation {said}) than the photograph "
            f"(orientation {turn}): give both the same orientation, or rename it"
        )
    return np.ascontiguousarray(infrared)


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
