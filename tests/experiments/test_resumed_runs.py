"""Runs that were interrupted, killed or finished, and are resumed; folders that are not resumed."""

import contextlib
import dataclasses
import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import types

import jax
import pytest
from saved_runs import assert_same_run
from tiny_run import ALONE, STEPS, tiny

from experiments.run import main
from experiments.train import experiment, signals, trainer
from experiments.train.batches import training_batches
from experiments.train.config import Config
from experiments.train.logs import MetricsLog, read_metrics
from pconv_jax.checkpoints.orbax import open_checkpoints
from pconv_jax.common.errors import InputError
from pconv_jax.data import workers
from pconv_jax.training.state import Variables, state_shapes

pytestmark = pytest.mark.usefixtures("without_curves")


def test_a_finished_run_resumes_to_a_new_report_without_training(finished, tmp_path, monkeypatch, capsys):
    def refused(*_):
        raise OSError(errno.EFBIG, "File too large", str(folder / "report.json"))

    folder = shutil.copytree(finished, tmp_path / "run")
    (folder / "report.json").unlink()
    with monkeypatch.context() as patch:
        patch.setattr(experiment, "write_report", refused)
        assert main(tiny(folder, "--resume")) == 1
    assert capsys.readouterr().err.splitlines()[-1] == (
        f"stopped: {folder / 'report.json'} cannot be written (File too large) after step {STEPS}; checkpoints saved "
        f"before are whole, in {folder / 'checkpoints'}: make room, and --resume continues from the latest"
    )
    assert main(tiny(folder, "--resume")) == 0
    assert (folder / "metrics.jsonl").read_text() == (finished / "metrics.jsonl").read_text()
    before, after = (json.loads((place / "report.json").read_text()) for place in (finished, folder))
    assert after["scores"] == before["scores"]
    assert after["training"] == {
        "step": STEPS,
        "signal": 0,
        "seconds": None,
        "images_per_second": None,
        "data_wait": None,
    }


def test_a_run_is_not_resumed_to_fewer_steps_than_it_has_taken(tmp_path):
    alone = {"adversarial_weight": 0.0, "perceptual_weight": 0.0}
    config = Config().replace(image_size=16, widths=(4, 8), batch_size=8, steps=12, out=tmp_path, **alone)
    before = json.dumps(config.to_json())
    (tmp_path / "config.json").write_text(before)
    (tmp_path / "checkpoints" / "7").mkdir(parents=True)
    with pytest.raises(InputError) as refused:
        experiment.run(config.replace(steps=5, resume=True))
    assert str(refused.value) == (
        f"--resume would end the run in {tmp_path} after 5 steps, but it has taken 7: give --steps 7 or more, "
        "or another --out"
    )
    assert (tmp_path / "config.json").read_text() == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_first_and_resuming_changes_nothing(finished, tmp_path, monkeypatch, capsys, number):
    write = MetricsLog.write

    def interrupting(self, step, metrics):
        write(self, step, metrics)
        if step == 4:
            signal.raise_signal(number)

    with monkeypatch.context() as patch:
        patch.setattr(MetricsLog, "write", interrupting)
        assert main(tiny(tmp_path / "run")) == 128 + number
    assert f"stopped by {number.name} and saved at step" in capsys.readouterr().err
    with open_checkpoints(tmp_path / "run") as checkpoints:
        assert checkpoints.latest == read_metrics(tmp_path / "run" / "metrics.jsonl")[-1]["step"]
    assert main(tiny(tmp_path / "run", "--resume")) == 0
    assert_same_run(finished, tmp_path / "run")


