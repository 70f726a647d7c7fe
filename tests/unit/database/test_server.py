"""A server's last words."""

from __future__ import annotations

import pytest
from xcat_hamn.database.postgresql.server import last_words

STAMP = "2026-11-22 16:51:17.037 UTC [34] "


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([], "its log is empty"),
        ([STAMP + "LOG:  starting"], STAMP + "LOG:  starting"),
        (
            [STAMP + "FATAL:  first", STAMP + "LOG:  x", STAMP + "FATAL:  second", "LOG:  y"],
            "FATAL: second",
        ),
        (
            [STAMP + "FATAL:  too low", STAMP + "DETAIL:  20 is less than 100.", "LOG: z"],
            "FATAL: too low 20 is less than 100.",
        ),
        (
            [STAMP + "FATAL:  the cause", STAMP + "FATAL:  the database system is starting up"],
            "FATAL: the cause",
        ),
        ([STAMP + 'PANIC:  could not write "x"'], 'PANIC: could not write "x"'),
    ],
)
def test_last_words(lines, expected):
    assert last_words(lines) == expected
