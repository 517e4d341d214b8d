"""Which images the rows of a batch show, and the random keys of their examples: all that the host sends."""

import dataclasses
import functools
from typing import TYPE_CHECKING

import numpy as np

from pconv_jax.data.pipeline import ENDLESS, check_shard, epoch_order, read_ahead, seeds

if TYPE_CHECKING:
    import grain


@dataclasses.dataclass(frozen=True)
class _Choices:
    """Batches of the images `0..images - 1`, repeated forever in the order of `train_batches`."""

    images: int
    rows: int
    order_seed: int
    key_seed: int

    def __len__(self) -> int:
        return ENDLESS // self.rows

    def __getitem__(self, index: int) -> dict[str, np.ndarray]:
        images, keys = [], []
        for row in range(index * self.rows, (index + 1) * self.rows):
            epoch, place = divmod(row, self.images)
            images.append(epoch_order(self.order_seed, epoch, self.images)[place])
            keys.append(_epoch_keys(self.key_seed, epoch, self.images)[place])
        return {"image": np.array(images, np.int32), "key": np.stack(keys)}


@functools.lru_cache(maxsize=4)  # as of the orders
def _epoch_keys(seed: int, epoch: int, size: int) -> np.ndarray:
    return np.random.default_rng([seed, epoch]).integers(0, 2**32, (size, 2), np.uint32)


def chosen_batches(
    images: int, *, batch_size: int, seed: int, shard: tuple[int, int] = (0, 1)
) -> "grain.IterDataset[dict[str, np.ndarray]]":
    """Infinite batches of which images to show, in the order of `train_batches`, and a random key for each example.

    Args:
        images: number of images, at least 1.
        batch_size: B, of all hosts together.
        seed: any integer >= 0; the batches depend on nothing else, such as the number of hosts or devices.
        shard: (i, n) for host i of n, which gets rows i * B / n to (i + 1) * B / n of each batch.

    Returns:
        A Grain dataset of {"image": int32 `[B / n]`, "key": uint32 `[B / n, 2]`}; the state of an iterator is
        {"next_index": number of batches taken}.

    Raises:
        InputError: an argument is out of its range.
    """
    import grain

    check_shard(shard, batch_size)
    host, hosts = shard
    batches = _Choices(images, batch_size // hosts, *seeds(seed, purpose=0))
    return grain.MapDataset.source(batches)[host::hosts].to_iter_dataset(read_ahead())
