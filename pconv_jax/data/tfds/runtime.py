"""TFDS at work without TensorFlow.

All that dtd, oxford_flowers102 and celeb_a want of TensorFlow on their way to disk is `tf.io.gfile`, for
ordinary files, in three places: the builder's own module (labels), the extractor (archives) and the shuffler
(splits of more than a gigabyte). While a builder runs, these modules find the standard library's functions
under those names. Whether TensorFlow is installed makes no difference, and it is not imported.
"""

import contextlib
import functools
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

_OPEN_FILES = 4096  # the shuffler keeps 1000 files open at once, and systems allow 256 or 1024 by default
_TIMEOUT = 5.0  # seconds to wait for a first answer before saying that there is no network
_RETRIES = 2  # with TFDS's own number, 10, a network that comes and goes keeps the user waiting for minutes

_ORDINARY_FILES = types.SimpleNamespace(
    io=types.SimpleNamespace(gfile=types.SimpleNamespace(GFile=open, exists=os.path.exists, remove=os.remove)),
    compat=types.SimpleNamespace(as_text=os.fsdecode),
    errors=types.SimpleNamespace(ResourceExhaustedError=()),  # `except ()`: nothing raises it
)


def import_tfds() -> Any:
    """The module tensorflow_datasets, in working order.

    Returns:
        The module.
    """
    import tensorflow_datasets
    from tensorflow_datasets.core import dataset_builder

    if importlib.util.find_spec("importlib_resources") is None:
        # TFDS 4.9.10 imports this backport of the standard library without declaring it:
        # https://github.com/tensorflow/datasets/issues/11212
        dataset_builder.importlib_resources = importlib.resources
    return tensorflow_datasets


def run_builder(builder: Any, *, download_dir: Path | None = None, given: Mapping[str, Path] | None = None) -> None:
    """Downloads and prepares a data set as ArrayRecord files in `builder.data_path`.

    Args:
        builder: a TFDS builder.
        download_dir: where to keep downloads and unpacked archives; by default in the folder of TFDS.
        given: for each address a file, or the folder in which it is unpacked; None to download them.

    Raises:
        requests.RequestException, DownloadError, NonMatchingChecksumError: the download failed.
        OSError, KeyError, ValueError: a file is missing, damaged, or not what the builder expects.
    """
    tfds = import_tfds()
    from tensorflow_datasets.core.download.extractor import ExtractError

    config = tfds.download.DownloadConfig(try_download_gcs=False, force_checksums_validation=given is None)
    try:
        # What TFDS prints on the way is left out; its progress bars go to the other stream.
        with _prepared_modules(builder, given), _many_open_files(), contextlib.redirect_stdout(io.StringIO()):
            builder.download_and_prepare(download_dir=download_dir, download_config=config, file_format="array_record")
    except (ExtractError, RuntimeError) as error:  # RuntimeError: as TFDS wraps what an example was refused for
        raise ValueError(str(error)) from error


@contextlib.contextmanager
def _prepared_modules(builder: Any, given: Mapping[str, Path] | None) -> Iterator[None]:
    """Replaces, while a builder runs, what it would use of TensorFlow and how it comes by its files."""
    from tensorflow_datasets.core import download, shuffle
    from tensorflow_datasets.core.download import downloader, extractor

    builders = [importlib.import_module(kind.__module__) for kind in type(builder).__mro__]
    manager = _impatient if given is None else functools.partial(_at_hand, given=given)
    with contextlib.ExitStack() as stack:
        for module in {extractor, shuffle, *builders}:
            if "tf" in vars(module):
                stack.enter_context(_set(module, "tf", _ORDINARY_FILES))
        stack.enter_context(_set(download, "DownloadManager", manager(download.DownloadManager)))
        stack.enter_context(_set(downloader, "MAX_RETRIES", _RETRIES))
        yield


@contextlib.contextmanager
def _set(module: Any, name: str, value: Any) -> Iterator[None]:
    before = getattr(module, name)
    setattr(module, name, value)
    try:
        yield
    finally:
        setattr(module, name, before)


def _impatient(base: Any) -> Any:
    class Manager(base):  # type: ignore[misc]
        """Downloads, or gives up within seconds where there is no network."""

        def _download(self, wanted: Any) -> Any:  # called for what was not downloaded before
            import requests

            requests.get(wanted.url, stream=True, timeout=_TIMEOUT).close()
            return super()._download(wanted)

        def iter_archive(self, path: Any) -> Iterator[tuple[str, io.BytesIO]]:
            return _whole_files(super().iter_archive(path))

    return Manager


def _at_hand(base: Any, given: Mapping[str, Path]) -> Any:
    class Manager(base):  # type: ignore[misc]
        """Hands out files that are already here in place of downloads."""

        def download(self, addresses: Any) -> Any:
            return _each(given.__getitem__, addresses)

        def download_and_extract(self, addresses: Any) -> Any:
            return _each(lambda path: path if path.is_dir() else self.extract(path), self.download(addresses))

        def iter_archive(self, path: Path) -> Iterator[tuple[str, io.BytesIO]]:
            if path.is_dir():  # an archive that somebody unpacked
                return ((file.name, io.BytesIO(file.read_bytes())) for file in sorted(path.rglob("*.jpg")))
            return _whole_files(super().iter_archive(path))

    return Manager


def _whole_files(archive: Iterator[tuple[str, Any]]) -> Iterator[tuple[str, io.BytesIO]]:
    """Files to be read after the archive is closed: celeb_a keeps them, and TensorFlow would reopen it."""
    return ((name, io.BytesIO(stream.read())) for name, stream in archive)


def _each(function: Callable[[Any], Any], tree: Any) -> Any:
    return {key: function(leaf) for key, leaf in tree.items()} if isinstance(tree, dict) else function(tree)


@contextlib.contextmanager
def _many_open_files() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    unlimited = resource.RLIM_INFINITY
    enough = _OPEN_FILES if hard == unlimited else min(_OPEN_FILES, hard)
    if soft != unlimited and soft < enough:
        resource.setrlimit(resource.RLIMIT_NOFILE, (enough, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
