"""Restoring whole photographs with the weights that come along: time and memory, by size of the photograph."""

import functools
import math
import sys
from collections.abc import Callable

import numpy as np

from experiments.performance.options import Options
from experiments.performance.table import Cell, Table
from experiments.performance.timing import in_fresh_process, interleave, peak_mib
from pconv_jax.data import open_source
from pconv_jax.inpainting.inpainter import Inpainter
from pconv_jax.inpainting.windows import WINDOWS, choose_windows
from pconv_jax.masks import random_strokes

RESTORER = "this package"
METHODS = (RESTORER, "OpenCV Navier-Stokes", "OpenCV Telea", "scikit-image biharmonic")
_DAMAGE = 0.02  # share of the pixels
_PATCH = 512  # px; strokes are drawn in patches of this side
_THICKNESS = (2, 16)  # px, whatever the size: scratches of a scan
_QUICK = 1  # megapixels; larger photographs are restored once, for some methods take minutes
_WARM = 200  # px; an image to load libraries and compile with
Repair = Callable[[np.ndarray, np.ndarray], np.ndarray]


def run(options: Options) -> list[Table]:
    """Measures each method at each size."""
    rows: list[dict[str, Cell]] = []
    notes = []
    for megapixels in options.megapixels:
        print(f"restoring: {megapixels:g} megapixels", file=sys.stderr, flush=True)
        image, mask = photograph(megapixels)
        methods = {name: method(name) for name in METHODS}
        methods[RESTORER](image, mask)  # compiles what it needs
        timings = interleave(
            {name: functools.partial(repair, image, mask) for name, repair in methods.items()},
            repeats=options.repeats if megapixels <= _QUICK else 1,
            warmup=1 if megapixels <= _QUICK else 0,
        )
        computed = sum(window.area for window in choose_windows(mask == 0, WINDOWS)) / mask.size
        notes.append(f"{np.mean(mask == 0):.1%} hole, windows of {computed:.2f} times the image at {megapixels:g} MP")
        rows += [
            {
                "megapixels": megapixels,
                "method": name,
                "ms": timing.milliseconds,
                "± %": timing.spread * 100,
                "times this package": timing.over(timings[RESTORER]).median,
                "peak MiB": in_fresh_process(peak_growth, name, megapixels),
            }
            for name, timing in timings.items()
        ]
    return [
        Table(
            "Restoring a photograph with scattered scratches, 8 bits RGB",
            rows,
            (
                f"{'; '.join(notes)}. Scratches are {_THICKNESS[0]} to {_THICKNESS[1]} px wide.",
                f"peak: beyond what a process of its own had held after an image of {_WARM} px; the result and the "
                "compilation for further window sizes included.",
                f"Above {_QUICK} megapixel each method was timed once.",
            ),
        )
    ]


def photograph(megapixels: float) -> tuple[np.ndarray, np.ndarray]:
    """An embedded photograph `[H, W, 3]`, uint8, enlarged, and a mask `[H, W]`, uint8, 1 = valid, of scratches."""
    import cv2

    source = open_source("samples", "train")
    original = max((source[index] for index in range(len(source))), key=lambda image: image.size)
    height = round(math.sqrt(megapixels * 1e6 / 1.5))
    width = round(1.5 * height)
    image = cv2.resize(original, (width, height), interpolation=cv2.INTER_CUBIC)
    rng = np.random.default_rng(0)
    mask = np.ones((height, width), np.uint8)
    covered = 0
    while covered < _DAMAGE * mask.size:
        top, left = (int(rng.integers(0, max(1, length - _PATCH // 2))) for length in mask.shape)
        part = mask[top : top + _PATCH, left : left + _PATCH]
        before = part.size - np.count_nonzero(part)
        part &= random_strokes(rng, *part.shape, count=(1, 2), thickness=_THICKNESS)[..., 0].astype(np.uint8)
        covered += int(part.size - np.count_nonzero(part) - before)
    return image, mask


def method(name: str) -> Repair:
    """One of `METHODS`, on 8-bit images as one calls it."""
    if name == RESTORER:
        return Inpainter.from_pretrained()
    if name == "scikit-image biharmonic":
        from skimage.restoration import inpaint_biharmonic

        # In the parts of the image that it can do one after the other: the whole at once takes far more memory.
        return lambda image, mask: inpaint_biharmonic(image, mask == 0, channel_axis=-1, split_into_regions=True)
    import cv2

    flag = cv2.INPAINT_NS if name == "OpenCV Navier-Stokes" else cv2.INPAINT_TELEA
    return lambda image, mask: cv2.inpaint(image, 1 - mask, 3, flag)


def peak_growth(name: str, megapixels: float) -> float:
    """By how many MiB one photograph raises the peak of this process; meant for a fresh one."""
    repair = method(name)
    warm, holes = photograph(_WARM**2 / 1e6)
    repair(warm, holes)
    image, mask = photograph(megapixels)
    before = peak_mib()
    repair(image, mask)
    return peak_mib() - before
