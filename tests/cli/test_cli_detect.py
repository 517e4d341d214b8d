"""The command `pconv-jax detect`: masks."""

import numpy as np
import pytest
from detectors import grown, scratched
from restoring import files, hole, load, picture, save, sentences, state

from pconv_jax import Detector
from pconv_jax.cli import detecting, finding
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


def test_damage_is_widened_by_as_much_as_the_flag_takes(photos, detect):
    assert detect(photos.folder / "a.png", "-o", photos.folder / "m.png", "--dilate", 100).code == 0
    assert load(photos.folder / "m.png").all()  # of some 50 px


def test_masks_among_the_photographs_are_no_photographs_the_next_time(photos, detect):
    (photos.folder / "a.png").unlink()
    for outcome in ("1 found undamaged, 1 found damaged", "2 skipped, since the mask exists"):
        result = detect(photos.folder, "-o", photos.folder)
        assert result.code == 0 and outcome in result.out
    assert "2 passed over, the result of another photograph" in result.out
    assert files(photos.folder) == {"c.tif", "c.png", "deep/b.jpg", "deep/b.png"}
