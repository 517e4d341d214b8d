"""Scores of models and of classical methods on the same damaged images.

Images are [N, H, W, 3] floats in [0, 1]; masks are [N, H, W, 1], 1 = valid, 0 = hole. What is scored is
always the composite as it would be saved: valid pixels from the damaged input, hole pixels from the method, clipped
and rounded to 8 bits.
"""

import dataclasses
import functools
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from pconv_jax.common.errors import InputError
from pconv_jax.evaluation import metrics
from pconv_jax.evaluation.baselines import Method, composite, unrepaired
from pconv_jax.evaluation.statistics import Summary, summarise

REGIONS = {"hole": "in the hole", "whole": "over the whole image"}
"""Where composites are scored: in the hole (SSIM still sees the 5 pixels around it), and over the whole image."""


@dataclasses.dataclass(frozen=True)
class Example:
    """One image of an evaluation, to be looked at; arrays are [H, W, 3] in [0, 1].

    Attributes:
      truth: the clean image.
      damaged: what every method saw: the noisy input, holes black.
      mask: [H, W, 1], 1 = valid.
      raw: method -> its output as it came, which may leave [0, 1].
      composite: method -> its output in the holes of `damaged`, clipped and rounded to 8 bits.
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
      rows: one dictionary per image x method, see `score_images`, with `image` (position in the data), `bucket`
        (always "all") and `method`.
      examples: the first images, as many as were to be kept.
      opencv_version: the version that classical methods ran with; OpenCV's inpainting changed over time.
    """

    rows: tuple[Mapping[str, Any], ...]
    examples: tuple[Example, ...]
    opencv_version: str

    @functools.cached_property
    def summary(self) -> Summary:
        """Means over the images, with intervals."""
        return summarise(self.rows)

    def table(self) -> str:
        """The summary as Markdown tables, in the hole and over the whole image."""
        summary = self.summary
        parts = [f"{title}:\n\n{summary.table(region)}" for region, title in REGIONS.items()]
        return "\n\n".join([*parts, f"OpenCV {self.opencv_version}."])


def score(
    batches: Iterable[Mapping[str, npt.ArrayLike]],
    methods: Mapping[str, Method],
    *,
    keep: int = 16,
    progress: Callable[[int], object] | None = None,
) -> Evaluation:
    """Scores the composites of several methods, each given the same damaged images.

    Methods see the noisy input with its holes blackened, so none can look at what is to be restored.
    Composites keep the input's noise in the valid pixels.

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
    rows: list[dict[str, Any]] = []
    examples: list[Example] = []
    count = 0
    for batch in batches:
        truth, noisy, mask = _batch(batch)
        damaged = unrepaired(noisy, mask)
        raw = {name: apply_method(name, method, damaged, mask) for name, method in methods.items()}
        repaired = {name: saved_composite(damaged, mask, output) for name, output in raw.items()}
        for name, images in repaired.items():
            found = enumerate(score_images(images, truth, mask), count)
            rows += [{"image": index, "bucket": "all", "method": name, **figures} for index, figures in found]
        for i in range(min(keep - count, len(truth))):
            outputs = ({name: images[i] for name, images in results.items()} for results in (raw, repaired))
            examples.append(Example(truth[i], damaged[i], mask[i], *outputs))
        count += len(truth)
        if progress is not None:
            progress(len(truth))
    if not count:
        raise InputError("no image to score: the data ended before the first batch")
    # By image, then in the order of methods: the rows do not depend on the batch size.
    rows.sort(key=lambda row: row["image"])
    return Evaluation(tuple(rows), tuple(examples), cv2.__version__)


def score_images(repaired: np.ndarray, truth: np.ndarray, mask: np.ndarray) -> list[dict[str, float]]:
    """Every metric of every image, in the hole and over the whole image.

    Args:
      repaired: composites [N, H, W, 3] in [0, 1].
      truth: clean images [N, H, W, 3] in [0, 1].
      mask: [N, H, W, 1] of 0 and 1, 1 = valid.

    Returns:
      For each image `hole_fraction` (share of the image that is hole) and one figure per region of `REGIONS` and metric
      of `metrics.METRICS`, such as `hole_psnr`: NaN where the region is empty, +inf for the PSNR of a perfect repair.

    Raises:
      InputError: shapes or ranges do not fit.
    """
    hole = mask == 0
    similarity = metrics.ssim_map(repaired, truth)  # the costly part, once for both regions
    columns = {"hole_fraction": hole.mean(axis=(1, 2, 3))}
    for region, selected in zip(REGIONS, (hole, None), strict=True):
        for name, metric in metrics.METRICS.items():
            columns[f"{region}_{name}"] = (
                metrics.region_mean(similarity, selected)
                if name == "ssim"
                else metric(repaired, truth, region=selected)
            )
    return [{name: float(values[index]) for name, values in columns.items()} for index in range(len(truth))]


def saved_composite(damaged: np.ndarray, mask: np.ndarray, output: np.ndarray) -> np.ndarray:
    """A method's output in the holes of its input, as it would be saved: clipped and rounded to 8 bits.

    Args:
      damaged: [N, H, W, 3] in [0, 1].
      mask: [N, H, W, 1] of 0 and 1, 1 = valid.
      output: [N, H, W, 3] raw output.

    Returns:
      [N, H, W, 3] float32, whole multiples of 1 / 255 in [0, 1].
    """
    return np.rint(np.clip(composite(damaged, mask, output), 0, 1) * np.float32(255)).astype(np.float32) / np.float32(
        255
    )


def apply_method(name: str, method: Method, damaged: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The raw output of a method, refused where it is not an image.

    Args:
      name: what to call the method in an error.
      method: the method; it gets copies, since it may work in place.
      damaged: [N, H, W, 3] float32 in [0, 1], holes black.
      mask: [N, H, W, 1] float32 of 0 and 1, 1 = valid.

    Returns:
      [N, H, W, 3] float32.

    Raises:
      InputError: the output is not finite floats of the images' shape.
    """
    output = np.asarray(method(damaged.copy(), mask.copy()))
    if output.shape != damaged.shape or output.dtype.kind in "biu":
        raise InputError(
            f"method {name!r} must return floats of shape {damaged.shape}, not {output.dtype} of shape {output.shape}"
        )
    broken = np.count_nonzero(~np.isfinite(output))
    if broken:
        raise InputError(f"method {name!r} returned {broken} values that are NaN or infinite")
    return output.astype(np.float32)


def image_by_image(method: Method) -> Method:
    """The same method, given one image at a time.

    Compiled convolutions round differently for other batch sizes (1e-5 on a CPU); so, an image's scores depend on
    nothing but the image.

    Args:
      method: a method that works on batches.

    Returns:
      A method.
    """

    def each(images: np.ndarray, masks: np.ndarray) -> np.ndarray:
        return np.concatenate([method(images[i : i + 1], masks[i : i + 1]) for i in range(len(images))])

    return each


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
