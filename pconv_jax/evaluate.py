"""Scores of models and of classical methods on the same damaged images.

Images are [N, H, W, 3] floats in [0, 1]; masks are [N, H, W, 1], 1 = valid, 0 = hole. What is scored is
always the composite: valid pixels from the damaged input, hole pixels from the method.
"""

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from pconv_jax import metrics
from pconv_jax.classical import Method, composite, unrepaired
from pconv_jax.errors import InputError

REGIONS = ("composite_hole", "composite_whole")
"""Where composites are scored; in the hole, SSIM still sees the 5 pixels around it."""

_HEADINGS = {
    "l1": "L1",
    "psnr": "PSNR (dB)",
    "ssim": "SSIM",
    "jaccard": "Jaccard (min/max)",
    "jaccard_product": "Jaccard (product)",
}


@dataclasses.dataclass(frozen=True)
class Example:
    """One image of an evaluation, to be looked at; arrays are [H, W, 3] in [0, 1].

    Attributes:
      truth: the clean image.
      damaged: what every method saw: the noisy input, holes black.
      mask: [H, W, 1], 1 = valid.
      raw: method -> its output as it came, which may leave [0, 1].
      composite: method -> its output in the holes of `damaged`, clipped to [0, 1].
    """

    truth: np.ndarray
    damaged: np.ndarray
    mask: np.ndarray
    raw: Mapping[str, np.ndarray]
    composite: Mapping[str, np.ndarray]


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """Scores of every image, and what they come to.

    Attributes:
      rows: one dictionary per image x method x region: `image` (position in the data), `method`, `region`
        (one of `REGIONS`), `hole_fraction` (share of the image that is hole), and one value per metric: NaN
        where the region is empty, +inf for the PSNR of a perfect repair.
      examples: the first images, as many as were to be kept.
      opencv_version: the version that classical methods ran with; OpenCV's inpainting changed over time.
    """

    rows: tuple[Mapping[str, Any], ...]
    examples: tuple[Example, ...]
    opencv_version: str

    def summary(self) -> dict[str, Any]:
        """Means over the images, as plain dictionaries and numbers that JSON can hold.

        Returns:
          `images`, `images_without_hole`, `mean_hole_fraction`, `opencv_version`, and `methods`: method ->
          region of `REGIONS` -> mean of each metric (None where nothing is left to average), `images` (how
          many it is over: those without a hole have no score in it) and `psnr_infinite` (how many of them the
          mean PSNR leaves out, being perfect).
        """
        groups: dict[str, dict[str, list[Mapping[str, Any]]]] = {}
        for row in self.rows:
            groups.setdefault(row["method"], {}).setdefault(row["region"], []).append(row)
        images = next(iter(groups.values()))[REGIONS[0]]
        return {
            "images": len(images),
            "images_without_hole": sum(row["hole_fraction"] == 0 for row in images),
            "mean_hole_fraction": float(np.mean([row["hole_fraction"] for row in images])),
            "opencv_version": self.opencv_version,
            "methods": {
                method: {region: _means(rows) for region, rows in regions.items()} for method, regions in groups.items()
            },
        }

    def table(self) -> str:
        """The summary as a Markdown table, aligned for the terminal, and a note on what the means omit."""
        summary = self.summary()
        lines = [["region", "method", *_HEADINGS.values()]]
        for region in REGIONS:
            for method, regions in summary["methods"].items():
                means = {name: regions[region][name] for name in _HEADINGS}
                figures = [
                    "-" if mean is None else f"{mean:.2f}" if name == "psnr" else f"{mean:.4f}"
                    for name, mean in means.items()
                ]
                lines.append([region, method, *figures])
        return f"{_markdown(lines)}\n\n{_footnote(summary)}"


def score(
    batches: Iterable[Mapping[str, npt.ArrayLike]],
    methods: Mapping[str, Method],
    *,
    keep: int = 16,
    progress: Callable[[int], object] | None = None,
) -> Evaluation:
    """Scores the composites of several methods, each given the same damaged images.

    Methods see the noisy input with its holes blackened, so none can look at what is to be restored.
    Composites are clipped to [0, 1], as when they are saved, and keep the input's noise in the valid pixels.

    Args:
      batches: dictionaries of `image` (clean truth, [N, H, W, 3] in [0, 1]), `noisy` (the input, same shape;
        what it holds in a hole does not matter) and `mask` ([N, H, W, 1] of 0 and 1, 1 = valid).
      methods: name -> method; see `CLASSICAL_METHODS`.
      keep: how many images to keep as examples.
      progress: called after each batch with its number of images, e.g. `tqdm.update`.

    Returns:
      Scores of every image, and the examples.

    Raises:
      InputError: no image or no method was given, shapes or values do not fit, or a method returned something
        other than finite floats of the images' shape (the message names the method).
    """
    import cv2

    if not methods:
        raise InputError("no method to score: give at least one, for example CLASSICAL_METHODS")
    rows: list[Mapping[str, Any]] = []
    examples: list[Example] = []
    count = 0
    for batch in batches:
        truth, noisy, mask = _batch(batch)
        damaged = unrepaired(noisy, mask)
        raw = {name: _run(name, method, damaged, mask) for name, method in methods.items()}
        repaired = {name: np.clip(composite(damaged, mask, output), 0, 1) for name, output in raw.items()}
        for name, images in repaired.items():
            rows += _rows(name, images, truth, mask, first=count)
        for i in range(min(keep - count, len(truth))):
            outputs = ({name: images[i] for name, images in results.items()} for results in (raw, repaired))
            examples.append(Example(truth[i], damaged[i], mask[i], *outputs))
        count += len(truth)
        if progress is not None:
            progress(len(truth))
    if not count:
        raise InputError("no image to score: the data ended before the first batch")
    # By image, then in the order of methods and regions: the rows do not depend on the batch size.
    rows.sort(key=lambda row: row["image"])
    return Evaluation(tuple(rows), tuple(examples), cv2.__version__)


