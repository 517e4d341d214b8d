"""Scores as text: Markdown tables, headings of columns, means with their intervals."""

from collections.abc import Sequence

from pconv_jax.evaluation.scoring import REGIONS
from pconv_jax.evaluation.statistics import Mean

REGION_PREFIXES = tuple(f"{region}_" for region in REGIONS)
_UNITS = {"psnr": "PSNR (dB)", "l1": "L1", "ssim": "SSIM", "jaccard": "Jaccard", "jaccard_product": "Jaccard (product)"}
_DECIMALS = {"psnr": 2, "sharpness": 2}


def heading(column: str) -> str:
    """The name of a column of scores as the heading of a table."""
    metric = _metric_of(column)
    return column if metric is None else _UNITS.get(metric, metric)


def markdown(lines: Sequence[Sequence[str]], *, text: int = 1) -> str:
    """A Markdown table, aligned for the terminal.

    Args:
        lines: the cells of each line, the heading first.
        text: number of leading columns that are text; the others are aligned to the right.

    Returns:
        The table, without a newline at its end.
    """
    widths = [max(2, *map(len, column)) for column in zip(*lines, strict=True)]  # a rule is at least "-:"

    def padded(line: Sequence[str]) -> str:
        cells = (
            cell.ljust(width) if i < text else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        return f"| {' | '.join(cells)} |"

    rule = ["-" * width if i < text else "-" * (width - 1) + ":" for i, width in enumerate(widths)]
    return "\n".join(map(padded, [lines[0], rule, *lines[1:]]))


def interval(mean: Mean, decimals: int) -> str:
    """A mean in words: `21.30 [20.9, 21.7]`, or `-` where there is none."""
    if mean.mean is None:
        return "-"
    ends = "" if mean.low is None or mean.high is None else f" [{mean.low:.{decimals}f}, {mean.high:.{decimals}f}]"
    return f"{mean.mean:.{decimals}f}{ends}"


def score_cell(column: str, mean: Mean) -> str:
    """A mean of a column of scores, with as many decimals as its metric deserves."""
    return interval(mean, decimals_of(column))


def decimals_of(column: str) -> int:
    """As many decimals as the metric of a column of scores deserves."""
    return _DECIMALS.get(_metric_of(column) or "", 4)


def _metric_of(column: str) -> str | None:
    """The metric of a column such as `raw_whole_psnr`; None where the column has no region."""
    prefix = next((prefix for prefix in REGION_PREFIXES if column.startswith(prefix)), None)
    return None if prefix is None else column.removeprefix(prefix)
