"""The mean of several trained networks, parameter by parameter.

Weights that were trained further, and those that they started from, lie in one valley of the loss: their mean is often
better than either, on other data than they were trained on above all (Wortsman et al. 2022, arXiv 2109.01903).
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from experiments.export.facts import Network
from pconv_jax.checkpoints.detector_file import TrainedDetector
from pconv_jax.checkpoints.trained import TrainedGenerator
from pconv_jax.common.errors import InputError
from pconv_jax.models.deepening import deepened, extends


def averaged(network: Network, others: Sequence[tuple[Path, Network]]) -> Network:
    """The mean of networks; all count alike, and one that is given twice counts twice.

    Args:
        network: the one whose facts are kept, but for its scores, which are not those of the mean.
        others: the others, with what each was loaded from. One with fewer residual blocks is seen as one whose further
            blocks add nothing.

    Returns:
        The mean; `about["averaged_with"]` has the names of the others, `about["averaged_settings"]` the settings that
        they were trained with.

    Raises:
        InputError: another kind of network, or one with batch statistics, whose mean would be those of neither.
    """
    states = [network.params]
    for place, other in others:
        same = other.config == network.config or extends(network.config, other.config)
        if type(other) is not type(network) or not same:
            raise InputError(
                f"--average {place} holds {other.config}, and what is saved {network.config}: give weights of the same "
                "network"
            )
        states.append(deepened(other.params, network.params))
    params = jax.tree.map(_mean, *states)
    about: dict[str, Any] = {name: fact for name, fact in network.about.items() if not name.startswith("validation_")}
    about["averaged_with"] = [*about.get("averaged_with", []), *(place.name for place, _ in others)]
    settings = [each for _, other in others for each in (other.about.get("settings"), *_averaged_settings(other))]
    about["averaged_settings"] = [*_averaged_settings(network), *(each for each in settings if each)]
    if isinstance(network, TrainedDetector):
        return dataclasses.replace(network, params=params, about=about)
    if jax.tree.leaves(network.stats):
        raise InputError(
            "--average is for networks without batch norm: statistics of several networks do not fit their mean; "
            "choose one of them"
        )
    return TrainedGenerator(network.config, params, network.stats, about=about)


def _averaged_settings(network: Network) -> list[Any]:
    return list(network.about.get("averaged_settings", []))


def _mean(*arrays: jax.Array) -> np.ndarray:
    return np.mean([np.asarray(each, np.float64) for each in arrays], axis=0).astype(np.float32)
