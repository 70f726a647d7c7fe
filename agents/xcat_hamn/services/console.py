"""Consoles: conserver, with the consoles that makeconservercf writes."""

from __future__ import annotations

import os

from xcat_hamn.errors import CommandFailed, HamnError, MissingTool
from xcat_hamn.services.patience import until_right
from xcat_hamn.services.service import HEALTHY, STOPPED, Service, State
from xcat_hamn.services.units import installed
from xcat_hamn.system.files import read_text, write_text

CONFIGURATION = "/etc/conserver.cf"
#: As xCAT's rcons sets it up for root, with xCAT's port (Debian's client asks at 3109 else).
CLIENT = """config * {
  port 782;
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

    def _consoles(self) -> set[str]:
        return consoles_in(read_text(CONFIGURATION) or "")

    def _is_idle(self) -> bool:
        """Tell whether this instance was started here and had no console to serve."""
        return "idle" in self.ports.facts(self.name)

    def start(self) -> None:
        """Start conserver, unless no node has a console: then it would end at once."""
        if self._consoles():
            self.ports.forget(self.name)
            super().start()
            return
        self.ports.remember(self.name, {"idle": "yes"})
        self.ports.log.info("console: no node has a console, so conserver is not started")

    def state(self, *, deep: bool) -> State:
        """Return the state; without a console to serve, started means that we said so."""
        found = super().state(deep=deep)
        return State(HEALTHY) if found.word == STOPPED and self._is_idle() else found

    def prove(self) -> None:
        """Get the list of consoles, and compare it with the configuration."""
        if not self._is_idle():
            until_right(self.ports.deadline, self._prove)

    def _prove(self) -> None:
        missing = sorted(self._consoles() - self._listed())
        if missing:
            raise HamnError(
                f"conserver does not list console {missing[0]} ({len(missing)} in all) of "
                f"{CONFIGURATION}: see conserver's log"
            )

    def _listed(self) -> set[str]:
        """Return the consoles that conserver serves.  Raises CommandFailed."""
        client = f"{self.ports.directory}/console.cf"
        write_text(client, CLIENT)
        server = self.ports.address or "127.0.0.1"
        argv = ["console", "-C", client, "-M", server, "-l", "root", "-x"]
        result = self.ports.runner.run(argv, timeout=20)
        # Its exit code is 0 even when it could not connect (tried with conserver 8.2.7).
        if not result.ok or (result.stderr.strip() and not result.stdout.strip()):
            raise CommandFailed(
                f"console -M {server} -x ended with {result.returncode} ({result.last_line()}): "
                "see conserver's log"
            )
        return {line.split()[0] for line in result.stdout.splitlines() if line.strip()}

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
