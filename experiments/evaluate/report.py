"""The tables of an evaluation in Markdown."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from pconv_jax.evaluation.classical import CLASSICAL_METHODS
from pconv_jax.evaluation.markdown import interval, markdown
from pconv_jax.evaluation.scoring import REGIONS
from pconv_jax.evaluation.statistics import difference
from pconv_jax.evaluation.summary import Summary

_COMPARED_BY = "hole_psnr"  # models and classical methods, image by image


def report(
    rows: Sequence[Mapping[str, Any]], summary: Summary, facts: Mapping[str, Any], fids: Mapping[str, float]
) -> str:
    """Means with intervals, then models against classical methods.

    Args:
        rows: the scores.
        summary: their means.
        facts: contents of `benchmark.json`.
        fids: method -> FID, where the weights were given.

    Returns:
        Markdown.
    """
    parts = [_introduction(facts)]
    if facts["note"]:
        parts.append(f"Images: {facts['note']}.")
    parts += [f"**{_capitalised(REGIONS[region])}**\n\n{table}" for region, table in summary.tables().items()]
    parts += _differences(rows, summary)
    if fids:
        lines = [["method", "FID"], *([method, f"{fid:.2f}"] for method, fid in fids.items())]
        parts.append(f"**FID over all {facts['pairs']} pairs**\n\n{markdown(lines)}")
    return "\n\n".join(parts) + "\n"


def _introduction(facts: Mapping[str, Any]) -> str:
    identities = {key: value for identity in facts["methods"].values() for key, value in identity.items()}
    packages = ("opencv-contrib-python-headless", "scikit-image", "PyPatchMatch")
    used = ", ".join(f"{name} {identities[name]}" for name in packages if name in identities)
    return (
        f"Benchmark `{facts['sha256'][:16]}`: {facts['images']['count']} images of {facts['images']['data']}, size "
        f"{facts['images']['size']}; masks {facts['masks']['kind']}; noise {facts['noise']['sigma']:g}. Composites "
        "unless raw output is named, rounded to 8 bits; in brackets 95 % bootstrap intervals over images. The raw "
        "output of classical methods is their result: all but mean return valid pixels unchanged."
        f"{f' {used}.' if used else ''}"
    )


def _differences(rows: Sequence[Mapping[str, Any]], summary: Summary) -> list[str]:
    """The table of models against classical methods, if there are both."""
    methods = list(next(iter(summary.means.values())))
    models = [method for method in methods if method not in CLASSICAL_METHODS]
    classical = [method for method in methods if method in CLASSICAL_METHODS]
    if not models or not classical:
        return []
    lines = [["bucket", "model", *(f"over {other}" for other in classical)]]
    for bucket, model in itertools.product(summary.means, models):
        gains = [difference(rows, model, other, _COMPARED_BY, bucket=bucket) for other in classical]
        lines.append([bucket, model, *(interval(gain, 2) for gain in gains)])
    title = "**PSNR in the hole, dB, model less classical method, image by image**"
    return [f"{title}\n\n{markdown(lines, text=2)}"]


def _capitalised(title: str) -> str:
    return title[0].upper() + title[1:]
