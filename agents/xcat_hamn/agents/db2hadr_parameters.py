"""The parameters of ocf:heartbeat:xcat-db2hadr."""

from __future__ import annotations

from xcat_hamn.agents.checks import identifier, nodes_problem
from xcat_hamn.ocf.declaration import BOOLEAN, STRING, Parameter

PARAMETERS = (
    Parameter(
        "instance",
        STRING,
        "Db2 instance",
        "The Db2 instance, the same on every node. Its owner is the operating system user of the "
        "same name, as whom every command of Db2 is run; sqllib is in that user's home.",
        required=True,
        unique_group="database",
        check=identifier("instance"),
    ),
    Parameter(
        "database",
        STRING,
        "database",
        "The HADR database of the instance.",
        default="xcatdb",
        unique_group="database",
        check=identifier("database"),
    ),
    Parameter(
        "nodes",
        STRING,
        "address of every node",
        "Cluster node names with the addresses that HADR uses, as NODE=ADDRESS separated by "
        "spaces. These are the nodes' own addresses, never a service address.",
        required=True,
        check=nodes_problem,
    ),
    Parameter(
        "manage_instance",
        BOOLEAN,
        "start and stop the instance too",
        "Whether the start runs db2start when the instance is down, and the stop ends the instance "
        "(db2stop) behind the database. Without it only the database is activated and deactivated, "
        "and somebody else sees to it that the instance runs. At a demotion that clients hold up, "
        "and at a stop, all applications of the instance are forced off.",
        default="true",
    ),
    Parameter(
        "report_degraded",
        BOOLEAN,
        "report a primary without standby as degraded",
        "Whether the monitor of a primary that is not in PEER with its standby returns 191 "
        "(promoted, degraded). crm_mon keeps showing that until a cleanup, so it is off by "
        "default; node attribute xcat-db says it in any case.",
        default="false",
        reloadable=True,
    ),
)
