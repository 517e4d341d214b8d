"""The command `pconv-jax detect`: what is refused, what fails and what is said of it."""

import numpy as np
import pytest
from detectors import grown
from PIL import Image
from restoring import files, hole, picture, save, sentences, state

from pconv_jax.cli import detecting, finding
from pconv_jax.cli.jobs import plan
from pconv_jax.cli.main import main


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

    monkeypatch.setattr("pconv_jax.cli.summary._print", closed)
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


def test_of_places_that_infrared_light_shows_nothing_is_said():
    dots = np.zeros((200, 220), np.float32)
    dots[5::20, 5::20] = 1
    found = finding.DamageMap(dots, dots, np.full(dots.shape, 90, np.uint8))
    for notes, said in (([], 1), ([finding._INFRARED], 0)):
        hole = finding.Finding(min_size=1).hole(found, None, notes=notes)
        assert hole.any() and sum("2,500 places a megapixel" in note for note in notes) == said
