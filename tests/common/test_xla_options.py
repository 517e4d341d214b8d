"""XLA refuses options that it does not know, and which it knows depends on its version."""

import jax
import pytest

from pconv_jax.common.xla_options import INITIALIZATION, compiler_options


@pytest.mark.parametrize("quick", [False, True])
def test_the_installed_version_takes_every_option(quick):
    options = compiler_options(jax.devices("cpu")[0], quick=quick)
    assert float(jax.jit(lambda x: x + 1, compiler_options={**options, **INITIALIZATION})(1.0)) == 2
