"""Makes the stand-in importable, and gives each test one that serves on loopback."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

LAB = os.path.join(os.path.dirname(__file__), "..", "..", "lab")
sys.path.insert(0, os.path.abspath(LAB))

from xcat.install import install  # noqa: E402
from xcat.standin import credentials  # noqa: E402

RUN = """
import sys
sys.path.insert(0, sys.argv[1])
from xcat_standin.main import main
sys.exit(main(sys.argv[2], sys.argv[3:]))
"""


class Site:
    """A stand-in below a temporary root, with SQLite, on ephemeral loopback ports."""

    def __init__(self, root: str) -> None:
        self.root = root
        self.port, self.install_port = _free_ports()
        self.daemon: subprocess.Popen[str] | None = None

    def environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "XCAT_STANDIN_ROOT": self.root,
            "XCATHOST": f"127.0.0.1:{self.port}",
        }

    def argv(self, command: str, *words: str) -> list[str]:
        library = self.root + "/opt/xcat/lib/python"
        return ["/usr/bin/python3", "-c", RUN, library, command, *words]

    def run(self, command: str, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.argv(command, *words),
            env={**self.environment(), **more},
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )

    def path(self, name: str) -> str:
        return self.root + name

    def fill(self) -> None:
        done = self.run(
            "xcat-standin-initdb",
            *("--domain", "cluster.test", "--master", "127.0.0.1", "--network", "10.11.0.0/24"),
            *("--dynamic-range", "10.11.0.200-10.11.0.250"),
            *("--xcatdport", str(self.port), "--xcatiport", str(self.install_port)),
        )
        assert done.returncode == 0, done.stderr

    def start(self) -> None:
        done = self.run("xcatd", "-p", "/run/xcatd.pid")
        assert done.returncode == 0, done.stderr

    def pid(self) -> int:
        try:
            with open(self.path("/run/xcatd.pid"), encoding="ascii") as stream:
                return int(stream.read())
        except FileNotFoundError:
            return 0

    def stop(self) -> None:
        if not self.pid():
            return
        # the daemon is no child of ours (it forked), so it is watched by a process descriptor
        try:
            watched = os.pidfd_open(self.pid())
        except ProcessLookupError:
            return
        import select
        import signal

        signal.pidfd_send_signal(watched, signal.SIGTERM)
        assert select.select([watched], [], [], 10)[0], "xcatd did not end"
        os.close(watched)


def _free_ports() -> tuple[int, int]:
    one, two = (socket.create_server(("127.0.0.1", 0)) for _ in range(2))
    with one, two:
        return one.getsockname()[1], two.getsockname()[1]


@pytest.fixture(scope="session")
def certificates() -> list[credentials.File]:
    return credentials.create("xcat")


@pytest.fixture
def site(
    tmp_path_factory: pytest.TempPathFactory, certificates: list[credentials.File]
) -> Iterator[Site]:
    """An installed and filled stand-in; xcatd is not started."""
    made = Site(str(tmp_path_factory.mktemp("xcat")))
    os.makedirs(made.path("/run"))
    install(made.root)
    install(made.root, certificates)
    made.fill()
    yield made
    made.stop()


@pytest.fixture
def serving(site: Site) -> Site:
    site.start()
    return site
