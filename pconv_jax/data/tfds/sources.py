"""dtd, oxford_flowers102 and celeb_a from TensorFlow Datasets (TFDS), without TensorFlow.

Images are uint8 [H, W, 3], RGB. Records are ArrayRecord files, which allow random access. The first of these that
applies is used:

    1. `data_dir` is a TFDS folder with the prepared dataset;
    2. `data_dir` contains the official archive, packed or unpacked, or a part of it: TFDS's builder prepares it in the
       user's cache, so that a part is never mistaken for the whole dataset;
    3. the dataset is downloaded into `data_dir` (TFDS's default: ~/tensorflow_datasets) and its checksum verified.

The splits are the official ones; `merged` joins them.
"""

import copy
import functools
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from pconv_jax.common.errors import InputError
from pconv_jax.data.decode import decode_image
from pconv_jax.data.source import SPLITS, Split, hash_of
from pconv_jax.data.tfds import prepare
from pconv_jax.data.tfds.reading import open_prepared
from pconv_jax.data.tfds.runtime import import_tfds

# Number of images in train, validation and test, from the TFDS catalogue.
OFFICIAL_SIZES = {
    "dtd": (1880, 1880, 1880),
    "oxford_flowers102": (1020, 1020, 6149),
    "celeb_a": (162770, 19867, 19962),
}


class TfdsSource:
    """One split of a prepared dataset; each process that reads it opens it again."""

    def __init__(self, name: str, directory: str | os.PathLike[str], split: Split):
        """Opens a prepared dataset.

        Args:
            name: name of the dataset.
            directory: folder of its version: ".../dtd/3.0.1".
            split: "train", "validation" or "test".

        Raises:
            InputError: its file format has no random access, or it lacks this split.
        """
        self.name, self.split = name, split
        self.note = ""  # how it differs from the published dataset
        self.directory = Path(directory)
        info = open_prepared(self.directory).info
        if "array_record" not in {kind.value for kind in info.available_file_formats()}:
            raise InputError(
                f"{self.directory} contains {name} as {info.file_format.value}, which only TensorFlow can read: "
                f"give another --data-dir to prepare it there"
            )
        if split not in info.splits:
            raise InputError(f"{self.directory} has no split {split!r}, only {', '.join(sorted(info.splits))}")
        self._size, self._bytes = int(info.splits[split].num_examples), int(info.splits[split].num_bytes)
        self._short_side: int | None = None

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, index: int) -> np.ndarray:
        name = self.label(index)
        if not 0 <= index < self._size:
            raise IndexError(f"{name} of {self._size} images")
        return decode_image(self._read(index), name=name, short_side=self._short_side)

    def label(self, index: int) -> str:
        """The position in the split: `dtd test[3]`."""
        return f"{self.name} {self.split}[{index}]"

    def at_least(self, short_side: int) -> "TfdsSource":
        """The same images; JPEGs are decoded at a fraction of their size if `short_side` allows."""
        smaller = copy.copy(self)
        smaller._short_side = short_side
        return smaller

    def fingerprint(self) -> str:
        """Hash of name, version, split and number of images."""
        return hash_of(repr(self))

    def stored(self) -> str:
        """How many bytes its records have."""
        return f"{self._bytes} bytes"

    def __repr__(self) -> str:
        version = "/".join(self.directory.parts[-2:])
        return f"TfdsSource({version}, split={self.split!r}, images={len(self)})"

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in self.__dict__.items() if key != "_read"}

    @functools.cached_property
    def _read(self) -> Callable[[int], bytes]:
        """A function from an index to the encoded image of the record."""
        return _reader(self.directory, self.split, "image")

    def file_names(self) -> list[str]:
        """The published file name of every image, in order; reads all records.

        Raises:
            InputError: the records hold no file names.
        """
        if "file_name" not in open_prepared(self.directory).info.features:
            raise InputError(f"{self.directory} holds {self.name} without names of its images: use its official splits")
        read = _reader(self.directory, self.split, "file_name")
        return [read(index).decode() for index in range(len(self))]


def open_tfds(
    name: str,
    split: Split,
    *,
    data_dir: str | os.PathLike[str] | None = None,
    download: bool = True,
    prepared_dir: str | os.PathLike[str] | None = None,
) -> TfdsSource:
    """Opens an official split, after preparing the dataset if necessary.

    Args:
        name: one of `OFFICIAL_SIZES`.
        split: "train", "validation" or "test".
        data_dir: a TFDS folder, or one with the official files.
        download: whether the dataset may be downloaded.
        prepared_dir: folder for what is prepared from the files in `data_dir`; in the user's cache by default.

    Returns:
        The split.

    Raises:
        InputError: the dataset is unavailable, or some of its files are missing.
    """
    folder = None if data_dir is None else Path(data_dir).expanduser()
    if sys.platform == "win32":
        raise InputError(
            f"{name} is stored as ArrayRecord, which does not exist for Windows: use --dataset folder with its images, "
            "or another system"
        )
    directory = prepare.find_prepared(name, folder)
    if directory is not None:
        return TfdsSource(name, directory, split)
    files = prepare.find_files(name, folder) if folder else None
    if files is None and folder and (outer := prepare.folder_around(name, folder)):
        raise InputError(f"--data-dir {folder} is a part of {name} as it is unpacked: give {outer}")
    if folder is None or files is None:
        return TfdsSource(name, prepare.download(name, folder, allowed=download), split)
    directory, note = prepare.prepare_files(name, files, prepared_dir=prepared_dir)
    source = TfdsSource(name, directory, split)
    official = OFFICIAL_SIZES[name][SPLITS.index(split)]
    if len(source) != official:
        note = f"{len(source)} {split} images, officially {official}; {note}".removesuffix("; ")
    source.note = f"{name} from {folder}: {note}" if note else ""
    return source


def _reader(directory: Path, split: Split, feature: str) -> Callable[[int], bytes]:
    """A function from the index of a record to a feature of it, not decoded; other features are not parsed."""
    tfds = import_tfds()
    builder = open_prepared(directory)
    raw = tfds.decode.DeserializeMethod.RAW_BYTES
    records = builder.as_data_source(split, deserialize_method=raw, file_format="array_record")
    only = tfds.features.FeaturesDict({feature: builder.info.features[feature]})
    encoded = {feature: tfds.decode.SkipDecoding()}
    return lambda index: only.deserialize_example_np(records[index], decoders=encoded)[feature]
