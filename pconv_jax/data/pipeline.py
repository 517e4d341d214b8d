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
from typing import TYPE_CHECKING, Any

import numpy as np

from pconv_jax.common.errors import InputError
from pconv_jax.data.augmentation import Augmentation
from pconv_jax.data.crop import central_square
from pconv_jax.data.damage import Damage
from pconv_jax.data.source import ImageSource
from pconv_jax.data.workers import in_processes

if TYPE_CHECKING:
    import grain

_THREADS = 2  # threads in each process; most of their time is spent in C code that lets others run
_AHEAD = 4  # batches ready in each process before they are asked for


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
    damage: Damage
    augmentation: Augmentation | None  # None: the square in the middle

    def __call__(self, image: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
        mask = self.damage.mask(rng, self.image_size)
        example = {"image": self._crop(image, rng), "mask": mask}
        if self.damage.noise:
            example["noise"] = self._draw_noise(rng)
        return example

    def _draw_noise(self, rng: np.random.Generator) -> np.ndarray:
        return rng.standard_normal((self.image_size, self.image_size, 3), np.float32)

    def _crop(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        if self.augmentation is None:
            return central_square(image, self.image_size)
        return self.augmentation(image, rng, size=self.image_size)


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
    damage: Damage,
    augmentation: Augmentation = Augmentation(),  # noqa: B008 - frozen
    workers: int = 0,
    shard: tuple[int, int] = (0, 1),
) -> "grain.IterDataset[dict[str, np.ndarray]]":
    """Infinite batches: the images in a new order each epoch, with new crops, lines and noise.

    Args:
        source: the images; a batch may run over into the next epoch, so a few are enough.
        image_size: side S of the examples, in pixels.
        batch_size: B, over all hosts together.
        seed: any integer >= 0; with the same seed come the same batches, whatever `workers` is.
        damage: the lines and the noise.
        augmentation: how the images are varied.
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

    augmentation.check()
    host, hosts = shard
    if not 0 <= host < hosts:
        raise InputError(f"shard={shard} must be (i, n) for host i of n, with 0 <= i < n")
    if batch_size % hosts:
        raise InputError(f"batch_size={batch_size} must be a multiple of {hosts}, the number of hosts")
    if workers < 0:
        raise InputError(f"workers={workers} must be 0 (threads) or a number of processes")
    example = _Example(image_size, damage, augmentation)
    order_seed, example_seed = _seeds(source, example, batch_size, seed, purpose=0)
    # The smallest crop still has every pixel that it needs.
    source = source.at_least(math.ceil(image_size / augmentation.crop_scale[0]))
    examples = grain.MapDataset.source(_Epochs(source, order_seed)).random_map(example, seed=example_seed)
    # Whole batches are dealt out, to hosts and then to workers: their rows do not depend on either.
    batches = examples.batch(batch_size // hosts, batch_fn=_Batch(damage.noise))[host::hosts]
    if workers:
        return in_processes(batches, workers, read=_read_ahead(), ahead=_AHEAD)
    return batches.to_iter_dataset(_read_ahead())


def eval_batches(
    source: ImageSource,
    *,
    image_size: int,
    batch_size: int,
    seed: int,
    damage: Damage,
    limit: int | None = None,
) -> "grain.IterDataset[dict[str, np.ndarray]]":
    """One pass over the images in their order: the square in the middle, damaged the same way every time.

    Args:
        source: the images.
        image_size: side S of the examples, in pixels.
        batch_size: B; the last batch may be smaller. The rows do not depend on it.
        seed: any integer >= 0; with the number of an image it settles the lines and the noise on it.
        damage: the lines and the noise.
        limit: images to stop after.

    Returns:
        A finite Grain data set of {"image", "noisy", "mask"}.

    Raises:
        InputError: an argument is out of its range.
    """
    import grain

    if limit is not None and limit < 1:
        raise InputError(f"limit={limit} images must be at least 1")
    example = _Example(image_size, damage, None)
    _, example_seed = _seeds(source, example, batch_size, seed, purpose=1)
    examples = grain.MapDataset.source(source)[:limit].random_map(example, seed=example_seed)
    return examples.batch(batch_size, batch_fn=_Batch(damage.noise)).to_iter_dataset(_read_ahead())


def _seeds(source: ImageSource, example: _Example, batch_size: int, seed: int, *, purpose: int) -> list[int]:
    """Checks what both kinds of batches have in common; seeds for order and examples, others each purpose."""
    example.damage.check()
    for name, value in (("image_size", example.image_size), ("batch_size", batch_size)):
        if value < 1:
            raise InputError(f"{name}={value} must be at least 1")
    if seed < 0:
        raise InputError(f"seed={seed} must be at least 0")
    if not len(source):
        raise InputError(f"{source!r} holds no images")
    return np.random.SeedSequence([seed, purpose]).generate_state(2).tolist()


def _read_ahead() -> Any:
    import grain

    return grain.ReadOptions(num_threads=_THREADS, prefetch_buffer_size=_AHEAD)
