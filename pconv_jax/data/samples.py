"""Real photographs and textures that come inside the scikit-image package: no download.

Images are uint8 [H, W, 3], RGB. The split is by photograph, never by crop:

- train: whole photographs. Both pictures of the motorcycle are here, since they show one scene.
- validation: tiles of a night scene and of stained tissue: bold shapes, flat areas, fine detail in colour.
- test: tiles of an animal, a still life, coins and gravel: fur before a blurred background, smooth colour
  with sharp contours, worn metal, a texture that no interpolation can guess. The training photographs show
  none of these.

Left out of the pictures in the package: drawings, text, synthetic and computed images (cell), one that is
blurred by intent (clock_motion), and those too small to cut.
"""

import functools
import importlib.util
from pathlib import Path

import numpy as np

from pconv_jax.common.errors import InputError
from pconv_jax.data.decode import decode_image
from pconv_jax.data.source import Split

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
TILE = 128  # side in pixels of the squares that validation and test photographs are cut into


class SamplesSource:
    """One split: whole photographs for training, tiles that do not overlap for the others.

    The tiles come in turn from each photograph, so that the first few show them all. A photograph is decoded
    once in each process that looks at it, and kept.
    """

    name = "samples"
    note = ""

    def __init__(self, split: Split):
        """Finds the photographs of a split.

        Args:
            split: "train", "validation" or "test".

        Raises:
            InputError: this version of scikit-image does not bring them.
        """
        self.split = split
        names = PHOTOGRAPHS[split]
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
        """The photograph, and where the tile's corner lies in it: `coffee.png 136,44` (top, left)."""
        name, corner = self._items[index]
        return name if corner is None else f"{name} {corner[0]},{corner[1]}"

    def at_least(self, short_side: int) -> "SamplesSource":
        """The same images: they are in memory, and not quicker to be had smaller."""
        return self

    def __repr__(self) -> str:
        return f"SamplesSource(split={self.split!r}, images={len(self)})"


@functools.cache
def photograph(name: str) -> np.ndarray:
    """One of scikit-image's own pictures, decoded on first use.

    Args:
        name: a file name in `PHOTOGRAPHS`.

    Returns:
        uint8 [H, W, 3], RGB, read-only.

    Raises:
        InputError: scikit-image or the picture is not there.
    """
    package = importlib.util.find_spec("skimage")  # found, not imported: only its files are wanted
    folders = package.submodule_search_locations if package else None
    path = Path(next(iter(folders or ()), "")) / "data" / name
    if not path.is_file():
        raise InputError(f"samples needs {name}, which scikit-image 0.26 brings; install that version of it.")
    image = decode_image(path)
    image.setflags(write=False)
    return image


def _tiles(image: np.ndarray) -> list[tuple[int, int]]:
    """(top, left) of every whole tile; what is left over is shared between opposite edges."""
    top, left = (side % TILE // 2 for side in image.shape[:2])
    height, width = (side // TILE * TILE for side in image.shape[:2])
    return [(top + y, left + x) for y in range(0, height, TILE) for x in range(0, width, TILE)]
