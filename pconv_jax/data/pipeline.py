"""The input pipeline, from images to batches with Grain: crop, lines, noise, batch, prefetch.

Batches are float32 arrays: image and noisy [B, S, S, 3], RGB in [0, 1]; mask [B, S, S, 1], 1 = valid and
0 = hole. Each example has its own random generator, seeded with the seed and the example's number, so batches do not
depend on the number of threads or processes, and an iterator resumes from its position alone.
"""

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pconv_jax.common.errors import InputError
from pconv_jax.common.whole_numbers import is_whole
from pconv_jax.data.augmentation import Augmentation
from pconv_jax.data.crop import central_square
from pconv_jax.data.damage import Damage
from pconv_jax.data.readable import LeftOut, Readable
from pconv_jax.data.source import ImageSource
from pconv_jax.data.workers import in_processes

if TYPE_CHECKING:
    import grain

_THREADS = 2  # of each process; they spend most of their time in C code, which releases the GIL
_AHEAD = 4  # prefetched batches of each process
ENDLESS = 2**53  # examples; Grain divides lengths as floating-point numbers, which hold integers up to here


@dataclasses.dataclass(frozen=True)
class _Epochs:
    """The images of a source, repeated forever, each epoch in a new order.

    Replaces Grain's shuffle(), which takes about 30 ms / n for each of n images: too slow for a few photographs.
    """

    source: Readable
    seed: int

    def __len__(self) -> int:
        return ENDLESS

    def __getitem__(self, index: int) -> np.ndarray:
        epoch, place = divmod(index, len(self.source))
        return self.source[epoch_order(self.seed, epoch, len(self.source))[place].item()]


@functools.lru_cache(maxsize=4)  # threads may work on two epochs at once
def epoch_order(seed: int, epoch: int, size: int) -> np.ndarray:
    """The order of the images in an epoch, a permutation of 0..size - 1."""
    return np.random.default_rng([seed, epoch]).permutation(size)


@dataclasses.dataclass(frozen=True)
class _Example:
    """Makes an example from an image: a square crop at its final size, a mask and noise."""

    image_size: int
    damage: Damage
    augmentation: Augmentation | None  # None: the central square

    def __call__(self, image: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
        _check_image(image)
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
        return self.augmentation(rng, image, size=self.image_size)


def _check_image(image: Any) -> None:
    """Refuses arrays that are not 8-bit RGB: floats in [0, 1], divided by 255, would be black."""
    kind = getattr(image, "dtype", type(image).__name__), getattr(image, "shape", ())
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise InputError(f"a source of images must give NumPy arrays [H, W, 3], uint8, not {kind[0]} {list(kind[1])}")


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
    damage: Damage,
    augmentation: Augmentation = Augmentation(),  # noqa: B008 - frozen
    workers: int = 0,
    shard: tuple[int, int] = (0, 1),
) -> "grain.IterDataset[dict[str, np.ndarray]]":
    """Infinite training batches: a new order of the images each epoch; new crops, lines and noise for each example.

    Args:
        source: the images; a batch may continue into the next epoch, so a few images are enough.
        image_size: side S of the examples, in pixels.
        batch_size: B, of all hosts together.
        seed: any integer >= 0; the batches depend on it and not on `workers`.
        damage: the lines and the noise.
        augmentation: how the images are varied.
        workers: processes that make batches ahead of time; 0: threads of this process.
        shard: (i, n) for host i of n, which gets rows i * B / n to (i + 1) * B / n of each batch.

    Returns:
        A Grain dataset of {"image", "noisy", "mask"}: "image" is the clean target, "noisy" the same with noise,
        clipped to [0, 1]. The state of an iterator is {"next_index": number of batches taken}, for any `workers`; its
        close() ends its threads and processes.

    Raises:
        InputError: an argument is out of its range.
    """
    augmentation.check()
    example = _Example(image_size, damage, augmentation)
    example.damage.check()
    # Even the smallest crop keeps as many pixels as it needs.
    source = source.at_least(augmentation.least_side(image_size))
    return endless_batches(
        source, example, _Batch(damage.noise), batch_size=batch_size, seed=seed, workers=workers, shard=shard
    )