def test_a_run_that_saved_a_discriminator_though_none_was_trained_resumes_without(tmp_path, monkeypatch, capsys):
    folder, config = tmp_path / "run", Config.train_config

    def before(self, steps):  # in earlier versions
        unused = self.network.discriminator_config(self.data.image_size)
        return dataclasses.replace(config(self, steps), discriminator=unused)

    def trains(folder, steps, *more):
        assert main(tiny(folder, *ALONE, "--steps", str(steps), "--schedule", "constant", "--warmup", "0", *more)) == 0

    def saved(step):
        with open_checkpoints(folder) as checkpoints:
            assert checkpoints.latest == step
            return checkpoints.has_arrays("training", "discriminator")

    with monkeypatch.context() as patch:
        patch.setattr(Config, "train_config", before)
        trains(folder, 3)
    assert "discriminator: 853 parameters" in capsys.readouterr().out
    assert saved(3)
    trains(folder, 6, "--resume")
    assert "discriminator" not in capsys.readouterr().out
    assert not saved(6)
    trains(tmp_path / "whole", 6)
    assert_same_run(tmp_path / "whole", folder)


def test_killed_in_mid_run_and_resumed_equals_the_whole_run(finished, tmp_path, capsys):
    folder = tmp_path / "run"
    environment = {**os.environ, "JAX_NUM_CPU_DEVICES": str(jax.device_count()), "JAX_PLATFORMS": "cpu"}
    environment["JAX_COMPILATION_CACHE_DIR"] = jax.config.jax_compilation_cache_dir
    command = [sys.executable, "-c", _SLOW_RUN, *tiny(folder)]
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 240
    while len(read_metrics(folder / "metrics.jsonl")) < 6:  # five steps and a validation
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline, "the run to be killed did not get going"
        time.sleep(0.02)
    before = (folder / "metrics.jsonl").read_text()
    for flags in ((), ("--resume",)):
        assert main(tiny(folder, *flags)) == 2
        assert f"error: --out {folder} is in use by process {process.pid} on " in capsys.readouterr().err
    assert (folder / "metrics.jsonl").read_text().startswith(before)
    process.kill()
    process.wait()
    process.stderr.close()
    with open_checkpoints(folder) as checkpoints:
        assert checkpoints.latest == 3
    assert main(tiny(folder, "--resume")) == 0
    assert_same_run(finished, folder)


def test_a_killed_data_worker_ends_training_with_the_last_checkpoint_named(finished, tmp_path, monkeypatch, capsys):
    receive, received = workers._Worker.receive, []

    def killed_at_the_fifth(self):
        if len(received) == 4:
            self._process.kill()
            while os.read(self._pipe.fileno(), 2**20):  # those that it had sent before
                pass
        received.append(receive(self))
        return received[-1]

    folder = tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setattr(workers._Worker, "receive", killed_at_the_fifth)
        assert main(tiny(folder, "--workers", "1")) == 1
    assert capsys.readouterr().err.splitlines()[-1] == (
        "stopped: the training data cannot be read after step 4 (a data worker process was killed by SIGKILL (out of "
        f"memory?)); the last checkpoint is step 3 in {folder / 'checkpoints'}, and --resume continues from it"
    )
    assert main(tiny(folder, "--resume")) == 0
    assert_same_run(finished, folder)


def test_an_interrupt_that_was_lost_before_training_is_answered_when_it_begins():
    with signals.remembered_interrupts():
        with contextlib.suppress(KeyboardInterrupt):  # as Python does in a callback of its garbage collector
            signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt), signals.stop_signals():
            pass
    with signals.remembered_interrupts(), signals.stop_signals() as received:
        assert received == []
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_interrupt_that_is_ignored_stays_so():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with signals.stop_signals() as received:
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGTERM)
        assert received == [signal.SIGTERM]
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_folder_that_is_removed_ends_training_and_is_not_made_again(tmp_path, monkeypatch, capsys):
    write, folder = MetricsLog.write, tmp_path / "run"

    def removing(self, step, metrics):
        write(self, step, metrics)
        if step == 1:
            folder.rename(tmp_path / "gone")

    monkeypatch.setattr(MetricsLog, "write", removing)
    assert main(tiny(folder)) == 1
    assert (
        capsys.readouterr().err.splitlines()[-1] == f"stopped: {folder} was removed before step 3: start the run again"
    )
    assert not folder.exists()


