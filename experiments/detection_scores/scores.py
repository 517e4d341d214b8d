"""Scores every detector on every row of the benchmark."""

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from experiments.detection_scores.options import Options
from experiments.progress import progress_bar
from pconv_jax.common.errors import InputError
from pconv_jax.data.opacity_maps import opacity_maps
from pconv_jax.data.source import ImageSource
from pconv_jax.detection.damage_map import Choice, DamageMap, dilated
from pconv_jax.detection.detector import Detector
from pconv_jax.evaluation.detection import (
    LEAST_FALSE_ALARMS,
    Counts,
    Opacity,
    Response,
    classical_detectors,
    count,
    opacity_of,
)
from pconv_jax.evaluation.detection_cases import Row, damaged, photographs, rows
from pconv_jax.evaluation.metrics import SSIM_WINDOW, psnr, ssim
from pconv_jax.imaging.masks import share
from pconv_jax.inpainting.inpainter import Inpainter
from pconv_jax.masks.film_damage import UNSEEN, FilmDamage, Laid

OURS = "detector"
DETECTIONS = "its detections"
"""The detector's own choice of pixels: grown from sure ones to where they fade, those too small left out."""
_GRID = (*np.linspace(0.02, 0.9, 45).round(2).tolist(), 0.92, 0.94, 0.953, 0.96, 0.97, 0.98, 0.99, 0.995, 0.999)
_MIXED = FilmDamage(pieces=(2, 6), thickness=(1, 12), opacity=(0.5, 1))


@dataclasses.dataclass(frozen=True)
class Scored:
    """All that was counted.

    Attributes:
        cases: the row and the photograph of each case.
        counts: method -> the counts of each case; of `DETECTIONS`, which have no threshold, a single one.
        opacity: of the damage of each case, and what the detector takes it for.
        clean: method -> share of each undamaged photograph that is found, `[photographs, thresholds]`.
        mixed: method -> the counts of the same photographs with mixed damage.
        masks: share of each undamaged photograph that is in the detector's mask, where detections are widened as well.
        names: names of the photographs that were damaged.
        undamaged: names of those that were not.
        inpainted: scores of photographs with mixed damage after inpainting, a dictionary for each photograph and way.
        thresholds: what responses are compared with, ascending.
        chosen: method -> index of its threshold: the detector's own, the best of each classical one.
    """

    cases: Sequence[tuple[Row, int]]
    counts: Mapping[str, Sequence[Counts]]
    opacity: Sequence[Opacity]
    clean: Mapping[str, np.ndarray]
    mixed: Mapping[str, Sequence[Counts]]
    masks: np.ndarray
    names: Sequence[str]
    undamaged: Sequence[str]
    inpainted: Sequence[Mapping[str, Any]]
    thresholds: Sequence[float]
    chosen: Mapping[str, int]


def score(options: Options, source: ImageSource, detector: Detector) -> Scored:
    """Scores the detector and the classical ones.

    Args:
        options: the flags.
        source: the photographs.
        detector: ours.

    Returns:
        What was counted.
    """
    maps = () if options.damage_dir is None else opacity_maps(options.damage_dir, "test")
    classical = classical_detectors()
    choice = Choice(sensitivity=options.sensitivity)
    middles = functools.partial(photographs, source, size=options.image_size, enlarge=options.enlarge)
    named = list(middles(limit=options.limit))
    for name, image in named:
        if min(image.shape[:2]) < SSIM_WINDOW:
            raise InputError(f"{name} has a side below {SSIM_WINDOW} px, too small for SSIM: leave it out")
    undamaged = named
    if options.undamaged_limit is not None:
        undamaged = list(middles(limit=options.undamaged_limit))
    all_rows = rows(with_maps=bool(len(maps)))
    cases = [(row, place) for place in range(len(named)) for row in all_rows]
    of_cases, of_undamaged, of_mixed, masks, opacity = [], [], [], [], []
    total = len(cases) + len(undamaged)
    with progress_bar("scoring", "img", total=total, done=0, each=1) as bar:
        for place, (_, image) in enumerate(undamaged):
            found = detector(image)
            of_undamaged.append(_counts(Laid.undamaged(image), found, choice, classical))
            masks.append(share(found.hole(choice)))
            laid = _MIXED(np.random.default_rng([place, 2]), image, maps=maps)
            of_mixed.append(_counts(laid, detector(laid.image), choice, classical))
            bar.update()
        for row, place in cases:
            laid = damaged(named[place][1], row, seed=(place,), maps=maps)
            found = detector(laid.image)
            of_cases.append(_counts(laid, found, choice, classical))
            opacity.append(opacity_of(found.opacity, laid))
            bar.update()
    methods = tuple(of_cases[0])
    counts = {name: [each[name] for each in of_cases] for name in methods}
    clean = {name: np.stack([each[name].false_alarms for each in of_undamaged]) for name in methods}
    mixed = {name: [each[name] for each in of_mixed] for name in methods}
    chosen = {name: best_threshold(each) for name, each in counts.items()}
    tried = thresholds(choice)
    chosen[OURS] = tried.index(_own(choice))
    best = max(classical, key=lambda name: _mean_jaccard(counts[name])[chosen[name]])
    threshold = tried[chosen[best]]
    inpainted = _inpainted([image for _, image in named], maps, detector, choice, classical[best], threshold, best)
    names, undamaged_names = ([name for name, _ in each] for each in (named, undamaged))
    return Scored(
        cases, counts, opacity, clean, mixed, np.array(masks), names, undamaged_names, inpainted, tried, chosen
    )


