"""The before/after pictures that the command writes beside its results."""

import numpy as np
import pytest
from PIL import Image
from restoring import files, hole, load, picture, save, state


def test_before_and_after_pictures_are_no_photographs(own, inpaint):
    arguments = ("-m", own / "masks")
    assert inpaint(own / "images", *arguments, "-o", own / "out", "--compare").code == 0
    save(own / "out" / "x.compare.jpg", picture(24, 40))  # of nothing: a photograph with such a name
    save(own / "masks" / "x.compare.png", hole(24, 40))
    result = inpaint(own / "out", *arguments, "-o", own / "again")
    assert result.code == 0 and "4 restored" in result.out
    assert "3 passed over, before/after pictures: a.png.compare.jpg, b.png.compare.jpg, deep/c.png" in result.out
    assert files(own / "again") == {"a.png", "b.png", "deep/c.png", "x.compare.jpg"}


def test_before_and_after_of_one_name(one, inpaint):
    for name in ("a.png", "a.jpg"):
        save(one.folder / "photos" / name, picture())
    assert inpaint(one.folder / "photos", "-m", one.mask, "-o", one.folder / "out", "--compare").code == 0
    assert len(files(one.folder / "out")) == 4


def test_asking_for_before_and_after_replaces_nothing(own, inpaint):
    arguments = (own / "images", "-m", own / "masks", "-o", own / "out")
    save(own / "masks" / "b.gif", np.zeros((30, 16), bool))
    assert inpaint(*arguments, "--compare").code == 0
    save(own / "out" / "a.png", picture())
    for path in (own / "out").glob("a*compare*"):
        path.unlink()
    results = [own / "out" / "a.png", own / "out" / "b.png", own / "out" / "deep" / "c.png"]
    before = state(*results)
    result = inpaint(*arguments, "--compare")
    assert "3 skipped" in result.out + result.err
    assert state(*results) == before


def test_a_photograph_with_the_name_of_a_comparison_is_not_replaced(one, inpaint):
    mine = save(one.folder / "out.png.compare.jpg", picture())
    before = state(mine)
    flags = (one.image, "-m", one.mask, "-o", one.out, "--compare")
    result = inpaint(*flags)
    assert result.code == 1 and "--compare would replace" in result.err and not one.out.exists()
    assert state(mine) == before
    assert inpaint(*flags, "--overwrite").code == 0 and state(mine) != before
    one.out.unlink()
    assert inpaint(*flags).code == 0  # its own comparison it may replace


def test_before_and_after_of_thin_photographs(one, inpaint):
    for size in ((1, 4000), (4000, 1)):
        mask = np.zeros(size, bool)
        mask[:3, :3] = True
        image = save(one.folder / f"{size[0]}.png", picture(*size))
        result = inpaint(image, "-m", save(one.mask, mask), "-o", one.folder / f"out-{size[0]}.png", "--compare")
        assert result.code == 0


def test_before_and_after_beside_the_result(own, inpaint):
    result = inpaint(own / "images", "-m", own / "masks", "-o", own / "out", "--compare")
    assert result.code == 0
    names = files(own / "out")
    assert len(names) == 6
    for name in ("a.", "b.", "deep/c."):
        (path,) = (own / "out" / other for other in names if other.startswith(name) and other != f"{name}png")
        with Image.open(path) as comparison, Image.open(own / "out" / f"{name}png") as after:
            assert comparison.width >= 2 * after.width and comparison.height >= after.height
    again = inpaint(own / "images", "-m", own / "masks", "-o", own / "out", "--compare")
    assert "3 skipped" in again.out + again.err


@pytest.mark.parametrize("function", ["write_comparison", "write_photograph"])
def test_a_result_that_fails_leaves_the_earlier_one_with_its_comparison_and_receipt(
    one, inpaint, monkeypatch, function
):
    from pconv_jax.cli import one_photograph
    from pconv_jax.common.errors import InputError

    arguments = (one.image, "-m", one.mask, "-o", one.out, "--compare", "--receipt", "--overwrite")
    assert inpaint(*arguments).code == 0
    save(one.image, picture(seed=5))
    before = {path: path.read_bytes() for path in one.folder.iterdir()}

    def full(*_, **__):
        raise InputError("no room: make some")

    monkeypatch.setattr(one_photograph, function, full)
    assert inpaint(*arguments).code == 1
    assert {path: path.read_bytes() for path in one.folder.iterdir()} == before


def test_before_and_after_of_linear_photographs_are_as_bright_as_they_are_seen(one, inpaint):
    image = save(one.folder / "raw.tif", (65535 * (picture() / 255) ** 2.2 / 8).astype(np.uint16))
    bright = {}
    for flags in ((), ("--linear",)):
        out = one.folder / f"out{len(flags)}.png"
        assert inpaint(image, "-m", one.mask, "-o", out, "--compare", *flags).code == 0
        bright[flags] = load(out.with_name(f"{out.name}.compare.jpg"))[:, : picture().shape[1]].mean()
    assert bright[()] < 30 and bright["--linear",] > picture().mean() - 5
