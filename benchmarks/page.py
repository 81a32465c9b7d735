"""The Markdown table of every measure, and its place in the committed page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from texcnn.bench.rounds import Row, significant

START, END = "<!-- measured: start -->", "<!-- measured: end -->"


def markdown(sections: Mapping[str, Sequence[Row]]) -> str:
    """Lays out the rows of every section as one table."""
    lines = ["| measure | what | median | unit | wanted | reached |", "|---|---|---:|---|---|---|"]
    for section, rows in sections.items():
        for row in rows:
            value = "not measured" if row.value is None else significant(row.value)
            wanted = "" if row.goal is None else str(row.goal)
            reached = ""
            if row.goal is not None and row.value is not None:
                reached = "yes" if row.goal.reached(row.value) else "**no**"
            lines.append(f"| {section} | {row.what} | {value} | {row.unit} | {wanted} | {reached} |")
    return "\n".join(lines)


def replace_measured(text: str, measured: str) -> str:
    """Puts a new table between the two marks of a page.

    Raises:
        ValueError: if the page does not have each mark once, in order.
    """
    before, start, rest = text.partition(START)
    _, end, after = rest.partition(END)
    if not start or not end or START in rest or END in after:
        raise ValueError(f"the page needs the marks {START} and {END}, once each")
    return f"{before}{START}\n\n{measured}\n\n{END}{after}"
