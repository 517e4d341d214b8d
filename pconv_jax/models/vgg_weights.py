"""Where VGG16's numbers come from: a file, the user's cache filled by one download, or a seed; VGG19's from a file.

Two kinds of file are in use and look alike: the original Caffe weights under Keras names (made for BGR in
0..255 minus the mean colour) and torchvision's own under torchvision's names (for mean/std-normalised RGB).
The names in a file, never its extension, say which it is. Nothing is unpickled. Kernels come out as HWIO.
"""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import get_args
from urllib.parse import urlsplit

import jax.numpy as jnp
import numpy as np

from pconv_jax.common.cache import cache_folder
from pconv_jax.common.errors import InputError
from pconv_jax.common.paths import given_path
from pconv_jax.models.array_files import open_arrays
from pconv_jax.models.vgg import LAYERS, VGG16, Network, Preprocessing, convs_through, kernel_shapes, random_weights

KERAS_URL = (
    "https://github.com/fchollet/deep-learning-models/releases/download/v0.1/"
    "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5"
)
# The publisher gives only an MD5 (in keras.applications.vgg16); a SHA-256 put here would have no authority.
# MD5 still tells this file from a damaged or a replaced one; its known attacks need a say in both files.
KERAS_MD5 = "6d6bbae143d832006294945121d1f1fc"
KERAS_BYTES = 58_889_256  # only to be told to the user, as in Keras' own progress bar; the MD5 covers it

# First biases of block1_conv1, VGG16's and VGG19's. Caffe's numbers go about under torchvision's names too
# (jcjohnson/pytorch-vgg, torchvision's IMAGENET1K_FEATURES), and anyone can rename the other way: names alone would
# mislead.
_FIRST_BIASES: dict[Preprocessing, tuple[tuple[float, ...], ...]] = {
    "caffe": ((0.73430, 0.09340, 0.06776, 0.88630), (0.73018, 0.06494, 0.03429, 0.82604)),
    "torchvision": ((0.4034, 0.3778, 0.4644, -0.3228),),
}
_ENTRY: dict[Preprocessing, re.Pattern[str]] = {
    "caffe": re.compile(r"(?:.*/)?(block\d_conv\d)/.+"),
    "torchvision": re.compile(r"(features\.\d+)\.(?:weight|bias)"),
}
# Places of the convolutions among torchvision's layers, which count ReLUs and pools too.
_PLACES: dict[Network, tuple[int, ...]] = {
    "VGG16": (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28),
    "VGG19": (0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34),
}


def load_vgg_weights(
    path: str | Path,
    *,
    through: str = LAYERS[-1],
    networks: Sequence[Network] = ("VGG16",),
) -> VGG16:
    """Read VGG16 or VGG19 weights from an HDF5, npz or safetensors file.

    A file with a fourth convolution in a block (`block3_conv4`; `features.16`) is VGG19. One that stops before is taken
    for VGG16: up to there the two are the same network.

    Args:
        path: has Keras names (`block1_conv1/...`, HWIO kernels; the published no-top HDF5 file, a later save)
            or torchvision's (`features.0.weight`, OIHW kernels; its state dict), in any of the three formats.
        through: deepest layer wanted; a file that stops there is enough, and nothing deeper is read.
        networks: which networks are accepted.

    Returns:
        The weights up to `through`, with the preprocessing that the names in the file stand for.

    Raises:
        InputError: the file is missing, unreadable, a pickle or of another network, lacks a layer, has wrong
            shapes, or holds the other kind's numbers.
    """
    if unknown := [each for each in networks if each not in get_args(Network)]:
        raise InputError(f"networks has {unknown[0]!r}, and can have {', '.join(get_args(Network))}")
    path = given_path(path).expanduser()
    if not path.is_file():
        raise _missing(path, networks, "give a file")
    with open_arrays(path) as (names, read):
        network, kind, entries = _identify(path, names, networks)
        wanted = convs_through(through, network=network)
        if missing := [name for name in wanted if name not in entries]:
            raise InputError(
                f"{path} lacks {', '.join(missing)}, which {network} needs for {through}: "
                "give a file that has them, or ask for shallower layers"
            )
        arrays = {name: [read(entry) for entry in entries[name]] for name in wanted}
    shapes = kernel_shapes(network)
    params = {name: _layer_params(path, name, found, kind, shapes[name]) for name, found in arrays.items()}
    _check_kind(path, params["block1_conv1"]["bias"], kind)
    return VGG16(
        {name: {key: jnp.asarray(value) for key, value in layer.items()} for name, layer in params.items()},
        kind,
        f"{path.name} ({'Keras' if kind == 'caffe' else 'torchvision'} names, {kind} preprocessing)",
        network,
    )


