"""Makes the pictures of docs/how-it-works.md with the code that they explain.

    python docs/make_how_it_works.py

The photographs come inside scikit-image: chelsea and coffee are CC0, astronaut has no known copyright restrictions.
"""

from pathlib import Path

import jax.numpy as jnp
import numpy as np
from drawn_lines import lines
from flax import nnx
from panels import in_a_row, labelled
from PIL import Image, ImageDraw
from skimage import data

import pconv_jax
from pconv_jax.inpainting.windows import GRID, WINDOWS, choose_windows
from pconv_jax.models.fill import pyramid_fill

DOCS = Path(__file__).resolve().parent
QUALITY = 88
COLOUR = np.array([255, 0, 160]) / 255  # of what is replaced, as in the previews of `pconv-jax detect`


def whitened(image: np.ndarray, hole: np.ndarray) -> np.ndarray:
    return np.where(hole[..., None], np.float32(1), image)


def one_convolution() -> None:
    """A mean over 7x7 px beside a hole, by an ordinary and by a partial convolution."""
    image = data.chelsea()[60:156, 120:216].astype(np.float32) / 255
    hole = lines(*image.shape[:2], ((0, 70), (95, 20), 3), ((25, 0), (60, 95), 12))
    mask = jnp.asarray(~hole, jnp.float32)[None, ..., None]
    mean = jnp.full((7, 7, 1, 3), 1 / 49)  # each colour by itself
    ordinary, _ = pconv_jax.partial_conv(image[None] * mask, jnp.ones_like(mask), mean, feature_groups=3)
    partial, updated = pconv_jax.partial_conv(image[None], mask, mean, feature_groups=3)
    panels = {
        "image, hole": whitened(image, hole),
        "ordinary": np.asarray(ordinary[0]),
        "partial": whitened(np.asarray(partial[0]), np.asarray(updated[0, ..., 0]) == 0),
        "mask": np.asarray(mask[0, ..., 0]),
        "updated mask": np.asarray(updated[0, ..., 0]),
    }
    save([labelled(title, panel, 2) for title, panel in panels.items()], "how_partial_conv.jpg")


def closing_holes() -> None:
    """The mask after each stage of the paper's encoder."""
    side = 128
    hole = lines(
        side, side, ((10, 0), (22, side - 1), 4), ((46, 0), (58, side - 1), 16), ((95, 0), (100, side - 1), 40)
    )
    valid = jnp.asarray(~hole, jnp.float32)[None, ..., None]
    x = jnp.zeros((1, side, side, 3))
    panels = [labelled(f"{side} px", np.asarray(valid[0, ..., 0]))]
    # Masks do not depend on the number of channels.
    encoder = pconv_jax.PaperConfig(widths=(1, 1, 1, 1)).build(rngs=nnx.Rngs(0)).encoder
    for stage, (first, down) in enumerate(encoder, 1):
        x, valid = down(*first(x, valid))
        panels.append(labelled(f"stage {stage}: {valid.shape[1]} px", np.asarray(valid[0, ..., 0]), 2**stage))
    in_a_row(panels).quantize(16).save(DOCS / "how_mask_update.png", optimize=True)


def fill_and_correction() -> None:
    """What the cheap fill makes of a hole, and what the bundled network adds."""
    image = data.coffee()[60:156, 300:396].astype(np.float32) / 255
    hole = lines(*image.shape[:2], ((0, 40), (95, 62), 8), ((60, 0), (20, 95), 8))
    mask = (~hole)[None, ..., None].astype(np.float32)
    fill = np.asarray(pyramid_fill(image[None], mask)[0])
    inpainted = pconv_jax.inpaint(image, hole=hole)
    panels = {
        "image, hole": whitened(image, hole),
        "fill": fill,
        "correction x 4": 0.5 + 4 * (inpainted - fill),
        "result": inpainted,
        "original": image,
    }
    save([labelled(title, panel, 2) for title, panel in panels.items()], "how_fill.jpg")


def windows() -> None:
    """The windows of a photograph, and the blocks that are replaced in each."""
    image = data.astronaut().astype(np.float32) / 255
    hole = lines(*image.shape[:2], ((30, 60), (210, 20), 2), ((330, 300), (490, 505), 10), ((60, 400), (66, 440), 2))
    around = max(WINDOWS) // 8  # windows reach beyond the photograph
    canvas = np.pad(whitened(image, hole), ((around, around), (around, around), (0, 0)), constant_values=0.5)
    chosen = choose_windows(hole, WINDOWS)
    for window in chosen:
        for row, column in np.argwhere(window.blocks):
            top, left = window.top + GRID * row + around, window.left + GRID * column + around
            canvas[top : top + GRID, left : left + GRID] *= 0.6
            canvas[top : top + GRID, left : left + GRID] += 0.4 * COLOUR
    picture = Image.fromarray(np.rint(255 * canvas).astype(np.uint8))
    draw = ImageDraw.Draw(picture)
    for window in chosen:
        top, left = window.top + around, window.left + around
        draw.rectangle((left, top, left + window.size - 1, top + window.size - 1), outline="white", width=2)
        draw.text((left + 5, top + 3), f"{window.size} px", fill="white")
    picture.save(DOCS / "how_windows.jpg", quality=QUALITY)


def detector() -> None:
    """A scratched photograph, the probability of damage, and what would be replaced at two sensitivities."""
    image = np.asarray(Image.open(DOCS / "scratched.jpg"))[60:260, 60:310]
    found = pconv_jax.detect(image)
    pixels = image.astype(np.float32) / 255
    panels = {"photograph": pixels, "probability of damage": found.probability}
    for sensitivity in (0.5, 0.9):
        hole = found.hole(pconv_jax.Choice(sensitivity=sensitivity))
        panels[f"replaced at {sensitivity}"] = np.where(hole[..., None], 0.25 * pixels + 0.75 * COLOUR, pixels)
    save([labelled(title, panel) for title, panel in panels.items()], "how_detector.jpg")


def save(panels: list[np.ndarray], name: str) -> None:
    in_a_row(panels).save(DOCS / name, quality=QUALITY)


def main() -> None:
    one_convolution()
    closing_holes()
    fill_and_correction()
    windows()
    detector()


if __name__ == "__main__":
    main()