def _batch(batch: Mapping[str, npt.ArrayLike]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    truth, noisy, mask = (np.asarray(batch[key]) for key in ("image", "noisy", "mask"))
    if truth.ndim != 4 or noisy.shape != truth.shape or mask.shape != (*truth.shape[:3], 1):
        raise InputError(
            f"a batch needs image and noisy of one shape [N, H, W, 3] and mask [N, H, W, 1], "
            f"not {truth.shape}, {noisy.shape} and {mask.shape}"
        )
    if not np.isin(mask, (0, 1)).all():
        raise InputError(f"a mask must hold only 0 (hole) and 1 (valid), not {mask.min():g} to {mask.max():g}")
    if not np.isfinite(np.where(mask == 1, noisy, 0)).all():
        raise InputError("a batch's noisy images must be finite where the mask is 1 (valid)")
    return truth.astype(np.float32), noisy.astype(np.float32), mask.astype(np.float32)


def _run(name: str, method: Method, damaged: np.ndarray, mask: np.ndarray) -> np.ndarray:
    output = np.asarray(method(damaged.copy(), mask.copy()))  # copies: a method may work in place
    if output.shape != damaged.shape or output.dtype.kind in "biu":
        raise InputError(
            f"method {name!r} must return floats of shape {damaged.shape}, not {output.dtype} of shape {output.shape}"
        )
    broken = np.count_nonzero(~np.isfinite(output))
    if broken:
        raise InputError(f"method {name!r} returned {broken} values that are NaN or infinite")
    return output.astype(np.float32)


def _rows(
    method: str, images: np.ndarray, truth: np.ndarray, mask: np.ndarray, *, first: int
) -> Iterator[dict[str, Any]]:
    hole = mask == 0
    fractions = hole.mean(axis=(1, 2, 3))
    similarity = metrics.ssim_map(images, truth)  # the costly part, once for both regions
    for region, selected in zip(REGIONS, (hole, None), strict=True):
        values = {
            name: metrics.region_mean(similarity, selected)
            if name == "ssim"
            else metric(images, truth, region=selected)
            for name, metric in metrics.METRICS.items()
        }
        for index, fraction in enumerate(fractions):
            yield {
                "image": first + index,
                "method": method,
                "region": region,
                "hole_fraction": float(fraction),
                **{name: float(value[index]) for name, value in values.items()},
            }


def _means(rows: list[Mapping[str, Any]]) -> dict[str, Any]:
    means: dict[str, Any] = {}
    for name in metrics.METRICS:
        finite = [row[name] for row in rows if np.isfinite(row[name])]
        means[name] = float(np.mean(finite)) if finite else None
    means["images"] = sum(not np.isnan(row["l1"]) for row in rows)
    means["psnr_infinite"] = sum(row["psnr"] == np.inf for row in rows)
    return means


def _markdown(lines: list[list[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]

    def padded(line: list[str]) -> str:  # region and method are text, the rest are figures
        cells = (
            cell.ljust(width) if i < 2 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        return f"| {' | '.join(cells)} |"

    rule = ["-" * width if i < 2 else "-" * (width - 1) + ":" for i, width in enumerate(widths)]
    return "\n".join(map(padded, [lines[0], rule, *lines[1:]]))


def _footnote(summary: Mapping[str, Any]) -> str:
    notes = [f"{summary['images']} images, {summary['mean_hole_fraction']:.1%} hole on average"]
    if summary["images_without_hole"]:
        notes.append(f"{summary['images_without_hole']} without a hole, left out of composite_hole")
    for method, regions in summary["methods"].items():
        for region, means in regions.items():
            if means["psnr_infinite"]:
                notes.append(f"{means['psnr_infinite']} perfect, left out of PSNR ({method}, {region})")
    return "; ".join([*notes, f"OpenCV {summary['opencv_version']}"]) + "."
