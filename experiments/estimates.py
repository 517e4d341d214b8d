"""Checks estimates against the truth: `python -m experiments.estimates --data-dir FOLDER`.

Photographs are damaged with lines of every width, restored and scored; the estimate sees only the damaged photograph.
"""

import dataclasses
import math
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tyro

from experiments.progress import progress_bar
from pconv_jax.checkpoints.bundled import DEFAULT_WEIGHTS
from pconv_jax.checkpoints.weights_file import load_generator
from pconv_jax.common.atomic_write import write_json
from pconv_jax.common.commands import command
from pconv_jax.common.errors import InputError
from pconv_jax.common.jax_start import prepare_jax
from pconv_jax.common.output_folder import check_output_file
from pconv_jax.data import FolderSource
from pconv_jax.evaluation.estimate import estimate_restored
from pconv_jax.evaluation.expected import Expected
from pconv_jax.evaluation.metrics import psnr, region_mean, ssim_map
from pconv_jax.inpainting.inpainter import Inpainter
from pconv_jax.masks import random_lines
from pconv_jax.masks.widths import WIDTH_CLASSES, width_classes

_LINES = (((4, 8), (1, 2)), ((2, 4), (3, 5)), ((1, 3), (6, 8)), ((1, 2), (9, 16)), ((1, 1), (17, 24)))
"""Of each width, fewest and most lines, and thinnest and thickest in px."""
_COLUMNS = ("photographs", "mean", "estimated", "correlation", "bias", "off by", "in the interval", "half width")


@dataclasses.dataclass(frozen=True)
class Options:
    """What to check the estimates on.

    Attributes:
        data_dir: folder of undamaged photographs that the weights were not trained on.
        weights: bundled weights by their name, a .safetensors file, or the folder of a training run.
        limit: number of photographs.
        seed: of the lines.
        json: file for the scores and estimates of each photograph; null where one is unknown or infinite.
    """

    data_dir: Path
    weights: str = DEFAULT_WEIGHTS
    limit: int = 50
    seed: int = 0
    json: Path | None = None


@dataclasses.dataclass(frozen=True)
class Scored:
    """A score in the holes of one photograph, and what was expected of it.

    Attributes:
        photograph: its file.
        width: the class of width, or "all".
        metric: "PSNR" or "SSIM".
        truth: the score.
        expected: the estimate.
    """

    photograph: str
    width: str
    metric: str
    truth: float
    expected: Expected


def random_damage(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Lines of every width from 1 to 24 px: bool `[H, W]`, True = hole."""
    masks = [random_lines(rng, height, width, count=count, thickness=thickness) for count, thickness in _LINES]
    return np.min(masks, axis=0)[..., 0] == 0


def check(photograph: str, truth: np.ndarray, hole: np.ndarray, inpainter: Inpainter) -> list[Scored]:
    """Damages, restores, scores and estimates one photograph `[H, W, 3]`, uint8."""

    def restore(pixels: np.ndarray, hole: np.ndarray) -> np.ndarray:
        return inpainter(pixels, hole=hole)

    restored = restore(np.where(hole[..., None], np.uint8(0), truth), hole)
    estimate = estimate_restored(restored, hole, restore)
    one, other = (pixels[None].astype(np.float64) / 255 for pixels in (truth, restored))
    similarity, classes = ssim_map(other, one), width_classes(hole)
    found = []
    for each in (None, *estimate.widths):
        region = hole if each is None else classes == WIDTH_CLASSES.index(each.width)
        region = region[None, ..., None]
        name, about = ("all", estimate) if each is None else (each.width, each)
        for metric, score, expected in (
            ("PSNR", psnr(other, one, region=region), about.psnr),
            ("SSIM", region_mean(similarity, region), about.ssim),
        ):
            found.append(Scored(photograph, name, metric, score.item(), expected))
    return found


def table(found: Sequence[Scored]) -> str:
    """How well the estimates foretold the scores, in Markdown: a line for each metric and width; what is left out."""
    finite = [each for each in found if each.expected.value is not None and _finite(each.truth, each.expected.value)]
    lines = ["| | width | " + " | ".join(_COLUMNS) + " |", "| --- | --- |" + " ---: |" * len(_COLUMNS)]
    for metric, decimals in (("PSNR", 2), ("SSIM", 3)):
        for width in ("all", *WIDTH_CLASSES):
            rows = [each for each in finite if (each.metric, each.width) == (metric, width)]
            if len(rows) < 2:
                continue
            truth, value = (
                np.array(column) for column in zip(*((r.truth, r.expected.value) for r in rows), strict=True)
            )
            bounds = [
                (row.truth, row.expected.low, row.expected.high)
                for row in rows
                if row.expected.low is not None and row.expected.high is not None
            ]
            inside, half = "-", "-"  # one observation alone has no interval
            if bounds:
                inside = f"{np.mean([low <= score <= high for score, low, high in bounds]):.0%}"
                half = f"{np.median([(high - low) / 2 for _, low, high in bounds]):.{decimals}f}"
            numbers = (truth.mean(), value.mean(), np.corrcoef(truth, value)[0, 1], (value - truth).mean())
            shown = [f"{number:.{decimals}f}" for number in (*numbers, np.abs(value - truth).mean())]
            lines.append(f"| {' | '.join((metric, width, str(len(rows)), *shown, inside, half))} |")
    if left_out := len(found) - len(finite):
        lines += ["", f"{left_out} of {len(found)} scores or estimates are infinite or unknown, left out"]
    return "\n".join(lines)


def as_json(found: Sequence[Scored]) -> list[dict[str, Any]]:
    """Scores and estimates as JSON values."""

    def known(value: float | None) -> float | None:
        return value if value is not None and _finite(value) else None

    return [
        {
            **dataclasses.asdict(each),
            "truth": known(each.truth),
            "expected": {name: known(value) for name, value in dataclasses.asdict(each.expected).items()},
        }
        for each in found
    ]


def _finite(*values: float) -> bool:
    return all(map(math.isfinite, values))


@command()
def main(arguments: Sequence[str]) -> None:
    """Runs the command; returns its exit code."""
    options = tyro.cli(
        Options,
        args=arguments,
        prog="python -m experiments.estimates",
        description="Check estimates against the truth.",
    )
    if options.limit < 2:
        raise InputError(f"--limit is {options.limit}, but a correlation needs at least 2 photographs")
    if options.seed < 0:
        raise InputError(f"--seed is {options.seed}, but it must be at least 0")
    if options.json:
        check_output_file(options.json, flag="--json")
    prepare_jax()
    images = FolderSource(options.data_dir, "all")
    _check_enough(len(images), options.data_dir)
    inpainter = Inpainter(load_generator(options.weights))
    found: list[Scored] = []
    count, left_out = min(options.limit, len(images)), 0
    with progress_bar("estimating", "photograph", total=count) as bar:
        for index in range(count):
            truth = images[index]
            try:
                hole = random_damage(np.random.default_rng([options.seed, index]), *truth.shape[:2])
                found += check(images.label(index), truth, hole, inpainter)
            except InputError as error:  # a photograph that is too small, or all damage
                warnings.warn(f"{images.label(index)} is left out: {error}", stacklevel=2)
                left_out += 1
            bar.update()
    _check_enough(count - left_out, options.data_dir)
    print(table(found))
    if options.json:
        write_json(options.json, as_json(found))


def _check_enough(count: int, folder: Path) -> None:
    if count < 2:
        raise InputError(f"{folder} has {count} photographs to estimate, but a correlation needs at least 2: add some")


if __name__ == "__main__":
    sys.exit(main())
