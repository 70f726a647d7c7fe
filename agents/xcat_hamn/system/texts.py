"""Small text files of a node, read and written by commands: the same here and over ssh."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from xcat_hamn.system.runner import Runner

_ABSENT = ("No such file or directory", "Not a directory")


class Texts:
    """The text files of the node to which ``runner`` is the door."""

    __slots__ = ("_runner",)

    def __init__(self, runner: Runner) -> None:
        self._runner = runner

    def read(self, path: str) -> str | None:
        """Return the text at ``path``, None when there is no such file.  Raises CommandFailed."""
        said = self._runner.run(["cat", "--", path])
        if not said.ok and said.stderr.strip().endswith(_ABSENT):
            return None
        return said.require(f"{path} cannot be read").stdout

    def write(self, path: str, text: str, mode: str = "0600") -> None:
        """Put ``text`` at ``path`` in one step, so that it survives a power loss.

        Where ``path`` is a symbolic link, what it leads to is replaced.  Raises CommandFailed.
        """
        why = f"{path} cannot be written"
        run = self._runner.run
        real = run(["readlink", "-m", "--", path]).require(why).stdout.rstrip("\n")
        new = f"{real}.xcat-hamn-new"
        argv = ["dd", f"of={new}", "conv=fsync", "status=none"]
        if not run(argv, input=text).ok:
            self.folders([os.path.dirname(real)])
            run(argv, input=text).require(why)
        run(["chmod", mode, "--", new]).require(why)
        run(["mv", "-fT", "--", new, real]).require(why)

    def folders(self, paths: Sequence[str], mode: str = "0700") -> None:
        """Make the directories ``paths``, with this mode also where they exist already."""
        argv = ["install", "-d", "-m", mode, "--", *paths]
        self._runner.run(argv).require(f"the directory {paths[0]} cannot be made")

    def modes(self, paths: Sequence[str]) -> dict[str, str]:
        """Return the octal mode of each of ``paths`` that exists."""
        said = self._runner.run(["stat", "-L", "-c", "%a %n", "--", *paths])
        lines = (line.partition(" ") for line in said.stdout.splitlines())
        return {name: mode for mode, _, name in lines}