def endless_batches(
    source: ImageSource,
    example: Callable[[np.ndarray, np.random.Generator], dict[str, np.ndarray]],
    stack: Callable[[Sequence[dict[str, np.ndarray]]], dict[str, np.ndarray]],
    *,
    batch_size: int,
    seed: int,
    purpose: int = 0,
    workers: int = 0,
    shard: tuple[int, int] = (0, 1),
) -> "grain.IterDataset[dict[str, np.ndarray]]":
    """Infinite batches of examples of any kind.

    Args:
        source: the images.
        example: makes one from an image and a random generator; its `image_size` is checked. Picklable.
        stack: makes a batch from examples. Picklable.
        batch_size: B, of all hosts together.
        seed: as for `train_batches`.
        purpose: as for `seeds`: one seed gives other examples for each.
        workers: as for `train_batches`.
        shard: as for `train_batches`.

    Returns:
        A Grain dataset, as that of `train_batches`.

    Raises:
        InputError: an argument is out of its range.
    """
    import grain

    _check(source, example, batch_size, seed)
    check_shard(shard, batch_size)
    host, hosts = shard
    if not is_whole(workers, least=0):
        raise InputError(f"workers={workers} must be 0 (threads) or a number of processes")
    order_seed, example_seed = seeds(seed, purpose=purpose)
    examples = grain.MapDataset.source(_Epochs(Readable(source), order_seed)).random_map(example, seed=example_seed)
    # Hosts and workers get whole batches, so that the rows do not depend on the number of either.
    batches = examples.batch(batch_size // hosts, batch_fn=stack)[host::hosts]
    if workers:
        return in_processes(batches, workers, read=read_ahead())
    return batches.to_iter_dataset(read_ahead())


def eval_batches(
    source: ImageSource,
    *,
    image_size: int,
    batch_size: int,
    seed: int,
    damage: Damage,
    limit: int | None = None,
) -> "grain.IterDataset[dict[str, np.ndarray]]":
    """One pass over the images in order: the central square of each, damaged the same way every time.

    An image that cannot be used is left out, with a warning, and changes no other one.

    Args:
        source: the images.
        image_size: side S of the examples, in pixels.
        batch_size: B; the last batch may be smaller. The rows do not depend on it.
        seed: any integer >= 0; it determines the lines and the noise of each image, whatever the batch size.
        damage: the lines and the noise.
        limit: largest number of images; all by default.

    Returns:
        A finite Grain dataset of {"image", "noisy", "mask"}.

    Raises:
        InputError: an argument is out of its range.
    """
    import grain

    if limit is not None and not is_whole(limit, least=1):
        raise InputError(f"limit={limit} images must be a whole number of at least 1")
    example = _Example(image_size, damage, None)
    example.damage.check()
    _check(source, example, batch_size, seed)
    _, example_seed = seeds(seed, purpose=1)
    examples = grain.MapDataset.source(LeftOut(source))[:limit].random_map(example, seed=example_seed)
    return examples.to_iter_dataset(read_ahead()).batch(batch_size, batch_fn=_Batch(damage.noise))


def check_shard(shard: tuple[int, int], batch_size: int) -> None:
    """Refuses a host that does not exist, and a batch that cannot be split between the hosts."""
    host, hosts = shard
    if not 0 <= host < hosts:
        raise InputError(f"shard={shard} must be (i, n) for host i of n, with 0 <= i < n")
    if batch_size % hosts:
        raise InputError(f"batch_size={batch_size} must be a multiple of {hosts}, the number of hosts")


def seeds(seed: int, *, purpose: int) -> tuple[int, int]:
    """The seeds of the order and of the examples; purpose 0 is training, 1 evaluation."""
    order, examples = np.random.SeedSequence([seed, purpose]).generate_state(2).tolist()
    return order, examples


def _check(source: ImageSource, example: Any, batch_size: int, seed: int) -> None:
    """Checks the arguments of both kinds of batches."""
    for name, value in (("image_size", example.image_size), ("batch_size", batch_size)):
        if not is_whole(value, least=1):
            raise InputError(f"{name}={value} must be a whole number, at least 1")
    if not is_whole(seed, least=0):
        raise InputError(f"seed={seed} must be a whole number, at least 0")
    if not len(source):
        raise InputError(f"{source!r} contains no images")


def read_ahead() -> Any:
    """How threads of this process read ahead."""
    import grain

    return grain.ReadOptions(num_threads=_THREADS, prefetch_buffer_size=_AHEAD)
