"""Perceptual figures of composites: VGG distances and LPIPS image by image, FID of sets."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from experiments.evaluate.methods import hash_arrays
from experiments.evaluate.options import Options
from experiments.evaluate.pairs import Pair, Pairs
from experiments.evaluate.work import Done
from pconv_jax.common.atomic_write import atomic_write
from pconv_jax.data.decode import decode_image
from pconv_jax.evaluation.reference_metrics import Fid, Lpips


@dataclasses.dataclass(frozen=True)
class NamedDistance:
    """A perceptual distance under the name it has in tables.

    Attributes:
        name: the name.
        distance: (outputs, truths) `[N, H, W, 3]` in [0, 1] -> `[N]`.
        identity: which one exactly it is, JSON values.
    """

    name: str
    distance: Callable[[np.ndarray, np.ndarray], np.ndarray]
    identity: dict[str, Any]


def open_distances(options: Options) -> list[NamedDistance]:
    """The perceptual distances that the flags give weights for.

    Raises:
        InputError: weights or libraries that are not there.
    """
    found = []
    if options.vgg_weights is not None:
        from pconv_jax.evaluation.perceptual_distance import VggDistance
        from pconv_jax.models.vgg import deepest
        from pconv_jax.models.vgg_weights import resolve_weights

        # Random weights are always the same ones: pairs by name do not depend on the seed, but share a column.
        weights = resolve_weights(options.vgg_weights, seed=0, through=deepest(options.vgg_layers))
        vgg = VggDistance(weights, options.vgg_layers)
        found.append(NamedDistance(vgg.name, vgg, {"weights_sha256": hash_arrays(weights.params)}))
    if options.lpips_weights is not None:
        lpips = Lpips(options.lpips_weights)
        found.append(NamedDistance(lpips.name, lpips, {}))  # whose name stands for one file of weights only
    return found


def open_fid(options: Options) -> Fid | None:
    """FID, if its weights are given."""
    return None if options.fid_weights is None else Fid(options.fid_weights)


def add_distances(pairs: Pairs, part: Done, distances: Sequence[NamedDistance]) -> None:
    """Adds the distances of the composites to the rows of a part."""
    if not distances:
        return
    for row, (index, composite) in zip(part.rows, part.composites.items(), strict=True):
        truth, repaired = pairs[index].truth[None], composite[None].astype(np.float32) / np.float32(255)
        row.update({each.name: float(each.distance(repaired, truth)[0]) for each in distances})


def save_composites(pairs: Pairs, part: Done, folder: Path) -> None:
    """Writes the composites of a part as PNG files."""
    from PIL import Image

    for index, composite in part.composites.items():
        with atomic_write(composite_file(folder, part.method, *pairs.key(index))) as unfinished:
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
        repaired = [fid.features(decode_image(file)[None].astype(np.float32) / np.float32(255)) for file in files]
        found[method] = fid.distance(np.concatenate(repaired), real)
    return found


def composite_file(folder: Path, method: str, image: int, bucket: str) -> Path:
    """Where `save_composites` writes the composite of one pair."""
    return folder / "composites" / method / bucket / f"{image:06d}.png"
