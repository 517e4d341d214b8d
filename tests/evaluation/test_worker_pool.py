"""How the worker processes of an evaluation start."""

import signal
import subprocess
import sys

from pconv_jax.evaluation.worker_pool import _interrupts_not_inherited

BLOCKED = [sys.executable, "-c", "import signal; print(signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, []))"]


def test_workers_get_no_ctrl_c_from_their_start_on():
    with _interrupts_not_inherited():
        inside = subprocess.run(BLOCKED, capture_output=True, text=True, check=True)
    after = subprocess.run(BLOCKED, capture_output=True, text=True, check=True)
    assert (inside.stdout, after.stdout) == ("True\n", "False\n")
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])
