"""Data parallelism: one training step mapped over the devices of one or many hosts, the batch split between them."""

import collections
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from pconv_jax.common.errors import InputError
from pconv_jax.common.xla_options import compiler_options

AXIS = "data"
Strategy = Literal["shard_map", "pmap"]


def by_host() -> list[jax.Device]:
    """All devices, those of host 0 first: the rows of a batch are in the order of the hosts."""
    return sorted(jax.devices(), key=lambda device: (device.process_index, device.id))


def devices_for(batch_size: int) -> list[jax.Device]:
    """The devices that can share a batch evenly: all of them, or else the most of each host; a warning names both.

    Args:
        batch_size: images a step, over all hosts.

    Returns:
        As many devices of each host.

    Raises:
        InputError: the hosts cannot share it, or have different numbers of devices.
    """
    hosts, devices = jax.process_count(), by_host()
    if batch_size % hosts:
        raise InputError(
            f"a batch of {batch_size} images cannot be split between {hosts} hosts: choose a multiple of {hosts}"
        )
    counts = collections.Counter(device.process_index for device in devices)
    if len(set(counts.values())) > 1:
        listed = ", ".join(f"host {host} has {count}" for host, count in sorted(counts.items()))
        raise InputError(f"the hosts differ in devices ({listed}): give each as many")
    each = max(count for count in range(1, counts[0] + 1) if batch_size // hosts % count == 0)
    if each < counts[0]:
        warnings.warn(
            f"a batch of {batch_size} images is split between {each * hosts} of {len(devices)} devices: a --batch-size "
            f"that is a multiple of {len(devices)} would use all",
            stacklevel=2,
        )
    return [devices[host * counts[0] + number] for host in range(hosts) for number in range(each)]


class Replicas:
    """A pure step `(state, batch, constants) -> (state, metrics)` run data-parallel.

    The step is written against the axis `AXIS` (it averages what must agree, with `lax.pmean`). Both mappings run the
    same function: `shard_map` inside `jax.jit` over a mesh, or `jax.pmap`, which JAX keeps in maintenance mode.
    The state is donated: the one passed in must not be used again.
    """

    def __init__(
        self,
        step: Callable[[Any, Any, Any], tuple[Any, Any]],
        *,
        mapping: Strategy = "shard_map",
        devices: Sequence[jax.Device] | None = None,
    ):
        """Prepares the mapping, without compiling it.

        Args:
            step: the pure function.
            mapping: "shard_map" or "pmap".
            devices: devices to use, by default all of all hosts.

        Raises:
            InputError: another mapping.
        """
        self.devices = list(devices or by_host())
        self.mapping = mapping
        mesh = Mesh(np.array(self.devices), (AXIS,))
        self._whole, self._split = (NamedSharding(mesh, spec) for spec in (PartitionSpec(), PartitionSpec(AXIS)))
        if mapping == "shard_map":
            # Without check_vma gradients stay those of each replica until the step averages them, as under pmap.
            mapped = jax.shard_map(
                step,
                mesh=mesh,
                in_specs=(PartitionSpec(), PartitionSpec(AXIS), PartitionSpec()),
                out_specs=PartitionSpec(),
                check_vma=False,
            )
            self._step = jax.jit(mapped, donate_argnums=0, compiler_options=compiler_options(self.devices[0]))
        elif mapping == "pmap":
            self._step = jax.pmap(step, axis_name=AXIS, devices=self.devices, donate_argnums=0)
        else:
            raise InputError(f"mapping={mapping!r} must be 'shard_map' or 'pmap'")

    def __call__(self, state: Any, batch: Mapping[str, np.ndarray], constants: Any) -> tuple[Any, Any]:
        """Takes one step.

        Args:
            state: from `replicate` or the previous step; donated.
            batch: this host's part of the global batch, arrays `[N, ...]`, N a multiple of the host's devices.
            constants: from `replicate`; arguments that never change.

        Returns:
            The new state and the metrics, both as the mapping holds them: `collect` turns them into plain arrays.

        Raises:
            InputError: a batch without arrays, of arrays that differ in N, or of an N that the devices cannot share.
        """
        state, metrics = self._step(state, self._shard(batch), constants)
        return state, metrics

    def compile(self, state: Any, batch: Mapping[str, np.ndarray], constants: Any) -> Any:
        """Compiles the step for arguments of these shapes, to read its cost and memory, without running it.

        Args:
            state: as for a step; not donated.
            batch: as for a step.
            constants: as for a step.

        Returns:
            A `jax.stages.Compiled`.
        """
        return self._step.lower(state, self._shard(batch), constants).compile()

    def replicate(self, tree: Any) -> Any:
        """Copies a pytree to every device."""
        if self.mapping == "pmap":
            return jax.tree.map(self._stack, tree)
        # A copy, always: the step donates its buffers, and the caller may still use the tree.
        return jax.tree.map(self._copy, tree)

    def collect(self, tree: Any) -> Any:
        """The value that all replicas share, as arrays without a replica dimension."""
        if self.mapping == "pmap":
            return jax.tree.map(lambda leaf: leaf.addressable_shards[0].data.reshape(leaf.shape[1:]), tree)
        if jax.process_count() > 1:  # a host computes by itself with what it holds itself
            return jax.tree.map(lambda leaf: leaf.addressable_data(0), tree)
        return tree

    def _copy(self, leaf: Any) -> jax.Array:
        whole = np.asarray(leaf)
        if jax.process_count() == 1:
            return jax.device_put(whole, self._whole)
        return jax.make_array_from_callback(whole.shape, self._whole, lambda _: whole)

    def _stack(self, leaf: Any) -> jax.Array:
        leaf = np.asarray(leaf)
        shape = (len(self.devices), *leaf.shape)
        return jax.make_array_from_callback(shape, self._split, lambda _: leaf[None])

    def check_batch(self, rows: int) -> int:
        """Checks that this host can split a batch between its devices.

        Args:
            rows: images of this host's part of the batch.

        Returns:
            Number of this host's devices.

        Raises:
            InputError: it cannot; both numbers are named.
        """
        local = sum(device.process_index == jax.process_index() for device in self.devices)
        if rows < 1 or rows % local:
            raise InputError(
                f"a batch of {rows} images cannot be split between {local} devices: choose a multiple of {local}"
            )
        return local

    def _shard(self, batch: Mapping[str, np.ndarray]) -> dict[str, Any]:
        counts = {name: len(array) for name, array in batch.items()}
        if len(set(counts.values())) != 1:
            listed = ", ".join(f"{name} has {count}" for name, count in counts.items()) or "it is empty"
            raise InputError(f"the arrays of a batch need as many rows each, but {listed}")
        rows = next(iter(counts.values()))
        local = self.check_batch(rows)
        if self.mapping == "pmap":
            return {name: array.reshape(local, rows // local, *array.shape[1:]) for name, array in batch.items()}
        return {name: jax.make_array_from_process_local_data(self._split, array) for name, array in batch.items()}