def default_weights(*, cache_dir: str | Path | None = None, progress: bool = True, offer_random: bool = True) -> Path:
    """The published Keras file in the user's cache: downloaded the first time, its hash checked every time.

    Args:
        cache_dir: the file's folder; default $PCONV_JAX_CACHE, else pconv_jax in $XDG_CACHE_HOME or ~/.cache.
        progress: whether to show a progress bar of the download.
        offer_random: whether an error may advise to use random weights.

    Returns:
        Path of a file whose MD5 is the published one. A damaged copy is downloaded anew.

    Raises:
        InputError: the file is not there and cannot be downloaded or stored; says what to put where.
    """
    import pooch
    import requests  # what pooch downloads with, and whose exceptions it lets through

    folder = Path(cache_dir).expanduser().absolute() if cache_dir else cache_folder()
    target = folder / KERAS_URL.rpartition("/")[2]
    fault = ""
    try:
        if target.is_file():
            if pooch.file_hash(str(target), alg="md5") == KERAS_MD5:
                return target
            fault = f"the {target.stat().st_size:,} bytes there now are not the published file; "
        # One attempt, a short wait to connect: without network the user must hear so before anything starts.
        downloader = pooch.HTTPDownloader(progressbar=progress, chunk_size=2**16, timeout=(5, 30))
        pooch.retrieve(KERAS_URL, f"md5:{KERAS_MD5}", target.name, target.parent, downloader=downloader)
    except requests.RequestException as error:
        fault += type(error).__name__
        if error.response is not None:
            fault += f" {error.response.status_code}"
            error.response.close()  # pooch leaves it open
        fault += f" from {urlsplit(KERAS_URL).netloc}"
        raise InputError(_how_to_get_it(target, fault, offer_random)) from error
    except OSError as error:
        raise InputError(_how_to_get_it(target, f"{fault}{error}", offer_random)) from error
    except ValueError as error:  # pooch: another hash; it has removed what it downloaded
        raise InputError(_how_to_get_it(target, f"{fault}what arrived has another MD5", offer_random)) from error
    return target


def resolve_weights(
    spec: str | Path,
    *,
    seed: int,
    through: str = LAYERS[-1],
    random_preprocessing: Preprocessing = "caffe",
    networks: Sequence[Network] = ("VGG16",),
    offer_random: bool = True,
    cache_dir: str | Path | None = None,
) -> VGG16:
    """VGG weights as a command line names them.

    Args:
        spec: "random" (drawn from `seed`), "download" (see `default_weights`), or the path of a file.
        seed: any integer >= 0.
        through: deepest layer wanted.
        random_preprocessing: that of random weights.
        networks: which networks are accepted in a file.
        offer_random: whether an error may advise to use random weights.
        cache_dir: folder of the download.

    Returns:
        The weights; `.source` says in words where they come from.

    Raises:
        InputError: as `random_weights`, `default_weights` and `load_vgg_weights` do.
    """
    if spec == "random":
        return random_weights(seed, through=through, preprocessing=random_preprocessing)
    if spec == "download":
        convs_through(through)  # a misspelt layer must not cost a download
        spec = default_weights(cache_dir=cache_dir, offer_random=offer_random)
    elif not Path(spec).expanduser().is_file():
        words = "'download', or 'random'" if offer_random else "'download'"
        raise _missing(spec, networks, f"give a file, or {words}")
    return load_vgg_weights(spec, through=through, networks=networks)


