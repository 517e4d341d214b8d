"""Compiled programs in files, found by what they are made from: JAX's own cache has to trace a program to find it.

The files are machine code, as those of JAX's cache are: they belong in a folder that nobody else can write to. Each
version of the source and of the packages has a folder there, and only the latest versions stay.
"""

import contextlib
import functools
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import threading
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np

from pconv_jax.common.atomic_write import atomic_write
from pconv_jax.common.cache import programs_folder
from pconv_jax.common.json_values import read_json
from pconv_jax.common.versions import package_versions

_DIGEST = hashlib.sha256().digest_size
_VERSIONS = 3  # of source and packages, whose programs stay


class KeptPrograms:
    """Programs for one CPU, each of which is compiled once and loaded by later processes."""

    def __init__(self, folder: Path):
        """Opens a folder of programs.

        Args:
            folder: where the files are; it need not exist yet.
        """
        self._folder = folder
        self._loaded: dict[str, jax.stages.Compiled] = {}
        self._locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    def note(self, name: str) -> dict[str, Any] | None:
        """What was noted under a name by a process with the same source, packages and processor; None if nothing was.

        Args:
            name: of the note.
        """
        try:
            note: dict[str, Any] = read_json(self._note_file(name).read_bytes())
        except (OSError, ValueError):
            return None
        return note

    def write_note(self, name: str, note: dict[str, Any]) -> None:
        """Notes something for later processes.

        Args:
            name: of the note.
            note: JSON values.
        """
        self._write(self._note_file(name), json.dumps(note).encode())

    def _note_file(self, name: str) -> Path:
        return self._file(f"{_key(name)}.json")

    def _file(self, name: str) -> Path:
        return self._folder / f"programs-{_version()[:16]}" / name

    def _write(self, file: Path, content: bytes) -> None:
        """Writes a file of this version, and deletes those of versions that have not been written to for longest."""
        # On a full disk later processes do without; a process whose files are deleted does too.
        with contextlib.suppress(OSError):
            with atomic_write(file, durable=False) as temporary:
                temporary.write_bytes(content)
            versions = sorted(self._folder.glob("programs-*"), key=lambda folder: folder.stat().st_mtime_ns)
            for old in versions[:-_VERSIONS]:
                shutil.rmtree(old, ignore_errors=True)

    def get(self, name: str, build: Callable[[], Any], arguments: tuple[Any, ...]) -> jax.stages.Compiled:
        """A program that returns one array, compiled if no process has done so before.

        Args:
            name: says with the types and shapes of the arguments, and the source of this package, what it computes.
            build: makes the `jax.jit` of it.
            arguments: pytrees of arrays, or of their shapes.

        Returns:
            The program, to be called with such arguments.
        """
        leaves, structure = jax.tree.flatten((arguments, {}))
        shapes = [(leaf.shape, str(leaf.dtype)) for leaf in leaves]
        key = _key(f"{name}\n{shapes}\n{structure}")
        with self._locks[key]:  # of two threads that need it, one compiles
            if key not in self._loaded:
                self._loaded[key] = self._load(key, structure) or self._compile(key, build(), arguments)
            return self._loaded[key]

    def _load(self, key: str, structure: Any) -> jax.stages.Compiled | None:
        from jax.experimental import serialize_executable

        try:
            content = self._file(key).read_bytes()
        except OSError:
            return None
        if content[:_DIGEST] != _digest(content[_DIGEST:]):
            return None
        try:
            return serialize_executable.deserialize_and_load(
                content[_DIGEST:], structure, jax.tree.structure(0), execution_devices=jax.devices()[:1]
            )
        except Exception:  # noqa: BLE001 - pickle, JAX and XLA raise anything; what none of them reads is made anew
            return None

    def _compile(self, key: str, program: Any, arguments: tuple[Any, ...]) -> jax.stages.Compiled:
        from jax.experimental import serialize_executable

        compiled: jax.stages.Compiled = program.lower(*arguments).compile()
        if _jax_keeps_programs():  # what JAX loads from its own cache cannot be written to another
            return compiled
        content = serialize_executable.serialize(compiled)[0]
        self._write(self._file(key), _digest(content) + content)
        return compiled


def program_of_network(
    name: str, build: Callable[[], Any], leaves: list[jax.Array], programs: KeptPrograms | None
) -> Callable[..., np.ndarray]:
    """A program of a network, with its arrays.

    Args:
        name: as for `KeptPrograms.get`.
        build: likewise; the first argument of what it makes is `leaves`.
        leaves: the arrays of the network.
        programs: where it is kept; None: where JAX keeps programs.

    Returns:
        A function of the other arguments, NumPy arrays, which returns one.
    """
    program = build() if programs is None else lambda *given: programs.get(name, build, given)(*given)

    def run(*given: np.ndarray) -> np.ndarray:
        # Both ways in so many words: JAX_TRANSFER_GUARD may forbid what is not.
        output: np.ndarray = jax.device_get(program(leaves, *jax.device_put(given)))
        return output

    return run


def kept_programs() -> KeptPrograms | None:
    """The user's kept programs.

    Returns:
        None where JAX runs on something else than a CPU, keeps programs itself or must not compile; also, with a
        warning, where the user's cache cannot be written.
    """
    if jax.devices()[0].platform != "cpu" or _jax_keeps_programs() or jax.config.values["jax_disable_jit"]:
        return None
    folder = programs_folder()
    return None if folder is None else KeptPrograms(folder)


def _jax_keeps_programs() -> bool:
    return jax.config.values.get("jax_compilation_cache_dir") is not None


def _key(name: str) -> str:
    return _digest(f"{name}\n{_environment()}".encode()).hex()


def _digest(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()


def _environment() -> str:
    """What else programs depend on: settings, source, packages and the processor."""
    settings = {
        name: value
        for name, value in sorted(jax.config.values.items())
        if isinstance(value, bool | int | float | str) and "_cache_" not in name
    }
    return f"{settings} {os.environ.get('XLA_FLAGS')} {_version()} {os.cpu_count()} {_processor()}"


@functools.cache
def _version() -> str:
    """A digest of the source of this package and the versions of those it builds programs with."""
    package = Path(__file__).parents[1]
    source = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        source.update(path.relative_to(package).as_posix().encode() + path.read_bytes())
    versions = package_versions("jax", "jaxlib", "flax", "numpy")
    return _digest(f"{source.hexdigest()} {versions}".encode()).hex()


@functools.cache
def _processor() -> str:
    """The instructions that the processor has; where the system does not tell, which machine it is."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        told = sorted({line for line in lines if line.startswith(("flags", "Features", "model name"))})
    except OSError:
        told = [platform.processor(), _apples_name() if sys.platform == "darwin" else platform.node()]
    return f"{platform.system()} {platform.machine()} {told}"


def _apples_name() -> str:
    """The processor of a Mac, whose name of the machine depends on the network it is in."""
    asked = ["/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string"]
    with contextlib.suppress(OSError):
        if name := subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip():
            return name
    return platform.node()
