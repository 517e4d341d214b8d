"""What every worker process does first."""

import signal

from pconv_jax.common.output import hide_warnings_of_pillow


def prepare_worker_process() -> None:
    """Sets OpenCV to one thread, since the processes are the parallelism, and leaves Ctrl-C to the parent."""
    import cv2

    cv2.setNumThreads(1)
    hide_warnings_of_pillow()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
