"""The command and names of all kinds, links, closed outputs, files that are not what they are called."""

import errno
import io
import os
import pathlib
import shutil
import sys
import warnings

import numpy as np
import pytest
import tqdm
from PIL import Image
from restoring import (
    SIZE,
    check,
    files,
    hole,
    load,
    picture,
    save,
    sentences,
    state,
)


def test_names_with_spaces_and_letters_of_the_world(tmp_path, inpaint):
    folder = tmp_path / "Großmutters Fotos 写真"
    image = save(folder / "l'été à Łódź.png", picture())
    mask = save(tmp_path / "маска (1).png", hole())
    out = tmp_path / "neu & schön" / "résultat 1.png"
    assert inpaint(image, "-m", mask, "-o", out).code == 0
    check(picture(), load(out), hole())
    assert inpaint(folder, "-m", mask, "-o", tmp_path / "alle Ö").code == 0
    assert files(tmp_path / "alle Ö") == {"l'été à Łódź.png"}


def test_names_that_are_no_text(tmp_path, inpaint, monkeypatch):
    """As they come from old discs."""
    stderr = io.TextIOWrapper(io.BytesIO(), errors="backslashreplace")  # as the real one, unlike that of pytest
    monkeypatch.setattr(sys, "stderr", stderr)
    folder = tmp_path / "photos"
    save(folder / "a.png", picture())
    save(folder / "b.png", picture(5, 5))
    for name in ("a", "b"):
        try:
            (folder / f"{name}.png").rename(folder / os.fsdecode(name.encode() + b"\xe9.png"))
        except OSError:
            pytest.skip("this file system takes text only")
    result = inpaint(folder, "-m", save(tmp_path / "m.png", hole()), "-o", tmp_path / "out")
    assert result.code == 1
    assert "1 restored, 1 failed" in result.out
    stderr.seek(0)
    assert "b\\udce9.png: the mask" in sentences(stderr.read())[0]
    assert files(tmp_path / "out") == {os.fsdecode(b"a\xe9.png")}


def test_a_name_too_long_for_what_goes_beside_it_stops_no_other(tmp_path, inpaint):
    folder, mask = tmp_path / "photos", save(tmp_path / "m.png", hole())
    long = f"{'x' * 251}.png"
    for name in ("a.png", long, "z.png"):
        save(folder / name, picture())
    result = inpaint(folder, "-m", mask, "-o", tmp_path / "out", "--receipt")
    assert result.code == 1 and "2 restored" in result.out and "1 failed" in result.out
    (said,) = sentences(result.err)
    assert "cannot be used (File name too long): rename it" in said


def test_a_folder_that_may_not_be_read_stops_no_other(tmp_path, inpaint, monkeypatch):
    for name in ("a/a.png", "b.png"):
        save(tmp_path / "photos" / name, picture())
    own = pathlib.Path.is_dir

    def is_dir(path):
        if path.parent == tmp_path / "out" / "a":
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return own(path)

    monkeypatch.setattr(pathlib.Path, "is_dir", is_dir)  # since root may read all
    result = inpaint(tmp_path / "photos", "-m", save(tmp_path / "m.png", hole()), "-o", tmp_path / "out")
    assert result.code == 1 and "1 restored" in result.out
    assert "a.png cannot be used (Permission denied)" in result.err


def test_names_that_are_too_long(one, inpaint):
    long = one.folder / f"{'x' * 300}.png"
    for arguments in (
        (long, "-m", one.mask, "-o", one.out),
        (one.image, "-m", long, "-o", one.out),
        (one.image, "-m", one.mask, "-o", long),
        (one.image, "-m", one.mask, "-o", long, "--overwrite"),
        (one.image, "-m", one.mask, "-o", one.folder / f"{'x' * 249}.png", "--compare"),  # the comparison's would be
    ):
        result = inpaint(*arguments)
        assert result.code == (1 if "--compare" in arguments else 2)
        assert "name too long" in sentences(result.err)[0]
        assert files(one.folder) == {"a.png", "m.png"}


def test_a_folder_named_like_a_picture(one, inpaint):
    folder = one.folder / "x.png"
    save(folder / "a.png", picture())
    assert inpaint(folder, "-m", one.mask, "-o", one.folder / "out").code == 0
    assert files(one.folder / "out") == {"a.png"}
    result = inpaint(one.image, "-m", one.mask, "-o", folder)  # a folder that exists holds the result
    assert result.code == 0 and "skipped" in result.out + result.err
    (folder / "deep.png").mkdir()
    assert inpaint(folder, "-m", one.mask, "-o", one.folder / "more").code == 0
    assert files(one.folder / "more") == {"a.png"}
    (one.folder / "taken" / "a.png").mkdir(parents=True)  # a folder is no finished result
    result = inpaint(folder, "-m", one.mask, "-o", one.folder / "taken")
    assert result.code == 1
    assert "a.png is a folder, and the result would be a file" in sentences(result.err)[0]
    assert files(one.folder / "taken") == set()


