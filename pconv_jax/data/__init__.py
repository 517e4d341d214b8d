"""Image sources and the input pipeline from a source to batches.

Importing this loads no library for decoding, downloading or batching.
"""

import os

from pconv_jax.common.errors import InputError
from pconv_jax.data.augmentation import Augmentation
from pconv_jax.data.damage import Damage
from pconv_jax.data.folder import FolderSource
from pconv_jax.data.pipeline import eval_batches, train_batches
from pconv_jax.data.samples import SamplesSource
from pconv_jax.data.source import SPLITS, ImageSource, Split, Subset, take
from pconv_jax.data.tfds.sources import OFFICIAL_SIZES, TfdsSource, open_tfds

__all__ = [
    "DATASETS",
    "SPLITS",
    "Augmentation",
    "Damage",
    "FolderSource",
    "ImageSource",
    "SamplesSource",
    "Split",
    "Subset",
    "TfdsSource",
    "eval_batches",
    "open_source",
    "train_batches",
]

DATASETS = ("samples", "folder", *OFFICIAL_SIZES)


def open_source(
    dataset: str,
    split: Split,
    *,
    data_dir: str | os.PathLike[str] | None = None,
    limit: int | None = None,
    seed: int = 0,
    download: bool = True,
    prepared_dir: str | os.PathLike[str] | None = None,
) -> ImageSource:
    """Opens one split of a data set; fails here, not later, if it cannot be read.

    Args:
        dataset: one of `DATASETS`.
        split: "train", "validation" or "test".
        data_dir: folder: the folder of the images, required. dtd, oxford_flowers102, celeb_a: a TFDS folder, or one
            with the official archive, packed or unpacked, or a part of it; TFDS's default folder if None.
            samples: must be None.
        limit: largest number of training images, a seeded choice; the other splits stay whole, so that scores remain
            comparable (`eval_batches` has a limit of its own).
        seed: seed of that choice only; no seed moves an image to another split.
        download: whether a data set may be downloaded.
        prepared_dir: folder for data sets prepared from official files; in the user's cache by default.

    Returns:
        The images.

    Raises:
        InputError: an unknown name, a folder with too few images, or a data set that is unavailable.
    """
    if dataset not in DATASETS:
        raise InputError(f"dataset={dataset!r} must be one of {', '.join(DATASETS)}")
    if split not in SPLITS:
        raise InputError(f"split={split!r} must be one of {', '.join(SPLITS)}")
    source: ImageSource
    if dataset == "samples":
        if data_dir is not None:
            raise InputError(f"samples takes no --data-dir ({data_dir}): use --dataset folder for your own images")
        source = SamplesSource(split)
    elif dataset == "folder":
        if data_dir is None:
            raise InputError("--dataset folder needs --data-dir, the folder with your images")
        source = FolderSource(data_dir, split)
    else:
        source = open_tfds(dataset, split, data_dir=data_dir, download=download, prepared_dir=prepared_dir)
    return source if limit is None or split != "train" else take(source, limit, seed=seed)
