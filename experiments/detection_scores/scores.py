"""Scores every detector on every row of the benchmark."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from experiments.detection_scores.options import Options
from experiments.progress import progress_bar
from pconv_jax.data.opacity_maps import opacity_maps
from pconv_jax.data.source import ImageSource
from pconv_jax.detection.damage_map import Choice, dilated, share
from pconv_jax.detection.detector import Detector
from pconv_jax.evaluation.detection import LEAST_FALSE_ALARMS, Counts, Response, classical_detectors, count
from pconv_jax.evaluation.detection_cases import Row, damaged, photographs, rows
from pconv_jax.evaluation.metrics import psnr, ssim
from pconv_jax.inpainting.inpainter import Inpainter
from pconv_jax.masks.film_damage import FilmDamage

OURS = "detector"
THRESHOLDS = (*np.linspace(0.02, 0.9, 45).round(2).tolist(), 0.924, 0.94, 0.96, 0.98, 0.99, 0.995, 0.999)
_MIXED = FilmDamage(pieces=(2, 6), thickness=(1, 12), opacity=(0.5, 1))


@dataclasses.dataclass(frozen=True)
class Scored:
    """All that was counted.

    Attributes:
        cases: the row and the photograph of each case.
        counts: method -> the counts of each case.
        clean: method -> share of each undamaged photograph that is found, `[photographs, thresholds]`.
        masks: share of each undamaged photograph that is in the detector's mask, where finds are grown and widened.
        names: names of the photographs that were damaged.
        undamaged: names of those that were not.
        repaired: scores of the repair of photographs with mixed damage, a dictionary for each photograph and way.
        chosen: method -> index of its threshold: the nearest to the detector's own, the best of each classical one.
    """

    cases: Sequence[tuple[Row, int]]
    counts: Mapping[str, Sequence[Counts]]
    clean: Mapping[str, np.ndarray]
    masks: np.ndarray
    names: Sequence[str]
    undamaged: Sequence[str]
    repaired: Sequence[Mapping[str, Any]]
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
    responses: dict[str, Response] = {OURS: lambda image: detector(image).probability, **classical_detectors()}
    named = list(photographs(source, size=options.image_size, limit=options.limit))
    undamaged = named
    if options.undamaged_limit is not None:
        undamaged = list(photographs(source, size=options.image_size, limit=options.undamaged_limit))
    all_rows = rows(with_maps=bool(len(maps)))
    cases: list[tuple[Row, int]] = []
    counts: dict[str, list[Counts]] = {name: [] for name in responses}
    clean: dict[str, list[np.ndarray]] = {name: [] for name in responses}
    choice, masks = Choice(sensitivity=options.sensitivity), []
    total = len(named) * len(all_rows) + len(undamaged)
    with progress_bar("scoring", "img", total=total, done=0, each=1) as bar:
        for _, image in undamaged:
            nothing = np.zeros(image.shape[:2], bool)
            for name, response in responses.items():
                clean[name].append(count(response(image), nothing, THRESHOLDS).false_alarms)
            masks.append(share(detector(image).hole(choice)))
            bar.update()
        for place, (_, image) in enumerate(named):
            for row in all_rows:
                laid = damaged(image, row, seed=(place,), maps=maps)
                cases.append((row, place))
                for name, response in responses.items():
                    unseen = laid.damaged & ~laid.visible
                    counts[name].append(count(response(laid.image), laid.visible, THRESHOLDS, ignored=unseen))
                bar.update()
    chosen = {name: best_threshold(each) for name, each in counts.items()}
    chosen[OURS] = int(np.abs(np.array(THRESHOLDS) - choice.threshold).argmin())
    best = max((name for name in responses if name != OURS), key=lambda name: _mean_jaccard(counts[name])[chosen[name]])
    repaired = _repaired([image for _, image in named], maps, detector, choice, responses[best], chosen[best], best)
    clean_shares = {name: np.stack(each) for name, each in clean.items()}
    names, undamaged_names = ([Path(name).stem for name, _ in each] for each in (named, undamaged))
    return Scored(cases, counts, clean_shares, np.array(masks), names, undamaged_names, repaired, chosen)


def best_threshold(counts: Sequence[Counts]) -> int:
    """Index of the threshold with the greatest mean Jaccard coefficient over all cases."""
    return int(_mean_jaccard(counts).argmax())


def few_false_alarms(counts: Sequence[Counts]) -> int:
    """Index of the lowest threshold whose false alarms are few over all cases; the highest if they never are."""
    false = np.sum([each.false for each in counts], axis=0) / sum(each.pixels for each in counts)
    return int(np.argmax(false <= LEAST_FALSE_ALARMS)) if (false <= LEAST_FALSE_ALARMS).any() else len(false) - 1


def _mean_jaccard(counts: Sequence[Counts]) -> np.ndarray:
    mean: np.ndarray = np.mean([each.jaccard for each in counts], axis=0)
    return mean


def _repaired(
    images: Sequence[np.ndarray],
    maps: Sequence[np.ndarray],
    detector: Detector,
    choice: Choice,
    classical: Response,
    threshold: int,
    name: str,
) -> list[dict[str, Any]]:
    """Photographs with mixed damage: left as they are, repaired where it is found, and where it truly is."""
    inpainter = Inpainter.from_pretrained()
    found: list[dict[str, Any]] = []
    for place, image in enumerate(images):
        laid = _MIXED(np.random.default_rng([place, 1]), image, maps=maps)
        holes = {
            "not repaired": np.zeros(image.shape[:2], bool),
            f"best classical ({name})": dilated(classical(laid.image) >= THRESHOLDS[threshold], 1),
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
