"""A staged installation: the agents as the package lays them out, below a directory of their own.

Tests run the real executables of heartbeat/; only the path of the Python package in them differs.
"""

from __future__ import annotations

import compileall
import os
import shutil
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
#: Where the package puts the Python modules; the executables name it.
INSTALLED = "/usr/share/xcat-hamn/python"


class Stage:
    """The agents below ``root``, readable by everyone (ocf-tester asks for metadata as nobody)."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.python = root / "python"
        self.provider = root / "ocf/resource.d/heartbeat"
        shutil.copytree(
            REPOSITORY / "agents/xcat_hamn",
            self.python / "xcat_hamn",
            ignore=shutil.ignore_patterns("__pycache__"),
        )
        compileall.compile_dir(self.python, quiet=1)
        self.provider.mkdir(parents=True)
        for source in (REPOSITORY / "heartbeat").iterdir():
            text = source.read_text(encoding="utf-8")
            assert INSTALLED in text, f"{source} does not import from {INSTALLED}"
            target = self.provider / source.name
            target.write_text(text.replace(INSTALLED, str(self.python)), encoding="utf-8")
            target.chmod(0o755)
        (root / "bin").mkdir()
        resident = root / "bin/xcat-filesyncd"
        text = (REPOSITORY / "bin/xcat-filesyncd").read_text(encoding="utf-8")
        resident.write_text(text.replace(INSTALLED, str(self.python)), encoding="utf-8")
        resident.chmod(0o755)
        for path in (root, *root.rglob("*")):
            path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)

    def agent(self, name: str) -> str:
        """Return the path of agent ``name``."""
        return str(self.provider / name)

    def tool(self, *words: str) -> list[str]:
        """Return the command line of xcat-hamn with ``words``."""
        start = (
            f"import sys; sys.path.insert(0, {str(self.python)!r})\n"
            "from xcat_hamn.cli.main import main; sys.exit(main(sys.argv[1:]))"
        )
        return ["/usr/bin/python3", "-I", "-c", start, *words]
