"""What the bundled files reach on photographs of scikit-image: a change that makes their results worse fails here.

The literals were measured. Whoever changes weights, the fill or the rules of detection on purpose measures them again.
"""

import numpy as np
import pytest

import pconv_jax
from pconv_jax.checkpoints.bundled import bundled_detectors, bundled_weights
from pconv_jax.data import SamplesSource
from pconv_jax.detection.damage_map import Choice
from pconv_jax.evaluation.detection import count
from pconv_jax.evaluation.detection_cases import damaged, rows
from pconv_jax.masks import random_strokes
from pconv_jax.masks.film_damage import UNSEEN

SIZE = 128
NARROW, BROAD, CENTRE = (1, 3), (2, 8), None  # widths of strokes, px; the square in the middle
PSNR = {  # dB in the holes
    "faithful": (BROAD, 26.96),
    "faithful-large": (BROAD, 27.26),
    "sharp": (BROAD, 27.15),
    "paper-flowers": (NARROW, 27.10),
    "paper-dtd": (NARROW, 23.82),
    "paper-celeba": (NARROW, 27.52),
    "liu-celeba": (NARROW, 25.31),
    "pathak-celeba": (CENTRE, 14.12),
}
DETECTORS = {"film": (0.384, 0.549, 0.286)}  # mean Jaccard, the same from probability 0.5 on, % found without damage


@pytest.fixture(scope="module")
def photographs() -> list[np.ndarray]:
    """Parts of the test photographs, a cat, coffee, coins and gravel in turn at first, uint8 `[128, 128, 3]`."""
    source = SamplesSource("test")
    return [np.asarray(source[index]) for index in range(20)]


def hole(seed: int, thickness: tuple[int, int] | None) -> np.ndarray:
    if thickness is not None:
        return random_strokes(np.random.default_rng(seed), SIZE, SIZE, count=(6, 6), thickness=thickness)[..., 0] == 0
    centre = np.zeros((SIZE, SIZE), bool)
    centre[32:96, 32:96] = True
    return centre


@pytest.mark.parametrize("name", sorted(bundled_weights()))
def test_psnr_in_the_holes(name, photographs):
    thickness, expected = PSNR[name]
    error, pixels = 0.0, 0
    for seed, image in enumerate(photographs[:4]):
        inside = hole(seed, thickness)
        inpainted = pconv_jax.inpaint(np.where(inside[..., None], 0, image), hole=inside, weights=name)
        assert (inpainted == image)[~inside].all()
        error += np.square(inpainted[inside].astype(float) - image[inside]).sum()
        pixels += 3 * np.count_nonzero(inside)
    assert 10 * np.log10(255**2 * pixels / error) == pytest.approx(expected, abs=0.03)


@pytest.mark.parametrize("name", sorted(bundled_detectors()))
def test_detections(name, photographs):
    """Over drawn damage of every kind and width, one piece a photograph, and over the same photographs without it."""
    detector, smooth = pconv_jax.Detector.from_pretrained(name), [x for i, x in enumerate(photographs) if i % 4 != 3]
    cautious, half = Choice(dilate=0), Choice(sensitivity=0.999, dilate=0)
    cases = [row for row in rows(with_maps=False) if row.table in ("kind", "width")]
    assert len(cases) == len(smooth) == 15
    jaccard, clean = {cautious: [], half: []}, []
    for place, (row, image) in enumerate(zip(cases, smooth, strict=True)):
        laid = damaged(image, row, seed=(place,))
        found = detector(laid.image)
        for choice, scores in jaccard.items():
            counts = count(found.hole(choice), laid.visible, (True,), ignored=laid.truth == UNSEEN)
            scores.append(counts.jaccard[0])
        clean.append(detector(image).hole(cautious).mean())
    measured = (np.mean(jaccard[cautious]), np.mean(jaccard[half]), 100 * np.mean(clean))
    assert measured == pytest.approx(DETECTORS[name], abs=0.01)
