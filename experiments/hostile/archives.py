"""Archives of data sets: paths that climb out, links, devices, bombs, and files that are not what they should be."""

import functools
import io
import itertools
import stat
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import scipy.io

from experiments.hostile.doors import CACHE, Door, Fault, library
from experiments.hostile.mutations import mutated
from experiments.hostile.pictures import encoded, picture
from pconv_jax.data import SPLITS, open_source

_TYPES = (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.DIRTYPE)
_BOMB = 5 * 2**28  # bytes that a bomb unpacks to: more than a case may take

_Files = dict[str, bytes]


@functools.cache
def _jpeg(shade: int) -> bytes:
    return encoded(np.roll(picture(), shade, 0), "JPEG")


def _dtd(jpeg: Callable[[int], bytes]) -> _Files:
    names = {
        split: [f"{label}/{label}_{split}.jpg" for label in ("banded", "zigzagged")]
        for split in ("train", "val", "test")
    }
    images = {f"dtd/images/{name}": jpeg(i) for i, name in enumerate(itertools.chain(*names.values()))}
    return images | {f"dtd/labels/{split}1.txt": "\n".join(each).encode() for split, each in names.items()}


def _climbing(archive: Path, rng: np.random.Generator) -> str:
    """A name that climbs out of where an archive is unpacked; the absolute one leads to the folder of the case."""
    absolute = (archive.absolute().parents[2] / "escaped.jpg").as_posix()
    names = ("../escaped.jpg", "../../../../escaped.jpg", absolute, "dtd/../../../escaped.jpg")
    return names[rng.integers(len(names))]


def _write_tar(path: Path, files: _Files, rng: np.random.Generator, way: str) -> None:
    with tarfile.open(path, "w:gz", compresslevel=1) as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        if way == "climbing":
            info = tarfile.TarInfo(_climbing(path, rng))
            info.size = len(_jpeg(0))
            archive.addfile(info, io.BytesIO(_jpeg(0)))
        elif way == "special":
            info = tarfile.TarInfo(next(iter(files)) if rng.random() < 0.5 else "dtd/images/banded/more.jpg")
            info.type, info.linkname = _TYPES[rng.integers(len(_TYPES))], "/etc/passwd"
            archive.addfile(info)
        elif way == "bomb":
            info = tarfile.TarInfo(next(iter(files)))
            info.size = _BOMB
            archive.addfile(info, _Zeros(_BOMB))


def _write_zip(path: Path, files: _Files, rng: np.random.Generator, way: str) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
        if way == "climbing":
            archive.writestr(_climbing(path, rng), _jpeg(0))
        elif way == "special":
            info = zipfile.ZipInfo("img_align_celeba/000099.jpg")
            info.external_attr = (stat.S_IFLNK | 0o777) << 16
            archive.writestr(info, "/etc/passwd")
        elif way == "bomb":
            info = zipfile.ZipInfo("img_align_celeba/000097.jpg")
            info.compress_type = zipfile.ZIP_DEFLATED
            with archive.open(info, "w", force_zip64=True) as stream:
                for _ in range(_BOMB >> 20):
                    stream.write(bytes(1 << 20))


class _Zeros(io.RawIOBase):
    """So many zeros, without holding them."""

    def __init__(self, size: int):
        self._left = size

    def read(self, size: int = -1) -> bytes:
        """The next ones."""
        taken = self._left if size < 0 else min(size, self._left)
        self._left -= taken
        return bytes(taken)


def _prepare(name: str, folder: Path) -> None:
    _write(name, folder, np.random.default_rng(0), "plain")


def _write(name: str, folder: Path, rng: np.random.Generator, way: str) -> Path:
    """Writes the official files of a data set; returns the archive."""

    def jpeg(number: int) -> bytes:  # with "image", one of them is damaged, in an archive that is whole
        return mutated(rng, _jpeg(1)) if way == "image" and number == 1 else _jpeg(number)

    if name == "dtd":
        path = folder / "dtd-r1.0.1.tar.gz"
        _write_tar(path, _dtd(jpeg), rng, way)
    elif name == "oxford_flowers102":
        path = folder / "102flowers.tgz"
        _write_tar(path, {f"jpg/image_{i:05}.jpg": jpeg(i) for i in range(1, 8)}, rng, way)
        scipy.io.savemat(folder / "imagelabels.mat", {"labels": np.arange(1, 8, dtype=np.uint8)[None]})
        parts = {"trnid": [[1, 5]], "valid": [[2]], "tstid": [[3, 4, 6, 7]]}
        scipy.io.savemat(folder / "setid.mat", {key: np.array(value) for key, value in parts.items()})
    else:
        path = folder / "img_align_celeba.zip"
        _write_zip(path, {f"img_align_celeba/{i:06}.jpg": jpeg(i) for i in range(1, 9)}, rng, way)
    return path


@functools.cache
def _bomb(name: str) -> bytes:
    """An archive that unpacks to more than a case may take: it takes a while to pack."""
    with tempfile.TemporaryDirectory() as folder:
        return _write(name, Path(folder), np.random.default_rng(0), "bomb").read_bytes()


def _damage(name: str, rng: np.random.Generator, folder: Path) -> str:
    way = ("bytes", "bytes", "climbing", "special", "bomb", "image", "beside")[rng.integers(7)]
    path = _write(name, folder, rng, "plain" if way == "bomb" else way)
    if way == "bomb":
        path.write_bytes(_bomb(name))
    if way == "bytes":
        path.write_bytes(mutated(rng, path.read_bytes()))
    elif way == "beside":
        files = sorted(folder.iterdir())
        chosen = files[rng.integers(len(files))]
        chosen.write_bytes(mutated(rng, chosen.read_bytes()))
    return way


def _enter(name: str, folder: Path, out: Path) -> None:
    """Prepares the data set and reads every image."""
    with library():
        for split in SPLITS:
            source = open_source(name, split, data_dir=folder, download=False, prepared_dir=folder.parent / CACHE)
            for index in range(len(source)):
                if source[index].dtype != np.uint8:
                    raise Fault(f"{source.label(index)} is {source[index].dtype}")


DOORS = tuple(
    Door(
        name.replace("_", "-"),
        functools.partial(_prepare, name),
        functools.partial(_damage, name),
        functools.partial(_enter, name),
        seconds=40,
    )
    for name in ("dtd", "oxford_flowers102", "celeb_a")
)
