"""Studies: gains by hand, verdicts that follow the numbers, tables, declarations, naturalness."""

import math

import numpy as np
import pytest
from PIL import Image

from experiments.studies import runner
from experiments.studies.analysis import HELD, OPPOSITE
from experiments.studies.claims import STUDIES
from experiments.studies.names import direction
from experiments.studies.naturalness import unnaturalness
from experiments.studies.options import Options
from experiments.studies.plots import plot
from experiments.studies.primary import judge, repeated_alarms
from experiments.studies.scores import FIXED_METRICS, StudyScores
from experiments.studies.settings import command_line, evaluation_table, settings_table
from experiments.studies.study import BUDGETS, MARGINS
from experiments.studies.tables import alarm_table, fid_table, score_tables, verdict_table
from experiments.train.config import Config
from pconv_jax.evaluation.classical import CLASSICAL_METHODS

METRICS = (*FIXED_METRICS, "net", "LPIPS (alex)")


def rows(scores, *, buckets=("thin", "thick")):
    """Rows of each method with one score per image, in every metric and bucket."""
    return [
        {"image": i, "name": f"{i}", "bucket": bucket, "method": method, "hole_fraction": 0.1}
        | dict.fromkeys(METRICS, float(value))
        for method, values in scores.items()
        for i, value in enumerate(values)
        for bucket in buckets
    ]


def scores_of(study, gains, *, seeds=5, classical=5.0, distances=("LPIPS (alex)", "net")):
    """Every arm scores 10 to 13 on five images, more by its gain; seeds and images differ a little by chance."""
    rng = np.random.default_rng(0)
    base = np.array([10.0, 11.0, 11.5, 12.0, 13.0])
    arms = {arm.name: range(seeds, 2 * seeds) if arm.repeats else range(seeds) for arm in study.arms}
    found = {
        f"{name}-{seed}": base + gains.get(name, 0.0) + 0.02 * rng.standard_normal() + 0.02 * rng.standard_normal(5)
        for name, own in arms.items()
        for seed in own
    }
    found |= dict.fromkeys(study.classical, base + classical)
    conditions = {condition.name: rows(found) for condition in study.conditions}
    return StudyScores(conditions, arms, study.classical, distances)


def words(study, scores):
    return [each.verdict.word for each in judge(study, scores)]


def test_gains_are_of_the_same_image_and_seed():
    found = StudyScores(
        {"c": rows({"a-0": [1, 5], "a-1": [3, 7], "b-4": [2, 4], "b-5": [5, 8], "ns": [0, 0]})},
        {"a": (0, 1), "b": (4, 5)},
        ("ns",),
        (),
    )
    assert found.gains("b", "a", "hole_psnr", "c").tolist() == [[1, -1], [2, 1]]
    assert found.gains("b", "ns", "hole_psnr", "c").tolist() == [[2, 4], [5, 8]]
    assert found.effect("b", "a", "hole_psnr", "c").by_seed == (0.0, 1.5)
    assert found.mean("a", "hole_psnr", "c").mean == 4.0
    assert found.mean("ns", "hole_psnr", "c").mean == 0.0
    assert found.by_seed("a", "hole_psnr", "c") == (3.0, 5.0)
    assert found.places() == [("c", "all"), ("c", "thin"), ("c", "thick")]


def test_a_bucket_or_an_image_in_which_one_is_perfect_has_no_gain():
    a, b = (rows({name: [20, 30]}) for name in ("a-0", "b-0"))
    a[1]["hole_psnr"], b[0]["hole_psnr"], b[1]["hole_psnr"] = math.inf, 21.0, 50.0
    a[2]["hole_psnr"], b[3]["hole_psnr"] = math.inf, math.nan
    found = StudyScores({"c": [*a, *b]}, {"a": (0,), "b": (0,)}, (), ())
    assert found.gains("b", "a", "hole_psnr", "c").tolist() == [[1.0]]  # of the first bucket of the first image


def test_perceptual_is_lpips_where_it_was_measured_and_its_margin_is_a_share():
    study = STUDIES["losses"]
    assert scores_of(study, {}).column("perceptual") == "LPIPS (alex)"
    found = scores_of(study, {}, distances=("net",))
    assert found.column("perceptual") == "net"
    assert found.margin("perceptual", 0.02, "L2", "lines") == pytest.approx(0.02 * 11.5, rel=0.01)
    assert found.margin("hole_psnr", 0.1, "L2", "lines") == 0.1


@pytest.mark.parametrize(("gain", "word"), [(0.5, HELD), (-0.5, OPPOSITE)])
def test_verdicts_follow_the_numbers(gain, word):
    study = STUDIES["convolution"]
    scores = scores_of(study, {"partial": gain})
    assert words(study, scores) == [word, word]
    table = verdict_table(judge(study, scores), scores)
    assert "| partial over plain, ratios: higher PSNR (dB), in the hole" in table
    assert [line.split("|")[-2].strip() for line in table.splitlines()[2:4]] == [word, word]
    assert f"{gain:+.1f}"[:4] in table


def test_a_claim_says_which_way_a_metric_goes_in_words_that_fit_its_title():
    assert [direction("hole_psnr", sign) for sign in (1, -1)] == ["higher", "lower"]
    assert direction("naturalness", -1) == "less"  # unlike its surroundings


def test_a_loss_must_raise_sharpness_and_lower_the_distance():
    study = STUDIES["losses"]
    scores = scores_of(study, {"L2+adv": 1.0, "L2+perc": 1.0})
    assert words(study, scores) == [HELD, OPPOSITE, OPPOSITE, HELD]
    few = scores_of(study, {"L2+adv": 1.0}, seeds=3)
    assert set(words(study, few)) == {"no verdict: 3 of 4 seeds"}


