"""Scores the damage found in synthetic infrared scans: `python -m experiments.infrared_scores PHOTOGRAPHS`.

There are no public infrared scans with a truth. So photographs get dust and hairs, and an infrared channel in which
these are as opaque, the red of the picture shows a little, and everything is shifted, blurred and noisy.
"""

import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tyro

from pconv_jax.common.commands import command
from pconv_jax.common.errors import InputError
from pconv_jax.detection.damage_map import Choice
from pconv_jax.detection.infrared import infrared_damage
from pconv_jax.evaluation.detection import count
from pconv_jax.imaging import image_files, read_photograph
from pconv_jax.imaging.masks import LUMA
from pconv_jax.masks.film_damage import belongs
from pconv_jax.masks.pieces import Kind, draw_piece

_KINDS: tuple[Kind, ...] = ("dust", "hair", "lint", "scratch", "dirt")
_TOP = 65535


class Synthetic(NamedTuple):
    """A synthetic scan.

    Attributes:
        image: uint16 `[H, W, 3]`, damaged.
        infrared: uint16 `[H, W]`.
        opacity: of the damage, float32 `[H, W]`.
        damaged: bool `[H, W]`.
    """

    image: np.ndarray
    infrared: np.ndarray
    opacity: np.ndarray
    damaged: np.ndarray


@dataclasses.dataclass(frozen=True, kw_only=True)
class Film:
    """How synthetic scans are made.

    Attributes:
        crosstalk: exponent with which red shows in the channel, least and greatest.
        silver: whether the film holds silver: then luminance shows instead, with an exponent of 0.6 to 0.9.
        shift: greatest shift of the channel, px, down and right.
        stretch: how much larger the channel is, as a share of 1.
        blur: standard deviation of the channel's blur, px.
        noise: standard deviation of its noise, as a share of its range.
        pieces: of damage.
        opacity: of their cores, least and greatest.
    """

    crosstalk: tuple[float, float] = (0.05, 0.15)
    silver: bool = False
    shift: float = 4.0
    stretch: float = 0.0
    blur: float = 0.7
    noise: float = 0.004
    pieces: int = 8
    opacity: tuple[float, float] = (0.2, 1.0)

    def scan(self, rng: np.random.Generator, photograph: np.ndarray) -> Synthetic:
        """Makes a scan of a photograph.

        Args:
            rng: random generator.
            photograph: uint8 `[H, W, 3]`.

        Returns:
            The scan.
        """
        import cv2

        height, width = photograph.shape[:2]
        undamaged = np.maximum(photograph.astype(np.float32) / 255, 0.004)
        image, clear, damaged = undamaged.copy(), np.ones((height, width), np.float32), np.zeros((height, width), bool)
        for _ in range(self.pieces):
            kind = _KINDS[rng.integers(len(_KINDS))]
            opacity = rng.uniform(*self.opacity)
            coverage = np.float32(opacity) * draw_piece(
                rng, kind, height, width, thickness=float(np.exp(rng.uniform(0, 2.5)))
            )
            image += coverage[..., None] * (rng.uniform(0, 0.15) - image)
            clear *= 1 - coverage
            damaged |= belongs(coverage)
        shown: np.ndarray = self._light(rng, undamaged) * clear
        down, right = rng.uniform(-self.shift, self.shift, 2)
        matrix = np.array([[1 + self.stretch, 0, right], [0, 1 + self.stretch, down]])
        flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
        shown = cv2.warpAffine(shown, matrix, (width, height), flags=flags, borderMode=cv2.BORDER_REFLECT)
        shown = cv2.GaussianBlur(shown, (0, 0), self.blur) if self.blur else shown
        shown = shown + rng.normal(0, self.noise, shown.shape)
        return Synthetic(_deep(image), _deep(shown), 1 - clear, damaged)

    def _light(self, rng: np.random.Generator, picture: np.ndarray) -> np.ndarray:
        """The infrared light that undamaged film lets through, darker towards the corners."""
        height, width = picture.shape[:2]
        y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32)
        shading = rng.uniform(0.6, 0.9) * (1 - 0.08 * (x * x + y * y))
        if self.silver:
            luminance = picture @ LUMA
            return shading * luminance ** np.float32(rng.uniform(0.6, 0.9))
        return shading * picture[..., 0] ** np.float32(rng.uniform(*self.crosstalk))


