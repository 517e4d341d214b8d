"""Windows of an image that is inpainted again while its holes are corrected: most need not be computed twice."""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence

import numpy as np

_MOST_BYTES = 256 * 2**20  # of pixels that are kept


class RememberedWindows:
    """What windows were inpainted with, by all that the network saw in them.

    For one network and type of pixels; a window that is found here is equal to the bit to one that is computed. Those
    that were not asked for longest are forgotten first.
    """

    def __init__(self) -> None:
        """Starts without any."""
        self._held = 0
        self._windows: OrderedDict[bytes, np.ndarray] = OrderedDict()
        self._lock = threading.Lock()  # windows are computed in several threads

    def __call__(self, seen: Sequence[np.ndarray], compute: Callable[[], np.ndarray]) -> np.ndarray:
        """The pixels of a window.

        Args:
            seen: all that they depend on.
            compute: computes them, where they are not known.

        Returns:
            The pixels; not to be changed.
        """
        key = hashlib.blake2b(digest_size=32)
        for array in seen:
            key.update(f"{array.dtype}{array.shape}".encode())
            key.update(np.ascontiguousarray(array).data)
        name = key.digest()
        with self._lock:
            if (known := self._windows.get(name)) is not None:
                self._windows.move_to_end(name)
                return known
        pixels = compute()
        with self._lock:
            if name not in self._windows:
                self._windows[name] = pixels
                self._held += pixels.nbytes
            while self._held > _MOST_BYTES:
                self._held -= self._windows.popitem(last=False)[1].nbytes
        return pixels
