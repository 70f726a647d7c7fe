"""docs/attributes.md: the node attributes, and why a database may or may not be promoted."""

from __future__ import annotations

from xcat_hamn.cluster.vocabulary import VOCABULARY
from xcat_hamn.database.db2 import decision as db2
from xcat_hamn.database.postgresql.decision import TABLE


def attributes_page() -> str:
    """Return the page, written from the vocabulary and the decision table."""
    lines = [
        "# Node attributes",
        "",
        "What `crm_mon -A` shows. This page is generated from `cluster/vocabulary.py`, "
        "`database/postgresql/decision.py` and `database/db2/decision.py`. All are transient: they "
        "go when the node leaves.",
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
    return "\n".join([*lines, *_db2()]) + "\n"


def _db2() -> list[str]:
    lines = [
        "",
        "## When may Db2 be promoted?",
        "",
        "The first row that applies decides. The command is the one that `promote` gives; where "
        "*proof* is said, only once the cluster has proof that the other node is down. Before that "
        "proof, the score lets the operator's move be asked for.",
        "",
        "| case | why | command | xcat-db | score | xcat-db-limit |",
        "|---|---|---|---|---|---|",
    ]
    for row in db2.TABLE:
        limit = row.limit.format(
            peer="*peer*",
            node="*node*",
            divergence="*how the two logs have parted*",
            role="*role*",
            state="*state*",
            end="*time*",
        )
        how = f"{row.how}, *proof*" if row.forced else row.how
        lines.append(f"| {row.name} | {row.why} | {how} | `{row.word}` | {row.score} | {limit} |")
    return lines
