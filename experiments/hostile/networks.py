"""Files of weights, arrays and checkpoints: headers that lie, numbers that are none, parts of others."""

import functools
import io
import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from safetensors import safe_open
from safetensors.numpy import load_file, save, save_file

from experiments.hostile.doors import Door, Fault, library
from experiments.hostile.mutations import NESTED, mutated, mutated_folder, mutated_json
from experiments.hostile.pictures import WEIGHTS, prepare_photograph, restore
from experiments.hostile.small_networks import save_small_detector, save_small_generator, save_small_run
from pconv_jax.checkpoints.detector_file import load_detector
from pconv_jax.checkpoints.tensors import Precision
from pconv_jax.checkpoints.trained import load_run
from pconv_jax.models.vgg_weights import load_vgg_weights

_DETECTOR, _ARRAYS, _RUN = "detector.safetensors", "vgg.weights", "run"
_PRECISIONS: tuple[Precision, ...] = ("float32", "float16", "int8")
_HUGE = 1 << 40


def _with_header(content: bytes, change: Callable[[dict[str, Any]], Any]) -> bytes:
    """A safetensors file whose header is another: the notes in it are JSON texts."""
    length = struct.unpack("<Q", content[:8])[0]
    header = change(json.loads(content[8 : 8 + length]))
    text = json.dumps(header).encode("utf-8", "surrogatepass")
    return struct.pack("<Q", len(text)) + text + content[8 + length :]


def _mutated_notes(rng: np.random.Generator, header: dict[str, Any]) -> dict[str, Any]:
    notes = header["__metadata__"]
    name = list(notes)[rng.integers(len(notes))]
    text = NESTED if rng.random() < 0.1 else json.dumps(mutated_json(rng, json.loads(notes[name])))
    return {**header, "__metadata__": {**notes, name: text}}


def _huge_shape(rng: np.random.Generator, header: dict[str, Any]) -> dict[str, Any]:
    name = next(key for key in header if key != "__metadata__")
    entry = header[name]
    shape, ends = ([_HUGE, 4], entry["data_offsets"]) if rng.random() < 0.5 else ([_HUGE], [0, 4 * _HUGE])
    return {**header, name: {**entry, "shape": shape, "data_offsets": ends}}


def _other_numbers(rng: np.random.Generator, path: Path) -> None:
    """Another type, values that are no numbers or very large, another shape, a tensor less or more."""
    with safe_open(path, framework="numpy") as file:
        notes = file.metadata()
    tensors = load_file(path)
    name = list(tensors)[rng.integers(len(tensors))]
    array, way = tensors[name], rng.integers(6)
    if way == 0:
        kinds = (np.int8, np.uint8, np.int32, np.int64, np.bool_, np.float16, np.float64, np.uint64)
        tensors[name] = np.ones(array.shape, kinds[rng.integers(len(kinds))])
    elif way == 1 and array.size and np.issubdtype(array.dtype, np.floating):
        tensors[name] = array.copy()
        value = (np.nan, np.inf, -np.inf, 3e38, -3e38, 1e30)[rng.integers(6)]
        with np.errstate(over="ignore"):
            tensors[name].flat[rng.integers(array.size)] = value
    elif way == 2:
        tensors[name] = array.reshape(-1)
    elif way == 3:
        tensors[name] = np.zeros((0, *array.shape[1:]), array.dtype)
    elif way == 4:
        del tensors[name]
    else:
        tensors[("scale/" if rng.random() < 0.5 else "") + name + "more"] = array
    path.write_bytes(save(tensors, metadata=notes))


def _damage_safetensors(rng: np.random.Generator, path: Path) -> str:
    content = path.read_bytes()
    way = ("bytes", "header", "notes", "notes", "shape", "length", "numbers", "numbers")[rng.integers(8)]
    if way == "bytes":
        path.write_bytes(mutated(rng, content))
    elif way == "header":
        path.write_bytes(_with_header(content, functools.partial(mutated_json, rng)))
    elif way == "notes":
        path.write_bytes(_with_header(content, functools.partial(_mutated_notes, rng)))
    elif way == "shape":
        path.write_bytes(_with_header(content, functools.partial(_huge_shape, rng)))
    elif way == "length":
        path.write_bytes(struct.pack("<Q", (_HUGE, 2**64 - 1, 0, len(content))[rng.integers(4)]) + content[8:])
    else:
        _other_numbers(rng, path)
    return way


def _damage_weights(rng: np.random.Generator, folder: Path) -> str:
    precision = _PRECISIONS[rng.integers(len(_PRECISIONS))]
    save_small_generator(folder / WEIGHTS, precision=precision)
    return f"{_damage_safetensors(rng, folder / WEIGHTS)} of {precision}"


