"""Makes the picture of docs/synthesis.md: a photograph, a broad hole, the bundled weights, and the refined result.

    python docs/make_synthesis.py VGG_WEIGHTS

The photograph is `chelsea` by Stéfan van der Walt (CC0). It comes inside scikit-image: nothing is downloaded.
"""

import sys
import warnings
from pathlib import Path

import numpy as np
from drawn_lines import lines
from PIL import Image
from skimage import data

import pconv_jax
from pconv_jax.synthesis.refine import open_vgg

DOCS = Path(__file__).resolve().parent
STROKES = [((40, 150), (90, 190)), ((150, 40), (205, 75))]  # (x, y) to (x, y)
WIDTH = 32


def main() -> None:
    image = np.ascontiguousarray(data.chelsea()[22:278, 60:316])
    hole = lines(*image.shape[:2], *((*ends, WIDTH) for ends in STROKES))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of broad holes: here they are meant
        inpainted = pconv_jax.inpaint(image, hole=hole)
    settings = pconv_jax.SynthesisSettings()
    refined = pconv_jax.refine(inpainted, hole=hole, vgg=open_vgg(sys.argv[1], settings), settings=settings)
    damaged = np.where(hole[..., None], np.uint8(255), image)
    Image.fromarray(np.hstack([image, damaged, inpainted, refined])).save(DOCS / "synthesis.jpg", quality=88)


if __name__ == "__main__":
    main()
