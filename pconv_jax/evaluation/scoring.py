"""The scores of one pair: a method's raw output and its composite, by every metric.

All scores come from `score_pair`: those of a run's report, of `python -m experiments.evaluate`, and through it those of
the studies and the README. The exception is validation during training: it quickly needs a single number, `metrics.l1`
of the network's raw output in the holes.

Both are scored as they would be saved, clipped and rounded to 8 bits: columns `hole_...` and `whole_...` of the
composite, `raw_whole_...` of the raw output. In a hole the two are the same, but for weights, which inpaint in
windows, up to rounding. Images are [N, H, W, 3] floats in [0, 1]; masks are [N, H, W, 1], 1 = valid, 0 = hole.
"""

import dataclasses
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from pconv_jax.common.errors import InputError
from pconv_jax.common.peak_memory import PeakMemory
from pconv_jax.evaluation import metrics
from pconv_jax.evaluation.baselines import Method
from pconv_jax.evaluation.composites import as_saved, blacken_holes, make_composite
from pconv_jax.evaluation.pairs import Pair

REGIONS = {"hole": "in the hole", "whole": "over the whole image", "raw_whole": "raw output over the whole image"}
"""What is scored where: composites in the hole (SSIM still sees the 5 pixels around it) and over the whole image, and
raw output over the whole image."""

RAW_METRICS = ("l1", "psnr", "jaccard", "jaccard_product", "sharpness")
"""Metrics of the raw output; SSIM is left out, for it would take as long as all the others together."""


@dataclasses.dataclass(frozen=True)
class NamedMethod:
    """A method and its name in tables.

    Attributes:
        name: the name; one of `CLASSICAL_METHODS` stands for that method.
        method: the method.
        identity: what tells it from others of that name, JSON values: version of a package, or hash of the parameters.
        raw: gives the raw output where the method's own is a composite already; None for images that are too large.
    """

    name: str
    method: Method
    identity: dict[str, Any] = dataclasses.field(default_factory=dict)
    raw: Callable[[np.ndarray, np.ndarray], np.ndarray | None] | None = None


@dataclasses.dataclass(frozen=True)
class NamedDistance:
    """A perceptual distance and its name in tables.

    Attributes:
        name: the name.
        distance: (outputs, truths) `[N, H, W, 3]` in [0, 1] -> `[N]`.
        identity: what tells it from others of that name, JSON values.
    """

    name: str
    distance: Callable[[np.ndarray, np.ndarray], np.ndarray]
    identity: dict[str, Any]


class Cost(NamedTuple):
    """What a method took for one pair.

    Attributes:
        seconds: wall time, s.
        cpu_seconds: processor time of all threads, s, which other work on the machine does not change much. None in
            tables of older versions.
        peak_mib: growth of the process's peak memory, MiB; None there, and where the system does not tell.
    """

    seconds: float
    cpu_seconds: float | None
    peak_mib: float | None


class Inpainted(NamedTuple):
    """The output of a method for one pair, `[H, W, 3]` float32.

    Attributes:
        raw: its raw output, which may leave [0, 1]; None if it is not known.
        composite: its output in the holes and the input elsewhere, clipped and rounded to 8 bits.
        cost: what the method took; raw output that has to be computed by itself does not count.
    """

    raw: np.ndarray | None
    composite: np.ndarray
    cost: Cost


class ScoredPair(NamedTuple):
    """The scores of a method on one pair.

    Attributes:
        row: `image`, `name`, `bucket`, `method`, and the columns of `score_images`.
        inpainted: what was scored.
    """

    row: dict[str, Any]
    inpainted: Inpainted


def score_pair(pair: Pair, method: NamedMethod) -> ScoredPair:
    """Scores a method on one pair. It sees the noisy input with black holes, so it cannot look at the truth.

    Args:
        pair: the pair.
        method: the method.

    Returns:
        The scores, and what was scored; they do not depend on any other pair.

    Raises:
        InputError: the method returned something other than finite floats of the image's shape.
    """
    inpainted = inpaint_pair(pair, method)
    raw = None if inpainted.raw is None else inpainted.raw[None]
    (scores,) = score_images(raw, inpainted.composite[None], pair.truth[None], pair.mask[None])
    row = {"image": pair.image, "name": pair.name, "bucket": pair.bucket, "method": method.name, **scores}
    return ScoredPair(row, inpainted)


