"""dtd, oxford_flowers102 and celeb_a from TensorFlow Datasets (TFDS), without TensorFlow.

Images are uint8 [H, W, 3], RGB. Records are ArrayRecord files, which allow random access. The first of these that
applies is used:

    1. `data_dir` is a TFDS folder with the prepared data set;
    2. `data_dir` contains the official archive, packed or unpacked, or a part of it: TFDS's builder prepares it in the
       user's cache, so that a part is never mistaken for the whole data set;
    3. the data set is downloaded into `data_dir` (TFDS's default: ~/tensorflow_datasets) and its checksum verified.
"""

import copy
import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from pconv_jax.common.errors import InputError
from pconv_jax.data.decode import decode_image
from pconv_jax.data.source import SPLITS, Split
from pconv_jax.data.tfds import prepare
from pconv_jax.data.tfds.runtime import import_tfds

# Number of images in train, validation and test, from the TFDS catalogue.
OFFICIAL_SIZES = {
    "dtd": (1880, 1880, 1880),
    "oxford_flowers102": (1020, 1020, 6149),
    "celeb_a": (162770, 19867, 19962),
}


class TfdsSource:
    """One split of a prepared data set; each process that reads it opens it again."""

    def __init__(self, name: str, directory: str | os.PathLike[str], split: Split, *, note: str = ""):
        """Opens a prepared data set.

        Args:
            name: name of the data set.
            directory: folder of its version: ".../dtd/3.0.1".
            split: "train", "validation" or "test".
            note: how it differs from the published data set.

        Raises:
            InputError: its file format has no random access, or it lacks this split.
        """
        self.name, self.note, self.split = name, note, split
        self.directory = Path(directory)
        info = _builder(self.directory).info
        if "array_record" not in {kind.value for kind in info.available_file_formats()}:
            raise InputError(
                f"{self.directory} contains {name} as {info.file_format.value}, which only TensorFlow can read: "
                f"give another --data-dir to prepare it there"
            )
        if split not in info.splits:
            raise InputError(f"{self.directory} has no split {split!r}, only {', '.join(sorted(info.splits))}")
        self._size = int(info.splits[split].num_examples)
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

    def __repr__(self) -> str:
        version = "/".join(self.directory.parts[-2:])
        return f"TfdsSource({version}, split={self.split!r}, images={len(self)})"

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in self.__dict__.items() if key != "_read"}

    @functools.cached_property
    def _read(self) -> Callable[[int], bytes]:
        """A function from an index to the encoded image of the record; other features are not parsed."""
        tfds = import_tfds()
        builder = _builder(self.directory)
        raw = tfds.decode.DeserializeMethod.RAW_BYTES
        records = builder.as_data_source(self.split, deserialize_method=raw, file_format="array_record")
        image_only = tfds.features.FeaturesDict({"image": builder.info.features["image"]})
        encoded = {"image": tfds.decode.SkipDecoding()}
        return lambda index: image_only.deserialize_example_np(records[index], decoders=encoded)["image"]


def open_tfds(
    name: str,
    split: Split,
    *,
    data_dir: str | os.PathLike[str] | None = None,
    download: bool = True,
    prepared_dir: str | os.PathLike[str] | None = None,
) -> TfdsSource:
    """Opens a split, after preparing the data set if necessary.

    Args:
        name: one of `OFFICIAL_SIZES`.
        split: "train", "validation" or "test".
        data_dir: a TFDS folder, or one with the official files.
        download: whether the data set may be downloaded.
        prepared_dir: folder for what is prepared from the files in `data_dir`; in the user's cache by default.

    Returns:
        The split.

    Raises:
        InputError: the data set is unavailable, or some of its files are missing.
    """
    folder = None if data_dir is None else Path(data_dir).expanduser()
    directory = prepare.find_prepared(name, folder)
    if directory is not None:
        return TfdsSource(name, directory, split)
    files = prepare.find_files(name, folder) if folder else None
    if folder is None or files is None:
        return TfdsSource(name, prepare.download(name, folder, allowed=download), split)
    directory, note = prepare.prepare_files(name, files, prepared_dir=prepared_dir)
    source = TfdsSource(name, directory, split)
    official = OFFICIAL_SIZES[name][SPLITS.index(split)]
    if len(source) != official:
        note = f"{len(source)} {split} images, officially {official}; {note}".removesuffix("; ")
    source.note = f"{name} from {folder}: {note}" if note else ""
    return source


@functools.lru_cache(maxsize=16)
def _builder(directory: Path) -> Any:
    return import_tfds().builder_from_directory(directory)
