"""Batches from worker processes; the state of their iterator does not depend on the number of processes."""

import atexit
import weakref
from typing import TYPE_CHECKING, Any

from pconv_jax.common.worker_process import prepare_worker_process

if TYPE_CHECKING:
    import grain


def in_processes(
    batches: "grain.MapDataset[Any]", workers: int, *, read: "grain.ReadOptions", ahead: int
) -> "grain.IterDataset[Any]":
    """Makes batches in worker processes, in the order of `batches`.

    Unlike Grain's `mp_prefetch` alone, the state does not depend on the number of processes, and iterators that were
    not closed cause no errors at exit.

    Args:
        batches: a sequence with random access.
        workers: number of processes, at least 1.
        read: number of threads and of prefetched batches within a process.
        ahead: number of finished batches that each process keeps ready.

    Returns:
        A Grain data set. The state of its iterators is {"next_index": number of batches taken}, as it is for
        `batches.to_iter_dataset()`.
    """
    import grain
    from absl import flags

    if not flags.FLAGS.is_parsed():
        # Grain 0.2.18 reads an Abseil flag that only Abseil's own main would have parsed: google/grain#1355.
        flags.FLAGS.mark_as_parsed()
    options = grain.MultiprocessingOptions(num_workers=workers, per_worker_buffer_size=ahead)

    class Iterator(grain.DatasetIterator):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self._taken = 0
            self._source: Any = None
            # At exit, but before Python destroys what the processes need to end.
            atexit.register(_close_if_alive, weakref.ref(self))

        def __next__(self) -> Any:
            self._assert_not_closed()
            if self._source is None:
                rest = batches[self._taken :].to_iter_dataset(read)
                self._source = iter(rest.mp_prefetch(options, worker_init_fn=_start_worker))
            batch = next(self._source)
            self._taken += 1
            return batch

        def get_state(self) -> dict[str, Any]:
            return {"next_index": self._taken}

        def set_state(self, state: dict[str, Any]) -> None:
            self._stop()
            self._taken = state["next_index"]

        def close(self) -> None:
            super().close()
            self._stop()

        def _stop(self) -> None:
            if self._source is not None:
                self._source.close()
                self._source = None

    class Batches(grain.IterDataset):  # type: ignore[misc]
        def __iter__(self) -> Iterator:
            return Iterator()

    return Batches()


def _close_if_alive(reference: Any) -> None:
    iterator = reference()
    if iterator is not None:
        iterator.close()


def _start_worker(index: int, count: int) -> None:
    prepare_worker_process()
