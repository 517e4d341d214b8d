"""From a source of images to batches, through Grain: crop, lines, noise, batch, prefetch.

Batches hold float32 arrays: image and noisy [B, S, S, 3], RGB in [0, 1]; mask [B, S, S, 1], 1 = valid and
0 = hole. Each example draws from a random generator of its own, made from the seed and the example's number,
so the batches do not depend on how many threads or processes work on them, and an iterator resumes from its
position alone.
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
from pconv_jax.data.crop import central_square, resized
from pconv_jax.data.source import ImageSource
from pconv_jax.data.workers import in_processes

if TYPE_CHECKING:
    import grain

LineShape = Literal["straight", "strokes"]

_THREADS = 2  # threads in each process; most of their time is spent in C code that lets others run
_AHEAD = 4  # batches ready in each process before they are asked for


@dataclasses.dataclass(frozen=True)
class Lines:
    """What lines damage an image.

    Attributes:
        count: fewest and most lines in an image.
        thickness: smallest and largest thickness of a line, in pixels.
        shape: "straight" lines, or "strokes", bent and curved ones too: see `masks.random_strokes`.
    """

    count: tuple[int, int]
    thickness: tuple[int, int]
    shape: LineShape = "straight"

    def __post_init__(self) -> None:
        masks.check_range("count", self.count)
        masks.check_range("thickness", self.thickness)
        if self.shape not in get_args(LineShape):
            raise InputError(f"shape={self.shape!r} must be one of {', '.join(get_args(LineShape))}.")

    def mask(self, rng: np.random.Generator, size: int) -> np.ndarray:
        """Draws a mask.

        Args:
            rng: source of the lines.
            size: S, the side in pixels.

        Returns:
            [S, S, 1], float32, 1 = valid, 0 = hole.
        """
        draw = masks.random_lines if self.shape == "straight" else masks.random_strokes
        return draw(rng, size, size, count=self.count, thickness=self.thickness)


@dataclasses.dataclass(frozen=True)
class _Epochs:
    """The images of a source without end, each epoch in an order of its own.

    In place of Grain's shuffle(), which spends some 30 ms / n on each of n images: too long for a few
    photographs.
    """

    source: ImageSource
    seed: int

    def __len__(self) -> int:
        return sys.maxsize

    def __getitem__(self, index: int) -> np.ndarray:
        epoch, place = divmod(index, len(self.source))
        return self.source[_order(self.seed, epoch, len(self.source))[place].item()]


@functools.lru_cache(maxsize=4)  # threads may be at work on both sides of an epoch's end
def _order(seed: int, epoch: int, size: int) -> np.ndarray:
    return np.random.default_rng([seed, epoch]).permutation(size)


@dataclasses.dataclass(frozen=True)
class _Example:
    """Makes an example of an image: a square crop at its final size, the lines and the noise on it."""

    image_size: int
    lines: Lines
    noise: float
    crop_scale: tuple[float, float] | None  # None: the square in the middle
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
                crop = cv2.flip(crop, 1)  # a view that runs backwards would be copied by OpenCV, ten times as slowly
            square = resized(crop, self.image_size)
        if self.recolor:
            square = _recolored(square, rng)
        if self.monochrome and rng.random() < self.monochrome:
            square = _monochrome(square, rng)
        return square


def _recolored(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Exchanges the channels, and scales and shifts each within 0..255."""
    gain = rng.uniform(0.4, 1.0, 3)
    shift = rng.uniform(0.0, 255 * (1 - gain))
    return np.rint(image[..., rng.permutation(3)] * gain + shift).astype(np.uint8)


def _monochrome(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """As an old print: grey, or every second time from one colour to another: sepia, cyan, faded."""
    import cv2

    luminance = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None]
    if rng.random() < 0.5:
        return np.repeat(luminance, 3, axis=2)
    dark, light, gamma = rng.uniform(0, 0.3, 3), rng.uniform(0.55, 1, 3), rng.uniform(0.7, 1.4, 3)
    tones = dark + (light - dark) * np.linspace(0, 1, 256)[:, None] ** gamma
    return np.rint(255 * tones).astype(np.uint8)[luminance[..., 0]]


