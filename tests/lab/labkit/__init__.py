"""The lab: whole cluster nodes, booted in systemd-nspawn, for tests, demo and bench.

lab = Lab("mine", "bookworm")
lab.up()
lab.node("mn1").run(["crm_mon", "-1"]).stdout
lab.crash("mn1")
lab.down()
"""

from labkit.host import CannotRun, CommandFailed, LabError
from labkit.lab import Lab
from labkit.node import DOMAIN, Node, wait_for

__all__ = ["DOMAIN", "CannotRun", "CommandFailed", "Lab", "LabError", "Node", "wait_for"]
