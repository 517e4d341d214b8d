"""Files of arrays with names, in the three forms that pretrained weights come in; nothing is unpickled."""

import contextlib
import tokenize
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pconv_jax.common.errors import InputError

# What h5py, zipfile, NumPy and safetensors (as ValueError) raise on damaged bytes, found by damaging files.
_READ_ERRORS = (
    OSError,
    ValueError,
    LookupError,
    EOFError,
    MemoryError,
    RuntimeError,
    SyntaxError,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
)

_MOST_BYTES = 2**28  # of one array: four times what the largest convolution of VGG19 has in float64


@contextlib.contextmanager
def open_arrays(path: Path) -> Iterator[tuple[Sequence[str], Callable[[str], np.ndarray]]]:
    """Opens a file of arrays with names; its first bytes tell the container.

    Args:
        path: an HDF5, npz or safetensors file.

    Yields:
        The names of its arrays, and a function that reads the one of a name.

    Raises:
        InputError: a pickle or another kind of file, or a damaged one, on opening or on reading.
    """
    try:
        with _open(path) as (names, read):
            yield names, lambda name: np.asarray(read(name))
    except InputError:
        raise
    except _READ_ERRORS as fault:
        raise InputError(f"{path} is damaged or incomplete ({fault}): get it again") from fault


@contextlib.contextmanager
def _open(path: Path) -> Iterator[tuple[Sequence[str], Callable[[str], Any]]]:
    with path.open("rb") as stream:
        head = stream.read(9)
    if head.startswith(b"\x89HDF\r\n\x1a\n"):
        import h5py

        with h5py.File(path, "r") as file:
            names: list[str] = []
            file.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
            yield names, lambda name: _from_hdf5(file[name])
    elif head.startswith(b"PK"):
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            if any(name.endswith("data.pkl") for name in file.files):
                raise InputError(_no_pickle(path))
            sizes = {info.filename.removesuffix(".npy"): info.file_size for info in file.zip.infolist()}

            def read(name: str) -> Any:
                _check_size(name, sizes[name])
                return file[name]

            yield file.files, read
    elif head[8:] == b"{":
        import safetensors

        try:
            with safetensors.safe_open(path, framework="np") as file:
                yield list(file.keys()), file.get_tensor
        except safetensors.SafetensorError as error:
            raise ValueError(str(error)) from error
    elif head.startswith(b"\x80"):
        raise InputError(_no_pickle(path))
    else:
        raise InputError(f"{path} is neither HDF5, npz nor safetensors, the forms that weights are read from")


def _from_hdf5(array: Any) -> Any:
    """An array of an HDF5 file; ValueError if its numbers are not in the file, where it could claim any."""
    if array.external or array.is_virtual:
        raise ValueError(f"{array.name} lies in another file")
    _check_size(array.name, array.nbytes)
    return array[()]


def _check_size(name: str, size: int) -> None:
    """Refuses what a file of some kilobytes can unpack to; ValueError."""
    if size > _MOST_BYTES:
        raise ValueError(f"{name} claims {size:,} bytes, and {_MOST_BYTES:,} are the most")


def _no_pickle(path: Path) -> str:
    return (
        f"{path} is a pickle (PyTorch's .pt or .pth), which can run code and is not opened here: convert it "
        f"if you trust it: safetensors.torch.save_file(torch.load({path.name!r}, weights_only=True), "
        f"{path.stem + '.safetensors'!r})"
    )