def test_a_folder_for_one_photograph(one, inpaint):
    (one.folder / "results").mkdir()
    assert inpaint(one.image, "-m", one.mask, "-o", one.folder / "results").code == 0
    assert files(one.folder / "results") == {"a.png"}
    for ending in ("new/", "deep/new/", "dotted.png/", "here/."):
        assert inpaint(one.image, "-m", one.mask, "-o", f"{one.folder}/{ending}").code == 0
        assert files(one.folder / ending) == {"a.png"}
    result = inpaint(one.image, "-m", one.mask, "-o", f"{one.mask}/")
    assert result.code == 2
    assert "m.png/ is a file" in sentences(result.err)[0]


def test_a_path_without_a_folder(one, inpaint, monkeypatch):
    monkeypatch.chdir(one.folder)
    assert inpaint("a.png", "-m", "m.png", "-o", "b.png").code == 0
    (one.folder / "in").mkdir()
    shutil.copy(one.image, one.folder / "in")
    monkeypatch.chdir(one.folder / "in")
    assert inpaint(".", "-m", "../m.png", "-o", "../out").code == 0
    assert files(one.folder / "out") == {"a.png"}


def test_links_to_photographs_to_nothing_and_in_a_circle(one, inpaint):
    photos = one.folder / "photos"
    photos.mkdir()
    (photos / "link.png").symlink_to(one.image)
    (photos / "gone.png").symlink_to(one.folder / "nowhere.png")
    (photos / "loop").symlink_to(photos)
    before = state(one.image)
    result = inpaint(photos, "-m", one.mask, "-o", one.folder / "out")
    assert "1 restored" in result.out + result.err
    assert (one.folder / "out" / "link.png").is_file() and not (one.folder / "out" / "link.png").is_symlink()
    assert result.code == 1 and "gone.png" in sentences(result.err)[0]
    assert inpaint(photos / "link.png", "-m", one.mask, "-o", one.image).code == 2
    assert state(one.image) == before
    # An output that is a link to nothing: nothing is written where it points.
    one.out.symlink_to(one.folder / "elsewhere.png")
    inpaint(one.image, "-m", one.mask, "-o", one.out)
    assert not (one.folder / "elsewhere.png").exists()


def test_results_through_links(one, inpaint):
    """The link stays, and what it points to is replaced."""
    photos = one.folder / "photos"
    photos.mkdir()
    (photos / "link.png").symlink_to("../a.png")
    assert inpaint(photos, "-m", one.mask, "-o", photos, "--overwrite").code == 0
    assert (photos / "link.png").is_symlink() and not one.image.is_symlink()
    check(picture(), load(one.image), hole())
    assert files(one.folder) == {"a.png", "m.png", "photos/link.png"}
    (photos / "same.png").symlink_to("../a.png")
    result = inpaint(photos, "-m", one.mask, "-o", photos, "--overwrite")
    assert result.out.splitlines() == [
        "1 restored",
        "1 passed over, the result of another photograph, or the same file by a link: same.png",
    ]
    before = state(one.image)
    (one.folder / "other.jpg").symlink_to(one.image)
    result = inpaint(one.image, "-m", one.mask, "-o", one.folder / "other.jpg", "--overwrite")
    assert result.code == 2 and "other.jpg is a link to" in result.err and "of another kind" in result.err
    assert state(one.image) == before


def test_an_empty_name_is_not_the_current_folder(one, inpaint, monkeypatch):
    monkeypatch.chdir(one.folder)
    for image, mask, out in (("", "m.png", "out"), ("a.png", "", "b.png"), ("a.png", "m.png", "")):
        result = inpaint(image, "-m", mask, "-o", out)
        assert result.code == 2 and "is empty: give a value" in sentences(result.err)[0]
        assert files(one.folder) == {"a.png", "m.png"}


def test_the_longest_name_can_be_written(one, inpaint):
    name = "x" * 251 + ".png"
    for image in (one.image, one.folder / name):  # then in its place
        assert inpaint(image, "-m", one.mask, "-o", one.folder / name, "--overwrite").code == 0
        assert files(one.folder) == {"a.png", "m.png", name}


