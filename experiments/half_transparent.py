"""Scores keeping the detail under half-transparent damage: `python -m experiments.half_transparent --data-dir FOLDER`.

Photographs are damaged with pieces of one kind at every opacity, half of them with grain before and JPEG of quality 90
after it, and restored with the true mask, one painted more generously, and what the detector finds.
"""

import dataclasses
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tyro

from experiments.progress import progress_bar
from pconv_jax.checkpoints.bundled import DEFAULT_DETECTOR, DEFAULT_WEIGHTS
from pconv_jax.checkpoints.weights_file import load_generator
from pconv_jax.common.atomic_write import write_json
from pconv_jax.common.commands import command
from pconv_jax.common.errors import InputError
from pconv_jax.common.jax_start import prepare_jax
from pconv_jax.common.output_folder import check_output_file
from pconv_jax.data import FolderSource
from pconv_jax.detection.damage_map import Choice, check_sensitivity, dilated
from pconv_jax.detection.detector import Detector
from pconv_jax.evaluation.detection_cases import photographs
from pconv_jax.evaluation.markdown import interval, markdown
from pconv_jax.evaluation.metrics import psnr
from pconv_jax.evaluation.statistics import bootstrap
from pconv_jax.inpainting.inpainter import Inpainter
from pconv_jax.masks.film_damage import Canvas
from pconv_jax.masks.pieces import Kind, draw_piece

OPACITIES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 0.9, 1.0)
_WIDTHS: dict[Kind, tuple[tuple[int, int], ...]] = {
    "scratch": ((1, 2), (3, 5), (6, 8), (9, 16)),
    "hair": ((1, 2), (3, 5)),
    "crease": ((1, 2), (3, 5), (6, 8)),
    "dust": ((3, 5), (9, 16)),
}
_PIECES, _TRIES, _LEAST = 2, 20, 20  # pieces in a photograph; px of a piece
_PAINTED = 3  # px by which a painted mask is wider than the true one
_GRAIN, _COLOUR_GRAIN = 4, 2  # levels of 255
_QUALITY = 90
_NOISE, _ERROR = 1.2 / 255, 0.07  # standard deviations: of rounding and JPEG, and of what is inpainted


@dataclasses.dataclass(frozen=True)
class Options:
    """What to score on.

    Attributes:
        data_dir: folder of undamaged photographs that the weights were not trained on.
        weights: bundled weights by their name, a .safetensors file, or the folder of a training run.
        detector: the bundled detector by its name, or a .safetensors file.
        sensitivity: of the detector, as `pconv-jax detect` takes it.
        image_size: longest side of what is cut out of the middle of each photograph, px.
        limit: number of photographs, evenly spaced.
        seed: of the damage.
        json: file for the scores of each photograph.
    """

    data_dir: Path
    weights: str = DEFAULT_WEIGHTS
    detector: str = DEFAULT_DETECTOR
    sensitivity: float = 0.9
    image_size: int = 256
    limit: int = 24
    seed: int = 0
    json: Path | None = None


class Case(NamedTuple):
    """A photograph before and after it was damaged, uint8 `[H, W, 3]`; the true hole.

    The damaged image is `clear` times the other plus `added`, `[H, W, 1]` and `[H, W, 3]` in [0, 1].
    """

    truth: np.ndarray
    image: np.ndarray
    hole: np.ndarray
    clear: np.ndarray
    added: np.ndarray


@dataclasses.dataclass(frozen=True)
class Scored:
    """PSNR in the true hole of one photograph, in dB.

    Attributes:
        photograph: its name.
        kind: of the damage.
        width: thinnest and thickest, px.
        opacity: of its core.
        jpeg: whether there was grain before it, and JPEG after.
        mask: "true", "painted" or "found".
        covered: share of the true hole that is in the mask.
        damaged: nothing was done.
        replaced: inpainted.
        kept: inpainted, keeping detail.
        known: the same with the true opacity and colour.
    """

    photograph: str
    kind: str
    width: str
    opacity: float
    jpeg: bool
    mask: str
    covered: float
    damaged: float
    replaced: float
    kept: float
    known: float


