"""Consoles: conserver, with the consoles that makeconservercf writes."""

from __future__ import annotations

import os

from xcat_hamn.errors import CommandFailed, HamnError, MissingTool
from xcat_hamn.services.service import Service
from xcat_hamn.services.units import installed
from xcat_hamn.system.files import read_text, write_text

CONFIGURATION = "/etc/conserver.cf"
#: As xCAT's rcons sets it up for root.
CLIENT = """config * {
  sslcredentials /root/.xcat/client-cred.pem;
  sslcacertificatefile /root/.xcat/ca.pem;
  sslenabled yes;
}
"""


def consoles_in(configuration: str) -> set[str]:
    """Return the names of the consoles that a conserver.cf declares."""
    lines = (line.split() for line in configuration.splitlines())
    return {words[1] for words in lines if len(words) >= 3 and words[0] == "console"}


class Console(Service):
    """conserver; goconserver is refused with a sentence, for both must never run together."""

    name = "console"
    tools = ("makeconservercf", "console")

    def unit(self) -> str:
        """Return conserver's unit.  Raises MissingTool."""
        if not self.units and installed(("goconserver",)):
            raise MissingTool(
                "this node has goconserver, which this version does not manage: install conserver, "
                'or take "console" out of parameter services'
            )
        return super().unit()

    def regenerate(self) -> None:
        """Write conserver.cf; conserver is restarted, but nobody looks whether it was."""
        self.ports.xcat.command("makeconservercf")

    def prove(self) -> None:
        """Get the list of consoles, and compare it with the configuration."""
        client = f"{self.ports.directory}/console.cf"
        write_text(client, CLIENT)
        server = self.ports.address or "127.0.0.1"
        argv = ["console", "-C", client, "-M", server, "-l", "root", "-x"]
        result = self.ports.runner.run(argv, timeout=20)
        if not result.ok:
            raise CommandFailed(
                f"console -M {server} -x ended with {result.returncode} ({result.last_line()}): "
                "see conserver's log"
            )
        listed = {line.split()[0] for line in result.stdout.splitlines() if line.strip()}
        missing = sorted(consoles_in(read_text(CONFIGURATION) or "") - listed)
        if missing:
            raise HamnError(
                f"conserver does not list console {missing[0]} ({len(missing)} in all) of "
                f"{CONFIGURATION}: see conserver's log"
            )

    def problems(self) -> list[Exception]:
        """Add the init script that makeconservercf calls whatever the distribution has."""
        found = super().problems()
        if not os.access("/etc/init.d/conserver", os.X_OK):
            found.append(
                MissingTool(
                    "/etc/init.d/conserver, which makeconservercf restarts conserver with, is not "
                    "there: install xCAT's conserver package"
                )
            )
        return found
