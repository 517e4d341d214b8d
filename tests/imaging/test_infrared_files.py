"""Where the infrared channel of a scan is found: in its TIFF file, or beside it."""

import io
import os
import struct
import time
from pathlib import Path

import numpy as np
import pytest
import tifffile
from photograph_files import encoded, layers, same, tiff

from pconv_jax.common.errors import InputError
from pconv_jax.imaging import find_infrared, infrared_beside, read_photograph


def pages(*arrays):
    """Each with its tag 254, in which 4 says mask."""
    stream = io.BytesIO()
    with tifffile.TiffWriter(stream) as writer:
        for kind, array in arrays:
            photometric = "minisblack" if array.ndim == 2 else "rgb"
            kind = kind - 2 if kind & 4 else kind  # as tifffile writes masks of one bit only
            writer.write(array, photometric=photometric, subfiletype=kind, metadata=None)
    content = stream.getvalue()
    for kind in (4, 5):
        entry = struct.pack("<HHI", 254, 4, 1)
        content = content.replace(entry + struct.pack("<I", kind - 2), entry + struct.pack("<I", kind))
    return content


def found(path, content, **beside):
    path.write_bytes(content)
    for name, other in beside.items():
        (path.parent / name).write_bytes(other)
    return find_infrared(read_photograph(path), path)


def test_pages_marked_as_masks_that_are_no_infrared_are_no_secret(tmp_path):
    rgb, infrared = layers("rgb", np.uint16), layers("grey", np.uint16, 1)
    for content, count in (
        (pages((0, rgb), (4, infrared.astype(np.uint8))), "1 page, which is marked as a mask, is not kept"),  # 8 bits
        (pages((0, rgb), (4, infrared[::2, ::2].copy()), (4, infrared[:5])), "2 pages, which are marked as masks, are"),
        (pages((0, rgb), (4, infrared), (4, infrared[:5])), "1 page, which is marked as a mask, is not kept"),
    ):
        with pytest.warns(UserWarning, match=count):
            found(tmp_path / "a.tif", content)


UPRIGHT = {
    1: lambda x: x,
    2: np.fliplr,
    3: lambda x: np.rot90(x, 2),
    4: np.flipud,
    5: lambda x: x.swapaxes(0, 1),
    6: lambda x: np.rot90(x, -1),
    7: lambda x: np.rot90(x, 2).swapaxes(0, 1),
    8: np.rot90,
}


def lying(*arrays):
    """Pages, each with its orientation, None for no such tag."""
    stream = io.BytesIO()
    with tifffile.TiffWriter(stream) as writer:
        for orientation, array in arrays:
            tags = [] if orientation is None else [(274, "H", 1, orientation, False)]
            photometric = "minisblack" if array.ndim == 2 else "rgb"
            writer.write(array, photometric=photometric, extratags=tags, metadata=None)
    return stream.getvalue()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_it_is_turned_with_its_photograph(tmp_path, orientation):
    rgb, infrared = layers("rgb", np.uint16), layers("grey", np.uint16, 1)
    upright = UPRIGHT[orientation](infrared)
    for said in (None, orientation):
        path = tmp_path / f"page{said}.tif"
        assert same(found(path, lying((orientation, rgb), (said, infrared))), upright)
        assert same(read_photograph(path).pixels, UPRIGHT[orientation](rgb))
        beside = {f"file{said}_ir.tif": lying((said, infrared))}
        assert same(found(tmp_path / f"file{said}.tif", lying((orientation, rgb)), **beside), upright)


def test_a_file_that_was_turned_already(tmp_path):
    rgb, infrared = layers("rgb", np.uint16), layers("grey", np.uint16, 1)
    for said in (None, 1):  # its size tells
        beside = {f"a{said}_ir.tif": lying((said, np.rot90(infrared, -1)))}
        assert same(found(tmp_path / f"a{said}.tif", lying((6, rgb)), **beside), np.rot90(infrared, -1))


@pytest.mark.parametrize(("colours", "said"), [(3, 1), (None, 3), (2, 4), (6, 8)])
def test_one_that_says_it_lies_otherwise_is_not_used(tmp_path, colours, said):
    rgb, infrared = layers("rgb", np.uint16), layers("grey", np.uint16, 1)
    path = tmp_path / "page.tif"
    with pytest.warns(UserWarning, match="turned otherwise"):
        assert found(path, lying((colours, rgb), (said, infrared))) is None
    with pytest.raises(InputError, match=rf"\(orientation {said}\) than the photograph \(orientation {colours or 1}\)"):
        found(tmp_path / "file.tif", lying((colours, rgb)), **{"file_ir.tif": lying((said, infrared))})


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_in_the_file(tmp_path, dtype):
    rgb, infrared = layers("rgb", dtype), layers("grey", dtype, 1)
    small = rgb[::2, ::2].copy()
    for content in (
        tiff(np.dstack([rgb, infrared]), extrasamples=["unspecified"]),  # VueScan
        pages((0, rgb), (0, infrared)),
        pages((0, rgb), (4, infrared)),  # SilverFast 8
        pages((0, rgb), (1, small), (4, infrared)),  # SilverFast 9
    ):
        assert same(found(tmp_path / "a.tif", content), infrared)


