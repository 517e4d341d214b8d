"""Running TFDS builders without TensorFlow.

To prepare dtd, oxford_flowers102 and celeb_a, TFDS uses only `tf.io.gfile`, for local files, in three places: the
builder's module (labels), the extractor (archives) and the shuffler (splits of more than a gigabyte). While a builder
runs, these modules get the standard library's functions instead. TensorFlow is not imported, even if it is installed.
"""

import contextlib
import functools
import importlib
import importlib.resources.abc
import importlib.util
import io
import os
import sys
import tarfile
import types
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

_OPEN_FILES = 4096  # the shuffler opens 1000 files at once; the default limit is 256 or 1024
_LARGEST_FILE = 2**26  # bytes of a file in an archive: images and lists have far fewer
_LARGEST_ARCHIVE = 2**34  # bytes that all of them have
_TIMEOUT = 5.0  # seconds to wait for a first answer
_RETRIES = 2  # with TFDS's own 10 retries, an unstable network keeps the user waiting for minutes

_ORDINARY_FILES = types.SimpleNamespace(
    io=types.SimpleNamespace(gfile=types.SimpleNamespace(GFile=open, exists=os.path.exists, remove=os.remove)),
    compat=types.SimpleNamespace(as_text=os.fsdecode),
    errors=types.SimpleNamespace(ResourceExhaustedError=()),  # `except ()`: nothing raises it
)


def import_tfds() -> Any:
    """Imports tensorflow_datasets, with a work-around for its missing dependency."""
    import tensorflow_datasets
    from tensorflow_datasets.core import dataset_builder

    if importlib.util.find_spec("importlib_resources") is None:
        # TFDS 4.9.10 imports this backport of the standard library without declaring it:
        # https://github.com/tensorflow/datasets/issues/11212
        dataset_builder.importlib_resources = importlib.resources
    return tensorflow_datasets


def run_builder(builder: Any, *, download_dir: Path | None = None, given: Mapping[str, Path] | None = None) -> None:
    """Downloads and prepares a dataset as ArrayRecord files in `builder.data_path`.

    Args:
        builder: a TFDS builder.
        download_dir: folder for downloads and unpacked archives; in the TFDS folder by default.
        given: for each address, a local file or the folder it is unpacked in; None to download them.

    Raises:
        requests.RequestException, DownloadError, NonMatchingChecksumError: the download failed.
        OSError, KeyError, ValueError: a file is missing, damaged, or not what the builder expects.
    """
    tfds = import_tfds()
    from tensorflow_datasets.core.download.extractor import ExtractError

    config = tfds.download.DownloadConfig(try_download_gcs=False, force_checksums_validation=given is None)
    try:
        # Hides what TFDS prints; its progress bars go to stderr.
        with _prepared_modules(builder, given), _many_open_files(), contextlib.redirect_stdout(io.StringIO()):
            builder.download_and_prepare(download_dir=download_dir, download_config=config, file_format="array_record")
    # RuntimeError: TFDS wraps errors of examples in it. The others are those of archives whose bytes are damaged.
    except (ExtractError, RuntimeError, EOFError, tarfile.TarError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(str(error)) from error


@contextlib.contextmanager
def _prepared_modules(builder: Any, given: Mapping[str, Path] | None) -> Iterator[None]:
    """Replaces TensorFlow and the download manager in the modules of TFDS while a builder runs."""
    from tensorflow_datasets.core import download, shuffle
    from tensorflow_datasets.core.download import downloader, extractor

    builders = [importlib.import_module(kind.__module__) for kind in type(builder).__mro__]
    manager = _downloading_manager if given is None else functools.partial(_local_manager, given=given)
    with contextlib.ExitStack() as stack:
        for module in {extractor, shuffle, *builders}:
            if "tf" in vars(module):
                stack.enter_context(replaced(module, "tf", _ORDINARY_FILES))
        stack.enter_context(replaced(extractor, "iter_archive", _limited(extractor.iter_archive)))
        stack.enter_context(replaced(download, "DownloadManager", manager(download.DownloadManager)))
        stack.enter_context(replaced(downloader, "MAX_RETRIES", _RETRIES))
        yield


@contextlib.contextmanager
def replaced(place: Any, name: str, value: Any) -> Iterator[None]:
    """Replaces an attribute of a module or a class.

    Args:
        place: the module or the class.
        name: of the attribute.
        value: what takes its place.
    """
    before = vars(place)[name]  # not `getattr`, which would bind a method
    setattr(place, name, value)
    try:
        yield
    finally:
        setattr(place, name, before)


def _downloading_manager(base: Any) -> Any:
    class Manager(base):  # type: ignore[misc]
        """Downloads, or fails within seconds if there is no network."""

        def _download(self, wanted: Any) -> Any:  # called only for files that were not downloaded before
            import requests

            requests.get(wanted.url, stream=True, timeout=_TIMEOUT).close()
            return super()._download(wanted)

        def iter_archive(self, path: Any) -> Iterator[tuple[str, io.BytesIO]]:
            return _whole_files(super().iter_archive(path))

    return Manager


def _local_manager(base: Any, given: Mapping[str, Path]) -> Any:
    class Manager(base):  # type: ignore[misc]
        """Returns local files instead of downloading."""

        def download(self, addresses: Any) -> Any:
            return _each(given.__getitem__, addresses)

        def download_and_extract(self, addresses: Any) -> Any:
            return _each(lambda path: path if path.is_dir() else self.extract(path), self.download(addresses))

        def iter_archive(self, path: Path) -> Iterator[tuple[str, io.BytesIO]]:
            if path.is_dir():  # the folder of an unpacked archive that holds the files
                return ((file.name, io.BytesIO(file.read_bytes())) for file in sorted(path.glob("*.jpg")))
            return _whole_files(super().iter_archive(path))

    return Manager


def _limited(unpack: Callable[..., Iterator[tuple[str, Any]]]) -> Callable[..., Iterator[tuple[str, io.BytesIO]]]:
    """Unpacks archives file by file, and refuses those that unpack to more than a data set has; ValueError."""

    def limited(*arguments: Any) -> Iterator[tuple[str, io.BytesIO]]:
        left = _LARGEST_ARCHIVE
        for name, stream in unpack(*arguments):
            most = min(_LARGEST_FILE, left)
            content = stream.read(most + 1)
            if len(content) > most:
                raise ValueError(f"{name} unpacks to more than {most:,} bytes, which no image of the data set has")
            left -= len(content)
            yield name, io.BytesIO(content)

    return limited


def _whole_files(archive: Iterator[tuple[str, Any]]) -> Iterator[tuple[str, io.BytesIO]]:
    """Reads files into memory: celeb_a reads them after the archive is closed, and only TensorFlow could reopen it."""
    return ((name, io.BytesIO(stream.read())) for name, stream in archive)


def _each(function: Callable[[Any], Any], tree: Any) -> Any:
    return {key: function(leaf) for key, leaf in tree.items()} if isinstance(tree, dict) else function(tree)


@contextlib.contextmanager
def _many_open_files() -> Iterator[None]:
    if sys.platform == "win32":  # it has no such limit
        yield
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    unlimited = resource.RLIM_INFINITY
    enough = _OPEN_FILES if hard == unlimited else min(_OPEN_FILES, hard)
    if soft != unlimited and soft < enough:
        resource.setrlimit(resource.RLIMIT_NOFILE, (enough, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
