"""The paper's figures of images and losses, each a function of plain arrays, for notebooks too.

Images are [N, H, W, 3] in [0, 1]; masks [N, H, W, 1], 1 = valid, 0 = hole.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from experiments.image_grids import image_grid, image_sheet, show_holes
from experiments.loss_curves import loss_curve
from experiments.train.logs import LOSSES, UNITS, history
from experiments.train.run_folder import InpaintedImages
from pconv_jax.evaluation.baselines import mean_fill
from pconv_jax.evaluation.metrics import l1
from pconv_jax.masks import hole_ratio

_TEASER_PIXELS = 320  # least height of an image in the teaser


def figure_1_teaser(results: InpaintedImages, folder: Path, *, count: int = 3) -> Path:
    """Draws `figure_1_teaser.png`: a few examples of the network's best, large. Selected, so not a fair sample.

    The best are the third with the greatest gain in L1 in the holes over filling them with the mean colour of the
    image: there is much to inpaint, and it succeeds. Of these, the first and those least like it in colour are shown.

    Args:
        results: the images to choose from.
        folder: where to write it.
        count: examples to show.

    Returns:
        The file.
    """
    holes = results.mask == 0
    blank = l1(mean_fill(results.damaged, results.mask), results.truth, region=holes)
    gain = blank - l1(results.composite, results.truth, region=holes)
    third = max(count, len(gain) // 3)
    best = results[np.argsort(-gain, kind="stable")[:third]]  # NaN, without a hole, comes last
    best = best[_unlike(best.truth.mean(axis=(1, 2)), count)]
    path = folder / "figure_1_teaser.png"
    image_grid(
        [
            ("masked input", show_holes(best.damaged, best.mask)),
            ("result", best.composite),
            ("ground truth", best.truth),
        ],
        path,
        limit=count,
        scale=-(-_TEASER_PIXELS // best.truth.shape[1]),
    )
    return path


def _unlike(colours: np.ndarray, count: int) -> np.ndarray:
    """Indices of the first of some colours [N, 3] and of others, each as far as possible from those before it."""
    chosen = [0]
    while len(chosen) < min(count, len(colours)):
        distance = np.linalg.norm(colours[:, None] - colours[chosen], axis=-1).min(axis=1)
        distance[chosen] = -1.0
        chosen.append(int(distance.argmax()))
    return np.array(chosen)


def figure_2_irregular_holes(results: InpaintedImages, holes: Sequence[str], folder: Path) -> Path:
    """Draws `figure_2_irregular_holes.png`: what Liu's network makes of irregular holes, not selected.

    Args:
        results: the images, from the smallest holes to the largest.
        holes: what to call the holes of each.
        folder: where to write it.

    Returns:
        The file.
    """
    path = folder / "figure_2_irregular_holes.png"
    image_grid(_columns(results), path, limit=len(holes), rows=holes)
    return path


def figure_4_loss_curve(metrics: Sequence[Mapping[str, float]], folder: Path, *, title: str, time: str = "") -> Path:
    """Draws `figure_4_loss_curve.png`: every loss over the training steps.

    Args:
        metrics: rows of a `metrics.jsonl`.
        folder: where to write it.
        title: heading.
        time: how long training took, in words, for the heading.

    Returns:
        The file.
    """
    path = folder / "figure_4_loss_curve.png"
    loss_curve(*history(metrics, LOSSES), path, title=f"{title}\n{time}" if time else title, units=UNITS)
    return path


def figure_5_masks(masks: np.ndarray, folder: Path) -> Path:
    """Draws `figure_5_masks.png`: masks from the smallest to the largest share of holes, which are white.

    Args:
        masks: [N, H, W, 1].
        folder: where to write it.

    Returns:
        The file.
    """
    shares = hole_ratio(masks)
    order = np.argsort(shares, kind="stable")
    path = folder / "figure_5_masks.png"
    image_sheet(1.0 - masks[order], path, captions=[f"{share:.1%} hole" for share in shares[order]])
    return path


def figure_6_masked_images(batch: Mapping[str, np.ndarray], folder: Path, *, rows: int = 6) -> Path:
    """Draws `figure_6_masked_images.png`: how training images are damaged.

    Args:
        batch: `image`, `noisy` and `mask`, as from `training_examples`.
        folder: where to write it.
        rows: examples to show.

    Returns:
        The file.
    """
    path = folder / "figure_6_masked_images.png"
    image_grid(
        [
            ("ground truth", batch["image"]),
            ("mask", 1.0 - batch["mask"]),
            ("masked and noisy", show_holes(batch["noisy"], batch["mask"])),
        ],
        path,
        limit=rows,
    )
    return path


def figure_7_results(results: InpaintedImages, folder: Path, *, dataset: str, rows: int = 6) -> Path:
    """Draws `figure_7_results_<dataset>.png`: the first test images as they come.

    Args:
        results: the images.
        folder: where to write it.
        dataset: name of the data set, for the file.
        rows: examples to show.

    Returns:
        The file.
    """
    path = folder / f"figure_7_results_{dataset}.png"
    image_grid(_columns(results), path, limit=rows)
    return path


def _columns(results: InpaintedImages) -> list[tuple[str, np.ndarray]]:
    return [
        ("masked input", show_holes(results.damaged, results.mask)),
        ("raw output", results.raw),
        ("composite", results.composite),
        ("ground truth", results.truth),
    ]
