"""Sizes of damage on real scans and of drawn damage: `python -m experiments.damage_statistics FOLDER`.

People outlined the former. Both are measured the same way: outline by outline, by area and perimeter.
"""

import dataclasses
import gzip
import json
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
import tyro

from pconv_jax.common.commands import command
from pconv_jax.common.errors import InputError
from pconv_jax.evaluation.markdown import markdown
from pconv_jax.masks.film_damage import FilmDamage
from pconv_jax.masks.pieces import KINDS

_HEADING = ["outlines", "each", "per megapixel", "covers, %", "length, px", "width, px", "length, %", "width, %"]


class Size(NamedTuple):
    """Size of one outline.

    Attributes:
        area: inside it, px.
        length: of the rectangle with the same area and perimeter, px; its side if a square is the closest to that.
        width: mean width, px: of the same rectangle.
    """

    area: float
    length: float
    width: float


class Sizes(NamedTuple):
    """Sizes of the outlines of some pictures.

    Attributes:
        found: sizes.
        pictures: number of scans, drawn pieces or images.
        pixels: of all these, together.
        longest: long side of one, px.
    """

    found: list[Size]
    pictures: int
    pixels: float
    longest: float


@dataclasses.dataclass(frozen=True)
class Options:
    """What to measure.

    Attributes:
        scans: folder of annotations, a .json or .json.gz file for each scan: a list of {"label", "polygon"}, the latter
            a list of [x, y] in px. A scan counts as large as its furthest corners.
        images: how many images to draw of each kind of damage, and of all kinds together.
        image_size: side of these images, px.
        seed: of the drawn damage.
    """

    scans: Annotated[Path, tyro.conf.Positional]
    images: int = 40
    image_size: int = 1024
    seed: int = 0

    def check(self) -> None:
        """Refuses values that make no sense.

        Raises:
            InputError: naming the flag, its value and what it may be.
        """
        for flag, value, least in (("images", self.images, 1), ("image-size", self.image_size, 32)):
            if value < least:
                raise InputError(f"--{flag} is {value}, but it must be at least {least}")
        if self.seed < 0:
            raise InputError(f"--seed is {self.seed}, but it must be at least 0")


def size_of(area: float, perimeter: float) -> Size:
    """The size of an outline from its area, px, and its perimeter, px."""
    half = perimeter / 2
    discriminant = half**2 - 4 * area
    if discriminant <= 0:  # rounder than a square
        return Size(area, math.sqrt(area), math.sqrt(area))
    length = (half + math.sqrt(discriminant)) / 2
    return Size(area, length, area / length)


def polygon_size(corners: np.ndarray) -> Size:
    """The size of a polygon with the corners float `[N, 2]`, px."""
    following = np.roll(corners, -1, axis=0)
    area = abs(float((corners[:, 0] * following[:, 1] - corners[:, 1] * following[:, 0]).sum())) / 2
    return size_of(area, float(np.linalg.norm(following - corners, axis=1).sum()))


def mask_sizes(mask: np.ndarray) -> list[Size]:
    """The sizes of the connected parts of a mask, bool `[H, W]`; corners connect."""
    from skimage.measure import label, regionprops

    parts = regionprops(label(mask, connectivity=2))
    # By direction the perimeter is up to 7 % off.
    return [size_of(float(part.area), float(part.perimeter_crofton)) for part in parts]


def annotated(folder: Path) -> tuple[dict[str, Sizes], int]:
    """The sizes of annotations by label.

    Args:
        folder: as `Options.scans`.

    Returns:
        Sizes by label, the most frequent first, those of all labels at the end; and how many polygons with fewer than
        three corners were left out.

    Raises:
        InputError: no annotations there, or a file that holds something else.
    """
    paths = sorted(path for path in folder.glob("*") if path.name.endswith((".json", ".json.gz")))
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder: give one of annotations")
    if not paths:
        raise InputError(f"{folder} holds no .json or .json.gz files: give a folder of annotations")
    by_label: dict[str, list[Size]] = {}
    left_out, pixels, longest = 0, 0.0, 0.0
    for path in paths:
        polygons = list(_polygons(path))
        every = np.concatenate([np.empty((0, 2)), *(corners for _, corners in polygons)])
        if not len(every):
            raise InputError(f"{path} holds no polygons: leave the file out")
        width, height = every.max(axis=0).tolist()
        if min(width, height) <= 0:
            raise InputError(f"{path} has no corner right of and below [0, 0]: give px, or leave the file out")
        pixels, longest = pixels + width * height, max(longest, width, height)
        for label, corners in polygons:
            if len(corners) < 3:
                left_out += 1
            else:
                by_label.setdefault(label, []).append(polygon_size(corners))
    by_label = dict(sorted(by_label.items(), key=lambda item: -len(item[1])))
    by_label["all labels"] = [size for sizes in by_label.values() for size in sizes]
    return {label: Sizes(sizes, len(paths), pixels, longest) for label, sizes in by_label.items()}, left_out


