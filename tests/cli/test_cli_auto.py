"""`pconv-jax inpaint --mask auto`: damage is found and restored, and nothing else changes."""

import hashlib

import numpy as np
import pytest
from detectors import grown, pale_detector, scratched
from restoring import check, files, hole, load, picture, receipt_of, save, sentences

from pconv_jax import Detector
from pconv_jax.checkpoints.detector_file import save_detector
from pconv_jax.cli import finding, restoring
from pconv_jax.inpainting.inpainter import Inpainter


@pytest.fixture
def auto(tmp_path, inpaint):
    """Restores with the detector of pale pixels."""
    finding._detector.cache_clear()
    save_detector(tmp_path / "pale.safetensors", pale_detector())
    return lambda *arguments: inpaint(*arguments, "--detector", tmp_path / "pale.safetensors")


@pytest.fixture
def damaged(tmp_path):
    return save(tmp_path / "photos" / "a.png", scratched(picture())[0])


LINE = scratched(picture())[1]


@pytest.mark.parametrize("flags", [("--mask", "auto"), ("-m", "auto"), ("--auto",), ("--auto", "--mask", "auto")])
def test_what_is_found_is_restored_and_nothing_else(tmp_path, damaged, auto, flags):
    result = auto(damaged, *flags, "-o", tmp_path / "out.png")
    said = f"{damaged}: {grown(LINE).mean():.2%} replaced\n"
    assert result.code == 0 and result.out.startswith(f"{said}1 restored")
    check(load(damaged), load(tmp_path / "out.png"), grown(LINE))


def test_a_receipt_names_the_detector(tmp_path, damaged, auto):
    assert auto(damaged, "--mask", "auto", "-o", tmp_path / "out.png", "--receipt").code == 0
    detector = tmp_path / "pale.safetensors"
    digest = hashlib.sha256(detector.read_bytes()).hexdigest()
    assert receipt_of(tmp_path / "out.png")["detector"] == {"name": str(detector), "sha256": digest}


def test_programs_for_one_photograph_are_kept_for_the_next_command(tmp_path, damaged, auto, without_cache, monkeypatch):
    monkeypatch.setenv("PCONV_JAX_CACHE", str(tmp_path / "cache"))
    asked, kept = [], []

    class Recording(restoring.Inpainter):
        def __init__(self, *arguments, few_sizes, **rest):
            asked.append(few_sizes)
            super().__init__(*arguments, few_sizes=few_sizes, **rest)

    monkeypatch.setattr(restoring, "Inpainter", Recording)
    for name in ("first.png", "second.png"):
        finding._detector.cache_clear()
        assert auto(damaged, "--mask", "auto", "-o", tmp_path / name).code == 0
        kept.append({path: path.stat().st_mtime_ns for path in (tmp_path / "cache").rglob("*") if path.is_file()})
    assert sorted(path.suffix for path in kept[0]) == ["", "", ".json", ".json"]  # of both networks: program and note
    assert kept[1] == kept[0] and asked == [True, True]
    np.testing.assert_array_equal(load(tmp_path / "first.png"), load(tmp_path / "second.png"))


def test_more_looks_if_told(tmp_path, damaged, auto, monkeypatch):
    looked = []

    class Recording(Detector):
        def __call__(self, *arguments, **flags):
            looked.append(self.best)
            return super().__call__(*arguments, **flags)

    monkeypatch.setattr("pconv_jax.detection.detector.Detector", Recording)
    for number, flags in enumerate(((), ("--best",))):
        assert auto(damaged, "--mask", "auto", *flags, "-o", tmp_path / f"{number}.png").code == 0
    assert looked == [False, True]


def test_several_photographs_use_all_sizes_of_windows(own, inpaint, monkeypatch):
    asked = []
    monkeypatch.setattr(restoring, "Inpainter", lambda network, **flags: asked.append(flags) or Inpainter(network))
    arguments = (own / "images", "-m", own / "masks", "-o", own / "out")
    assert inpaint(*arguments).code == 0
    (own / "out" / "b.png").unlink()  # as if it had been interrupted before the last one
    result = inpaint(*arguments)
    assert result.code == 0 and "1 restored" in result.out
    assert [(flags["few_sizes"], flags["programs"]) for flags in asked] == [(False, None)] * 2


