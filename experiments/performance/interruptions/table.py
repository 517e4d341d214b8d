"""What came of the campaign, as a table."""

from collections import Counter
from collections.abc import Sequence

from experiments.performance.interruptions.cases import Finding
from experiments.performance.table import Cell, Table


def table_of(findings: Sequence[Finding]) -> Table:
    """A row for each kind of interruption; the faults, and what was not run, below."""
    rows: list[dict[str, Cell]] = []
    for group in dict.fromkeys(finding.group for finding in findings):
        these = [finding for finding in findings if finding.group == group and not finding.skipped]
        parts = Counter(part for finding in these for part in finding.interrupted)
        rows.append(
            {
                "what": group,
                "runs": len(these),
                "interruptions": parts.total() - parts["ended before"],
                "where": ", ".join(f"{count} {part}" if count > 1 else part for part, count in parts.items()) or "–",
                "failed": sum(bool(finding.faults) for finding in these),
                "s": sum(finding.seconds for finding in these),
            }
        )
    faults = [f"Failed: {finding.name}: {fault}." for finding in findings for fault in finding.faults]
    skipped = [f"Not run: {finding.name}: {finding.skipped}." for finding in findings if finding.skipped]
    return Table("interrupted runs, each resumed to its end", rows, (*faults, *skipped))
