"""Whether an image file is whole, as far as that shows without decoding it, and what follows its picture."""

import re
from typing import IO, TYPE_CHECKING

from pconv_jax.common.errors import InputError
from pconv_jax.imaging.opening import check_png, opened_image, png_chunks

if TYPE_CHECKING:
    from PIL.Image import Image

_TAIL = 1 << 16  # bytes after the end of a JPEG file that may be empty
_TRAILER = 1 << 12  # bytes up to which cameras add marks of their own
_MOST_PICTURES = 64  # that are looked for behind the first
_PADDING = b"\0\r\n"
_PIECE = 1 << 13  # bytes that are searched at a time
_MARK = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")  # neither a byte of the pixels nor a place to start again
_START, _END, _ALONE = 0xD8, 0xD9, (0x01, 0xD8)


def seems_whole(name: str, stream: IO[bytes]) -> bool:
    """Whether a JPEG or PNG file has a header that is accepted, and ends as it should.

    A PNG file is read and its checksums are compared; a JPEG file is looked at from both ends, so that damage in its
    middle is not found.

    Args:
        name: what to call the file in an error.
        stream: its content.

    Returns:
        False if only decoding can tell: other formats, and what seems damaged.
    """
    try:
        with opened_image(name, stream, max_pixels=None, first_frame=True) as image:
            kind = image.format
    except InputError:
        return False
    if kind == "JPEG":
        stream.seek(-min(_TAIL, stream.seek(0, 2)), 2)
        return stream.read().rstrip(_PADDING).endswith(b"\xff\xd9")
    if kind != "PNG":
        return False
    try:
        check_png(stream, every_chunk=True)
    except ValueError:
        return False
    return True


def bytes_behind(image: "Image", stream: IO[bytes]) -> int:
    """How many bytes follow the pictures of a JPEG or PNG file, such as the film of a motion photo.

    0 where they are few or say nothing, and for other formats. The stream stays where it is.
    """
    place = stream.tell()
    try:
        if image.format == "PNG":
            end = max(start + size for _, start, size in png_chunks(stream))
        elif image.format in ("JPEG", "MPO"):
            end = _jpeg_end(stream, several="mp" in image.info)
        else:
            return 0
        more = stream.seek(0, 2) - end
        return more if more > _TRAILER and _says_something(stream, end) else 0
    finally:
        stream.seek(place)


def _jpeg_end(stream: IO[bytes], *, several: bool) -> int:
    """Where a JPEG file ends, and with it the pictures that follow the first one if there are several."""
    end = _end_of_picture(stream, 0)
    for _ in range(_MOST_PICTURES if several else 0):
        stream.seek(end)
        following = stream.read(_TAIL)
        bare = following.lstrip(_PADDING)
        if not bare.startswith(bytes([0xFF, _START, 0xFF])):
            break
        end = _end_of_picture(stream, end + len(following) - len(bare))
    return end


def _end_of_picture(stream: IO[bytes], place: int) -> int:
    """Where the JPEG picture that begins at a place ends; the end of the file if it lacks its own."""
    while True:
        stream.seek(place)
        piece = stream.read(_PIECE)
        found = _MARK.search(piece)
        if found is None:
            if len(piece) < _PIECE:
                return place + len(piece)
            place += len(piece) - 1  # where a mark may have begun
            continue
        place += found.end()
        mark = piece[found.end() - 1]
        if mark == _END:
            return place
        if mark not in _ALONE:  # a length follows
            stream.seek(place)
            place += max(2, int.from_bytes(stream.read(2), "big"))


def _says_something(stream: IO[bytes], place: int) -> bool:
    stream.seek(place)
    while piece := stream.read(_TAIL):
        if piece.strip(_PADDING):
            return True
    return False
