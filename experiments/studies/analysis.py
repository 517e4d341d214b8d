"""How sure a difference is: gains of training runs on images, both of which are samples, and verdicts from them.

The gain of one arm over another is measured by every seed s on every image i. Its model is the crossed random-effects
layout without replication, gain[s, i] = effect + seed[s] + image[i] + rest[s, i]: another training run, or another
photograph, would have given another gain. With the mean squares A of the seeds, B of the images and E of the rest, the
variance of the grand mean is estimated by (A + B - E) / (S I), the method of moments.

Where a component comes out negative (A < E or B < E), it counts as nothing, and the variance is that of the other
factor alone: never less than A / (S I), the t test on the seeds' means, nor B / (S I), that on the images'. Degrees of
freedom are the harmonic mean of those of seeds and images, weighted by their shares of the variance: A / (A + B - E)
and the rest. Satterthwaite's are more where A is small by chance: with 6 seeds they decide in up to 5.7 % of cases
where nothing is there, and in 1.8 % at a level of 1.25 %; these in at most 5.1 and 1.3 % (normal gains, 100 images,
ratios of the components from 0 to 100). With 2 or 3 seeds they fail as well (8.9 and 5.7 %), so no verdict is given; 4
come to 5.2 and 1.6 %. Nor is there one with fewer than 5 images: with 6 seeds, 2 images come to 10.8 and 6.5 %, 3 to
6.1 and 2.5 %, 4 to 5.2 and 1.5 %, and 5 to 5.1 and 1.3 %.
"""

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import optimize, stats

Values = npt.NDArray[np.float64]

LEVEL = 0.05
POWER = 0.8
LEAST_SEEDS = 4
LEAST_IMAGES = 5

HELD = "held"
OPPOSITE = "not held: the opposite"
NO_GAIN = "not held: no gain of interest"
NOT_DECIDED = "not decided"


class Moments(NamedTuple):
    """Of one table of gains, or of many at once: arrays of their leading axes.

    Attributes:
        mean: the grand mean.
        error: its standard error.
        degrees: degrees of freedom of the standard error.
    """

    mean: Values
    error: Values
    degrees: Values

    def p_values(self) -> Values:
        """Two-sided p of no effect; 1 where all gains are 0."""
        with np.errstate(divide="ignore", invalid="ignore"):
            t = np.where(self.mean == 0, 0.0, np.abs(self.mean) / self.error)
        return 2 * stats.t.sf(t, self.degrees)


def moments(gains: npt.ArrayLike) -> Moments:
    """Grand mean, standard error and degrees of freedom of gains, as the head of this file says.

    Args:
        gains: `[..., S, I]` finite gains of S >= 2 seeds on I >= 2 images.

    Returns:
        Arrays `[...]`.

    References:
        Searle, Casella and McCulloch, Variance Components, 1992 (the estimate); Satterthwaite, An approximate
        distribution of estimates of variance components, 1946; Cochran and Cox, Experimental Designs, 1950 (quantiles
        weighted by variances).
    """
    gains = np.asarray(gains, np.float64)
    seeds, images = gains.shape[-2:]
    mean = gains.mean((-2, -1), keepdims=True)
    by_seed, by_image = gains.mean(-1, keepdims=True), gains.mean(-2, keepdims=True)
    of_seeds = images * ((by_seed - mean) ** 2).sum((-2, -1)) / (seeds - 1)
    of_images = seeds * ((by_image - mean) ** 2).sum((-2, -1)) / (images - 1)
    rest = ((gains - by_seed - by_image + mean) ** 2).sum((-2, -1)) / ((seeds - 1) * (images - 1))
    total = np.maximum(of_seeds + of_images - rest, np.maximum(of_seeds, of_images))
    share = np.divide(of_seeds, total, out=np.ones_like(total), where=total > 0)
    degrees = 1 / (share / (seeds - 1) + (1 - share) / (images - 1))
    return Moments(mean[..., 0, 0], np.sqrt(total / (seeds * images)), degrees)


@dataclasses.dataclass(frozen=True)
class Effect:
    """A mean gain and how sure it is.

    Attributes:
        mean: the grand mean; None if no image was scored.
        error: its standard error, None for fewer than two seeds or images.
        degrees: degrees of freedom, None there too.
        by_seed: the mean of every seed.
        images: number of images.
    """

    mean: float | None
    error: float | None
    degrees: float | None
    by_seed: tuple[float, ...]
    images: int

    @property
    def decides(self) -> bool:
        """Whether there are enough seeds and images for a verdict."""
        return self.error is not None and len(self.by_seed) >= LEAST_SEEDS and self.images >= LEAST_IMAGES

    def interval(self, level: float = LEVEL) -> tuple[float, float] | None:
        """The t interval of confidence 1 - level, None without a standard error."""
        if self.mean is None or self.error is None:
            return None
        half = float(stats.t.isf(level / 2, self.degrees)) * self.error
        return self.mean - half, self.mean + half

    def p_value(self) -> float | None:
        """Two-sided p of no effect, None without a standard error."""
        if self.error is None:
            return None
        return float(Moments(*(np.asarray(x, np.float64) for x in (self.mean, self.error, self.degrees))).p_values())

    def detectable(self, level: float = LEVEL) -> float | None:
        """The smallest true effect that a two-sided test at this level finds with a power of 80 %."""
        if self.error is None or self.degrees is None:
            return None
        critical = float(stats.t.isf(level / 2, self.degrees))

        def missing(size: float) -> float:
            return float(stats.nct.sf(critical, self.degrees, size)) - POWER  # found with its own sign

        most = critical + 1.0
        while missing(most) < 0:  # far beyond, SciPy's noncentral t gives NaN
            most += 0.5
        return self.error * float(optimize.brentq(missing, 0.0, most))


