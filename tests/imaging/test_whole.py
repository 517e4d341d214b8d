"""Which image files are known to be whole without decoding them."""

import io
import types

import numpy as np
import pytest
from photograph_files import animated, encoded, opened, picture
from PIL.PngImagePlugin import PngInfo

from pconv_jax.imaging import read_photograph
from pconv_jax.imaging.whole import bytes_behind, seems_whole

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


FILM = b"\0\0\0\x18ftypmp42\xff\xd8\xff\xd9" + b"frames\xff\xd9" * 1000
# The mark of an end may stand in a segment, and between the scans of a progressive file.
NOTED = encoded(picture(), "JPEG", progressive=True, comment=b"\xff\xd9" * 3000)


@pytest.mark.parametrize("content", [PNG, JPEG, NOTED], ids=["png", "jpeg", "progressive"])
def test_what_follows_the_picture_is_named(saved, content):
    for nothing in (b"", bytes(100_000), b"\r\n", b"SEFT" * 1000):
        assert read_photograph(saved(content + nothing)).notes == ()
    with pytest.warns(UserWarning, match=r"what follows its end, 8,016 bytes, such as the film of a motion photo, is"):
        read = read_photograph(saved(content + FILM))
    assert len(read.notes) == 1
    with pytest.warns(UserWarning, match="what follows its end, 108,016 bytes"):
        read_photograph(saved(content + bytes(100_000) + FILM))


def test_further_pictures_of_a_file_are_no_film(saved):
    content = animated("MPO", 3)
    for pictures in (content, content + bytes(5000)):
        with pytest.warns(UserWarning, match="the first of its 3 pictures is read"):
            assert len(read_photograph(saved(pictures)).notes) == 1
    with pytest.warns(UserWarning, match="the first of its 3 pictures|what follows its end, 8,016 bytes") as said:
        read_photograph(saved(content + FILM))
    assert len(said) == 2
    with pytest.warns(UserWarning, match=rf"what follows its end, {len(NOTED):,} bytes"):  # of no such file
        read_photograph(saved(JPEG + NOTED))


def test_very_many_further_pictures_are_not_all_looked_for():
    image = types.SimpleNamespace(format="MPO", info={"mp": b""})
    tiny = b"\xff\xd8\xff\xd9"
    assert bytes_behind(image, io.BytesIO(JPEG + tiny * 100_000)) == 4 * (100_000 - 64)


def test_a_file_without_its_end_has_nothing_behind_it(saved):
    path = saved(JPEG[:-2] + bytes(10_000))
    assert opened(path).size == (60, 40)
    assert read_photograph(path).notes == ()
