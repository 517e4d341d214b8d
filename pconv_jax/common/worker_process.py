"""What every worker process does first."""

import signal


def prepare_worker_process() -> None:
    """Sets OpenCV to one thread, since the processes are the parallelism, and leaves Ctrl-C to the parent."""
    import cv2

    cv2.setNumThreads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