def test_a_signal_is_answered_while_data_is_waited_for(finished, tmp_path, monkeypatch, capsys):
    def stuck(config, source):
        batches = training_batches(config, source)

        class Stuck(type(iter(batches))):
            def __next__(self):
                if self.get_state()["next_index"] == 5:
                    threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGTERM)).start()
                    time.sleep(100)
                return super().__next__()

        iterator = iter(batches)
        iterator.__class__ = Stuck
        return iterator

    folder = tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setattr(trainer, "training_batches", stuck)
        assert main(tiny(folder)) == 128 + signal.SIGTERM
    assert "stopped by SIGTERM and saved at step 5; --resume" in capsys.readouterr().err
    assert main(tiny(folder, "--resume")) == 0
    assert_same_run(finished, folder)


# Half a second a step: time to be killed in.
_SLOW_RUN = """
import sys, time
import experiments.train.logs as logs
write = logs.MetricsLog.write
logs.MetricsLog.write = lambda *args: (write(*args), time.sleep(0.5))
from experiments.run import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize("ema", [None, 0.9])
def test_a_checkpoint_holds_the_whole_state_in_the_parts_that_it_always_had(ema):
    config = Config().replace(ema=ema).train_config(1)
    state = state_shapes(config)
    parts = trainer.checkpoint_parts(state)
    rest = parts["training"]
    assert set(rest) == {"step", "generator", "discriminator", "generator_optimizer", "discriminator_optimizer"}
    assert (rest["generator"] is None) == (ema is None)  # what is released is the generator itself
    assert set(parts["generator"]) == {"params", "stats"}
    assert trainer._state_of(parts) == state


def test_the_average_is_what_is_validated_and_scored():
    config = Config().replace(ema=0.9).train_config(1)
    state = state_shapes(config)
    average = Variables({"average": 1}, {})
    running = types.SimpleNamespace(
        config=config, state=state.replace(average=average), _replicas=types.SimpleNamespace(collect=lambda tree: tree)
    )
    assert trainer.Trainer.released(running).params is average.params
    running.state = state.replace(average=None)
    assert trainer.Trainer.released(running).params is state.generator.params


def test_damaged_settings_of_a_run_to_resume_are_told(tmp_path, capsys):
    (tmp_path / "config.json").write_text('{"steps": ')
    assert main(tiny(tmp_path, *ALONE, "--resume")) == 2
    assert capsys.readouterr().err.startswith(f"error: {tmp_path / 'config.json'} cannot be read (")


def test_an_output_folder_is_never_overwritten(finished, tmp_path, capsys):
    assert main(tiny(finished)) == 2
    assert "add --resume" in capsys.readouterr().err
    assert main(tiny(finished, "--resume", "--seed", "5", "--noise", "0.5")) == 2
    error = capsys.readouterr().err
    assert "--seed was 0 and is now 5" in error
    assert "--noise was 0.02 and is now 0.5" in error
    (tmp_path / "thesis.txt").write_text("mine")
    assert main(tiny(tmp_path)) == 2
    assert "is not empty and holds no run" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_what_a_killed_run_had_not_finished_to_write_does_not_take_its_folder(tmp_path):
    config = Config().replace(out=tmp_path, resume=True)
    (tmp_path / ".0123456789abcdef.tmp").write_text("{")
    (tmp_path / "checkpoints" / "8.orbax-checkpoint-tmp").mkdir(parents=True)
    experiment.check_run_folder(config.run.out, resume=config.run.resume)
    (tmp_path / "checkpoints" / "8").mkdir()
    with pytest.raises(InputError, match="is not empty and holds no run"):
        experiment.check_run_folder(config.run.out, resume=config.run.resume)
    (tmp_path / "checkpoints" / "8").rmdir()
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(InputError, match="is not empty and holds no run"):
        experiment.check_run_folder(config.run.out, resume=config.run.resume)
