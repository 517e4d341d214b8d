"""What every trainer does with its state on the devices: steps, their metrics, saving and restoring."""

import abc
from collections.abc import Mapping
from typing import Any

import numpy as np

from pconv_jax.checkpoints.orbax import Checkpoints
from pconv_jax.data.position import SavedPosition
from pconv_jax.training.hosts import group
from pconv_jax.training.sharding import Replicas


class ReplicatedTrainer(abc.ABC):
    """State, step and data of a run; see `experiments.train.interface.AnyTrainer`.

    Attributes:
        state: the state of training as the mapping over devices holds it.
        steps: steps taken, those before a checkpoint included.
        data: iterator over this host's part of the batches.
    """

    def __init__(self, replicas: Replicas, state: Any, constants: Any, data: Any):
        """Puts state and constants on the devices.

        Args:
            replicas: the step, mapped over the devices.
            state: the same on all hosts.
            constants: what every step takes beside its batch.
            data: iterator over this host's part of the batches.
        """
        self._replicas = replicas
        self.state, self._constants = replicas.replicate(state), replicas.replicate(constants)
        self.steps, self.data = 0, data

    def step(self, batch: Mapping[str, np.ndarray]) -> Any:
        """Takes a step; returns its metrics on the devices, for `read`, without waiting for them."""
        self.state, metrics = self._replicas(self.state, batch, self._constants)
        self.steps += 1
        return metrics

    def read(self, metrics: Any) -> dict[str, float]:
        """Waits for the metrics of a step."""
        return {name: float(value) for name, value in self._replicas.collect(metrics).items()}

    def save(self, checkpoints: Checkpoints, metrics: Mapping[str, float]) -> None:
        """Saves state and position in the data, in the background; nothing happens if this step is saved already."""
        state = self._replicas.collect(self.state)
        checkpoints.save(self.steps, {**self._parts(state), "data": SavedPosition(self.data)}, metrics=metrics)

    def load(self, checkpoints: Checkpoints | None) -> None:
        """Restores state and position in the data from the latest checkpoint, which host 0 alone reads."""
        state = self._replicas.collect(self.state)
        if checkpoints is not None:
            state = self._loaded(checkpoints, state)
        state = group().arrays_of_first(state)
        self.data.set_state(group().of_first(self.data.get_state()))
        self.steps = int(state.step)
        self.state = self._replicas.replicate(state)

    @abc.abstractmethod
    def _parts(self, state: Any) -> dict[str, Any]:
        """A state as the parts of a checkpoint."""

    @abc.abstractmethod
    def _loaded(self, checkpoints: Checkpoints, state: Any) -> Any:
        """Returns the state of the latest checkpoint, structured as `state`, and sets `data` to its position."""
