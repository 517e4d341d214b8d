"""Runs of a study: the choice of learning rates, another design, a whole study that resumes, mistakes."""

import dataclasses
import itertools
import json
import math
from pathlib import Path

import pytest

from experiments.studies import runner, selection
from experiments.studies.__main__ import main
from experiments.studies.claims import STUDIES
from experiments.studies.design import design, record
from experiments.studies.options import Options
from experiments.studies.selection import choose, train_candidate
from experiments.studies.study import BUDGETS, Budget
from experiments.train.config import Config
from pconv_jax.common.errors import DivergedError, InputError

pytestmark = pytest.mark.usefixtures("without_curves")


@pytest.fixture
def candidates(tmp_path):
    """Runs at three learning rates: two with validation errors, one that diverged."""
    configs = {rate: Config().replace(learning_rate=rate, out=tmp_path / f"{rate:g}") for rate in (0.1, 0.2, 0.4)}
    for rate, errors in ((0.1, [0.3, 0.09, 0.2]), (0.2, [0.4, 0.08, 0.5])):
        configs[rate].run.out.mkdir()
        lines = [json.dumps({"step": step, "validation_l1": error}) + "\n" for step, error in enumerate(errors)]
        (configs[rate].run.out / "metrics.jsonl").write_text("".join(lines))
    return configs


def diverging(config):
    config.run.out.mkdir(exist_ok=True)
    (config.run.out / "config.json").write_text(json.dumps(config.to_json()))
    raise DivergedError("at step 3 generator_loss is nan")


def test_the_learning_rate_with_the_lowest_validation_error_is_chosen(candidates, monkeypatch):
    monkeypatch.setattr(selection.experiment, "run", diverging)
    assert train_candidate(candidates[0.4]) == 0
    arm = STUDIES["losses"].arms[0]
    choice = choose(arm, candidates)
    assert (choice.rate, choice.errors, choice.at_edge) == (0.2, {0.1: 0.09, 0.2: 0.08, 0.4: math.inf}, False)
    assert choose(arm, {rate: candidates[rate] for rate in (0.1, 0.2)}).at_edge
    monkeypatch.setattr(selection.experiment, "run", lambda _: pytest.fail("trained again"))
    assert train_candidate(candidates[0.4]) == 0
    with pytest.raises(InputError, match=r"L2 diverged at every learning rate, the lowest 0\.4"):
        choose(arm, {0.4: candidates[0.4]})


VGG = {"vgg16_caffe block2_pool": {"weights_sha256": "1234"}}


def test_a_folder_of_another_design_is_refused_in_one_sentence(tmp_path):
    study, options = STUDIES["losses"], Options("losses")
    wanted = design(study, runner._budget(options), options, VGG)
    record(tmp_path / "new", wanted)
    record(tmp_path / "new", wanted)
    changed = dataclasses.replace(options, seeds=7, vgg_weights="random", learning_rates=(0.5,))
    expected = (
        r"another design \(--vgg-weights was download and is now random; "
        r"--learning-rates was \[0.004, 0.008, 0.016\] and is now \[0.5\]; --seeds was 6 and is now 7\): use the flags"
    )
    with pytest.raises(InputError, match=expected):
        record(tmp_path / "new", design(study, runner._budget(changed), changed, VGG))
    for name in ("earlier", "other"):
        (tmp_path / name).mkdir()
    (tmp_path / "earlier" / "study.json").write_text("{}")
    (tmp_path / "other" / "holiday.txt").write_text("")
    with pytest.raises(InputError, match="holds a study of an earlier version, whose design was another one"):
        record(tmp_path / "earlier", wanted)
    with pytest.raises(InputError, match="is not empty and holds no study"):
        record(tmp_path / "other", wanted)


def test_weights_for_scores_may_move_but_not_be_others(tmp_path):
    study, options = STUDIES["losses"], Options("losses", lpips_weights=Path("here/alexnet.npz"))
    moved, without = (dataclasses.replace(options, lpips_weights=place) for place in (Path("there.npz"), None))
    wanted, same, none = (design(study, runner._budget(options), each, VGG) for each in (options, moved, without))
    record(tmp_path / "new", wanted)
    record(tmp_path / "new", same)
    with pytest.raises(InputError, match=r"\(--lpips-weights was here/alexnet.npz and is now None\): use the flags"):
        record(tmp_path / "new", none)
    with pytest.raises(InputError, match=r"\(vgg16_caffe block2_pool was .*1234.* and is now .*5678"):
        record(tmp_path / "new", {**wanted, "distances": {"vgg16_caffe block2_pool": {"weights_sha256": "5678"}}})
    before = {name: value for name, value in wanted.items() if name != "distances"}  # as it was recorded first
    (tmp_path / "new" / "design.json").write_text(json.dumps(before))
    record(tmp_path / "new", same)


def test_a_study_goes_on_that_was_begun_when_its_data_were_given_with_another_flag(tmp_path):
    study, options = STUDIES["losses"], Options("losses", dataset="folder")
    wanted = design(study, runner._budget(options), options, VGG)
    flags = {"data" if name == "dataset" else name: value for name, value in wanted["flags"].items()}
    assert flags["data"] == "folder" and "dataset" not in flags
    (tmp_path / "design.json").write_text(json.dumps({**wanted, "flags": flags}))
    record(tmp_path, wanted)
    with pytest.raises(InputError, match="--dataset was folder and is now samples"):
        record(tmp_path, design(study, runner._budget(options), Options("losses"), VGG))


