"""What is scored on the pairs: classical methods by name, trained generators by folder."""

import dataclasses
import hashlib
import importlib.metadata
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pconv_jax.checkpoints.bundled import bundled_weights
from pconv_jax.common.errors import InputError
from pconv_jax.evaluation.baselines import CLASSICAL_METHODS, Method

if TYPE_CHECKING:
    from pconv_jax.checkpoints.trained import TrainedGenerator

PACKAGES = ("opencv-python-headless", "scikit-image")
"""What classical methods come from; OpenCV's inpainting changed with its versions."""
_PACKAGE = {"ns": PACKAGES[0], "telea": PACKAGES[0], "biharmonic": PACKAGES[1], "fill": "pconv_jax"}


@dataclasses.dataclass(frozen=True)
class Named:
    """A method under the name it has in tables.

    Attributes:
        name: the name.
        method: the method; None for a classical one, which worker processes find by its name.
        identity: which one exactly it is, JSON values: version of a package, or hash of the parameters.
    """

    name: str
    method: Method | None
    identity: dict[str, Any]


def open_methods(names: tuple[str, ...]) -> list[Named]:
    """Finds methods, and restores models.

    Args:
        names: names of `CLASSICAL_METHODS`; of weights that come with the package; or files of weights, or folders of
            runs or checkpoints, as PATH or NAME=PATH.

    Returns:
        The methods, in order.

    Raises:
        InputError: no such method or folder, a checkpoint that cannot be read, or a name given twice.
    """
    methods = [_open(name) for name in names]
    seen = [method.name for method in methods]
    for name in seen:
        if seen.count(name) > 1:
            raise InputError(f"--methods has {name} twice: give each its own name, as NAME=FOLDER")
    return methods


def _open(name: str) -> Named:
    if name in CLASSICAL_METHODS:
        package = _PACKAGE.get(name)
        return Named(name, None, {} if package is None else {package: importlib.metadata.version(package)})
    if name in bundled_weights():
        return _restorer(name, name)
    is_folder = "=" not in name or Path(name).expanduser().exists()  # a folder's own name may have a "=" too
    title, _, folder = ("", "", name) if is_folder else name.partition("=")
    path = Path(folder).expanduser()
    if not path.exists():
        raise InputError(
            f"--methods {name} is neither a method ({', '.join((*CLASSICAL_METHODS, *bundled_weights()))}) nor a "
            "folder or file: name that of a run or of weights"
        )
    title = title or (path.stem if path.is_file() else path.resolve().name)
    if "/" in title or title.startswith("."):
        raise InputError(
            f"--methods {name} names a method {title!r}, but it will name files: leave out '/' and first dots"
        )
    if title in CLASSICAL_METHODS or title in bundled_weights():
        raise InputError(f"--methods {name} takes the name of another method: give it one, as NAME=FOLDER")
    if path.is_file():
        return _restorer(title, path)
    from pconv_jax.checkpoints.trained import load_run

    model = load_run(path)
    return Named(
        title,
        lambda images, masks: model.raw(images, masks)[0],
        _identity(model),
    )


def _restorer(title: str, weights: str | Path) -> Named:
    """Weights as they are used: image by image, near the holes alone."""
    from pconv_jax.inpainting.inpainter import Inpainter

    restorer = Inpainter.from_pretrained(weights)

    def method(images: np.ndarray, masks: np.ndarray) -> np.ndarray:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "holes are about", UserWarning)  # wide ones are meant here
            # Where nothing is valid the classical methods give grey too.
            return np.stack(
                [
                    restorer(image, mask) if mask.any() else np.full_like(image, 0.5)
                    for image, mask in zip(images, masks, strict=True)
                ]
            )

    return Named(title, method, _identity(restorer.generator))


def _identity(model: "TrainedGenerator") -> dict[str, Any]:
    return {
        "generator": dataclasses.asdict(model.config),
        "parameters_sha256": hash_arrays((model.params, model.stats)),
    }


def hash_arrays(tree: Any) -> str:
    """SHA-256 of the numbers in a pytree of arrays, in its order."""
    import jax

    digest = hashlib.sha256()
    for leaf in jax.tree.leaves(tree):
        digest.update(np.asarray(leaf).tobytes())
    return digest.hexdigest()
