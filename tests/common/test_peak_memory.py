"""Peak memory of a block."""

import sys

import numpy as np
import pytest

from pconv_jax.common.peak_memory import PeakMemory


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not tell")
def test_the_peak_is_that_of_the_block_alone():
    np.ones(2**24)  # 128 MiB before it
    with PeakMemory() as memory:
        np.ones(2**23)  # 64 MiB, freed before its end
    assert 60 < memory.mib < 80
    kept = [np.ones(2**12) for _ in range(2**11)][::256]  # 64 MiB in small pieces, most of them freed
    with PeakMemory() as memory:
        kept += [np.ones(2**12) for _ in range(2**11)]
    assert 55 < memory.mib < 80
    with PeakMemory() as memory:
        pass
    assert memory.mib < 10
