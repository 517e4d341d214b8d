"""Batches of images that show which they are."""

import dataclasses
import itertools

import numpy as np

from pconv_jax import data
from pconv_jax.common.errors import InputError

DAMAGE = data.Damage(line_count=(2, 5), line_thickness=(1, 3), noise=0.1)
VARIED = {field.name for field in dataclasses.fields(data.Augmentation)}
DAMAGED = {field.name for field in dataclasses.fields(data.Damage)}


class Shades:
    """Image i is uniformly grey of value i: a batch shows which images it is made of."""

    name, note = "shades", ""

    def __init__(self, count, shape=(20, 30)):
        self.count, self.shape = count, shape

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        assert 0 <= index < self.count
        return np.full((*self.shape, 3), index, np.uint8)

    def at_least(self, short_side):
        return self


class Ramp(Shades):
    """One image whose red is the row and whose green is the column."""

    def __getitem__(self, index):
        rows, columns = np.mgrid[: self.shape[0], : self.shape[1]]
        return np.dstack([rows, columns, np.zeros_like(rows)]).astype(np.uint8)


class Damaged(Shades):
    """Images of which one cannot be decoded, or none can."""

    none = False

    def __getitem__(self, index):
        if self.none or index == 1:
            raise InputError(f"{index}.jpg is damaged: copy it again")
        return super().__getitem__(index)


def training(source, **changes):
    """Batches with some settings of the damage, the augmentation and the rest changed."""
    augmentation = data.Augmentation(**{name: value for name, value in changes.items() if name in VARIED})
    damage = dataclasses.replace(DAMAGE, **{name: value for name, value in changes.items() if name in DAMAGED})
    rest = {name: value for name, value in changes.items() if name not in VARIED | DAMAGED}
    settings = {"image_size": 16, "batch_size": 4, "seed": 7, "damage": damage, "augmentation": augmentation}
    return data.train_batches(source, **settings | rest)


def evaluation(source, *, noise=0.0, **changes):
    damage = dataclasses.replace(DAMAGE, noise=noise)
    settings = {"image_size": 16, "batch_size": 4, "seed": 7, "damage": damage}
    return data.eval_batches(source, **settings | changes)


def first(batches, count):
    iterator = iter(batches)
    taken = list(itertools.islice(iterator, count))
    iterator.close()
    return taken


def equal(a, b):
    return len(a) == len(b) and all(
        x.keys() == y.keys() and all(np.array_equal(x[key], y[key]) for key in x) for x, y in zip(a, b, strict=True)
    )


def rows(batches):
    """All examples of some batches, one after the other."""
    return {key: np.concatenate([batch[key] for batch in batches]) for key in batches[0]}


def shades(batch):
    """Which image each row of a batch shows."""
    assert (np.ptp(batch["image"], axis=(1, 2, 3)) == 0).all()
    return np.rint(batch["image"][:, 0, 0, 0] * 255).astype(int).tolist()
