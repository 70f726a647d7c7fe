"""docs/attributes.md: the node attributes, and why a database may or may not be promoted."""

from __future__ import annotations

from xcat_hamn.cluster.vocabulary import VOCABULARY
from xcat_hamn.database.postgresql.decision import TABLE


def attributes_page() -> str:
    """Return the page, written from the vocabulary and the decision table."""
    lines = [
        "# Node attributes",
        "",
        "What `crm_mon -A` shows. This page is generated from `cluster/vocabulary.py` and "
        "`database/postgresql/decision.py`. All are transient: they go when the node leaves.",
        "",
    ]
    for name, (writer, meaning, words) in VOCABULARY.items():
        lines += [f"## {name}", "", f"{meaning} Written by {writer}.", ""]
        if words:
            lines += ["| value | meaning |", "|---|---|"]
            lines += [f"| `{word}` | {text} |" for word, text in words.items()]
            lines.append("")
    lines += [
        "## When may PostgreSQL be promoted?",
        "",
        "The first row that applies decides. `-INFINITY` is the gate: `pcs resource move` then "
        "refuses, and the active node is not touched.",
        "",
        "| case | why | xcat-db | score | xcat-db-limit |",
        "|---|---|---|---|---|",
    ]
    for row in TABLE:
        limit = (
            row.limit.format(
                peer="*peer*", node="*node*", divergence="*how the two logs have parted*"
            )
            or ""
        )
        lines.append(f"| {row.name} | {row.why} | `{row.word}` | {row.score} | {limit} |")
    return "\n".join(lines) + "\n"
