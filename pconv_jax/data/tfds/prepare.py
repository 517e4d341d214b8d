"""Preparing TFDS data sets on disk: found, downloaded, or made from official files that are already here.

The builders, their addresses and their checksums are upstream's. A data set appears in its folder whole or
not at all: TFDS writes beside it and renames.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pconv_jax.common.cache import cache_folder
from pconv_jax.common.errors import InputError
from pconv_jax.data.tfds import celeb_a
from pconv_jax.data.tfds.runtime import import_tfds, run_builder

# For each data set: the official files, and the folders that stand for one whose content is unpacked.
FILES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "dtd": {"dtd-r1.0.1.tar.gz": ("dtd/images", "dtd/labels")},
    "oxford_flowers102": {"102flowers.tgz": ("jpg",), "imagelabels.mat": (), "setid.mat": ()},
    "celeb_a": {celeb_a.ARCHIVE: ("img_align_celeba",), **dict.fromkeys(celeb_a.LISTS, ())},
}
_OPTIONAL = frozenset(celeb_a.LISTS)


def find_prepared(name: str, folder: Path | None) -> Path | None:
    """Where a TFDS folder holds the data set, prepared.

    Args:
        name: the data set.
        folder: the folder; TFDS's own by default.

    Returns:
        The folder of the current version, or None.
    """
    directory = Path(_builder_class(name)(data_dir=folder).data_path)
    return directory if (directory / "dataset_info.json").is_file() else None


def find_files(name: str, folder: Path) -> dict[str, Path] | None:
    """The official files, or parts of them, that somebody put into a folder.

    Args:
        name: the data set.
        folder: the folder.

    Returns:
        By official name: the path of the file, or the folder in which it is unpacked. None where there is
        nothing of this data set.

    Raises:
        InputError: some of the files are here, and others without which nothing can be done are not.
    """
    found = {}
    for file, unpacked in FILES[name].items():
        if (folder / file).is_file():
            found[file] = folder / file
        elif unpacked and all((folder / part).is_dir() for part in unpacked):
            found[file] = folder
        elif len(parts := list(folder.glob(f"{Path(file).stem}*.zip"))) == 1:
            found[file] = parts[0]  # a part of celeb_a, under a name that says which
    if not found.keys() - _OPTIONAL:
        return None
    if missing := FILES[name].keys() - found.keys() - _OPTIONAL:
        raise InputError(
            f"{folder} holds a part of {name} but not {', '.join(sorted(missing))}; put it there too, from "
            f"{', '.join(sorted(_addresses(name)[file] for file in missing))}."
        )
    return found


def prepare_files(
    name: str, files: Mapping[str, Path], *, prepared_dir: str | os.PathLike[str] | None = None
) -> tuple[Path, str]:
    """Runs the builder on files that are already here; once for the same files.

    Args:
        name: the data set.
        files: as `find_files` returns them.
        prepared_dir: where to keep the result; default: datasets in $PCONV_JAX_CACHE or ~/.cache/pconv_jax.

    Returns:
        The folder of the prepared data set, and what a reader of scores on it must know.

    Raises:
        InputError: the files are damaged or contradict each other, or the result cannot be kept.
    """
    root = Path(prepared_dir).expanduser() if prepared_dir else cache_folder() / "datasets"
    place = root / f"{name}-{_fingerprint(name, files)}"
    record = place / "prepared.json"
    if not record.is_file():
        try:
            place.mkdir(parents=True, exist_ok=True)
            with _lock(place), tempfile.TemporaryDirectory(dir=place, prefix="work-") as work:
                if not record.is_file():  # another process may have been at work meanwhile
                    made = _prepare(name, files, place, Path(work))
                    (place / "new.json").write_text(json.dumps(made))
                    (place / "new.json").replace(record)
        except InputError:
            raise
        except (OSError, KeyError, ValueError) as error:
            origin = next(iter(files.values()))
            raise InputError(f"{name} cannot be prepared from {origin}: {_reason(error)}.") from error
    made = json.loads(record.read_text())
    return place / made["directory"], made["note"]


def _prepare(name: str, files: Mapping[str, Path], place: Path, work: Path) -> dict[str, str]:
    builder_class, note = _builder_class(name), ""
    if name == "celeb_a":
        builder_class, files, note = celeb_a.complete(files, work)
    builder = builder_class(data_dir=place)
    given = {url: files[file] for file, url in _addresses(name).items()}
    run_builder(builder, download_dir=work, given=given)
    return {"directory": str(Path(builder.data_path).relative_to(place)), "note": note}


def download(name: str, folder: Path | None, *, allowed: bool = True) -> Path:
    """Downloads a data set and prepares it.

    Args:
        name: the data set.
        folder: the folder of TFDS to do so in; TFDS's own by default.
        allowed: False to stop here and say how to get the data set.

    Returns:
        The folder of the prepared data set.

    Raises:
        InputError: that is not allowed, there is no network, or what arrives is not the published file.
    """
    import requests

    tfds = import_tfds()
    from tensorflow_datasets.core.download.download_manager import NonMatchingChecksumError

    builder = _builder_class(name)(data_dir=folder)
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
        raise InputError(f"{name} cannot be prepared in {root}: {_reason(error)}.") from error
    return Path(builder.data_path)


def _how_to_get_it(name: str, root: Path, fault: str) -> str:
    addresses = _addresses(name)
    wanted = ", ".join(f"{url} as {file}" for file, url in addresses.items())
    optional = " (the .txt files are optional)" if addresses.keys() & _OPTIONAL else ""
    return (
        f"{name} is not prepared in {root} and cannot be downloaded ({fault}); where there is network, save "
        f"{wanted}{optional} in one folder, and give that folder with --data-dir."
    )


def _builder_class(name: str) -> Any:
    return import_tfds().builder_cls(name)


def _addresses(name: str) -> dict[str, str]:
    """Upstream's address of each official file."""
    urls = {info.filename: url for url, info in _builder_class(name).url_infos.items()}
    return {file: urls[file] for file in FILES[name]}


def _fingerprint(name: str, files: Mapping[str, Path]) -> str:
    """Changes whenever the name, size or date of a file changes that the data set would be prepared from."""
    digest = hashlib.blake2b(digest_size=6)
    for file, path in sorted(files.items()):
        parts = [path / part for part in FILES[name][file]] if path.is_dir() else [path]
        listed = sorted(item for part in parts for item in (part.rglob("*") if part.is_dir() else (part,)))
        for item in listed:
            info = item.stat()
            digest.update(f"{item.relative_to(path.parent)}\0{info.st_size}\0{info.st_mtime_ns}\n".encode())
    return digest.hexdigest()


@contextlib.contextmanager
def _lock(place: Path) -> Iterator[None]:
    """Lets one process at a time prepare what is in `place`; the others wait for it and find it done."""
    with (place / "lock").open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    if isinstance(error, KeyError):
        return f"one of the files says nothing about {error}"
    return " ".join(str(error).splitlines()[-2:])[-300:] or type(error).__name__  # TFDS says the cause last
