"""The paper's claims, each with the variants that test it and a finding computed from the scores."""

import itertools
from collections.abc import Mapping
from types import MappingProxyType

from experiments.studies.scores import Difference, StudyScores
from experiments.studies.study import Condition, Study, Variant
from pconv_jax.evaluation.statistics import ALL

_OFF = {"adversarial_weight": 0.0, "perceptual_weight": 0.0}


def _numbers(difference: Difference, decimals: int = 2) -> str:
    """`+0.31 [0.21, 0.40], seeds +0.25 +0.36`."""
    mean = difference.mean
    if mean.mean is None:
        return "not measured"
    ends = "" if mean.low is None else f" [{mean.low:+.{decimals}f}, {mean.high:+.{decimals}f}]"
    return f"{mean.mean:+.{decimals}f}{ends}, seeds {' '.join(f'{seed:+.{decimals}f}' for seed in difference.seeds)}"


def _verdict(difference: Difference, *, wanted: int) -> str:
    """Whether a difference has the sign that the claim predicts."""
    if difference.sign == 0:
        return "not decided"
    return "held" if difference.sign == wanted else "did not hold: the opposite"


def _losses(results: StudyScores) -> str:
    (condition,) = results.rows
    parts = []
    for variant, reference in (("L2+adv", "L2"), ("L2+adv+perc", "L2+perc")):
        sharper = results.difference(variant, reference, "hole_sharpness", condition)
        quality = results.difference(variant, reference, "hole_psnr", condition)
        parts.append(
            f"Adversarial loss added to {reference} (claim: clearer images; sharpness in the hole, log2 of gradient "
            f"energy, should rise): {_verdict(sharper, wanted=1)} ({_numbers(sharper)}); PSNR {_numbers(quality)} dB."
        )
    if results.distance:
        for variant, reference in (("L2+perc", "L2"), ("L2+adv+perc", "L2+adv")):
            nearer = results.difference(variant, reference, "distance", condition)
            quality = results.difference(variant, reference, "hole_psnr", condition)
            parts.append(
                f"Perceptual loss added to {reference} (claim: smaller perceptual difference; {results.distance} "
                f"should fall): {_verdict(nearer, wanted=-1)} ({_numbers(nearer, 4)}); PSNR {_numbers(quality)} dB."
            )
    return " ".join(parts)


def _noise(results: StudyScores) -> str:
    clean, *_, noisiest = results.rows
    reference, *others = results.variants
    most = others[-1]
    robust = results.difference(most, reference, "hole_psnr", noisiest)
    cost = results.difference(most, reference, "hole_psnr", clean)
    natural = results.difference(most, reference, "hole_sharpness", clean)
    parts = [
        f"Trained with the most noise ({most}) against none, on inputs as noisy as that (claim: robust; PSNR in the "
        f"hole should be higher): {_verdict(robust, wanted=1)} ({_numbers(robust)} dB). On clean inputs the same "
        f"training changes PSNR by {_numbers(cost)} dB, and sharpness by {_numbers(natural)}."
    ]
    if results.distance:
        nearer = results.difference(most, reference, "distance", clean)
        parts.append(
            f"More natural results with more noise, on clean inputs ({results.distance} should fall): "
            f"{_verdict(nearer, wanted=-1)} ({_numbers(nearer, 4)})."
        )
    return " ".join(parts)


def _conventional(results: StudyScores) -> str:
    (network,) = results.variants
    parts = []
    for other, condition in itertools.product(results.classical, results.rows):
        buckets = [place for place in results.places() if place[0] == condition and place[1] != ALL]
        gains = {place[1]: results.difference(network, other, "hole_psnr", *place) for place in buckets}
        means = [gain.mean.mean or 0.0 for gain in gains.values()]
        parts.append(
            f"Against {other}, masks {condition}, PSNR in the hole: {_counted('ahead', gains, 1)}, "
            f"{_counted('behind', gains, -1)}, {_counted('undecided', gains, 0)} of {len(gains)} buckets; the "
            f"difference goes from {min(means):+.2f} to {max(means):+.2f} dB."
        )
    return " ".join(parts)


def _counted(word: str, gains: Mapping[str, Difference], sign: int) -> str:
    """`ahead in 2 (thin, thick)`: the names only where they are few."""
    names = [name for name, gain in gains.items() if gain.sign == sign]
    listed = f" ({', '.join(names)})" if 0 < len(names) < 4 else ""
    return f"{word} in {len(names)}{listed}"


def _convolution(results: StudyScores) -> str:
    parts = []
    for condition in results.rows:
        gain = results.difference("partial", "plain", "hole_psnr", condition)
        similar = results.difference("partial", "plain", "hole_ssim", condition)
        parts.append(
            f"Masks {condition}: partial over plain convolutions with the mask as a fourth channel, same budget, PSNR "
            f"in the hole (claim: higher): {_verdict(gain, wanted=1)} ({_numbers(gain)} dB); SSIM "
            f"{_numbers(similar, 4)}."
        )
    return " ".join(parts)


STUDIES = MappingProxyType(
    {
        study.name: study
        for study in (
            Study(
                name="losses",
                claim="The adversarial loss gives clearer images, the perceptual loss a smaller perceptual difference.",
                variants=(
                    Variant("L2", _OFF),
                    Variant("L2+adv", {**_OFF, "adversarial_weight": 0.001}),
                    Variant("L2+perc", {**_OFF, "perceptual_weight": 0.01}),
                    Variant("L2+adv+perc", {"adversarial_weight": 0.001, "perceptual_weight": 0.01}),
                ),
                conditions=(Condition("lines"),),
                metrics=("hole_psnr", "hole_ssim", "hole_sharpness", "distance"),
                classical=("ns", "telea", "biharmonic"),
                finding=_losses,
            ),
            Study(
                name="noise",
                claim="Noise on the training images makes the network robust to noise, and its results more natural.",
                variants=tuple(Variant(f"noise {sigma:g}", {**_OFF, "noise": sigma}) for sigma in (0.0, 0.05, 0.15)),
                conditions=tuple(Condition(f"input noise {sigma:g}", noise=sigma) for sigma in (0.0, 0.05, 0.1, 0.15)),
                metrics=("hole_psnr", "hole_ssim", "hole_sharpness", "distance"),
                classical=("ns", "biharmonic"),
                finding=_noise,
            ),
            Study(
                name="conventional",
                claim="The network has an advantage over conventional methods.",
                variants=(Variant("network", _OFF),),
                conditions=(Condition("lines"), Condition("ratios", masks="ratios")),
                metrics=("hole_psnr", "hole_ssim", "hole_l1"),
                classical=("mean", "ns", "telea", "biharmonic"),
                finding=_conventional,
            ),
            Study(
                name="convolution",
                claim="Partial convolutions are better than plain ones that see the mask as a fourth channel.",
                variants=(
                    Variant("plain", {**_OFF, "convolution": "plain"}),
                    Variant("partial", {**_OFF, "convolution": "partial"}),
                ),
                conditions=(Condition("lines"), Condition("ratios", masks="ratios")),
                metrics=("hole_psnr", "hole_ssim", "hole_sharpness"),
                classical=("ns", "biharmonic"),
                finding=_convolution,
            ),
        )
    }
)