def test_a_folder_named_auto(tmp_path, damaged, inpaint, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save(tmp_path / "auto" / "a.png", hole())
    result = inpaint(damaged, "--mask", "./auto", "-o", "out.png")
    assert result.code == 0 and result.out.startswith("1 restored")
    check(load(damaged), load(tmp_path / "out.png"), hole())


def test_what_a_mask_marks_is_added(tmp_path, damaged, auto):
    other = np.zeros_like(LINE)
    other[25:28, 8:40] = True
    mask = save(tmp_path / "m.png", other)
    assert auto(damaged, "--mask", mask, "--auto", "-o", tmp_path / "out.png").code == 0
    check(load(damaged), load(tmp_path / "out.png"), grown(LINE) | other)


def test_holes_in_the_transparency_are_added(tmp_path, auto):
    alpha = np.full(LINE.shape, 255, np.uint8)
    alpha[25:28, 8:40] = 0
    image = save(tmp_path / "x.png", np.dstack([scratched(picture())[0], alpha]))
    assert auto(image, "--mask-alpha", "--auto", "-o", tmp_path / "out.png").code == 0
    check(load(image)[..., :3], load(tmp_path / "out.png"), grown(LINE) | (alpha == 0))


def test_what_is_to_be_kept_stays_to_the_bit(tmp_path, damaged, auto):
    keep = np.zeros_like(LINE)
    keep[:, 30:] = True  # where the line ends, so that it would be widened into it
    region = save(tmp_path / "keep.png", keep)
    assert auto(damaged, "--auto", "--keep", region, "--dilate", 2, "-o", tmp_path / "out.png").code == 0
    before, after = load(damaged), load(tmp_path / "out.png")
    np.testing.assert_array_equal(after[keep], before[keep])
    around = grown(LINE, 2) & ~LINE & ~keep  # the network of the tests may make white of the white line
    assert (after[around] != before[around]).mean() > 0.5


def test_a_folder_in_which_one_shows_no_damage(tmp_path, damaged, auto):
    clean = save(damaged.parent / "b.png", picture(seed=1))
    result = auto(damaged.parent, "--mask", "auto", "-o", tmp_path / "out")
    assert result.code == 0 and files(tmp_path / "out") == {"a.png", "b.png"}
    assert (tmp_path / "out" / "b.png").read_bytes() == clean.read_bytes()
    assert "no damage was found; see --sensitivity" in result.err and "b.png" in result.err


def test_too_much_damage_is_refused(tmp_path, damaged, auto):
    result = auto(damaged, "--mask", "auto", "--max-damage", "3%", "-o", tmp_path / "out.png")
    (complaint,) = sentences(result.err)
    assert result.code == 1 and f"{grown(LINE).mean():.2%} of it seems damaged, more than --max-damage 3%" in complaint
    assert not (tmp_path / "out.png").exists()


@pytest.mark.parametrize(
    "flags",
    [
        ("--sensitivity", 0.4),
        ("--min-size", 5),
        ("--tones", "dark"),
        ("--keep", "m.png"),
        ("--max-damage", "10%"),
        ("--detector", "other"),
    ],
)
def test_flags_that_go_with_auto_alone(one, inpaint, flags):
    result = inpaint(one.image, "-m", one.mask, "-o", one.out, *flags)
    (complaint,) = sentences(result.err)
    assert result.code == 2 and flags[0] in complaint and "go with --mask auto: leave them out" in complaint


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        (("--mask", "auto", "--sensitivity", 2), "--sensitivity is 2.0"),
        (("--mask", "auto", "--max-damage", "200%"), "--max-damage is 200%"),
        (("--mask", "auto", "--invert-mask"), "--invert-mask, --mask-threshold and --resize-mask go with --mask MASK"),
        (
            ("--auto", "--mask-alpha", "--mask-color", 1, 2, 3),
            "--mask-alpha and --mask-color both say where the holes are",
        ),
        (("--mask", "m.png", "--mask-alpha"), "--mask and --mask-alpha both say where the holes are: give one of them"),
        (("--mask-alpha", "--keep-detail"), "--keep-detail needs what the damage looks like"),
        (("--mask", "auto", "--keep-detail", "--estimate"), "--estimate expects damage that nothing shows through"),
        ((), "--mask auto, which finds the damage"),
    ],
)
def test_flags_that_make_no_sense(one, inpaint, flags, complaint):
    result = inpaint(one.image, *flags, "-o", one.out)
    assert result.code == 2 and complaint in result.err


def test_a_detector_that_is_none_is_reported_once(tmp_path, damaged, inpaint):
    save(damaged.parent / "b.png", hole())
    result = inpaint(damaged.parent, "--auto", "--detector", "no such", "-o", tmp_path / "out")
    assert result.code == 2 and result.err.count("unknown detector 'no such'") == 1
