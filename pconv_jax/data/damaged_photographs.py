"""Training data of the damage detector: crops of photographs, most of them with film damage laid over.

Batches are uint8: image `[B, S, S, 3]`; opacity `[B, S, S, 1]`, 255 = opaque; truth `[B, S, S, 1]`, see
`masks.film_damage.Laid.truth`.
"""

import dataclasses
import functools
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pconv_jax.common.errors import InputError
from pconv_jax.data.augmentation import random_tones
from pconv_jax.data.opacity_maps import opacity_maps
from pconv_jax.data.pipeline import endless_batches
from pconv_jax.data.source import ImageSource, Split
from pconv_jax.masks.film_damage import FilmDamage, Laid

if TYPE_CHECKING:
    import grain

_ZOOM = (0.6, 2.5)  # how much larger than in its file a photograph is seen: scans are softer than photographs
_LARGER = (1.0, 1.5)  # times the final size, at which damage is laid before it is resampled with the photograph
_QUALITY = (55, 98)  # of JPEG


@dataclasses.dataclass(frozen=True, kw_only=True)
class DamagedPhotographs:
    """How photographs are damaged, and what happens to them before and after.

    Attributes:
        film_damage: the damage.
        damage_dir: folder of opacity maps that pieces of damage are taken from as well; all are drawn if not given.
        undamaged: share of the photographs that stay without damage: the network must not find any in them.
        resampled: share that is made smaller after it was damaged, as scans are.
        compressed: share that has been through JPEG since.
        monochrome: share that is grey.
        faded: share of the grey ones in a tone such as sepia, damage and all.
        edged: share that shows an edge of the print, or two, with or without a border: neither is damage.
        grain: greatest standard deviation of the grain under the damage, levels of 255; half of them get none.
    """

    film_damage: FilmDamage = dataclasses.field(default_factory=FilmDamage)
    damage_dir: Path | None = None
    undamaged: float = 0.3
    resampled: float = 0.35
    compressed: float = 0.5
    monochrome: float = 0.25
    faded: float = 0.4
    edged: float = 0.12
    grain: float = 14.0

    def check(self) -> None:
        """Refuses settings that make no sense; not done on construction, so that a command line can report them.

        Raises:
            InputError: naming the value and what it may be.
        """
        self.film_damage.check(with_maps=self.damage_dir is not None)
        for name in ("undamaged", "resampled", "compressed", "monochrome", "faded", "edged"):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(f"{name}={getattr(self, name)} must be a share, from 0 to 1")
        if not 0 <= self.grain <= 128:
            raise InputError(f"grain={self.grain} must be a standard deviation, from 0 to 128 of 255 levels")

    def __call__(
        self, rng: np.random.Generator, image: np.ndarray, *, size: int, maps: Sequence[np.ndarray] = ()
    ) -> Laid:
        """Makes a square crop of a photograph and damages it.

        Args:
            rng: random generator.
            image: uint8 `[H, W, 3]`.
            size: S, the side of the result, px.
            maps: opacity maps of `damage_dir`, if there is one.

        Returns:
            The damaged crop.
        """
        larger = rng.uniform(*_LARGER) if rng.random() < self.resampled else 1.0
        grey = rng.random() < self.monochrome
        photograph = self._toned(rng, _crop(rng, image, round(size * larger)), grey=grey)
        if rng.random() < self.undamaged:
            laid = Laid.undamaged(photograph)
        else:
            laid = self.film_damage(rng, photograph, maps=maps)
        if grey and rng.random() < self.faded:
            laid = laid._replace(image=_faded(rng, laid.image))
        return _compressed(rng, _resampled(laid, size), self.compressed)

    def _toned(self, rng: np.random.Generator, photograph: np.ndarray, *, grey: bool) -> np.ndarray:
        """Grey or not, paler or darker, mirrored, with grain."""
        import cv2

        if grey:
            photograph = np.repeat(cv2.cvtColor(photograph, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)
        seen = photograph[:, ::-1] if rng.random() < 0.5 else photograph
        if rng.random() < 0.25:  # film lies sideways in the scanner as well
            seen = seen.transpose(1, 0, 2)
        toned = seen.astype(np.float32)
        if rng.random() < self.edged:
            for _ in range(rng.integers(1, 3)):
                _lay_edge(rng, toned)
        if rng.random() < 0.5:
            gain = rng.uniform(0.5, 1)
            toned = toned * np.float32(gain) + np.float32(rng.uniform(0, 255 * (1 - gain)))
        if rng.random() < 0.5 and self.grain:
            toned += drawn_grain(rng, toned.shape, rng.uniform(0, self.grain))
        return np.clip(np.rint(toned), 0, 255).astype(np.uint8)


def damaged_batches(
    source: ImageSource,
    *,
    image_size: int,
    batch_size: int,
    seed: int,
    photographs: DamagedPhotographs,
    split: Split = "train",
    purpose: int = 0,
    workers: int = 0,
    shard: tuple[int, int] = (0, 1),
) -> "grain.IterDataset[dict[str, np.ndarray]]":
    """Infinite batches of damaged photographs; arguments as for `train_batches`.

    Args:
        source: the photographs.
        image_size: side S of the crops, px.
        batch_size: B, of all hosts together.
        seed: any integer >= 0.
        photographs: how they are damaged.
        split: which of the opacity maps to use.
        purpose: 0 for training, 1 for validation: one seed gives other damage for each.
        workers: processes that make batches ahead of time; 0: threads of this process.
        shard: (i, n) for host i of n.

    Returns:
        A Grain dataset of {"image", "opacity", "truth"}.

    Raises:
        InputError: an argument is out of its range.
    """
    photographs.check()
    example = _Example(image_size, photographs, split)
    return endless_batches(
        source, example, _stack, batch_size=batch_size, seed=seed, purpose=purpose, workers=workers, shard=shard
    )


@dataclasses.dataclass(frozen=True)
class _Example:
    image_size: int
    photographs: DamagedPhotographs
    split: Split

    def __call__(self, image: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
        laid = self.photographs(rng, image, size=self.image_size, maps=self._maps)
        opacity = np.rint(255 * laid.opacity).astype(np.uint8)
        return {"image": laid.image, "opacity": opacity[..., None], "truth": laid.truth[..., None]}

    @functools.cached_property  # read where they are used, as worker processes must not be sent them
    def _maps(self) -> tuple[np.ndarray, ...]:
        folder = self.photographs.damage_dir
        return () if folder is None else opacity_maps(folder, self.split)


def _stack(examples: Sequence[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    return {name: np.stack([example[name] for example in examples]) for name in examples[0]}


def _crop(rng: np.random.Generator, image: np.ndarray, size: int) -> np.ndarray:
    """A square of a photograph at a random scale."""
    import cv2

    low, high = _ZOOM
    zoom = low * (high / low) ** rng.random()
    height, width, _ = image.shape
    side = max(1, min(height, width, round(size / zoom)))
    top, left = rng.integers(0, (height - side + 1, width - side + 1)).tolist()
    crop = image[top : top + side, left : left + side]
    ways = (cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_LANCZOS4)
    way = cv2.INTER_AREA if side > size else ways[rng.integers(len(ways))]
    return cv2.resize(crop, (size, size), interpolation=way)


def drawn_grain(rng: np.random.Generator, shape: tuple[int, ...], strength: float) -> np.ndarray:
    """Grain of some size, alike in all channels or not.

    Args:
        rng: random generator.
        shape: of the photograph, `[H, W, C]` with C = 3.
        strength: standard deviation, levels.

    Returns:
        float32 `[H, W, 3]`, or `[H, W, 1]` if it is alike in all channels.
    """
    import cv2

    channels = 1 if rng.random() < 0.5 else 3
    grain = rng.standard_normal((*shape[:2], channels), np.float32)
    size = rng.uniform(0, 1.2)
    if size > 0.35:
        grain = cv2.GaussianBlur(grain, (0, 0), size).reshape(grain.shape).astype(np.float32)
    return grain * np.float32(strength / max(float(grain.std()), 1e-6))


def _lay_edge(rng: np.random.Generator, photograph: np.ndarray) -> None:
    """Lays an edge of the print over a photograph, float32: a border, and what the print lies on."""
    height, width, _ = photograph.shape
    turn = rng.integers(4) * math.pi / 2 + rng.normal(0, 0.02)
    rows, columns = np.ogrid[:height, :width]
    rows, columns = rows - height / 2, columns - width / 2
    inwards = math.cos(turn) * columns + math.sin(turn) * rows + rng.uniform(0.1, 0.5) * max(height, width)
    if rng.random() < 0.4:  # cut unevenly, or worn
        along = math.cos(turn) * rows - math.sin(turn) * columns
        places = np.linspace(along.min(), along.max(), rng.integers(8, 64))
        inwards = inwards + np.interp(along, places, rng.normal(0, rng.uniform(0.2, 1.5), len(places)))
    border = rng.uniform(1, 20) if rng.random() < 0.5 else 0.0
    for depth in (border, 0.0):
        level = rng.choice([rng.uniform(0, 40), rng.uniform(40, 215), rng.uniform(215, 255)], p=[0.3, 0.1, 0.6])
        share = np.clip(inwards - depth + 0.5, 0, 1)[..., None].astype(np.float32)
        photograph *= share
        photograph += np.float32(level) * (1 - share)


def _faded(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    tones = random_tones(rng)
    return np.stack([tones[image[..., channel], channel] for channel in range(3)], axis=2)


def _resampled(laid: Laid, size: int) -> Laid:
    import cv2

    if len(laid.image) == size:
        return laid

    def smaller(x: np.ndarray) -> np.ndarray:
        return cv2.resize(x, (size, size), interpolation=cv2.INTER_AREA)

    image, opacity = smaller(laid.image), smaller(laid.opacity)
    damaged, visible = (smaller(x.astype(np.float32)) >= 0.5 for x in (laid.damaged, laid.visible))
    return Laid(image, opacity, damaged, visible)


def _compressed(rng: np.random.Generator, laid: Laid, share: float) -> Laid:
    import cv2

    if rng.random() >= share:
        return laid
    quality = rng.integers(_QUALITY[0], _QUALITY[1] + 1).item()
    encoded = cv2.imencode(".jpg", laid.image[..., ::-1], (cv2.IMWRITE_JPEG_QUALITY, quality))[1]
    decoded = cv2.imdecode(encoded, cv2.IMREAD_COLOR)
    assert decoded is not None
    return laid._replace(image=np.ascontiguousarray(decoded[..., ::-1]))
