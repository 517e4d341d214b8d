"""How training ends on host 0 and on others, of a pretended trainer: signals in the last step, data that fails."""

import contextlib
import signal
import types

import numpy as np
import pytest

from experiments.train.follower import follow
from experiments.train.interface import Outcome
from experiments.train.loop import train
from experiments.train.signals import exit_code
from pconv_jax.common.errors import TrainingError
from pconv_jax.data.workers import WorkerDied
from pconv_jax.training.host_group import Group

TERM, INT = int(signal.SIGTERM), int(signal.SIGINT)


class Checkpoints(contextlib.nullcontext):
    """None yet, and none that are written."""

    latest = None

    def __enter__(self):
        return self

    def wait(self):
        pass


class Trainer:
    """Three steps that change nothing; calls a function when it saves."""

    def __init__(self, *, error=None, saving=lambda: None):
        self.steps, self.total_steps, self.data = 0, 3, self
        self._error, self._saving = error, saving

    def __next__(self):
        if self.steps == 1 and self._error:
            raise self._error
        return {}

    def get_state(self):
        return {}

    def close(self):
        pass

    def step(self, batch):
        self.steps += 1
        return {}

    def read(self, metrics):
        return {"generator_loss": 1.0}

    def released(self):
        return None

    def checkpoints(self):
        return Checkpoints()

    def save(self, checkpoints, metrics):
        self._saving()


class Validation:
    """Scores that depend on nothing; calls a function beforehand."""

    def __init__(self, before=lambda: None):
        self._before = before

    def outputs(self, model):
        self._before()
        return [np.zeros(1)]

    def scores(self, outputs):
        return {"validation_l1": 1.0}

    def draw(self, outputs, path):
        pass


def sitting(folder):
    return types.SimpleNamespace(out=folder, checkpoint_every=3, sample_every=100)


def stop():
    signal.raise_signal(signal.SIGTERM)


@pytest.mark.parametrize("place", ["validation", "save"])
def test_a_signal_in_the_last_step_is_answered(tmp_path, place):
    trainer, validation = (Trainer(saving=stop), Validation()) if place == "save" else (Trainer(), Validation(stop))
    outcome = train(sitting(tmp_path), trainer, validation, batch_size=1)
    assert (outcome.step, outcome.signal) == (3, TERM)


def test_without_a_signal_training_ends_as_a_whole(tmp_path):
    assert train(sitting(tmp_path), Trainer(), Validation(), batch_size=1).signal == 0


@pytest.mark.parametrize(("told", "agreed"), [(["0", "0"], 0), ([f"{TERM}", "0"], TERM), (["0", f"{INT}"], INT)])
def test_hosts_agree_on_a_signal_that_one_of_them_got_in_the_last_step(monkeypatch, told, agreed):
    hosts = Group(count=2)
    monkeypatch.setattr(hosts, "gather", lambda value: told)
    assert hosts.signal_at_end([]) == agreed


def test_a_signal_in_the_last_step_of_another_host_is_answered(tmp_path):
    trainer = Trainer()
    step = trainer.step

    def stopping(batch):
        if trainer.steps == 2:
            stop()
        return step(batch)

    trainer.step = stopping
    assert follow(sitting(tmp_path), trainer) == Outcome(3, signal=TERM)


def test_data_that_fails_on_another_host_is_one_sentence_with_the_last_checkpoint(tmp_path):
    (tmp_path / "checkpoints" / "1").mkdir(parents=True)
    with pytest.raises(TrainingError) as caught:
        follow(sitting(tmp_path), Trainer(error=WorkerDied("a data worker process was killed by SIGKILL")))
    assert str(caught.value) == (
        "the training data cannot be read after step 1 (a data worker process was killed by SIGKILL); the last "
        f"checkpoint is step 1 in {tmp_path / 'checkpoints'}, and --resume continues from it"
    )


@pytest.mark.parametrize(("resumes", "how"), [(False, "--resume"), (True, "the same command")])
def test_a_stopped_run_says_what_resumes_it(capsys, resumes, how):
    assert exit_code(signal.SIGTERM, step=7, resumes=resumes) == 128 + signal.SIGTERM
    assert capsys.readouterr().err == f"stopped by SIGTERM and saved at step 7; {how} continues from there\n"
    assert exit_code(0, step=7, resumes=resumes) == 0 and capsys.readouterr().err == ""
