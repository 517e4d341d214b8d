"""Opening of data sets that TFDS has prepared: nothing that their files name is imported."""

import contextlib
import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pconv_jax.common.errors import InputError
from pconv_jax.data.tfds.runtime import import_tfds, replaced

# Of dtd, oxford_flowers102 and celeb_a, in all versions of TFDS.
_FEATURES = ("FeaturesDict", "Image", "ClassLabel", "Text", "Tensor", "Scalar")


@functools.lru_cache(maxsize=16)
def open_prepared(directory: Path) -> Any:
    """Opens a prepared data set.

    Args:
        directory: folder of its version: ".../dtd/3.0.1".

    Returns:
        Its read-only builder.

    Raises:
        InputError: its files are damaged, or name a class of features that these data sets do not have.
    """
    tfds = import_tfds()
    with refusing_damage(directory), _known_features_only(tfds, directory):
        return tfds.builder_from_directory(directory)


@contextlib.contextmanager
def refusing_damage(directory: Path | None) -> Iterator[None]:
    """Turns what TFDS raises for damaged files of a prepared data set into an InputError.

    Args:
        directory: where they are; None for the default folder of TFDS.

    Raises:
        InputError: for any error inside.
    """
    try:
        yield
    except InputError:
        raise
    except Exception as error:  # of many types, for JSON that is damaged or of another kind
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        place = directory or "the folder of TFDS"
        raise InputError(f"{place} does not hold a readable prepared data set ({reason}): prepare it again") from error


@contextlib.contextmanager
def _known_features_only(tfds: Any, directory: Path) -> Iterator[None]:
    """Replaces the look-up of TFDS, which imports whatever module a file names."""
    connector = tfds.features.FeatureConnector
    known = {kind for kind in vars(tfds.features).values() if getattr(kind, "__name__", "") in _FEATURES}
    names = {name: kind for name, kind in connector._registered_features.items() if kind in known}

    def look_up(name: str) -> Any:
        if not name:
            raise ValueError("features without a class")
        if name not in names:
            raise InputError(
                f"{directory} has features of the class {name[:100]!r}, which none of the data sets here has: prepare "
                "it again"
            )
        return names[name]

    with replaced(connector, "cls_from_name", staticmethod(look_up)):
        yield
