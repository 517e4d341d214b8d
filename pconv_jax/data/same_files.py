"""Image files that are there more than once: links to one file, and copies of one.

`Listed` has the path below the folder, the size and the date of each file.
"""

import functools
import hashlib
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO

from pconv_jax.data.checking import faults_of
from pconv_jax.data.source import split_of_folder
from pconv_jax.imaging.opening import opened_file

Listed = tuple[tuple[str, int, int], ...]
_PIECE = 2**20  # bytes that are read at a time
_SAMPLE = 4096  # bytes from the middle of a file, where most photographs of one size differ


def without_links(root: Path, listed: Listed) -> tuple[Listed, tuple[str, ...]]:
    """What was listed, but of links to one file, or to one that is there itself, only one; and the others.

    It is one in a folder of a split, if there is one, as files beside these are not used, and rather the file itself.
    """
    real_folder = functools.cache(os.path.realpath)

    def place(file: str) -> tuple[bool, str]:
        path = root / file
        is_link = path.is_symlink()
        return is_link, os.path.realpath(path) if is_link else os.path.join(real_folder(path.parent), path.name)

    places = {file: place(file) for file, _, _ in listed}
    used: dict[str, str] = {}
    for file in sorted(places, key=lambda file: (split_of_folder(file) is None, places[file][0], file)):
        used.setdefault(places[file][1], file)
    kept = set(used.values())
    return tuple(each for each in listed if each[0] in kept), tuple(file for file in places if file not in kept)


@functools.lru_cache(maxsize=4)  # for three splits are opened one after the other
def without_copies(root: Path, listed: Listed) -> tuple[Listed, tuple[str, ...]]:
    """What was listed, but of files with the same content only one; and the others.

    It is one in a folder of a split, as above, and that of the shortest path: copies have names such as `photo (1).jpg`
    or `backup/photo.jpg`, and a new one must move no image to another split. Only files of one size are opened, and
    only those whose middles are alike are read.
    """
    by_size: dict[int, list[str]] = {}
    for file, size, _ in sorted(listed, key=lambda each: (split_of_folder(each[0]) is None, len(each[0]), each[0])):
        by_size.setdefault(size, []).append(file)
    same: Iterable[list[str]] = by_size.values()
    for digest in (_digest_of_middle, _digest):
        same = _divided(root, [files for files in same if len(files) > 1], digest)
    copies = {file for files in same for file in files[1:]}
    return tuple(each for each in listed if each[0] not in copies), tuple(sorted(copies))


def _divided(root: Path, groups: Iterable[list[str]], digest: Callable[[IO[bytes]], bytes]) -> Iterable[list[str]]:
    """Groups of files, divided by digests of these; those that cannot be read are left out."""
    found: dict[str, bytes] = {}

    def look(file: str) -> None:
        with opened_file(root / file, file) as stream:
            found[file] = digest(stream)

    faults_of([file for files in groups for file in files], look, what=root.name, unit="images")
    divided: dict[tuple[int, bytes], list[str]] = {}
    for place, files in enumerate(groups):
        for file in files:
            if file in found:
                divided.setdefault((place, found[file]), []).append(file)
    return divided.values()


def _digest_of_middle(stream: IO[bytes]) -> bytes:
    stream.seek(stream.seek(0, os.SEEK_END) // 2)
    return hashlib.sha256(stream.read(_SAMPLE)).digest()


def _digest(stream: IO[bytes]) -> bytes:
    digest = hashlib.sha256()
    while piece := stream.read(_PIECE):
        digest.update(piece)
    return digest.digest()