@pytest.mark.parametrize("budget", BUDGETS.values(), ids=BUDGETS)
def test_no_loss_judges_itself(budget):
    assert budget.vgg_layers and not set(budget.vgg_layers) & set(budget.settings["perceptual_layers"])


@pytest.mark.parametrize("content", ["{", "[]", "\udcff"])
def test_a_damaged_design_is_refused_in_one_sentence(tmp_path, content):
    (tmp_path / "design.json").write_text(content, errors="surrogateescape")
    with pytest.raises(InputError, match=r"design.json is damaged \(.*\): restore it, or choose another --out"):
        record(tmp_path, {})


@pytest.fixture
def tiny_budget(monkeypatch):
    settings = {
        **BUDGETS["cpu"].settings,
        "image_size": 16,
        "widths": (4,),
        "discriminator_widths": (4, 8),
        "perceptual_layers": ("block1_conv1",),
        "batch_size": 4,
        "steps": 2,
        "checkpoint_every": 2,
        "sample_every": 2,
        "validation_images": 2,
        "test_images": 2,
    }
    monkeypatch.setattr(runner, "BUDGETS", {"cpu": Budget(settings, ("block2_pool",), (1e-3, 2e-3), seeds=1, images=3)})


def test_a_study_chooses_trains_scores_and_reports_and_goes_on_where_it_stopped(
    tiny_budget, here, tmp_path, capsys, monkeypatch
):
    out = tmp_path / "study"
    flags = ["null", "--out", str(out), "--vgg-weights", "random", "--vgg-layers", "block1_conv2"]
    assert main(flags) == 0
    capsys.readouterr()
    text = (out / "study.md").read_text()
    assert "paper again over paper, lines: higher PSNR (dB), in the hole" in text
    assert text.count("no verdict: 1 of 4 seeds") == 4
    assert "python -m experiments.studies null" in text
    assert sorted(path.name for path in (out / "selection").iterdir()) == ["paper-0.001", "paper-0.002"]
    assert sorted(path.name for path in (out / "runs").iterdir()) == ["paper again-1", "paper-0"]
    facts = json.loads((out / "study.json").read_text())
    chosen = facts["learning_rates"]["paper"]
    assert chosen["validation_l1"].keys() == {"0.001", "0.002"}
    assert chosen["learning_rate"] == float(min(chosen["validation_l1"], key=chosen["validation_l1"].get))
    runs = [json.loads((out / "runs" / name / "config.json").read_text()) for name in ("paper-0", "paper again-1")]
    assert [run["learning_rate"] for run in runs] == [chosen["learning_rate"]] * 2
    assert facts["budget"]["settings"]["steps"] == 2
    assert [judged["verdict"]["word"] for judged in facts["primary"]] == ["no verdict: 1 of 4 seeds"] * 4
    for name, value in itertools.chain(BUDGETS["cpu"].settings.items(), [("hole_weight", 1), ("noise", 0.05)]):
        assert f"| {name} " in text, value
    (out / "study.md").unlink()
    monkeypatch.setattr(selection.experiment, "run", lambda _: pytest.fail("trained again"))
    photographs = []
    judge = runner.judge

    def judged_of(*parts, **more):
        photographs.append(more["photographs"])
        return judge(*parts, **more)

    monkeypatch.setattr(runner, "judge", judged_of)
    assert main(flags) == 0
    assert (out / "study.md").read_text() == text
    assert photographs == [4]  # of those embedded, whose tiles are alike
    capsys.readouterr()
    assert main([*flags, "--steps", "3"]) == 2
    assert "--steps was 2 and is now 3" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--steps", "0"], "--steps is 0"),
        (["--seeds", "0"], "--seeds is 0"),
        (["--dataset", "folder"], "needs --data-dir"),
        (["--learning-rates"], "--learning-rates is empty: give one or more, or leave it out"),
        (["--learning-rates", "-1"], "--learning-rate is -1.0, but it must be a number above 0"),
        (["--vgg-weights", "random", "--vgg-layers", "bogus"], "bogus"),
        (["--vgg-layers", "block2_pool", "block1_pool"], "--vgg-layers block1_pool is a layer of the perceptual loss"),
        (["--preset", "gpu", "--vgg-layers", "block2_pool"], "leave it out, or give others, such as block4_pool"),
        (["--vgg-weights", "random", "--lpips-weights", "nowhere.npz"], "nowhere.npz"),
        (["--vgg-weights", "random", "--fid-weights", "nowhere.pth"], "nowhere.pth"),
    ],
)
def test_mistakes_get_one_sentence_and_write_nothing(tmp_path, capsys, monkeypatch, flags, message):
    monkeypatch.setattr(selection.experiment, "run", lambda _: pytest.fail("trained"))
    assert main(["losses", "--out", str(tmp_path / "study"), *flags]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "study").exists()