def damage(
    truth: np.ndarray, kind: Kind, thickness: tuple[int, int], *, jpeg: bool, seed: Sequence[int]
) -> Iterator[tuple[float, Case]]:
    """Lays the same pieces over a photograph at every opacity.

    Args:
        truth: uint8 `[H, W, 3]`.
        kind: of the pieces.
        thickness: thinnest and thickest, px.
        jpeg: whether there is grain before it, and JPEG after.
        seed: of the pieces.

    Yields:
        The opacity, and the case.
    """
    import cv2

    rng = np.random.default_rng(seed)
    if jpeg:
        grain = rng.normal(0, _GRAIN, truth.shape[:2])[..., None] + rng.normal(0, _COLOUR_GRAIN, truth.shape)
        truth = np.rint(np.clip(truth + grain, 0, 255)).astype(np.uint8)
    pieces = [_piece(rng, truth, kind, thickness) for _ in range(_PIECES)]
    for opacity in OPACITIES:
        canvas, clear = Canvas(truth), np.ones((*truth.shape[:2], 1), np.float32)
        added = np.zeros(truth.shape, np.float32)
        for coverage, colour in pieces:
            canvas.lay(coverage, colour, opacity=opacity)
            own = np.float32(opacity) * coverage[..., None]
            added, clear = (1 - own) * added + own * colour.astype(np.float32), (1 - own) * clear
        laid = canvas.finished()
        image = laid.image
        if jpeg:
            coded = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1]
            image = np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR))[..., ::-1].copy()
        yield opacity, Case(truth, image, dilated(laid.damaged, 1), clear, added)


