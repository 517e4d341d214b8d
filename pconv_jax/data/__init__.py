"""Image sources and the input pipeline from a source to batches.

Importing this loads no library for decoding, downloading or batching.
"""

import os
from collections.abc import Sequence
from pathlib import Path

from pconv_jax.common.errors import InputError
from pconv_jax.data.augmentation import Augmentation
from pconv_jax.data.damage import Damage
from pconv_jax.data.folder import FolderSource
from pconv_jax.data.pipeline import eval_batches, train_batches
from pconv_jax.data.samples import SamplesSource
from pconv_jax.data.source import SPLITS, ImageSource, Split, Splits, Subset, take
from pconv_jax.data.tfds.merged import MERGED_SHA256, MergedSource, open_merged
from pconv_jax.data.tfds.sources import OFFICIAL_SIZES, TfdsSource, open_tfds

__all__ = [
    "DATASETS",
    "MERGEABLE",
    "MERGED_SHA256",
    "SPLITS",
    "Augmentation",
    "Damage",
    "FolderSource",
    "ImageSource",
    "MergedSource",
    "SamplesSource",
    "Split",
    "Splits",
    "Subset",
    "TfdsSource",
    "check_splits",
    "eval_batches",
    "open_source",
    "train_batches",
]

DATASETS = ("samples", "folder", *OFFICIAL_SIZES)
MERGEABLE = ("dtd", "oxford_flowers102")
"""Data sets whose official splits can be joined; the records of celeb_a hold no names to divide it by."""


def open_source(
    dataset: str,
    split: Split,
    *,
    splits: Splits = "official",
    data_dir: str | os.PathLike[str] | None = None,
    limit: int | None = None,
    seed: int = 0,
    download: bool = True,
    prepared_dir: str | os.PathLike[str] | None = None,
    without: Sequence[Path | None] = (),
) -> ImageSource:
    """Opens one split of a dataset; fails here, not later, if it cannot be read.

    Args:
        dataset: one of `DATASETS`.
        split: "train", "validation" or "test".
        splits: "official": those of the dataset; "merged", of `MERGEABLE` only: all of its images, 90 % of them for
            training, whichever official split they are in.
        data_dir: folder: the folder of the images, required. dtd, oxford_flowers102, celeb_a: a TFDS folder, or one
            with the official archive, packed or unpacked, or a part of it; TFDS's default folder if None.
            samples: must be None.
        limit: largest number of training images, a seeded choice; the other splits stay whole, so that scores remain
            comparable (`eval_batches` has a limit of its own).
        seed: seed of that choice only; no seed moves an image to another split.
        download: whether a dataset may be downloaded.
        prepared_dir: folder for datasets prepared from official files; in the user's cache by default.
        without: folders of masks or opacity maps, where there are any: the images of dataset folder are not in them.

    Returns:
        The images.

    Raises:
        InputError: an unknown name, a folder with too few images, splits that cannot be merged, or a dataset that is
            unavailable.
    """
    if dataset not in DATASETS:
        raise InputError(f"dataset={dataset!r} must be one of {', '.join(DATASETS)}")
    if split not in SPLITS:
        raise InputError(f"split={split!r} must be one of {', '.join(SPLITS)}")
    check_splits(dataset, splits)
    source: ImageSource
    if dataset == "samples":
        if data_dir is not None:
            raise InputError(f"samples takes no --data-dir ({data_dir}): use --dataset folder for your own images")
        source = SamplesSource(split)
    elif dataset == "folder":
        if data_dir is None:
            raise InputError("--dataset folder needs --data-dir, the folder with your images")
        source = FolderSource(data_dir, split, without=without)
    else:
        opening = open_merged if splits == "merged" else open_tfds
        source = opening(dataset, split, data_dir=data_dir, download=download, prepared_dir=prepared_dir)
    return source if limit is None or split != "train" else take(source, limit, seed=seed)


def check_splits(dataset: str, splits: Splits) -> None:
    """Refuses merged splits of a dataset that has none.

    Args:
        dataset: one of `DATASETS`.
        splits: "official" or "merged".

    Raises:
        InputError: naming the data sets that have them.
    """
    if splits == "merged" and dataset not in MERGEABLE:
        raise InputError(
            f"--splits merged joins the official splits of {' or '.join(MERGEABLE)}, but the data set is {dataset}: "
            "leave it out"
        )
