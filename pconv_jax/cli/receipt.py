"""Receipts: what was done to a photograph, and what was there before, so that `undo` can bring it back."""

import dataclasses
import hashlib
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pconv_jax.checkpoints.bundled import bundled_detectors, bundled_weights, named_place, weights_path
from pconv_jax.cli.jobs import Job
from pconv_jax.cli.receipt_file import (
    FORMAT,
    INPUT_FILE,
    REPLACED_PIXELS,
    file_hash,
    is_needless,
    pixels_hash,
    read_receipt,
)
from pconv_jax.common.atomic_write import write_json
from pconv_jax.common.errors import InputError
from pconv_jax.common.versions import package_versions
from pconv_jax.evaluation.methods import hash_arrays
from pconv_jax.imaging import Photograph, read_photograph, write_photograph
from pconv_jax.imaging.texts import NO_TEXTS
from pconv_jax.imaging.writing import copy_file, explained_errors

if TYPE_CHECKING:  # Flax takes a second to load, and `undo` needs none of it
    from pconv_jax.checkpoints.remembered import RememberedGenerator
    from pconv_jax.checkpoints.trained import TrainedGenerator
    from pconv_jax.evaluation.estimate import Estimate
    from pconv_jax.evaluation.expected import Expected


@dataclasses.dataclass(frozen=True)
class Receipts:
    """Writes receipts of photographs that are restored alike.

    A receipt is JSON beside the result; another file beside it holds what was there before. Where the result keeps all
    other pixels to the bit, that is a layer of the replaced pixels: a PNG file, transparent elsewhere; or, for a
    photograph with transparency of its own, a TIFF file whose further channel says where they are. Where it does not
    keep them, as JPEG does not, or where not all of the input was read or written, as of CMYK or an infrared channel
    in PNG, it is a copy of the input file.

    Attributes:
        weights: their name and hash.
        detector: name and hash of the detector that looked for damage, where there was no infrared channel to see it
            in; None if nothing was searched.
        settings: the flags that decide about the pixels.
        overwrite: whether receipts of earlier results may be replaced.
        max_pixels: of a photograph, as for `read_photograph`.
    """

    weights: Mapping[str, str]
    detector: Mapping[str, str] | None
    settings: Mapping[str, Any]
    overwrite: bool
    max_pixels: int | None

    def check(self, job: Job) -> None:
        """Refuses to replace the way back from an earlier restoration.

        Args:
            job: the photograph to restore.

        Raises:
            InputError: there is a receipt, or what goes with one, that may not be replaced.
        """
        found = [
            path for path in (job.receipt, *map(job.originals, (".png", ".tif", job.image.suffix))) if path.exists()
        ]
        if found and not self.overwrite and (job.finished or not is_needless(job, max_pixels=self.max_pixels)):
            raise self._way_back(found[0])  # not what an interruption left before the result was there
        if found and job.in_place and not is_needless(job, max_pixels=self.max_pixels):
            raise InputError(
                f"{found[0]} is the way back from an earlier restoration: undo that, or choose another file"
            )

    def _way_back(self, file: Path) -> InputError:
        return InputError(f"{file} exists, and may be the only way back: move it, or give --overwrite")

    def write(
        self,
        job: Job,
        before: Photograph,
        hole: np.ndarray,
        finished: Path,
        *,
        said: list[str],
        estimate: "Estimate | None",
    ) -> None:
        """Writes the receipt of a result that is finished, but not yet in its place.

        Args:
            job: the photograph.
            before: as it was read.
            hole: what was replaced, bool `[H, W]`.
            finished: the file of the result.
            said: the warnings about it.
            estimate: how good it is expected to be, if that was asked for.

        Raises:
            InputError: a file cannot be written, or the receipt of another result would be replaced.
        """
        after = read_photograph(finished, max_pixels=self.max_pixels, quiet=True)  # it says nothing new
        if not self.overwrite and job.receipt.exists() and read_receipt(job.receipt).result != file_hash(finished):
            raise self._way_back(job.receipt)  # of another result, that was moved since
        if _kept(before, after, hole):
            kind, originals = REPLACED_PIXELS, job.originals(".png" if before.alpha is None else ".tif")
        else:
            kind, originals = INPUT_FILE, job.originals(job.image.suffix)

        def write_receipt(kept: Path) -> None:
            """Before the originals take their place: a failure leaves an earlier receipt with its own."""
            content = {
                "format": FORMAT,
                "versions": package_versions("pconv_jax", "jax"),
                **_about_input(job, before, hole),
                "weights": self.weights,
                "detector": self.detector,
                "settings": self.settings,
                "estimate": None if estimate is None else _numbers(estimate),
                "warnings": said,
                "originals": {"file": originals.name, "sha256": file_hash(kept), "holds": kind},
                "result": {"file": job.out.name, "sha256": file_hash(finished)},
            }
            with explained_errors(job.receipt):
                write_json(job.receipt, content)

        if kind == INPUT_FILE:
            copy_file(job.image, originals, check=write_receipt)
        else:
            write_photograph(originals, _layer(before, hole), check=write_receipt)


