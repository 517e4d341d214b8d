"""The command on folders: which mask belongs to which photograph, what is skipped, what is never overwritten."""

import shutil

import numpy as np
import pytest
from PIL import Image
from restoring import check, files, hole, load, picture, save, sentences, state

from pconv_jax.inpainting.inpainter import WINDOWS


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


def test_kinds_that_can_be_read_alone_are_read_in_a_folder(one, inpaint):
    photos = one.folder / "photos"
    kinds = {"a.jfif": "JPEG", "b.jpe": "JPEG", "c.jp2": "JPEG2000", "d.pnm": "PPM", "e.mpo": "MPO", "f.bmp": "BMP"}
    photos.mkdir()
    for name, kind in kinds.items():
        Image.fromarray(picture()).save(photos / name, kind)
    (photos / "g.heic").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")
    result = inpaint(photos, "-m", one.mask, "-o", one.folder / "out")
    assert result.code == 1
    assert "6 restored, 1 failed" in result.out
    (complaint,) = sentences(result.err)
    assert "g.heic is not an image, or of a kind that cannot be read: save it as PNG" in complaint
    assert files(one.folder / "out") == {"a.jfif", "b.jpe", "c.png", "d.png", "e.png", "f.png"}
    for name in ("a.jfif", "b.jpe"):
        with Image.open(one.folder / "out" / name) as image:
            assert image.format == "JPEG"


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
    assert "deep/c.png: " in second and "add one of the same name, such as c.png" in second
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


def test_masks_without_damage_are_told_once_for_all(one, inpaint):
    for name in "abc":
        save(one.folder / "photos" / f"{name}.png", picture())
        save(one.folder / "masks" / f"{name}.png", np.zeros_like(hole()) if name != "b" else hole())
    result = inpaint(one.folder / "photos", "-m", one.folder / "masks", "-o", one.folder / "out")
    assert result.code == 0
    assert "2 copied, without damage" in result.out and "1 restored" in result.out
    (warning,) = result.err.splitlines()
    assert warning == (
        "warning: nothing is marked as damage in 2 of 3 (a.png, c.png), which are copied: "
        "white marks damage in a mask; see --invert-mask and --mask-threshold"
    )
    result = inpaint(one.image, "--mask-color", 1, 2, 3, "-o", one.out)
    assert "nothing is marked as damage in 1 of 1 (a.png), which is copied: see --mask-tolerance" in result.err


def test_what_is_passed_over_is_counted_and_named(one, inpaint):
    photos = one.folder / "photos"
    save(photos / "a.png", picture())
    for name in ("b.nef", "deep/c.psd", "notes.txt", ".hidden"):
        (photos / name).parent.mkdir(exist_ok=True)
        (photos / name).write_bytes(b"?")
    result = inpaint(photos, "-m", one.mask, "-o", photos / "out")
    assert result.code == 0
    assert result.out.splitlines()[-2:] == [
        "1 restored",
        "3 passed over, of a kind that is not read (save pictures among them as PNG, JPEG or TIFF): b.nef, deep/c.psd, "
        "notes.txt",
    ]
    (photos / "out" / "more.txt").write_text("a result's neighbour")
    assert "3 passed over" in inpaint(photos, "-m", one.mask, "-o", photos / "out").out
    result = inpaint(photos / "b.nef", "-m", one.mask, "-o", one.out)
    assert result.code == 2 and "is a camera's raw file: develop it" in result.err


def test_before_and_after_pictures_are_no_photographs(own, inpaint):
    arguments = ("-m", own / "masks")
    assert inpaint(own / "images", *arguments, "-o", own / "out", "--compare").code == 0
    save(own / "out" / "x.compare.jpg", picture(24, 40))  # of nothing: a photograph with such a name
    save(own / "masks" / "x.compare.png", hole(24, 40))
    result = inpaint(own / "out", *arguments, "-o", own / "again")
    assert result.code == 0 and "4 restored" in result.out
    assert "3 passed over, before/after pictures: a.png.compare.jpg, b.png.compare.jpg, deep/c.png" in result.out
    assert files(own / "again") == {"a.png", "b.png", "deep/c.png", "x.compare.jpg"}


