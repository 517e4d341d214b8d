"""The input pipeline, from images to batches with Grain: crop, lines, noise, batch, prefetch.

Batches are float32 arrays: image and noisy [B, S, S, 3], RGB in [0, 1]; mask [B, S, S, 1], 1 = valid and
0 = hole. Each example has its own random generator, seeded with the seed and the example's number, so batches do not
depend on the number of threads or processes, and an iterator resumes from its position alone.
"""

import dataclasses
import functools
import math
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from pconv_jax import masks
from pconv_jax.common.errors import InputError
from pconv_jax.data.crop import central_square, resize
from pconv_jax.data.source import ImageSource
from pconv_jax.data.workers import in_processes

if TYPE_CHECKING:
    import grain

LineShape = Literal["straight", "strokes"]

_THREADS = 2  # of each process; they spend most of their time in C code, which releases the GIL
_AHEAD = 4  # prefetched batches of each process


@dataclasses.dataclass(frozen=True)
class Lines:
    """The lines that damage an image.

    Attributes:
        count: smallest and largest number of lines in an image.
        thickness: smallest and largest thickness of a line, in pixels.
        shape: "straight" lines, or "strokes", which are also bent and curved: see `masks.random_strokes`.
    """

    count: tuple[int, int]
    thickness: tuple[int, int]
    shape: LineShape = "straight"

    def __post_init__(self) -> None:
        masks.check_range("count", self.count)
        masks.check_range("thickness", self.thickness)
        if self.shape not in get_args(LineShape):
            raise InputError(f"shape={self.shape!r} must be one of {', '.join(get_args(LineShape))}")

    def mask(self, rng: np.random.Generator, size: int) -> np.ndarray:
        """Draws a mask.

        Args:
            rng: random generator.
            size: S, the side in pixels.

        Returns:
            [S, S, 1], float32, 1 = valid, 0 = hole.
        """
        draw = masks.random_lines if self.shape == "straight" else masks.random_strokes
        return draw(rng, size, size, count=self.count, thickness=self.thickness)


@dataclasses.dataclass(frozen=True)
class _Epochs:
    """The images of a source, repeated for ever, each epoch in a new order.

    Replaces Grain's shuffle(), which takes about 30 ms / n for each of n images: too slow for a few photographs.
    """

    source: ImageSource
    seed: int

    def __len__(self) -> int:
        return sys.maxsize

    def __getitem__(self, index: int) -> np.ndarray:
        epoch, place = divmod(index, len(self.source))
        return self.source[_order(self.seed, epoch, len(self.source))[place].item()]


@functools.lru_cache(maxsize=4)  # threads may work on two epochs at once
def _order(seed: int, epoch: int, size: int) -> np.ndarray:
    return np.random.default_rng([seed, epoch]).permutation(size)


