"""The table of image formats, for every file: photographs, masks, training images, single or in folders."""

import types
from typing import NamedTuple


class Format(NamedTuple):
    """A format of image files.

    Attributes:
        name: Pillow's.
        suffixes: in lower case.
        written: whether photographs can be written in it.
    """

    name: str
    suffixes: tuple[str, ...]
    written: bool = False


# Not all that Pillow knows: some plugins start other programs, or open a second image of another size inside.
# HEIF and JPEG XL need a plugin (see `plugins`); without it their files are refused, not ignored.
FORMATS = (
    Format("PNG", (".png",), written=True),
    Format("JPEG", (".jpg", ".jpeg", ".jpe", ".jfif"), written=True),
    Format("TIFF", (".tif", ".tiff"), written=True),
    Format("WEBP", (".webp",), written=True),
    Format("BMP", (".bmp",)),
    Format("GIF", (".gif",)),
    Format("PPM", (".ppm", ".pgm", ".pbm", ".pnm")),
    Format("MPO", (".mpo",)),
    Format("JPEG2000", (".jp2", ".j2k")),
    Format("AVIF", (".avif",)),
    Format("HEIF", (".heic", ".heif", ".hif")),
    Format("JXL", (".jxl",)),
)
# Suffixes, in lower case, of the files in a folder that count as images.
IMAGE_SUFFIXES = tuple(suffix for each in FORMATS for suffix in each.suffixes)
# Suffix -> Pillow's name of the format, of what can be written.
OUTPUT_FORMATS = types.MappingProxyType(
    {suffix: each.name for each in FORMATS if each.written for suffix in each.suffixes}
)
# Of cameras; some are TIFF files with a preview, which is not the photograph.
RAW_SUFFIXES = frozenset(
    {".3fr", ".arw", ".bay", ".cap", ".cr2", ".cr3", ".crw", ".dcr", ".dng", ".erf", ".gpr", ".iiq", ".kdc", ".mdc"}
    | {".mef", ".mos", ".mrw", ".nef", ".nrw", ".orf", ".pef", ".ptx", ".raf", ".raw", ".rw2", ".rwl", ".rwz", ".sr2"}
    | {".srf", ".srw", ".x3f"}
)
