"""What the command says of bad input, and that it leaves nothing behind."""

import errno
import os
import resource
import shutil
from pathlib import Path

import numpy as np
import pytest
from photograph_files import png
from PIL import Image
from restoring import (
    SIZE,
    SUFFIXES,
    files,
    hole,
    picture,
    save,
    sentences,
)


def broken(folder, kind):
    """A file that is no photograph."""
    path = folder / ("photo.jpg" if "jpeg" in kind or kind == "text" else "photo.png")
    if kind.startswith("truncated"):
        save(path, picture())
        content = path.read_bytes()
        path.write_bytes(content[: len(content) // 2])
    elif kind == "animation":
        path = folder / "photo.gif"
        frames = [Image.fromarray(picture(seed=seed)).convert("P") for seed in range(3)]
        frames[0].save(path, save_all=True, append_images=frames[1:])
    elif kind == "folder":
        path.mkdir()
    else:
        path.write_bytes(
            {"empty": b"", "text": b"Dear grandmother,\n" * 20, "bomb": png(60000, 60000, 8, 2, b"\0" * 1000)}[kind]
        )
    return path


KINDS = ["truncated png", "truncated jpeg", "animation", "empty", "text", "bomb"]


@pytest.mark.parametrize("kind", [*KINDS, "folder"])
@pytest.mark.parametrize("as_mask", [False, True])
def test_files_that_are_no_photographs(one, inpaint, kind, as_mask):
    path = broken(one.folder, kind)
    before = files(one.folder)
    pair = (one.image, "-m", path) if as_mask else (path, "-m", one.mask)
    result = inpaint(*pair, "-o", one.out)
    assert result.code == (2 if kind == "folder" else 1)
    (complaint,) = sentences(result.err)
    assert path.name in complaint
    assert files(one.folder) == before


@pytest.mark.parametrize("kind", KINDS)
def test_they_fail_alone_in_a_folder(one, inpaint, kind):
    path = broken(one.folder, kind)
    one.image.rename(one.folder / "zz.png")
    one.mask.rename(one.folder.parent / "m.png")
    out = one.folder.parent / "out"
    result = inpaint(one.folder, "-m", one.folder.parent / "m.png", "-o", out)
    assert result.code == 1
    (complaint,) = sentences(result.err)
    assert path.name in complaint
    assert files(out) == {"zz.png"}


def test_masks_that_do_not_go_with_the_photograph(one, inpaint):
    for mask, named in ((hole(40, 51), "51x40"), (np.ones(SIZE, bool), "valid pixel")):
        result = inpaint(one.image, "-m", save(one.mask, mask), "-o", one.out)
        assert result.code == 1
        (complaint,) = sentences(result.err)
        assert "a.png" in complaint and named in complaint
        assert files(one.folder) == {"a.png", "m.png"}


@pytest.mark.parametrize(
    ("channels", "dtype", "suffix", "named"),
    [(3, np.uint16, ".jpg", "16"), (3, np.uint16, ".webp", "16"), (4, np.uint8, ".jpg", "transparency")],
)
def test_what_a_format_cannot_hold(one, inpaint, channels, dtype, suffix, named):
    save(one.image, picture(channels=channels, dtype=dtype))
    out = one.folder / f"out{suffix}"
    result = inpaint(one.image, "-m", one.mask, "-o", out, "--compare")
    assert result.code == 1
    (complaint,) = sentences(result.err)
    assert named in complaint and "PNG" in complaint
    assert files(one.folder) == {"a.png", "m.png"}  # nor a comparison with nothing


@pytest.mark.parametrize("name", ["out.xyz", "out.gif", "out.bmp", "out.pdf", "out.png.", "deep/out"])
def test_results_that_cannot_be_written(one, inpaint, name):
    result = inpaint(one.image, "-m", one.mask, "-o", one.folder / name)
    assert result.code == 2
    (complaint,) = sentences(result.err)
    assert name in complaint and ".png" in complaint and ".jpg" in complaint
    assert files(one.folder) == {"a.png", "m.png"}
    assert not (one.folder / "deep").exists()


def test_missing_things(one, inpaint):
    (one.folder / "empty").mkdir()
    nowhere = one.folder / "nowhere.png"
    damaged = one.folder / "damaged.safetensors"
    damaged.write_bytes(b"\x10\0\0\0\0\0\0\0{not json")
    before = files(one.folder)
    for arguments, named in (
        ((nowhere, "-m", one.mask), "nowhere.png"),
        ((one.image, "-m", nowhere), "nowhere.png"),
        ((one.folder / "empty", "-m", one.mask), "empty"),
        ((one.folder, "-m", one.folder / "empty"), "empty"),
        ((one.image, "-m", one.mask, "--weights", "magic"), "magic"),
        ((one.image, "-m", one.mask, "--weights", damaged), "damaged.safetensors"),
        ((one.image, "-m", one.mask, "--weights", one.folder / "empty"), "empty"),
    ):
        result = inpaint(*arguments, "-o", one.out, own_weights="--weights" in arguments)
        assert result.code == 2, arguments
        (complaint,) = sentences(result.err)
        assert named in complaint, arguments
        assert files(one.folder) == before, arguments


def test_a_file_where_a_folder_must_be(one, inpaint):
    (one.folder / "file").write_text("mine")
    (one.folder / "photos").mkdir()
    shutil.copy(one.image, one.folder / "photos")
    before = files(one.folder)
    photograph, folder = (one.image, "-o", one.folder / "file" / "x.png"), (one.folder / "photos", "-o", one.image)
    for arguments, code in ((photograph, 1), (folder, 2)):
        result = inpaint(*arguments, "-m", one.mask)
        assert result.code == code
        assert len(sentences(result.err)) == 1
        assert files(one.folder) == before


def test_a_folder_that_cannot_be_written_to(one, inpaint):
    if os.geteuid() == 0:
        place = Path("/proc/self")  # not even the superuser can make a file there
        if not place.is_dir():
            pytest.skip("the superuser may write everywhere")
    else:
        place = one.folder / "locked"
        place.mkdir(mode=0o500)
    for out in (place / "x.png", place / "deep" / "x.png"):
        result = inpaint(one.image, "-m", one.mask, "-o", out)
        assert result.code == 1
        (complaint,) = sentences(result.err)
        assert str(out) in complaint
        assert not out.exists()


def test_a_full_disk(own, inpaint, monkeypatch):
    arguments = (own / "images", "-m", own / "masks", "-o", own / "out", "--compare")

    def full(*_args, **_kwargs):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", full)
        result = inpaint(*arguments)
    assert result.code == 1
    assert result.err.count("No space left") == len(sentences(result.err)) > 0
    assert files(own / "out") == set()
    assert inpaint(*arguments).code == 0
    assert len(files(own / "out")) == 6


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_file_that_cannot_be_written_to_its_end(one, inpaint, suffix):
    arguments = (one.image, "-m", one.mask, "-o", one.folder / f"out{suffix}")
    before = files(one.folder)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    inpaint(one.image, "-m", one.mask, "-o", one.folder.parent / "first.png")  # compiles; the cache may write
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
    try:
        result = inpaint(*arguments)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert result.code == 1
    assert len(sentences(result.err)) == 1
    assert files(one.folder) == before
    assert inpaint(*arguments).code == 0
