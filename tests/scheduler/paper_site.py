"""The site file of the clusters on paper."""

SITE = """\
[cluster]
nodes = mn1=10.11.0.11 mn2=10.11.0.12
failover = {failover}
[identity]
addresses = 10.11.0.10/24@eth0 fd11::10/64@eth0
[database]
engine = {engine}
{keys}
[files]
enabled = {files}
[fencing]
devices = {devices}
"""
#: What section [database] needs beyond the engine.
ENGINES = {"postgresql": "pgdata = /var/lib/postgresql/15/main", "db2": "instance = xcatdb"}
