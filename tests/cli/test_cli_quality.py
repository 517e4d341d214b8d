"""`pconv-jax inpaint --best`, `--grain` and `--keep-detail`: what changes, and what is refused."""

import numpy as np
import pytest
import skimage.data
from restoring import load, save, sentences


@pytest.fixture
def noisy(one):
    """A photograph that is large enough to measure its grain, and its mask."""
    rng = np.random.default_rng(0)
    picture = np.clip(rng.normal(120, 12, (200, 220, 3)), 0, 255).astype(np.uint8)
    hole = np.zeros((200, 220), bool)
    hole[60:66, 20:90] = True
    save(one.image, picture)
    save(one.mask, hole)
    return picture, hole


@pytest.mark.parametrize("flags", [("--best",), ("--grain", "auto"), ("--grain", "0.5"), ("--keep-detail",)])
def test_holes_come_out_otherwise_and_nothing_else_changes(one, inpaint, noisy, flags):
    picture, hole = noisy
    if "--best" in flags:  # of noise the network sees too little to come out otherwise
        picture = skimage.data.coffee()[100:300, 100:320]
        save(one.image, picture)
    assert inpaint(one.image, "-m", one.mask, "-o", one.folder / "plain.png", own_weights=True).code == 0
    result = inpaint(one.image, "-m", one.mask, "-o", one.out, *flags, own_weights=True)
    assert result.code == 0 and sentences(result.err) == []
    changed, plain = load(one.out), load(one.folder / "plain.png")
    np.testing.assert_array_equal(changed[~hole], picture[~hole])
    assert (changed[hole] != plain[hole]).mean() > 0.3
    if "auto" in flags:
        assert changed[hole].std() == pytest.approx(12, rel=0.15) and plain[hole].std() < 8


@pytest.mark.filterwarnings("always")
def test_too_little_to_measure_grain_is_told_with_the_name(one, inpaint):
    result = inpaint(one.image, "-m", one.mask, "-o", one.out, "--grain", "auto")
    assert result.code == 0
    assert f"{one.image}: there is too little around the holes to measure grain, so none is added" in result.err


@pytest.mark.parametrize("grain", ["1.5", "-1", "nan", "much"])
def test_grain_that_cannot_be_is_refused(one, inpaint, grain):
    result = inpaint(one.image, "-m", one.mask, "-o", one.out, f"--grain={grain}")
    assert result.code == 2 and grain in result.err and "auto" in result.err
    assert not one.out.exists()
