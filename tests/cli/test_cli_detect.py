"""The command `pconv-jax detect`: masks, and what is refused."""

import numpy as np
import pytest
from detectors import grown, scratched
from PIL import Image
from restoring import files, hole, load, picture, save, sentences, state

from pconv_jax import Detector
from pconv_jax.cli import detecting, finding
from pconv_jax.cli.jobs import plan
from pconv_jax.cli.main import main
from pconv_jax.common.programs import kept_programs
from pconv_jax.imaging import limits


def test_one_photograph(tmp_path, photos, detect):
    result = detect(photos.folder / "a.png", "-o", tmp_path / "m.png")
    assert result.code == 0 and "1 found damaged" in result.out
    mask = load(tmp_path / "m.png")
    assert mask.dtype == np.uint8
    np.testing.assert_array_equal(mask, 255 * grown(photos.lines["a.png"]))
    assert f"{mask.astype(bool).mean():.2%} damaged" in result.out


def test_programs_are_kept_for_the_next_command_with_one_photograph(
    tmp_path, photos, detect, without_cache, monkeypatch
):
    monkeypatch.setenv("PCONV_JAX_CACHE", str(tmp_path / "cache"))
    asked, kept = [], []
    monkeypatch.setattr(detecting, "kept_programs", lambda: asked.append(1) or kept_programs())
    for path, out in ((photos.folder / "a.png", "a.png"), (photos.folder / "c.tif", "c.png"), (photos.folder, "all/")):
        finding._detector.cache_clear()
        assert detect(path, "-o", f"{tmp_path}/{out}").code == 0
        files_now = (tmp_path / "cache" / "compiled").glob("programs-*/*")
        kept.append({file: file.stat().st_mtime_ns for file in files_now})
    assert sorted(file.suffix for file in kept[0]) == ["", ".json"]  # a program and a note
    assert kept[1] == kept[2] == kept[0]  # found again
    assert len(asked) == 2  # for several photographs JAX keeps programs, compiled to run fast
    (tmp_path / "all" / "a.png").unlink()
    assert detect(photos.folder, "-o", f"{tmp_path}/all/").code == 0 and len(asked) == 2  # also for the last of them


def test_looking_for_damage_needs_memory_too(tmp_path, photos, detect, inpaint, monkeypatch):
    save(tmp_path / "grey.png", picture(channels=1))
    height, width = load(tmp_path / "grey.png").shape
    monkeypatch.setattr(limits, "_SMALL", 0)
    needed = 20 * height * width  # bytes; to read it, 5 a pixel
    for command, flags in ((detect, ()), (detect, ("--best",)), (inpaint, ("--mask", "auto"))):
        for available, code in ((needed - 1, 1), (needed, 0)):
            monkeypatch.setattr(limits, "available_memory", lambda available=available: available)
            result = command(tmp_path / "grey.png", "-o", tmp_path / "m.png", "--overwrite", *flags)
            assert result.code == code
            if code:
                assert f"grey.png has {width} x {height}" in result.err
                assert "are available: make it smaller" in result.err
                assert not (tmp_path / "m.png").exists()
        (tmp_path / "m.png").unlink()
    monkeypatch.setattr(limits, "available_memory", lambda: 5 * height * width)
    assert detect(tmp_path / "grey.png", "-o", tmp_path / "m.png", "--max-megapixels", "1").code == 0


def test_a_mask_that_appears_meanwhile_is_not_replaced_unasked(tmp_path, photos, detect, monkeypatch):
    look, mask = finding.Finding.look, tmp_path / "m.png"

    def meanwhile(*arguments, **more):
        save(mask, hole())
        return look(*arguments, **more)

    monkeypatch.setattr(finding.Finding, "look", meanwhile)
    arguments = (photos.folder / "a.png", "-o", mask, "--preview", tmp_path / "p.png")
    result = detect(*arguments)
    assert result.code == 0 and f"{mask} was written meanwhile, by another" in result.out
    assert (load(mask) > 0).sum() == hole().sum() and not (tmp_path / "p.png").exists()
    assert detect(*arguments, "--overwrite").code == 0


