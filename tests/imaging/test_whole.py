"""Which image files are known to be whole without decoding them."""

import io

import numpy as np
import pytest
from photograph_files import encoded, picture
from PIL.PngImagePlugin import PngInfo

from pconv_jax.imaging.whole import seems_whole

NOTE = PngInfo()
NOTE.add_text("Comment", "a note")
PNG = encoded(picture(), "PNG", pnginfo=NOTE)
JPEG = encoded(picture(), "JPEG")


def damaged(content, kind):
    """A PNG file in which a chunk's first byte is another, so that its checksum is wrong."""
    place = content.index(kind) + 4
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


@pytest.mark.parametrize("content", [PNG, JPEG, JPEG + bytes(100)], ids=["png", "jpeg", "empty tail"])
def test_whole_files(content):
    assert seems_whole("a", io.BytesIO(content))


@pytest.mark.parametrize(
    "content",
    [
        *(damaged(PNG, kind) for kind in (b"IHDR", b"tEXt", b"IDAT")),
        PNG.replace(b"a note", b"a Note"),
        PNG[:-1],
        PNG[:-12],
        JPEG[:-2],
        encoded(np.zeros((4, 4), np.uint8), "BMP"),  # only decoding can tell
        b"no image",
    ],
    ids=range(9),
)
def test_what_is_damaged_or_must_be_decoded(content):
    assert not seems_whole("a", io.BytesIO(content))


def test_metadata_behind_the_pixels_counts():
    head, end = PNG[:-12], PNG[-12:]
    note = PNG[PNG.index(b"tEXt") - 4 :][: 12 + len(b"Comment\0a note")]
    assert seems_whole("a", io.BytesIO(head + note + end))
    assert not seems_whole("a", io.BytesIO(head + note.replace(b"note", b"Note") + end))
