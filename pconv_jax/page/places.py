"""Where results are written, and which files they never replace: photographs that are open on the page."""

import filecmp
import itertools
from collections.abc import Sequence
from pathlib import Path

from pconv_jax.common.errors import InputError
from pconv_jax.common.same_names import folded
from pconv_jax.imaging import OUTPUT_FORMATS
from pconv_jax.page.photographs import OpenPhotograph


def free_place(out: Path, title: str, others: Sequence[OpenPhotograph]) -> Path:
    """A file for the result of a photograph: of no other photograph that is open, neither its result nor itself.

    Args:
        out: the folder for the results.
        title: the name of the photograph's file.
        others: the other photographs.
    """
    path = out / title
    path = path if path.suffix.lower() in OUTPUT_FORMATS else path.with_suffix(".png")
    taken = {folded(str(each.target)) for each in others}  # the folder may ignore case
    numbered = (path.with_stem(f"{path.stem}-{number}") for number in itertools.count(2))
    return next(
        each
        for each in itertools.chain([path], numbered)
        if folded(str(each)) not in taken and not any(is_original(each, other) for other in others)
    )


def checked_place(photograph: OpenPhotograph, opened: Sequence[OpenPhotograph], *, replace: bool) -> Path:
    """The file to write the result of a photograph to: its target, or what that points to if it is a link.

    Args:
        photograph: the photograph.
        opened: all that are open.
        replace: whether a file that exists may be replaced.

    Raises:
        InputError: it is a photograph that is open, or a link to a file of another kind.
        FileExistsError: there is a file, which is not to be replaced.
    """
    target = photograph.target
    if is_original(target, photograph):
        raise InputError(f"{target} is the photograph itself: start the page with another --out")
    if any(is_original(target, each, saved=photograph.saved is not None) for each in opened if each is not photograph):
        raise InputError(f"{target} is a photograph that is open, too: close it, or start the page with another --out")
    if not target.exists():
        return target
    if not replace:
        raise FileExistsError(f"{target} exists")
    place = target.resolve() if target.is_symlink() else target
    if OUTPUT_FORMATS.get(place.suffix.lower()) != OUTPUT_FORMATS[target.suffix.lower()]:
        raise InputError(f"{target} is a link to {place}, which is of another kind: start the page with another --out")
    return place


def is_original(target: Path, photograph: OpenPhotograph, *, saved: bool | None = None) -> bool:
    """Whether a file is a photograph, or what a browser sent a copy of when that was dropped on the page.

    Args:
        target: the file.
        photograph: the photograph.
        saved: whether a result was written there, which can be an equal file, of a photograph without damage; by
            default whether that of this photograph was saved.
    """
    source = photograph.source
    if not (target.exists() and source.exists()):
        return False
    if target.samefile(source):
        return True
    saved = photograph.saved is not None if saved is None else saved
    return was_dropped(photograph) and not saved and filecmp.cmp(target, source, shallow=False)


def was_dropped(photograph: OpenPhotograph) -> bool:
    """Whether its file is a copy that a browser sent."""
    return photograph.source.is_relative_to(photograph.folder)
