"""Whether an image file is whole, as far as that shows without decoding it."""

from typing import IO

from pconv_jax.common.errors import InputError
from pconv_jax.imaging.opening import check_png, opened_image

_TAIL = 1 << 16  # bytes after the end of a JPEG file that may be empty


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
        return stream.read().rstrip(b"\0\r\n").endswith(b"\xff\xd9")
    if kind != "PNG":
        return False
    try:
        check_png(stream, every_chunk=True)
    except ValueError:
        return False
    return True
