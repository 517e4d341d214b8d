"""The tables of an evaluation of detectors in Markdown, and as rows."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from experiments.detection_scores.scores import DETECTIONS, OURS, Scored, few_false_alarms
from pconv_jax.evaluation.detection import LEAST_FALSE_ALARMS, Counts
from pconv_jax.evaluation.markdown import interval, markdown
from pconv_jax.evaluation.statistics import bootstrap

Value = TypeVar("Value")

_LEVELS = (0.0001, 0.0002, 0.0005, 0.001, 0.005)
"""Shares of the undamaged pixels that may be found."""
_TITLES = {
    "kind": "By kind, opaque, 2 to 8 px",
    "width": "By width, opaque scratches",
    "contrast": "By contrast to the mean of what they cover, opaque scratches of 2 to 8 px",
    "opacity": "By opacity, scratches of 2 to 8 px",
}


def table_rows(scored: Scored) -> list[dict[str, Any]]:
    """One row for each case and method, at the method's threshold, and its recall where false alarms are few.

    That is NaN where they never are, and empty for detections, which have no threshold.
    """
    few = {name: few_false_alarms(counts) for name, counts in scored.counts.items() if name != DETECTIONS}
    return [
        {
            "image": scored.names[place],
            "table": row.table,
            "label": row.label,
            "method": name,
            "jaccard": float(counts.jaccard[scored.chosen[name]]),
            "f1": float(counts.f1[scored.chosen[name]]),
            "false_alarms": float(counts.false_alarms[scored.chosen[name]]),
            "recall_at_few_false_alarms": _recall_at(counts, few[name]) if name in few else "",
        }
        for name, all_counts in scored.counts.items()
        for (row, place), counts in zip(scored.cases, all_counts, strict=True)
    ]


def _recall_at(counts: Counts, threshold: int | None) -> float:
    return float("nan") if threshold is None else float(counts.recall[threshold])


def report(scored: Scored, hard: frozenset[str], *, about: str) -> str:
    """All tables.

    Args:
        scored: what was counted.
        hard: names of the photographs that are hard to tell from damage.
        about: a sentence on the benchmark.

    Returns:
        Markdown.
    """
    rows = table_rows(scored)
    chosen = {name: scored.thresholds[index] for name, index in scored.chosen.items() if name != DETECTIONS}
    thresholds = ", ".join(f"{name} {threshold:g}" for name, threshold in chosen.items())
    parts = [
        f"{about} Means over photographs, 95 % bootstrap intervals in brackets. A detection may be 1 px off. "
        "Thresholds: the detector's own, and the best of each classical one on these photographs: "
        f"{thresholds}. Its detections are the mask before it is widened: pixels above the threshold, and what they "
        "touch down to four fifths of it."
    ]
    for table, title in _TITLES.items():
        parts.append(f"**{title}: Jaccard coefficient**\n\n{_by_label(rows, table, 'jaccard')}")
    parts.append(
        f"**Recall where {100 * LEAST_FALSE_ALARMS:g} % of all pixels are false alarms**\n\n"
        + "\n\n".join(_by_label(rows, table, "recall_at_few_false_alarms") for table in ("kind", "width"))
    )
    parts += [_opacity(scored), _mixed(scored), _false_alarms(scored, hard), _after_inpainting(scored)]
    return "\n\n".join(parts) + "\n"


def _by_label(rows: list[dict[str, Any]], table: str, column: str) -> str:
    own = [row for row in rows if row["table"] == table and row[column] != ""]
    labels, methods = _ordered(row["label"] for row in own), _ordered(row["method"] for row in own)
    lines = [[table, *methods]]
    for label in labels:
        cells = []
        for method in methods:
            values = [row[column] for row in own if row["label"] == label and row["method"] == method]
            mean = bootstrap(values)
            cells.append(
                interval(mean, 2) if method in (OURS, DETECTIONS) else "-" if mean.mean is None else f"{mean.mean:.2f}"
            )
        lines.append([label, *cells])
    return markdown(lines)


def _opacity(scored: Scored) -> str:
    """What the detector takes the opacity for, of what can be seen of the damage of each row."""
    lines = [["damage", "opacity", "estimate", "mean absolute error", "if taken for opaque"]]
    for row in _ordered(row for row, _ in scored.cases):
        own = [each for (other, _), each in zip(scored.cases, scored.opacity, strict=True) if other == row]
        seen = np.array([each for each in own if not np.isnan(each.true)]).reshape(-1, 3)
        true, estimated, error = (bootstrap(column) for column in seen.T)
        opaque = bootstrap(1 - seen[:, 0])
        label = f"{row.table} {row.label}" if row.table in ("contrast", "opacity") else row.label
        lines.append([label, *(interval(each, 2) for each in (true, estimated, error, opaque))])
    return f"**Opacity of the damage, as the detector estimates it**\n\n{markdown(lines)}"


def _mixed(scored: Scored) -> str:
    """Recall at thresholds by which so much of the undamaged photographs is found: what methods can be compared by."""
    lines = [["% of undamaged pixels found", *(f"{100 * level:g}" for level in _LEVELS)]]
    for name, counts in scored.mixed.items():
        if name != DETECTIONS:
            shares = scored.clean[name].mean(axis=0)
            lines.append([name, *(_recall(counts, shares <= level) for level in _LEVELS)])
    title = f"Recall on {len(scored.undamaged)} photographs with mixed damage"
    return f"**{title}, by what is found in them without**\n\n{markdown(lines)}"


def _recall(counts: Sequence[Counts], allowed: np.ndarray) -> str:
    """At the lowest threshold that is allowed, with its interval over the photographs that have damage."""
    if not allowed.any():
        return "-"
    recall = np.array([each.recall[int(np.argmax(allowed))] for each in counts])
    return interval(bootstrap(recall[~np.isnan(recall)]), 2)


def _false_alarms(scored: Scored, hard: frozenset[str]) -> str:
    chosen = np.array([Path(name).stem in hard for name in scored.undamaged])
    lines = [["share of the pixels of undamaged photographs that is found, %", "all", "hard to tell"]]
    for name, shares in scored.clean.items():
        own = 100 * shares[:, scored.chosen[name]]
        lines.append([name, *_all_and_hard(own, chosen)])
    lines.insert(3, ["its mask: detections, widened", *_all_and_hard(100 * scored.masks, chosen)])
    return f"**False alarms** ({chosen.sum()} of {len(chosen)} photographs are hard to tell)\n\n{markdown(lines)}"


def _all_and_hard(values: np.ndarray, hard: np.ndarray) -> list[str]:
    return [interval(bootstrap(values), 3), interval(bootstrap(values[hard]), 3) if hard.any() else "-"]


def _after_inpainting(scored: Scored) -> str:
    lines = [["mixed damage", "PSNR (dB)", "SSIM", "% replaced"]]
    for way in _ordered(row["way"] for row in scored.inpainted):
        own = [row for row in scored.inpainted if row["way"] == way]
        psnr, ssim = (bootstrap([row[name] for row in own]) for name in ("psnr", "ssim"))
        replaced = 100 * np.mean([row["replaced"] for row in own])
        lines.append([way, interval(psnr, 2), interval(ssim, 3), f"{replaced:.1f}"])
    return f"**After inpainting, over the whole image**\n\n{markdown(lines)}"


def _ordered(values: Iterable[Value]) -> list[Value]:
    return list(dict.fromkeys(values))
