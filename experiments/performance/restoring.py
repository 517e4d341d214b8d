"""Suite `restoring`: time and memory to restore whole photographs with the bundled weights, by size."""

import functools
import math
import sys
from collections.abc import Callable

import numpy as np

from experiments.performance.options import Options, PhotographDamage
from experiments.performance.table import Cell, Table
from experiments.performance.timing import compared, in_fresh_process, interleave, peak_mib
from pconv_jax.data import open_source
from pconv_jax.inpainting.inpainter import Inpainter
from pconv_jax.inpainting.specks import PATCH, find_specks
from pconv_jax.inpainting.windows import WINDOWS, choose_windows
from pconv_jax.masks import random_strokes
from pconv_jax.masks.pieces import draw_piece

OURS = "this package"
METHODS = (OURS, "OpenCV Navier-Stokes", "OpenCV Telea", "scikit-image biharmonic")
_SHARES = {"scratches": 0.02, "hairs": 0.003}  # of the pixels; specks are counted
_PATCH = 512  # px; side of the patches that strokes and hairs are drawn in
_THICKNESS = (2, 16)  # px; scratches of a scan, the same at every size
_SPECKS = 167  # in a megapixel: 2000 in 12
_SPECK = (2, 4)  # px; their sides
_HAIR = (1.0, 2.0)  # px; their thickness
_TOUCHED = 0.25  # of a pixel; what a hair covers less of is not masked
MAX_REPEATED = 1  # megapixels; larger photographs are timed once: some methods take minutes
WARM_UP = 200  # px; side of the image that loads the libraries and compiles
Inpaint = Callable[[np.ndarray, np.ndarray], np.ndarray]


def run(options: Options) -> list[Table]:
    """Measures each method on each kind of damage, at each size and share of the pixels."""
    return [_table(options, damage, share) for damage in options.damage for share in options.shares or (None,)]


def _table(options: Options, damage: PhotographDamage, share: float | None) -> Table:
    rows: list[dict[str, Cell]] = []
    notes = []
    asked = "" if share is None else f" over {share:.3g} of the pixels"
    for megapixels in options.megapixels:
        print(f"restoring: {damage}{asked}, {megapixels:g} megapixels", file=sys.stderr, flush=True)
        image, mask = photograph(megapixels, damage, share=share)
        methods = {name: build_method(name) for name in METHODS}
        for inpaint in methods.values():
            inpaint(*photograph(WARM_UP**2 / 1e6))  # loads libraries
        methods[OURS](image, mask)  # compiles what it needs
        timings = interleave(
            {name: functools.partial(inpaint, image, mask) for name, inpaint in methods.items()},
            repeats=options.repeats if megapixels <= MAX_REPEATED else 1,
            warmup=1 if megapixels <= MAX_REPEATED else 0,
        )
        notes.append(f"{np.mean(mask == 0):.2%} hole at {megapixels:g} MP, {_computed(mask == 0)}")
        peak = functools.partial(_peak, megapixels, damage, share)
        rows += compared(timings, OURS, "times this package", peak, megapixels=megapixels)
    return Table(
        f"Restoring a photograph with scattered {damage}{asked}, 8 bits RGB",
        rows,
        (
            f"{'; '.join(notes)}. Scratches are {_THICKNESS[0]} to {_THICKNESS[1]} px wide, specks {_SPECK[0]} to "
            f"{_SPECK[1]} px, hairs {_HAIR[0]:g} to {_HAIR[1]:g} px.",
            f"peak: growth of the peak memory of a fresh process after an image of {WARM_UP} px; it includes the "
            "result and compilation for further window sizes.",
            f"Above {MAX_REPEATED} megapixel, each method was timed once.",
        ),
    )


def _computed(hole: np.ndarray) -> str:
    """What this package computes of an image."""
    specks, rest = find_specks(hole)
    area = sum(window.area for window in choose_windows(rest, WINDOWS))
    return f"windows of {area / hole.size:.2f} and patches of {len(specks) * PATCH**2 / hole.size:.2f} times the image"


