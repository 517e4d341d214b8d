"""Composites as files, and FID, which is computed from them."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from pconv_jax.common.atomic_write import atomic_write
from pconv_jax.data.decode import decode_image
from pconv_jax.evaluation.fid import Fid
from pconv_jax.evaluation.pairs import Pair, Pairs, as_floats


def composites_folder(folder: Path, method: str) -> Path:
    """Where the composites of a method are."""
    return folder / "composites" / method


def composite_file(folder: Path, method: str, image: int, bucket: str) -> Path:
    """Where `save_composites` writes the composite of one pair."""
    return composites_folder(folder, method) / bucket / f"{image:06d}.png"


def save_composites(pairs: Pairs, method: str, composites: Mapping[int, np.ndarray], folder: Path) -> None:
    """Writes composites, number of the pair -> `[H, W, 3]` uint8, as PNG files."""
    from PIL import Image

    for index, composite in composites.items():
        with atomic_write(composite_file(folder, method, *pairs.key(index))) as unfinished:
            Image.fromarray(composite).save(unfinished, "PNG")


def fid_of_methods(fid: Fid, pairs: Pairs, methods: Sequence[str], folder: Path) -> dict[str, float]:
    """FID between the saved composites of each method and the clean images.

    Args:
        fid: the network.
        pairs: what was scored; its images are the truth, each once.
        methods: names of methods.
        folder: where `save_composites` wrote them.

    Returns:
        Method -> FID.

    Raises:
        InputError: fewer than two images.
    """
    truths: dict[int, Pair] = {}
    for index in range(len(pairs)):
        if pairs.key(index)[0] not in truths:
            truths[pairs.key(index)[0]] = pairs[index]
    real = np.concatenate([fid.features(pair.truth[None]) for pair in truths.values()])
    found = {}
    for method in methods:
        files = [composite_file(folder, method, *pairs.key(index)) for index in range(len(pairs))]
        features = [fid.features(as_floats(decode_image(file)[None])) for file in files]
        found[method] = fid.distance(np.concatenate(features), real)
    return found