def test_an_arm_and_its_repetition_differ_by_chance_alone():
    study = STUDIES["null"]
    scores = scores_of(study, {}, distances=("net",))
    alarms = repeated_alarms(study, scores)
    assert list(alarms) == ["hole_psnr", "hole_sharpness", "perceptual", "naturalness"]
    assert all(here <= 0.08 for here, _ in alarms.values())  # of one set of ten runs, whose halves are not independent
    assert "10 runs" in alarm_table(alarms, scores, 10)
    assert HELD not in words(study, scores)
    assert repeated_alarms(STUDIES["noise"], scores_of(STUDIES["noise"], {})) == {}


@pytest.mark.parametrize("name", ["noise", "conventional"])  # conditions as a whole, and by their buckets
def test_tables_and_plot_show_every_metric_and_method(name, tmp_path):
    study = STUDIES[name]
    scores = scores_of(study, {}, seeds=2)
    text = score_tables(scores)
    assert text.count("| damage") == text.count("| secondary, not corrected") == len(scores.metrics)
    assert all(name in text for name in scores.methods)
    plot(study, scores, judge(study, scores), tmp_path / "study.png")
    with Image.open(tmp_path / "study.png") as picture:
        assert min(picture.size) > 400


def test_fid_is_shown_for_every_seed():
    fids = {"c": {"a-0": 10.0, "a-1": 11.0, "ns": 12.0}}
    found = StudyScores({"c": rows({"ns": [1]})}, {"a": (0, 1)}, ("ns",), (), fids=fids)
    assert "10.50 (10.00 11.00)" in fid_table(found)
    assert "| 12.00 |" in fid_table(found)


@pytest.mark.parametrize("study", STUDIES.values(), ids=STUDIES)
def test_primary_comparisons_name_what_the_study_has_and_the_paper_is_an_arm(study):
    arms = [arm.name for arm in study.arms]
    assert set(study.classical) <= CLASSICAL_METHODS.keys()
    for each in study.primary:
        assert each.arm in arms
        assert each.reference in (*arms, *study.classical)
        assert each.condition in [condition.name for condition in study.conditions]
        assert each.metric in MARGINS
        assert each.sign in (-1, 1)
    (paper,) = (arm for arm in study.arms if arm.name == "paper")
    defaults = Config()
    for name in ("adversarial_weight", "perceptual_weight", "hole_weight"):
        assert paper.changes[name] == getattr(defaults.losses, name)
    assert paper.changes["noise"] == defaults.damage.noise == 0.05


@pytest.mark.parametrize("preset", BUDGETS)
def test_every_arm_of_every_study_is_a_valid_run_with_the_same_budget(preset, tmp_path):
    options = Options("losses", preset=preset, vgg_weights="random")
    budget = runner._budget(options)
    for study in STUDIES.values():
        configs = [runner._config(options, budget, arm, 1e-3, 0, tmp_path) for arm in study.arms]
        for config in configs:
            config.check()
        assert len({(each.run.steps, each.data, each.optimizer) for each in configs}) == 1
    table = settings_table({"plain": configs[0], "other": configs[1].replace(noise=0.5, batch_size=9)})
    (line,) = (line for line in table.splitlines() if line.startswith("| noise "))
    assert [cell.strip() for cell in line.split("|")[1:-1]] == ["noise", "0.05", "other: 0.5"]


def test_what_resembles_its_surroundings_is_more_natural_than_blur_and_noise():
    rng = np.random.default_rng(0)
    image = np.repeat(rng.uniform(0.2, 0.8, (48, 48, 1)), 3, axis=2).astype(np.float32)
    mask = np.ones((48, 48, 1), np.float32)
    mask[16:32, 16:32] = 0
    fresh = np.repeat(rng.uniform(0.2, 0.8, (48, 48, 1)), 3, axis=2)
    flat, noisy = np.full_like(image, 0.5), np.repeat(rng.integers(0, 2, (48, 48, 1)), 3, axis=2)
    right, blurred, wild = (unnaturalness(each, image, mask) for each in (fresh, flat, noisy))
    assert right < 0.2 < 1 < wild < blurred
    assert unnaturalness(image, image, mask) < 0.2
    # Only the hole counts: neither its true content nor other values of valid pixels matter.
    elsewhere = np.where(mask == 1, 0.9, fresh)
    assert unnaturalness(elsewhere, np.where(mask == 1, image, 0), mask) == right
    assert math.isnan(unnaturalness(image, image, np.ones_like(mask)))
    assert math.isnan(unnaturalness(image, image, np.zeros_like(mask)))


def test_unnaturalness_by_hand():
    image = np.zeros((1, 6, 3), np.float32)
    mask = np.ones((1, 6, 1), np.float32)
    mask[0, 5] = 0
    composite = np.full_like(image, 15 / 255)
    # The one first and the one second difference that touch the hole are 15 / 255, all others 0: log2(16) apart.
    assert unnaturalness(composite, image, mask) == pytest.approx(4)


def test_the_page_has_the_number_of_images_that_were_scored():
    study, options = STUDIES["losses"], Options("losses", vgg_weights="random")
    scores = scores_of(study, {}, seeds=1)  # five images, where the budget has room for a hundred
    table = evaluation_table(study, scores, BUDGETS["cpu"], options)
    assert "the first 5 of the test split of samples" in table


def test_the_command_is_printed_with_the_flags_that_were_given():
    options = Options("null", seeds=4, learning_rates=(0.004, 0.008), vgg_weights="a b.npz")
    assert command_line(options) == (
        "python -m experiments.studies null --vgg-weights 'a b.npz' --seeds 4 --learning-rates 0.004 0.008"
    )
