"""TIFF files of several pages: which is the photograph, and which its infrared light."""

import struct
from typing import IO, NamedTuple

from pconv_jax.imaging.opening import TIFF_HEADS, head
from pconv_jax.imaging.tiff_copies import page_at
from pconv_jax.imaging.tiff_tags import Directory, directory_at, header, numbers

_WIDTH, _HEIGHT, _BITS, _PHOTOMETRIC, _SAMPLES = 256, 257, 258, 262, 277
_SMALLER, _MASK = 1, 4  # of tag 254: a thumbnail or a level of a pyramid; a mask
_MOST_PAGES = 1000


class Pages(NamedTuple):
    """A TIFF file of which the photograph is the only page.

    Attributes:
        photograph: the file.
        infrared: place of its page of infrared light, if there is one.
        masks: how many other pages are marked as masks.
    """

    photograph: IO[bytes]
    infrared: int | None = None
    masks: int = 0


def pages_of(stream: IO[bytes]) -> Pages:
    """Leaves out the thumbnails, levels of pyramids and masks of a TIFF file; any other file is left as it is."""
    stream.seek(0)
    if head(stream, 4) not in TIFF_HEADS:
        return Pages(stream)
    try:
        places = _directories(stream)
    except (ValueError, struct.error):  # it is damaged, which its reader will say
        places = {}
    stream.seek(0)
    kinds = {place: numbers(found, 254, default=0)[0] for place, found in places.items()}
    full = [place for place, kind in kinds.items() if not kind & (_SMALLER | _MASK)]
    infrared = full[1] if len(full) == 2 and _is_infrared(places[full[0]], places[full[1]]) else None
    if len(places) < 2 or not (len(full) == 1 or infrared):
        return Pages(stream)
    masks = [place for place, kind in kinds.items() if kind & _MASK and not kind & _SMALLER]
    if len(full) == 1:  # SilverFast calls its page of infrared light a mask; masks proper have one bit
        infrared = next((place for place in masks if _is_infrared(places[full[0]], places[place])), None)
    return Pages(page_at(stream, full[0]), infrared, len(masks) - (infrared in masks))


def _directories(stream: IO[bytes]) -> dict[int, Directory]:
    """The directories of a TIFF file by their places."""
    order, big, place = header(stream)
    found: dict[int, Directory] = {}
    while place and place not in found and len(found) < _MOST_PAGES:
        found[place] = directory_at(stream, place, order, big=big)
        place = found[place].next
    return found


def _is_infrared(colours: Directory, other: Directory) -> bool:
    """Whether the second of two pages is one of grey that belongs to the colours of the first."""
    same = all(numbers(colours, tag) == numbers(other, tag) for tag in (_WIDTH, _HEIGHT))
    grey = numbers(other, _SAMPLES, default=1) == (1,) and numbers(other, _PHOTOMETRIC, default=1) == (1,)
    deep = set(numbers(colours, _BITS, default=1)) == set(numbers(other, _BITS, default=1))
    return same and grey and deep and numbers(colours, _SAMPLES, default=1)[0] >= 3