def test_a_folder(photos, detect):
    before = state(*(photos.folder / name for name in photos.lines))
    result = detect(photos.folder, "-o", photos.out)
    assert result.code == 0
    assert files(photos.out) == {"a.png", "deep/b.png", "c.png"}
    assert result.out.splitlines()[-1] == "2 found damaged, 1 found undamaged"
    np.testing.assert_array_equal(load(photos.out / "a.png"), 255 * grown(photos.lines["a.png"]))
    assert (load(photos.out / "deep" / "b.png") > 0)[photos.lines["deep/b.jpg"]].all()
    assert not load(photos.out / "c.png").any()
    assert state(*(photos.folder / name for name in photos.lines)) == before


@pytest.mark.parametrize(
    ("given", "keep"), [("folder", "regions"), ("all that is in it", "regions"), ("folder", "a.gif")]
)
def test_what_it_writes_among_the_photographs_is_no_photograph(photos, detect, given, keep):
    root = photos.folder
    save(root / keep / "a.gif" if keep == "regions" else root / keep, np.zeros_like(photos.lines["a.png"]))
    places = {"--preview": "found", "--probabilities": "maps", "--keep": keep, "-o": "masks"}
    flags = [argument for flag, name in places.items() for argument in (flag, root / name)]
    for outcome in ("2 found damaged, 1 found undamaged", "3 skipped, since the mask exists"):
        result = detect(*([root] if given == "folder" else sorted(root.iterdir())), *flags)
        assert result.code == 0 and outcome in result.out
        assert files(root / "masks") == {"a.png", "c.png", "deep/b.png" if given == "folder" else "b.png"}


def test_more_looks_if_told(tmp_path, photos, detect):
    maps = {}
    for flags in ((), ("--best",)):
        place = tmp_path / f"p{len(flags)}.png"
        mask = tmp_path / f"m{len(flags)}.png"
        assert detect(photos.folder / "a.png", *flags, "-o", mask, "--probabilities", place).code == 0
        maps[flags] = load(place)
    found = Detector.from_pretrained(tmp_path / "pale.safetensors", best=True)(load(photos.folder / "a.png"))
    np.testing.assert_array_equal(maps["--best",], np.rint(255 * found.probability))
    assert (maps["--best",] != maps[()]).any()


def test_a_photograph_too_wide_for_a_preview_in_a_folder_gets_its_mask(photos, detect, monkeypatch):
    monkeypatch.setitem(detecting.LARGEST_SIDE, "JPEG", max(photos.lines["c.tif"].shape) - 1)
    result = detect(photos.folder / "c.tif", photos.folder / "a.png", "-o", photos.out, "--preview", photos.out / "p")
    assert result.code == 0 and (photos.out / "c.png").exists()
    assert "c.tif has no preview, as JPEG can have" in result.out
    assert "give it alone, with --preview FILE.png" in result.out


def test_finished_masks_are_skipped_until_they_are_to_be_replaced(photos, detect):
    detect(photos.folder, "-o", photos.out)
    (photos.out / "a.png").write_bytes(b"corrected by hand")
    result = detect(photos.folder, "-o", photos.out)
    assert result.code == 0 and "3 skipped, since the mask exists" in result.out
    assert (photos.out / "a.png").read_bytes() == b"corrected by hand"
    detect(photos.folder, "-o", photos.out, "--overwrite")
    assert load(photos.out / "a.png").any()


def test_no_photograph_marks_what_to_leave_alone_in_itself(tmp_path, photos, detect):
    """Its bright parts would be left alone, and scratches are bright."""
    save(photos.folder / "a_mask.png", hole())
    image, link = photos.folder / "a.png", tmp_path / "keep"
    link.symlink_to(photos.folder)
    for given, keep in ((photos.folder, photos.folder), (image, photos.folder), (image, image), (image, link)):
        result = detect(given, "-o", f"{photos.out}/", "--keep", keep)
        (complaint,) = sentences(result.err)
        assert result.code == 2 and not photos.out.exists()
        assert "a.png is the photograph itself: keep such files in a folder of their own" in complaint