def _polygons(path: Path) -> Iterator[tuple[str, np.ndarray]]:
    try:
        with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as file:
            for annotation in json.load(file):
                corners = np.array(annotation["polygon"] or np.empty((0, 2)), np.float64)
                if corners.ndim != 2 or corners.shape[1] != 2 or not np.isfinite(corners).all():
                    raise ValueError("a corner is not two numbers")
                yield str(annotation["label"]), corners
    except (OSError, EOFError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f'{path} cannot be read as annotations: it must hold a list of {{"label", "polygon"}} with [x, y] in px'
        ) from error


def drawn(options: Options) -> dict[str, Sizes]:
    """The sizes of drawn damage by kind, opaque and one piece an image; at the end those of the defaults of training.

    Args:
        options: how many, how large, and the seed.

    Returns:
        Sizes by kind.
    """
    damages: dict[str, FilmDamage] = {
        kind: FilmDamage(kinds=(kind,), pieces=(1, 1), opacity=(1.0, 1.0)) for kind in KINDS
    }
    damages["all kinds"] = FilmDamage()
    grey = np.full((options.image_size, options.image_size, 3), 128, np.uint8)
    sizes = {}
    for number, (kind, damage) in enumerate(damages.items()):
        rng = np.random.default_rng([options.seed, number])
        found = [size for _ in range(options.images) for size in mask_sizes(damage(rng, grey).damaged)]
        sizes[kind] = Sizes(found, options.images, options.images * options.image_size**2, options.image_size)
    return sizes


def table(sizes: Mapping[str, Sizes], name: str, each: str) -> str:
    """Sizes in Markdown, medians and 90th percentiles.

    Args:
        sizes: by label or kind.
        name: what these are, as a heading.
        each: what their number is given for, such as "scan".

    Returns:
        The table.
    """
    lines = [[name, _HEADING[0], f"each {each}", *_HEADING[2:]]]
    return markdown([*lines, *([label, *_cells(of)] for label, of in sizes.items())])


def _cells(sizes: Sizes) -> list[str]:
    found, pictures, pixels, longest = sizes
    counts = [str(len(found)), _number(len(found) / pictures), _number(len(found) / pixels * 1e6)]
    covered = _number(100 * sum(size.area for size in found) / pixels)
    lengths, widths = np.array([[size.length, size.width] for size in found]).reshape(-1, 2).T
    shares = (100 * lengths / longest, 100 * widths / longest)
    return [*counts, covered, *(_percentiles(values) for values in (lengths, widths, *shares))]


def _percentiles(values: np.ndarray) -> str:
    return " / ".join(map(_number, np.percentile(values, (50, 90)).tolist())) if len(values) else "-"


def _number(value: float) -> str:
    return f"{value:.2g}" if value < 99.5 else f"{value:.0f}"


def statistics(options: Options) -> str:
    """Both tables in Markdown.

    Args:
        options: the flags, checked.

    Returns:
        The tables, and what was left out of them.

    Raises:
        InputError: annotations that cannot be read.
    """
    people, left_out = annotated(options.scans)
    longest = next(iter(people.values())).longest
    size = options.image_size
    return "\n\n".join(
        [
            "Lengths and mean widths are median / 90th percentile; in % they are shares of the long side.",
            table(people, f"people, on scans up to {longest:.0f} px wide", "scan"),
            table(drawn(options), f"drawn, on {size}x{size} px", "image"),
            "Images of one kind hold one opaque piece each; those of all kinds are damaged as in training.",
            f"Annotations with fewer than three corners, left out: {left_out}",
        ]
    )


@command()
def main(arguments: Sequence[str]) -> None:
    """Runs the command."""
    options = tyro.cli(
        Options,
        args=arguments,
        prog="python -m experiments.damage_statistics",
        description="Measure damage that people outlined on scans, and drawn damage.",
    )
    options.check()
    print(statistics(options))


if __name__ == "__main__":
    sys.exit(main())
