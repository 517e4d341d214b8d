"""The position in the data as a part of checkpoints: it depends neither on hosts nor on devices."""

import asyncio
import json
from collections.abc import Awaitable
from pathlib import Path
from typing import Any

from pconv_jax.common.errors import InputError

_FILE = "process_0-of-1.json"  # that of Grain's own iterators in a process alone


class SavedPosition:
    """Saves the position of an iterator over batches, and restores it; see Orbax's `StatefulCheckpointable`.

    All hosts have the same one, and the first writes it. Grain's own files name the number of hosts.
    """

    def __init__(self, batches: Any):
        """Takes the iterator, which `load` changes in place.

        Args:
            batches: a Grain iterator.
        """
        self._batches = batches

    def get_state(self) -> Any:
        """The position now, JSON values."""
        return self._batches.get_state()

    async def save(self, directory: Any) -> Awaitable[None]:
        """Notes the position now, and writes it in the background.

        Args:
            directory: a folder in the making, as Orbax passes it.

        Returns:
            What writes the file.
        """
        state = json.dumps(self._batches.get_state(), indent=4)

        async def write() -> None:
            folder = Path(await directory.await_creation())
            await asyncio.to_thread((folder / _FILE).write_text, state)

        return write()

    async def load(self, directory: Any) -> Awaitable[None]:
        """Restores the position.

        Args:
            directory: the folder of this part of a checkpoint.

        Returns:
            What reads the file.
        """

        async def read() -> None:
            files = sorted(Path(directory).glob("process_0-of-*.json"))  # of several hosts: by earlier versions
            if not files:
                raise InputError(f"{directory} holds no {_FILE}: restore it, or choose another step")
            self._batches.set_state(json.loads(await asyncio.to_thread(files[0].read_text)))

        return read()