def effect(gains: npt.ArrayLike) -> Effect:
    """The effect that a table of gains shows.

    Args:
        gains: `[S, I]` finite gains of S >= 1 seeds on I >= 0 images.

    Returns:
        The effect.
    """
    gains = np.asarray(gains, np.float64)
    seeds, images = gains.shape
    if images == 0:
        return Effect(None, None, None, (), 0)
    by_seed = tuple(float(value) for value in gains.mean(1))
    if min(seeds, images) < 2:
        return Effect(float(gains.mean()), None, None, by_seed, images)
    mean, error, degrees = (float(value) for value in moments(gains))
    return Effect(mean, error, degrees, by_seed, images)


def holm(p_values: Sequence[float]) -> list[float]:
    """p values corrected for being several: none below the level unless it is one by Holm's method.

    Args:
        p_values: of the comparisons.

    Returns:
        The corrected ones, in the same order.

    References:
        Holm, A simple sequentially rejective multiple test procedure, 1979.
    """
    count, largest = len(p_values), 0.0
    corrected = [0.0] * count
    for rank, index in enumerate(sorted(range(count), key=lambda index: p_values[index])):
        largest = max(largest, min(1.0, (count - rank) * p_values[index]))
        corrected[index] = largest
    return corrected


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What an effect says about a claim, beside the others of its study.

    Attributes:
        word: `HELD`, `OPPOSITE`, `NO_GAIN`, `NOT_DECIDED`, or why there is none.
        p: p value by Holm's method, None without a verdict.
        interval: of all comparisons together at 95 %: each at 1 - 0.05 / their number.
        detectable: the smallest effect that is found with a power of 80 % at that level.
    """

    word: str
    p: float | None
    interval: tuple[float, float] | None
    detectable: float | None


def verdicts(
    effects: Sequence[Effect], wanted: Sequence[int], margins: Sequence[float], *, photographs: int | None = None
) -> list[Verdict]:
    """The verdicts on the primary comparisons of a study.

    Held or the opposite: p by Holm's method is below 5 %, so that any such verdict among all comparisons, where nothing
    is there, has at most that probability. No gain of interest: the interval of all comparisons together ends below the
    smallest effect of interest, wherever it begins. That comes before held: an effect can be sure and too small.

    Args:
        effects: one for each comparison.
        wanted: the sign that the claim predicts for each.
        margins: the smallest effect of interest of each, positive.
        photographs: how many the images are tiles of, which then have to be enough, as tiles of one are alike; None if
            each image is a photograph.

    Returns:
        A verdict for each.
    """
    level = LEVEL / len(effects)
    # A comparison without a verdict still counts as one of them.
    independent = photographs is None or photographs >= LEAST_IMAGES
    values = [each.p_value() if each.decides and independent else None for each in effects]
    corrected = holm([1.0 if value is None else value for value in values])
    found = []
    for each, sign, margin, p, value in zip(effects, wanted, margins, corrected, values, strict=True):
        interval = each.interval(level)
        if value is None or each.mean is None or interval is None:
            of_seeds = each.images > 0 and len(each.by_seed) < LEAST_SEEDS  # without images there are no means of seeds
            if of_seeds:
                few = f"{len(each.by_seed)} of {LEAST_SEEDS} seeds"
            elif each.decides:
                few = f"tiles of {photographs} photographs, of {LEAST_IMAGES}"
            else:
                few = f"{each.images} of {LEAST_IMAGES} images"
            found.append(Verdict(f"no verdict: {few}", None, interval, None))
            continue
        if max(sign * end for end in interval) < margin and not (p < LEVEL and sign * each.mean < 0):
            word = NO_GAIN
        elif p < LEVEL:
            word = HELD if sign * each.mean > 0 else OPPOSITE
        else:
            word = NOT_DECIDED
        found.append(Verdict(word, p, interval, each.detectable(level)))
    return found


def false_alarms(scores: npt.ArrayLike, *, splits: int = 1000) -> tuple[float, float]:
    """How often two halves of the runs of one arm, which differ by chance alone, are called different at 5 %.

    Args:
        scores: `[2 S, I]` finite scores of runs that differ in their seeds alone, S >= 2, on I >= 2 images.
        splits: number of random halves, drawn with the pairs in them.

    Returns:
        The share of halves with p < 0.05 by `moments`; and that by the rule of earlier studies, of two seeds: the
        interval over images alone leaves out 0, and both have the same sign.
    """
    scores = np.asarray(scores, np.float64)
    half = len(scores) // 2
    rng = np.random.default_rng(0)
    orders = rng.permuted(np.tile(np.arange(2 * half), (splits, 1)), axis=1)
    gains = scores[orders[:, :half]] - scores[orders[:, half:]]
    decided = moments(gains).p_values() < LEVEL
    return float(decided.mean()), float(_by_images_alone(gains[:, :2]).mean())


def _by_images_alone(gains: Values) -> npt.NDArray[np.bool_]:
    """The rule of earlier studies, of tables `[..., S, I]`."""
    by_image, by_seed = gains.mean(-2), gains.mean(-1)
    error = by_image.std(-1, ddof=1) / np.sqrt(by_image.shape[-1])
    same = np.all(by_seed > 0, axis=-1) | np.all(by_seed < 0, axis=-1)
    return same & (np.abs(by_image.mean(-1)) > stats.norm.isf(LEVEL / 2) * error)