def photograph(
    megapixels: float, damage: PhotographDamage = "scratches", *, share: float | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """An embedded photograph `[H, W, 3]`, uint8, enlarged, and a mask `[H, W]`, uint8, 1 = valid, of damage.

    Damage is drawn until it covers `share` of the pixels; with None until what `Options.damage` states.
    """
    import cv2

    source = open_source("samples", "train")
    original = max((source[index] for index in range(len(source))), key=lambda image: image.size)
    height = round(math.sqrt(megapixels * 1e6 / 1.5))
    width = round(1.5 * height)
    image = cv2.resize(original, (width, height), interpolation=cv2.INTER_CUBIC)
    rng = np.random.default_rng(0)
    mask = np.ones((height, width), np.uint8)
    if damage == "specks" and share is None:
        for _ in range(max(1, round(_SPECKS * megapixels))):
            _draw_speck(rng, mask)
        return image, mask
    draw = {"scratches": _draw_scratches, "specks": _draw_speck, "hairs": _draw_hair}[damage]
    covered, enough = 0, (_SHARES[damage] if share is None else share) * mask.size
    while covered < enough:
        covered += draw(rng, mask)
    return image, mask


def _draw_speck(rng: np.random.Generator, mask: np.ndarray) -> int:
    """Draws one; how many pixels it covers that were valid."""
    top, left = rng.integers(0, np.subtract(mask.shape, _SPECK[1]))
    height, width = rng.integers(*_SPECK, 2, endpoint=True)
    return _cover(mask[top : top + height, left : left + width], True)


def _draw_scratches(rng: np.random.Generator, mask: np.ndarray) -> int:
    part = _patch(rng, mask)
    return _cover(part, random_strokes(rng, *part.shape, count=(1, 2), thickness=_THICKNESS)[..., 0] == 0)


def _draw_hair(rng: np.random.Generator, mask: np.ndarray) -> int:
    part = _patch(rng, mask)
    return _cover(part, draw_piece(rng, "hair", *part.shape, thickness=rng.uniform(*_HAIR)) > _TOUCHED)


def _patch(rng: np.random.Generator, mask: np.ndarray) -> np.ndarray:
    top, left = (int(rng.integers(0, max(1, length - _PATCH // 2))) for length in mask.shape)
    return mask[top : top + _PATCH, left : left + _PATCH]


def _cover(part: np.ndarray, hole: np.ndarray | bool) -> int:
    """Makes part of a mask hole; how many of its pixels were valid before."""
    before = np.count_nonzero(part)
    part[...] = np.where(hole, 0, part)
    return int(before - np.count_nonzero(part))


def build_method(name: str) -> Inpaint:
    """One of `METHODS`, on 8-bit images."""
    if name == OURS:
        return Inpainter.from_pretrained()
    if name == "scikit-image biharmonic":
        from skimage.restoration import inpaint_biharmonic

        # Region by region: the whole image at once takes far more memory.
        return lambda image, mask: inpaint_biharmonic(image, mask == 0, channel_axis=-1, split_into_regions=True)
    import cv2

    flag = cv2.INPAINT_NS if name == "OpenCV Navier-Stokes" else cv2.INPAINT_TELEA
    return lambda image, mask: cv2.inpaint(image, 1 - mask, 3, flag)


def _peak(megapixels: float, damage: PhotographDamage, share: float | None, name: str) -> float:
    growth: float = in_fresh_process(peak_growth, name, megapixels, damage, share)
    return growth


def peak_growth(name: str, megapixels: float, damage: PhotographDamage, share: float | None) -> float:
    """Growth of the peak memory of this process, which should be a fresh one, by one photograph, MiB."""
    inpaint = build_method(name)
    warm, holes = photograph(WARM_UP**2 / 1e6)
    inpaint(warm, holes)
    image, mask = photograph(megapixels, damage, share=share)
    before = peak_mib()
    inpaint(image, mask)
    return peak_mib() - before