@pytest.mark.parametrize("out", ["out", "."])
def test_earlier_results_that_a_link_leads_to_are_no_photographs(one, inpaint, out):
    save(one.folder / "photos" / "b.png", picture())
    (one.folder / "photos" / "up").symlink_to(one.folder)
    one.image.unlink()
    arguments = (one.folder / "photos", "-m", one.mask, "-o", one.folder / out)
    assert inpaint(*arguments).out.splitlines()[0] == "1 restored"
    before = files(one.folder)
    result = inpaint(*arguments, "--overwrite")
    assert result.out.splitlines()[0] == "1 restored"
    assert files(one.folder) == before
    assert ("1 passed over, the result of another" in result.out) == (out == ".")


def test_two_photographs_of_one_result_are_refused(own, inpaint):
    save(own / "images" / "a.bmp", picture(24, 40))
    result = inpaint(own / "images", "--mask-color", 1, 2, 3, "-o", own / "out")
    assert result.code != 0
    (complaint,) = sentences(result.err)
    assert "a.bmp" in complaint and "a.png" in complaint
    assert not (own / "out").exists()


def test_photographs_that_differ_in_suffix_alone_keep_theirs(one, inpaint):
    for name in ("a.png", "a.jpg"):
        save(one.folder / "photos" / name, picture())
    assert inpaint(one.folder / "photos", "-m", one.mask, "-o", one.folder / "out").code == 0
    assert files(one.folder / "out") == {"a.png", "a.jpg"}


def test_finished_results_are_skipped(own, inpaint):
    arguments = (own / "images", "-m", own / "masks", "-o", own / "out")
    assert inpaint(*arguments).code == 0
    (own / "out" / "b.png").unlink()
    finished = [own / "out" / "a.png", own / "out" / "deep" / "c.png"]
    before = state(*finished)
    result = inpaint(*arguments)
    assert result.code == 0
    assert "1 restored" in result.out + result.err and "2 skipped" in result.out + result.err
    assert state(*finished) == before
    result = inpaint(*arguments)
    assert "3 skipped" in result.out + result.err
    result = inpaint(*arguments, "--overwrite")
    assert "3 restored" in result.out + result.err
    assert [content for content, _ in state(*finished)] == [content for content, _ in before]
    assert all(now[1] > then[1] for now, then in zip(state(*finished), before, strict=True))


def test_one_result_that_exists_is_skipped_and_told(one, inpaint):
    one.out.write_text("mine")
    result = inpaint(one.image, "-m", one.mask, "-o", one.out)
    assert result.code == 0
    assert "skipped" in result.out + result.err and "--overwrite" in result.out + result.err
    assert one.out.read_text() == "mine"
    assert inpaint(one.image, "-m", one.mask, "-o", one.out, "--overwrite").code == 0
    check(picture(), load(one.out), hole())


def test_an_input_is_not_overwritten_unasked(one, inpaint, monkeypatch):
    link = one.folder / "link.png"
    link.symlink_to(one.image)
    before = state(one.image, one.mask)
    monkeypatch.chdir(one.folder)
    for out in (one.image, one.folder, ".", "a.png", "../one/a.png", link):
        result = inpaint(one.image, "-m", one.mask, "-o", out)
        assert result.code == 2 or "skipped" in result.out + result.err, out
        assert state(one.image, one.mask) == before, out
    for overwrite in ((), ("--overwrite",)):
        result = inpaint(one.image, "-m", one.mask, "-o", one.mask, *overwrite)  # never meant
        assert result.code == 2
        assert "m.png is a mask" in sentences(result.err)[0]
        assert state(one.mask) == before[1:]
    assert inpaint(one.folder, "-m", one.mask, "-o", one.folder).code == 2
    assert state(one.image, one.mask) == before
    assert inpaint(one.image, "-m", one.mask, "-o", one.image, "--overwrite").code == 0
    check(picture(), load(one.image), hole())


