"""Mask sets drawn from a seed: straight lines by thickness, random strokes by hole ratio, regions by kind."""

import dataclasses
from collections.abc import Collection
from typing import Any, ClassVar

import numpy as np

from pconv_jax.common.errors import InputError
from pconv_jax.masks import RATIO_BINS, random_lines, random_strokes_by_ratio
from pconv_jax.masks.regions import centre_region, random_blocks, random_region

# By version: fewest and most lines, thinnest and thickest line in pixels. What a version draws never changes: that
# would change every score given under its name. Add another version instead.
_LINES = {
    1: {
        "thin": {"count": (4, 12), "thickness": (1, 3)},
        "medium": {"count": (2, 6), "thickness": (4, 8)},
        "thick": {"count": (1, 3), "thickness": (9, 16)},
    },
    2: {
        "1-2 px": {"count": (4, 12), "thickness": (1, 2)},
        "3-5 px": {"count": (3, 8), "thickness": (3, 5)},
        "6-8 px": {"count": (2, 6), "thickness": (6, 8)},
        "9-16 px": {"count": (1, 3), "thickness": (9, 16)},
        "17-24 px": {"count": (1, 2), "thickness": (17, 24)},
    },
}
# By version: the bins of hole pixels, (low, high].
_RATIOS = {1: RATIO_BINS}
# By version: the kinds of region, each of whose masks the functions of `masks.regions` draw with their defaults.
_REGIONS = {1: ("centre", "random", "blocks")}
_KINDS = {
    "lines": 0,
    "ratios": 1,
    "folder": 2,
    "regions": 3,
}  # the first word of a mask's seed: no two kinds share their draws


@dataclasses.dataclass(frozen=True, kw_only=True)
class LineMasks:
    """Straight lines, in buckets by their thickness in pixels.

    Version 1: thin 1 to 3, medium 4 to 8, thick 9 to 16. Version 2: 1 to 2, 3 to 5, 6 to 8, 9 to 16 and 17 to 24. The
    thickness does not grow with the image: a line of 16 pixels is a quarter of 64 pixels, a sixteenth of 256.

    Attributes:
        seed: any integer >= 0.
        version: which version of the set.
    """

    name: ClassVar[str] = "lines"
    seed: int = 0
    version: int = 1

    def __post_init__(self) -> None:
        check_set(self.name, self.seed, self.version, _LINES)

    @property
    def buckets(self) -> tuple[str, ...]:
        """The names of the buckets."""
        return tuple(_LINES[self.version])

    def mask(self, bucket: str, index: int, height: int, width: int) -> np.ndarray:
        """Mask `index` of a bucket, as `MaskSet.mask` describes it; a side has at least 1 pixel."""
        number = check_place(self.name, self.buckets, bucket, index)
        lines = _LINES[self.version][bucket]
        rng = generator(self.name, self.version, self.seed, number, index, height, width)
        return random_lines(rng, height, width, count=lines["count"], thickness=lines["thickness"])

    def definition(self) -> dict[str, Any]:
        """All that the masks depend on, in JSON values."""
        table = {
            bucket: {key: list(bounds) for key, bounds in lines.items()}
            for bucket, lines in _LINES[self.version].items()
        }
        return _definition(self, table)


@dataclasses.dataclass(frozen=True, kw_only=True)
class RatioMasks:
    """Random strokes, in twelve buckets: by the six bins of hole ratio, and by whether a hole touches the border.

    Attributes:
        seed: any integer >= 0.
        version: which version of the set.
    """

    name: ClassVar[str] = "ratios"
    seed: int = 0
    version: int = 1

    def __post_init__(self) -> None:
        check_set(self.name, self.seed, self.version, _RATIOS)

    @property
    def buckets(self) -> tuple[str, ...]:
        """The names of the buckets: "0.01-0.1 inner", "0.01-0.1 border" and so on."""
        return ratio_buckets(_RATIOS[self.version])

    def mask(self, bucket: str, index: int, height: int, width: int) -> np.ndarray:
        """Mask `index` of a bucket, as `MaskSet.mask` describes it; a side has at least 16 pixels."""
        number = check_place(self.name, self.buckets, bucket, index)
        ratio = _RATIOS[self.version][number // 2]
        rng = generator(self.name, self.version, self.seed, number, index, height, width)
        return random_strokes_by_ratio(rng, height, width, ratio=ratio, border=bool(number % 2))

    def definition(self) -> dict[str, Any]:
        """All that the masks depend on, in JSON values."""
        return _definition(self, list(self.buckets))


@dataclasses.dataclass(frozen=True, kw_only=True)
class RegionMasks:
    """The regions that Pathak et al. remove: the centre, half as wide as the image; a random pattern; random blocks.

    Attributes:
        seed: any integer >= 0; the centre is always the same.
        version: which version of the set.
    """

    name: ClassVar[str] = "regions"
    seed: int = 0
    version: int = 1

    def __post_init__(self) -> None:
        check_set(self.name, self.seed, self.version, _REGIONS)

    @property
    def buckets(self) -> tuple[str, ...]:
        """The names of the buckets."""
        return _REGIONS[self.version]

    def mask(self, bucket: str, index: int, height: int, width: int) -> np.ndarray:
        """Mask `index` of a bucket, as `MaskSet.mask` describes it; a side has at least 8 pixels."""
        number = check_place(self.name, self.buckets, bucket, index)
        if bucket == "centre":
            return centre_region(height, width)
        rng = generator(self.name, self.version, self.seed, number, index, height, width)
        return (random_region if bucket == "random" else random_blocks)(rng, height, width)

    def definition(self) -> dict[str, Any]:
        """All that the masks depend on, in JSON values."""
        return _definition(self, list(self.buckets))


def _definition(masks: LineMasks | RatioMasks | RegionMasks, buckets: object) -> dict[str, Any]:
    return {"kind": masks.name, "version": int(masks.version), "seed": int(masks.seed), "buckets": buckets}


def ratio_buckets(bins: Collection[tuple[float, float]]) -> tuple[str, ...]:
    """Two names for each bin (low, high] of hole ratio: "low-high inner", "low-high border"."""
    return tuple(f"{low:g}-{high:g} {where}" for low, high in bins for where in ("inner", "border"))


def generator(kind: str, *numbers: int) -> np.random.Generator:
    """The random generator of a mask, by its kind and integers of at least 0; PCG64, the same everywhere."""
    return np.random.default_rng([_KINDS[kind], *numbers])


def check_set(name: str, seed: int, version: int, versions: Collection[int]) -> None:
    """Refuses a negative seed or an unknown version."""
    if seed < 0:
        raise InputError(f"the seed {seed} of the masks must be at least 0")
    if version not in versions:
        known = ", ".join(map(str, versions))
        raise InputError(f"unknown version {version} of the masks {name}: choose from {known}")


def check_place(name: str, buckets: tuple[str, ...], bucket: str, index: int) -> int:
    """The number of a bucket; refuses one that the set does not have, or a negative index."""
    if bucket not in buckets:
        raise InputError(f"unknown bucket {bucket!r} of the masks {name}: choose from {', '.join(buckets)}")
    if index < 0:
        raise InputError(f"the index {index} of a mask must be at least 0")
    return buckets.index(bucket)