def inpaint_pair(pair: Pair, method: NamedMethod) -> Inpainted:
    """Inpaints one pair, in a batch of its own: compiled convolutions round differently for other batch sizes."""
    mask = pair.mask[None]
    damaged = blacken_holes(pair.noisy[None], mask)
    inputs = damaged.copy(), mask.copy()  # it may work in place
    with PeakMemory() as memory:
        began, cpu_began = time.perf_counter(), time.process_time()
        found = np.asarray(method.method(*inputs))  # of JAX: waits for the result
        seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - cpu_began
    output = _checked(method.name, damaged, found)
    raw: np.ndarray | None = output
    if method.raw is not None:
        whole = method.raw(damaged.copy(), mask.copy())
        raw = None if whole is None else _checked(method.name, damaged, whole)
    composite = as_saved(make_composite(damaged, mask, output))
    return Inpainted(None if raw is None else raw[0], composite[0], Cost(seconds, cpu_seconds, memory.mib))


def _checked(name: str, damaged: np.ndarray, output: npt.ArrayLike) -> np.ndarray:
    """The output of a method, float32.

    Raises:
      InputError: it is not finite floats of the images' shape.
    """
    output = np.asarray(output)
    if output.shape != damaged.shape or output.dtype.kind in "biu":
        raise InputError(
            f"method {name!r} must return floats of shape {damaged.shape}, not {output.dtype} of shape {output.shape}"
        )
    broken = np.count_nonzero(~np.isfinite(output))
    if broken:
        raise InputError(f"method {name!r} returned {broken} values that are NaN or infinite")
    return output.astype(np.float32)


def score_images(
    raw: np.ndarray | None, composite: np.ndarray, truth: np.ndarray, mask: np.ndarray
) -> list[dict[str, float]]:
    """Every metric of every image, of the composite and of the raw output.

    Args:
      raw: raw output [N, H, W, 3]; clipped and rounded here. None if it is not known.
      composite: composites [N, H, W, 3] in [0, 1].
      truth: clean images [N, H, W, 3] in [0, 1].
      mask: [N, H, W, 1] of 0 and 1, 1 = valid.

    Returns:
      For each image `hole_fraction` (share of the image that is hole), a score of the composite for each region "hole"
      and "whole" and each of `metrics.METRICS`, such as `hole_psnr`, and a score of the raw output for each of
      `RAW_METRICS`, such as `raw_whole_psnr`: NaN where the region is empty or raw output is not known, +inf for the
      PSNR of equal images.

    Raises:
      InputError: shapes or ranges do not fit.
    """
    hole = mask == 0
    similarity = metrics.ssim_map(composite, truth)  # the costly part, once for both regions
    columns = {"hole_fraction": hole.mean(axis=(1, 2, 3))}
    for region, selected in (("hole", hole), ("whole", None)):
        for name, metric in metrics.METRICS.items():
            columns[f"{region}_{name}"] = (
                metrics.region_mean(similarity, selected)
                if name == "ssim"
                else metric(composite, truth, region=selected)
            )
    columns |= _raw_columns(raw, composite, truth, columns)
    return [{name: float(values[index]) for name, values in columns.items()} for index in range(len(truth))]


def _raw_columns(
    raw: np.ndarray | None, composite: np.ndarray, truth: np.ndarray, columns: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    if raw is None:
        return {f"raw_whole_{name}": np.full(len(truth), np.nan) for name in RAW_METRICS}
    raw = as_saved(raw)
    if np.array_equal(raw, composite):  # the method kept the valid pixels: nothing to compute again
        return {f"raw_whole_{name}": columns[f"whole_{name}"] for name in RAW_METRICS}
    return {f"raw_whole_{name}": metrics.METRICS[name](raw, truth) for name in RAW_METRICS}
