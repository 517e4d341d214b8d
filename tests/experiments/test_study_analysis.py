"""The analysis of studies: worked by hand, beside SciPy's t tests, on made-up studies with and without an effect."""

import numpy as np
import pytest
from scipy import stats

from experiments.studies.analysis import (
    HELD,
    NO_GAIN,
    NOT_DECIDED,
    OPPOSITE,
    Effect,
    effect,
    false_alarms,
    holm,
    moments,
    verdicts,
)

STUDIES = 2000
# Standard deviations in dB of seeds, images and the rest, as in the studies of convolutions and of noise, and between.
SPREADS = [(0.27, 0.4, 0.3), (0.06, 0.4, 0.3), (0.0, 0.4, 0.3), (0.06, 0.0, 0.5), (0.27, 0.0, 0.1)]
CHANCE = 2.6 * (0.05 * 0.95 / STUDIES) ** 0.5  # of a rate of 5 % over these studies, at 99.5 %


def made_up(rng, spread, *shape):
    """Gains without an effect, `[*shape, S, I]`."""
    of_seeds, of_images, rest = spread
    *many, seeds, images = shape
    return (
        of_seeds * rng.standard_normal((*many, seeds, 1))
        + of_images * rng.standard_normal((*many, 1, images))
        + rest * rng.standard_normal(shape)
    )


def test_two_seeds_on_three_images_by_hand():
    found = effect([[1, 2, 3], [3, 4, 8]])
    # Mean squares: seeds 3 (1.5^2 + 1.5^2) = 13.5; the rest (4 x 0.5^2 + 2 x 1) / 2 = 1.5.
    assert found.mean == 3.5
    assert found.by_seed == (2.0, 5.0)
    # Images: means 2, 3, 5.5 are 1.5, 0.5 and 2 from 3.5, so 2 (2.25 + 0.25 + 4) / 2 = 6.5.
    assert found.error == pytest.approx(((13.5 + 6.5 - 1.5) / 6) ** 0.5)
    assert found.degrees == pytest.approx(1 / (13.5 / 18.5 / 1 + 5 / 18.5 / 2))  # 1 of the seeds, 2 of the images
    assert found.images == 3


def test_a_negative_component_leaves_the_other_factor_alone():
    # Mean squares: seeds 4, images 0, the rest 1: 4 + 0 - 1 would be less than the seeds' own.
    assert effect([[1, 0], [2, 3]]) == Effect(1.5, 1.0, 1.0, (0.5, 2.5), 2)


@pytest.mark.parametrize("axis", [0, 1], ids=["images alike", "seeds alike"])
def test_with_one_factor_it_is_the_t_test_of_scipy(axis):
    values = np.array([0.3, -0.1, 0.7, 0.2, 0.9])
    found = effect(np.stack([values] * 7, axis=1 - axis))
    wanted = stats.ttest_1samp(values, 0)
    assert found.degrees == 4
    assert found.p_value() == pytest.approx(wanted.pvalue)
    assert found.interval() == pytest.approx(tuple(wanted.confidence_interval(0.95)))


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.7]) == [1.0, 1.0]


@pytest.mark.parametrize("seeds", [4, 6])
@pytest.mark.parametrize("spread", SPREADS)
def test_where_nothing_is_there_it_decides_in_five_percent_of_studies_at_most(spread, seeds):
    p_values = moments(made_up(np.random.default_rng(0), spread, STUDIES, seeds, 40)).p_values()
    assert np.mean(p_values < 0.05) <= 0.05 + CHANCE


def test_where_nothing_is_there_four_comparisons_together_stay_within_five_percent():
    for spread in SPREADS[:3]:
        p_values = moments(made_up(np.random.default_rng(1), spread, STUDIES, 4, 6, 20)).p_values()
        assert np.mean(p_values.min(1) < 0.05 / 4) <= 0.05 + CHANCE  # the first step of Holm's method


