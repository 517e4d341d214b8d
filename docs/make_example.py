"""Makes the example of README: a photograph with scratches, the mask of them, and the picture of before and after.

    python docs/make_example.py

The photograph is `coffee` by Rachel Michetti (CC0). It comes inside scikit-image: nothing is downloaded.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np
from PIL import Image
from skimage import data

DOCS = Path(__file__).resolve().parent
SEED = 1
SCALE = 4  # scratches are drawn this many times larger, so that their edges are smooth
SCRATCHES = 9  # long ones, across a good part of the picture
NICKS = 12  # short and thin ones
EMULSION = np.array([246, 241, 228])  # RGB of bare paper


def wander(rng: np.random.Generator, points: int, smooth: int) -> np.ndarray:
    """Smooth noise of `points` values with a standard deviation of about 1."""
    noise = rng.standard_normal(points + 2 * smooth)
    window = np.hanning(smooth + 2)[1:-1]
    return np.convolve(noise, window / np.linalg.norm(window), "same")[smooth:-smooth]


def draw_scratch(rng: np.random.Generator, cover: np.ndarray, ends: np.ndarray, bend: float, width: float) -> None:
    """Draws one scratch into `cover`: bent, trembling, of varying width, thin at its ends and broken in places."""
    length = float(np.linalg.norm(ends[1] - ends[0]))
    points = max(8, int(length))
    t = np.linspace(0, 1, points)[:, None]
    along = (ends[1] - ends[0]) / length
    across = np.array([-along[1], along[0]])
    middle = ends.mean(0) + bend * length * across
    path = (1 - t) ** 2 * ends[0] + 2 * t * (1 - t) * middle + t**2 * ends[1]
    path += across * (0.15 * wander(rng, points, 5) + 0.9 * wander(rng, points, 61))[:, None]
    taper = np.minimum(1, 0.35 + 6 * np.minimum(t, 1 - t)[:, 0])
    widths = width * taper * np.clip(1 + 0.22 * wander(rng, points, 9), 0.5, 1.5)
    whole = wander(rng, points, 23) < 1.9  # the rest are breaks
    corners = np.rint(path * SCALE).astype(int)
    for start, end, size, drawn in zip(corners[:-1], corners[1:], widths, whole, strict=False):
        if drawn:
            cv2.line(cover, start.tolist(), end.tolist(), 1.0, max(1, round(size * SCALE)), cv2.LINE_8)


def scratches(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """How much of each pixel is scratched away: float [height, width] in [0, 1]."""
    cover = np.zeros((height * SCALE, width * SCALE), np.float32)
    size = np.array([width, height])
    for _ in range(SCRATCHES):
        centre, angle = rng.uniform(0.1, 0.9, 2) * size, rng.uniform(0, np.pi)
        reach = rng.uniform(0.15, 0.42) * size.max() * np.array([np.cos(angle), np.sin(angle)])
        ends = np.stack([centre - reach, centre + reach])
        draw_scratch(rng, cover, ends, rng.uniform(-0.18, 0.18), rng.choice([1.0, 1.4, 2.0, 3.0]))
    for _ in range(NICKS):
        centre, angle = rng.uniform(0, 1, 2) * size, rng.uniform(0, np.pi)
        reach = rng.uniform(4, 18) * np.array([np.cos(angle), np.sin(angle)])
        draw_scratch(rng, cover, np.stack([centre - reach, centre + reach]), rng.uniform(-0.2, 0.2), 1.1)
    cover = cv2.resize(cover, (width, height), interpolation=cv2.INTER_AREA)
    pale = cv2.GaussianBlur(cover, (0, 0), 0.8)  # the emulsion is thin beside a scratch
    return np.clip(np.maximum(0.95 * cover, 0.7 * pale), 0, 1)


def example() -> tuple[np.ndarray, np.ndarray]:
    """The scratched photograph, uint8 [H, W, 3], and where its mask is white, bool [H, W]."""
    photograph = data.coffee()
    cover = scratches(np.random.default_rng(SEED), *photograph.shape[:2])
    scratched = photograph + cover[..., None] * (EMULSION - photograph.astype(np.float32))
    # Generous: the mask covers the pale edges of a scratch, and what JPEG spreads around them.
    hole = cv2.dilate(np.uint8(cover > 0.02), cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (3, 3))) > 0
    return np.uint8(np.rint(scratched)), hole


def main() -> None:
    scratched, hole = example()
    Image.fromarray(scratched).save(DOCS / "scratched.jpg", quality=92)
    Image.fromarray(hole).save(DOCS / "scratched_mask.png")
    with tempfile.TemporaryDirectory() as folder:
        restored = Path(folder) / "restored.jpg"
        files = [DOCS / "scratched.jpg", "--mask", DOCS / "scratched_mask.png", "--out", restored]
        subprocess.run([sys.executable, "-m", "pconv_jax", "inpaint", *files, "--compare"], check=True)
        shutil.copyfile(f"{restored}.compare.jpg", DOCS / "restored.jpg")


if __name__ == "__main__":
    main()
