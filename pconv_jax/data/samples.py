"""Photographs and textures embedded in the scikit-image package: no download.

Images are uint8 [H, W, 3], RGB. The split is by photograph, never by crop:

- train: whole photographs. Both motorcycle photographs are here: they show one scene.
- validation: tiles of a night scene and of stained tissue: bold shapes, flat areas, fine coloured detail.
- test: tiles of an animal, a still life, coins and gravel: fur against a blurred background, smooth colour with sharp
  contours, worn metal, a texture that cannot be interpolated. The training photographs show none of these.

Left out: drawings, text, synthetic and computed images (cell), an intentionally blurred one (clock_motion), and images
too small to cut into tiles.
"""

import functools
import importlib.util
from pathlib import Path

import numpy as np

from pconv_jax.common.errors import InputError
from pconv_jax.data.decode import decode_image
from pconv_jax.data.source import Split, hash_of

PHOTOGRAPHS: dict[Split, tuple[str, ...]] = {
    "train": (
        "astronaut.png",
        "brick.png",
        "camera.png",
        "grass.png",
        "hubble_deep_field.jpg",
        "moon.png",
        "motorcycle_left.png",
        "motorcycle_right.png",
        "retina.jpg",
    ),
    "validation": ("rocket.jpg", "ihc.png"),
    "test": ("chelsea.png", "coffee.png", "coins.png", "gravel.png"),
}
TILE = 128  # side of the tiles of validation and test photographs, px
NOTE_ON_TILES = "tiles of {} photographs: intervals are over tiles, and say little of other photographs"


class SamplesSource:
    """One split: whole photographs for training, non-overlapping tiles for validation and test.

    Tiles alternate between the photographs, so that the first few show them all. A photograph is decoded once a process
    and kept in memory.
    """

    name = "samples"

    def __init__(self, split: Split):
        """Opens a split.

        Args:
            split: "train", "validation" or "test".

        Raises:
            InputError: the installed scikit-image does not contain the photographs.
        """
        self.split = split
        names = PHOTOGRAPHS[split]
        self.note = "" if split == "train" else NOTE_ON_TILES.format(len(names))
        places = [[None] if split == "train" else _tiles(photograph(name)) for name in names]
        self._items = [
            (name, tiles[turn])
            for turn in range(max(map(len, places)))
            for name, tiles in zip(names, places, strict=True)
            if turn < len(tiles)
        ]

    def __len__(self) -> int:
        return len(self._items)

    def __getitem__(self, index: int) -> np.ndarray:
        name, corner = self._items[index]
        if corner is None:
            return photograph(name)
        top, left = corner
        return photograph(name)[top : top + TILE, left : left + TILE]

    def label(self, index: int) -> str:
        """The photograph and the position of the tile in it, (top, left): `coffee.png 136,44`."""
        name, corner = self._items[index]
        return name if corner is None else f"{name} {corner[0]},{corner[1]}"

    def at_least(self, short_side: int) -> "SamplesSource":
        """This source: its images are in memory, so smaller ones would not be faster."""
        return self

    def fingerprint(self) -> str:
        """Hash of its names and sizes of tiles."""
        return hash_of(repr(self), *map(self.label, range(len(self))))

    def __repr__(self) -> str:
        return f"SamplesSource(split={self.split!r}, images={len(self)})"


@functools.cache
def photograph(name: str) -> np.ndarray:
    """One of the photographs in scikit-image, decoded on first use.

    Args:
        name: a file name in `PHOTOGRAPHS`.

    Returns:
        uint8 [H, W, 3], RGB, read-only.

    Raises:
        InputError: scikit-image or the photograph is missing.
    """
    package = importlib.util.find_spec("skimage")  # not imported: only its files are needed
    folders = package.submodule_search_locations if package else None
    path = Path(next(iter(folders or ()), "")) / "data" / name
    if not path.is_file():
        raise InputError(f"samples needs {name}, which scikit-image 0.26 contains: install that version")
    image = decode_image(path)
    image.setflags(write=False)
    return image


def _tiles(image: np.ndarray) -> list[tuple[int, int]]:
    """(top, left) of every whole tile; the tiles are centred."""
    top, left = (side % TILE // 2 for side in image.shape[:2])
    height, width = (side // TILE * TILE for side in image.shape[:2])
    return [(top + y, left + x) for y in range(0, height, TILE) for x in range(0, width, TILE)]