def test_none_in_the_file(tmp_path):
    rgb, grey = layers("rgb", np.uint16), layers("grey", np.uint16)
    for content in (
        tiff(rgb),
        pages((0, rgb), (5, grey)),  # of a thumbnail
    ):
        assert found(tmp_path / "a.tif", content) is None
    for content in (
        pages((0, rgb), (4, grey[1:])),
        pages((0, rgb), (4, grey > 9000)),  # a mask of one bit
    ):
        with pytest.warns(UserWarning, match="1 page, which is marked as a mask, is not kept"):
            assert found(tmp_path / "a.tif", content) is None


@pytest.mark.parametrize("name", ["a_ir.tif", "a_IR.tif", "a.ir.tif", "A-IR.TIFF"])
def test_beside_the_photograph(tmp_path, name):
    rgb, infrared = layers("rgb", np.uint8), layers("grey", np.uint16)
    others = {"b_ir.tif": tiff(infrared[::2]), "air.tif": tiff(infrared[::2]), "a_ir.png": b"no scanner writes it"}
    assert same(found(tmp_path / "a.png", encoded(rgb, "PNG"), **{name: tiff(infrared)}, **others), infrared)


def test_one_in_the_file_comes_first(tmp_path):
    rgb, infrared = layers("rgb", np.uint16), layers("grey", np.uint16, 1)
    content = tiff(np.dstack([rgb, infrared]), extrasamples=["unspecified"])
    assert same(found(tmp_path / "a.tif", content, **{"a_ir.tif": b"not read"}), infrared)


def test_grey_that_was_saved_in_colour(tmp_path):
    grey = layers("grey", np.uint8)
    beside = {"a_ir.tif": tiff(np.dstack([grey] * 3))}
    assert same(found(tmp_path / "a.png", encoded(layers("rgb", np.uint8), "PNG"), **beside), grey)


@pytest.mark.parametrize(
    ("beside", "message"),
    [
        ({"a_ir.tif": tiff(layers("rgb", np.uint8))}, r"a_ir\.tif is in colour.*save it in grey"),
        ({"a_ir.tif": tiff(layers("grey", np.uint8)[1:])}, r"a_ir\.tif has 7x12 pixels and the photograph 7x13"),
        ({"a_ir.tif": b"", "a.ir.tif": b""}, r"more than one infrared channel, .*a\.ir\.tif and .*a_ir\.tif: keep"),
        ({"a_ir.tif": b"no TIFF"}, r"a_ir\.tif is not an image"),
    ],
)
def test_mistakes(tmp_path, beside, message):
    with pytest.raises(InputError, match=message):
        found(tmp_path / "a.png", encoded(layers("rgb", np.uint8), "PNG"), **beside)


def test_channels_are_told_from_photographs():
    files = [
        Path(name)
        for name in (
            "a.jpg",
            "a_ir.tif",
            "b_ir.tif",
            "c/a.ir.tif",
            "c/a.tif",
            "d/a_ir.tif",
            "e-ir.png",
            "f\n1.tif",
            "f\n1_ir.tif",
        )
    ]
    assert infrared_beside(files) == [Path("a_ir.tif"), Path("c/a.ir.tif"), Path("f\n1_ir.tif")]


def test_a_folder_is_listed_once_while_it_does_not_change(tmp_path, monkeypatch):
    rgb = tiff(layers("rgb", np.uint8))
    lists, listdir = [], os.listdir
    monkeypatch.setattr(os, "listdir", lambda folder: lists.append(folder) or listdir(folder))
    for name in ("a.tif", "b.tif"):  # into a folder that has changed just now
        assert found(tmp_path / name, rgb) is None
    assert len(lists) == 2
    lists.clear()
    for name, changed, count in (("a.tif", 1e9, 1), ("b.tif", 1e9, 1), ("a.tif", 1.1e9, 2), ("a.tif", 1.1e9, 2)):
        os.utime(tmp_path, (changed, changed))
        photograph = read_photograph(tmp_path / name)
        assert find_infrared(photograph, tmp_path / name) is None
        assert len(lists) == count
    now = time.time()  # a clock that does not tell this change from the next
    os.utime(tmp_path, (now, now))
    assert find_infrared(read_photograph(tmp_path / "b.tif"), tmp_path / "b.tif") is None
    (tmp_path / "b_ir.tif").write_bytes(tiff(layers("grey", np.uint8, 1)))
    os.utime(tmp_path, (now, now))
    assert find_infrared(read_photograph(tmp_path / "b.tif"), tmp_path / "b.tif") is not None