def weights_facts(
    weights: str | os.PathLike[str], generator: "TrainedGenerator | RememberedGenerator"
) -> dict[str, str]:
    """Name and hash of weights: of their file, or of the parameters of a training run."""
    path = named_place(weights, bundled_weights(), kind="weights")
    if path.is_file():
        return _file_facts(str(weights), path)
    return {"name": str(weights), "parameters_sha256": hash_arrays(generator.leaves)}


def detector_facts(detector: str) -> dict[str, str]:
    """Name and hash of a detector's file."""
    return _file_facts(detector, weights_path(detector, bundled_detectors(), kind="detector"))


def _file_facts(name: str, path: Path) -> dict[str, str]:
    return {"name": name, "sha256": file_hash(path)}


def with_originals(restored: Photograph, layer: Photograph) -> Photograph:
    """A restored photograph with its replaced pixels as they were.

    Args:
        restored: the result.
        layer: what `Receipts.write` kept of them.

    Returns:
        The photograph before it was restored.

    Raises:
        InputError: the layer is of another size or kind.
    """
    where = layer.alpha if restored.alpha is None else layer.infrared
    if where is None or (layer.pixels.shape, layer.pixels.dtype) != (restored.pixels.shape, restored.pixels.dtype):
        raise InputError("the original pixels are of another size or kind than the result: they do not belong to it")
    replaced = where > 0
    pixels = restored.pixels.copy()
    pixels[replaced] = layer.pixels[replaced]
    if restored.alpha is None or layer.alpha is None:
        return dataclasses.replace(restored, pixels=pixels)
    return dataclasses.replace(restored, pixels=pixels, alpha=np.where(replaced, layer.alpha, restored.alpha))


def _about_input(job: Job, before: Photograph, hole: np.ndarray) -> dict[str, Any]:
    """The sections of a receipt about the photograph, its mask and how much was replaced."""
    count = int(np.count_nonzero(hole))
    return {
        "input": {
            "file": job.image,
            "sha256": file_hash(job.image),
            "width": hole.shape[1],
            "height": hole.shape[0],
            "channels": before.layers.shape[2],
            "bits": 8 * before.pixels.itemsize,
            "pixels_sha256": pixels_hash(before),
        },
        "mask": {
            "file": job.mask,
            "sha256": file_hash(job.mask) if job.mask else None,
            "pixels_sha256": hashlib.sha256(np.packbits(hole).tobytes()).hexdigest(),
        },
        "replaced": {"pixels": count, "share": count / hole.size},
    }


def _numbers(estimate: "Estimate") -> dict[str, Any]:
    """An estimate in JSON values; numbers that are not finite are left out."""

    def plain(expected: "Expected") -> dict[str, float]:
        found = dataclasses.asdict(expected)
        return {name: value for name, value in found.items() if value is not None and math.isfinite(value)}

    widths = {each.width: {"psnr": plain(each.psnr), "ssim": plain(each.ssim)} for each in estimate.widths}
    return {"psnr": plain(estimate.psnr), "ssim": plain(estimate.ssim), "widths": widths, "shift": estimate.shift}


def _kept(before: Photograph, after: Photograph, hole: np.ndarray) -> bool:
    """Whether the result has all that the file held but what is in holes, to the bit."""
    if not after.lossless:  # equal by chance, and not the file that the photograph came in
        return False
    if before.notes:  # other inks, depth, channels or layers than were read
        return False
    if before.infrared is not None and (after.infrared is None or not np.array_equal(before.infrared, after.infrared)):
        return False
    one, other = before.layers, after.layers
    return (one.shape, one.dtype) == (other.shape, other.dtype) and bool((one == other).all(axis=2)[~hole].all())


def _layer(before: Photograph, hole: np.ndarray) -> Photograph:
    """The pixels in holes: black elsewhere, and so is the transparency, which is marked as the class says."""
    most = np.iinfo(before.pixels.dtype).max
    marked = np.where(hole, most, 0).astype(before.pixels.dtype)
    shown = hole if before.pixels.ndim == 2 else hole[..., None]
    pixels = np.where(shown, before.pixels, np.zeros((), before.pixels.dtype))
    plain = dataclasses.replace(before, pixels=pixels, exif=None, jpeg=None, texts=NO_TEXTS)
    if before.alpha is None:
        return dataclasses.replace(plain, alpha=marked, infrared=None)
    alpha = np.where(hole, before.alpha, np.zeros((), before.alpha.dtype))
    return dataclasses.replace(plain, alpha=alpha, infrared=marked)
