"""What files say about a photograph beside the EXIF data: XMP, IPTC, comments and PNG texts, byte for byte."""

import re
import struct
import zlib
from collections.abc import Iterator, Mapping
from typing import IO, TYPE_CHECKING, Any, NamedTuple

from pconv_jax.imaging.limits import LARGEST_TEXT
from pconv_jax.imaging.opening import png_chunks
from pconv_jax.imaging.tiff_tags import Entry
from pconv_jax.imaging.turned_places import turned_xmp

if TYPE_CHECKING:
    from PIL.Image import Image

JPEG_XMP, JPEG_MORE_XMP = b"http://ns.adobe.com/xap/1.0/\0", b"http://ns.adobe.com/xmp/extension/\0"
JPEG_RESOURCES = b"Photoshop 3.0\0"
PNG_XMP, PNG_RESOURCES = b"XML:com.adobe.xmp", b"Raw profile type iptc"
TIFF_XMP, TIFF_IPTC, TIFF_RESOURCES = 700, 33723, 34377
_TIFF_LAYERS = 37724
_PNG_EXIF = (b"Raw profile type exif", b"Raw profile type APP1")  # read as EXIF data
_IPTC, _PREVIEWS = 0x0404, (0x0409, 0x040C)  # numbers of image resources
_THUMBNAILS = (b"<xmp:Thumbnails>", b"</xmp:Thumbnails>")
_UPRIGHT = re.compile(rb"((?<!/)tiff:Orientation(?:\s*=\s*[\"']|\s*>\s*))[2-8]")


class Texts(NamedTuple):
    """What a file says about a photograph beside the EXIF data.

    Attributes:
        xmp: a packet of XMP; its orientation, if it has one, is 1, and its regions are those of the upright image.
            Thumbnails of the old pixels are not part of it.
        more_xmp: the JPEG segments that continue a packet of more than 64 KiB, without their mark.
        resources: Photoshop's image resources, the IPTC data among them; without its previews of the old pixels.
        comments: those of JPEG or GIF.
        png: kind and data of each chunk of text in a PNG file, other than those that hold the above.
    """

    xmp: bytes | None = None
    more_xmp: tuple[bytes, ...] = ()
    resources: bytes | None = None
    comments: tuple[bytes, ...] = ()
    png: tuple[tuple[bytes, bytes], ...] = ()


