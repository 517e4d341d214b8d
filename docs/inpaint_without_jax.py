"""Restores a photograph from a file of ONNX, without JAX and without this project: NumPy, Pillow and onnxruntime.

    python -m experiments.export faithful faithful.onnx --format onnx      # where pconv_jax is installed
    pip install numpy pillow onnxruntime
    python inpaint_without_jax.py faithful.onnx photo.jpg mask.png restored.png

White in the mask is damage. The network fills the holes cheaply first: that is part of the file. The photograph is
computed in squares of 384 px, those with damage only; the network sees 64 px around each.
"""

import sys
from collections.abc import Iterator

import numpy as np
import onnxruntime
from PIL import Image, ImageOps

CORE = 384  # px; the squares that are restored one after the other
MARGIN = 64  # px; what is seen around each of them. Both are multiples of 16, as the grid of the network is.


def main(model: str, photo: str, mask: str, out: str) -> None:
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    picture = ImageOps.exif_transpose(Image.open(photo))  # upright, as viewers show it and the mask is drawn
    if picture.mode not in ("L", "RGB", "P") or "transparency" in picture.info:
        sys.exit(f"{photo} has mode {picture.mode}: save it with 8 bits, in RGB or grey, without transparency")
    photograph = np.asarray(picture.convert("RGB"))
    hole = np.asarray(ImageOps.exif_transpose(Image.open(mask)).convert("L")) > 127
    if hole.shape != photograph.shape[:2]:
        sys.exit(
            f"the mask is {hole.shape[::-1]} px and the photograph {photograph.shape[1::-1]}: draw it on the photograph"
        )
    if hole.all():
        sys.exit("all of the photograph is hole: there is nothing to restore it from")
    Image.fromarray(inpaint(session, photograph, hole)).save(out)
    print(f"restored {hole.mean():.1%} of {photo} as {out}")


def inpaint(session: onnxruntime.InferenceSession, photograph: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """Returns `photograph`, uint8 [H, W, 3], with `hole`, bool [H, W], inpainted; all other pixels are the same."""
    restored = photograph.copy()
    for core, seen in squares(*hole.shape):
        if not hole[core].any():
            continue
        image = photograph[seen][None] / np.float32(255)
        mask = np.float32(~hole[seen])[None, ..., None]  # 1 = valid, 0 = hole
        if hole[seen].all():
            rows, columns = core
            print(
                f"rows {rows.start} to {rows.stop}, columns {columns.start} to {columns.stop} are so far inside the "
                "hole that nothing around them is seen: they are made up",
                file=sys.stderr,
            )
        output = session.run(["restored"], {"image": image, "mask": mask})[0][0]
        rows, columns = (
            slice(own.start - around.start, own.stop - around.start) for own, around in zip(core, seen, strict=True)
        )
        restored[core][hole[core]] = np.rint(255 * output[rows, columns][hole[core]]).astype(np.uint8)
    return restored


def squares(height: int, width: int) -> Iterator[tuple[tuple[slice, slice], tuple[slice, slice]]]:
    """Rows and columns of each square, and of what is seen with it."""
    for top in range(0, height, CORE):
        for left in range(0, width, CORE):
            sides = ((top, height), (left, width))
            own_rows, own_columns = (slice(first, min(first + CORE, end)) for first, end in sides)
            rows, columns = (slice(max(0, first - MARGIN), min(first + CORE + MARGIN, end)) for first, end in sides)
            yield (own_rows, own_columns), (rows, columns)


if __name__ == "__main__":
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    main(*sys.argv[1:])
