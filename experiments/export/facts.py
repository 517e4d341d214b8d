"""What somebody who was given a program has to know: its inputs and outputs, and where it comes from."""

import dataclasses
from typing import Any

from pconv_jax import __version__
from pconv_jax.checkpoints.detector_file import TrainedDetector
from pconv_jax.checkpoints.trained import TrainedGenerator
from pconv_jax.models import config_to_json

Network = TrainedGenerator | TrainedDetector

_IMAGE = "float32 [images, height, width, 3], red, green and blue in [0, 1]"
_GENERATOR = {
    "inputs": {
        "image": f"{_IMAGE}; what lies in holes does not matter",
        "mask": "float32 [images, height, width, 1]: 1 = valid, 0 = hole",
    },
    "outputs": {
        "restored": "float32 [images, height, width, 3] in [0, 1]: the image where it is valid, to the bit; the output "
        "of the network in the holes; 0 where `valid` is 0",
        "valid": "float32 [images, height, width, 1]: 0 where a hole is too deep for the network, else 1",
    },
}
_DETECTOR = {
    "inputs": {"image": _IMAGE},
    "outputs": {"damage": "float32 [images, height, width, 2] in [0, 1]: the probability of damage, and its opacity"},
}


def facts_of(network: Network) -> dict[str, Any]:
    """The facts as JSON values.

    Args:
        network: the generator or the detector.

    Returns:
        `inputs`, `outputs`, `size`, `network`, `about` and `made_by`.
    """
    if isinstance(network, TrainedDetector):
        described, size = {**_DETECTOR, "network": {"network": "detector", **dataclasses.asdict(network.config)}}, None
    else:
        described, size = {**_GENERATOR, "network": config_to_json(network.config)}, network.config.image_size
    return {
        **described,
        "size": "any" if size is None else f"{size}x{size} px only",
        "about": dict(network.about),
        "made_by": f"pconv_jax {__version__}",
    }
