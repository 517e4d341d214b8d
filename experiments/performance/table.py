"""Tables of results, printed as Markdown for PERFORMANCE.md."""

import dataclasses
from typing import Any

Cell = str | int | float | None


@dataclasses.dataclass(frozen=True)
class Table:
    """Results under one title.

    Attributes:
        title: what was measured, on what.
        rows: one dictionary a row, all with the same keys, the headings of the columns. None is printed as a dash.
        notes: sentences below the table, such as what was skipped and why.
    """

    title: str
    rows: list[dict[str, Cell]]
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        """The table in Markdown, with numbers to three digits."""
        lines = [f"**{self.title}**", ""]
        if self.rows:
            texts = [list(self.rows[0]), *([_text(cell) for cell in row.values()] for row in self.rows)]
            columns = []
            for cell, *column in zip(self.rows[0].values(), *texts, strict=True):
                width = max(map(len, column))
                words = isinstance(cell, str)  # aligned left, numbers right
                column.insert(1, "-" * width if words else "-" * (width - 1) + ":")
                columns.append([text.ljust(width) if words else text.rjust(width) for text in column])
            lines += [*(f"| {' | '.join(line)} |" for line in zip(*columns, strict=True)), ""]
        return "\n".join([*lines, *(f"{note}\n" for note in self.notes)])

    def to_json(self) -> dict[str, Any]:
        """The table as JSON values, with numbers in full precision."""
        return dataclasses.asdict(self)


def _text(cell: Cell) -> str:
    if cell is None:
        return "–"
    if isinstance(cell, float):
        return f"{cell:.2f}" if abs(cell) < 10 else f"{cell:.1f}" if abs(cell) < 100 else f"{cell:,.0f}"
    return f"{cell:,}" if isinstance(cell, int) else cell
