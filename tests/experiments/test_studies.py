"""Studies: differences and verdicts worked by hand, findings that follow from the numbers, a whole study, mistakes."""

import dataclasses
import json
import math
import re

import pytest
from PIL import Image

from experiments.studies import report, runner
from experiments.studies.__main__ import main
from experiments.studies.claims import STUDIES
from experiments.studies.scores import Difference, StudyScores
from experiments.studies.study import BUDGETS, Budget
from pconv_jax.evaluation.statistics import Mean

METRICS = ("hole_psnr", "hole_ssim", "hole_l1", "hole_sharpness", "net")


def rows(scores, *, buckets=("thin", "thick")):
    """Rows of each method with one score per image, in every metric and bucket."""
    return [
        {"image": i, "name": f"{i}", "bucket": bucket, "method": method, "hole_fraction": 0.1}
        | dict.fromkeys(METRICS, float(value))
        for method, values in scores.items()
        for i, value in enumerate(values)
        for bucket in buckets
    ]


def results(study, scores, *, seeds=2, distance="net", buckets=("thin", "thick")):
    return StudyScores(
        {condition.name: rows(scores, buckets=buckets) for condition in study.conditions},
        tuple(variant.name for variant in study.variants),
        seeds,
        study.classical,
        distance,
    )


def scores_of(study, gains, *, seeds=2, classical=5.0):
    """Every variant scores 10, 11, 12, 13 on four images, more by its gain and a little by its seed."""
    base = [10, 11, 12, 13]
    found = {
        f"{variant.name}-{seed}": [value + gains.get(variant.name, 0.0) + 0.1 * seed for value in base]
        for variant in study.variants
        for seed in range(seeds)
    }
    return found | {name: [value + classical for value in base] for name in study.classical}


def test_differences_are_of_the_same_image_and_seed():
    found = StudyScores(
        {"c": rows({"a-0": [1, 5], "a-1": [3, 7], "b-0": [2, 4], "b-1": [5, 8], "ns": [0, 0]})},
        ("a", "b"),
        2,
        ("ns",),
        None,
    )
    gain = found.difference("b", "a", "hole_psnr", "c")
    assert gain.seeds == (0.0, 1.5)  # (2 - 1 + 4 - 5) / 2, (5 - 3 + 8 - 7) / 2
    assert gain.mean.mean == 0.75
    assert gain.mean.images == 2
    assert found.mean("a", "hole_psnr", "c").mean == 4.0
    assert found.by_seed("a", "hole_psnr", "c") == (3.0, 5.0)
    assert found.difference("a", "ns", "hole_psnr", "c").seeds == (3.0, 5.0)
    assert found.places() == [("c", "all"), ("c", "thin"), ("c", "thick")]


def test_a_bucket_in_which_one_is_perfect_decides_nothing():
    a, b = (rows({name: [20]}) for name in ("a-0", "b-0"))
    a[1]["hole_psnr"], b[0]["hole_psnr"], b[1]["hole_psnr"] = math.inf, 21.0, 50.0
    found = StudyScores({"c": [*a, *b]}, ("a", "b"), 1, (), None)
    assert found.difference("b", "a", "hole_psnr", "c").seeds == (1.0,)  # of the first bucket, not 35.5 - 20


@pytest.mark.parametrize(
    ("mean", "seeds", "sign"),
    [
        (Mean(1.0, 0.5, 1.5, 9, 0), (0.9, 1.1), 1),
        (Mean(-1.0, -1.5, -0.5, 9, 0), (-0.9, -1.1), -1),
        (Mean(1.0, -0.1, 2.0, 9, 0), (0.9, 1.1), 0),  # the interval holds 0
        (Mean(1.0, 0.5, 1.5, 9, 0), (2.1, -0.1), 0),  # the seeds disagree
        (Mean(1.0, None, None, 1, 0), (1.0,), 0),  # one image decides nothing
        (Mean(0.0, 0.0, 0.0, 9, 0), (0.0, 0.0), 0),
    ],
)
def test_a_difference_is_sure_where_interval_and_seeds_agree(mean, seeds, sign):
    assert Difference(mean, seeds).sign == sign


OPPOSITE = "did not hold: the opposite"


@pytest.mark.parametrize(("gain", "verdict"), [(0.5, "held"), (-0.5, OPPOSITE), (0.0, "not decided")])
def test_the_finding_on_convolutions_follows_the_numbers(gain, verdict):
    study = STUDIES["convolution"]
    finding = study.finding(results(study, scores_of(study, {"partial": gain}), distance=None))
    assert finding.count(f": {verdict} (") == 2
    assert f"{gain:+.2f} [{gain:+.2f}, {gain:+.2f}], seeds {gain:+.2f} {gain:+.2f}" in finding


