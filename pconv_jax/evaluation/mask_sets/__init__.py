"""Mask sets that others can repeat: drawn from a version and a seed, or read from a folder; each has a hash.

A mask is float32 [H, W, 1]: 1 = valid, 0 = hole, nothing between. It is a function of the set, the bucket, the index
and the size alone: the same on every machine, in any order and for any batch size.
"""

import hashlib
import json
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from pconv_jax.common.errors import InputError
from pconv_jax.evaluation.mask_sets.drawn import LineMasks, RatioMasks, RegionMasks
from pconv_jax.evaluation.mask_sets.files import read_mask
from pconv_jax.evaluation.mask_sets.folder import NO_HOLE, FolderMasks, bucket_of, warn_if_inverted
from pconv_jax.imaging.masks import MASK_THRESHOLD

__all__ = [
    "MASK_SETS",
    "NO_HOLE",
    "PUBLISHED",
    "FolderMasks",
    "LineMasks",
    "MaskSet",
    "RatioMasks",
    "RegionMasks",
    "bucket_of",
    "mask_set_hash",
    "open_masks",
    "read_mask",
    "warn_if_inverted",
]

_DRAWN = {kind.name: kind for kind in (LineMasks, RatioMasks, RegionMasks)}
MASK_SETS = tuple(_DRAWN)  # drawn from a seed; any other name is a folder
_HASHED = 16  # masks of each bucket that the hash covers

# (set, version, seed, side of a square image in pixels): `mask_set_hash`. What a version draws never changes, so these
# never do; another way of drawing is another version. A NumPy whose PCG64 generators draw otherwise would show here.
PUBLISHED = {
    ("lines", 1, 0, 64): "3eb7c99ba353d8452d3ed4ef04730a3d6750cdf6f2fee398a149eaade813ff21",
    ("lines", 1, 0, 128): "ecaf531f5e5b8bf831f75b3293440953c3870ff9dedd6aabca7853e424bf6255",
    ("lines", 2, 0, 64): "38dc841fca79fbb4e807386c2c6790d4a5c44c50d499e8022cbaa33afe2f4f4b",
    ("lines", 2, 0, 128): "350678dc2a0858c1cdeb17f6174c9cdc11878bc005836713c76fcf4e6744a0a9",
    ("ratios", 1, 0, 64): "e21dbc4684e68f082d2939ee45a3b8359a72c4ca854a2e8180a41af1f94844dc",
    ("ratios", 1, 0, 128): "646351a118d738a60cfd605c9990dd4ce5138ed6320d5f6bf06ee57df0307938",
    ("regions", 1, 0, 64): "1cd746360687e5d8fb8ca472e53ce7d6fd474e11af561b1817a3e06029bc47d5",
    ("regions", 1, 0, 128): "dbaa265c6512ff138219f62ea76cb595af72c949c7b54815aea23453dcd32f12",
}


class MaskSet(Protocol):
    """An infinite sequence of masks for each bucket, a kind of damage. Picklable, without the pixels of any mask."""

    @property
    def name(self) -> str:
        """What to call the set in a table."""
        ...

    @property
    def buckets(self) -> tuple[str, ...]:
        """The names of the buckets, in a fixed order."""
        ...

    def mask(self, bucket: str, index: int, height: int, width: int) -> np.ndarray:
        """Mask `index` of a bucket.

        Args:
            bucket: one of `buckets`.
            index: any integer >= 0.
            height: H in pixels.
            width: W in pixels.

        Returns:
            [H, W, 1], float32, 1 = valid, 0 = hole.

        Raises:
            InputError: an unknown bucket, or a number out of its range.
        """
        ...

    def definition(self) -> dict[str, Any]:
        """All that the masks depend on, in JSON values: kind, version, seed and more by kind."""
        ...


def open_masks(
    masks: str, *, seed: int = 0, version: int = 1, threshold: int = MASK_THRESHOLD, invert: bool = False
) -> LineMasks | RatioMasks | RegionMasks | FolderMasks:
    """Opens a mask set by name.

    Args:
        masks: "lines", "ratios", "regions", or a folder of mask files ("./lines" where a folder has such a name).
        seed: any integer >= 0.
        version: which version of the set.
        threshold: for a folder: the grey value, 1..255, from which on a pixel is white.
        invert: for a folder: black = hole.

    Returns:
        The mask set.

    Raises:
        InputError: neither a name nor a folder, an unknown version, an argument out of its range or one that the set
            does not take, or a folder without usable masks.
    """
    if masks not in MASK_SETS:
        if not Path(masks).expanduser().is_dir():
            raise InputError(
                f"{masks} is not a folder of masks: give a folder of mask files, or one of {', '.join(MASK_SETS)}"
            )
        return FolderMasks(masks, seed=seed, version=version, threshold=threshold, invert=invert)
    if invert or threshold != MASK_THRESHOLD:
        raise InputError(
            f"the masks {masks} are drawn: leave out --mask-threshold and --invert-mask, which are for files"
        )
    return _DRAWN[masks](seed=seed, version=version)


def mask_set_hash(masks: MaskSet, *, size: tuple[int, int]) -> str:
    """The hash that tells whether two people score on the same masks.

    Args:
        masks: the set.
        size: (height, width) of the masks, in pixels.

    Returns:
        SHA-256, 64 hexadecimal digits, of the definition and the size as JSON, then of the bits (1 = hole, by row)
        of the first 16 masks of each bucket.

    Raises:
        InputError: a size that the set cannot draw.
    """
    height, width = (int(side) for side in size)
    stated = {"definition": masks.definition(), "size": [height, width]}
    digest = hashlib.sha256(json.dumps(stated, sort_keys=True, separators=(",", ":")).encode())
    for bucket in masks.buckets:
        for index in range(_HASHED):
            digest.update(np.packbits(masks.mask(bucket, index, height, width) == 0).tobytes())
    return digest.hexdigest()
