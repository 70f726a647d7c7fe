"""A cluster that is only a description, answering as Pacemaker's tools and pcs do."""

from __future__ import annotations

from xml.sax.saxutils import quoteattr

from xcat_hamn.system.runner import Result

GROUP_MEMBERS = ("xcat-mnidentity", "xcat-xcatd")
GATED = "-INFINITY"


class StandInCluster:
    """Two nodes: mn1 with the role, mn2 its ready standby, until a test says otherwise.

    ``then`` holds, for the words of a pcs command, what it does and its exit code; ``looks`` is
    called with the number of each look at the status, for what happens meanwhile.
    """

    def __init__(self):
        self.nodes = {"mn1": "online", "mn2": "online"}
        self.attributes = {
            "mn1": {"xcat-db": "primary", "master-xcat-db": "1000"},
            "mn2": {"xcat-db": "standby", "master-xcat-db": "900"},
        }
        self.private = {}
        self.options = "maintenance-mode='false'"
        self.quorum = "true"
        self.group_flags = "managed='true' disabled='false'"
        self.group_role = "Started"
        self.group_node = "mn1"
        self.primary = ("Promoted", "mn1")
        self.source = ""
        self.fencing = []
        self.failures = []
        self.constraints = {}
        self.has_group = True
        self.engine = "xcat-pgsql"
        self.commands = []
        self.then = {
            "move": self.moves,
            "move-with-constraint": self.moves,
            "clear": self.clears,
        }
        self.looks = []
        self.looked = 0
        self.working = True
        self.local = "mn2"
        self.checks = 0

    # -- what tests say ------------------------------------------------------------------------

    def lose(self, node, *, unclean=False):
        """Let a node be gone, and what it showed with it; a clean loss takes its resources too."""
        self.nodes[node] = "unclean" if unclean else "offline"
        self.attributes[node] = {}
        for other in set(self.nodes) - {node}:
            self.private["xcat-db-end", other] = "3 50331648 1760000000 0"
        if not unclean:
            self.group_role, self.group_node, self.primary = "Stopped", "", ("Stopped", "")

    def gate(self, node, limit="the last commits of mn1 have not arrived here", end="3 50331648"):
        """Let the database of a node be a standby that must not be promoted."""
        shown = {"xcat-db": "disconnected", "master-xcat-db": GATED, "xcat-db-limit": limit}
        self.attributes[node] = shown
        self.private["xcat-db-end", node] = f"{end} 1760000000 1759999990" if end else ""

    def accept_consent(self, node):
        """Let the agent of a node act on a consent that is right, from the next look on."""

        def look(number):
            end = self.private.get(("xcat-db-end", node), "").split()
            if self.private.get(("xcat-db-consent", node), "").split() == end[:2] != []:
                self.attributes[node]["master-xcat-db"] = "900"

        self.looks.append(look)

    # -- what pcs does ---------------------------------------------------------------------------

    def moves(self, words):
        verb, resource, node = words[2:5]
        score = self.attributes[node]["master-xcat-db"]
        if (verb == "move" and not self.group_node) or score == GATED:
            return 1
        self.constraints[resource] = node
        self.group_role, self.group_node, self.primary = "Started", node, ("Promoted", node)
        self.attributes[node].pop("xcat-db-limit", None)
        self.attributes[node].update({"xcat-db": "primary-alone", "master-xcat-db": "1000"})
        if verb == "move":
            self.constraints = {}
        return 0

    def clears(self, words):
        self.constraints.pop(words[3], None)
        return 0

    # -- what is asked -----------------------------------------------------------------------------

    def run(self, argv, *, timeout=0, env=None, input="", limit=0):  # noqa: A002
        if not self.working:
            return Result(argv, 102, "", "Not connected", 0.0)
        if argv[0] == "crm_mon":
            self.looked += 1
            for look in self.looks:
                look(self.looked)
            return Result(argv, 0, self.status(), "", 0.0)
        if argv[0] == "cibadmin":
            return Result(argv, 0, self.cib(), "", 0.0)
        if argv[0] == "crm_node":
            return Result(argv, 0, f"{self.local}\n", "", 0.0)
        if argv[:2] == ["crm_resource", "--resource=xcat-db"]:
            self.checks += 1
            return Result(argv, 0, "", "", 0.0)
        assert argv[0] == "attrd_updater", f"nobody expected {argv}"
        return self._attrd(argv)

    def _attrd(self, argv):
        options = dict(word.lstrip("-").split("=", 1) for word in argv[1:] if "=" in word)
        key = (options["name"], options["node"])
        if "--query" in argv:
            if not self.private.get(key):
                return Result(argv, 78, "", "Could not query value: attribute does not exist", 0.0)
            shown = f'name="{key[0]}" host="{key[1]}" value="{self.private[key]}"\n'
            return Result(argv, 0, shown, "", 0.0)
        assert "--private" in argv
        self.commands.append(f"{key[0]} {key[1]} = {options.get('update', '')}")
        self.private[key] = options.get("update", "")
        return Result(argv, 0, "", "", 0.0)

    def start(self, argv, *, quiet=False):
        self.commands.append(" ".join(argv))
        outcome = self.then[argv[2]](argv)
        return outcome if isinstance(outcome, Command) else Command(outcome)

    def status(self):
        nodes = "".join(
            f'<node name="{name}" type="member" online="{str(state in _HERE).lower()}" '
            f'pending="{str(state == "pending").lower()}" standby="{str(state == "kept").lower()}" '
            f'maintenance="false" unclean="{str(state in ("unclean", "stuck")).lower()}"/>'
            for name, state in self.nodes.items()
        )
        attributes = "".join(
            f'<node name="{name}">'
            + "".join(
                f'<attribute name="{key}" value={quoteattr(value)}/>'
                for key, value in pairs.items()
            )
            + "</node>"
            for name, pairs in self.attributes.items()
        )
        group = "".join(
            self._resource(name, self.group_role, self.group_node) for name in GROUP_MEMBERS
        )
        database = self._resource("xcat-db", *self.primary)
        fencing = "".join(
            f'<fence_event action="off" target="{node}" status="pending"/>' for node in self.fencing
        )
        failures = "".join(
            f'<failure op_key="{key}" node="{node}" exitreason="{reason}"/>'
            for key, node, reason in self.failures
        )
        role = f'<group id="xcat-mn" {self.group_flags}>{group}</group>' if self.has_group else ""
        files = self._resource("xcat-files", "Promoted", self.source) if self.source else ""
        return (
            f'<pacemaker-result><summary><current_dc with_quorum="{self.quorum}"/>'
            f"<cluster_options {self.options}/></summary><nodes>{nodes}</nodes>"
            f'<resources><clone id="xcat-db-clone">{database}</clone>{role}'
            f'<clone id="xcat-files-clone">{files}</clone></resources>'
            f"<node_attributes>{attributes}</node_attributes>"
            f"<failures>{failures}</failures><fence_history>{fencing}</fence_history>"
            "</pacemaker-result>"
        )

    def _resource(self, name, role, node):
        where = f'<node name="{node}"/>' if node else ""
        return f'<resource id="{name}" role="{role}" managed="true">{where}</resource>'

    def cib(self):
        moves = "".join(
            f'<rsc_location id="cli-prefer-{resource}" rsc="{resource}" node="{node}"/>'
            for resource, node in self.constraints.items()
        )
        database = (
            f'<clone id="xcat-db-clone"><primitive id="xcat-db" type="{self.engine}"/></clone>'
        )
        return (
            f"<cib><configuration><resources>{database}</resources>"
            f"<constraints>{moves}</constraints></configuration></cib>"
        )


_HERE = ("online", "pending", "kept", "stuck")


class Command:
    """A command that has ended with ``code``; None: it runs until it is stopped."""

    def __init__(self, code):
        self.code = code
        self.stopped = False

    def ended(self):
        return self.code

    def stop(self):
        self.stopped = True
