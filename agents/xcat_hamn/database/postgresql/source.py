"""What a new primary does so that pg_rewind can bring the old one back.

pg_rewind reads through four functions that are the superuser's until granted (manual of pg_rewind,
PostgreSQL 13 to 17), and needs the control file to name the new timeline, which it does from the
first checkpoint on.  The functions show the data directory only, all of which a replication user
may copy anyway.
"""

from __future__ import annotations

from xcat_hamn.errors import CommandFailed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from xcat_hamn.database.postgresql.client import Client
    from xcat_hamn.ocf.log import Log

FUNCTIONS = (
    "pg_ls_dir(text, boolean, boolean)",
    "pg_stat_file(text, boolean)",
    "pg_read_binary_file(text)",
    "pg_read_binary_file(text, bigint, bigint, boolean)",
)
_STATE = """
SELECT (SELECT timeline_id FROM pg_control_checkpoint()),
       (SELECT bool_and(has_function_privilege(r.oid, f, 'EXECUTE'))
          FROM unnest(%s::text[]) f, pg_roles r WHERE r.rolname = %s),
       quote_ident(%s)
"""


def make_ready(client: Client, user: str, timeline: int, log: Log) -> None:
    """Let ``user`` rewind another server to this primary, which is on ``timeline``.

    Costs one question when nothing is left to do.  A failure is logged: it is no reason for a
    primary not to work.
    """
    try:
        checkpointed, granted, quoted = client.ask(_STATE, (list(FUNCTIONS), user, user))[0]
        if granted is False:
            functions = ", ".join(f"pg_catalog.{function}" for function in FUNCTIONS)
            client.ask(f"GRANT EXECUTE ON FUNCTION {functions} TO {quoted}")
            log.info(f"{user} may rewind the other node's database to this one now")
        if checkpointed == timeline:
            return
        # The request stays when the wait for it is given up; a monitor does not wait for it.
        client.ask("SET statement_timeout = '100ms'")
    except CommandFailed as problem:
        log.warning(f"the other node's database could not be rewound to this one: {problem}")
        return
    try:
        client.ask("CHECKPOINT")
    except CommandFailed:
        log.info("asked for the first checkpoint of the new timeline")
    finally:
        client.close()