def thresholds(choice: Choice) -> tuple[float, ...]:
    """What responses are compared with: the same for every choice, and the detector's own."""
    return tuple(sorted({*_GRID, _own(choice)}))


def _own(choice: Choice) -> float:
    return round(choice.threshold, 3)


def _counts(laid: Laid, found: DamageMap, choice: Choice, classical: Mapping[str, Response]) -> dict[str, Counts]:
    """The counts of every method on an image."""
    image, truth, ignored = laid.image, laid.visible, laid.truth == UNSEEN
    detections, tried = found.hole(dataclasses.replace(choice, dilate=0)), thresholds(choice)
    return {
        OURS: count(found.probability, truth, tried, ignored=ignored),
        DETECTIONS: count(detections, truth, (True,), ignored=ignored),
        **{name: count(response(image), truth, tried, ignored=ignored) for name, response in classical.items()},
    }


def best_threshold(counts: Sequence[Counts]) -> int:
    """Index of the threshold with the greatest mean Jaccard coefficient over all cases."""
    return int(_mean_jaccard(counts).argmax())


def few_false_alarms(counts: Sequence[Counts]) -> int | None:
    """Index of the lowest threshold whose false alarms are few over all cases; None if they never are."""
    few = np.sum([each.false for each in counts], axis=0) / sum(each.pixels for each in counts) <= LEAST_FALSE_ALARMS
    return int(np.argmax(few)) if few.any() else None


def _mean_jaccard(counts: Sequence[Counts]) -> np.ndarray:
    mean: np.ndarray = np.mean([each.jaccard for each in counts], axis=0)
    return mean


def _inpainted(
    images: Sequence[np.ndarray],
    maps: Sequence[np.ndarray],
    detector: Detector,
    choice: Choice,
    classical: Response,
    threshold: float,
    name: str,
) -> list[dict[str, Any]]:
    """Photographs with mixed damage: left as they are, inpainted where it is found, and where it truly is."""
    inpainter = Inpainter.from_pretrained()
    found: list[dict[str, Any]] = []
    for place, image in enumerate(images):
        laid = _MIXED(np.random.default_rng([place, 1]), image, maps=maps)
        holes = {
            "not inpainted": np.zeros(image.shape[:2], bool),
            f"best classical ({name})": dilated(classical(laid.image) >= threshold, 1),
            "detected": detector(laid.image).hole(choice),
            "true mask": dilated(laid.damaged, 1),
        }
        for way, hole in holes.items():
            # With everything in the hole there is nothing to inpaint from.
            result = laid.image if hole.all() else inpainter(laid.image, hole=hole)
            pair = [x[None].astype(np.float64) / 255 for x in (result, image)]
            found.append(
                {"image": place, "way": way, "psnr": float(psnr(*pair)[0]), "ssim": float(ssim(*pair)[0]),
                 "replaced": float(hole.mean())}
            )  # fmt: skip
    return found
