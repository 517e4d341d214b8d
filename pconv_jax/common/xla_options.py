"""Compiler options for the convolutions of this project."""

from types import MappingProxyType

import jax

# JAX 0.10 hands float32 convolutions on CPUs to YNNPACK, which runs those of 64 output channels or fewer on a single
# thread; Eigen, the default before, uses them all. experiments/PERFORMANCE.md has the measurements.
_CPU = {"xla_cpu_experimental_ynn_fusion_type": "LIBRARY_FUSION_TYPE_REDUCE"}


# For programs that draw the parameters of networks. XLA takes longer to optimise the random numbers, once for each
# shape, than to draw them.
INITIALIZATION = MappingProxyType({"xla_backend_optimization_level": 1})


def compiler_options(device: jax.Device) -> dict[str, str] | None:
    """Options for `jax.jit` of a program that consists mostly of convolutions.

    Args:
        device: one of the devices it will run on.

    Returns:
        The options, or None if XLA's defaults are best.
    """
    return dict(_CPU) if device.platform == "cpu" else None
