"""torchvision's ImageNet weights of AlexNet and VGG16, which perceptual metrics are defined by.

The user gives them as a file; they are identified by their SHA-256, as a score from any other weights must not have a
metric's name.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import jax.numpy as jnp
import numpy as np
import numpy.typing as npt

from pconv_jax.common.errors import InputError
from pconv_jax.models.array_files import open_arrays
from pconv_jax.models.vgg import KERNEL_SHAPES, VGG16

NetworkName = Literal["alex", "vgg"]
"""The names of LPIPS for AlexNet and VGG16."""

Arrays = Sequence[tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]]
"""Weight [O, I, h, w] and bias [O] of each convolution."""

_TITLES: dict[NetworkName, str] = {"alex": "AlexNet", "vgg": "VGG16"}
# n of each convolution "features.{n}" in torchvision.
_CONVOLUTIONS: dict[NetworkName, tuple[int, ...]] = {
    "alex": (0, 3, 6, 8, 10),
    "vgg": (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28),
}
# Of weights and biases, one convolution after the other, as little-endian float32.
_SHA256: dict[NetworkName, str] = {
    "alex": "2b566cc3a4d6f0a7343701af22f461f1ac3dcd03a3ac28cce10968a1d3c85fdc",
    "vgg": "40acdda7c6b05249f81637b2571671ce938507c5f986db17af374cf62a2f42a6",
}
_BOTH: tuple[NetworkName, ...] = ("alex", "vgg")


def wanted(*, networks: Sequence[NetworkName] = _BOTH) -> str:
    """What the user is asked for, as the end of a message.

    Args:
        networks: whose weights will do.

    Returns:
        A sentence without its full stop.
    """
    titles = " or ".join(_TITLES[name] for name in networks)
    return f"give torchvision's ImageNet weights of {titles}, as .npz or .safetensors"


def weights_files(path: Path, metric: str, *, networks: Sequence[NetworkName] = _BOTH) -> list[Path]:
    """The files of weights that a path stands for.

    Args:
        path: a file, or a folder with alexnet.npz, vgg16.npz or both (or .safetensors).
        metric: what the weights are for, for messages.
        networks: those that are wanted.

    Returns:
        The file itself; of a folder those that are there, in the order of the networks.

    Raises:
        InputError: a folder with none of them.
    """
    if not path.is_dir():
        return [path]
    names = [f"{_TITLES[network].lower()}{suffix}" for network in networks for suffix in (".npz", ".safetensors")]
    files = [path / name for name in names if (path / name).is_file()]
    if not files:
        raise InputError(
            f"the folder {path} has no weights for {metric} ({', '.join(names)}): {wanted(networks=networks)}"
        )
    return files


def read_convolutions(
    path: Path, metric: str, *, networks: Sequence[NetworkName] = _BOTH
) -> tuple[NetworkName, Arrays]:
    """Reads which network a file holds, and its convolutions.

    Args:
        path: a .npz or .safetensors file with torchvision's names, such as features.0.weight; other entries do not
            matter.
        metric: what the weights are for, for messages.
        networks: those that it may hold.

    Returns:
        The network, and its convolutions from the image upwards.

    Raises:
        InputError: the file is missing, a folder, a pickle or damaged, or holds other weights.
    """
    if path.is_dir():
        raise InputError(f"{path} for {metric} is a folder: {wanted(networks=networks)}")
    if not path.is_file():
        raise InputError(f"the weights file {path} for {metric} does not exist: {wanted(networks=networks)}")
    with open_arrays(path) as (names, read):
        held = {name for name in names if name.startswith("features.")}
        entries = {
            network: [(f"features.{n}.weight", f"features.{n}.bias") for n in _CONVOLUTIONS[network]]
            for network in networks
        }
        network = next((each for each, pairs in entries.items() if held == {n for pair in pairs for n in pair}), None)
        if network is None:
            titles = " or ".join(_TITLES[name] for name in networks)
            raise InputError(
                f"{path} does not hold the convolutions of {titles} under torchvision's names (features.0.weight), "
                f"which {metric} needs: {wanted(networks=networks)}"
            )
        arrays = [(read(weight), read(bias)) for weight, bias in entries[network]]
    digest = hashlib.sha256()
    for array in (array for pair in arrays for array in pair):
        digest.update(np.ascontiguousarray(array, "<f4").tobytes())
    if digest.hexdigest() != _SHA256[network]:
        raise InputError(
            f"the numbers in {path} are not torchvision's (their SHA-256 begins with {digest.hexdigest()[:8]}, not "
            f"{_SHA256[network][:8]}), and {metric} is a metric by particular weights: {wanted(networks=networks)}"
        )
    return network, arrays


def vgg16(arrays: Arrays) -> VGG16:
    """VGG16 with the convolutions that were read."""
    params = {
        name: {"kernel": jnp.asarray(kernel.transpose(2, 3, 1, 0)), "bias": jnp.asarray(bias)}
        for name, (kernel, bias) in zip(KERNEL_SHAPES, arrays, strict=True)
    }
    return VGG16(params, "torchvision", "torchvision")