@pytest.mark.parametrize(("spread", "least", "most"), [((0.27, 0.0, 0.0), 0.77, 0.83), (SPREADS[0], 0.74, 0.86)])
def test_an_effect_of_the_size_that_could_be_seen_is_found_in_eighty_percent(spread, least, most):
    seeds, images = 6, 60
    of_seeds, of_images, rest = (value**2 for value in spread)
    squares = images * of_seeds + rest, seeds * of_images + rest  # expected mean squares
    total = squares[0] + squares[1] - rest
    share = squares[0] / total
    true = Effect(0.0, (total / seeds / images) ** 0.5, 1 / (share / 5 + (1 - share) / (images - 1)), (), images)
    gains = true.detectable() + made_up(np.random.default_rng(2), spread, STUDIES, seeds, images)
    assert least < np.mean(moments(gains).p_values() < 0.05) < most


@pytest.mark.parametrize("degrees", [3, 3.4, 5, 30, 800])
@pytest.mark.parametrize("level", [0.05, 0.05 / 8])
def test_the_size_that_could_be_seen_is_near_the_sum_of_quantiles(degrees, level):
    found = Effect(0.0, 2.0, degrees, (), 9).detectable(level)
    assert found == pytest.approx(2 * (stats.t.isf(level / 2, degrees) + stats.t.isf(0.2, degrees)), rel=0.12)


SURE = {"error": 0.01, "degrees": 9.0, "by_seed": (0.0,) * 5, "images": 50}


@pytest.mark.parametrize(
    ("mean", "sign", "word"),
    [
        (0.5, 1, HELD),
        (-0.5, -1, HELD),
        (-0.5, 1, OPPOSITE),
        (-0.06, 1, OPPOSITE),  # below the smallest of interest as well
        (0.05, 1, NO_GAIN),  # sure, and too small
        (0.0, -1, NO_GAIN),
    ],
)
def test_verdicts_on_sure_effects(mean, sign, word):
    (found,) = verdicts([Effect(mean, **SURE)], [sign], [0.1])
    assert found.word == word


def test_what_is_uncertain_or_has_few_seeds_or_images_is_not_decided():
    unsure = Effect(0.5, 0.5, 9.0, (0.0,) * 5, 50)
    few, one = effect(np.eye(3)), effect(np.ones((1, 3)))
    two_images = effect([[1.0, 1.0]] * 6)  # their level would be 11 %, not 5 %
    found = verdicts([unsure, few, one, two_images, effect(np.zeros((5, 0)))], [1] * 5, [0.1] * 5)
    assert [each.word for each in found] == [
        NOT_DECIDED,
        "no verdict: 3 of 4 seeds",
        "no verdict: 1 of 4 seeds",
        "no verdict: 2 of 5 images",
        "no verdict: 0 of 5 images",
    ]
    # All together at 95 %: each at 99 %.
    half = stats.t.isf(0.05 / 5 / 2, 9) * 0.5
    assert found[0].interval == pytest.approx((0.5 - half, 0.5 + half))
    assert found[0].detectable > half
    assert found[1].p is found[1].detectable is found[2].interval is None


def test_tiles_of_few_photographs_decide_nothing_however_many_they_are():
    three_seeds, sure = effect(np.ones((3, 9)) + np.eye(3, 9)), Effect(0.5, **SURE)
    found = verdicts([three_seeds, sure], [1, 1], [0.1, 0.1], photographs=4)
    assert [each.word for each in found] == ["no verdict: 3 of 4 seeds", "no verdict: tiles of 4 photographs, of 5"]
    assert found[1].p is found[1].detectable is None
    assert verdicts([sure], [1], [0.1], photographs=5)[0].word == HELD


def test_verdicts_are_corrected_for_being_several():
    almost = Effect(0.3, 0.1, 9.0, (0.0,) * 5, 50)  # p = 0.015
    assert verdicts([almost], [1], [0.1])[0].word == HELD
    assert {each.word for each in verdicts([almost] * 4, [1] * 4, [0.1] * 4)} == {NOT_DECIDED}


def test_halves_of_equal_runs_are_called_different_in_five_percent_and_by_the_former_rule_in_half():
    rng = np.random.default_rng(3)
    rates = []
    for _ in range(20):  # sets of twelve runs: one set's halves are not independent
        scores = made_up(rng, (0.3, 3.0, 0.2), 12, 40)
        rates.append(false_alarms(scores, splits=50))
    here, before = np.mean(rates, 0)
    assert here < 0.06
    assert 0.3 < before < 0.5
