"""A thread that looks after the other hosts: whether they live, whether one failed, and where all stop at a signal.

It never waits for the main thread, which may wait for another host in a collective operation for ever.
"""

import contextlib
import json
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from pconv_jax.common.output import end_process

_PREFIX = "pconv_jax/watch/"
_EVERY = 0.5  # seconds between two looks
_GRACE = 3.0  # seconds that host 0, which serves the store, waits for others to read why it ends, and they for it


class Watch(threading.Thread):
    """Watches the other hosts.

    At a signal to any host, all stop after the same step: each host tells the last step that it has begun or is about
    to, begins no other, and goes on to the latest of these steps, so that none waits for another in the middle of one.

    Attributes:
        advice: says how to go on after a loss of hosts, as the end of a sentence.
    """

    def __init__(self, client: Any, *, index: int, count: int, timeout: float):
        """Prepares the thread.

        Args:
            client: of JAX's coordination service.
            index: number of this host.
            count: number of hosts.
            timeout: seconds without a sign of life after which a host counts as lost.
        """
        super().__init__(name="hosts", daemon=True)
        self.advice: Callable[[], str] = lambda: "nothing was trained yet, so start it again"
        self._client, self._index, self._count, self._timeout = client, index, count, timeout
        self._wake, self._closed = threading.Event(), False
        self._ending = threading.Lock()  # taken once, for good
        self.others_failed = threading.Event()
        self._beat = 0
        self._looked = time.monotonic()
        self._seen: dict[int, tuple[str, float]] = {}  # last beat of each other host, and when it was new
        self._steps = threading.Condition()
        self._signal = 0  # that this host received
        self._begun: int | None = None  # last step that the main thread has begun, or is about to
        self._frozen = False  # whether others rely on `_begun`
        self._decided: tuple[int, int] | None = None  # signal, and the step to stop after

    def run(self) -> None:
        """Looks twice a second until `close`."""
        threading.Thread(target=self._guard, name="host 0", daemon=True).start()
        while not self._closed:
            try:
                self._look()
            except RuntimeError:  # of the service
                if not self._closed:
                    self._end_without_host_0()
            self._looked = time.monotonic()
            self._wake.wait(_EVERY)
            self._wake.clear()

    def wait_for_loss(self) -> None:
        """Gives this thread the time to notice that a host is lost, and to end the process for it."""
        time.sleep(self._timeout + 2 * _GRACE)

    def close(self) -> None:
        """Ends the thread."""
        self._closed = True
        self._wake.set()
        self.join()

    def signal_after(self, step: int, received: Sequence[int]) -> int:
        """The signal at which all hosts stop after this step; 0: take another one.

        Args:
            step: number of the last step taken.
            received: signals that this host got.
        """
        if received and not self._signal:
            self._signal = received[0]
            self._wake.set()
        with self._steps:
            if not self._frozen:
                self._begun = step + 1
                return 0
            while self._decided is None:
                self._steps.wait()
            number, last = self._decided
            return number if step >= last else 0

    def fail(self, code: int, sentence: str) -> NoReturn:
        """Ends all hosts with this code, and this one at once."""
        with contextlib.suppress(Exception):
            self._set("fault", json.dumps([code, sentence, self._index]), first=True)
        self._end(code, sentence)

    def _end(self, code: int, sentence: str) -> NoReturn:
        """Ends this host; host 0 says why, and waits a moment until the others know as well."""
        self._ending.acquire()
        if self._index == 0 and sentence:
            print(sentence, file=sys.__stderr__, flush=True)
        with contextlib.suppress(Exception):
            self._set(f"left/{self._index}", "")
            deadline = time.monotonic() + _GRACE
            while self._index == 0 and time.monotonic() < deadline and len(self._read("left/")) < self._count:
                time.sleep(_EVERY / 10)
        end_process(code)

    def _guard(self) -> None:
        """Ends this host if host 0, which serves the store, lets a call of it hang."""
        while not self._closed:
            if time.monotonic() - self._looked > self._timeout + _GRACE:
                self._end_without_host_0()
            time.sleep(_EVERY)

    def _end_without_host_0(self) -> NoReturn:
        self._ending.acquire()
        print(f"stopped: host 0 of {self._count} no longer answers; {self.advice()}", file=sys.__stderr__)
        end_process(1)

    def _look(self) -> None:
        self._beat += 1
        self._set(f"beat/{self._index}", str(self._beat))
        state = self._read("")
        if "fault" in state:
            code, sentence, host = json.loads(state["fault"])
            if host != self._index:
                self.others_failed.set()
                self._end(code, f"host {host}: {sentence}")
        self._check_beats(state)
        self._agree_on_stop(state)

    def _check_beats(self, state: dict[str, str]) -> None:
        now = time.monotonic()
        for host in range(self._count):
            beat = state.get(f"beat/{host}", "")
            if host not in self._seen or self._seen[host][0] != beat:
                self._seen[host] = beat, now
        patience = self._timeout + (_GRACE if self._index else 0)  # so that host 0 is the first to notice
        lost = [host for host, (_, since) in self._seen.items() if now - since > patience]
        if lost:
            names = f"host{'s' * (len(lost) > 1)} {', '.join(map(str, lost))} of {self._count}"
            self.fail(1, f"stopped: {names} did not answer for {self._timeout:g} s; {self.advice()}")

    def _agree_on_stop(self, state: dict[str, str]) -> None:
        if self._signal and "stop" not in state:
            self._set("stop", str(self._signal), first=True)
        if "stop" not in state or self._decided is not None:
            return
        with self._steps:
            if not self._frozen and self._begun is not None:  # else training has not begun
                self._frozen = True
                self._set(f"begun/{self._index}", str(self._begun))
        begun = [int(value) for key, value in state.items() if key.startswith("begun/")]
        self._wake.set()  # the others are as quick
        if len(begun) == self._count:
            with self._steps:
                self._decided = int(state["stop"]), max(begun)
                self._steps.notify_all()

    def _set(self, key: str, value: str, *, first: bool = False) -> None:
        """Sets a key; if it is to be the first value, keeps one that is there."""
        with contextlib.suppress(RuntimeError) if first else contextlib.nullcontext():
            self._client.key_value_set(_PREFIX + key, value, allow_overwrite=not first)

    def _read(self, folder: str) -> dict[str, str]:
        found = self._client.key_value_dir_get(_PREFIX + folder)
        return {key.rpartition(_PREFIX)[2]: value for key, value in found}