def _deep(values: np.ndarray) -> np.ndarray:
    return np.rint(_TOP * np.clip(values, 0, 1)).astype(np.uint16)


@dataclasses.dataclass(frozen=True)
class Options:
    """What is scored.

    Attributes:
        photographs: folder of photographs, 8 bits and in colour.
        limit: how many of them, the first by name.
        seed: of the damage and the scans.
    """

    photographs: tyro.conf.Positional[Path]
    limit: int = 20
    seed: int = 0

    def check(self) -> None:
        """Refuses values that make no sense.

        Raises:
            InputError: naming the flag, its value and what it may be.
        """
        for flag, value, least in (("limit", self.limit, 1), ("seed", self.seed, 0)):
            if value < least:
                raise InputError(f"--{flag} is {value}, but it must be at least {least}")


@command()
def main(arguments: Sequence[str]) -> None:
    """Runs the command."""
    options = tyro.cli(
        Options,
        args=arguments,
        prog="python -m experiments.infrared_scores",
        description="Score what is found in simulated infrared channels.",
    )
    options.check()
    photographs = read_photographs(options.photographs, options.limit)
    print("| scans | alignment | crosstalk removed | Jaccard | recall | false alarms | refused |")
    print("| --- | --- | --- | ---: | ---: | ---: | ---: |")
    for film, align, crosstalk in (
        (Film(), True, True),
        (Film(), False, True),
        (Film(), True, False),
        (Film(), False, False),
        (Film(pieces=0), True, True),
        (Film(silver=True), True, True),
    ):
        scans = [film.scan(np.random.default_rng([options.seed, i]), each) for i, each in enumerate(photographs)]
        name = "silver-based film" if film.silver else "colour film" if film.pieces else "undamaged"
        ways = " | ".join("yes" if way else "no" for way in (align, crosstalk))
        print(f"| {name} | {ways} | {_scores(scans, align=align, remove_crosstalk=crosstalk)} |", flush=True)


def read_photographs(folder: Path, count: int) -> list[np.ndarray]:
    """The pixels, uint8 `[H, W, 3]`, of the first photographs of a folder, by name.

    Args:
        folder: of photographs.
        count: most of them.

    Returns:
        The pixels.

    Raises:
        InputError: there are none, or one is not of 8 bits and in colour.
    """
    files = image_files(folder)[:count]
    if not files:
        raise InputError(f"{folder} holds no photographs: give another folder")
    photographs = []
    for file in files:
        pixels = read_photograph(folder / file).pixels
        if pixels.ndim != 3 or pixels.dtype != np.uint8:
            raise InputError(
                f"{folder / file} is grey or of 16 bits, but scans are made of 8 bits in colour: take it out"
            )
        photographs.append(pixels)
    return photographs


def _scores(scans: Sequence[Synthetic], *, align: bool, remove_crosstalk: bool) -> str:
    """The columns of some scans, over the pixels of all of them."""
    hit = missed = false = pixels = refused = 0
    for scan in scans:
        try:
            found = infrared_damage(scan.image, scan.infrared, align=align, remove_crosstalk=remove_crosstalk)
        except InputError:
            refused += 1
            continue
        counts = count(found.hole(Choice(dilate=0)).astype(np.float32), scan.damaged, [0.5])
        hit, missed, false = hit + int(counts.hit[0]), missed + int(counts.missed[0]), false + int(counts.false[0])
        pixels += counts.pixels
    jaccard, recall = (f"{hit / total:.3f}" if hit + missed else "" for total in (hit + missed + false, hit + missed))
    alarms = f"{false / pixels:.4%}" if pixels else ""
    return f"{jaccard} | {recall} | {alarms} | {refused} of {len(scans)}"


if __name__ == "__main__":
    sys.exit(main())