def _enter_detector(folder: Path, out: Path) -> None:
    with library():
        found = load_detector(folder / _DETECTOR)(np.full((1, 16, 16, 3), 0.5, np.float32))
    if found.shape != (1, 16, 16, 2) or not ((found >= 0) & (found <= 1)).all():
        raise Fault("a probability of damage is not between 0 and 1")


def _arrays() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    shapes = {"block1_conv1": (3, 3, 3, 64), "block1_conv2": (3, 3, 64, 64)}
    kernels = {f"{name}/kernel": rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    first = np.array([0.73430, 0.09340, 0.06776, 0.88630], np.float32)  # as in the published file
    biases = {f"{name}/bias": np.resize(first, 64) for name in shapes}
    return kernels | biases


def _save_h5(path: Path, arrays: dict[str, np.ndarray], *, bomb: str = "") -> None:
    name = "block1_conv1/kernel"
    with h5py.File(path, "w") as file:
        for key, value in arrays.items():
            if not bomb or key != name:
                file.create_dataset(key, data=value, compression="gzip" if value.ndim > 1 else None)
        if bomb == "shape":  # the file holds none of it, but it would read as terabytes of zeros
            file.create_dataset(name, shape=(3, 3, 3, _HUGE), dtype="f4", chunks=(3, 3, 3, 64))
        elif bomb == "link":
            file[name] = h5py.ExternalLink("/etc/passwd", "/")
        elif bomb == "loop":
            file[name] = h5py.SoftLink(f"/{name}")
        elif bomb == "outside":
            file.create_dataset(name, shape=(3, 3, 3, 64), dtype="f4", external=[("/dev/zero", 0, 6912)])


@functools.cache
def _npz_bomb() -> bytes:
    """A file of kilobytes that unpacks to more than any array of a network has."""
    return _npz({**_arrays(), "block1_conv1/kernel": np.zeros((3, 3, 3, 3 << 20), np.float32)})


def _npz(arrays: dict[str, np.ndarray]) -> bytes:
    stream = io.BytesIO()
    np.savez_compressed(stream, **arrays)  # type: ignore[arg-type]  # numpy's stub knows only the keywords
    return stream.getvalue()


def _damage_arrays(rng: np.random.Generator, folder: Path) -> str:
    path, arrays = folder / _ARRAYS, _arrays()
    way = ("h5", "h5", "npz", "npz", "safetensors", "h5-bomb", "npz-bomb")[rng.integers(7)]
    if way == "h5":
        _save_h5(path, arrays)
    elif way == "npz":
        path.write_bytes(_npz(arrays))
    elif way == "safetensors":
        save_file(arrays, path, metadata={"format": "{}"})
        return f"{_damage_safetensors(rng, path)} of {way}"
    elif way == "npz-bomb":
        path.write_bytes(_npz_bomb())
        return way
    else:
        bomb = ("shape", "link", "loop", "outside")[rng.integers(4)]
        _save_h5(path, arrays, bomb=bomb)
        return f"{bomb} of h5"
    path.write_bytes(mutated(rng, path.read_bytes()))
    return f"bytes of {way}"


def _enter_arrays(folder: Path, out: Path) -> None:
    with library():
        vgg = load_vgg_weights(folder / _ARRAYS, through="block1_conv2")
    if vgg.params["block1_conv1"]["kernel"].shape != (3, 3, 3, 64):
        raise Fault("a kernel of another shape")


def _enter_run(folder: Path, out: Path) -> None:
    good = _good_leaves()
    with library():
        run = load_run(folder / _RUN)
    leaves = [np.asarray(leaf).tobytes() for leaf in run.leaves]
    if leaves not in good:
        raise Fault("other numbers were loaded than were saved")


@functools.cache
def _good_leaves() -> list[list[bytes]]:
    """The arrays of both checkpoints, as they were saved."""
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        save_small_run(Path(name))
        runs = [load_run(Path(name), step=step) for step in (1, 2)]
        return [[np.asarray(leaf).tobytes() for leaf in run.leaves] for run in runs]


def _damage_run(rng: np.random.Generator, folder: Path) -> str:
    return "; ".join(mutated_folder(rng, folder / _RUN) for _ in range(rng.integers(1, 3)))


DOORS = (
    Door("weights", prepare_photograph, _damage_weights, restore, seconds=30),  # other networks are compiled
    Door(
        "detector",
        lambda folder: save_small_detector(folder / _DETECTOR),
        lambda rng, folder: _damage_safetensors(rng, folder / _DETECTOR),
        _enter_detector,
        seconds=30,
    ),
    Door("arrays", lambda folder: _save_h5(folder / _ARRAYS, _arrays()), _damage_arrays, _enter_arrays),
    Door("checkpoints", lambda folder: save_small_run(folder / _RUN), _damage_run, _enter_run),
)
