"""A mask set made of files, sorted by hole ratio."""

import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pconv_jax.common.errors import InputError
from pconv_jax.common.progress import progress_options
from pconv_jax.evaluation.mask_sets.drawn import check_place, check_set, generator, ratio_buckets
from pconv_jax.evaluation.mask_sets.files import read_mask
from pconv_jax.imaging import mask_files
from pconv_jax.imaging.masks import MASK_THRESHOLD, check_threshold
from pconv_jax.imaging.opening import opened_file
from pconv_jax.masks import RATIO_BINS, hole_ratio
from pconv_jax.masks.checks import check_size
from pconv_jax.masks.statistics import warn_if_mostly_holes

_BINS = ((0.0, RATIO_BINS[0][0]), *RATIO_BINS, (RATIO_BINS[-1][1], 1.0))
NO_HOLE = "none"  # the bucket of files without a single hole
_BUCKETS = (NO_HOLE, *ratio_buckets(_BINS))
_VERSIONS = (1,)  # of how files are sorted, chosen and resized
_MANY = 1000  # files above which reading them shows a progress bar


class _Examined(NamedTuple):
    """What a set needs to know about a file."""

    bucket: str
    ratio: float
    sha256: str


class FolderMasks:
    """The mask files under a folder, in buckets by hole ratio and by whether a hole touches the border.

    The buckets are those of `RatioMasks`, and "0-0.01 inner", "0.6-1 border" and so on for files outside the six bins,
    "none" for those without a hole; only buckets that hold files exist. Files are sorted by their hole ratio at their
    own size. Masks are resized to the nearest pixel, so that they stay binary, and without keeping the aspect ratio;
    in a much smaller mask the hole ratio can change and thin holes can vanish.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        *,
        seed: int = 0,
        version: int = 1,
        threshold: int = MASK_THRESHOLD,
        invert: bool = False,
    ):
        """Finds, reads and sorts the files.

        Other files (notes, licences) and hidden ones are ignored. A warning is given if more than half of the files are
        holes nearly everywhere.

        Args:
            root: the folder; files in folders below count too.
            seed: any integer >= 0; determines the order of the files in each bucket.
            version: which version of the rules by which files are sorted, chosen and resized.
            threshold: the grey value, 1..255, from which on a pixel is white.
            invert: black = hole.

        Raises:
            InputError: `root` is not a folder, holds no mask files, holds one that cannot be read, or none with a hole;
                or an argument is out of its range.
        """
        self.root = Path(root).expanduser()
        check_set(str(root), seed, version, _VERSIONS)
        check_threshold(threshold)
        self.name = self.root.resolve().name
        self.seed, self.version, self.threshold, self.invert = int(seed), int(version), int(threshold), bool(invert)
        files = [file.as_posix() for file in mask_files(self.root)]
        examined = dict(zip(files, self._examine(files), strict=True))
        self._files = {
            bucket: chosen
            for bucket in _BUCKETS
            if (chosen := tuple(file for file in files if examined[file].bucket == bucket))
        }
        if self.buckets == (NO_HOLE,):
            way = "higher" if invert else "lower"
            raise InputError(
                f"no file in {self.root} has a hole at threshold {threshold}: give a {way} --mask-threshold"
            )
        listed = "".join(f"{examined[file].sha256} {file}\n" for file in files)
        self._sha256 = hashlib.sha256(listed.encode(errors="surrogateescape")).hexdigest()
        warn_if_inverted([file.ratio for file in examined.values()], self.root, invert=self.invert)

    @property
    def buckets(self) -> tuple[str, ...]:
        """The names of the buckets that hold files, by hole ratio."""
        return tuple(self._files)

    def files(self, bucket: str) -> tuple[str, ...]:
        """The files of a bucket.

        Args:
            bucket: one of `buckets`.

        Returns:
            Their paths below the folder, sorted.

        Raises:
            InputError: an unknown bucket.
        """
        check_place(self.name, self.buckets, bucket, 0)
        return self._files[bucket]

    def mask(self, bucket: str, index: int, height: int, width: int) -> np.ndarray:
        """Mask `index` of a bucket: its files in a random order, then all again in another one.

        Args:
            bucket: one of `buckets`.
            index: any integer >= 0.
            height: H in pixels, at least 1.
            width: W in pixels, at least 1.

        Returns:
            [H, W, 1], float32, 1 = valid, 0 = hole.

        Raises:
            InputError: an unknown bucket, a number out of its range, or a file that cannot be read any more.
        """
        check_place(self.name, self.buckets, bucket, index)
        check_size(height, width)
        files = self._files[bucket]
        turn, place = divmod(index, len(files))
        # Counted among all buckets: a first file in an empty one must not reorder the others.
        rng = generator("folder", self.version, self.seed, _BUCKETS.index(bucket), turn)
        file = files[rng.permutation(len(files))[place]]
        mask = read_mask(self.root / file, threshold=self.threshold, invert=self.invert)
        return mask[_nearest(mask.shape[0], height)[:, None], _nearest(mask.shape[1], width)]

    def definition(self) -> dict[str, Any]:
        """All that the masks depend on, in JSON values; "sha256" hashes the contents and paths of the files."""
        return {
            "kind": "folder",
            "version": self.version,
            "seed": self.seed,
            "threshold": self.threshold,
            "invert": self.invert,
            "buckets": {bucket: len(files) for bucket, files in self._files.items()},
            "sha256": self._sha256,
        }

    def __repr__(self) -> str:
        masks = sum(map(len, self._files.values()))
        return (
            f"FolderMasks(masks={masks}, files={self._sha256[:8]}, seed={self.seed}, version={self.version}, "
            f"threshold={self.threshold}, invert={self.invert})"
        )

    def _examine(self, files: list[str]) -> list[_Examined]:
        from tqdm import tqdm

        def examine(file: str) -> _Examined:
            path = self.root / file
            with opened_file(path, str(path)) as stream:
                content = stream.read()  # once, so that the hash is that of the mask
            mask = read_mask(content, name=str(path), threshold=self.threshold, invert=self.invert)
            return _Examined(bucket_of(mask), float(hole_ratio(mask)), hashlib.sha256(content).hexdigest())

        pool = ThreadPoolExecutor(os.cpu_count())
        try:
            found = pool.map(examine, files)
            how = {"disable": len(files) <= _MANY, **progress_options()}
            return list(tqdm(found, desc=f"reading {self.name}", total=len(files), unit=" masks", **how))
        finally:
            pool.shutdown(cancel_futures=True)  # an error or Ctrl-C must not wait for the rest of the files


def warn_if_inverted(ratios: Sequence[float], root: Path, *, invert: bool) -> None:
    """Warns if most masks are holes nearly everywhere: the other colour probably marks the holes.

    Args:
        ratios: hole ratio of each mask.
        root: folder of the masks, for the message.
        invert: whether they are read inverted already.
    """
    colour, way = ("white", "leave out") if invert else ("black", "give")
    warn_if_mostly_holes(ratios, root, colour=colour, way=f"{way} --invert-mask")


def bucket_of(mask: np.ndarray) -> str:
    """The bucket that a mask belongs to, by its hole ratio and by whether a hole touches the border.

    Args:
        mask: [H, W, 1] of 0 and 1, 1 = valid.

    Returns:
        The name: a bucket of `RatioMasks`, or "none", "0-0.01 inner", "0.6-1 border" and so on outside the six bins.

    Raises:
        InputError: the shape is not [H, W, 1].
    """
    if mask.ndim != 3:
        raise InputError(f"a mask must be shaped [H, W, 1], got {list(mask.shape)}")
    ratio, hole = float(hole_ratio(mask)), mask[..., 0] == 0
    if not ratio:
        return NO_HOLE
    border = hole[[0, -1]].any() or hole[:, [0, -1]].any()
    number = next(number for number, (low, high) in enumerate(_BINS) if low < ratio <= high)
    return ratio_buckets(_BINS)[2 * number + int(border)]


def _nearest(old: int, new: int) -> np.ndarray:
    """For each of `new` pixels along an axis, the one of `old` that its centre lies in; whole numbers only."""
    return (2 * np.arange(new) + 1) * old // (2 * new)
