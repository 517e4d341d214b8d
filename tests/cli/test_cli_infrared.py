"""`pconv-jax detect` and `inpaint --mask auto` of film scans whose infrared channel tells where the damage is."""

import numpy as np
import pytest
from restoring import check, load, save
from skimage import data

from experiments.infrared_scores import Film
from pconv_jax.cli import finding
from pconv_jax.detection.infrared import infrared_damage

SAID = "its infrared channel tells where damage is; with --no-infrared the detector does"


@pytest.fixture
def scan(tmp_path):
    """A scan, beside which its infrared channel lies."""
    made = Film(shift=1.0).scan(np.random.default_rng(0), data.coffee()[:200, :300])
    save(tmp_path / "scan_ir.tif", made.infrared)
    return save(tmp_path / "scan.tif", made.image), made


def test_the_channel_is_used_and_that_is_said(tmp_path, scan, inpaint):
    image, made = scan
    hole = infrared_damage(made.image, made.infrared).hole()
    result = inpaint(image, "--mask", "auto", "-o", tmp_path / "out.tif")
    assert result.code == 0 and f"{image}: {SAID}" in result.out
    check(load(image), load(tmp_path / "out.tif"), hole)


def test_nothing_is_found_in_what_is_transparent(tmp_path, scan, detect):
    _, made = scan
    alpha = np.full(made.infrared.shape, 65535, np.uint16)
    alpha[:, 150:] = 0
    image = save(tmp_path / "scan.tif", np.dstack([made.image, alpha]))
    result = detect(image, "-o", tmp_path / "mask.png")
    assert result.code == 0 and f"{image}: {SAID}" in result.out
    mask = load(tmp_path / "mask.png") > 0
    hole = infrared_damage(made.image, made.infrared).hole()
    np.testing.assert_array_equal(mask[:, :149], hole[:, :149])
    assert hole[:, 152:].any() and not mask[:, 152:].any()


def test_without_infrared_the_detector_looks(tmp_path, scan, detect, monkeypatch):
    image, _ = scan
    monkeypatch.setattr("pconv_jax.detection.infrared.infrared_damage", None)  # it would fail
    result = detect(image, "-o", tmp_path / "mask.png", "--no-infrared")
    assert result.code == 0 and SAID not in result.out and finding._detector.cache_info().currsize == 1


def test_finds_are_widened_by_one_disc(tmp_path, scan, detect):
    image, made = scan
    assert detect(image, "-o", tmp_path / "mask.png", "--dilate", 4).code == 0
    found = infrared_damage(made.image, made.infrared)
    expected = found.hole(finding.Choice(dilate=6))
    np.testing.assert_array_equal(load(tmp_path / "mask.png") > 0, expected)