def test_a_photograph_is_not_its_own_mask(one, inpaint):
    result = inpaint(one.image, "-m", one.image, "-o", one.out)
    assert result.code == 2 and "a.png is the photograph itself" in sentences(result.err)[0]
    assert not one.out.exists()


def test_photographs_in_the_folder_of_masks_are_not_their_own(own, inpaint):
    for image in (own / "images", own / "images" / "a.png"):
        result = inpaint(image, "-m", own / "images", "-o", own / "out")
        assert result.code == 2
        assert "a.png would be its own mask" in sentences(result.err)[0]


def test_an_output_that_is_closed(one, inpaint, monkeypatch):
    def closed(*_args, **_kwargs):
        raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))

    monkeypatch.setattr(sys.stdout, "write", closed)
    result = inpaint(one.image, "-m", one.mask, "-o", one.out)
    assert result.code == 2
    assert "Broken pipe" in sentences(result.err)[0]
    check(picture(), load(one.out), hole())


def test_one_pixel(one, inpaint):
    image = save(one.folder / "1.png", picture(1, 1))
    result = inpaint(image, "-m", save(one.mask, np.zeros((1, 1), bool)), "-o", one.out)
    assert result.code == 0 and one.out.read_bytes() == image.read_bytes()
    result = inpaint(image, "-m", save(one.mask, np.ones((1, 1), bool)), "-o", one.folder / "b.png")
    assert result.code == 1 and len(sentences(result.err)) == 1
    image = save(one.folder / "2.png", picture(1, 2))
    mask = np.array([[True, False]])
    assert inpaint(image, "-m", save(one.mask, mask), "-o", one.folder / "c.png").code == 0
    np.testing.assert_array_equal(load(one.folder / "c.png")[~mask], picture(1, 2)[~mask])


def test_the_suffix_lies(one, inpaint):
    image = one.folder / "photo.jpg"
    shutil.copy(one.image, image)  # a PNG
    assert inpaint(image, "-m", one.mask, "-o", one.out).code == 0
    check(picture(), load(one.out), hole())
    out = one.folder / "out.jpg"
    assert inpaint(image, "-m", one.mask, "-o", out).code == 0
    with Image.open(out) as opened:
        assert opened.format == "JPEG"
    empty = save(one.folder / "empty.png", np.zeros(SIZE, bool))
    assert inpaint(image, "-m", empty, "-o", one.folder / "copy.jpg").code == 0
    with Image.open(one.folder / "copy.jpg") as opened:
        assert opened.format == "JPEG"  # not a copy: what is named .jpg is a JPEG


def test_upper_case_suffixes(one, inpaint):
    image = save(one.folder / "A.JPG", picture())
    mask = save(one.folder / "M.PNG", hole())
    for name in ("B.JPG", "B.PNG", "B.TIFF"):
        assert inpaint(image, "-m", mask, "-o", one.folder / name).code == 0
        assert (one.folder / name).is_file()


@pytest.mark.parametrize(
    ("names", "more"),
    [
        (("a.png",), "smooth"),
        (("a.png", "b.png"), "1 more photograph)"),
        (("a.png", "b.png", "c.png"), "2 more photographs)"),
    ],
)
def test_holes_wider_than_the_weights_know_are_told_once_in_words(one, inpaint, names, more):
    for name in names:
        save(one.folder / "photos" / name, picture(150, 150))
    mask = np.zeros((150, 150), bool)
    mask[20:120, 20:120] = True
    with warnings.catch_warnings():
        warnings.simplefilter("default")  # as outside the tests
        result = inpaint(one.folder / "photos", "-m", save(one.mask, mask), "-o", one.folder / "out")
    assert result.code == 0
    (warning,) = result.err.splitlines()
    assert warning.startswith("warning: ") and "a.png: holes are about" in warning and "24 px" in warning
    assert warning.endswith(more)


def test_a_result_that_is_a_link_to_itself_is_refused(one, inpaint):
    one.out.symlink_to(one.out)
    result = inpaint(one.image, "-m", one.mask, "-o", one.out)
    assert result.code != 0
    (sentence,) = sentences(result.err)
    assert str(one.out) in sentence


def test_control_characters_of_a_name_do_not_reach_the_progress_bar(one, inpaint, monkeypatch):
    titles = []

    class Bar(tqdm.tqdm):
        def __init__(self, *args, desc, **more):
            titles.append(desc)
            super().__init__(*args, desc=desc, **more)

    monkeypatch.setattr(tqdm, "tqdm", Bar)
    image = save(one.folder / "\x1b[2J.png", picture())
    assert inpaint(image, "-m", one.mask, "-o", one.out).code == 0
    assert titles == ["\\x1b[2J.png"]
