"""Methods by name: classical ones, bundled weights, files of weights, folders of runs."""

import dataclasses
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pconv_jax.checkpoints.bundled import bundled_weights
from pconv_jax.common.errors import InputError
from pconv_jax.common.versions import package_versions
from pconv_jax.evaluation.classical import CLASSICAL_METHODS, CLASSICAL_PACKAGES
from pconv_jax.evaluation.extra_baselines import EXTRA, check_installed
from pconv_jax.evaluation.scoring import NamedMethod

if TYPE_CHECKING:
    from pconv_jax.checkpoints.trained import TrainedGenerator

BEST = "+best"
"""At the end of the name of weights: as `Inpainter(best=True)`."""

RAW_PIXELS = 2**21
"""Larger images are not sent through the network of weights as a whole: that takes gigabytes."""


def open_methods(names: tuple[str, ...]) -> list[NamedMethod]:
    """Finds classical methods and loads trained ones.

    Args:
        names: names of `CLASSICAL_METHODS`; names of bundled weights; or files of weights, or folders of runs or
            checkpoints, as PATH or NAME=PATH. Bundled weights and files may end in "+best": averaged over symmetries.

    Returns:
        The methods, in order. Runs return the network's raw output. Weights inpaint as in normal use, near the holes,
        and have the raw output of the whole image besides, up to `RAW_PIXELS`. Of classical methods it is their
        result.

    Raises:
        InputError: no such method or folder, a checkpoint that cannot be read, a name given twice, or a library that a
            method needs is not installed.
    """
    methods = [_open(name) for name in names]
    seen = [method.name for method in methods]
    for name in seen:
        if seen.count(name) > 1:
            known = name in CLASSICAL_METHODS or _without_best(name)[0] in bundled_weights()
            advice = "name it once" if known else "give each its own name, as NAME=FOLDER"
            raise InputError(f"--methods has {name} twice: {advice}")
    return methods


def _open(name: str) -> NamedMethod:
    if name in CLASSICAL_METHODS:
        if name in EXTRA:
            check_installed(name)
        packages = [CLASSICAL_PACKAGES[name]] if name in CLASSICAL_PACKAGES else []
        return NamedMethod(name, CLASSICAL_METHODS[name], dict(package_versions(*packages)))
    weights, best = _without_best(name)
    if weights in bundled_weights():
        return _of_weights(name, weights, best=best)
    title, path = _split(weights)
    if path.is_file():
        return _of_weights(f"{title}{BEST}" if best else title, path, best=best)
    if best:
        raise InputError(f"--methods {name}: {BEST} goes with bundled weights or a file of weights, not a folder")
    from pconv_jax.checkpoints.trained import load_run

    model = load_run(path)
    return NamedMethod(title, lambda images, masks: model.raw(images, masks)[0], _identity(model))


def trained_path(name: str) -> Path | None:
    """The file or folder that a method is loaded from.

    Args:
        name: as for `open_methods`.

    Returns:
        Its path; None for classical methods and bundled weights.

    Raises:
        InputError: no such method or folder.
    """
    weights, _ = _without_best(name)
    return None if name in CLASSICAL_METHODS or weights in bundled_weights() else _split(weights)[1]


def is_path(name: str) -> bool:
    """Whether a name as a whole is the PATH, or NAME=PATH, of a file or folder that exists, whatever PATH contains."""
    title, _, place = name.partition("=")
    places = [name, place if "," not in title else ""]  # "ns,NAME=PATH" is two methods
    return any(each and Path(each).expanduser().exists() for each in places)


def _without_best(name: str) -> tuple[str, bool]:
    """A name without `BEST` at its end, and whether it has that; a path that exists may end so too."""
    weights = name.removesuffix(BEST)
    return (name, False) if weights not in bundled_weights() and is_path(name) else (weights, name.endswith(BEST))


def _split(name: str) -> tuple[str, Path]:
    """NAME=PATH or PATH, checked: the name in tables, and a file or folder that exists."""
    unnamed = "=" not in name or Path(name).expanduser().exists()  # the name of a folder may have a "=" too
    title, _, place = ("", "", name) if unnamed else name.partition("=")
    path = Path(place).expanduser()
    if not path.exists():
        if name in CLASSICAL_METHODS:  # without what `_without_best` takes off
            raise InputError(f"--methods {name}{BEST}: {BEST} goes with weights, not with {name}, so leave it out")
        raise InputError(
            f"--methods {name} is neither a method ({', '.join((*CLASSICAL_METHODS, *bundled_weights()))}) nor a "
            "folder or file: give a run or a file of weights"
        )
    title = title or (path.stem if path.is_file() else path.resolve().name)
    if "/" in title or title.startswith(".") or title.splitlines() != [title]:
        raise InputError(
            f"--methods {name} gives a method the name {title!r}, which will be in tables and names of files: leave "
            "out '/', leading dots and line breaks"
        )
    if title in CLASSICAL_METHODS or title in bundled_weights():
        raise InputError(f"--methods {name} has the name of another method: choose one, as NAME=FOLDER")
    return title, path


def _of_weights(title: str, weights: str | Path, *, best: bool = False) -> NamedMethod:
    """Weights as in normal use: image by image, computing only near the holes."""
    from pconv_jax.checkpoints.weights_file import load_generator_weights
    from pconv_jax.common.jax_start import prepare_jax
    from pconv_jax.inpainting.inpainter import Inpainter
    from pconv_jax.inpainting.known_holes import holes_as_intended

    prepare_jax()
    generator = load_generator_weights(weights)
    inpainter = Inpainter(generator, best=best)

    def method(images: np.ndarray, masks: np.ndarray) -> np.ndarray:
        with holes_as_intended():
            # Grey if no pixel is valid, as from the classical methods.
            return np.stack(
                [
                    inpainter(image, mask) if mask.any() else np.full_like(image, 0.5)
                    for image, mask in zip(images, masks, strict=True)
                ]
            )

    def raw(images: np.ndarray, masks: np.ndarray) -> np.ndarray | None:
        return generator.raw(images, masks)[0] if images[0, ..., 0].size <= RAW_PIXELS else None

    own = {"best": True} if best else {}  # not named where it is off: as in scores of before
    return NamedMethod(title, method, {**_identity(generator), **own}, raw)


def _identity(model: "TrainedGenerator") -> dict[str, Any]:
    return {
        "generator": dataclasses.asdict(model.config),
        "parameters_sha256": hash_arrays((model.params, model.stats)),
        **package_versions("pconv_jax"),  # whose code decides what the parameters give
    }


def hash_arrays(tree: Any) -> str:
    """SHA-256 of the numbers in a pytree of arrays, in its order."""
    import jax

    digest = hashlib.sha256()
    for leaf in jax.tree.leaves(tree):
        digest.update(np.asarray(leaf).tobytes())
    return digest.hexdigest()
