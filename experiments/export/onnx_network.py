"""What the nodes of a network are made from. Channels in front, `[N, C, H, W]`; masks 1 = valid, 0 = hole."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from experiments.export.onnx_graph import Graph
from pconv_jax.checkpoints.tensors import by_name


@dataclasses.dataclass(frozen=True)
class Network:
    """What the nodes of a network are made from.

    Attributes:
        graph: they are added to.
        config: the architecture.
        weights: arrays of parameters and batch statistics by their path, such as "stem/conv/kernel".
    """

    graph: Graph
    config: Any
    weights: Mapping[str, np.ndarray]

    def convolve(self, x: str, name: str, *, stride: int = 1, padding: int | None = None) -> str:
        """A convolution, with a bias if it has one; zeros around it for half a kernel, if not given."""
        kernel, bias = self.weights[f"{name}/kernel"], self.weights.get(f"{name}/bias")
        around = kernel.shape[0] // 2 if padding is None else padding
        return self.graph.convolve(x, kernel, bias, stride=stride, padding=around)


def weights_of(*states: Any) -> dict[str, np.ndarray]:
    """Arrays by their path."""
    return {name: np.asarray(leaf) for state in states for name, leaf in by_name(state).items()}
