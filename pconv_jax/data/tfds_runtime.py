"""TFDS at work without TensorFlow.

All that dtd, oxford_flowers102 and celeb_a want of TensorFlow on their way to disk is `tf.io.gfile`, for ordinary
files, in four modules: the builder's own (labels), the extractor (archives), and the shuffler (splits of more than a
gigabyte). While a builder runs, these modules get the standard library's functions under those names. Whether
TensorFlow is installed makes no difference, and it is not imported.
"""

import contextlib
import importlib
import importlib.resources.abc
import importlib.util
import io
import os
import resource
import types
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from unittest import mock

_OPEN_FILES = 4096  # the shuffler keeps 1000 files open at once, and systems allow 256 or 1024 by default
_TIMEOUT = 5.0  # seconds to wait for a first answer before saying that there is no network

_FILES_ONLY = types.SimpleNamespace(
    io=types.SimpleNamespace(gfile=types.SimpleNamespace(GFile=open, exists=os.path.exists, remove=os.remove)),
    compat=types.SimpleNamespace(as_text=os.fsdecode),
    errors=types.SimpleNamespace(ResourceExhaustedError=(), UnimplementedError=()),  # nothing raises them
)


def import_tfds() -> Any:
    """The module tensorflow_datasets, usable as it was installed.

    Returns:
        The module.
    """
    import tensorflow_datasets
    from tensorflow_datasets.core import dataset_builder

    if importlib.util.find_spec("importlib_resources") is None:
        # TFDS 4.9.10 imports this backport of the standard library and does not declare it:
        # https://github.com/tensorflow/datasets/issues/11212
        dataset_builder.importlib_resources = importlib.resources
    return tensorflow_datasets


def run_builder(
    builder: Any, *, download_dir: Path | None = None, given: Mapping[str, Path] | None = None
) -> None:
    """Downloads and prepares a data set as ArrayRecord files in `builder.data_path`.

    Args:
        builder: a TFDS builder.
        download_dir: where to keep downloads and unpacked archives; default: below the folder of TFDS.
        given: the file of each address, or a folder in which it is unpacked; None to download them.

    Raises:
        requests.RequestException, tfds.download.DownloadError, NonMatchingChecksumError: the download failed.
        OSError, KeyError, ValueError: a file is missing or is not what the builder expects.
    """
    tfds = import_tfds()
    config = tfds.download.DownloadConfig(try_download_gcs=False, force_checksums_validation=given is None)
    with _files_only(builder), _manager(given), _many_open_files(), contextlib.redirect_stdout(io.StringIO()):
        builder.download_and_prepare(download_dir=download_dir, download_config=config, file_format="array_record")


@contextlib.contextmanager
def _files_only(builder: Any) -> Iterator[None]:
    """Puts the stand-in for TensorFlow into every module on the way."""
    names = [kind.__module__ for kind in type(builder).__mro__ if "_generate_examples" in vars(kind)]
    names += ["tensorflow_datasets.core.download.extractor", "tensorflow_datasets.core.shuffle"]
    with contextlib.ExitStack() as stack:
        for module in map(importlib.import_module, names):
            if "tf" in vars(module):
                stack.enter_context(mock.patch.object(module, "tf", _FILES_ONLY))
        yield


@contextlib.contextmanager
def _manager(given: Mapping[str, Path] | None) -> Iterator[None]:
    """Has builders make their download managers of our class."""
    from tensorflow_datasets.core import download
    from tensorflow_datasets.core.download import downloader

    kind = _impatient(download.DownloadManager) if given is None else _at_hand(download.DownloadManager, given)
    with mock.patch.object(download, "DownloadManager", kind), mock.patch.object(downloader, "MAX_RETRIES", 2):
        yield


def _reads_whole_files(base: Any) -> Any:
    class Manager(base):  # type: ignore[misc]
        """Yields the files of an archive such that they can be read after the archive is closed, as celeb_a does."""

        def iter_archive(self, path: Any) -> Iterator[tuple[str, io.BytesIO]]:
            for name, stream in super().iter_archive(path):
                yield name, io.BytesIO(stream.read())

    return Manager


def _impatient(base: Any) -> Any:
    class Manager(_reads_whole_files(base)):  # type: ignore[misc]
        """Downloads, and gives up within seconds where there is no network."""

        def _download(self, wanted: Any) -> Any:  # only called for what was not downloaded before
            import requests

            requests.get(wanted.url, stream=True, timeout=_TIMEOUT).close()
            return super()._download(wanted)

    return Manager


def _at_hand(base: Any, given: Mapping[str, Path]) -> Any:
    class Manager(_reads_whole_files(base)):  # type: ignore[misc]
        """Hands out files that are already here in place of downloads."""

        def download(self, addresses: Any) -> Any:
            return _each(given.__getitem__, addresses)

        def download_and_extract(self, addresses: Any) -> Any:
            return _each(lambda path: path if path.is_dir() else self.extract(path), self.download(addresses))

        def iter_archive(self, path: Path) -> Iterator[tuple[str, io.BytesIO]]:
            if not path.is_dir():
                yield from super().iter_archive(path)
                return
            for file in sorted(path.rglob("*.jpg")):
                yield file.relative_to(path).as_posix(), io.BytesIO(file.read_bytes())

    return Manager


def _each(function: Callable[[Any], Any], tree: Any) -> Any:
    return {key: function(leaf) for key, leaf in tree.items()} if isinstance(tree, dict) else function(tree)


@contextlib.contextmanager
def _many_open_files() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    enough = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(_OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < enough:
        resource.setrlimit(resource.RLIMIT_NOFILE, (enough, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
