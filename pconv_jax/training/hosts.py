"""Several hosts in one run: processes with the same command and devices of their own, that start and end together.

JAX averages over their devices. All else that they have to agree on goes through the key-value store of its
coordination service, see `host_group`; host 0 alone writes files and says something.
"""

import contextlib
import dataclasses
import importlib.util
import os
import re
import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from typing import Any

from pconv_jax.common.errors import InputError
from pconv_jax.common.output import end_process
from pconv_jax.training.host_group import Group
from pconv_jax.training.host_watch import Watch

_ADDRESS = re.compile(r"(?P<name>.*[^:]):(?P<port>\d{1,5})")
_START = 5  # times the time-out: hosts may start minutes after each other
# Launchers that say how many processes there are, and which one this is.
_LAUNCHERS = {
    "SLURM": ("SLURM_STEP_NUM_TASKS", "SLURM_PROCID"),
    "Open MPI": ("OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK"),
}
_OPEN_MPI_4 = "OMPI_MCA_orte_hnp_uri"  # names the address of the launcher, which JAX makes the coordinator

_group = Group()


@dataclasses.dataclass(frozen=True, kw_only=True)
class HostOptions:
    """The hosts of a run. Processes of srun (SLURM), mpirun (Open MPI) and indexed jobs (Kubernetes) need no flags.

    Attributes:
        coordinator: HOST:PORT at which the other hosts reach host 0; the port must be free there.
        hosts: number of hosts; 1 trains alone, whatever started the process.
        host: number of this host, from 0.
        host_timeout: seconds without an answer after which a host counts as lost; at the start, they wait five times as
            long for each other.
    """

    coordinator: str | None = None
    hosts: int | None = None
    host: int | None = None
    host_timeout: int = 60

    def connection(self, environment: Mapping[str, str]) -> dict[str, Any] | None:
        """Arguments of `jax.distributed.initialize`, from the flags or from what the launcher set; None if alone.

        Args:
            environment: environment variables of the process.

        Raises:
            InputError: flags that do not go together or are out of range, or a launcher that JAX does not know.
        """
        if not 2 <= self.host_timeout <= 86400:
            raise InputError(f"--host-timeout is {self.host_timeout}, but it must lie between 2 and 86400 seconds")
        hosts, host = self.hosts, self.host
        if hosts is not None and hosts < 1:
            raise InputError(f"--hosts is {hosts}, but it must be at least 1")
        launcher, launched, number = _launched(environment)
        if hosts == 1 or (hosts, host, self.coordinator, launched) == (None, None, None, 1):
            return self._kubernetes(environment)
        if self.coordinator is None and (hosts, host) == (None, None):
            if launcher == "Open MPI" and _OPEN_MPI_4 not in environment:
                raise InputError(
                    f"{launched} processes were started by a version of Open MPI that does not say where the first one "
                    "is: give --coordinator HOST:PORT, or --hosts 1 to train alone"
                )
            return {}
        own: dict[str, Any] = {}
        if launched > 1:
            hosts, host = hosts or launched, number if host is None else host
            own = _own_devices(environment)
        given = {"--coordinator": self.coordinator, "--hosts": hosts, "--host": host}
        if missing := [flag for flag, value in given.items() if value is None]:
            raise InputError(
                f"{' and '.join(missing)} missing: several hosts need --coordinator HOST:PORT, --hosts N and --host I"
            )
        return {**_explicit(str(self.coordinator), int(hosts or 0), int(host or 0)), **own}

    def _kubernetes(self, environment: Mapping[str, str]) -> dict[str, Any] | None:
        """An indexed job, where the package by which JAX asks for its size is installed."""
        indexed = {"KUBERNETES_SERVICE_HOST", "JOB_COMPLETION_INDEX"} <= environment.keys()
        return {} if self.hosts is None and indexed and importlib.util.find_spec("kubernetes") else None


def _launched(environment: Mapping[str, str]) -> tuple[str, int, int]:
    """The launcher, the number of its processes and that of this one; 1 and 0 without a launcher."""
    for launcher, (count, number) in _LAUNCHERS.items():
        if environment.get(count, "1") != "1":
            return launcher, int(environment[count]), int(environment[number])
    return "", 1, 0