NO_TEXTS = Texts()
# What each of the formats can hold of it, and its name in a message.
_HELD = {"PNG": (0, 2, 3, 4), "JPEG": (0, 1, 2, 3), "TIFF": (0, 2), "WEBP": (0,)}
_NAMES = ("XMP", "continued XMP", "IPTC and Photoshop data", "comments", "PNG texts")
# What is larger than a format holds, or than is read again: in PNG, where resources are hexadecimal, `LARGEST_TEXT`.
_MOST = {
    "JPEG": (("xmp", 65533 - len(JPEG_XMP), "XMP of more than 64 KiB"),),
    "PNG": (
        ("xmp", LARGEST_TEXT, "XMP of more than 64 MiB"),
        ("resources", LARGEST_TEXT * 7 // 16, "IPTC and Photoshop data of more than 28 MiB"),
    ),
}


def texts_of(
    image: "Image", stream: IO[bytes], directory: Mapping[int, Entry], notes: list[str], *, orientation: int
) -> Texts:
    """Reads the texts of an opened file, whose pixels are turned upright. The stream stays where it is.

    Args:
        image: the file.
        stream: its content.
        directory: of a TIFF file.
        notes: what is left out is added to.
        orientation: as it was stored.
    """
    if image.format in ("JPEG", "MPO"):
        found = _of_jpeg(image)
    elif image.format == "PNG":
        place = stream.tell()
        found = _of_png(stream)
        stream.seek(place)
    elif image.format == "TIFF":
        return texts_of_tiff(directory, notes, orientation=orientation)
    else:
        comment = image.info.get("comment")
        found = Texts(xmp=image.info.get("xmp") or None, comments=(comment,) if isinstance(comment, bytes) else ())
    return _upright(found, orientation)


def texts_of_tiff(directory: Mapping[int, Entry], notes: list[str], *, orientation: int) -> Texts:
    """The texts in the first directory of a TIFF file, as `texts_of` reads them."""
    given = {tag: entry.data for tag, entry in directory.items()}
    resources, iptc = given.get(TIFF_RESOURCES, b""), given.get(TIFF_IPTC, b"")
    if iptc and not any(number == _IPTC for number, _ in _resources(resources)):
        resources = _resource(_IPTC, iptc) + resources
    if _TIFF_LAYERS in given:
        notes.append("its Photoshop layers, which show the old pixels, are not kept")
    return _upright(Texts(xmp=given.get(TIFF_XMP), resources=resources or None), orientation)


def held_by(texts: Texts, kind: str) -> tuple[Texts, str]:
    """The texts that a format can hold, and a message for the user about the others."""
    lost = [name for place, name in enumerate(_NAMES) if texts[place] and place not in _HELD[kind]]
    for name, most, words in _MOST.get(kind, ()):
        if len(getattr(texts, name) or b"") > most:
            gone: Any = {name: None}
            texts = texts._replace(**gone)
            lost.append(words)
    held = {Texts._fields[place] for place in _HELD[kind]}
    kept = texts._replace(**{name: each for name, each in NO_TEXTS._asdict().items() if name not in held})
    if not lost:
        return kept, ""
    other = "JPEG" if "continued XMP" in lost else "TIFF" if kind == "PNG" else "PNG"
    verb = "is" if len(lost) == 1 and "XMP" in lost[0] else "are"
    return kept, f"the {', '.join(lost)} cannot be held by {kind} and {verb} not written; {other} can"


def jpeg_segments(texts: Texts) -> bytes:
    """The segments of a JPEG file that hold texts."""
    segments = []
    if texts.xmp:
        segments.append((0xE1, JPEG_XMP + texts.xmp))
    segments += [(0xE1, JPEG_MORE_XMP + part) for part in texts.more_xmp]
    whole, step = texts.resources or b"", 65533 - len(JPEG_RESOURCES)
    segments += [(0xED, JPEG_RESOURCES + whole[place : place + step]) for place in range(0, len(whole), step)]
    for comment in texts.comments:
        segments += [(0xFE, comment[place : place + 65533]) for place in range(0, len(comment), 65533)]
    return b"".join(struct.pack(">BBH", 0xFF, mark, len(data) + 2) + data for mark, data in segments)


def png_texts(texts: Texts) -> list[tuple[bytes, bytes]]:
    """The chunks of a PNG file that hold texts."""
    chunks = []
    if texts.xmp:
        chunks.append((b"iTXt", PNG_XMP + bytes(5) + texts.xmp))
    if texts.resources:
        digits = texts.resources.hex()
        lines = "\n".join(digits[place : place + 72] for place in range(0, len(digits), 72))
        packed = zlib.compress(f"\niptc\n{len(texts.resources):8d}\n{lines}\n".encode())
        chunks.append((b"zTXt", PNG_RESOURCES + bytes(2) + packed))
    for comment in texts.comments:
        plain = comment.isascii() or not _is_utf8(comment)  # then taken for Latin-1, as in PNG
        chunks.append((b"tEXt", b"Comment\0" + comment) if plain else (b"iTXt", b"Comment" + bytes(5) + comment))
    return chunks + list(texts.png)


def tiff_texts(texts: Texts) -> dict[int, bytes]:
    """The tags of a TIFF file that hold texts."""
    iptc, others = b"", []
    for number, whole in _resources(texts.resources or b""):
        if number == _IPTC:
            iptc = _payload(whole)
        else:
            others.append(whole)
    found = ((TIFF_XMP, texts.xmp), (TIFF_IPTC, iptc), (TIFF_RESOURCES, b"".join(others)))
    return {tag: data for tag, data in found if data}


def _of_jpeg(image: "Image") -> Texts:
    segments: Any = getattr(image, "applist", [])
    parts: dict[bytes, list[bytes]] = {JPEG_XMP: [], JPEG_MORE_XMP: [], JPEG_RESOURCES: []}
    comments = []
    for name, data in segments:
        if name == "COM":
            comments.append(data)
            continue
        for mark, found in parts.items():
            if name in ("APP1", "APP13") and data.startswith(mark):
                found.append(data[len(mark) :])
    xmp = parts[JPEG_XMP][0] if parts[JPEG_XMP] else None
    resources = b"".join(parts[JPEG_RESOURCES]) or None
    return Texts(xmp, tuple(parts[JPEG_MORE_XMP]), resources, tuple(comments))


def _of_png(stream: IO[bytes]) -> Texts:
    found = Texts()
    texts = []
    for kind, place, size in list(png_chunks(stream)):
        if kind not in (b"tEXt", b"zTXt", b"iTXt"):
            continue
        stream.seek(place + 8)
        data = stream.read(size - 12)
        keyword = data.split(b"\0", 1)[0]
        content = _content(kind, data[len(keyword) + 1 :]) if keyword in (PNG_XMP, PNG_RESOURCES) else None
        if keyword == PNG_XMP and content:
            found = found._replace(xmp=content)
        elif keyword == PNG_RESOURCES and content and (resources := _raw_profile(content)):
            found = found._replace(resources=resources)
        elif keyword not in _PNG_EXIF:
            texts.append((kind, data))
    return found._replace(png=tuple(texts))


def _content(kind: bytes, data: bytes) -> bytes | None:
    """The content of a chunk of text behind its keyword, unpacked; None if it is damaged."""
    packed = kind == b"zTXt"
    if packed:
        data = data[1:]
    elif kind == b"iTXt":
        packed, parts = data[:1] == b"\1", data[2:].split(b"\0", 2)
        data = parts[-1]
    try:
        return zlib.decompressobj().decompress(data, LARGEST_TEXT) if packed else data
    except zlib.error:
        return None


def _raw_profile(content: bytes) -> bytes | None:
    """Image resources that are written as hexadecimal digits behind a name and a length."""
    try:
        _, _, length, digits = content.split(b"\n", 3)
        data = bytes.fromhex(digits.decode())[: int(length)]
    except ValueError:
        return None
    return data if data.startswith(b"8BIM") else _resource(_IPTC, data)


def _upright(texts: Texts, orientation: int) -> Texts:
    """The texts of the upright image, without previews of the old pixels."""
    xmp = texts.xmp and turned_xmp(_UPRIGHT.sub(rb"\g<1>1", _without_thumbnails(texts.xmp)), orientation)
    resources = texts.resources
    if resources and any(number in _PREVIEWS for number, _ in _resources(resources)):
        resources = b"".join(whole for number, whole in _resources(resources) if number not in _PREVIEWS)
    return texts._replace(xmp=xmp, resources=resources or None)


def _without_thumbnails(xmp: bytes) -> bytes:
    start, behind = (xmp.find(mark) for mark in _THUMBNAILS)
    if not 0 <= start < behind:
        return xmp
    return xmp[:start] + xmp[behind + len(_THUMBNAILS[1]) :]


def _resources(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Number and bytes of each of Photoshop's image resources, up to one that is damaged."""
    place = 0
    while place + 12 <= len(data) and data[place : place + 4].isalnum():
        start = _start(data, place)
        if start > len(data):
            return
        size = int.from_bytes(data[start - 4 : start], "big")
        if start + size > len(data):
            return
        yield int.from_bytes(data[place + 4 : place + 6], "big"), data[place : start + size + size % 2]
        place = start + size + size % 2


def _start(data: bytes, place: int) -> int:
    """Where the payload of an image resource begins, behind a name of an even length, its own length included."""
    name = data[place + 6] + 1
    return place + 6 + name + name % 2 + 4


def _payload(resource: bytes) -> bytes:
    start = _start(resource, 0)
    return resource[start : start + int.from_bytes(resource[start - 4 : start], "big")]


def _resource(number: int, data: bytes) -> bytes:
    return b"8BIM" + struct.pack(">HHI", number, 0, len(data)) + data + bytes(len(data) % 2)


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
