"""What the hosts of a run tell each other: facts that must agree, values of host 0, a shared folder, errors."""

import json
import secrets
import signal
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import numpy as np

from pconv_jax.common.commands import said_of
from pconv_jax.common.errors import InputError, shortened
from pconv_jax.training.host_watch import Watch

Value = TypeVar("Value")

_PREFIX = "pconv_jax/told/"
_LONGEST = 1.0  # seconds between two looks for what others tell
_FOLDER = 10.0  # seconds after which a file that another host wrote must be seen
_TOGETHER = 2.0  # seconds in which host 0 finds the same mistake


class Group:
    """The hosts of a run, of which this process is one.

    Every method but those of `leads` and `signal_after` is called by all hosts, in the same order.

    Attributes:
        index: number of this host.
        count: number of hosts.
    """

    def __init__(self, *, client: Any = None, watch: Watch | None = None, index: int = 0, count: int = 1):
        """A group of one, if nothing is given.

        Args:
            client: of JAX's coordination service.
            watch: the thread that looks after the others.
            index: number of this host.
            count: number of hosts.
        """
        self.index, self.count = index, count
        self._client, self._watch = client, watch
        self._told = 0

    @property
    def leads(self) -> bool:
        """Whether this is host 0, which writes the files."""
        return self.index == 0

    def gather(self, value: str) -> list[str]:
        """What each host tells, in their order; waits for all of them."""
        if self.count == 1:
            return [value]
        self._told += 1
        place, pause = f"{_PREFIX}{self._told}/", 0.005
        self._client.key_value_set(f"{place}{self.index}", value)
        while len(found := self._client.key_value_dir_get(place)) < self.count:
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST)
        told = {int(key.rpartition("/")[2]): each for key, each in found}
        return [told[host] for host in range(self.count)]

    def meet(self) -> None:
        """Waits until all hosts are here."""
        self.gather("")

    def of_first(self, value: Value) -> Value:
        """The value of host 0, JSON."""
        if self.count == 1:
            return value
        first: Value = json.loads(self.gather(json.dumps(value) if self.leads else "")[0])
        return first

    def arrays_of_first(self, tree: Value) -> Value:
        """The arrays of host 0, to the bit, as NumPy arrays; on the others, arrays of the same shapes."""
        if self.count == 1:
            return tree
        import jax
        from jax.experimental import multihost_utils

        leaves, structure = jax.tree.flatten(tree)
        arrays = [np.ascontiguousarray(leaf) for leaf in leaves]
        # As bytes: the sum that JAX broadcasts by would turn -0.0 into 0.0.
        joint = np.concatenate([array.reshape(-1).view(np.uint8) for array in arrays])
        parts = np.split(
            multihost_utils.broadcast_one_to_all(joint), np.cumsum([array.nbytes for array in arrays])[:-1]
        )
        same = [
            part.view(array.dtype).reshape(np.shape(leaf))
            for part, array, leaf in zip(parts, arrays, leaves, strict=True)
        ]
        return jax.tree.unflatten(structure, same)

    def check_same(self, facts: Mapping[str, Any], *, advice: str) -> None:
        """Refuses hosts that differ in a fact.

        Args:
            facts: JSON values, by name.
            advice: what to do about it.

        Raises:
            InputError: naming each fact that differs, with two of its values.
        """
        told = [json.loads(each) for each in self.gather(json.dumps(facts, sort_keys=True, default=str))]
        differing = []
        for name in sorted({name for each in told for name in each}):
            other = next((host for host, each in enumerate(told) if each.get(name) != told[0].get(name)), None)
            if other is not None:
                mine, theirs = told[0].get(name), told[other].get(name)
                differing.append(f"{name} is {mine} on host 0 and {theirs} on host {other}")
        if differing:
            raise InputError(f"the hosts differ: {shortened(differing, 3, between='; ')}; {advice}")

    def check_shared(self, folder: Path) -> None:
        """Refuses a folder that not all hosts share; host 0 creates it.

        Raises:
            InputError: naming the hosts that do not see what host 0 writes there.
            OSError: host 0 cannot write there.
        """
        if self.count == 1:
            return
        token = folder / f".{secrets.token_hex(8)}.pconv-jax.tmp"  # a name that no run takes for a file of its own
        if self.leads:
            folder.mkdir(parents=True, exist_ok=True)
            token.touch()
        try:
            name = self.of_first(token.name)
            seen = self.gather(json.dumps(_seen(folder / name)))
        finally:
            if self.leads:
                token.unlink(missing_ok=True)
        if without := [str(host) for host, each in enumerate(seen) if not json.loads(each)]:
            raise InputError(
                f"--out {folder} of host 0 is not the folder that host{'s' * (len(without) > 1)} "
                f"{shortened(without, 5)} of {self.count} have there: give a folder on storage that all hosts share"
            )

    def signal_after(self, step: int, received: Sequence[int]) -> int:
        """The signal at which all hosts stop after this step; 0: take another one. Costs microseconds.

        Args:
            step: number of the last step taken.
            received: signals that this host got, oldest first.
        """
        if self._watch is None:
            return received[0] if received else 0
        return self._watch.signal_after(step, received)

    def signal_at_end(self, received: Sequence[int]) -> int:
        """The signal that any of the hosts got by now, the same on all; 0: none did. Waits for all of them.

        Args:
            received: signals that this host got, oldest first.
        """
        told = self.gather(str(received[0] if received else 0))
        return next((number for each in told if (number := int(each))), 0)

    def advise(self, advice: Callable[[], str]) -> None:
        """Sets a function that says how to go on if a host is lost, as the end of a sentence."""
        if self._watch is not None:
            self._watch.advice = advice

    def part(self) -> None:
        """Leaves the others, when all have come here; JAX goes on to work on the devices of this host."""
        import jax

        self.meet()
        if self._watch is not None:
            self._watch.close()
        jax.distributed.shutdown()

    def fail(self, error: BaseException) -> NoReturn:
        """Ends all hosts because of an error on this one; a lost host is named rather than what its loss broke."""
        assert self._watch is not None, "a process alone raises its errors"
        import jax

        if isinstance(error, jax.errors.JaxRuntimeError):
            self._watch.wait_for_loss()
        said = _said(error)
        if said is None:
            traceback.print_exception(error, file=sys.__stderr__)
            said = f"stopped: {type(error).__name__}: {str(error)[:200]}", 1
        if not self.leads:
            self._watch.others_failed.wait(_TOGETHER)
        sentence, code = said
        if isinstance(error, KeyboardInterrupt):
            sentence = f"{sentence}; {self._watch.advice()}"
        self._watch.fail(code, sentence)


def _said(error: BaseException) -> tuple[str, int] | None:
    """What is said of an error, and the exit code; None if it is not one of the user's."""
    if isinstance(error, SystemExit):
        code = error.code if isinstance(error.code, int) else 1
        return f"stopped by {signal.Signals(code - 128).name}" if code > 128 else "", code
    return said_of(error)


def _seen(file: Path) -> bool:
    """Whether a file is there, or comes to be within some seconds: network drives remember what was not there."""
    deadline = time.monotonic() + _FOLDER
    while not file.exists():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.2)
        if file.parent.is_dir():
            list(file.parent.iterdir())  # makes network drives look again
    return True
