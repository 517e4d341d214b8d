"""Options of XLA: quick ones for programs that tests run once, and those that users get."""

from importlib.metadata import version

_HAS_EMITTERS_OPTION = tuple(map(int, version("jaxlib").split(".")[:2])) < (0, 11)

# Most of the time of the tests would be XLA's otherwise.
QUICK = {
    "xla_backend_optimization_level": 0,
    "xla_cpu_parallel_codegen_split_count": 1,
} | ({"xla_cpu_use_fusion_emitters": False} if _HAS_EMITTERS_OPTION else {})
# XLA's defaults, as `compiler_options` of `jax.jit`, for tests in which the compiler itself might be wrong.
USERS = {
    "xla_backend_optimization_level": 3,
    "xla_cpu_parallel_codegen_split_count": 32,
} | ({"xla_cpu_use_fusion_emitters": True} if _HAS_EMITTERS_OPTION else {})


def flags(options: dict[str, int | bool]) -> str:
    """The options as XLA_FLAGS, which the processes that a test starts inherit."""
    return " ".join(f"--{name}={int(value)}" for name, value in options.items())
