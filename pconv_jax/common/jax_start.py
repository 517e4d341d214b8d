"""What must be so before JAX is used: the same process as before, devices that are there, a cache of programs."""

import os

from pconv_jax.common.cache import enable_compilation_cache
from pconv_jax.common.errors import InputError

_users: set[int] = set()  # processes that have used JAX: this one, and those that it was forked from


def prepare_jax(*, keep_programs: bool = True) -> None:
    """Starts JAX.

    Args:
        keep_programs: keep compiled programs for later processes, and use theirs.

    Raises:
        InputError: the process was forked from one that had used JAX, whose threads would be waited for here for ever;
            or `JAX_PLATFORMS` names a device that is not available.
    """
    if _users and os.getpid() not in _users:
        raise InputError(
            "this process was forked after its parent had used JAX, which does not work in both: start processes with "
            "multiprocessing.get_context('spawn')"
        )
    import jax

    if keep_programs:
        enable_compilation_cache()
    try:
        jax.devices()
    except (RuntimeError, AssertionError) as error:  # the latter, without a word, for CUDA without its packages
        said = str(error).partition("\n")[0][:200] or "there is no such device, or its packages are not installed"
        platforms = jax.config.values.get("jax_platforms")
        if not platforms:
            raise InputError(f"JAX cannot start ({said}): set JAX_PLATFORMS=cpu to do without a GPU") from error
        raise InputError(
            f"JAX_PLATFORMS is {platforms}, which JAX cannot start here ({said}): unset it, or install JAX for that "
            "device"
        ) from error
    _users.add(os.getpid())
