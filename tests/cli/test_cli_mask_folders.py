"""The command with a folder of masks, or one mask for all: which mask belongs to which photograph."""

import numpy as np
import pytest
from PIL import Image
from restoring import check, files, hole, load, picture, save, sentences


def test_a_folder_with_masks_by_name(own, inpaint):
    save(own / "images" / "d.JPG", picture())
    save(own / "masks" / "d.png", hole())
    (own / "images" / "notes.txt").write_text("not a photograph")
    (own / "images" / ".hidden.png").write_bytes(b"")
    result = inpaint(own / "images", "--mask", own / "masks", "--out", own / "out")
    assert result.code == 0
    assert "4 restored" in result.out + result.err
    assert files(own / "out") == {"a.png", "b.png", "deep/c.png", "d.JPG"}
    for name in ("a", "b", "deep/c"):
        with Image.open(own / "masks" / f"{name}.gif") as mask:
            white = np.asarray(mask.convert("L")) > 127
        check(load(own / "images" / f"{name}.png"), load(own / "out" / f"{name}.png"), white)


def test_one_mask_for_all(one, inpaint):
    for seed, name in enumerate(("a.png", "b.tif", "deep/c.png")):
        save(one.folder / "photos" / name, picture(seed=seed))
    result = inpaint(one.folder / "photos", "-m", one.mask, "-o", one.folder / "out")
    assert result.code == 0
    for seed, name in enumerate(("a.png", "b.tif", "deep/c.png")):
        check(picture(seed=seed), load(one.folder / "out" / name), hole())


@pytest.mark.parametrize("masks", [[], ["b.tif", "b.gif"]])
def test_photographs_without_their_one_mask_are_all_named_and_the_others_done(own, inpaint, masks):
    (own / "masks" / "b.gif").unlink()
    (own / "masks" / "deep" / "c.gif").unlink()
    for name in masks:
        save(own / "masks" / name, np.zeros((30, 16), bool))
    result = inpaint(own / "images", "-m", own / "masks", "-o", own / "out")
    assert result.code == 1
    assert "1 restored" in result.out and "2 failed" in result.out
    first, second = sentences(result.err)
    assert f"b.png: {own / 'masks'} has {'more than one mask' if masks else 'no mask'} for it" in first
    assert "deep/c.png: " in second and f"such as {own / 'masks' / 'deep' / 'c.png'}" in second
    assert files(own / "out") == {"a.png"}


def test_photographs_none_of_which_has_a_mask_are_told_before_anything_is_written(own, inpaint):
    (own / "masks" / "b.gif").rename(own / "masks" / "other.gif")
    for name in ("a", "deep/c"):
        (own / "masks" / f"{name}.gif").unlink()
    result = inpaint(own / "images", "-m", own / "masks", "-o", own / "out")
    assert result.code == 2
    (complaint,) = sentences(result.err)
    assert "has no mask for a.png, nor for any other photograph" in complaint
    assert not (own / "out").exists()


def test_of_two_masks_that_with_the_very_name_is_meant(one, inpaint):
    """As there may be an a.jpg beside an a.png."""
    for name, mask in (("a.png", hole()), ("a.jpg", ~hole())):
        save(one.folder / "masks" / name, mask, **({"quality": 100} if name == "a.jpg" else {}))
    assert inpaint(one.image, "-m", one.folder / "masks", "-o", one.out).code == 0
    check(picture(), load(one.out), hole())


def test_masks_are_sought_in_the_same_subfolder_only(own, inpaint):
    (own / "masks" / "deep" / "c.gif").rename(own / "masks" / "c.gif")
    result = inpaint(own / "images", "-m", own / "masks", "-o", own / "out")
    assert result.code != 0
    assert "c.png" in sentences(result.err)[0]


