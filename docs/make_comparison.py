"""Makes the picture of the model card: the bundled weights beside classical methods, on lines of 1 to 24 px.

    python docs/make_comparison.py

The photographs come inside scikit-image: chelsea, coffee, camera, brick and grass are CC0, rocket and text in the
public domain, astronaut has no known copyright restrictions.
"""

import warnings
from pathlib import Path

import numpy as np
from drawn_lines import lines
from panels import labelled
from PIL import Image
from skimage import data

import pconv_jax
from pconv_jax.evaluation.classical import CLASSICAL_METHODS

DOCS = Path(__file__).resolve().parent
SIDE, SCALE = 96, 2
PLACES = (
    ("astronaut", 70, 170, 1),
    ("text", 10, 200, 3),
    ("chelsea", 60, 90, 5),
    ("rocket", 250, 185, 6),
    ("coffee", 190, 250, 8),
    ("brick", 100, 100, 12),
    ("camera", 380, 300, 16),
    ("grass", 200, 60, 24),
)
"""Photograph, top and left of the square, width of the lines, px."""
CLASSICAL = ("biharmonic", "fsr_fast", "fsr_best", "patchmatch")
WEIGHTS = ("faithful", "faithful-large", "sharp")


def main() -> None:
    rows = []
    for name, top, left, width in PLACES:
        pixels = getattr(data, name)()
        grey = pixels.ndim == 2
        pixels = np.stack([pixels] * 3, -1) if grey else pixels
        truth = pixels[top : top + SIDE, left : left + SIDE].astype(np.float32) / 255
        hole = lines(SIDE, SIDE, ((0, 60), (95, 25), width), ((20, 0), (62, 95), width))
        shown = {"photograph": truth, f"{width} px": np.where(hole[..., None], np.float32(1), truth)}
        for method in CLASSICAL:
            mask = (~hole)[None, ..., None].astype(np.float32)
            shown[method] = CLASSICAL_METHODS[method](truth[None], mask)[0]
        for weights in WEIGHTS:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # of broad holes: here they are meant
                inpainter = pconv_jax.Inpainter.from_pretrained(weights)
                shown[weights] = np.broadcast_to(inpainter(truth[..., :1] if grey else truth, hole=hole), truth.shape)
        rows.append(np.hstack([labelled(title, image, SCALE) for title, image in shown.items()]))
    Image.fromarray(np.vstack(rows)).save(DOCS / "comparison.jpg", quality=88)


if __name__ == "__main__":
    main()
