"""The folder of the page: the network as ONNX, ONNX Runtime for browsers, and three files of our own."""

import base64
import hashlib
import shutil
import tarfile
from pathlib import Path

from experiments.export.command import export
from experiments.export.options import Options
from pconv_jax.common.errors import InputError

VERSION = "1.30.0"
_SHA512 = "q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ=="  # base64
_FROM_RUNTIME = ("ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm")
_STATIC = Path(__file__).parent / "static"


def build(out: Path, runtime: Path, weights: Path) -> None:
    """Makes the folder.

    Args:
        out: the folder.
        runtime: package of ONNX Runtime for browsers.
        weights: what is exported, as for `python -m experiments.export`.

    Raises:
        InputError: another package, or weights that cannot be exported.
    """
    _check(runtime)
    export(Options(weights, out / "network.onnx", format="onnx"))
    with tarfile.open(runtime) as package:
        for name in _FROM_RUNTIME:
            content = package.extractfile(f"package/dist/{name}")
            assert content is not None, "it has the checksum"
            (out / name).write_bytes(content.read())
    for file in _STATIC.iterdir():
        shutil.copy(file, out / file.name)
    print(f"look at it: python -m http.server --directory {out}, then http://localhost:8000 in the browser")


def _check(runtime: Path) -> None:
    way_out = f"get it by `npm pack onnxruntime-web@{VERSION}`"
    if not runtime.is_file():
        raise InputError(f"{runtime} does not exist: {way_out}")
    if hashlib.sha512(runtime.read_bytes()).digest() != base64.b64decode(_SHA512):
        raise InputError(f"{runtime} is not version {VERSION} of onnxruntime-web, by its SHA-512: {way_out}")
