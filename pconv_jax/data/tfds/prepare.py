"""Preparing TFDS datasets on disk: finding, downloading, or building them from official files.

Builders, addresses and checksums are those of TFDS. A dataset is written atomically: TFDS writes it to a temporary
folder and renames it.
"""

import contextlib
import hashlib
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pconv_jax.common.atomic_write import write_json
from pconv_jax.common.cache import cache_folder
from pconv_jax.common.errors import InputError
from pconv_jax.common.json_values import read_json
from pconv_jax.data.tfds import celeb_a, flowers
from pconv_jax.data.tfds.reading import refusing_damage
from pconv_jax.data.tfds.runtime import import_tfds, replaced, run_builder

# The official files of each dataset, and the folders that replace a file once it is unpacked.
FILES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "dtd": {"dtd-r1.0.1.tar.gz": ("dtd/images", "dtd/labels")},
    "oxford_flowers102": {"102flowers.tgz": ("jpg",), flowers.LABELS: (), flowers.SPLIT_IDS: ()},
    "celeb_a": {celeb_a.ARCHIVE: (celeb_a.FOLDER,), **dict.fromkeys(celeb_a.LISTS, ())},
}
_OPTIONAL = frozenset(celeb_a.LISTS)
_WORK = "work-"  # how names of folders to unpack to begin


def find_prepared(name: str, folder: Path | None) -> Path | None:
    """Finds a prepared dataset in a TFDS folder.

    Args:
        name: name of the dataset.
        folder: the folder; TFDS's default if None.

    Returns:
        The folder of the current version, or None.

    Raises:
        InputError: its files are damaged.
    """
    with refusing_damage(folder):
        directory = Path(_open_builder(_builder_class(name), folder).data_path)
    return directory if (directory / "dataset_info.json").is_file() else None


def find_files(name: str, folder: Path) -> dict[str, Path] | None:
    """Finds the official files of a dataset in a folder.

    Args:
        name: name of the dataset.
        folder: the folder.

    Returns:
        By official name, the path of the file or the folder it is unpacked in; None if the folder has none of them.

    Raises:
        InputError: some of the required files are missing, or there are several parts of one.
    """
    found = {}
    for file, unpacked in FILES[name].items():
        if (folder / file).is_file():
            found[file] = folder / file
        elif unpacked and all((folder / part).is_dir() for part in unpacked):
            found[file] = _unnested(folder, unpacked)
        # Parts of archives (img_align_celeba_first_1000.zip), but not zipped lists (list_attr_celeba.csv.zip).
        elif unpacked and (parts := sorted(folder.glob(f"{Path(file).stem}*.zip"))):
            if len(parts) > 1:
                named = " and ".join(part.name for part in parts[:2])
                raise InputError(f"{folder} contains several parts of {name}, {named}: leave one, or unpack them all")
            found[file] = parts[0]
    if not found.keys() - _OPTIONAL:
        return None
    if missing := FILES[name].keys() - found.keys() - _OPTIONAL:
        raise InputError(
            f"{folder} contains a part of {name} but not {', '.join(sorted(missing))}: add it from "
            f"{', '.join(sorted(_addresses(name)[file] for file in missing))}"
        )
    return found


def _unnested(folder: Path, unpacked: tuple[str, ...]) -> Path:
    """The folder that holds what an archive is unpacked as: that one, or one of that name in it, as Kaggle nests it."""
    nested = folder / unpacked[0]
    return nested if all((nested / part).is_dir() for part in unpacked) else folder


def folder_around(name: str, folder: Path) -> Path | None:
    """The folder to give instead of one that is itself a part of an unpacked dataset; None if it is none."""
    inner = folder.resolve()
    for unpacked in filter(None, FILES[name].values()):
        for outer in inner.parents:
            parts = [outer / part for part in unpacked]
            if any(inner in (part, *part.parents) for part in parts) and all(part.is_dir() for part in parts):
                return outer
    return None


def prepare_files(
    name: str, files: Mapping[str, Path], *, prepared_dir: str | os.PathLike[str] | None = None
) -> tuple[Path, str]:
    """Prepares a dataset from official files, unless it has been prepared from the same files before.

    Args:
        name: name of the dataset.
        files: the result of `find_files`.
        prepared_dir: folder of the result; by default `datasets` in $PCONV_JAX_CACHE or ~/.cache/pconv_jax.

    Returns:
        The folder of the prepared dataset, and a note on how it differs from the published one.

    Raises:
        InputError: the files are damaged or contradict each other, or the result cannot be written.
    """
    root = Path(prepared_dir).expanduser() if prepared_dir else cache_folder() / "datasets"
    folder = root / f"{name}-{_fingerprint(name, files)}"
    record = folder / "prepared.json"
    if not record.is_file():
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with _lock(folder), _work_folder(folder) as work:
                if not record.is_file():  # another process may have prepared it meanwhile
                    made = _prepare(name, files, folder, work)
                    write_json(record, made)
        except InputError:
            raise
        except Exception as error:  # of many types, for archives and .mat files that are damaged
            origin = next(iter(files.values()))
            raise InputError(f"{name} cannot be prepared from {origin}: {_reason(error)}") from error
    try:
        made = read_json(record.read_text(encoding="utf-8"))
        return folder / made["directory"], made["note"]
    except (ValueError, TypeError, KeyError) as error:
        raise InputError(f"{record} is damaged ({error}): delete it, and {name} is prepared again") from error