def test_the_finding_on_losses_asks_for_sharper_and_for_nearer():
    study = STUDIES["losses"]
    finding = study.finding(results(study, scores_of(study, {"L2+adv": 1.0, "L2+perc": 1.0})))
    clearer, clearer_still, nearer, nearer_still = re.findall(r"\): ([a-z :]+) \(", finding)
    assert clearer == "held"  # L2+adv over L2
    assert clearer_still == OPPOSITE  # L2+adv+perc over L2+perc
    assert nearer == OPPOSITE  # a distance that rose
    assert nearer_still == "held"
    assert "Perceptual" not in study.finding(results(study, scores_of(study, {}), distance=None))


def test_the_finding_on_noise_compares_the_most_with_none():
    study = STUDIES["noise"]
    finding = study.finding(results(study, scores_of(study, {"noise 0.15": 2.0, "noise 0.05": -7.0})))
    assert "(noise 0.15)" in finding
    assert "): held (+2.00 [+2.00, +2.00], seeds +2.00 +2.00 dB)" in finding
    assert "did not hold: the opposite (+2.0000" in finding  # farther from the truth on clean inputs


def test_the_finding_on_classical_methods_counts_buckets():
    study = STUDIES["conventional"]
    finding = study.finding(results(study, scores_of(study, {}, classical=1.0)))
    behind = (
        "ahead in 0, behind in 2 (thin, thick), undecided in 0 of 2 buckets; the difference goes from -0.95 to -0.95 dB"
    )
    assert f"Against biharmonic, masks ratios, PSNR in the hole: {behind}" in finding


@pytest.mark.parametrize("study", STUDIES.values(), ids=STUDIES)
def test_tables_and_plot_of_every_study(study, tmp_path):
    found = results(study, scores_of(study, {}))
    text = report.tables(study, found)
    assert text.count("| damage") == len(study.metrics)
    for name in (*found.variants, *found.classical):
        assert name in text
    report.plot(study, found, tmp_path / "study.png")
    with Image.open(tmp_path / "study.png") as picture:
        assert min(picture.size) > 400


@pytest.mark.parametrize("preset", BUDGETS)
def test_every_variant_of_every_study_is_a_valid_run_with_the_same_budget(preset, tmp_path):
    options = dataclasses.make_dataclass(
        "Options", ["preset", "data", "data_dir", "vgg_weights", "steps", "seeds", "images"]
    )(preset, "samples", None, "random", None, None, None)
    budget = runner._budget(options)
    for study in STUDIES.values():
        configs = [runner._config(options, budget, variant.changes, 0, tmp_path) for variant in study.variants]
        for config in configs:
            config.check()
        assert len({(each.run.steps, each.data, each.optimizer) for each in configs}) == 1


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
    monkeypatch.setattr(runner, "BUDGETS", {"cpu": Budget(settings, seeds=1, images=3)})


def test_a_study_trains_scores_and_reports_and_goes_on_where_it_stopped(tiny_budget, tmp_path, capsys, monkeypatch):
    out = tmp_path / "study"
    flags = ["convolution", "--out", str(out)]
    assert main(flags) == 0
    capsys.readouterr()
    text = (out / "study.md").read_text()
    assert "Masks ratios: partial over plain" in text
    assert sorted(path.name for path in (out / "runs").iterdir()) == ["partial-0", "plain-0"]
    assert sorted(path.name for path in (out / "scores").iterdir()) == ["lines", "ratios"]
    facts = json.loads((out / "study.json").read_text())
    assert facts["finding"] in text
    assert facts["budget"]["settings"]["steps"] == 2
    (out / "study.md").unlink()
    monkeypatch.setattr(runner.experiment, "run", lambda config: pytest.fail("trained again"))
    assert main(flags) == 0
    assert (out / "study.md").read_text() == text
    assert main([*flags, "--steps", "3"]) == 2
    assert "--steps was 2 and is now 3" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--steps", "0"], "--steps is 0"),
        (["--seeds", "0"], "--seeds is 0"),
        (["--data", "folder"], "needs --data-dir"),
    ],
)
def test_mistakes_get_one_sentence_and_write_nothing(tmp_path, capsys, flags, message):
    assert main(["losses", "--out", str(tmp_path / "study"), *flags]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "study").exists()
