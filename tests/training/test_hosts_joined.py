"""Which hosts and devices share a run, without starting any."""

import types

import jax
import pytest

from pconv_jax.common.errors import InputError
from pconv_jax.training.host_group import Group
from pconv_jax.training.hosts import HostOptions
from pconv_jax.training.sharding import devices_for

SLURM = {"SLURM_STEP_NUM_TASKS": "4", "SLURM_PROCID": "3"}
OPEN_MPI = {"OMPI_COMM_WORLD_SIZE": "2", "OMPI_COMM_WORLD_RANK": "1"}
EXPLICIT = {"cluster_detection_method": "deactivate", "coordinator_address": "a:9"}


def test_a_process_alone_stays_alone():
    assert HostOptions().connection({}) is None
    assert HostOptions().connection({"KUBERNETES_SERVICE_HOST": "a"}) is None  # any pod, not one of an indexed job
    assert HostOptions(hosts=1).connection(SLURM) is None


def test_launchers_are_left_to_jax_and_fill_in_what_flags_leave_out():
    assert HostOptions().connection(SLURM) == {}
    assert HostOptions().connection({**OPEN_MPI, "OMPI_MCA_orte_hnp_uri": "1.0;tcp://10.0.0.1:2"}) == {}
    with pytest.raises(InputError, match="2 processes were started by a version of Open MPI"):
        HostOptions().connection(OPEN_MPI)
    expected = {**EXPLICIT, "num_processes": 2, "process_id": 1}
    assert HostOptions(coordinator="a:9").connection(OPEN_MPI) == expected
    assert HostOptions(coordinator="a:9", hosts=2, host=1).connection({}) == expected


def test_processes_of_open_mpi_on_one_machine_take_one_device_each():
    local = {**OPEN_MPI, "OMPI_COMM_WORLD_LOCAL_SIZE": "2", "OMPI_COMM_WORLD_LOCAL_RANK": "1"}

    def devices(**more):
        connection = HostOptions(coordinator="a:9").connection({**local, **more})
        assert connection["process_id"] == 1
        return connection.get("local_device_ids")

    assert devices() == devices(CUDA_VISIBLE_DEVICES="0,1,2,3") == [1]
    for own in ({"OMPI_COMM_WORLD_LOCAL_SIZE": "1"}, {"CUDA_VISIBLE_DEVICES": "1"}, {"JAX_LOCAL_DEVICE_IDS": "0,1"}):
        assert devices(**own) is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"coordinator": "a:9"}, "--hosts and --host missing"),
        ({"hosts": 0}, "--hosts is 0, but it must be at least 1"),
        ({"coordinator": "a", "hosts": 2, "host": 0}, "--coordinator is a, but it must be HOST:PORT"),
        ({"coordinator": "a:70000", "hosts": 2, "host": 0}, "a port from 1 to 65535"),
        ({"coordinator": "a:9", "hosts": 2, "host": 2}, "--host is 2, but it must lie between 0 and 1"),
        ({"coordinator": "a:9", "hosts": 0, "host": 0}, "--hosts is 0"),
        ({"host_timeout": 1}, "--host-timeout is 1, but it must lie between 2 and 86400 seconds"),
    ],
)
def test_flags_that_do_not_go_together(options, message):
    with pytest.raises(InputError, match=message):
        HostOptions(**options).connection({})


def test_an_impatient_second_interrupt_says_how_to_go_on():
    def fail(code, sentence):
        raise SystemExit(code, sentence)

    watch = types.SimpleNamespace(fail=fail, advice=lambda: "the last checkpoint is step 8")
    with pytest.raises(SystemExit) as stop:
        Group(watch=watch, count=2).fail(KeyboardInterrupt())
    assert stop.value.args == (130, "interrupted; the last checkpoint is step 8")


def test_a_batch_that_not_all_devices_can_share_takes_the_most_that_can():
    assert devices_for(8) == jax.devices()
    with pytest.warns(UserWarning, match="a batch of 6 images is split between 3 of 4 devices: a --batch-size that is"):
        assert devices_for(6) == jax.devices()[:3]
    with pytest.warns(UserWarning, match="split between 1 of 4 devices"):
        assert len(devices_for(5)) == 1