@dataclasses.dataclass(frozen=True)
class _Example:
    """Makes an example from an image: a square crop at its final size, a mask and noise."""

    image_size: int
    lines: Lines
    noise: float
    crop_scale: tuple[float, float] | None  # None: the central square
    flip: bool
    recolor: bool
    monochrome: float

    def __call__(self, image: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
        size = self.image_size
        mask = self.lines.mask(rng, size)
        example = {"image": self._crop(image, rng), "mask": mask}
        if self.noise:
            example["noise"] = self._draw_noise(rng)
        return example

    def _draw_noise(self, rng: np.random.Generator) -> np.ndarray:
        return rng.standard_normal((self.image_size, self.image_size, 3), np.float32)

    def _crop(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        import cv2

        if self.crop_scale is None:
            square = central_square(image, self.image_size)
        else:
            height, width, _ = image.shape
            side = max(1, round(min(height, width) * rng.uniform(*self.crop_scale)))
            top, left = rng.integers(0, (height - side + 1, width - side + 1)).tolist()
            crop = image[top : top + side, left : left + side]
            if self.flip and rng.random() < 0.5:
                crop = cv2.flip(crop, 1)  # OpenCV would copy a reversed view ten times as slowly
            square = resize(crop, self.image_size)
        if self.recolor:
            square = _recolored(square, rng)
        if self.monochrome and rng.random() < self.monochrome:
            square = _monochrome(square, rng)
        return square


def _recolored(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Permutes the channels, and scales and shifts each within 0..255."""
    gain = rng.uniform(0.4, 1.0, 3)
    shift = rng.uniform(0.0, 255 * (1 - gain))
    return np.rint(image[..., rng.permutation(3)] * gain + shift).astype(np.uint8)


def _monochrome(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Like an old print: half of the images grey, half a random tone such as sepia, cyan or faded."""
    import cv2

    luminance = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None]
    if rng.random() < 0.5:
        return np.repeat(luminance, 3, axis=2)
    dark, light, gamma = rng.uniform(0, 0.3, 3), rng.uniform(0.55, 1, 3), rng.uniform(0.7, 1.4, 3)
    tones = dark + (light - dark) * np.linspace(0, 1, 256)[:, None] ** gamma
    return np.rint(255 * tones).astype(np.uint8)[luminance[..., 0]]


@dataclasses.dataclass(frozen=True)
class _Batch:
    """Stacks examples and adds the noise."""

    noise: float

    def __call__(self, examples: Sequence[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
        stacked = {key: np.stack([example[key] for example in examples]) for key in examples[0]}
        image = stacked["image"].astype(np.float32) / np.float32(255)
        noisy = self._add_noise(image, stacked["noise"]) if self.noise else image.copy()
        return {"image": image, "noisy": noisy, "mask": stacked["mask"]}

    def _add_noise(self, image: np.ndarray, noise: np.ndarray) -> np.ndarray:
        noisy = image + np.float32(self.noise) * noise
        return np.clip(noisy, 0, 1, out=noisy)


def train_batches(
    source: ImageSource,
    *,
    image_size: int,
    batch_size: int,
    seed: int,
    lines: Lines,
    noise: float,
    crop_scale: tuple[float, float] = (1.0, 1.0),
    flip: bool = False,
    recolor: bool = False,
    monochrome: float = 0.0,
    workers: int = 0,
    shard: tuple[int, int] = (0, 1),
) -> "grain.IterDataset[dict[str, np.ndarray]]":
    """Infinite training batches: a new order of the images each epoch; new crops, lines and noise for each example.

    Args:
        source: the images; a batch may continue into the next epoch, so a few images are enough.
        image_size: side S of the examples, in pixels.
        batch_size: B, of all hosts together.
        seed: any integer >= 0; the batches depend on it and not on `workers`.
        lines: the damage.
        noise: standard deviation of Gaussian noise on "noisy", in units of the [0, 1] range; 0 for none.
        crop_scale: smallest and largest side of the square crop, as fractions of the image's short side; uniform.
        flip: whether to mirror half of the images, at random.
        recolor: whether to permute the colour channels of each image and to scale (0.4 to 1) and shift each at random:
            a few photographs, or grey ones, show too few colours.
        monochrome: share of the images made monochrome, half of them grey and half toned, such as sepia: like old
            photographs.
        workers: processes that make batches ahead of time; 0: threads of this process.
        shard: (i, n) for host i of n, which gets rows i * B / n to (i + 1) * B / n of each batch.

    Returns:
        A Grain data set of {"image", "noisy", "mask"}: "image" is the clean target, "noisy" the same with noise,
        clipped to [0, 1]. The state of an iterator is {"next_index": number of batches taken}, for any `workers`; its
        close() ends its threads and processes.

    Raises:
        InputError: an argument is out of its range.
    """
    import grain

    low, high = crop_scale
    if not 0 < low <= high <= 1:
        raise InputError(f"crop_scale={crop_scale} must be (low, high) with 0 < low <= high <= 1")
    if not 0 <= monochrome <= 1:
        raise InputError(f"monochrome={monochrome} must be a share of the images, from 0 to 1")
    host, hosts = shard
    if not 0 <= host < hosts:
        raise InputError(f"shard={shard} must be (i, n) for host i of n, with 0 <= i < n")
    if batch_size % hosts:
        raise InputError(f"batch_size={batch_size} must be a multiple of {hosts}, the number of hosts")
    if workers < 0:
        raise InputError(f"workers={workers} must be 0 (threads) or a number of processes")
    example = _Example(image_size, lines, noise, (low, high), flip, recolor, monochrome)
    order_seed, example_seed = _seeds(source, example, batch_size, seed, purpose=0)
    source = source.at_least(math.ceil(image_size / low))  # the smallest crop still has every pixel it needs
    examples = grain.MapDataset.source(_Epochs(source, order_seed)).random_map(example, seed=example_seed)
    # Hosts and workers get whole batches, so that the rows do not depend on the number of either.
    batches = examples.batch(batch_size // hosts, batch_fn=_Batch(noise))[host::hosts]
    if workers:
        return in_processes(batches, workers, read=_read_ahead(), ahead=_AHEAD)
    return batches.to_iter_dataset(_read_ahead())


def eval_batches(
    source: ImageSource,
    *,
    image_size: int,
    batch_size: int,
    seed: int,
    lines: Lines,
    noise: float = 0.0,
    limit: int | None = None,
) -> "grain.IterDataset[dict[str, np.ndarray]]":
    """One pass over the images in order: the central square of each, damaged the same way every time.

    Args:
        source: the images.
        image_size: side S of the examples, in pixels.
        batch_size: B; the last batch may be smaller. The rows do not depend on it.
        seed: any integer >= 0; it determines the lines and the noise of each image, whatever the batch size.
        lines: the damage.
        noise: as for `train_batches`.
        limit: largest number of images; all by default.

    Returns:
        A finite Grain data set of {"image", "noisy", "mask"}.

    Raises:
        InputError: an argument is out of its range.
    """
    import grain

    if limit is not None and limit < 1:
        raise InputError(f"limit={limit} images must be at least 1")
    example = _Example(image_size, lines, noise, None, False, False, 0.0)
    _, example_seed = _seeds(source, example, batch_size, seed, purpose=1)
    examples = grain.MapDataset.source(source)[:limit].random_map(example, seed=example_seed)
    return examples.batch(batch_size, batch_fn=_Batch(noise)).to_iter_dataset(_read_ahead())


def _seeds(source: ImageSource, example: _Example, batch_size: int, seed: int, *, purpose: int) -> list[int]:
    """Checks the arguments of both kinds of batches; returns the seeds of the order and of the examples."""
    for name, value in (("image_size", example.image_size), ("batch_size", batch_size)):
        if value < 1:
            raise InputError(f"{name}={value} must be at least 1")
    if not 0 <= example.noise < float("inf"):
        raise InputError(f"noise={example.noise} must be a standard deviation of at least 0")
    if seed < 0:
        raise InputError(f"seed={seed} must be at least 0")
    if not len(source):
        raise InputError(f"{source!r} contains no images")
    return np.random.SeedSequence([seed, purpose]).generate_state(2).tolist()


def _read_ahead() -> Any:
    import grain

    return grain.ReadOptions(num_threads=_THREADS, prefetch_buffer_size=_AHEAD)