def _piece(
    rng: np.random.Generator, image: np.ndarray, kind: Kind, thickness: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """The coverage of a piece that lies in the image, and a colour that can be seen."""
    for _ in range(_TRIES):
        coverage = draw_piece(rng, kind, *image.shape[:2], thickness=rng.uniform(*thickness))
        if np.count_nonzero(coverage > 0.5) >= _LEAST:
            break
    covered = image[coverage > 0.5]
    mean = float(covered.mean()) / 255 if covered.size else 0.5
    pale = bool(rng.random() < 0.5) if 0.35 < mean < 0.65 else mean <= 0.35
    grey = rng.uniform(0.72, 1) if pale else rng.uniform(0, 0.25)
    return coverage, np.clip(grey + (rng.normal(0, 0.04, 3) if rng.random() < 0.4 else np.zeros(3)), 0, 1)


def score(case: Case, hole: np.ndarray, inpainter: Inpainter) -> tuple[float, float, float, float]:
    """PSNR in the true hole: of the damaged image, replaced, with detail kept, and with the true veil divided out."""
    replaced = kept = known = case.image
    if hole.any() and not hole.all():
        replaced = inpainter(case.image, hole=hole)
        kept = inpainter(case.image, hole=hole, keep_detail=True)
        known = _divided_out(case, replaced, hole)

    def measured(result: np.ndarray) -> float:
        return float(psnr(result[None] / 255, case.truth[None] / 255, region=case.hole[None, ..., None])[0])

    return measured(case.image), measured(replaced), measured(kept), measured(known)


def _divided_out(case: Case, replaced: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """With the true veil: what it leaves of the picture, and what was inpainted, weighted by their errors."""
    clear = np.maximum(case.clear, 0.02)
    under = (case.image / 255 - case.added) / clear
    share = _ERROR**2 / (_ERROR**2 + np.square(_NOISE / clear))
    values = np.clip(share * under + (1 - share) * replaced / 255, 0, 1)
    return np.where(hole[..., None], np.rint(255 * values), case.image).astype(np.uint8)


def table(found: Sequence[Scored]) -> str:
    """The tables in Markdown: by opacity for each mask, and by kind and width for the true mask.

    Gains are means over photographs, each with the mean over its cases, with bootstrap intervals.
    """
    parts = []
    for mask, title in (
        ("true", "true mask"),
        ("painted", f"mask painted {_PAINTED} px wider"),
        ("found", "mask of the detector"),
    ):
        own = [each for each in found if each.mask == mask and (mask != "found" or each.covered > 0)]
        parts.append(_lines(title, [(f"{value:g}", [x for x in own if x.opacity == value]) for value in OPACITIES]))
    shown = [each for each in found if each.mask == "true" and each.opacity in (0.3, 0.5)]
    kinds = dict.fromkeys(f"{each.kind}, {each.width} px" for each in shown)
    rows = [(name, [each for each in shown if f"{each.kind}, {each.width} px" == name]) for name in kinds]
    rows += [
        (name, [each for each in shown if each.jpeg == jpeg])
        for jpeg, name in ((False, "as it is"), (True, "grain and JPEG"))
    ]
    parts.append(_lines("true mask, opacity 0.3 and 0.5", rows, "damage"))
    return "\n\n".join(parts)


def _lines(title: str, rows: Sequence[tuple[str, Sequence[Scored]]], first: str = "opacity") -> str:
    lines = [[first, "cases", "as it is", "replaced", "detail kept", "gain", "least gain", "veil known"]]
    for name, own in rows:
        if own:
            gains: dict[str, list[float]] = {}
            for each in own:
                gains.setdefault(each.photograph, []).append(each.kept - each.replaced)
            # Cases of one photograph are alike: the photographs are what was drawn at random.
            gain = bootstrap([np.mean(values) for values in gains.values()])
            least = min(min(values) for values in gains.values())
            means = [np.mean([getattr(each, way) for each in own]) for way in ("damaged", "replaced", "kept", "known")]
            numbers = [f"{mean:.1f}" for mean in means]
            lines.append([name, str(len(own)), *numbers[:3], interval(gain, 2), f"{least:.1f}", numbers[3]])
    return f"**PSNR in the damage (dB), {title}**\n\n{markdown(lines)}"


def masks(case: Case, detector: Detector, sensitivity: float) -> dict[str, np.ndarray]:
    """The true mask, one painted more generously, and what is found."""
    found = detector(case.image).hole(Choice(sensitivity=sensitivity))
    return {"true": case.hole, "painted": dilated(case.hole, _PAINTED), "found": found}


def scored(
    name: str,
    truth: np.ndarray,
    kind: Kind,
    thickness: tuple[int, int],
    inpainter: Inpainter,
    detector: Detector,
    options: Options,
    *,
    jpeg: bool,
    seed: Sequence[int],
) -> Iterator[Scored]:
    """Scores one photograph with pieces of one kind, at every opacity and with every mask."""
    width = f"{thickness[0]} to {thickness[1]}"
    for opacity, case in damage(truth, kind, thickness, jpeg=jpeg, seed=seed):
        for mask, hole in masks(case, detector, options.sensitivity).items():
            covered = float(hole[case.hole].mean()) if case.hole.any() else 0.0
            scores = score(case, hole, inpainter)
            yield Scored(Path(name).stem, kind, width, opacity, jpeg, mask, covered, *scores)


def has_jpeg(place: int, number: int, widths: int) -> bool:
    """Whether a photograph gets grain and JPEG with a kind of damage: half do, of every width of each kind.

    Args:
        place: of the photograph, from 0; its width is the one at `place` modulo `widths`.
        number: of the kind.
        widths: number of widths of that kind.
    """
    return (place // widths + number) % 2 == 1


@command()
def main(arguments: Sequence[str]) -> None:
    """Runs the command; returns its exit code."""
    options = tyro.cli(
        Options,
        args=arguments,
        prog="python -m experiments.half_transparent",
        description="Score keeping the detail under half-transparent damage.",
    )
    for flag, value, least in (
        ("limit", options.limit, 1),
        ("image-size", options.image_size, 16),
        ("seed", options.seed, 0),
    ):
        if value < least:
            raise InputError(f"--{flag} is {value}, but it must be at least {least}")
    check_sensitivity(options.sensitivity)
    if options.json:
        check_output_file(options.json, flag="--json")
    prepare_jax()
    inpainter = Inpainter(load_generator(options.weights))
    detector = Detector.from_pretrained(options.detector)
    images = list(photographs(FolderSource(options.data_dir, "all"), size=options.image_size, limit=options.limit))
    found: list[Scored] = []
    with progress_bar("scoring", "photograph", total=len(images)) as bar:
        for place, (name, truth) in enumerate(images):
            for number, (kind, widths) in enumerate(_WIDTHS.items()):
                low, high = widths[place % len(widths)]
                jpeg = has_jpeg(place, number, len(widths))
                seed = (options.seed, place, number)
                found += scored(name, truth, kind, (low, high), inpainter, detector, options, jpeg=jpeg, seed=seed)
            bar.update()
    print(table(found))
    if options.json:
        write_json(options.json, [dataclasses.asdict(each) for each in found])


if __name__ == "__main__":
    sys.exit(main())
