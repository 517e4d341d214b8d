"""Compiler options for the convolutions of this project."""

from types import MappingProxyType

import jax

# JAX 0.10 hands float32 convolutions on CPUs to YNNPACK, which runs those of 64 output channels or fewer on a single
# thread; Eigen, the default before, uses them all. experiments/PERFORMANCE.md has the measurements.
_CPU: dict[str, str | int | bool] = {"xla_cpu_experimental_ynn_fusion_type": "LIBRARY_FUSION_TYPE_REDUCE"}


# Compiles a network in half the time; it runs for an eighth longer then.
_QUICK: dict[str, str | int | bool] = {
    "xla_backend_optimization_level": 1,
    "xla_cpu_parallel_codegen_split_count": 1,
    "xla_llvm_disable_expensive_passes": True,
}
if jax.__version_info__ < (0, 11):  # from there on XLA refuses the option: it has no other way than the emitters
    _QUICK["xla_cpu_use_fusion_emitters"] = False

QUICK_PIXELS = 2**21
"""Fewer pixels in windows are computed in a fraction of the time that a program takes to compile: quickly is better."""

# For programs that draw the parameters of networks. XLA takes longer to optimise the random numbers, once for each
# shape, than to draw them.
INITIALIZATION = MappingProxyType({"xla_backend_optimization_level": 1})


def compiler_options(device: jax.Device, *, quick: bool = False) -> dict[str, str | int | bool] | None:
    """Options for `jax.jit` of a program that consists mostly of convolutions.

    Args:
        device: one of the devices it will run on.
        quick: whether on a CPU the program is to be compiled soon rather than to run fast.

    Returns:
        The options, or None if XLA's defaults are best.
    """
    if device.platform != "cpu":
        return None
    return {**_CPU, **_QUICK} if quick else {**_CPU}
