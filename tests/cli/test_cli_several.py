"""The command with several photographs and folders, as shells make them of `*`, and names that clash."""

import os
import shutil

import numpy as np
import pytest
from restoring import check, files, hole, load, picture, save, sentences


@pytest.fixture
def many(one):
    """Photographs in two folders, masks in a third."""
    for name in ("x/a.png", "x/b.jpg", "y/c.png", "y/deep/d.png"):
        save(one.folder / name, picture())
    for name in "abc":
        save(one.folder / "masks" / f"{name}.png", hole())
    save(one.folder / "masks" / "deep" / "d_mask.png", hole())
    return one


@pytest.mark.parametrize("out", ["out", "out/"])
def test_files_and_folders_in_one_plan(many, inpaint, out):
    x, y = many.folder / "x", many.folder / "y"
    result = inpaint(x / "a.png", x / "b.jpg", y, "-m", many.folder / "masks", "-o", f"{many.folder}/{out}")
    assert (result.code, result.out.splitlines()) == (0, ["4 restored"])
    assert files(many.folder / "out") == {"a.png", "b.jpg", "c.png", "deep/d.png"}
    check(picture(), load(many.folder / "out" / "deep" / "d.png"), hole())


def test_what_a_shell_makes_of_an_asterisk(many, inpaint, monkeypatch):
    """Results, masks and before/after pictures of the first pass are among the names of the second."""
    monkeypatch.chdir(many.folder / "x")
    save(many.folder / "x" / "m.png", hole())
    assert inpaint(*sorted(os.listdir()), "-m", "m.png", "-o", "out", "--compare").code == 0
    assert files(many.folder / "x" / "out") == {"a.png", "a.png.compare.jpg", "b.jpg", "b.jpg.compare.jpg"}
    result = inpaint(*sorted(os.listdir()), "a.png", "-m", "m.png", "-o", "out")
    assert (result.code, result.out.splitlines()) == (
        0,
        [
            "2 skipped, since the result exists (--overwrite replaces it)",
            "1 passed over, given more than once: a.png",
            "2 passed over, where the results or the masks are: m.png, out",
        ],
    )
    shutil.rmtree("out")
    assert inpaint("a.png", "b.jpg", "-m", "m.png", "-o", ".", "--overwrite", "--compare").code == 0
    result = inpaint(*sorted(os.listdir()), "-m", "m.png", "-o", ".", "--overwrite", "--compare")
    assert (result.code, result.out.splitlines()) == (
        0,
        [
            "2 restored",
            "2 passed over, before/after pictures: a.png.compare.jpg, b.jpg.compare.jpg",
            "1 passed over, where the results or the masks are: m.png",
        ],
    )


def test_masks_beside_the_photographs(many, inpaint):
    """A folder of photographs and masks does not hide the masks that photographs elsewhere have there."""
    for name in ("a_mask.png", "c.png"):
        save(many.folder / "x" / name, hole())
    given = [path for path in (many.folder / "x").iterdir() if path.name != "b.jpg" and path.name != "c.png"]
    result = inpaint(*given, many.folder / "y" / "c.png", "-m", many.folder / "x", "-o", many.folder / "out")
    assert (result.code, result.out.splitlines()) == (0, ["2 restored"])
    assert files(many.folder / "out") == {"a.png", "c.png"}


def test_what_stops_all_of_them_is_as_for_one(many, inpaint):
    x = many.folder / "x"
    before = files(many.folder)
    (x / "raw.nef").write_bytes(b"?")
    for given, out, said in (
        ((x / "a.png", x / "none.png"), "out", f"error: {x}/none.png does not exist: give a photograph"),
        ((x / "a.png", x / "raw.nef"), "out", f"error: {x}/raw.nef is a camera's raw file: develop it"),
        ((x / "a.png", x / "b.jpg"), "a.png", "a.png is a file, but there are several photographs: give a folder"),
        ((x / "a.png", x / "b.jpg"), "new.png", "new.png is the name of a file, but there can be several results"),
        ((x,), "new.jpg", "new.jpg is the name of a file, but there can be several results"),
        ((x / "a.png", many.folder / "m.png"), "x", f"error: --out {x}/a.png is the photograph itself"),
    ):
        result = inpaint(*given, "-m", many.mask, "-o", many.folder / out)
        assert result.code == 2 and said in sentences(result.err)[0]
    (x / "raw.nef").unlink()
    assert files(many.folder) == before


def test_what_fails_is_named_where_its_name_is_part_of_another(one, inpaint, monkeypatch):
    for name in ("k.png", "a.png"):
        save(one.folder / name, picture())
    save(one.folder / "mask2k.png", hole(10, 10))
    monkeypatch.chdir(one.folder)
    result = inpaint("k.png", "a.png", "-m", "mask2k.png", "-o", "out/")
    begins = [complaint.partition(" the mask mask2k.png has 10x10 pixels")[0] for complaint in sentences(result.err)]
    assert begins == ["failed: a.png:", "failed: k.png:"]


def test_one_mask_of_another_size_fails_where_it_does_not_go(many, inpaint):
    save(many.folder / "x" / "large.png", picture(60, 70))
    x = many.folder / "x"
    result = inpaint(x / "a.png", x / "large.png", "-m", many.mask, "-o", many.folder / "out")
    assert (result.code, result.out.splitlines()) == (1, ["1 restored, 1 failed"])
    assert "large.png" in sentences(result.err)[0] and "50x40" in result.err and "70x60" in result.err


@pytest.mark.parametrize("kind", ["folder", "files"])
def test_only_the_photographs_that_clash_fail(many, inpaint, kind):
    photos, out = many.folder / "photos", many.folder / "out"
    for name, content in (("a.bmp", 1), ("a.png", 2), ("b.png", 3)):
        save(photos / name, picture(seed=content))
    given = [photos] if kind == "folder" else sorted(photos.iterdir())
    result = inpaint(*given, "-m", many.mask, "-o", out)
    assert (result.code, result.out.splitlines()) == (1, ["2 failed, 1 restored"])
    assert sentences(result.err) == [
        f"failed: {photos}/a.bmp and {photos}/a.png would both be written to {out}/a.png: rename one of them",
        f"failed: {photos}/a.png and {photos}/a.bmp would both be written to {out}/a.png: rename one of them",
    ]
    assert files(out) == {"b.png"}
    # A result from before belongs to one of them only.
    save(out / "a.png", np.zeros((3, 3), np.uint8))
    again = inpaint(*given, "-m", many.mask, "-o", out)
    assert again.code == 1 and "2 failed" in again.out and "1 skipped" in again.out
    assert load(out / "a.png").shape == (3, 3)


def test_what_was_said_of_finished_ones_is_told_when_interrupted(many, inpaint, monkeypatch):
    """The same command skips them, and would not say it again."""
    from pconv_jax.cli import one_photograph

    write, written = one_photograph.write_photograph, []

    def interrupted(*arguments, **more):
        if written:
            raise KeyboardInterrupt
        written.append(arguments[0])
        write(*arguments, **more)

    monkeypatch.setattr(one_photograph, "write_photograph", interrupted)
    out = many.folder / "out"
    result = inpaint(many.folder / "x", "-m", many.folder / "masks", "-o", out, "--estimate")
    assert result.code == 130 and files(out) == {"a.png"}
    lines = result.out.splitlines()
    assert lines[0].startswith(f"{many.folder / 'x' / 'a.png'}: expected in the holes") and lines[-1] == "1 restored"
