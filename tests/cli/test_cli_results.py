"""The results of the command: what is skipped, and what is never overwritten."""

import shutil

import numpy as np
import pytest
from PIL import Image
from restoring import check, files, hole, load, picture, save, sentences, state


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


def test_two_photographs_of_one_result_fail_and_the_others_do_not(own, inpaint):
    save(own / "images" / "a.bmp", picture(24, 40))
    result = inpaint(own / "images", "-m", own / "masks", "-o", own / "out")
    assert result.code == 1
    for complaint in sentences(result.err):
        assert "a.bmp" in complaint and "a.png" in complaint
    assert files(own / "out") == {"b.png", "deep/c.png"}


def test_two_photographs_of_one_result_in_a_folder_that_ignores_case_fail(one, inpaint, monkeypatch):
    from pconv_jax.common import same_names

    photos = [save(one.folder / name, picture()) for name in ("A/IMG.png", "B/img.png", "B/c.png")]
    out = one.folder / "out"
    arguments = (*photos, "-m", one.mask, "-o", out)
    with monkeypatch.context() as patch:
        patch.setattr(same_names, "ignored", lambda folder: (True, False))
        result = inpaint(*arguments)
        assert result.code == 1 and files(out) == {"c.png"}
        assert f"{photos[0]} and {photos[1]} would both be written to {out}" in result.err
        assert "1 restored, 2 failed" in result.out or "2 failed, 1 restored" in result.out
        own = inpaint(one.image, "-m", one.mask, "-o", one.folder / "M.png", "--overwrite")
        assert own.code == 2 and "M.png is a mask" in own.err
    assert inpaint(*arguments).code == 0 and files(out) == {"IMG.png", "img.png", "c.png"}


def test_photographs_that_differ_in_suffix_alone_keep_theirs(one, inpaint):
    for name in ("a.png", "a.jpg"):
        save(one.folder / "photos" / name, picture())
    assert inpaint(one.folder / "photos", "-m", one.mask, "-o", one.folder / "out").code == 0
    assert files(one.folder / "out") == {"a.png", "a.jpg"}


def test_results_of_another_suffix_among_the_photographs_are_no_photographs_the_next_time(one, inpaint):
    folder = one.folder / "photos"
    save(folder / "b.bmp", picture())
    save(folder / "a.ppm", picture())
    arguments = (folder, "-m", one.mask, "-o", folder)
    assert inpaint(*arguments).out.splitlines()[0] == "2 restored"
    before = files(folder)
    assert before == {"a.png", "a.ppm", "b.bmp", "b.png"}
    result = inpaint(*arguments)
    assert result.code == 0 and "2 skipped" in result.out
    assert "2 passed over, the result of another photograph" in result.out
    # They may be photographs of their own: none is replaced.
    kept = state(folder / "a.png", folder / "b.png")
    result = inpaint(*arguments, "--overwrite")
    assert result.code == 1 and "a.ppm and" in result.err and "would both be written to" in result.err
    assert state(folder / "a.png", folder / "b.png") == kept and files(folder) == before


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


@pytest.mark.parametrize("damaged", [True, False])
def test_a_result_that_appears_meanwhile_is_not_replaced_unasked(one, inpaint, monkeypatch, damaged):
    """By another process, or by a photograph whose name is the same to the folder; what is beside it is not written."""
    from pconv_jax.cli import one_photograph

    if not damaged:
        save(one.mask, np.zeros_like(hole()))
    read = one_photograph.read_photograph

    def meanwhile(path, **more):
        save(one.out, picture(seed=9))
        return read(path, **more)

    monkeypatch.setattr(one_photograph, "read_photograph", meanwhile)
    arguments = (one.image, "-m", one.mask, "-o", one.out, "--compare", "--receipt")
    result = inpaint(*arguments)
    assert result.code == 0 and "1 skipped, since the result was written meanwhile" in result.out
    assert f"{one.image}: {one.out} was written meanwhile, by another: --overwrite replaces it" in result.out
    np.testing.assert_array_equal(load(one.out), picture(seed=9))
    assert files(one.folder) == {"a.png", "m.png", "out.png"}
    assert inpaint(*arguments, "--overwrite").code == 0
    assert (load(one.out) == picture(seed=9)).mean() < 0.1


@pytest.mark.parametrize("finds", [True, False])
@pytest.mark.parametrize("what", ["depth", "transparency"])
def test_what_the_format_cannot_hold_is_refused_before_the_work(one, inpaint, monkeypatch, what, finds):
    from pconv_jax.cli.holes import Holes
    from pconv_jax.inpainting.inpainter import Inpainter

    deep = picture(dtype=np.uint16)
    image = save(one.folder / "b.tif", deep if what == "depth" else np.dstack([picture(), picture(channels=1)]))
    worked = []
    monkeypatch.setattr(Inpainter, "__call__", lambda *_, **__: worked.append(1))
    if finds:
        monkeypatch.setattr(Holes, "find", lambda *_, **__: worked.append(2))
    result = inpaint(image, "-m", "auto" if finds else one.mask, "-o", one.folder / "late.jpg")
    assert result.code == 1 and f"would lose {'depth' if what == 'depth' else 'the'}" in result.err
    assert not worked and files(one.folder) == {"a.png", "b.tif", "m.png"}


def test_an_input_is_not_overwritten_unasked(one, inpaint, monkeypatch):
    link = one.folder / "link.png"
    link.symlink_to(one.image)
    before = state(one.image, one.mask)
    monkeypatch.chdir(one.folder)
    for out in (one.image, one.folder, ".", "a.png", "../one/a.png", link):
        result = inpaint(one.image, "-m", one.mask, "-o", out)
        assert result.code == 2, out
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


def test_a_grey_scan_in_three_channels_gets_no_tint(one, inpaint):
    """By the curve for linear light, which is of floating point, too."""
    grey = np.repeat(picture(channels=1, dtype=np.uint16)[..., None], 3, axis=2)
    image = save(one.folder / "grey.tif", grey)
    for flags in ((), ("--linear",)):
        out = one.folder / f"out{len(flags)}.tif"
        assert inpaint(image, "-m", one.mask, "-o", out, *flags).code == 0
        check(grey, load(out), hole())
        assert (np.ptp(load(out), axis=2) == 0).all()


@pytest.mark.filterwarnings("always")
@pytest.mark.parametrize("suffix", [".tif", ".png"])
def test_a_file_that_is_copied_loses_nothing(one, inpaint, suffix):
    inks, out = one.folder / "inks.tif", one.folder / f"copy{suffix}"
    Image.fromarray(picture(channels=4), "CMYK").save(inks)
    save(one.mask, np.zeros_like(hole()))
    result = inpaint(inks, "-m", one.mask, "-o", out)
    assert result.code == 0 and ("its CMYK colours are converted to sRGB" in result.err) == (suffix == ".png")
    assert (out.read_bytes() == inks.read_bytes()) == (suffix == ".tif")