@pytest.mark.parametrize("kind", ["grey", "16 bits", "grey and alpha", "colour and alpha"])
def test_photographs_of_other_kinds(tmp_path, detect, kind):
    damaged, line = scratched(picture())
    if kind == "16 bits":
        damaged = damaged.astype(np.uint16) * 257
    if kind.startswith("grey"):
        damaged = damaged[..., 0]
    if kind.endswith("alpha"):
        alpha = np.full(line.shape, 255, np.uint8)
        alpha[:, 16:] = 0
        damaged, line = np.dstack([damaged, alpha]), line & (alpha > 0)
    image = save(tmp_path / "x.png", damaged)
    preview = tmp_path / "v.jpg"
    assert detect(image, "-o", tmp_path / "m.png", "--preview", preview).code == 0
    assert (load(tmp_path / "m.png") > 0)[line].all()
    assert load(tmp_path / "m.png").astype(bool).sum() == grown(line).sum()
    assert load(preview).shape == (*line.shape, 3)


def test_what_to_keep_is_left_alone_whatever_else_is_asked_for(tmp_path, photos, detect):
    line = photos.lines["a.png"]
    keep = np.zeros_like(line)
    keep[:, 20:] = True
    region = save(tmp_path / "keep.png", keep)
    detect(photos.folder / "a.png", "-o", tmp_path / "m.png", "--keep", region, "--dilate", 3)
    mask = load(tmp_path / "m.png") > 0
    assert mask[line & ~keep].all() and not mask[keep].any()
    assert mask.sum() > grown(line)[:, :20].sum()


def test_a_folder_of_regions_to_keep_need_not_have_one_for_each(tmp_path, photos, detect):
    save(tmp_path / "keep" / "a.gif", np.ones_like(photos.lines["a.png"]))
    result = detect(photos.folder, "-o", photos.out, "--keep", tmp_path / "keep")
    assert result.code == 0
    assert not load(photos.out / "a.png").any() and load(photos.out / "deep" / "b.png").any()
    save(tmp_path / "keep" / "c.png", np.ones((3, 4), bool))
    none = save(tmp_path / "other" / "e_keep.png", np.ones_like(photos.lines["a.png"]))
    result = detect(photos.folder, "-o", photos.out, "--keep", none.parent, "--overwrite")
    assert result.code == 2 and "other has nothing for a.png, nor for any other photograph" in result.err
    result = detect(photos.folder, "-o", photos.out, "--keep", tmp_path / "keep", "--overwrite")
    (complaint,) = sentences(result.err)
    assert result.code == 1 and "has 4x3 pixels and the photograph 50x40: save it in that size" in complaint


def test_sensitivity_size_and_tones(tmp_path, photos, detect):
    pixels = load(photos.folder / "a.png").copy()
    pixels[pixels == 255] = 245  # the line: found with 0.975
    save(photos.folder / "a.png", pixels)
    for flags, found in (
        (("--sensitivity", 0.2), False),  # 0.992 is wanted
        (("--min-size", 49), False),
        (("--min-size", 48), True),
        (("--tones", "dark"), False),
        (("--tones", "pale"), True),
    ):
        detect(photos.folder / "a.png", "-o", tmp_path / "m.png", "--overwrite", *flags)
        assert load(tmp_path / "m.png").any() == found, flags


def test_too_much_damage_fails_and_the_others_do_not(photos, detect):
    save(photos.folder / "d.png", np.full((40, 50, 3), 255, np.uint8))
    result = detect(photos.folder, "-o", photos.out)
    (complaint,) = sentences(result.err)
    assert result.code == 1 and "d.png: 100.00% of it seems damaged, more than --max-damage 20%" in complaint
    assert files(photos.out) == {"a.png", "deep/b.png", "c.png"}
    assert grown(photos.lines["a.png"]).mean() == 0.078
    for most, code in (("8%", 0), ("0.08", 0), ("7%", 1), ("0.07", 1)):
        assert (
            detect(photos.folder / "a.png", "-o", photos.out / "x.png", "--overwrite", "--max-damage", most).code
            == code
        )