def _missing(path: str | Path, networks: Sequence[Network], way: str) -> InputError:
    fault = "is a folder" if Path(path).expanduser().is_dir() else "does not exist"
    return InputError(f"the {' or '.join(networks)} weights file {path} {fault}: {way}")


def _how_to_get_it(target: Path, fault: str, offer_random: bool) -> str:
    otherwise = ", or train on untrained features with --vgg-weights random" if offer_random else ""
    return (
        f"the pretrained VGG16 weights could not be downloaded ({fault}): save {KERAS_URL} "
        f"({KERAS_BYTES:,} bytes, MD5 {KERAS_MD5}) as {target}, or give a copy with --vgg-weights PATH{otherwise}"
    )


def _identify(
    path: Path, names: Iterable[str], networks: Sequence[Network]
) -> tuple[Network, Preprocessing, dict[str, list[str]]]:
    """Which network a file holds, in which kind of naming, and its entries by Keras layer name."""
    found: dict[Preprocessing, dict[str, list[str]]] = {}
    for name in names:
        if name.startswith("optimizer_weights/"):  # in whole-model saves: moments shaped like the kernels
            continue
        for kind, pattern in _ENTRY.items():
            if match := pattern.fullmatch(name):
                found.setdefault(kind, {}).setdefault(match[1], []).append(name)
    if len(found) != 1:
        raise InputError(
            f"{path} has {'both' if found else 'neither'} Keras names (block1_conv1/...) "
            f"{'and' if found else 'nor'} torchvision names (features.0.weight), so what its VGG16 expects "
            f"is unknown: give a file with one of the two"
        )
    ((kind, layers),) = found.items()
    known = {network: _keras_names(network, kind) for network in _PLACES}
    network: Network = "VGG16" if layers.keys() <= known["VGG16"].keys() else "VGG19"
    if network not in networks or not layers.keys() <= known[network].keys():
        accepted = networks[0]
        strange = sorted(layers.keys() - known[accepted].keys())
        other = network if layers.keys() <= known[network].keys() else "another network"
        raise InputError(
            f"{path} is {other}, not {' or '.join(networks)} (it has {', '.join(strange)}): give a {accepted} file"
        )
    return network, kind, {known[network][name]: entries for name, entries in layers.items()}


def _keras_names(network: Network, kind: Preprocessing) -> dict[str, str]:
    """Name in a file -> Keras name, of each convolution."""
    names = list(kernel_shapes(network))
    stored = names if kind == "caffe" else [f"features.{place}" for place in _PLACES[network]]
    return dict(zip(stored, names, strict=True))


def _layer_params(
    path: Path, name: str, arrays: list[np.ndarray], kind: Preprocessing, shape: tuple[int, int, int, int]
) -> dict[str, np.ndarray]:
    """Kernel (HWIO, of `shape`) and bias of one layer out of its arrays, told apart by their number of axes."""
    height, width, inputs, outputs = shape
    stored = (height, width, inputs, outputs) if kind == "caffe" else (outputs, inputs, height, width)
    arrays = sorted(arrays, key=np.ndim)
    if [array.shape for array in arrays] != [(outputs,), stored]:
        got = " and ".join(str(list(array.shape)) for array in arrays)
        raise InputError(f"{path}: {name} must be a bias [{outputs}] and a kernel {list(stored)}, not {got}")
    if not all(jnp.issubdtype(array.dtype, jnp.floating) and np.isfinite(array).all() for array in arrays):
        raise InputError(f"{path}: {name} holds values that are not finite floating-point numbers")
    bias, kernel = (array.astype(np.float32) for array in arrays)
    return {"kernel": kernel if kind == "caffe" else kernel.transpose(2, 3, 1, 0), "bias": bias}


def _check_kind(path: Path, bias: np.ndarray, kind: Preprocessing) -> None:
    """Refuse one kind's numbers under the other kind's names: every image would be prepared wrongly."""
    for other, known in _FIRST_BIASES.items():
        if other != kind and any(np.allclose(bias[:4], biases, rtol=0, atol=1e-3) for biases in known):
            raise InputError(
                f"{path} holds {other} weights under {kind} names, so what images they expect is unclear: "
                f"give the Keras no-top HDF5 file or torchvision's IMAGENET1K_V1"
            )