def test_masks_among_the_photographs_by_their_names(one, inpaint):
    both = one.folder / "both"
    for name, array in (("a.png", picture()), ("a_mask001.png", hole()), ("deep/b.jpg", picture())):
        save(both / name, array)
    save(both / "deep" / "b.mask.png", hole())
    result = inpaint(both, "-m", both, "-o", one.folder / "out")
    assert (result.code, result.out.splitlines()[-1]) == (0, "2 restored")
    assert files(one.folder / "out") == {"a.png", "deep/b.jpg"}
    check(picture(), load(one.folder / "out" / "a.png"), hole())
    assert inpaint(both / "a.png", "-m", both, "-o", one.folder / "one.png").code == 0
    (both / "deep" / "b.mask.png").unlink()
    result = inpaint(both, "-m", both, "-o", one.folder / "again")  # the advice is not the photograph's own name
    assert f"add one named after it, such as {both / 'deep' / 'b_mask.png'}" in sentences(result.err)[0]


def test_masks_without_damage_are_told_once_for_all(one, inpaint):
    for name in ("a", "b", "deep/a"):
        save(one.folder / "photos" / f"{name}.png", picture())
        save(one.folder / "masks" / f"{name}.png", np.zeros_like(hole()) if name != "b" else hole())
    result = inpaint(one.folder / "photos", "-m", one.folder / "masks", "-o", one.folder / "out")
    assert result.code == 0
    assert "2 copied, without damage" in result.out and "1 restored" in result.out
    (warning,) = result.err.splitlines()
    assert warning == (
        "warning: nothing is marked as damage in 2 of 3 (a.png, deep/a.png), which are copied: "
        "white marks damage in a mask; see --invert-mask and --mask-threshold"
    )
    result = inpaint(one.image, "--mask-color", 1, 2, 3, "-o", one.out)
    assert "nothing is marked as damage in 1 of 1 (a.png), which is copied: see --mask-tolerance" in result.err


def test_a_mask_is_that_of_one_photograph(one, inpaint):
    """But for copies of it in two formats that lie beside each other."""
    folder, before = one.folder, picture()
    for name in ("box1/1.png", "box1/1.tif", "box2/1.jpg", "box2/2.png", "box2/Two.png"):
        save(folder / name, before)
    for name in ("1", "two"):
        save(folder / "masks" / f"{name}.png", hole())
    result = inpaint(folder / "box1", folder / "box2", "-m", folder / "masks", "-o", folder / "out")
    assert result.code == 1 and files(folder / "out") == {"Two.png"}
    for name, other in (("box1/1.png", "box2/1.jpg"), ("box1/1.tif", "box2/1.jpg"), ("box2/1.jpg", "box1/1.png")):
        assert (
            f"failed: {folder / name}: {folder / 'masks/1.png'} is the mask of {folder / other} too, another "
            "photograph: restore them one by one"
        ) in result.err
    result = inpaint(folder / "box1", "-m", folder / "masks", "-o", folder / "out")
    assert result.code == 0 and files(folder / "out") == {"1.png", "1.tif", "Two.png"}


def test_a_name_of_other_case_is_not_that_of_a_photograph_that_has_its_own(one, inpaint):
    for name in ("photos/scan.png", "photos/Scan.png"):
        save(one.folder / name, picture())
    if len(files(one.folder / "photos")) == 1:
        pytest.skip("names differ in more than their case here")
    save(one.folder / "masks" / "scan.png", hole())
    result = inpaint(one.folder / "photos", "-m", one.folder / "masks", "-o", one.folder / "out")
    assert result.code == 1 and files(one.folder / "out") == {"scan.png"}
    assert "Scan.png" in result.err and "no mask for it" in result.err


def test_a_line_break_in_a_name_hides_no_mask(one, inpaint):
    save(one.folder / "photos" / "page\n17.png", picture())
    save(one.folder / "masks" / "page\n17_mask.png", hole())
    assert inpaint(one.folder / "photos", "-m", one.folder / "masks", "-o", one.folder / "out").code == 0