def test_damage_is_widened_by_as_much_as_the_flag_takes(photos, detect):
    assert detect(photos.folder / "a.png", "-o", photos.folder / "m.png", "--dilate", 100).code == 0
    assert load(photos.folder / "m.png").all()  # of some 50 px


def test_no_threshold_is_advised_where_there_is_none(photos, detect):
    region = save(photos.folder / "keep.gif", photos.lines["a.png"].astype(np.uint8))
    result = detect(photos.folder / "a.png", "-o", photos.folder / "m.png", "--keep", region)
    assert result.code == 1 and result.err.rstrip().endswith("multiply it by 255")


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        (("--sensitivity", 1), "--sensitivity is 1.0, but it must be above 0 and below 1"),
        (("--sensitivity", "nan"), "--sensitivity is nan"),
        (("--min-size", 0), "--min-size is 0 px, but it must be at least 1"),
        (("--tones", "grey"), "--tones is 'grey', but it must be one of both, pale, dark"),
        (("--max-damage", 20), "--max-damage is 20, but it must be a share such as 20% or 0.2"),
        (("--max-damage", "much"), "--max-damage is much"),
        (("--max-damage", "0%"), "--max-damage is 0%"),
        (("--max-damage", "nan"), "--max-damage is nan"),
        (("--keep", "nowhere.png"), "--keep nowhere.png does not exist"),
        (("--dilate", -1), "--dilate is -1 px"),
        (("--dilate", 101), "--dilate is 101 px, but it must lie between 0 and 100"),
        (("--max-megapixels", 0), "--max-megapixels is 0"),
        (("--preview", "v.webp"), "--preview v.webp must end in one of .png, .jpg, .jpeg, .jpe, .jfif"),
        (("--probabilities", "p.tif"), "--probabilities p.tif must end in one of .png"),
        (("--probabilities", "p"), "--probabilities p must end in one of .png"),
    ],
)
def test_flags_that_make_no_sense(photos, detect, flags, complaint):
    result = detect(photos.folder / "a.png", "-o", photos.folder / "m.png", *flags)
    assert result.code == 2 and complaint in result.err
    assert not (photos.folder / "m.png").exists()


@pytest.mark.parametrize("flag", ["--preview", "--probabilities"])
def test_what_a_format_cannot_hold_is_refused_before_damage_is_looked_for(tmp_path, detect, monkeypatch, flag):
    monkeypatch.setattr(finding.Finding, "look", None)
    wide = save(tmp_path / "wide.png", np.zeros((2, 65_501), np.uint8))
    result = detect(wide, "-o", tmp_path / "m.png", flag, tmp_path / "x.jpg")
    assert result.code == 1 and "x.jpg can have 65500 pixels a side, and the photograph has more" in result.err


def test_masks_are_png(photos, detect):
    result = detect(photos.folder / "a.png", "-o", photos.folder / "m.jpg")
    assert result.code == 2 and "m.jpg must end in .png: masks are written without loss" in result.err


def test_no_photograph_and_no_mask_is_ever_replaced(tmp_path, photos, detect):
    name = photos.folder / "a.png"
    keep = save(tmp_path / "keep.png", hole())
    before = state(name, keep)
    for more in (
        ("-o", name, "--overwrite"),
        ("-o", keep, "--keep", keep, "--overwrite"),
        ("-o", tmp_path / "m.png", "--preview", name),
        ("-o", tmp_path / "m.png", "--probabilities", name),
        ("-o", tmp_path / "m.png", "--preview", tmp_path / "m.png"),
        ("-o", tmp_path / "m.png", "--preview", keep, "--keep", keep),
        ("-o", tmp_path / "m.png", "--preview", tmp_path / "x.png", "--probabilities", tmp_path / "x.png"),
    ):
        result = detect(name, *more)
        assert result.code == 2 and len(sentences(result.err)) == 1, more
        assert "or give --overwrite" not in result.err  # it would not help
        assert state(name, keep) == before and not (tmp_path / "m.png").exists()
    (photos.folder / "c.tif").unlink()
    for more in (("--preview", photos.folder), ("--probabilities", photos.out)):  # deep/b.jpg, a.png
        result = detect(photos.folder, "-o", photos.out, *more)
        assert result.code == 2 and "would replace" in result.err
    assert not photos.out.exists() and state(name, keep) == before