def _own_devices(environment: Mapping[str, str]) -> dict[str, Any]:
    """One GPU for each of several processes on a machine, as JAX itself does for launchers that it knows.

    A process that is alone on its machine has all of them, and one that was told which has these.
    """
    count, number = (environment.get(f"OMPI_COMM_WORLD_LOCAL_{name}", "") for name in ("SIZE", "RANK"))
    if not (count.isdecimal() and number.isdecimal()) or int(count) < 2:
        return {}
    visible = environment.get("CUDA_VISIBLE_DEVICES")
    if "JAX_LOCAL_DEVICE_IDS" in environment or (visible is not None and "," not in visible):
        return {}
    return {"local_device_ids": [int(number)]}


def _explicit(coordinator: str, hosts: int, host: int) -> dict[str, Any]:
    address = _ADDRESS.fullmatch(coordinator)
    if address is None or not 1 <= int(address["port"]) < 2**16:
        raise InputError(f"--coordinator is {coordinator}, but it must be HOST:PORT with a port from 1 to 65535")
    if hosts < 1:
        raise InputError(f"--hosts is {hosts}, but it must be at least 1")
    if not 0 <= host < hosts:
        raise InputError(f"--host is {host}, but it must lie between 0 and {hosts - 1}, as there are {hosts} hosts")
    return {
        "coordinator_address": coordinator,
        "num_processes": hosts,
        "process_id": host,
        "cluster_detection_method": "deactivate",  # it would take one device of those that the host has
    }


def group() -> Group:
    """The hosts of this run: this process alone, outside `joined`."""
    return _group


@contextlib.contextmanager
def joined(options: HostOptions) -> Iterator[Group]:
    """Joins the hosts of a run, before anything else is done with JAX, and parts from them at the end.

    An error on any host ends all of them: host 0 says it in a sentence, and every one exits with the same code, by
    `os._exit`, as others would be waited for in vain otherwise. So do hosts that no longer answer.

    Args:
        options: which hosts.

    Yields:
        The hosts, as `group` gives them.

    Raises:
        InputError: the flags do not go together, or the coordinator cannot be used.
    """
    global _group
    connection = options.connection(os.environ)
    if connection is None:
        yield _group
        return
    _group = _connect(connection, options.host_timeout)
    with contextlib.ExitStack() as stack:
        if not _group.leads:
            nowhere = stack.enter_context(open(os.devnull, "w", encoding="utf-8"))
            stack.enter_context(contextlib.redirect_stdout(nowhere))
            stack.enter_context(contextlib.redirect_stderr(nowhere))
        stack.enter_context(_exit_at_sigterm())
        stack.push(lambda _, error, __: None if error is None else _group.fail(error))
        yield _group
        _group.part()


def _connect(connection: Mapping[str, Any], timeout: int) -> Group:
    """Connects to the other hosts, and starts to watch them."""
    import jax

    # Its handler would take SIGTERM without a word before training begins, and it knows no Ctrl-C.
    jax.config.update("jax_enable_preemption_service", False)
    patience = _START * timeout
    where = connection.get("coordinator_address", "the address that the launcher gave")
    late = threading.Timer(patience, _give_up, (where, patience))
    late.daemon = True
    late.start()  # JAX would abort the process, with a stack trace
    try:
        jax.distributed.initialize(
            **connection,
            initialization_timeout=patience + 60,
            heartbeat_timeout_seconds=patience + 60,  # `Watch` notices sooner, and says what can be done
        )
    except (RuntimeError, ValueError, OSError) as error:
        said = str(error).strip().partition("\n")[0][:200]
        raise InputError(
            f"the hosts cannot be joined at {where} ({said}): give --coordinator HOST:PORT with a free port of host 0"
        ) from error
    finally:
        late.cancel()
    from jax._src import distributed  # the only way to the key-value store

    state = distributed.global_state
    watch = Watch(state.client, index=state.process_id, count=state.num_processes, timeout=timeout)
    watch.start()
    return Group(client=state.client, watch=watch, index=state.process_id, count=state.num_processes)


def _give_up(where: str, seconds: int) -> None:
    sentence = (
        f"error: not all hosts have come to {where} within {seconds} s: start each with its own --host, "
        "let them reach that address, or give a longer --host-timeout"
    )
    print(sentence, file=sys.__stderr__)
    end_process(2)


@contextlib.contextmanager
def _exit_at_sigterm() -> Iterator[None]:
    """Ends all hosts at SIGTERM, where training does not handle it."""

    def stop(number: int, _: Any) -> None:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