@dataclasses.dataclass(frozen=True)
class _Batch:
    """Stacks examples, and adds the noise."""

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
    """Batches without end, over the images in a new order each epoch, with new crops, lines and noise.

    Args:
        source: the images; a batch may run over into the next epoch, so a few are enough.
        image_size: side S of the examples, in pixels.
        batch_size: B, over all hosts together.
        seed: any integer >= 0; with the same seed come the same batches, whatever `workers` is.
        lines: the damage.
        noise: standard deviation of Gaussian noise on "noisy", in units of the [0, 1] range; 0 for none.
        crop_scale: smallest and largest side of the square crop, as parts of the image's short side; uniform.
        flip: whether to mirror every second image, at random.
        recolor: whether to exchange the colour channels of each image and to scale (0.4 to 1) and shift each of them at
            random: few or grey photographs alone do not teach colours.
        monochrome: share of the images made monochrome, half of them grey and half in a tone as sepia, so that old
            photographs are known too.
        workers: processes that make batches ahead of time; 0: threads of this process.
        shard: (i, n) for host i of n, which gets rows i * B / n to (i + 1) * B / n of each batch.

    Returns:
        A Grain data set of {"image", "noisy", "mask"}; "image" is the clean target, "noisy" the same with
        noise, clipped to [0, 1]. The state of an iterator is {"next_index": number of batches taken}, for any
        `workers`; its close() ends its threads and processes.

    Raises:
        InputError: an argument is out of its range.
    """
    import grain

    low, high = crop_scale
    if not 0 < low <= high <= 1:
        raise InputError(f"crop_scale={crop_scale} must be (low, high) with 0 < low <= high <= 1.")
    if not 0 <= monochrome <= 1:
        raise InputError(f"monochrome={monochrome} must be a share of the images, from 0 to 1.")
    host, hosts = shard
    if not 0 <= host < hosts:
        raise InputError(f"shard={shard} must be (i, n) for host i of n, with 0 <= i < n.")
    if batch_size % hosts:
        raise InputError(f"batch_size={batch_size} must be a multiple of {hosts}, the number of hosts.")
    if workers < 0:
        raise InputError(f"workers={workers} must be 0 (threads) or a number of processes.")
    example = _Example(image_size, lines, noise, (low, high), flip, recolor, monochrome)
    order_seed, example_seed = _seeds(source, example, batch_size, seed, purpose=0)
    source = source.at_least(math.ceil(image_size / low))  # the smallest crop still has every pixel it needs
    examples = grain.MapDataset.source(_Epochs(source, order_seed)).random_map(example, seed=example_seed)
    # Whole batches are dealt out, to hosts and then to workers: their rows do not depend on either.
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
    """One pass over the images in their order: the square in the middle, damaged the same way every time.

    Args:
        source: the images.
        image_size: side S of the examples, in pixels.
        batch_size: B; the last batch may be smaller. The rows do not depend on it.
        seed: any integer >= 0; with the number of an image it settles the lines and the noise on it.
        lines: the damage.
        noise: as for `train_batches`.
        limit: images to stop after.

    Returns:
        A finite Grain data set of {"image", "noisy", "mask"}.

    Raises:
        InputError: an argument is out of its range.
    """
    import grain

    if limit is not None and limit < 1:
        raise InputError(f"limit={limit} images must be at least 1.")
    example = _Example(image_size, lines, noise, None, False, False, 0.0)
    _, example_seed = _seeds(source, example, batch_size, seed, purpose=1)
    examples = grain.MapDataset.source(source)[:limit].random_map(example, seed=example_seed)
    return examples.batch(batch_size, batch_fn=_Batch(noise)).to_iter_dataset(_read_ahead())


def _seeds(source: ImageSource, example: _Example, batch_size: int, seed: int, *, purpose: int) -> list[int]:
    """Checks what both kinds of batches have in common; seeds for order and examples, others each purpose."""
    for name, value in (("image_size", example.image_size), ("batch_size", batch_size)):
        if value < 1:
            raise InputError(f"{name}={value} must be at least 1.")
    if not 0 <= example.noise < float("inf"):
        raise InputError(f"noise={example.noise} must be a standard deviation of at least 0.")
    if seed < 0:
        raise InputError(f"seed={seed} must be at least 0.")
    if not len(source):
        raise InputError(f"{source!r} holds no images.")
    return np.random.SeedSequence([seed, purpose]).generate_state(2).tolist()


def _read_ahead() -> Any:
    import grain

    return grain.ReadOptions(num_threads=_THREADS, prefetch_buffer_size=_AHEAD)