def test_masks_among_the_photographs_are_no_photographs_the_next_time(photos, detect):
    (photos.folder / "a.png").unlink()
    for outcome in ("1 found undamaged, 1 found damaged", "2 skipped, since the mask exists"):
        result = detect(photos.folder, "-o", photos.folder)
        assert result.code == 0 and outcome in result.out
    assert "2 passed over, the result of another photograph" in result.out
    assert files(photos.folder) == {"c.tif", "c.png", "deep/b.jpg", "deep/b.png"}


def test_a_damaged_file_fails_and_the_others_do_not(photos, detect):
    (photos.folder / "a.png").write_bytes(b"no image")
    result = detect(photos.folder, "-o", photos.out)
    assert result.code == 1 and "a.png" in sentences(result.err)[0]
    assert files(photos.out) == {"deep/b.png", "c.png"}


def test_a_detector_that_is_none(photos, weights_of_nothing, capsys):
    result = main(["detect", str(photos.folder / "a.png"), "-o", str(photos.out / "m.png"), "--detector", "no such"])
    err = capsys.readouterr().err
    assert result in (1, 2) and "unknown detector 'no such'" in err and "Traceback" not in err
    result = main(["detect", str(photos.folder), "-o", str(photos.out) + "/", "--detector", str(weights_of_nothing)])
    err = capsys.readouterr().err
    assert result in (1, 2) and "cannot be read" in err and len(sentences(err)) == 1


@pytest.fixture
def weights_of_nothing(tmp_path):
    (tmp_path / "none.safetensors").write_bytes(b"nothing")
    return tmp_path / "none.safetensors"


def test_what_was_done_before_an_interrupt_is_reported(photos, detect, monkeypatch):
    (photos.folder / "0.png").write_bytes(b"no photograph")
    look, looked = finding.Finding.look, []

    def interrupted(*arguments, **more):
        if looked:
            raise KeyboardInterrupt
        looked.append(1)
        return look(*arguments, **more)

    monkeypatch.setattr(finding.Finding, "look", interrupted)
    result = detect(photos.folder, "-o", photos.out)
    assert result.code == 130 and f"failed: {photos.folder / '0.png'}" in result.err
    assert "1 failed, 1 found damaged" in result.out


def test_that_nobody_reads_on_is_no_fault_of_a_photograph(photos, monkeypatch):
    """As `pconv-jax detect ... | head` does."""

    def closed(*_, **__):
        raise BrokenPipeError

    monkeypatch.setattr("builtins.print", closed)
    jobs = plan([photos.folder], photos.out, None).jobs
    with pytest.raises(BrokenPipeError):
        detecting.detect_files(jobs, finding.Finding(), detecting.Extras(), into_folder=True)
    assert files(photos.out) == {"a.png"}


def test_what_a_mask_need_not_hold_is_not_said(tmp_path, detect):
    Image.fromarray(picture(channels=4), "CMYK").save(tmp_path / "inks.tif")
    result = detect(tmp_path / "inks.tif", "-o", tmp_path / "m.png")
    assert result.code == 0 and "CMYK" not in result.err


def test_so_many_pieces_are_named_as_perhaps_something_else(tmp_path, inpaint, monkeypatch):
    dots = np.zeros((200, 220), bool)
    dots[5::20, 5::20] = True  # 110 places on 0.044 megapixels are 2,500 a megapixel
    monkeypatch.setattr(finding.DamageMap, "hole", lambda *_, **__: dots.copy())
    save(tmp_path / "stars.png", picture(200, 220))
    said = f"{tmp_path / 'stars.png'}: damage was found in 2,500 places a megapixel, as in pictures of stars, text or"
    result = inpaint(tmp_path / "stars.png", "-m", "auto", "-o", tmp_path / "out.png", own_weights=True)
    assert result.code == 0 and said in result.out
    dots[:, 40:] = False  # 20 places
    result = inpaint(tmp_path / "stars.png", "-m", "auto", "-o", tmp_path / "out.png", "--overwrite", own_weights=True)
    assert result.code == 0 and "places" not in result.out