def _prepare(name: str, files: Mapping[str, Path], folder: Path, work: Path) -> dict[str, str]:
    builder_class, note = _builder_class(name), ""
    if name == "celeb_a":
        builder_class, files, note = celeb_a.complete(files, work)
    elif name == "oxford_flowers102":
        files = flowers.checked_lists(files, work)
    builder = _open_builder(builder_class, folder)
    given = {url: files[file] for file, url in _addresses(name).items()}
    run_builder(builder, download_dir=work, given=given)
    return {"directory": str(Path(builder.data_path).relative_to(folder)), "note": note}


def download(name: str, folder: Path | None, *, allowed: bool = True) -> Path:
    """Downloads a dataset and prepares it.

    Args:
        name: name of the dataset.
        folder: the TFDS folder; TFDS's default if None.
        allowed: whether downloading is allowed; if not, the error says how to get the dataset.

    Returns:
        The folder of the prepared dataset.

    Raises:
        InputError: downloading is not allowed or fails, or the file is not the published one.
    """
    import requests

    tfds = import_tfds()
    from tensorflow_datasets.core.download.download_manager import NonMatchingChecksumError

    builder = _open_builder(_builder_class(name), folder)
    root = Path(builder.data_dir_root)
    if not allowed:
        raise InputError(_how_to_get_it(name, root, "downloading is switched off"))
    try:
        run_builder(builder)
    except requests.RequestException as error:
        raise InputError(_how_to_get_it(name, root, f"no answer, {type(error).__name__}")) from error
    except (tfds.download.DownloadError, NonMatchingChecksumError) as error:
        raise InputError(_how_to_get_it(name, root, _reason(error))) from error
    except (OSError, KeyError, ValueError) as error:
        raise InputError(f"{name} cannot be prepared in {root}: {_reason(error)}") from error
    return Path(builder.data_path)


def _how_to_get_it(name: str, root: Path, fault: str) -> str:
    addresses = _addresses(name)
    wanted = ", ".join(f"{url} as {file}" for file, url in addresses.items())
    optional = " (the .txt files are optional)" if addresses.keys() & _OPTIONAL else ""
    return (
        f"{name} is not prepared in {root} and cannot be downloaded ({fault}): on a machine with a network, save "
        f"{wanted}{optional} in one folder, and give that folder with --data-dir"
    )


def _builder_class(name: str) -> Any:
    return import_tfds().builder_cls(name)


def _open_builder(builder_class: Any, folder: Path | None) -> Any:
    """A builder of TFDS that looks for no facts in a bucket: each would leave an empty folder among temporary ones."""
    from tensorflow_datasets.core.dataset_info import DatasetInfo

    with replaced(DatasetInfo, "initialize_from_bucket", lambda _: None):
        return builder_class(data_dir=folder)


def _addresses(name: str) -> dict[str, str]:
    """The published address of each official file."""
    urls = {info.filename: url for url, info in _builder_class(name).url_infos.items()}
    return {file: urls[file] for file in FILES[name]}


def _fingerprint(name: str, files: Mapping[str, Path]) -> str:
    """Hash of the names, sizes and dates of the files that a dataset is prepared from."""
    digest = hashlib.blake2b(digest_size=6)
    for file, path in sorted(files.items()):
        parts = [path / part for part in FILES[name][file]] if path.is_dir() else [path]
        listed = sorted(item for part in parts for item in (part.rglob("*") if part.is_dir() else (part,)))
        for item in listed:
            info = item.stat()
            digest.update(f"{item.relative_to(path.parent)}\0{info.st_size}\0{info.st_mtime_ns}\n".encode())
    return digest.hexdigest()


@contextlib.contextmanager
def _lock(folder: Path) -> Iterator[None]:
    """Lets one process at a time prepare a dataset in `folder`; the others wait."""
    with (folder / "lock").open("wb") as stream:
        if sys.platform != "win32":  # for which there is no ArrayRecord either
            import fcntl

            fcntl.flock(stream, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def _work_folder(folder: Path) -> Iterator[Path]:
    """A temporary folder in `folder`, for whoever holds its lock; what a killed process left of one is removed."""
    for left in folder.glob(f"{_WORK}*"):
        shutil.rmtree(left)
    with tempfile.TemporaryDirectory(dir=folder, prefix=_WORK) as work:
        yield Path(work)


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    if isinstance(error, KeyError):
        return f"one of the files has no entry for {error}"
    return " ".join(str(error).splitlines()[-2:])[-300:] or type(error).__name__  # TFDS gives the cause last