def test_a_folder_of_results_within_that_of_the_photographs(own, inpaint):
    for out in ("out", "deep/out"):
        arguments = (own / "images", "-m", own / "masks", "-o", own / "images" / out, "--compare")
        results = [inpaint(*arguments), inpaint(*arguments)]
        if results[0].code == 2:
            continue  # refusing is as good
        assert "3 restored" in results[0].out + results[0].err
        assert results[1].code == 0
        assert "3 skipped" in results[1].out + results[1].err
        assert len(files(own / "images" / out)) == 6
        shutil.rmtree(own / "images" / out)


def test_folders_that_contain_each_other(own, inpaint):
    """Results beside the folder of the photographs, and masks or results in it."""
    (own / "masks").rename(own / "images" / "masks")
    result = inpaint(own / "images", "-m", own / "images" / "masks", "-o", own)
    assert "3 restored" in result.out + result.err
    assert {"a.png", "b.png", "deep/c.png"} < files(own)
    assert not (own / "masks").exists()
    for name in ("b.png", "deep/c.png"):
        (own / "images" / name).unlink()
    save(own / "images" / "mask.png", hole(24, 40))
    shutil.rmtree(own / "images" / "masks")
    result = inpaint(own / "images", "-m", own / "images" / "mask.png", "-o", own / "images" / "out")
    assert "1 restored" in result.out + result.err
    assert files(own / "images" / "out") == {"a.png"}


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


def test_some_of_a_folder_fail_and_the_others_are_done(own, inpaint):
    (own / "images" / "a.png").write_bytes(b"no photograph")
    save(own / "masks" / "deep" / "c.gif", np.zeros((5, 5), bool))
    result = inpaint(own / "images", "-m", own / "masks", "-o", own / "out", "--compare")
    assert result.code == 1
    first, second = sentences(result.err)
    assert "a.png" in first and "c.png" in second
    assert "1 restored" in result.out + result.err and "2 failed" in result.out + result.err
    assert {name for name in files(own / "out") if "compare" not in name} == {"b.png"}
    assert len(files(own / "out")) == 2


def test_every_failure_is_named(one, inpaint):
    for number in range(30):
        (one.folder / "photos" / f"{number}.png").parent.mkdir(exist_ok=True)
        (one.folder / "photos" / f"{number}.png").write_bytes(b"no photograph")
    result = inpaint(one.folder / "photos", "-m", one.mask, "-o", one.folder / "out")
    assert result.code == 1
    assert "30 failed" in result.out + result.err
    assert len(sentences(result.err)) == 30
    assert not (one.folder / "out").exists()


def test_no_program_is_compiled_for_a_photograph(tmp_path, inpaint, programs):
    rng = np.random.default_rng(0)
    for number in range(30):
        height, width = rng.integers(20, 150, 2)
        folder = "few" if number < 10 else "many"
        save(tmp_path / folder / f"{number}.png", picture(height, width, channels=(1, 3)[number % 2], seed=number))
        mask = np.zeros((height, width), bool)
        for _ in range(3):
            y, x = rng.integers(0, height), rng.integers(0, width)
            mask[y : y + 3, x : x + 60] = True
        mask[-1] = False
        save(tmp_path / f"{folder}-masks" / f"{number}.png", mask)
    assert inpaint(tmp_path / "few", "-m", tmp_path / "few-masks", "-o", tmp_path / "out").code == 0
    result = inpaint(tmp_path / "many", "-m", tmp_path / "many-masks", "-o", tmp_path / "out")
    assert result.code == 0
    assert "20 restored" in result.out + result.err
    assert len(files(tmp_path / "out")) == 30
    assert 2 <= len(programs) <= len(WINDOWS)
